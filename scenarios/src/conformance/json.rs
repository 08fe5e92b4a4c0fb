//! The summary as one JSON object.

use super::Summary;
use conformance::verdict::RuleState;
use provider::check::rules::State;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Object<'a> {
    rules: Vec<RuleRow>,
    cases: Vec<CaseRow<'a>>,
    skipped: &'a [String],
    mutants: Vec<MutantRow<'a>>,
    passed: bool,
}

#[derive(Debug, Serialize)]
struct RuleRow {
    id: String,
    side: String,
    strength: String,
    state: &'static str,
    /// What the checker sees of it, where that is not all; or why it sees nothing.
    note: &'static str,
    text: &'static str,
}

#[derive(Debug, Serialize)]
struct CaseRow<'a> {
    name: &'a str,
    creation: &'static str,
    passed: bool,
    findings: Vec<&'a str>,
    unfinished: usize,
}

#[derive(Debug, Serialize)]
struct MutantRow<'a> {
    name: &'a str,
    side: String,
    rule: String,
    killed: bool,
    findings: Vec<String>,
    what: &'a str,
}

/// The name of a state.
pub(super) const fn state_name(state: RuleState) -> &'static str {
    match state {
        RuleState::Covered => "covered",
        RuleState::Checked => "checked",
        RuleState::NotCheckable(_) => "not checkable",
    }
}

/// What is to be said of a state.
pub(super) const fn note(state: RuleState, checked: State) -> &'static str {
    match (state, checked) {
        (RuleState::NotCheckable(why), _) => why,
        (_, State::Partly(part)) => part,
        (RuleState::Covered, State::NotCheckable(_) | State::ByConstruction(_)) => "judged by the suite, of both nodes",
        _ => "",
    }
}

/// The name of a way to create.
pub(super) const fn creation_name(creation: conformance::Creation) -> &'static str {
    match creation {
        conformance::Creation::Pending => "pending",
        conformance::Creation::Inline => "inline",
        conformance::Creation::InsideCall => "inside call",
    }
}

/// The object, with a newline at its end.
///
/// # Panics
/// Never: all keys are strings.
#[must_use]
pub fn render(summary: &Summary) -> String {
    let rule = |&(rule, state): &(&provider::check::Rule, RuleState)| RuleRow {
        id: rule.id.to_string(),
        side: rule.side.to_string(),
        strength: rule.strength.to_string(),
        state: state_name(state),
        note: note(state, rule.state),
        text: rule.text,
    };
    let object = Object {
        rules: summary.rules.iter().map(rule).collect(),
        cases: summary
            .cases
            .iter()
            .map(|report| CaseRow {
                name: report.case.name,
                creation: creation_name(report.creation),
                passed: report.passed(),
                findings: report.found.iter().map(|found| found.text.as_str()).collect(),
                unfinished: report.unfinished,
            })
            .collect(),
        skipped: &summary.skipped,
        mutants: summary
            .mutants
            .iter()
            .map(|report| MutantRow {
                name: report.entry.name,
                side: report.entry.side.to_string(),
                rule: report.entry.rule.to_string(),
                killed: report.killed(),
                findings: report.labels(),
                what: report.entry.what,
            })
            .collect(),
        passed: summary.passed(),
    };
    serde_json::to_string_pretty(&object).expect("all keys are strings") + "\n"
}
