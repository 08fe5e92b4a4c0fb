//! A world becomes a report.

use super::{Place, World};
use crate::node::meter::{Creations, Meter};
use crate::node::{Node, NodePlan, plan};
use crate::report::{
    Capture, FaultRow, Finding, LinkReport, NodeReport, ObjectCounts, Replica, RunReport, Severity, Versions, verdict,
};
use crate::spec::files::TopologyFile;
use crate::spec::{Cluster, Scenario};
use crate::{fabrics, standstill};
use des::{Dur, Time};
use fabric::capture::Captured;
use fabric::rule::Fate;
use fabric::stats;
use nic_model::regs::counters::Counters;
use provider::check;
use std::collections::BTreeMap;
use wire::pcapng;

impl World {
    /// What the run found out; the workload's share (copies, retries, styles) is added by the runner, and the
    /// expectations are judged last.
    pub(crate) fn report(&mut self, scenario: &Scenario, captured: &[String]) -> RunReport {
        let elapsed = self.elapsed();
        let mut report = RunReport {
            scenario: scenario.about.name.clone(),
            versions: Versions::default(),
            seed: scenario.about.seed,
            trace_hash: self.trace_hash().to_string(),
            simulated_ps: elapsed.as_ps(),
            events: self.events,
            nodes: self.nodes.iter().enumerate().map(|(index, slot)| node_report(index as u16, &slot.node)).collect(),
            ..RunReport::default()
        };
        report.faults = scenario.fault.rows().into_iter().map(FaultRow::new).collect();
        for (index, slot) in self.nodes.iter().enumerate() {
            let name = Cluster::node_name(index as u16);
            report.findings.extend(self.findings_of(&slot.node, &name));
            let plan = NodePlan::new(&scenario.fault, index as u16);
            let core = slot.node.core();
            plan.add_to(&core.provider.fault_reports(), &name, &mut report.faults);
            core.hardware.striker.add_to(&name, &mut report.faults);
        }
        report.findings.extend(self.wire_findings());
        report.findings.extend(self.standstill(scenario));
        self.add_wire_faults_to(&mut report.faults, scenario);
        report.captures = self.captures(scenario, captured);
        report.links = self.link_reports(elapsed);
        report.evidence = self.evidence();
        report
    }

    /// Switches that wait for each other, if that is why the run has not come to its end.
    fn standstill(&self, scenario: &Scenario) -> Option<Finding> {
        let built = fabrics::build(&scenario.cluster, &TopologyFile::default()).ok().filter(|_| self.timed_out)?;
        let switches: Vec<_> = self.switches.iter().map(|slot| &slot.switch).collect();
        Some(standstill::finding(&built.topology.standstill(&switches, self.last)?, self.last))
    }

    /// What the contract's checker and the run itself found at a node.
    fn findings_of(&self, node: &Node, name: &str) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            node.core().findings(self.last, !self.timed_out).iter().map(|finding| contract(name, finding)).collect();
        let run = |rule: &'static str, text: String| Finding {
            rule: rule.into(),
            severity: Severity::Error,
            side: "consumer".into(),
            node: name.to_owned(),
            object: String::new(),
            time_ps: self.last.as_ps(),
            text,
        };
        findings.extend(node.runtime().failures().into_iter().map(|text| run("consumer", text)));
        let unfinished = node.runtime().unfinished();
        if unfinished > 0 {
            let why = if self.timed_out { "the time limit was reached" } else { "nothing is left to happen" };
            findings.push(run("progress", format!("{unfinished} tasks have not ended, and {why}")));
        }
        findings.extend(node.core().leftovers().into_iter().map(|text| run("leak", text)));
        findings
    }

    fn add_wire_faults_to(&mut self, rows: &mut [FaultRow], scenario: &Scenario) {
        for fault in &scenario.fault.wire {
            let report = self.wire_rule(&fault.id).map(|rule| rule.report());
            if let Some(report) = report {
                let first = report.first_fired.map(|at| (at, format!("a frame of {}", fault.link)));
                plan::add(rows, &fault.id, report.fired, first);
            }
        }
        for storm in &self.storms {
            plan::add(rows, &storm.row, storm.fired, storm.first.map(|at| (at, "a pause".to_owned())));
        }
    }

    fn link_reports(&mut self, elapsed: Dur) -> Vec<LinkReport> {
        let (links, end) = (self.links.clone(), Time::ZERO + elapsed);
        links
            .into_iter()
            .map(|(name, place)| {
                let link = self.link_at(place);
                let (counters, busy) = (link.counters(), link.busy_time(end));
                // What a switch drops is charged to the link by which it came.
                let (switch, storms) = (self.switch_drops(place), self.switch_storms(place));
                let drops =
                    [("fault rule", counters.lost_by_rule), ("link down", counters.lost_link_down), ("switch", switch)];
                LinkReport {
                    name,
                    utilisation_permille: stats::permille(busy, elapsed),
                    frames: counters.frames,
                    bytes: counters.bytes,
                    pauses: counters.pauses,
                    storms,
                    drops: drops.iter().filter(|(_, n)| *n > 0).map(|&(why, n)| (why.to_owned(), n)).collect(),
                }
            })
            .collect()
    }

    /// Frames that the switch at the other end dropped after they had come in.
    fn switch_drops(&self, sender: Place) -> u64 {
        let (nodes, receiver) = (self.nodes.len(), self.peer_of(sender));
        let switch = (receiver.entity as usize).checked_sub(nodes).map(|index| &self.switches[index].switch);
        switch.map_or(0, |switch| switch.counters(receiver.port).iter().map(|counters| counters.drops.total()).sum())
    }

    /// How often the watchdog at a switch's port has spoken.
    fn switch_storms(&self, sender: Place) -> u64 {
        let switch = (sender.entity as usize).checked_sub(self.nodes.len()).map(|index| &self.switches[index].switch);
        switch.map_or(0, |switch| switch.counters(sender.port).iter().map(|counters| counters.storms).sum())
    }

    fn captures(&mut self, scenario: &Scenario, captured: &[String]) -> Vec<Capture> {
        let cables = scenario.cluster.cables();
        let chosen = cables.iter().filter(|cable| captured.contains(&cable.name()));
        chosen
            .map(|cable| {
                let mut frames = Vec::new();
                for name in cable.links() {
                    let taken = self.link_named(&name).map(|link| link.take_captured()).unwrap_or_default();
                    frames.extend(taken.into_iter().map(|captured| (name.clone(), captured)));
                }
                // Stable: frames of one moment keep the order of the directions.
                frames.sort_by_key(|(_, captured)| captured.at);
                Capture {
                    link: cable.name(),
                    frames: frames.len() as u64,
                    file: String::new(),
                    pcapng: encode(&frames),
                }
            })
            .collect()
    }
}

