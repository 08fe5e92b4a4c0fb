//! How the parts of a world meet between the layers of a round.
//!
//! Reading order: [`Exchange`] (what a part needs of its transport), [`Alone`] (one part), [`threads`] (parts on threads
//! of one process), [`barrier`]. Ranks of a cluster of machines would be one more implementation: `docs/PARALLEL.md`.

mod barrier;
pub(super) mod threads;

use super::event::Parcel;
use des::Time;

/// The seat of a part where all parts meet.
pub(super) trait Exchange {
    /// Waits until all parts have ended their layer. Hands out what stands in `outboxes` (by part), takes in what others
    /// have for this part, in no order, and gives the least of what all parts call `soonest`.
    fn meet(&mut self, soonest: Time, outboxes: &mut [Vec<Parcel>], inbox: &mut Vec<Parcel>) -> Time;
}

/// The only part meets nobody.
#[derive(Debug)]
pub(super) struct Alone;

impl Exchange for Alone {
    fn meet(&mut self, soonest: Time, _: &mut [Vec<Parcel>], _: &mut Vec<Parcel>) -> Time {
        soonest
    }
}
