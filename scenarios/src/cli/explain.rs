//! `explain`: what happened around a moment, and why a request that was under way then took as long as it did.

use super::answer::{Answer, CommandError, colour};
use super::target::{Target, moment, quoted};
use super::verify::summary;
use clap::Args;
use des::{Dur, Time};
use scenarios::record::format::{self, FormatError};
use scenarios::record::why::{Reason, Resent, reasons, resent};
use scenarios::record::{Kind, Record, Recording, Slow, Watch, Window, slow};
use scenarios::report::FaultRow;
use scenarios::report::table::{Cell, Table, Tone};
use scenarios::{RunOptions, spec::Workload};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// Records shown around the moment.
const SHOWN: usize = 24;
/// Steps of a request's way, and troubles meanwhile, that are shown.
const STEPS: usize = 12;

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    target: Target,
    /// The moment, such as 812.5us
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Time,
    /// Only this node
    #[arg(long, value_name = "N")]
    node: Option<u32>,
    /// This request of the node, by its number; the slowest that was under way if absent
    #[arg(long, value_name = "NUMBER", requires = "node")]
    request: Option<u64>,
}

/// Shows the moment, as it was recorded in a run folder; other runs are repeated with everything written down.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<Answer, CommandError> {
    let (scenario, options) = arguments.target.load()?;
    if matches!(scenario.workload, Workload::Flows(_)) {
        let message = "[workload.flows] is not recorded".to_owned();
        let remedy = "its --json names the completion and the ideal time of every flow".to_owned();
        return Err(CommandError::Option { message, remedy });
    }
    let nodes = u32::from(scenario.cluster.nodes);
    if let Some(node) = arguments.node.filter(|&node| node >= nodes) {
        let message = format!("--node {node}: there is no such node");
        return Err(CommandError::Option { message, remedy: format!("allowed: 0 to {}", nodes - 1) });
    }
    let kept = arguments.target.folder().map(recorded).transpose()?.flatten();
    let (source, recording, faults) = match kept {
        Some((recording, faults)) => ("read from recording.bin", recording, faults),
        None => {
            let watch = Watch { record: Some(Window { most: 1 << 22, ..Window::ALL }), ..Watch::default() };
            let report = scenarios::run(&scenario, &RunOptions { watch, ..options })?;
            ("run again", report.evidence.recording.unwrap_or_default(), report.faults)
        }
    };
    let mut out = format!("{} seed {}, {source}\n\n", scenario.about.name, scenario.about.seed);
    around(&mut out, arguments, &recording);
    match slow(&recording, arguments.at.as_ps(), arguments.node, arguments.request) {
        Some(slow) => request(&mut out, &recording, &slow, &faults),
        None => out += "No request was under way then: name another moment, or --node N --request NUMBER.\n",
    }
    Ok(Answer::text(out))
}

/// What a run folder has kept; `None` if its run was not recorded, or by a program with another layout.
fn recorded(folder: &Path) -> Result<Option<(Recording, Vec<FaultRow>)>, CommandError> {
    let path = folder.join("recording.bin");
    if !path.exists() {
        return Ok(None);
    }
    let file = fs::read(&path).map_err(CommandError::reading(&path))?;
    let recording = match format::decode(&file) {
        Ok(recording) => recording,
        Err(FormatError::Version(_)) => return Ok(None),
        Err(error) => {
            let message = format!("{}: {error}", path.display());
            let remedy = format!("`rnic replay {} --record` writes it again", quoted(folder));
            return Err(CommandError::Option { message, remedy });
        }
    };
    let faults = serde_json::from_value(summary(folder)?["faults"].take()).unwrap_or_default();
    Ok(Some((recording, faults)))
}

/// What happened just before and after the moment.
fn around(out: &mut String, arguments: &ExplainArguments, recording: &Recording) {
    let shown = |record: &&Record| arguments.node.is_none_or(|node| record.place == node);
    let records: Vec<&Record> = recording.records.iter().filter(shown).collect();
    // What is lost has the time of its first bit, which may be later than that of the records behind it.
    let at = records.iter().position(|record| record.time_ps >= arguments.at.as_ps()).unwrap_or(records.len());
    let title = format!("Around {}", arguments.at);
    let mut table = Table::new(&title, &[">record", ">time", "where", "what", ">cause"]);
    for record in records.iter().skip(at.saturating_sub(SHOWN / 2)).take(SHOWN) {
        table.row(row(recording, record));
    }
    table.write(out, colour(&io::stdout()));
}

