//! Judges NDK providers and consumers: the conformance suite, and the broken ones that prove the checker.
//!
//! Reading order: [`entry`] (rows of the table of broken ones, and what a run shows), `bench` (two nodes that a case runs
//! on), [`suite`] (the cases), [`mutant`] (broken providers), [`consumer`] (broken consumers), [`ideal`] (an example of a bench), [`verdict`] (rules covered, mutants killed).
//!
//! Invariants:
//! * a case sees a provider through [`provider::consumer::Session`] alone, so it judges any provider behind one;
//! * tasks of the two nodes share no memory: what one knows of the other came over the wire;
//! * a broken provider or consumer differs from a healthy one by one small mechanism, and names the rule that must fire.

pub mod bench;
pub mod consumer;
pub mod entry;
pub mod ideal;
pub mod mutant;
pub mod suite;
pub mod verdict;

pub use bench::{Bench, Creation, Lab, LabError, Ran, Setup};
pub use entry::{Entry, Found};
pub use suite::{Case, Pair, Probe, Trouble};
