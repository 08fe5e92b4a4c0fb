//! Composition root: clusters of simulated nodes, their consumers, faults, checkers and reports.
//!
//! Reading order: [`spec`] (the scenario file), [`report`] (what a run found out).

pub mod report;
