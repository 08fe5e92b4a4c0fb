//! Engines that work WQEs off: a queue pair always has the same one, and waits until it is free.

use des::{Dur, Time};

/// Engines of one kind. Without an interval nobody waits.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    interval: Dur,
    free: Vec<Time>,
}

impl Engines {
    pub(crate) fn new(count: u32, interval: Dur) -> Self {
        Self {
            interval,
            free: if interval == Dur::ZERO { Vec::new() } else { vec![Time::ZERO; count.max(1) as usize] },
        }
    }

    /// When the engine of a queue pair is free.
    pub(crate) fn free(&self, qpn: u32) -> Time {
        if self.free.is_empty() { Time::ZERO } else { self.free[qpn as usize % self.free.len()] }
    }

    /// The engine of a queue pair begins a WQE at `at`, when it must be free.
    pub(crate) fn book(&mut self, at: Time, qpn: u32) {
        if !self.free.is_empty() {
            let engine = qpn as usize % self.free.len();
            self.free[engine] = at + self.interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_pairs_of_one_engine_wait_for_each_other() {
        let mut engines = Engines::new(2, Dur::from_ps(10));
        engines.book(Time::from_ps(5), 4);
        let free = [4, 5, 6].map(|qpn| engines.free(qpn).as_ps());
        assert_eq!(free, [15, 0, 15]);
        let mut none = Engines::new(2, Dur::ZERO);
        none.book(Time::from_ps(5), 4);
        assert_eq!(none.free(4), Time::ZERO);
    }
}
