//! A sweep for people: studies by parameters, failures by what they break, then how to repeat each.

use crate::cli::answer::colour;
use des::Dur;
use scenarios::report::table::{Cell, Table, Tone};
use scenarios::report::units;
use scenarios::sweep::{StudyFigures, SweepReport};
use std::fmt::Write;
use std::io;

/// Failures told one by one; the rest is in the JSON.
const FAILURES_MAX: usize = 20;
/// Characters of what was seen, in the table.
const SEEN_MAX: usize = 90;

/// The tables of studies and failures, and one line about all.
pub(super) fn summary(report: &SweepReport) -> String {
    let (mut out, colour) = (String::new(), colour(&io::stdout()));
    studies(report).write(&mut out, colour);
    let mut table = Table::new("Failures by finding", &["what", ">cases", ">first seed", "seen there"]);
    for group in report.groups() {
        let (outcome, seen) = group.first;
        table.row(vec![
            Cell::toned(group.what, Tone::Bad),
            units::count(group.cases).into(),
            outcome.seed.to_string().into(),
            shortened(seen).into(),
        ]);
    }
    table.write(&mut out, colour);
    let (ran, failed) = (report.outcomes.len() as u64, report.failures().count() as u64);
    let _ = write!(out, "{}: {} cases", report.scenario, units::count(ran));
    if ran < report.total {
        let _ = write!(out, " of {} (shard {})", units::count(report.total), report.shards.join(", "));
    }
    let (simulated, speed) = (Dur::from_ps(report.simulated_ps()), report.speed_ppm());
    let _ = writeln!(out, ", {} passed, {} failed", units::count(ran - failed), units::count(failed));
    let wall_ms = report.wall_us / 1_000;
    let _ = writeln!(
        out,
        "{simulated} simulated in {}.{:03} s: {}.{:06} simulated seconds per wall second",
        wall_ms / 1_000,
        wall_ms % 1_000,
        speed / 1_000_000,
        speed % 1_000_000
    );
    let (tone, word) = if failed == 0 { (Tone::Good, "PASS") } else { (Tone::Bad, "FAIL") };
    let _ = writeln!(out, "{}", colour.paint(tone, word));
    out
}

/// A row for each choice of parameters.
fn studies(report: &SweepReport) -> Table {
    let columns = [
        "parameters",
        ">cases",
        ">makespan",
        ">p50 FCT",
        ">p99 FCT",
        ">p50 slowdown",
        ">p99 slowdown",
        ">longest queue",
        ">pauses",
        ">marks",
        ">CNPs",
        ">drops",
    ];
    let mut table = Table::new("Fabric studies by parameters, medians of seeds", &columns).whole();
    for choice in report.choices() {
        let figure = |of: fn(&StudyFigures) -> Option<u64>, name: fn(u64) -> String| -> Cell {
            choice.median(of).map_or_else(|| "-".to_owned(), name).into()
        };
        let name = if choice.settings.is_empty() { "as in the file".to_owned() } else { choice.settings.join(" ") };
        let time = |ps| Dur::from_ps(ps).to_string();
        table.row(vec![
            name.into(),
            units::count(choice.studies.len() as u64).into(),
            figure(|study| study.makespan_ps, time),
            figure(|study| study.completion_p50_ps, time),
            figure(|study| study.completion_p99_ps, time),
            figure(|study| study.slowdown_p50_percent, units::ratio),
            figure(|study| study.slowdown_p99_percent, units::ratio),
            figure(|study| Some(study.queue_bytes_max), units::bytes),
            figure(|study| Some(study.pauses), units::count),
            figure(|study| Some(study.ecn_marks), units::count),
            figure(|study| Some(study.cnps), units::count),
            figure(|study| Some(study.drops), units::count),
        ]);
    }
    table
}

/// Every failure with the command that repeats it, which is its last line.
pub(super) fn failures(report: &SweepReport) -> String {
    let mut out = String::new();
    let failed = report.failures().count();
    if failed > FAILURES_MAX {
        let _ = writeln!(out, "the last {FAILURES_MAX} of {failed} failures:");
    }
    for outcome in report.failures().skip(failed.saturating_sub(FAILURES_MAX)) {
        let _ = writeln!(out, "seed {} {}", outcome.seed, outcome.settings.join(" "));
        for cause in &outcome.causes {
            let _ = writeln!(out, "  {}: {}", cause.what, shortened(&cause.seen));
        }
        let _ = writeln!(out, "{}", outcome.command);
    }
    out
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SEEN_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}
