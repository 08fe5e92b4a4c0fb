//! Fault plans as values: written to a file, read back, carried out, made smaller.
//!
//! Reading order: [`Plan`] here, [`execute`] (a scenario, a plan and a seed become an outcome), `swarm` (a seed draws a plan),
//! [`shrink`](mod@shrink) (a failing run is made small), [`planted`] (bugs on purpose, found and shrunk).
//!
//! Invariants:
//! * the rows of a plan say everything: carrying one out needs nothing that made it;
//! * taking rows out of a plan changes nothing about the others: each draws from a random stream named after its id.

pub mod planted;
pub mod shrink;
mod swarm;

pub use shrink::{Failure, Shrunk, shrink};

use crate::cluster::ClusterError;
use crate::options::RunOptions;
use crate::report::{FaultRow, RunReport, Verdict};
use crate::runner::run;
use crate::spec::files::read_text;
use crate::spec::{FaultPlan, RowSummary, Scenario, ScenarioError, diagnose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The rows that a run carries out: `plan.toml` in its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// `[[fault.create]]` and so on, as in a scenario.
    pub fault: FaultPlan,
}

/// What a run with a plan came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario as it was run: with the seed, and the plan's rows as its own.
    pub scenario: Scenario,
    /// All that was found out; [`RunReport::findings`] are the checkers'.
    pub report: RunReport,
    /// How it ended.
    pub verdict: Verdict,
}

impl Outcome {
    /// The rows that struck.
    pub fn fired(&self) -> impl Iterator<Item = &FaultRow> {
        self.report.faults.iter().filter(|row| row.fired > 0)
    }
}

impl Plan {
    /// The plan of a scenario with its seed: the rows that stand in it, and those that the seed draws from its swarm.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let mut fault = scenario.fault.clone();
        fault.fill_in();
        if let Some(swarm) = &scenario.swarm {
            fault.extend(swarm::draw(scenario, swarm));
        }
        Self { fault }
    }

    /// Reads a plan for `scenario` from `text`; `file` is what messages call it.
    ///
    /// # Errors
    /// What is wrong with it, also for this scenario: a node or a link that it does not have.
    pub fn parse(file: &str, text: &str, scenario: &Scenario) -> Result<Self, ScenarioError> {
        let mut plan: Self = toml::from_str(text).map_err(|error| diagnose::toml_error(file, text, &error))?;
        let problems = diagnose::violations(file, text, &plan.applied_to(scenario, scenario.about.seed));
        if !problems.is_empty() {
            return Err(ScenarioError { problems });
        }
        plan.fault.fill_in();
        Ok(plan)
    }

    /// Reads a plan for `scenario` from a file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), or it cannot be read.
    pub fn load(path: &Path, scenario: &Scenario) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        let text = read_text(path, "plan", "name a plan.toml; every run folder has one")?;
        Self::parse(&file, &text, scenario)
    }

    /// The plan as a file. Parsing it gives the same plan.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers are within TOML's range once a plan is checked")
    }

    /// Its rows, in the order of the report.
    #[must_use]
    pub fn rows(&self) -> Vec<RowSummary> {
        self.fault.rows()
    }

    /// The plan with those rows alone whose id `keep` accepts.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self { fault: self.fault.retain(keep) }
    }

    /// The scenario with these rows instead of its own and its swarm, and this seed.
    #[must_use]
    pub fn applied_to(&self, scenario: &Scenario, seed: u64) -> Scenario {
        let mut applied = scenario.clone();
        applied.about.seed = seed;
        applied.fault = self.fault.clone();
        applied.swarm = None;
        applied
    }
}

/// Runs a scenario with a plan instead of its own rows, and with a seed.
///
/// # Errors
/// As [`run`].
pub fn execute(scenario: &Scenario, plan: &Plan, seed: u64, options: &RunOptions) -> Result<Outcome, ClusterError> {
    let scenario = plan.applied_to(scenario, seed);
    let report = run(&scenario, options)?;
    let verdict = report.verdict(&scenario.expect);
    Ok(Outcome { scenario, report, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\n\n[[fault.wire]]\nid = \"lost\"\n\
                        link = \"node0->switch\"\neffect = \"drop\"\nnth = 3\n";

    #[test]
    fn a_plan_is_written_and_read_back_with_its_names() {
        let scenario = Scenario::named("a");
        let plan = Plan::parse("plan.toml", ROWS, &scenario).expect("a good plan");
        let ids: Vec<String> = plan.rows().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["create-1", "lost"]);
        assert_eq!(Plan::parse("again", &plan.to_toml(), &scenario), Ok(plan.clone()));
        let one = plan.retain(|id| id == "lost");
        assert_eq!(one.rows().len(), 1);
        assert_eq!(Plan::of(&one.applied_to(&scenario, 7)), one);
    }

    /// What can be wrong with a plan: its text, where that is reported, and words of message and remedy.
    const MISTAKES: [(&str, usize, usize, &str, &str); 9] = [
        ("[[faults.create]]\n", 1, 3, "unknown key `faults`", "did you mean `fault`?"),
        ("[[fault.creat]]\n", 1, 9, "unknown key `creat`", "did you mean `create`?"),
        ("[cluster]\nnodes = 2\n", 1, 2, "unknown key `cluster`", "keys here: fault"),
        ("[[fault.create]]\nkind = \"qp\"\n", 1, 1, "the key `effect` is missing", "add a line effect"),
        (
            "[[fault.create]]\nkind = \"qq\"\neffect = \"pend\"\n",
            2,
            8,
            "`qq` is not a kind of object",
            "allowed: qp, cq",
        ),
        ("[[fault.create]]\nkind = \"qp\"\neffect = \"bend\"\n", 3, 10, "`bend` is not known", "did you mean `pend`?"),
        (
            "[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\nnode = 5\n",
            4,
            8,
            "there is no node 5",
            "allowed 0 to 1",
        ),
        ("[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\n", 1, 1, "says no frame", "probability"),
        ("[[fault.create]\n", 1, 16, "not TOML", "toml.io"),
    ];

    #[test]
    fn every_mistake_in_a_plan_has_a_place_and_a_remedy() {
        for (text, line, column, message, remedy) in MISTAKES {
            let error = Plan::parse("plan.toml", text, &Scenario::named("a")).expect_err(text);
            let problem = &error.problems[0];
            let place = problem.place.clone().expect("a place");
            assert_eq!((place.line, place.column), (line, column), "{text:?}: {error}");
            assert!(problem.message.contains(message) && problem.remedy.contains(remedy), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_plan_for_another_cluster_is_refused_at_its_place() {
        let text = ROWS.replace("node0", "node9");
        let error = Plan::parse("plan.toml", &text, &Scenario::named("a")).expect_err("two nodes");
        let place = error.problems[0].place.clone().expect("a place");
        assert_eq!((place.line, place.column), (7, 8), "{error}");
    }
}
