//! The report of one run: `summary.json`, and what `--json` prints.

use super::journal::Journal;
use super::latency::Latency;
use super::study::StudyReport;
use crate::plan::Plan;
use crate::record::{Evidence, format};
use crate::spec::RowSummary;
use crate::spec::check::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What reports call simulated NICs.
pub const SIMULATED: &str = "simulated";

/// Everything a run found out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// The scenario's name.
    pub scenario: String,
    /// What produced the report.
    pub versions: Versions,
    /// Where the nodes ran: `simulated`, or which devices.
    pub backend: String,
    /// What consumers were told, if it was asked for.
    #[serde(skip)]
    pub journal: Option<Journal>,
    /// The seed of every random stream.
    pub seed: u64,
    /// The fingerprint of the run, 16 hexadecimal digits.
    pub trace_hash: String,
    /// Simulated time from the start to the last event.
    pub simulated_ps: u64,
    /// Time that the run took on this machine. Zero until the command line fills it in.
    pub wall_s: f64,
    /// Time that the process's threads spent on processors by the end of the run. Zero as above, or where nobody tells.
    pub cpu_s: f64,
    /// The most memory that the process had. Zero as above.
    pub peak_rss_bytes: u64,
    /// Events processed.
    pub events: u64,
    /// What the scenario may do that its author may not have meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Violation>,
    /// Breaches that the checkers found.
    pub findings: Vec<Finding>,
    /// The nodes, in their order.
    pub nodes: Vec<NodeReport>,
    /// The links, in their order.
    pub links: Vec<LinkReport>,
    /// The rows of the fault plan and what became of them.
    pub faults: Vec<FaultRow>,
    /// What the scenario expected, and whether it held.
    pub expectations: Vec<Expectation>,
    /// Captured links.
    pub captures: Vec<Capture>,
    /// What a fabric study found out; its keys stand beside these.
    #[serde(flatten)]
    pub study: Option<StudyReport>,
    /// What the run wrote down, for other files than this one.
    #[serde(skip)]
    pub evidence: Evidence,
    /// The rows that were carried out, as in `plan.toml`. Absent until the command line fills it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The status that the command ended with. Absent as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<u8>,
    /// Where the run folder is, if one was written.
    pub run_folder: Option<String>,
}

/// What produced a report. Two reports of one seed are comparable if these are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The version of the program.
    pub rnic: String,
    /// The compiler that it was built with.
    pub rustc: String,
    /// The version of this report's layout. A key may be added without raising it, none removed or changed.
    pub report: u32,
    /// The version of the layout of `recording.bin`.
    pub recording: u32,
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            rnic: env!("CARGO_PKG_VERSION").to_owned(),
            rustc: env!("RNIC_RUSTC").to_owned(),
            report: 1,
            recording: format::VERSION,
        }
    }
}

/// A rule that somebody broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's identifier.
    pub rule: Cow<'static, str>,
    /// Whether it is against the contract, or only unwise.
    pub severity: Severity,
    /// Who broke it: `consumer`, `provider`, `nic`, `wire`.
    pub side: Cow<'static, str>,
    /// On which node.
    pub node: String,
    /// The object concerned, such as `qp 12`; empty if there is none.
    pub object: String,
    /// When.
    pub time_ps: u64,
    /// What happened, in a sentence.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Legal, or founded on an inference; shown, and not counted against the run.
    Warning,
    /// A breach.
    Error,
}

/// How a node's consumer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsumerStyle {
    /// `let qp = pd.create_qp(..).await?`
    #[default]
    Async,
    /// Raw completion callbacks.
    Callbacks,
}

impl ConsumerStyle {
    /// The name in scenario files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Callbacks => "callbacks",
        }
    }
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// `node0`, `node1`, ...
    pub name: String,
    /// How its consumer is written.
    pub style: ConsumerStyle,
    /// How creations ended, by kind of object (`ObjectKind::name`).
    pub objects: BTreeMap<String, ObjectCounts>,
    /// Creations and requests that the consumer tried again after a failure.
    pub retries: u64,
    /// Messages completed successfully by this node's requesters.
    pub messages: u64,
    /// RoCE frames that it sent, headers and retransmissions included; on a real device, payload.
    pub bytes_sent: u64,
    /// RoCE frames that it took, headers included; on a real device, payload.
    pub bytes_received: u64,
    /// Those per simulated second of the transfer, in 10^6 bit/s.
    pub goodput_mbps: u64,
    /// From post to completion, by operation (`send`, `write`, `read`).
    pub latency: BTreeMap<String, Latency>,
    /// Completions by the name of their status.
    pub completions: BTreeMap<String, u64>,
    /// Fingerprint of what each queue pair completed in which order, whatever the times: 16 hexadecimal digits.
    pub order: String,
    /// What its NIC counted, zeros too; the register manual says what each counter means. Empty on real devices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// The copies that this node holds in the end.
    pub replicas: Vec<Replica>,
    /// What the consumer did, in the workloads that are counted in operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkReport>,
}