/// A capture file with one interface for each direction.
fn encode(frames: &[(String, Captured)]) -> Vec<u8> {
    let write = || -> std::io::Result<Vec<u8>> {
        let mut writer = pcapng::Writer::new(Vec::new())?;
        let mut interfaces = BTreeMap::new();
        for (name, captured) in frames {
            let interface = match interfaces.get(name) {
                Some(&interface) => interface,
                None => *interfaces.entry(name.clone()).or_insert(writer.add_interface(name)?),
            };
            let (time_ns, bytes) = (captured.at.as_ps() / 1_000, captured.frame.encode());
            writer.write_frame(interface, time_ns, &bytes, &comment(captured.fate))?;
        }
        writer.finish()
    };
    write().expect("writing to memory does not fail")
}

/// A finding of the contract's checker.
pub(crate) fn contract(node: &str, finding: &check::Finding) -> Finding {
    Finding {
        rule: finding.rule.to_string().into(),
        severity: match finding.severity {
            check::Severity::Warning => Severity::Warning,
            check::Severity::Error => Severity::Error,
        },
        side: finding.side().to_string().into(),
        node: node.to_owned(),
        object: finding.object.map(|object| format!("{object:?}")).unwrap_or_default(),
        time_ps: finding.time.as_ps(),
        text: finding.to_string(),
    }
}

/// What a reader of a capture should know of a frame; nothing of one that simply arrives.
fn comment(fate: Fate) -> String {
    match fate {
        Fate::Lost { loss, .. } => format!("lost: {loss:?}"),
        Fate::Delivered { duplicated: true, .. } => "arrives twice".to_owned(),
        Fate::Delivered { delay: Dur::ZERO, .. } => String::new(),
        Fate::Delivered { delay, .. } => format!("arrives {delay} late"),
    }
}

fn node_report(index: u16, node: &Node) -> NodeReport {
    let core = node.core();
    let (meter, nic) = (&core.meter, core.hardware.nic.counters());
    let span = match (meter.first_post, meter.last_result) {
        (Some(first), Some(last)) => last.since(first),
        _ => Dur::ZERO,
    };
    NodeReport {
        bytes_sent: nic.tx_bytes,
        bytes_received: nic.rx_bytes,
        goodput_mbps: mbps(nic.rx_bytes, span),
        counters: Counters::TABLE
            .iter()
            .zip(nic.values())
            .map(|(counter, value)| (counter.name.to_owned(), value))
            .collect(),
        ..metered(index, meter)
    }
}

/// What a node's meter has counted.
pub(crate) fn metered(index: u16, meter: &Meter) -> NodeReport {
    NodeReport {
        name: Cluster::node_name(index),
        objects: meter.objects.iter().map(|(kind, counts)| (kind.name().to_owned(), object_counts(*counts))).collect(),
        messages: meter.messages,
        latency: meter.latency.iter().map(|(op, latency)| (op.name().to_owned(), latency.report())).collect(),
        order: format!("{:016x}", meter.order()),
        completions: meter.results.iter().map(|(status, count)| (status.to_string(), *count)).collect(),
        ..NodeReport::default()
    }
}

fn object_counts(counts: Creations) -> ObjectCounts {
    ObjectCounts {
        inline: counts.inline,
        pending: counts.pending,
        offered: counts.offered,
        failed: counts.failed_inline + counts.failed_pending,
        closed: counts.closed,
    }
}

/// 10^6 bits per second of simulated time.
fn mbps(bytes: u64, span: Dur) -> u64 {
    const PS_PER_US: u128 = 1_000_000;
    if span == Dur::ZERO {
        return 0;
    }
    (u128::from(bytes) * 8 * PS_PER_US / u128::from(span.as_ps())) as u64
}

/// Adds what a replication knows of each node and judges the scenario's expectations.
pub(crate) fn complete(report: &mut RunReport, scenario: &Scenario, replicas: Vec<(usize, Replica)>, retried: &[u64]) {
    for (holder, replica) in replicas {
        report.nodes[holder].replicas.push(replica);
    }
    for (node, &retries) in report.nodes.iter_mut().zip(retried) {
        node.retries = retries;
        node.replicas.sort_by(|first, second| first.of.cmp(&second.of));
    }
    judge(report, scenario);
}

/// Judges the scenario's expectations.
pub(crate) fn judge(report: &mut RunReport, scenario: &Scenario) {
    report.expectations = verdict::judge(scenario, report);
}
