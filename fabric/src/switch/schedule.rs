//! Which queue of a port goes next.

use crate::PRIORITIES;
use crate::switch::config::Scheduling;

/// The memory of a port's scheduler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduler {
    scheduling: Scheduling,
    /// Bytes that each round robin queue may still send in its turn.
    deficit: [u64; PRIORITIES],
    /// Whose turn it is.
    turn: usize,
}

impl Scheduler {
    pub(crate) const fn new(scheduling: Scheduling) -> Self {
        Self { scheduling, deficit: [0; PRIORITIES], turn: 0 }
    }

    /// Chooses among `ready` (one bit a priority, not zero), whose first frames have the lengths `head_bytes` tells.
    pub(crate) fn next(&mut self, ready: u8, head_bytes: impl Fn(usize) -> u64) -> usize {
        assert!(ready != 0, "a scheduler is asked only if a queue is ready");
        match self.scheduling {
            Scheduling::Strict => highest(ready),
            Scheduling::Dwrr { strict, .. } if ready & strict != 0 => highest(ready & strict),
            Scheduling::Dwrr { quanta_bytes, .. } => self.next_in_round(ready, &quanta_bytes, head_bytes),
        }
    }

    /// A queue goes on while its deficit lasts; a queue whose turn comes gets its quantum.
    fn next_in_round(
        &mut self,
        ready: u8,
        quanta_bytes: &[u32; PRIORITIES],
        head_bytes: impl Fn(usize) -> u64,
    ) -> usize {
        loop {
            for _ in 0..PRIORITIES {
                let turn = self.turn;
                if ready >> turn & 1 != 0
                    && let Some(left) = self.deficit[turn].checked_sub(head_bytes(turn))
                {
                    self.deficit[turn] = left;
                    return turn;
                }
                self.turn = (turn + 1) % PRIORITIES;
                if ready >> self.turn & 1 != 0 {
                    self.deficit[self.turn] += u64::from(quanta_bytes[self.turn]);
                }
            }
            self.skip_rounds(ready, quanta_bytes, &head_bytes);
        }
    }

    /// After a round in which all frames were too long: books all rounds but the last before one is sent.
    fn skip_rounds(&mut self, ready: u8, quanta_bytes: &[u32; PRIORITIES], head_bytes: &impl Fn(usize) -> u64) {
        let queues = || (0..PRIORITIES).filter(|priority| ready >> priority & 1 != 0);
        let rounds_needed = |priority: usize| {
            let missing = head_bytes(priority).saturating_sub(self.deficit[priority]);
            missing.div_ceil(quanta_bytes[priority].into())
        };
        let rounds = queues().map(rounds_needed).min().unwrap_or(0).saturating_sub(1);
        queues().for_each(|priority| self.deficit[priority] += rounds * u64::from(quanta_bytes[priority]));
    }

    /// A queue has run empty: what it did not use is lost.
    pub(crate) fn emptied(&mut self, priority: usize) {
        self.deficit[priority] = 0;
    }
}

const fn highest(ready: u8) -> usize {
    ready.ilog2() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames sent by each priority in `count` turns with queues that never end.
    fn sent(scheduling: Scheduling, ready: u8, bytes: [u64; PRIORITIES], count: usize) -> [u64; PRIORITIES] {
        let mut scheduler = Scheduler::new(scheduling);
        let mut sent = [0; PRIORITIES];
        for _ in 0..count {
            sent[scheduler.next(ready, |priority| bytes[priority])] += 1;
        }
        sent
    }

    #[test]
    fn strict_is_strict() {
        assert_eq!(sent(Scheduling::Strict, 0b0100_1001, [1; PRIORITIES], 5), [0, 0, 0, 0, 0, 0, 5, 0]);
        assert_eq!(sent(Scheduling::Strict, 0b0000_0001, [1; PRIORITIES], 5), [5, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn round_robin_shares_bytes_by_quantum() {
        let mut quanta_bytes = [1_000; PRIORITIES];
        quanta_bytes[3] = 3_000;
        let scheduling = Scheduling::Dwrr { strict: 0, quanta_bytes };
        assert_eq!(sent(scheduling, 0b1001, [1_000; PRIORITIES], 400), [100, 0, 0, 300, 0, 0, 0, 0]);
        // Frames of 250 bytes against frames of 1500: a quarter of the bytes is still a quarter.
        let mut bytes = [250; PRIORITIES];
        bytes[3] = 1_500;
        let shares = sent(scheduling, 0b1001, bytes, 6_000);
        assert_eq!(shares[0] * 250 * 3, shares[3] * 1_500, "{shares:?}");
    }

    #[test]
    fn frames_longer_than_a_quantum_wait_their_rounds() {
        let scheduling = Scheduling::Dwrr { strict: 0, quanta_bytes: [64; PRIORITIES] };
        let mut bytes = [64; PRIORITIES];
        bytes[1] = 65_536;
        assert_eq!(sent(scheduling, 0b11, bytes, 1_025 * 3), [3_072, 3, 0, 0, 0, 0, 0, 0]);
        // Alone, and as long as no cable allows: no matter of patience.
        assert_eq!(sent(scheduling, 0b10, [u64::from(u32::MAX); PRIORITIES], 5)[1], 5);
    }

    #[test]
    fn strict_priorities_go_before_the_round() {
        let scheduling = Scheduling::Dwrr { strict: 0b0100_0000, quanta_bytes: [1_000; PRIORITIES] };
        assert_eq!(sent(scheduling, 0b0100_0001, [100; PRIORITIES], 9)[6], 9);
        let others = sent(scheduling, 0b1000_0001, [100; PRIORITIES], 200);
        assert_eq!((others[0], others[7]), (100, 100), "a higher number does not help in the round");
    }

    #[test]
    fn an_empty_queue_saves_nothing() {
        let mut scheduler = Scheduler::new(Scheduling::Dwrr { strict: 0, quanta_bytes: [10_000; PRIORITIES] });
        assert_eq!(scheduler.next(0b10, |_| 100), 1);
        scheduler.emptied(1);
        assert_eq!(scheduler.deficit, [0; PRIORITIES]);
    }
}
