//! What happened in a run, event by event, with causes: what `explain`, `verify`, the timeline and the report's plots read.
//!
//! Reading order: [`event`] (a record), [`recorder`] (how a run writes them), [`chain`] (hashes of blocks of events, to find
//! where two runs part), [`moment`] (the state of a world as a hash), [`format`](mod@format) (records on disk), [`requests`](mod@requests) (from post to result),
//! [`slow`](mod@slow) (the way of one that took long), [`why`] (in sentences).
//!
//! Invariants:
//! * recording changes nothing: the same run has the same trace hash with it and without;
//! * a run that is not recorded pays one test an event for it;
//! * a record's number is its place in the run's order, and its cause has a lower one.

pub mod chain;
pub mod event;
pub mod format;
pub mod moment;
pub mod recorder;
pub mod requests;
pub mod slow;
pub mod why;

pub use chain::{Block, Chain, Divergence};
pub use event::{Kind, Record};
pub use moment::Moment;
pub(crate) use recorder::Recorder;
pub use recorder::{Recording, Window};
pub use requests::{Request, requests};
pub use slow::{Slow, Step, slow};

use des::Time;

/// What a run writes down besides its report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Records of this time; none if absent.
    pub record: Option<Window>,
    /// A hash for every so many events of a node; none if absent.
    pub block_events: Option<u64>,
    /// The state of the world before the first event later than this.
    pub moment: Option<Time>,
    /// Node 1 is not the same twice from here on: a planted flaw, for the test of those who look for it.
    pub unsteady: Option<Time>,
}

/// What a run wrote down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The records.
    pub recording: Option<Recording>,
    /// The hashes of blocks, one chain a node or switch.
    pub chains: Vec<Chain>,
    /// The state at the moment, if the run came so far.
    pub moment: Option<Moment>,
}
