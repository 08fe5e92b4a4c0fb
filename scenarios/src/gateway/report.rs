//! What a gateway has done, as data and for people.

use super::ledger::Ledger;
use super::peer::Peer;
use crate::report::table::{Cell, Table, Tone};
use crate::report::{Colour, units};
use nic_model::regs::counters::Counters;
use provider::check::Severity;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionReport {
    /// The tool on the other side.
    pub tool: String,
    /// The gateway began it.
    pub called: bool,
    /// The other side's address.
    pub peer: String,
    /// Messages or rounds.
    pub messages: u64,
    /// Bytes of messages and reads that came.
    pub bytes_in: u64,
    /// Bytes of messages and writes that went.
    pub bytes_out: u64,
    /// How long it took, in milliseconds of the wall clock.
    pub milliseconds: u64,
    /// Why it ended too early, if it did.
    pub error: Option<String>,
}

impl fmt::Display for SessionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.called { "to" } else { "from" };
        write!(f, "{} {side} {}: ", self.tool, self.peer)?;
        match &self.error {
            Some(error) => write!(f, "failed after {} messages: {error}", self.messages),
            None => {
                let (bytes_in, bytes_out) = (units::bytes(self.bytes_in), units::bytes(self.bytes_out));
                write!(f, "{} messages, {bytes_in} in, {bytes_out} out", self.messages)
            }
        }
    }
}

/// One kind of fault in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultRow {
    /// "sent" or "received".
    pub direction: String,
    /// What it does.
    pub kind: String,
    /// Packets that passed by.
    pub seen: u64,
    /// Packets that it hit.
    pub fired: u64,
}

/// What a gateway has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayReport {
    /// Sessions that are over, in the order of their ends.
    pub sessions: Vec<SessionReport>,
    /// Faults on the wire.
    pub faults: Vec<FaultRow>,
    /// What has passed the port, by name.
    pub port: BTreeMap<String, u64>,
    /// The NIC's counters that are not zero, by name.
    pub nic: BTreeMap<String, u64>,
    /// What the contract's checker and the runtime have to say.
    pub findings: Vec<String>,
}

impl GatewayReport {
    /// Whether every session went well and the checker found nothing.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty() && self.sessions.iter().all(|session| session.error.is_none())
    }
}

/// Ends the gateway and looks at what it has done.
pub(super) fn make(mut peer: Peer, ledger: &Ledger) -> io::Result<GatewayReport> {
    peer.port.finish()?;
    let now = peer.now();
    let mut core = peer.node.core();
    // A gateway is stopped, not closed: what is left open is no breach.
    let breaches = core.findings(now, false).into_iter().filter(|finding| finding.severity == Severity::Error);
    let mut findings: Vec<String> = breaches.map(|finding| finding.to_string()).collect();
    let counters = core.hardware.nic.counters();
    let nic = Counters::TABLE.iter().zip(counters.values()).filter(|(_, value)| *value > 0);
    let nic = nic.map(|(counter, value)| (counter.name.to_owned(), value)).collect();
    drop(core);
    findings.extend(peer.node.runtime().failures());
    let passed = peer.port.counters();
    let port = [
        ("sent", passed.sent),
        ("received", passed.received),
        ("other", passed.other),
        ("refused", passed.refused),
        ("unreachable", passed.unreachable),
    ];
    let faults = peer.port.fault_reports().into_iter().map(|row| FaultRow {
        direction: row.direction.to_owned(),
        kind: row.kind.to_owned(),
        seen: row.seen,
        fired: row.fired,
    });
    Ok(GatewayReport {
        sessions: ledger.sessions(),
        faults: faults.collect(),
        port: port.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        nic,
        findings,
    })
}

/// Tables for people.
#[must_use]
pub fn render(report: &GatewayReport, colour: Colour) -> String {
    let mut out = String::new();
    sessions(report, &mut out, colour);
    let mut faults = Table::new("Faults", &["direction", "kind", ">packets", ">fired"]);
    for row in report.faults.iter().filter(|row| row.fired > 0) {
        let fired = Cell::toned(units::count(row.fired), Tone::Notable);
        faults.row(vec![row.direction.as_str().into(), row.kind.as_str().into(), units::count(row.seen).into(), fired]);
    }
    faults.write(&mut out, colour);
    for (title, numbers) in [("Port", &report.port), ("NIC", &report.nic)] {
        let mut table = Table::new(title, &["counter", ">value"]);
        numbers.iter().for_each(|(name, value)| table.row(vec![name.as_str().into(), units::count(*value).into()]));
        table.write(&mut out, colour);
    }
    let mut findings = Table::new("Findings", &["what"]);
    report.findings.iter().for_each(|text| findings.row(vec![Cell::toned(text, Tone::Bad)]));
    findings.write(&mut out, colour);
    let verdict = if report.passed() { ("PASS", Tone::Good) } else { ("FAIL", Tone::Bad) };
    out + &colour.paint(verdict.1, verdict.0) + "\n"
}

fn sessions(report: &GatewayReport, out: &mut String, colour: Colour) {
    let headings = ["tool", "side", "peer", ">messages", ">in", ">out", ">ms", "end"];
    let mut table = Table::new("Sessions", &headings);
    for session in &report.sessions {
        let end = match &session.error {
            None => Cell::toned("ok", Tone::Good),
            Some(error) => Cell::toned(error, Tone::Bad),
        };
        table.row(vec![
            session.tool.as_str().into(),
            if session.called { "called" } else { "served" }.into(),
            session.peer.as_str().into(),
            units::count(session.messages).into(),
            units::bytes(session.bytes_in).into(),
            units::bytes(session.bytes_out).into(),
            units::count(session.milliseconds).into(),
            end,
        ]);
    }
    table.write(out, colour);
}
