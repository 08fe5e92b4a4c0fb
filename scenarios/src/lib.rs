//! Composition root: clusters of simulated nodes, their consumers, faults, checkers and reports.
//!
//! Reading order: [`spec`] (the scenario file), [`options`] (what is not part of it), [`report`] (what a run found out).

pub mod options;
pub mod report;
pub mod spec;

pub use options::{Milestone, Progress, RunOptions};
pub use report::RunReport;
pub use spec::Scenario;
