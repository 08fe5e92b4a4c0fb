//! What became of a case.

use super::case::{Case, Setting};
use super::figures::StudyFigures;
use crate::cluster::ClusterError;
use crate::report::{RunReport, Severity, Verdict};
use crate::spec::{Scenario, ScenarioError};
use crate::{RunOptions, run};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A case that has run, or could not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its number in the sweep.
    pub index: u64,
    /// Its seed.
    pub seed: u64,
    /// What differs from the scenario's file, as `KEY=VALUE`.
    pub settings: Vec<String>,
    /// The exit status that `run` would have.
    pub status: u8,
    /// The run's fingerprint; empty if it did not run.
    pub trace_hash: String,
    /// Events processed.
    pub events: u64,
    /// Simulated time.
    pub simulated_ps: u64,
    /// Figures of a fabric study; none of another scenario, or if it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyFigures>,
    /// Why it failed; empty if it passed.
    pub causes: Vec<Cause>,
    /// The command that repeats it. Empty until the command line fills it in.
    pub command: String,
}

/// One reason of a failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// What failures are grouped by: the checker's rule, or the expectation.
    pub what: String,
    /// What was seen.
    pub seen: String,
}

impl Outcome {
    /// Whether it passed.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.status == 0
    }

    /// Runs a case of a scenario; the seed of the case has precedence.
    #[must_use]
    pub fn of(case: &Case, scenario: Result<Scenario, ScenarioError>, options: &RunOptions) -> Self {
        let mut outcome = Self {
            index: case.index,
            seed: case.seed,
            settings: case.settings.iter().map(Setting::to_string).collect(),
            status: 2,
            trace_hash: String::new(),
            events: 0,
            simulated_ps: 0,
            study: None,
            causes: Vec::new(),
            command: String::new(),
        };
        let mut scenario = match scenario {
            Ok(scenario) => scenario,
            Err(error) => return outcome.failed("wrong configuration", error.to_string()),
        };
        scenario.about.seed = case.seed;
        match catch_unwind(AssertUnwindSafe(|| run(&scenario, options))) {
            Ok(Ok(report)) => outcome.judged(&scenario, &report),
            Ok(Err(error)) => return outcome.failed(refusal(&error), error.to_string()),
            Err(panic) => {
                outcome.status = 3;
                return outcome.failed("the simulator panicked", words_of(&*panic));
            }
        }
        outcome
    }

    fn failed(mut self, what: &str, seen: String) -> Self {
        self.causes.push(Cause { what: what.to_owned(), seen });
        self
    }

    fn judged(&mut self, scenario: &Scenario, report: &RunReport) {
        let verdict = report.verdict(&scenario.expect);
        self.status = verdict.exit_status();
        self.trace_hash.clone_from(&report.trace_hash);
        (self.events, self.simulated_ps) = (report.events, report.simulated_ps);
        self.study = report.study.as_ref().map(StudyFigures::of);
        if verdict == Verdict::Pass {
            return;
        }
        let breaches = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        self.causes.extend(breaches.map(|finding| Cause {
            what: format!("{} ({})", finding.rule, finding.side),
            seen: format!("{}: {}", finding.node, finding.text),
        }));
        // Findings have said what the count of them would say again.
        let told = self.causes.is_empty();
        let broken = report.expectations.iter().filter(|line| !line.ok);
        self.causes.extend(
            broken
                .filter(|line| told || !line.text.contains("findings"))
                .map(|line| Cause { what: line.text.clone(), seen: line.seen.clone() }),
        );
    }
}

const fn refusal(error: &ClusterError) -> &'static str {
    match error {
        ClusterError::Topology(_) => "an impossible topology",
        ClusterError::Fault(_) => "an impossible fault",
        ClusterError::Flows(_) => "impossible flows",
        ClusterError::Input(_) => "an impossible input",
        ClusterError::Real(_) => "a real device",
        ClusterError::Device { .. } => "a device does not start",
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let word = panic.downcast_ref::<&str>().map(|&word| word.to_owned());
    word.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
