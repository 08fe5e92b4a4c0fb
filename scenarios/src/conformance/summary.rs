//! Suite and broken ones, run.

use conformance::consumer;
use conformance::verdict::{self, CaseReport, MutantReport, RuleState};
use conformance::{Creation, Lab, LabError, mutant, suite};
use provider::check::{Rule, RuleId};
use std::collections::BTreeSet;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// This case alone, and the broken providers that it shows.
    pub case: Option<String>,
    /// Not these.
    pub except: Vec<String>,
    /// The broken ones too.
    pub mutants: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Every rule with its state.
    pub rules: Vec<(&'static Rule, RuleState)>,
    /// Every run of a case on the healthy provider.
    pub cases: Vec<CaseReport>,
    /// Cases that were to be left out.
    pub skipped: Vec<String>,
    /// Every broken provider and consumer.
    pub mutants: Vec<MutantReport>,
}

impl Summary {
    /// Whether the healthy provider conforms and nothing broken survives.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.cases.iter().all(CaseReport::passed) && self.mutants.iter().all(MutantReport::killed)
    }
}

/// Runs the suite in a lab.
///
/// # Errors
/// If the cluster cannot be built, or there is no case of that name.
pub fn run<L: Lab>(lab: &L, choice: &Choice) -> Result<Summary, LabError> {
    let known: Vec<&str> = suite::cases().map(|case| case.name).collect();
    let named = choice.case.iter().chain(&choice.except);
    if let Some(unknown) = named.into_iter().find(|name| !known.contains(&name.as_str())) {
        return Err(LabError(format!("there is no case {unknown}; the cases are {}", known.join(", "))));
    }
    let excepted = |name: &str| choice.except.iter().any(|except| except == name);
    let wanted = |name: &str| choice.case.as_deref().is_none_or(|only| only == name) && !excepted(name);
    let mut cases = Vec::new();
    for case in suite::cases().filter(|case| wanted(case.name)) {
        for creation in Creation::ALL {
            cases.push(verdict::judge(lab, case, creation)?);
        }
    }
    let mut mutants = Vec::new();
    if choice.mutants {
        for defect in mutant::defects().filter(|defect| wanted(defect.case)) {
            mutants.push(verdict::try_defect(lab, defect)?);
        }
        for broken in consumer::broken().filter(|_| choice.case.is_none()) {
            mutants.push(verdict::try_consumer(lab, broken)?);
        }
    }
    let killed: BTreeSet<RuleId> = mutants.iter().filter(|m| m.killed()).map(|m| m.entry.rule).collect();
    let rules = Rule::all().map(|rule| (rule, verdict::rule_state(rule, &killed))).collect();
    Ok(Summary { rules, cases, skipped: choice.except.clone(), mutants })
}
