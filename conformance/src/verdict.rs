//! Runs cases and judges what they show.

use crate::bench::{Bench, Creation, Lab, LabError, Setup};
use crate::consumer::BrokenConsumer;
use crate::entry::{Entry, Found};
use crate::mutant::Defect;
use crate::suite::{self, Case, Pair};
use provider::check::rules::State;
use provider::check::{Rule, RuleId, Side};
use std::collections::BTreeSet;

/// What a healthy case came to.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The case.
    pub case: &'static Case,
    /// How creations were answered.
    pub creation: Creation,
    /// What was found and not provoked.
    pub found: Vec<Found>,
    /// Tasks that did not end.
    pub unfinished: usize,
}

impl CaseReport {
    /// Whether the provider conforms, as far as this case shows.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.found.is_empty() && self.unfinished == 0
    }
}

/// What became of a broken provider or consumer.
#[derive(Clone, Debug)]
pub struct MutantReport {
    /// Its row.
    pub entry: Entry,
    /// Everything found.
    pub found: Vec<Found>,
}

impl MutantReport {
    /// Whether the rule that it names has fired.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.found.iter().any(|found| found.rule == Some(self.entry.rule))
    }

    /// The labels of what was found, each once, in order.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let rules: BTreeSet<Option<RuleId>> = self.found.iter().map(|found| found.rule).collect();
        rules.into_iter().map(|rule| rule.map_or_else(|| "expectation".to_owned(), |rule| rule.to_string())).collect()
    }
}

/// What suite and checker make of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// A case exercises it and a broken one is killed by it, or a case judges it.
    Covered,
    /// The checker reports it; no case is made for it.
    Checked,
    /// Nothing in reach shows it, for this reason.
    NotCheckable(&'static str),
}

/// Runs one case on a fresh bench.
///
/// # Errors
/// If there is no bench.
pub fn run<L: Lab>(lab: &L, case: &Case, setup: &Setup) -> Result<(Vec<Found>, usize), LabError> {
    start(lab, case.start, setup)
}

fn start<L: Lab>(lab: &L, tasks: fn(&Pair), setup: &Setup) -> Result<(Vec<Found>, usize), LabError> {
    let mut bench = lab.bench(setup)?;
    let pair = Pair::new(&bench);
    tasks(&pair);
    let ran = bench.run();
    let mut found = ran.found;
    found.extend(pair.troubles());
    Ok((found, ran.unfinished))
}

/// Judges a provider by a case.
///
/// # Errors
/// If there is no bench.
pub fn judge<L: Lab>(lab: &L, case: &'static Case, creation: Creation) -> Result<CaseReport, LabError> {
    let (mut found, unfinished) = run(lab, case, &Setup { creation, ..Setup::default() })?;
    let provoked =
        |found: &Found| found.side == Side::Consumer && found.rule.is_some_and(|rule| case.provokes.contains(&rule.0));
    found.retain(|found| !provoked(found));
    Ok(CaseReport { case, creation, found, unfinished })
}

/// Judges a provider by every case and every way to create.
///
/// # Errors
/// If there is no bench.
pub fn conforms<L: Lab>(lab: &L) -> Result<Vec<CaseReport>, LabError> {
    let ways = suite::cases().flat_map(|case| Creation::ALL.map(|creation| (case, creation)));
    ways.map(|(case, creation)| judge(lab, case, creation)).collect()
}

/// Runs a broken provider on the case that shows it.
///
/// # Errors
/// If there is no bench.
///
/// # Panics
/// If the defect names no case: the table is ours.
pub fn try_defect<L: Lab>(lab: &L, defect: &'static Defect) -> Result<MutantReport, LabError> {
    let case = suite::case(defect.case).expect("every defect names a case of the suite");
    let (found, _) = run(lab, case, &Setup { creation: defect.creation, defect: Some(defect), ..Setup::default() })?;
    Ok(MutantReport { entry: defect.entry, found })
}

/// Runs a broken consumer on the healthy provider.
///
/// # Errors
/// If there is no bench.
pub fn try_consumer<L: Lab>(lab: &L, broken: &BrokenConsumer) -> Result<MutantReport, LabError> {
    let (found, _) = start(lab, broken.start, &Setup::default())?;
    Ok(MutantReport { entry: broken.entry, found })
}

/// The state of a rule, given the broken ones that were killed by it.
#[must_use]
pub fn rule_state(rule: &Rule, killed: &BTreeSet<RuleId>) -> RuleState {
    let exercised = suite::cases().any(|case| case.rules.contains(&rule.id.0));
    match rule.state {
        _ if killed.contains(&rule.id) => RuleState::Covered,
        State::NotCheckable(_) if exercised => RuleState::Covered,
        State::Checked | State::Partly(_) if exercised => RuleState::Covered,
        State::Checked | State::Partly(_) => RuleState::Checked,
        State::NotCheckable(why) | State::ByConstruction(why) => RuleState::NotCheckable(why),
    }
}