fn row(recording: &Recording, record: &Record) -> Vec<Cell> {
    let tone = match record.kind {
        Kind::Lost { .. } | Kind::Counter { .. } | Kind::Pause { .. } => Tone::Notable,
        _ => Tone::Plain,
    };
    vec![
        record.number.to_string().into(),
        in_us(record.time_ps).into(),
        recording.place(record.place).into(),
        Cell::toned(record.kind.to_string(), tone),
        record.cause.map(|cause| cause.to_string()).unwrap_or_default().into(),
    ]
}

/// Where most of the time went, and what is to blame.
fn because(out: &mut String, recording: &Recording, slow: &Slow<'_>) {
    let (lost, reasons) = (resent(recording, slow), reasons(recording, slow));
    if lost.is_empty() && reasons.is_empty() {
        return;
    }
    *out += "Why\n";
    for Resent { lost, arrived } in lost {
        let (when, later) = (in_us(lost.time_ps), Dur::from_ps(arrived.time_ps - lost.time_ps));
        let (where_lost, what, receiver) = (recording.place(lost.place), &lost.kind, recording.place(arrived.place));
        let _ =
            writeln!(out, "  record {} at {when}, {where_lost}: {what}; {receiver} had it {later} later", lost.number);
    }
    for Reason { steps, took_ps, permille, text, evidence } in reasons {
        let (took, many) =
            (Dur::from_ps(took_ps).to_string(), if steps > 1 { format!(" ({steps} times)") } else { String::new() });
        let _ = writeln!(out, "  {:>3} %  {took:>10}  {text}{many}", permille / 10);
        for Record { number, time_ps, place, kind, .. } in evidence {
            let _ =
                writeln!(out, "{:21}record {number} at {}, {}: {kind}", "", in_us(*time_ps), recording.place(*place));
        }
    }
    out.push('\n');
}

/// A moment to the nanosecond: neighbours differ by less than the usual four digits show.
fn in_us(ps: u64) -> String {
    format!("{}.{:03} us", ps / 1_000_000, ps / 1_000 % 1_000)
}

/// One request: its time against the usual, the steps that took longest, and what went wrong meanwhile.
fn request(out: &mut String, recording: &Recording, slow: &Slow<'_>, faults: &[FaultRow]) {
    let Slow { request, usual_ps, way, meanwhile } = slow;
    let place = recording.place(request.place);
    let took = request.latency_ps().map_or_else(|| "never ended".to_owned(), |ps| format!("took {}", Dur::from_ps(ps)));
    let (usual, posted) = (Dur::from_ps(*usual_ps), in_us(request.posted_ps));
    let _ = writeln!(
        out,
        "{place}: {} #{} on {}, posted at {posted}, {took}; half of its kind take at most {usual}\n",
        request.operation, request.number, request.object
    );
    let colour = colour(&io::stdout());
    because(out, recording, slow);
    // The longest steps, then again in order of time.
    let mut longest: Vec<_> = way.iter().filter(|step| step.took_ps > 0).collect();
    longest.sort_by_key(|step| std::cmp::Reverse(step.took_ps));
    longest.truncate(STEPS);
    longest.sort_by_key(|step| step.record.number);
    let title = format!("The longest of the {} steps from its post to its result", way.len());
    let mut table = Table::new(&title, &[">took", ">until", "where", "what"]);
    for step in longest {
        let until = in_us(step.record.time_ps);
        let took = Dur::from_ps(step.took_ps).to_string();
        table.row(vec![
            took.into(),
            until.into(),
            recording.place(step.record.place).into(),
            step.record.kind.to_string().into(),
        ]);
    }
    table.write(out, colour);
    let mut table = Table::new("Meanwhile", &[">record", ">time", "where", "what", ">cause"]);
    meanwhile.iter().take(STEPS).for_each(|record| table.row(row(recording, record)));
    table.write(out, colour);
    if meanwhile.len() > STEPS {
        let _ = writeln!(out, "and {} more of these\n", meanwhile.len() - STEPS);
    }
    let end = request.result.as_ref().map_or(u64::MAX, |(end, _)| *end);
    let mut table = Table::new("Faults that struck first in this time", &["row", ">at", "hit"]);
    for fault in faults {
        if let Some(at) = fault.first_ps.filter(|at| (request.posted_ps..=end).contains(at)) {
            let hit = fault.hit.clone().unwrap_or_default();
            table.row(vec![fault.text.clone().into(), Time::from_ps(at).to_string().into(), hit.into()]);
        }
    }
    table.write(out, colour);
}
