//! Composition root: clusters of simulated nodes, their consumers, faults, checkers and reports.
//!
//! Reading order: [`spec`] (the scenario file), [`options`] (what is not part of it), [`cluster`] (a cluster as a
//! value, for tests in Rust), `fabrics`, `switches`, `adapter` (what connects nodes, what switches and adapters do),
//! `advice` (warnings), `standstill` (deadlocks), `paths` (ways through it), `node` and `world` (what runs),
//! `consumers` (programs over NDK), `study` (fabric studies: full NICs, light consumers), [`real`] (the same consumers
//! on real devices), [`gateway`] (a simulated NIC on a real Ethernet), [`calibrate`] (published experiments on the
//! model), [`report`] (what a run found out), [`record`] (what happened in it, event by event), [`run`] (all of it
//! together), [`plan`] (what goes wrong, as a value), [`verify`](mod@verify) (the same for every number of threads),
//! [`repeat`](mod@repeat) (the same every time), [`sweep`] (many seeds and parameters).

mod adapter;
mod advice;
pub mod calibrate;
pub mod cluster;
pub mod conformance;
mod consumers;
mod fabrics;
pub mod gateway;
mod node;
pub mod options;
mod paths;
pub mod plan;
pub mod real;
pub mod record;
pub mod repeat;
pub mod report;
mod runner;
pub mod spec;
mod standstill;
mod study;
pub mod sweep;
mod switches;
pub mod verify;
mod world;

pub use cluster::{Cluster, ClusterError, ClusterError as RunError};
pub use fabrics::topology_svg;
pub use options::{Backend, Milestone, Progress, RunOptions, Threads};
pub use plan::Plan;
pub use report::RunReport;
pub use runner::{Checked, check, run};
pub use spec::Scenario;
pub use verify::verify;