/// A node's share of a workload that is counted in operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkReport {
    /// What the node is in the workload, such as `server`.
    pub role: String,
    /// Operations done.
    pub operations: u64,
    /// Their payload.
    pub bytes: u64,
    /// Comparisons of data that were right.
    pub verified: u64,
    /// And those that were wrong.
    pub wrong: u64,
    /// Tasks given up, by the status that they met.
    pub gave_up: BTreeMap<String, u64>,
    /// Time of an operation, by its name.
    pub latency: BTreeMap<String, Latency>,
}

impl RunReport {
    /// Whether the nodes ran on real devices: there is no trace, and nothing that only a simulated wire tells.
    #[must_use]
    pub fn is_real(&self) -> bool {
        !matches!(self.backend.as_str(), "" | SIMULATED)
    }

    /// Findings that are breaches.
    #[must_use]
    pub fn breaches(&self) -> u64 {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count() as u64
    }
}

impl NodeReport {
    /// The counts of all kinds together.
    #[must_use]
    pub fn objects_total(&self) -> ObjectCounts {
        self.objects.values().fold(ObjectCounts::default(), |sum, &kind| sum.plus(kind))
    }
}

/// How the creations of one kind of object ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ObjectCounts {
    /// Successful before the create function returned.
    pub inline: u64,
    /// Successful by a completion callback.
    pub pending: u64,
    /// Made by the provider for a connect event, not by a create function.
    pub offered: u64,
    /// Failed, inline or by a completion callback.
    pub failed: u64,
    /// Closed, the close complete.
    pub closed: u64,
}

impl ObjectCounts {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            inline: self.inline + other.inline,
            pending: self.pending + other.pending,
            offered: self.offered + other.offered,
            failed: self.failed + other.failed,
            closed: self.closed + other.closed,
        }
    }

    /// Objects that came to be.
    #[must_use]
    pub const fn created(self) -> u64 {
        self.inline + self.pending + self.offered
    }

    /// Objects never closed.
    #[must_use]
    pub const fn open(self) -> u64 {
        self.created().saturating_sub(self.closed)
    }
}

/// A copy of some node's data, verified at the end of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// The node that the data comes from.
    pub of: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the copy, 64 hexadecimal digits.
    pub sha256: String,
    /// Whether every byte equals the original.
    pub ok: bool,
}

/// One link, one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// Its name, such as `node0->switch`.
    pub name: String,
    /// Part of the run's time in which it carried bits, in thousandths.
    pub utilisation_permille: u32,
    /// Frames carried.
    pub frames: u64,
    /// Bytes of those frames, without preamble and gap.
    pub bytes: u64,
    /// Pause frames among them.
    pub pauses: u64,
    /// How often the watchdog of the switch that sends here found that it had been kept silent for too long.
    pub storms: u64,
    /// Frames lost, by reason.
    pub drops: BTreeMap<String, u64>,
}

/// A row of the fault plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// The row's name in the plan.
    pub id: String,
    /// The row as text.
    pub text: String,
    /// How many times it struck. Zero is a row that never fired.
    pub fired: u64,
    /// When it struck first.
    pub first_ps: Option<u64>,
    /// The call or frame that it struck first.
    pub hit: Option<String>,
    /// Whether the run fails if it does not strike.
    pub must_fire: bool,
}

impl FaultRow {
    /// A row that has not struck.
    #[must_use]
    pub fn new(row: RowSummary) -> Self {
        let RowSummary { id, text, must_fire } = row;
        Self { id, text, must_fire, ..Self::default() }
    }
}

/// A line of `[expect]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// What was expected.
    pub text: String,
    /// What was seen.
    pub seen: String,
    /// Whether that is what was expected.
    pub ok: bool,
}

/// The capture of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capture {
    /// The cable, such as `node0-switch`: both of its links.
    pub link: String,
    /// Frames captured.
    pub frames: u64,
    /// The file. Empty until the command line has written it.
    pub file: String,
    /// The file's content.
    #[serde(skip)]
    pub pcapng: Vec<u8>,
}
