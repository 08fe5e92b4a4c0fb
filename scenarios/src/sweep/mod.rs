//! Sweeps: one scenario with many seeds and parameters, cut into independent cases.
//!
//! Reading order: [`case`](mod@case) (which cases there are, and whose they are), [`vary`] (parameters become
//! scenarios), [`pool`] (cases over processors), [`outcome`] (what became of a case), [`figures`] (of fabric studies),
//! [`summary`] (all of them together, and shards joined), [`junit`] (the same for CI systems).
//!
//! Invariants:
//! * a case's index says all about it: the same sweep gives the same cases in every shard and on every machine;
//! * cases know nothing of each other, so their number of threads and their order do not show in an outcome;
//! * a case that panics is a failure of that case alone.

pub mod case;
pub mod figures;
pub mod junit;
pub mod outcome;
pub mod pool;
pub mod summary;
pub mod vary;

pub use case::{Case, Seeds, Setting, Shard, Sweep, Values};
pub use figures::{Choice, StudyFigures};
pub use outcome::{Cause, Outcome};
pub use summary::{Group, MergeError, SweepReport};
