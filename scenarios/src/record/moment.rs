//! The state of a world at a moment, as one hash.

use des::{Time, TraceHash};
use serde::{Deserialize, Serialize};

/// A moment of a run. Two runs whose moments are equal have had the same events, have the same events to come next, the same
/// device counters and the same objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Every event up to and with this time has happened, and none later.
    pub at_ps: u64,
    /// Events so far.
    pub events: u64,
    /// Events that are planned.
    pub pending: u64,
    /// Everything above, the trace hash of every node and switch, and what [`StateHash`] took in.
    pub hash: u64,
}

/// Takes in parts of a state.
#[derive(Debug)]
pub(crate) struct StateHash(pub TraceHash);

impl StateHash {
    /// Takes in numbers and how many there are.
    pub(crate) fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let count = numbers.into_iter().fold(0, |count, number| {
            self.0.mix(number);
            count + 1
        });
        self.0.mix(count);
    }

    /// The moment.
    pub(crate) fn moment(mut self, at: Time, events: u64, pending: u64) -> Moment {
        self.numbers([at.as_ps(), events, pending]);
        Moment { at_ps: at.as_ps(), events, pending, hash: self.0.value() }
    }
}
