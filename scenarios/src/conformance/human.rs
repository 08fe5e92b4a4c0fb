//! The summary as people read it.

use super::Summary;
use super::json::{creation_name, note, state_name};
use crate::report::Colour;
use crate::report::table::{Cell, Table, Tone};
use conformance::verdict::RuleState;
use std::fmt::Write;

/// Tables of rules, cases and broken ones, and a line that says how it ended.
#[must_use]
pub fn render(summary: &Summary, colour: Colour) -> String {
    let mut out = String::new();
    rules(summary, &mut out, colour);
    cases(summary, &mut out, colour);
    if !summary.mutants.is_empty() {
        mutants(summary, &mut out, colour);
    }
    let count = |wanted: &str| summary.rules.iter().filter(|(_, state)| state_name(*state) == wanted).count();
    let failed = summary.cases.iter().filter(|report| !report.passed()).count();
    let killed = summary.mutants.iter().filter(|report| report.killed()).count();
    let _ = write!(
        out,
        "{} rules: {} covered, {} checked, {} not checkable; {} runs of cases, {failed} failed",
        summary.rules.len(),
        count("covered"),
        count("checked"),
        count("not checkable"),
        summary.cases.len(),
    );
    if !summary.skipped.is_empty() {
        let _ = write!(out, ", {} cases skipped: {}", summary.skipped.len(), summary.skipped.join(", "));
    }
    if !summary.mutants.is_empty() {
        let _ = write!(out, "; {killed} of {} broken ones killed", summary.mutants.len());
    }
    out.push('\n');
    out
}

fn rules(summary: &Summary, out: &mut String, colour: Colour) {
    let mut table =
        Table::new("Rules", &["rule", "side", "strength", "state", "rule text; what is seen of it"]).whole();
    for &(rule, state) in &summary.rules {
        let tone = match state {
            RuleState::Covered => Tone::Good,
            RuleState::Checked | RuleState::NotCheckable(_) => Tone::Plain,
        };
        let note = note(state, rule.state);
        let text = if note.is_empty() { rule.text.to_owned() } else { format!("{} ({note})", rule.text) };
        table.row(vec![
            rule.id.to_string().into(),
            rule.side.to_string().into(),
            rule.strength.to_string().into(),
            Cell::toned(state_name(state), tone),
            text.into(),
        ]);
    }
    table.write(out, colour);
}

fn cases(summary: &Summary, out: &mut String, colour: Colour) {
    let mut table =
        Table::new("Cases on the healthy provider", &["case", "creation", "outcome", "what it does"]).whole();
    for report in &summary.cases {
        let outcome = match (report.found.len(), report.unfinished) {
            (0, 0) => Cell::toned("passed", Tone::Good),
            (0, _) => Cell::toned("hangs", Tone::Bad),
            (found, _) => Cell::toned(format!("{found} findings"), Tone::Bad),
        };
        table.row(vec![
            report.case.name.into(),
            creation_name(report.creation).into(),
            outcome,
            report.case.what.into(),
        ]);
    }
    table.write(out, colour);
    for report in summary.cases.iter().filter(|report| !report.passed()) {
        for found in &report.found {
            let _ = writeln!(out, "{} on node{}: {}: {}", report.case.name, found.node, found.label(), found.text);
        }
    }
}

fn mutants(summary: &Summary, out: &mut String, colour: Colour) {
    let headings = &["name", "side", "rule", "outcome", "findings", "what it does"];
    let mut table = Table::new("Broken providers and consumers", headings).whole();
    for report in &summary.mutants {
        let outcome =
            if report.killed() { Cell::toned("killed", Tone::Good) } else { Cell::toned("survived", Tone::Bad) };
        table.row(vec![
            report.entry.name.into(),
            report.entry.side.to_string().into(),
            report.entry.rule.to_string().into(),
            outcome,
            report.labels().join(" ").into(),
            report.entry.what.into(),
        ]);
    }
    table.write(out, colour);
}
