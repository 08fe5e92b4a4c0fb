//! From a run that fails to a small one that fails in the same way: fewer rows, then fewer nodes, then less work.
//!
//! Rows are taken out by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
//! IEEE Transactions on Software Engineering 28(2), 2002); nodes and the numbers of the workload are halved.

use super::{Outcome, Plan, execute};
use crate::cluster::ClusterError;
use crate::options::RunOptions;
use crate::report::{Severity, Verdict};
use crate::spec::{Scenario, check};

/// How a run failed: what must stay when it is made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule of the first breach, or the expectation that did not hold.
    pub rule: String,
    /// The breach in words, or what was seen instead.
    pub text: String,
}

impl Failure {
    /// How an outcome failed; `None` if it passed.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let report = &outcome.report;
        match outcome.verdict {
            Verdict::Pass => None,
            Verdict::Findings => {
                let breach = report.findings.iter().find(|finding| finding.severity == Severity::Error);
                let (rule, text) = breach.map_or(("findings", "an expected breach was not found"), |finding| {
                    (finding.rule.as_ref(), finding.text.as_str())
                });
                Some(Self { rule: rule.to_owned(), text: text.to_owned() })
            }
            Verdict::Unexpected => {
                let failed = report.expectations.iter().find(|expectation| !expectation.ok)?;
                Some(Self { rule: failed.text.clone(), text: failed.seen.clone() })
            }
        }
    }
}

/// A failing run, made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario, with fewer nodes and less work.
    pub scenario: Scenario,
    /// The rows that are left.
    pub plan: Plan,
    /// How it fails.
    pub failure: Failure,
    /// Runs that it took.
    pub runs: u32,
}

/// Makes a failing run small. `None` if it does not fail.
///
/// # Errors
/// As [`execute`], of the run as it was given; smaller ones that cannot be built are passed over.
pub fn shrink(scenario: &Scenario, plan: &Plan, options: &RunOptions) -> Result<Option<Shrunk>, ClusterError> {
    let Some(failure) = Failure::of(&execute(scenario, plan, scenario.about.seed, options)?) else { return Ok(None) };
    let mut search = Search { failure, options, runs: 1 };
    let plan = search.fewer_rows(scenario, plan);
    let scenario = search.fewer_nodes(scenario, &plan);
    let scenario = search.less_work(&scenario, &plan);
    // What was needed for a large workload may be needless for the small one.
    let plan = search.fewer_rows(&scenario, &plan);
    Ok(Some(Shrunk { scenario, plan, failure: search.failure, runs: search.runs }))
}

struct Search<'a> {
    failure: Failure,
    options: &'a RunOptions,
    runs: u32,
}

impl Search<'_> {
    fn still_fails(&mut self, scenario: &Scenario, plan: &Plan) -> bool {
        if !check::violations(&plan.applied_to(scenario, scenario.about.seed)).is_empty() {
            return false;
        }
        self.runs += 1;
        let outcome = execute(scenario, plan, scenario.about.seed, self.options);
        outcome.ok().and_then(|outcome| Failure::of(&outcome)).is_some_and(|found| found.rule == self.failure.rule)
    }

    fn fewer_rows(&mut self, scenario: &Scenario, plan: &Plan) -> Plan {
        let ids: Vec<String> = plan.rows().into_iter().map(|row| row.id).collect();
        let kept = minimal(ids, |ids| self.still_fails(scenario, &plan.retain(|id| ids.iter().any(|kept| kept == id))));
        plan.retain(|id| kept.iter().any(|kept| kept == id))
    }

    fn fewer_nodes(&mut self, scenario: &Scenario, plan: &Plan) -> Scenario {
        let nodes = scenario.cluster.nodes;
        let smaller = (2..nodes).map(|nodes| {
            let mut smaller = scenario.clone();
            smaller.cluster.nodes = nodes;
            smaller
        });
        let mut smaller = smaller.filter(|smaller| self.still_fails(smaller, plan));
        smaller.next().unwrap_or_else(|| scenario.clone())
    }

    /// Halves every number of the workload as long as the run fails.
    fn less_work(&mut self, scenario: &Scenario, plan: &Plan) -> Scenario {
        let mut best = scenario.clone();
        for key in numbers(scenario) {
            while let Some(smaller) = halved(&best, &key).filter(|smaller| self.still_fails(smaller, plan)) {
                best = smaller;
            }
        }
        best
    }
}

/// A smallest part of `rows` for which `fails`, in the sense that taking out any one row more makes it pass.
pub(crate) fn minimal<T: Clone>(rows: Vec<T>, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    if !rows.is_empty() && fails(&[]) {
        return Vec::new();
    }
    let (mut rows, mut parts) = (rows, 2);
    while rows.len() > 1 {
        let length = rows.len().div_ceil(parts);
        let starts = || (0..rows.len()).step_by(length);
        let without = |start: usize| [&rows[..start], &rows[(start + length).min(rows.len())..]].concat();
        let part = starts().map(|start| rows[start..(start + length).min(rows.len())].to_vec());
        let rest = starts().map(without).filter(|rest| rest.len() < rows.len());
        let found = part.map(|rows| (rows, 2)).chain(rest.map(|rows| (rows, parts - 1))).find(|(rows, _)| fails(rows));
        match found {
            Some((smaller, next)) => (rows, parts) = (smaller, next.max(2)),
            None if parts >= rows.len() => break,
            None => parts = (parts * 2).min(rows.len()),
        }
    }
    rows
}

/// The keys of the workload that hold numbers.
fn numbers(scenario: &Scenario) -> Vec<String> {
    let Ok(toml::Value::Table(workload)) = toml::Value::try_from(&scenario.workload) else { return Vec::new() };
    let keys = workload.values().filter_map(toml::Value::as_table).flatten();
    keys.filter(|(_, value)| value.is_integer()).map(|(key, _)| key.clone()).collect()
}

fn halved(scenario: &Scenario, key: &str) -> Option<Scenario> {
    let mut workload = toml::Value::try_from(&scenario.workload).ok()?;
    let number = workload.as_table_mut()?.iter_mut().find_map(|(_, keys)| keys.get_mut(key))?;
    let half = number.as_integer().filter(|number| *number > 1)? / 2;
    *number = toml::Value::Integer(half);
    Some(Scenario { workload: workload.try_into().ok()?, ..scenario.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_a_workload_are_halved() {
        let text = "[scenario]\nname = \"a\"\n[workload.key-value]\noperations = 9\n";
        let scenario = Scenario::parse("x.toml", text).expect("a good scenario");
        assert!(numbers(&scenario).contains(&"operations".to_owned()));
        let half = halved(&scenario, "operations").expect("nine has a half");
        assert!(half.to_toml().contains("operations = 4"), "{}", half.to_toml());
    }

    proptest! {
        /// Whatever subset is needed, exactly that is left.
        #[test]
        fn what_is_needed_is_left(needed in proptest::collection::btree_set(0_u32..40, 0..4), rows in 1_u32..40) {
            let needed: Vec<u32> = needed.into_iter().filter(|row| *row < rows).collect();
            let left = minimal((0..rows).collect(), |rows| needed.iter().all(|row| rows.contains(row)));
            prop_assert_eq!(left, needed);
        }
    }
}
