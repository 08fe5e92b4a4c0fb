//! `explain`: what happened around a moment, and why a request that was under way then took as long as it did.

use super::answer::{Answer, CommandError, colour};
use super::target::{Target, moment};
use clap::Args;
use des::{Dur, Time};
use scenarios::record::{Kind, Record, Recording, Slow, Watch, Window, slow};
use scenarios::report::FaultRow;
use scenarios::report::table::{Cell, Table, Tone};
use scenarios::{RunOptions, spec::Workload};
use std::fmt::Write;
use std::io;

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

/// Runs the scenario again with everything written down, and shows the moment.
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
    let watch = Watch { record: Some(Window { most: 1 << 22, ..Window::ALL }), ..Watch::default() };
    let report = scenarios::run(&scenario, &RunOptions { watch, ..options })?;
    let recording = report.evidence.recording.unwrap_or_default();
    let mut out = String::new();
    around(&mut out, arguments, &recording);
    match slow(&recording, arguments.at.as_ps(), arguments.node, arguments.request) {
        Some(slow) => request(&mut out, &recording, &slow, &report.faults),
        None => out += "No request was under way then: name another moment, or --node N --request NUMBER.\n",
    }
    Ok(Answer::text(out))
}

/// What happened just before and after the moment.
fn around(out: &mut String, arguments: &ExplainArguments, recording: &Recording) {
    let shown = |record: &&Record| arguments.node.is_none_or(|node| record.place == node);
    let records: Vec<&Record> = recording.records.iter().filter(shown).collect();
    let at = records.partition_point(|record| record.time_ps < arguments.at.as_ps());
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
        Time::from_ps(record.time_ps).to_string().into(),
        recording.place(record.place).into(),
        Cell::toned(record.kind.to_string(), tone),
        record.cause.map(|cause| cause.to_string()).unwrap_or_default().into(),
    ]
}

/// One request: its time against the usual, the steps that took longest, and what went wrong meanwhile.
fn request(out: &mut String, recording: &Recording, slow: &Slow<'_>, faults: &[FaultRow]) {
    let Slow { request, usual_ps, way, meanwhile } = slow;
    let place = recording.place(request.place);
    let took = request.latency_ps().map_or_else(|| "never ended".to_owned(), |ps| format!("took {}", Dur::from_ps(ps)));
    let (usual, posted) = (Dur::from_ps(*usual_ps), Time::from_ps(request.posted_ps));
    let _ = writeln!(
        out,
        "{place}: {} #{} on {}, posted at {posted}, {took}; half of its kind take at most {usual}\n",
        request.operation, request.number, request.object
    );
    let colour = colour(&io::stdout());
    // The longest steps, then again in order of time.
    let mut longest: Vec<_> = way.iter().filter(|step| step.took_ps > 0).collect();
    longest.sort_by_key(|step| std::cmp::Reverse(step.took_ps));
    longest.truncate(STEPS);
    longest.sort_by_key(|step| step.record.number);
    let title = format!("The longest of the {} steps from its post to its result", way.len());
    let mut table = Table::new(&title, &[">took", ">until", "where", "what"]);
    for step in longest {
        let until = Time::from_ps(step.record.time_ps).to_string();
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
