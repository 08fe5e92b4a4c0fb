//! What the ports of switches counted in a study, and by priority.

use super::StudyReport;
use crate::report::table::Table;
use crate::report::units::{bytes, count};
use des::Dur;
use serde::Serialize;
use std::collections::BTreeMap;

/// A switch port: its priorities added up, and each by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PortReport {
    /// The switch.
    pub switch: u32,
    /// Its port.
    pub port: u16,
    /// What it leads to.
    pub peer: String,
    /// Bytes sent, from the Ethernet header on.
    pub tx_bytes: u64,
    /// Its longest queue.
    pub queue_bytes_max: u64,
    /// Frames marked.
    pub ecn_marks: u64,
    /// For how long its peer silenced it, priorities added up.
    pub paused_ps: u64,
    /// Pauses that it sent to its peer.
    pub pauses_sent: u64,
    /// Frames that came in here and were dropped.
    pub drops: u64,
    /// The priorities that did something.
    pub priorities: Vec<PriorityReport>,
}

/// Counters of a priority: of one port, or of all together. Bytes are those of frames, from the Ethernet header on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PriorityReport {
    /// 0 to 7.
    pub priority: u8,
    /// Frames that came in.
    pub rx_frames: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames sent.
    pub tx_frames: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// The longest queue.
    pub queue_bytes_max: u64,
    /// Frames marked.
    pub ecn_marks: u64,
    /// For how long peers silenced it, ports added up.
    pub paused_ps: u64,
    /// Pauses sent to peers, repeated ones included.
    pub pauses_sent: u64,
    /// Pauses, and ends of pauses, that peers asked for.
    pub pauses_received: u64,
    /// Frames that came in and were dropped, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub drops: BTreeMap<&'static str, u64>,
}

/// Most switch ports in a report.
pub const PORTS_MAX: usize = 1_024;

/// Those of them in the table.
const PORTS_SHOWN: usize = 8;

/// Totals of each priority over all switches.
pub(super) fn priorities(study: &StudyReport) -> Table {
    let columns =
        [">priority", ">frames sent", ">sent", ">longest queue", ">marks", ">paused", ">pauses sent", ">drops"];
    let mut table = Table::new("By priority, all switches", &columns);
    for priority in &study.priorities {
        table.row(vec![
            priority.priority.to_string().into(),
            count(priority.tx_frames).into(),
            bytes(priority.tx_bytes).into(),
            bytes(priority.queue_bytes_max).into(),
            count(priority.ecn_marks).into(),
            Dur::from_ps(priority.paused_ps).to_string().into(),
            count(priority.pauses_sent).into(),
            count(priority.drops.values().sum()).into(),
        ]);
    }
    table
}

/// The ports with the longest queues, where anything waited or was lost.
pub(super) fn ports(study: &StudyReport) -> Table {
    let columns = ["switch port", "to", ">sent", ">longest queue", ">marks", ">paused", ">pauses sent", ">drops"];
    let mut table = Table::new("Longest queues", &columns);
    let had_trouble = |port: &&PortReport| port.queue_bytes_max > 0 || port.drops > 0 || port.paused_ps > 0;
    for port in study.ports.iter().filter(had_trouble).take(PORTS_SHOWN) {
        table.row(vec![
            format!("{}.{}", port.switch, port.port).into(),
            port.peer.clone().into(),
            bytes(port.tx_bytes).into(),
            bytes(port.queue_bytes_max).into(),
            count(port.ecn_marks).into(),
            Dur::from_ps(port.paused_ps).to_string().into(),
            count(port.pauses_sent).into(),
            count(port.drops).into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(table: &Table) -> Vec<Vec<&str>> {
        table.rows().iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect()
    }

    #[test]
    fn priorities_have_a_row_each() {
        let row = |priority, tx_frames, paused_ps| PriorityReport {
            priority,
            tx_frames,
            tx_bytes: tx_frames * 1_024,
            paused_ps,
            drops: [("buffer full", 2), ("no route", 1)].into(),
            ..PriorityReport::default()
        };
        let study = StudyReport { priorities: vec![row(0, 5, 0), row(3, 2_000, 7_000)], ..StudyReport::default() };
        let expected = [
            ["0", "5", "5.00 KiB", "0 B", "0", "0 ps", "0", "3"],
            ["3", "2,000", "1.95 MiB", "0 B", "0", "7.000 ns", "0", "3"],
        ];
        assert_eq!(texts(&priorities(&study)), expected);
    }

    #[test]
    fn ports_where_nothing_waited_are_not_in_the_table() {
        let row = |port, queue_bytes_max, paused_ps| PortReport {
            port,
            tx_bytes: 9,
            queue_bytes_max,
            paused_ps,
            ..PortReport::default()
        };
        let idle = (3..20).map(|port| row(port, 0, 0));
        let ports_of = |rows: Vec<PortReport>| {
            let study = StudyReport { ports: rows, ..StudyReport::default() };
            texts(&ports(&study)).iter().map(|row| row[0].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            ports_of([row(1, 8, 0), row(0, 0, 0), row(2, 0, 5)].into_iter().chain(idle).collect()),
            ["0.1", "0.2"]
        );
        assert_eq!(ports_of((0..20).map(|port| row(port, 1, 0)).collect()).len(), PORTS_SHOWN);
    }
}
