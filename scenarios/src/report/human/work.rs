//! What consumers did, in the workloads that are counted in operations.

use super::latencies;
use crate::report::summary::{RunReport, WorkReport};
use crate::report::table::{Cell, Table, Tone};
use crate::report::units::{bytes, count};

fn nodes(report: &RunReport) -> impl Iterator<Item = (&str, &WorkReport)> {
    report.nodes.iter().filter_map(|node| node.work.as_ref().map(|work| (node.name.as_str(), work)))
}

pub(super) fn operations(report: &RunReport) -> Table {
    let headings = ["node", "role", ">operations", ">payload", ">right", ">wrong", "given up"];
    let mut table = Table::new("Work", &headings);
    for (name, work) in nodes(report) {
        let given_up: Vec<String> =
            work.gave_up.iter().map(|(status, number)| format!("{} x {status}", count(*number))).collect();
        let bad = |wrong: bool| if wrong { Tone::Bad } else { Tone::Dim };
        table.row(vec![
            name.into(),
            work.role.as_str().into(),
            count(work.operations).into(),
            bytes(work.bytes).into(),
            count(work.verified).into(),
            Cell::toned(count(work.wrong), bad(work.wrong > 0)),
            Cell::toned(given_up.join(", "), bad(!given_up.is_empty())),
        ]);
    }
    table
}

pub(super) fn latency(report: &RunReport) -> Table {
    latencies("Latency of operations", "operation", nodes(report).map(|(name, work)| (name, &work.latency)))
}
