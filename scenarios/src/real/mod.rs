//! The same consumers on real devices.
//!
//! Reading order: [`node`] (a node is a thread: it waits for its device, and runs what follows), [`cluster`] (one node for
//! each device, run to the end and reported), [`lab`] (the conformance suite on two devices).
//!
//! Invariants:
//! * the layers above the backend are those of simulated nodes; only the backend, the clock and the memory differ;
//! * all consumer code of a node runs on the node's thread, with no lock held;
//! * every thread ends before the report is made.

pub mod cluster;
pub mod lab;
mod node;

pub use cluster::RealCluster;
pub use lab::RealLab;
