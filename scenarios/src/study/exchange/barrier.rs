//! A barrier that spins for a little while, then sleeps.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Where a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
pub(super) struct Barrier {
    parties: usize,
    arrived: CachePadded<AtomicUsize>,
    round: CachePadded<AtomicU64>,
    sleeping: Mutex<()>,
    wake: Condvar,
}

/// The round of a barrier that somebody has abandoned.
const ABANDONED: u64 = u64::MAX;

/// Looks at the round, each some hundred nanoseconds after the last, before a thread offers its processor to others.
const SPINS: u32 = 1 << 7;
/// Such offers before it goes to sleep, from which it is woken later than most layers differ in length.
const YIELDS: u32 = 1 << 9;

impl Barrier {
    pub(super) fn new(parties: usize) -> Self {
        Self {
            parties,
            arrived: CachePadded::new(AtomicUsize::new(0)),
            round: CachePadded::new(AtomicU64::new(0)),
            sleeping: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Waits for all others. What any of them did before is visible to all of them after.
    ///
    /// # Panics
    /// If one of them has panicked instead of coming.
    pub(super) fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if round != ABANDONED {
            self.wait_for(round);
        }
        assert!(self.round.load(Ordering::Acquire) != ABANDONED, "another part of the world has failed");
    }

    /// Nobody may wait any more: a thread panics.
    pub(super) fn abandon(&self) {
        self.turn(ABANDONED);
    }

    fn turn(&self, round: u64) {
        let guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        self.round.store(round, Ordering::Release);
        drop(guard);
        self.wake.notify_all();
    }

    fn wait_for(&self, round: u64) {
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.parties {
            self.arrived.store(0, Ordering::Relaxed);
            return self.turn(round + 1);
        }
        for look in 0..SPINS + YIELDS {
            if self.round.load(Ordering::Acquire) != round {
                return;
            }
            if look < SPINS {
                (0..16).for_each(|_| std::hint::spin_loop());
            } else {
                std::thread::yield_now();
            }
        }
        let mut guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        while self.round.load(Ordering::Acquire) == round {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_who_has_failed() {
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| barrier.wait());
            barrier.abandon();
            waiting.join().expect_err("it is told");
        });
    }

    #[test]
    fn nobody_is_a_round_ahead() {
        const THREADS: usize = 3;
        const ROUNDS: usize = 2_000;
        let (barrier, count) = (Barrier::new(THREADS), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        count.fetch_add(1, Ordering::Relaxed);
                        barrier.wait();
                        assert_eq!(count.load(Ordering::Relaxed), (round + 1) * THREADS);
                        barrier.wait();
                    }
                });
            }
        });
    }
}
