//! A line that carries bytes one after the other.

use super::Booked;
use des::{Dur, Rate, Time};

/// A serial line. Without a rate it takes no time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    rate: Option<Rate>,
    free: Time,
    /// The last length asked for and its time: transfers come in few lengths, and a division is slow.
    last: (u64, Dur),
}

impl Line {
    pub(crate) const fn new(rate: Option<Rate>) -> Self {
        Self { rate, free: Time::ZERO, last: (0, Dur::ZERO) }
    }

    /// How long `bytes` take.
    pub(crate) fn time_for(&self, bytes: u64) -> Dur {
        self.rate.map_or(Dur::ZERO, |rate| rate.time_for(bytes))
    }

    /// Carries `bytes` from `at` on, or when the line is free.
    pub(crate) fn book(&mut self, at: Time, bytes: u64) -> Booked {
        let start = at.max(self.free);
        if self.last.0 != bytes {
            self.last = (bytes, self.time_for(bytes));
        }
        self.free = start + self.last.1;
        Booked { start, end: self.free }
    }

    /// Takes `bytes` of its time for something that waits for nobody, because what is booked ahead leaves gaps.
    pub(crate) fn occupy(&mut self, at: Time, bytes: u64) {
        self.book(at, bytes);
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
