//! A pipeline stage: accepts one item an interval, and gives it back a latency later.

use super::Booked;
use des::{Dur, Time};

/// A pipeline stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    latency: Dur,
    interval: Dur,
    free: Time,
}

impl Stage {
    pub(crate) const fn new(latency: Dur, interval: Dur) -> Self {
        Self { latency, interval, free: Time::ZERO }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) const fn touch(&self) -> u64 {
        self.free.as_ps()
    }

    /// Sends an item in at `at` or when the stage is free; it comes out a latency later.
    #[inline]
    pub(crate) fn book(&mut self, at: Time) -> Booked {
        let start = at.max(self.free);
        self.free = start + self.interval;
        Booked { start, end: start + self.latency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_follow_each_other_at_the_interval() {
        let mut stage = Stage::new(Dur::from_ns(100), Dur::from_ns(10));
        let done: Vec<u64> = (0..3).map(|_| stage.book(Time::ZERO).end.as_ps() / 1000).collect();
        assert_eq!(done, [100, 110, 120]);
        assert_eq!(stage.book(Time::from_ps(1_000_000)).start, Time::from_ps(1_000_000), "idle stages keep nothing");
    }
}
