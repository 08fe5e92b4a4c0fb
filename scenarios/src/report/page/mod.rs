//! A run as one HTML page: nothing is loaded from anywhere, so that it may be attached to a CI job and mailed.
//!
//! Reading order: this module (the page and its tables), [`series`] (a recording as lines), [`plot`] (lines as SVG),
//! [`study`] (flows and queues of a fabric study). The style
//! sheet and the script for the pointer are files beside.

mod plot;
mod series;
mod study;

use super::summary::{NodeReport, ObjectCounts, RunReport, Severity};
use super::units;
use super::verdict::Verdict;
use crate::spec::Scenario;
use des::{Dur, Time};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The page.
#[must_use]
pub fn document(scenario: &Scenario, report: &RunReport) -> String {
    let mut out = String::from("<!doctype html><html lang=en><meta charset=utf-8>");
    out.push_str("<meta name=viewport content=\"width=device-width\"><link rel=icon href=\"data:,\">");
    let name = escaped(&report.scenario);
    let _ = write!(out, "<title>{name}, seed {}</title><style>{}</style>", report.seed, include_str!("style.css"));
    out.push_str("<main>");
    head(&mut out, scenario, report);
    expectations(&mut out, report);
    findings(&mut out, report);
    faults(&mut out, report);
    match &report.study {
        Some(study) => study::write(&mut out, &report.scenario, study),
        None => {
            plots(&mut out, scenario, report);
            creations(&mut out, report);
            nodes(&mut out, report);
        }
    }
    let _ = write!(out, "</main><div id=tip></div><script>{}</script></html>", include_str!("hover.js"));
    out
}

fn head(out: &mut String, scenario: &Scenario, report: &RunReport) {
    let (class, word) = match report.verdict(&scenario.expect) {
        Verdict::Pass => ("verdict", "PASS"),
        Verdict::Unexpected => ("verdict bad", "FAIL: an expectation"),
        Verdict::Findings => ("verdict bad", "FAIL: the checkers"),
    };
    let _ =
        write!(out, "<h1>{}</h1><p class=dim>{}</p>", escaped(&report.scenario), escaped(&scenario.about.description));
    let _ = write!(out, "<span class=\"{class}\">{word}</span><dl>");
    for (key, value) in [
        ("seed", report.seed.to_string()),
        ("trace hash", report.trace_hash.clone()),
        ("simulated", Dur::from_ps(report.simulated_ps).to_string()),
        ("events", units::count(report.events)),
        ("nodes", report.study.as_ref().map_or(report.nodes.len() as u64, |study| study.nodes).to_string()),
        ("rnic", report.versions.rnic.clone()),
    ] {
        let _ = write!(out, "<div><dt>{key}</dt><dd>{}</dd></div>", escaped(&value));
    }
    out.push_str("</dl>");
}

fn expectations(out: &mut String, report: &RunReport) {
    table(
        out,
        "Expectations",
        &["expected", "seen", ""],
        report.expectations.iter().map(|line| {
            let mark = if line.ok { "<span class=good>held</span>" } else { "<span class=bad>broken</span>" };
            vec![escaped(&line.text), escaped(&line.seen), mark.to_owned()]
        }),
    );
}

fn findings(out: &mut String, report: &RunReport) {
    table(
        out,
        "Findings",
        &["rule", "side", "node", ">time", "what"],
        report.findings.iter().map(|finding| {
            let tone = if finding.severity == Severity::Error { "bad" } else { "warn" };
            let rule = format!("<span class={tone}>{}</span>", escaped(&finding.rule));
            let time = Time::from_ps(finding.time_ps).to_string();
            let what = format!("<pre>{}</pre>", escaped(finding.text.trim_end()));
            vec![rule, escaped(&finding.side), escaped(&finding.node), escaped(&time), what]
        }),
    );
}

fn faults(out: &mut String, report: &RunReport) {
    table(
        out,
        "Faults",
        &["row", ">fired", ">first at", "first hit"],
        report.faults.iter().map(|row| {
            let at = row.first_ps.map(|ps| Time::from_ps(ps).to_string()).unwrap_or_default();
            let hit = row.hit.clone().unwrap_or_else(|| "never fired".to_owned());
            vec![escaped(&row.text), units::count(row.fired), escaped(&at), escaped(&hit)]
        }),
    );
}

