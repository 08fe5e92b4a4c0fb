//! Whether a run is the same for every number of threads.

use crate::cluster::ClusterError;
use crate::options::{RunOptions, Threads};
use crate::report::RunReport;
use crate::runner::run;
use crate::spec::Scenario;

/// A run with some number of threads, compared with the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// How many.
    pub threads: Threads,
    /// The fingerprint of the run.
    pub trace_hash: String,
    /// What is not as in the first run; `None` if the whole report is the same.
    pub difference: Option<Difference>,
}

/// The first thing in which two reports of a scenario differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Something happened at another time, or in another order.
    #[error("the trace hash")]
    TraceHash,
    /// A flow took another time.
    #[error("the completion time of flow {flow}")]
    Completion {
        /// Which.
        flow: usize,
    },
    /// Something else, such as a counter.
    #[error("the rest of the report")]
    Report,
}

/// Runs a scenario with each number of threads, and compares whole reports.
///
/// # Errors
/// As [`run`].
pub fn verify(
    scenario: &Scenario,
    options: &RunOptions,
    threads: impl IntoIterator<Item = Threads>,
) -> Result<Vec<Agreement>, ClusterError> {
    let mut first: Option<RunReport> = None;
    let mut agreements = Vec::new();
    for threads in threads {
        let report = run(scenario, &RunOptions { threads, ..options.clone() })?;
        let difference = first.as_ref().and_then(|first| difference(first, &report));
        agreements.push(Agreement { threads, trace_hash: report.trace_hash.clone(), difference });
        first.get_or_insert(report);
    }
    Ok(agreements)
}

fn difference(first: &RunReport, other: &RunReport) -> Option<Difference> {
    if first == other {
        return None;
    }
    let flows = |report: &RunReport| report.study.as_ref().map(|study| study.flows.clone()).unwrap_or_default();
    let late = flows(first).iter().zip(&flows(other)).position(|(left, right)| left != right);
    Some(match late {
        Some(flow) => Difference::Completion { flow },
        None if first.trace_hash != other.trace_hash => Difference::TraceHash,
        None => Difference::Report,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let report = RunReport { trace_hash: "1".to_owned(), ..RunReport::default() };
        let of = |change: fn(&mut RunReport)| {
            let mut other = report.clone();
            change(&mut other);
            difference(&report, &other)
        };
        assert_eq!(of(|_| ()), None);
        assert_eq!(of(|report| report.trace_hash.push('2')), Some(Difference::TraceHash));
        assert_eq!(of(|report| report.events += 1), Some(Difference::Report));
    }
}
