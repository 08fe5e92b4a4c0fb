//! Discrete-event kernel of the simulator.
//!
//! Reading order: [`time`] (picoseconds), [`key`] (the total order), [`soonest`] (what comes first), [`queue`] (what happens next),
//! [`agenda`] (the same for one of many that run in windows), [`rng`] (named random streams from one seed), [`hash`] (the
//! fingerprint of a run).
//!
//! Invariants:
//! * events are ordered by [`Key`] alone, and no two events of a run share a key;
//! * nothing here reads a clock, a thread, the environment or a float;
//! * the same seed and label give the same random numbers on every machine.

pub mod agenda;
pub mod hash;
pub mod key;
pub mod queue;
pub mod rng;
pub mod soonest;
pub mod time;

pub use agenda::Agenda;
pub use hash::TraceHash;
pub use key::{Key, Phase, Sequencer, SourceId};
pub use queue::EventQueue;
pub use rng::{Ratio, Rng};
pub use soonest::Soonest;
pub use time::{Dur, Rate, Time};