fn plots(out: &mut String, scenario: &Scenario, report: &RunReport) {
    out.push_str("<h2>Over time</h2>");
    let Some(recording) = &report.evidence.recording else {
        out.push_str(
            "<p class=note>The run was not recorded: <code>rnic replay FOLDER --record</code> draws the plots.</p>",
        );
        return;
    };
    if recording.left_out > 0 {
        let left = units::count(recording.left_out);
        let _ = write!(out, "<p class=note>The recording was full: the last {left} records are not in the plots.</p>");
    }
    out.push_str("<div class=plots>");
    series::plots(scenario, recording, report.simulated_ps).iter().for_each(|plot| plot.write(out));
    out.push_str("</div>");
}

/// Creations by outcome: all nodes together.
fn creations(out: &mut String, report: &RunReport) {
    let mut kinds: BTreeMap<&str, ObjectCounts> = BTreeMap::new();
    for (kind, counts) in report.nodes.iter().flat_map(|node| &node.objects) {
        let sum = kinds.entry(kind).or_default();
        *sum = sum.plus(*counts);
    }
    let [inline, pending, offered, failed] =
        OUTCOMES.map(|(name, class)| format!("><span class=\"k {class}\">{name}</span>"));
    table(
        out,
        "Creations by outcome",
        &["kind", "by outcome", &inline, &pending, &offered, &failed, ">closed"],
        kinds.iter().map(|(kind, counts)| {
            let &ObjectCounts { inline, pending, offered, failed, closed } = counts;
            let mut row = vec![escaped(kind), bar([inline, pending, offered, failed])];
            row.extend([inline, pending, offered, failed, closed].map(units::count));
            row
        }),
    );
}

/// How creations end, and the colour of each.
const OUTCOMES: [(&str, &str); 4] = [("inline", "s0"), ("pending", "s2"), ("offered", "s4"), ("failed", "s3")];

/// Shares of a whole.
fn bar(parts: [u64; 4]) -> String {
    const WIDTH: u64 = 260;
    let all: u64 = parts.iter().sum::<u64>().max(1);
    let (mut svg, mut done) = (format!("<svg width={WIDTH} height=12 role=img aria-label=outcomes>"), 0);
    for (part, (_, class)) in parts.into_iter().zip(OUTCOMES) {
        let (x, end) = (WIDTH * done / all, WIDTH * (done + part) / all);
        let _ = write!(svg, "<rect class={class} fill=currentColor x={x} y=0 width={} height=12 />", end - x);
        done += part;
    }
    svg + "</svg>"
}

fn nodes(out: &mut String, report: &RunReport) {
    let headings = ["node", ">messages", ">sent", ">received", ">goodput", ">retries"];
    table(
        out,
        "Nodes",
        &headings,
        report.nodes.iter().map(|node| {
            let NodeReport { name, messages, bytes_sent, bytes_received, goodput_mbps, retries, .. } = node;
            let (sent, received) = (units::bytes(*bytes_sent), units::bytes(*bytes_received));
            vec![
                escaped(name),
                units::count(*messages),
                sent,
                received,
                units::gbps(*goodput_mbps),
                units::count(*retries),
            ]
        }),
    );
}

/// A table of cells that are HTML already. A heading with `>` is that of numbers; no rows, no table.
fn table(out: &mut String, title: &str, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let class = |heading: &str| if heading.starts_with('>') { " class=n" } else { "" };
    let _ = write!(out, "<h2>{title}</h2><div class=\"card scroll\"><table><tr>");
    for heading in headings {
        let _ = write!(out, "<th{}>{}</th>", class(heading), heading.strip_prefix('>').unwrap_or(heading));
    }
    out.push_str("</tr>");
    for row in rows {
        out.push_str("<tr>");
        for (cell, heading) in row.iter().zip(headings) {
            let _ = write!(out, "<td{}>{cell}</td>", class(heading));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
}

/// Text as HTML takes it, also between quotes.
fn escaped(text: &str) -> String {
    let replaced = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    replaced.replace('"', "&quot;").replace('\'', "&#39;")
}
