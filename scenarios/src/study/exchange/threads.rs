//! Parts on threads of one process: mailboxes, and a barrier.

use super::Exchange;
use super::barrier::Barrier;
use crate::study::event::Parcel;
use crossbeam_utils::CachePadded;
use des::Time;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where the parts of a process meet.
#[derive(Debug)]
pub(in crate::study) struct Hub {
    barrier: Barrier,
    /// By parity of the round: who is ahead by one writes into the other half.
    halves: [Half; 2],
}

#[derive(Debug)]
struct Half {
    /// By part.
    soonest: Vec<CachePadded<AtomicU64>>,
    /// From the sender, to the receiver: rows of receivers.
    mail: Vec<CachePadded<Mutex<Vec<Parcel>>>>,
}

/// A part's seat at a [`Hub`].
#[derive(Debug)]
pub(in crate::study) struct Seat<'a> {
    hub: &'a Hub,
    part: usize,
    round: usize,
}

impl Hub {
    pub(in crate::study) fn new(parts: usize) -> Self {
        let half = || Half {
            soonest: std::iter::repeat_with(CachePadded::default).take(parts).collect(),
            mail: std::iter::repeat_with(CachePadded::default).take(parts * parts).collect(),
        };
        Self { barrier: Barrier::new(parts), halves: [half(), half()] }
    }

    /// The seat of `part`. Each may be taken once.
    pub(in crate::study) const fn seat(&self, part: usize) -> Seat<'_> {
        Seat { hub: self, part, round: 0 }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.hub.barrier.abandon();
        }
    }
}

impl Exchange for Seat<'_> {
    fn meet(&mut self, soonest: Time, outboxes: &mut [Vec<Parcel>], inbox: &mut Vec<Parcel>) -> Time {
        let half = &self.hub.halves[self.round % 2];
        self.round += 1;
        let parts = half.soonest.len();
        let mail = |from: usize, to: usize| half.mail[from * parts + to].lock().unwrap_or_else(PoisonError::into_inner);
        half.soonest[self.part].store(soonest.as_ps(), Ordering::Release);
        for (to, outbox) in outboxes.iter_mut().enumerate().filter(|(_, outbox)| !outbox.is_empty()) {
            // The receiver has emptied it: both keep their capacity.
            std::mem::swap(outbox, &mut *mail(self.part, to));
        }
        self.hub.barrier.wait();
        (0..parts).for_each(|from| inbox.append(&mut mail(from, self.part)));
        let all = half.soonest.iter().map(|soonest| soonest.load(Ordering::Acquire));
        Time::from_ps(all.min().unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::event::Event;
    use des::{Phase, Sequencer, SourceId};

    #[test]
    fn parcels_reach_their_part_and_the_soonest_is_known_to_all() {
        const PARTS: usize = 3;
        let hub = Hub::new(PARTS);
        std::thread::scope(|scope| {
            for part in 0..PARTS {
                let mut seat = hub.seat(part);
                scope.spawn(move || {
                    let mut sequencer = Sequencer::new(SourceId(part as u32));
                    for round in 0..100 {
                        let mut outboxes: Vec<Vec<Parcel>> = (0..PARTS).map(|_| Vec::new()).collect();
                        let mut inbox = Vec::new();
                        let key = sequencer.key(Time::from_ps(round), Phase::Wire);
                        outboxes[(part + 1) % PARTS].push(Parcel { station: part as u32, key, event: Event::Mmio });
                        let own = Time::from_ps(round + 9 - part as u64);
                        let soonest = seat.meet(own, &mut outboxes, &mut inbox);
                        assert_eq!(soonest, Time::from_ps(round + 7));
                        let [parcel] = inbox.as_slice() else { panic!("{inbox:?}") };
                        let from = (part + PARTS - 1) % PARTS;
                        assert_eq!((parcel.station, parcel.key.time().as_ps()), (from as u32, round));
                    }
                });
            }
        });
    }
}
