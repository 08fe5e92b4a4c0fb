//! Finds planted bugs: a sweep of seeds, then the shrinker, for each.

use super::shrink::{Failure, shrink};
use super::{Plan, execute};
use crate::cluster::ClusterError;
use crate::options::RunOptions;
use crate::spec::Scenario;
use crate::spec::planted::{Bug, Planted};
use serde::Serialize;

/// A bug, and how it was found.
#[derive(Clone, Debug, Serialize)]
pub struct Hunt {
    /// The bug's name.
    pub bug: String,
    /// Who has it: `consumer`, `provider` or `wire`.
    pub side: String,
    /// The first seed that shows it; `None`: no seed did.
    pub seed: Option<u64>,
    /// The rule that was broken, or the expectation.
    pub rule: String,
    /// Rows of the plan of that seed.
    pub rows_before: usize,
    /// And those left.
    pub rows_after: usize,
    /// Nodes left.
    pub nodes: u16,
    /// Runs that shrinking took.
    pub runs: u32,
    /// The small scenario with its rows, as a file.
    #[serde(skip)]
    pub scenario: String,
}

/// Looks for a bug with the seeds up to `seeds`, and makes what it finds small.
///
/// # Errors
/// As [`execute`].
pub fn hunt(scenario: &Scenario, bug: Bug, seeds: u64, options: &RunOptions) -> Result<Hunt, ClusterError> {
    let mut scenario = Scenario { planted: Some(Planted { bug }), ..scenario.clone() };
    let none = |rule: &str| Hunt {
        bug: bug.name().to_owned(),
        side: bug.side().to_owned(),
        seed: None,
        rule: rule.to_owned(),
        rows_before: 0,
        rows_after: 0,
        nodes: 0,
        runs: 0,
        scenario: String::new(),
    };
    for seed in 1..=seeds {
        scenario.about.seed = seed;
        let plan = Plan::of(&scenario);
        if Failure::of(&execute(&scenario, &plan, seed, options)?).is_none() {
            continue;
        }
        let Some(small) = shrink(&scenario, &plan, options)? else { continue };
        return Ok(Hunt {
            seed: Some(seed),
            rows_before: plan.rows().len(),
            rows_after: small.plan.rows().len(),
            nodes: small.scenario.cluster.nodes,
            runs: small.runs,
            scenario: small.plan.applied_to(&small.scenario, seed).to_toml(),
            ..none(&small.failure.rule)
        });
    }
    Ok(none("not found"))
}
