//! A line that carries bytes one after the other.

use super::Booked;
use des::{Dur, Rate, Time};

/// A serial line. Without a rate it takes no time.
///
/// Transfers are not booked in the order in which they begin: what waits for a cache miss is booked ahead. The widest gap that
/// this leaves is remembered, and transfers that fit go there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    rate: Option<Rate>,
    free: Time,
    /// Beginning and end of the gap.
    gap: (Time, Time),
    /// The last length asked for and its time: transfers come in few lengths, and a division is slow.
    last: (u64, Dur),
}

impl Line {
    pub(crate) const fn new(rate: Option<Rate>) -> Self {
        Self { rate, free: Time::ZERO, gap: (Time::ZERO, Time::ZERO), last: (0, Dur::ZERO) }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) const fn touch(&self) -> u64 {
        self.free.as_ps() ^ self.gap.1.as_ps() ^ self.last.0
    }

    /// How long `bytes` take.
    pub(crate) fn time_for(&self, bytes: u64) -> Dur {
        self.rate.map_or(Dur::ZERO, |rate| rate.time_for(bytes))
    }

    /// Carries `bytes` from `at` on, or when the line is free.
    #[inline(always)]
    pub(crate) fn book(&mut self, at: Time, bytes: u64) -> Booked {
        if self.last.0 != bytes {
            self.last = (bytes, self.time_for(bytes));
        }
        let length = self.last.1;
        if at < self.gap.1 {
            let start = at.max(self.gap.0);
            let end = start + length;
            if end <= self.gap.1 {
                self.gap.0 = end;
                return Booked { start, end };
            }
        }
        let start = at.max(self.free);
        if start > self.free && start.since(self.free) > self.gap.1.since(self.gap.0.max(at)) {
            self.gap = (self.free, start);
        }
        self.free = start + length;
        Booked { start, end: self.free }
    }

    /// Takes `bytes` of its time for something that waits for nobody.
    pub(crate) fn occupy(&mut self, at: Time, bytes: u64) {
        self.book(at, bytes);
    }

    /// It is booked until then.
    pub(crate) const fn booked_until(&self) -> Time {
        self.free
    }

    /// For how long it is booked beyond `now`.
    pub(crate) fn backlog(&self, now: Time) -> Dur {
        self.free.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_do_not_overlap() {
        let mut line = Line::new(Some(Rate::from_gbps(8)));
        assert_eq!(line.book(Time::ZERO, 1000), Booked { start: Time::ZERO, end: Time::from_ps(1_000_000) });
        assert_eq!(line.book(Time::ZERO, 1).start, Time::from_ps(1_000_000));
        assert_eq!(line.backlog(Time::from_ps(500_000)), Dur::from_ps(501_000));
        assert_eq!(Line::new(None).book(Time::from_ps(7), 1 << 30).end, Time::from_ps(7));
    }
}
