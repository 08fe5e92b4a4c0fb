//! What a fabric study found out: here its flows and totals, [`switches`] what switches counted, [`slowdown`] how flows fared.

mod slowdown;
pub mod switches;

pub use slowdown::{PrioritySlowdown, Ratios, Slowdown};

use super::table::Table;
use super::units::{bytes, count};
use des::Dur;
use serde::Serialize;
use switches::{PortReport, PriorityReport};

/// A fabric study's part of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StudyReport {
    /// NICs; a host may have several.
    pub nodes: u64,
    /// Packets with message data that nodes sent, repeated ones included.
    pub packets: u64,
    /// Links that those packets crossed.
    pub packet_hops: u64,
    /// Packets sent again.
    pub retransmitted_packets: u64,
    /// Acknowledge time-outs.
    pub ack_timeouts: u64,
    /// Frames that switches dropped.
    pub drops: u64,
    /// Frames that adapters dropped because their receive buffer was full.
    pub adapter_drops: u64,
    /// Pauses that switches sent, by priority and repeated ones included.
    pub pauses_sent: u64,
    /// Pauses that adapters sent.
    pub adapter_pauses_sent: u64,
    /// For how long ports of switches and adapters were silenced, ports and priorities added up.
    pub paused_ps: u64,
    /// Times that a PFC watchdog gave up.
    pub pause_storms: u64,
    /// Frames that switches marked.
    pub ecn_marks: u64,
    /// Congestion notifications that receivers sent.
    pub cnps_sent: u64,
    /// Congestion notifications that slowed senders.
    pub cnps_handled: u64,
    /// The longest queue of any switch port and priority.
    pub queue_bytes_max: u64,
    /// The queue, up to a factor of two, that half of the frames found at most when they came to a switch port; nine of ten;
    /// ninety-nine of a hundred.
    pub queue_bytes: [u64; 3],
    /// The longest queue of all switches over time.
    pub queue_history: QueueHistory,
    /// Congestion over time.
    pub congestion_history: CongestionHistory,
    /// What switches counted by priority, all ports together; priorities that did nothing are left out.
    pub priorities: Vec<PriorityReport>,
    /// Switch ports that did something, at most [`PORTS_MAX`](switches::PORTS_MAX): the longest queues first.
    pub ports: Vec<PortReport>,
    /// Others that did something too.
    pub ports_left_out: u64,
    /// Slowdowns by size.
    pub slowdown: Vec<Slowdown>,
    /// Slowdowns by priority.
    pub slowdown_by_priority: Vec<PrioritySlowdown>,
    /// The flows, in the order of the plan.
    pub flows: Vec<FlowReport>,
}

/// Queues over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueHistory {
    /// Length of a stretch.
    pub stretch_ps: u64,
    /// The longest queue of each stretch from zero on, in bytes.
    pub bytes_max: Vec<u64>,
}

/// What happened in each stretch of time from zero on, of all switches and nodes; what is missing at the end is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CongestionHistory {
    /// Length of a stretch, that of the queues.
    pub stretch_ps: u64,
    /// Frames that switches marked.
    pub ecn_marks: Vec<u64>,
    /// For how long ports of switches and adapters were silenced, ports and priorities added up.
    pub paused_ps: Vec<u64>,
    /// Congestion notifications that receivers sent.
    pub cnps_sent: Vec<u64>,
}

/// A flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlowReport {
    /// Sending node.
    pub from: u32,
    /// Receiving node.
    pub to: u32,
    /// Its size.
    pub bytes: u64,
    /// Its priority.
    pub priority: u8,
    /// When its first WRITE was posted.
    pub start_ps: u64,
    /// What its links alone would need.
    pub ideal_ps: u64,
    /// From its start to the completion of its last WRITE; none if it failed or has not ended.
    pub completion_ps: Option<u64>,
}

impl FlowReport {
    /// Completion time over ideal, in hundredths.
    #[must_use]
    pub fn slowdown_percent(&self) -> Option<u64> {
        let ideal = u128::from(self.ideal_ps.max(1));
        self.completion_ps.map(|completion| (u128::from(completion) * 100 / ideal) as u64)
    }
}

/// What `permille` of ascending numbers are no greater than: the one of the nearest rank. `None` of none.
#[must_use]
pub fn percentile(sorted: &[u64], permille: usize) -> Option<u64> {
    let rank = (sorted.len() * permille).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied()
}

impl StudyReport {
    /// Completion times of the flows that have completed, ascending.
    #[must_use]
    pub fn completions_ps(&self) -> Vec<u64> {
        let mut times: Vec<u64> = self.flows.iter().filter_map(|flow| flow.completion_ps).collect();
        times.sort_unstable();
        times
    }

    /// From the first flow's beginning to the last completion; `None` if no flow has completed.
    #[must_use]
    pub fn makespan_ps(&self) -> Option<u64> {
        let first = self.flows.iter().map(|flow| flow.start_ps).min()?;
        let ends = self.flows.iter().filter_map(|flow| Some(flow.start_ps + flow.completion_ps?));
        ends.max().map(|last| last - first)
    }
}

/// The tables of a study.
#[must_use]
pub fn tables(study: &StudyReport) -> Vec<Table> {
    let mut tables = vec![totals(study), switches::priorities(study), switches::ports(study), slowdown::sizes(study)];
    tables.extend(slowdown::priorities(study));
    tables
}

fn totals(study: &StudyReport) -> Table {
    let mut totals = Table::new("Study", &["", ">"]);
    let done = study.completions_ps();
    let mut row = |name: &str, text: String| totals.row(vec![name.into(), text.into()]);
    row("flows", format!("{} of {} completed", count(done.len() as u64), count(study.flows.len() as u64)));
    let time = |ps: Option<u64>| ps.map_or("-".to_owned(), |ps| Dur::from_ps(ps).to_string());
    let [p50, p90, p99] = [500, 900, 990].map(|permille| time(percentile(&done, permille)));
    row("completion", format!("p50 {p50}, p90 {p90}, p99 {p99}, max {}", time(done.last().copied())));
    row("makespan", time(study.makespan_ps()));
    row("packets", count(study.packets));
    row("packet hops", count(study.packet_hops));
    row("sent again", format!("{} after {} time-outs", count(study.retransmitted_packets), count(study.ack_timeouts)));
    row("dropped", format!("{} by switches, {} by adapters", count(study.drops), count(study.adapter_drops)));
    let pauses = (count(study.pauses_sent), count(study.adapter_pauses_sent));
    row("pauses", format!("{} by switches, {} by adapters", pauses.0, pauses.1));
    row("paused", format!("{} of all ports", Dur::from_ps(study.paused_ps)));
    if study.pause_storms > 0 {
        row("pause storms", count(study.pause_storms));
    }
    row("marks", count(study.ecn_marks));
    row("notifications", format!("{} sent, {} handled", count(study.cnps_sent), count(study.cnps_handled)));
    let [p50, p90, p99] = study.queue_bytes.map(bytes);
    row("queue", format!("p50 {p50}, p90 {p90}, p99 {p99}, max {}", bytes(study.queue_bytes_max)));
    totals
}
