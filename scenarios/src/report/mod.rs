//! What a run found out, as data, and how people and programs read it.
//!
//! Reading order: [`summary`] (the report itself), [`latency`] (integers in, percentiles out), [`verdict`] (what was
//! expected), [`study`] and [`picture`] (fabric studies), [`journal`] (what two backends are compared by), [`units`] and
//! [`table`] (numbers and columns for people), [`human`] (the printed summary), [`page`] (the same as HTML, with plots),
//! [`timeline`] (a recording for ui.perfetto.dev).
//!
//! Invariants:
//! * a report is a function of the scenario alone, but for `wall_s`, `cpu_s`, `peak_rss_bytes` and the paths, which the
//!   command line fills in;
//! * every number is an integer with its unit in its name; only `wall_s` and `cpu_s` are floats.

pub mod human;
pub mod journal;
pub mod latency;
pub mod page;
pub mod picture;
pub mod study;
pub mod summary;
pub mod table;
pub mod timeline;
pub mod units;
pub mod verdict;

#[cfg(test)]
mod sample;

pub use journal::Journal;
pub use latency::{Latency, LatencyRecorder};
pub use summary::{
    Capture, ConsumerStyle, Expectation, FaultRow, Finding, LinkReport, NodeReport, ObjectCounts, Replica, RunReport,
    Severity, Versions, WorkReport,
};
pub use table::Colour;
pub use verdict::{Verdict, judge, judge_study};
