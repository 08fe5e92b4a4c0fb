//! A study becomes a report.

use super::ideal::Ideal;
use super::traffic::Planned;
use super::world::World;
use crate::report::study::{FlowReport, Slowdown, StudyReport};
use crate::report::{Finding, RunReport, Severity, Versions, judge_study};
use crate::spec::{Cluster, Flows, Scenario};
use crate::switches;
use des::Time;
use fabric::Topology;
use provider::ndk::Status;

pub(super) fn report(
    scenario: &Scenario,
    flows: &Flows,
    topology: &Topology,
    planned: &[Planned],
    world: &World,
) -> RunReport {
    let tally = world.tally();
    let ideal = Ideal::new(
        topology,
        switches::config(scenario).forwarding_latency,
        scenario.cluster.mtu_bytes,
        flows.message_bytes,
    );
    let reports: Vec<FlowReport> = planned
        .iter()
        .zip(&world.ended)
        .map(|(flow, ended)| FlowReport {
            from: flow.from,
            to: flow.to,
            bytes: flow.bytes,
            start_ps: flow.start.as_ps(),
            ideal_ps: ideal.completion(flow).as_ps(),
            completion_ps: ended
                .filter(|ended| ended.status == Status::SUCCESS)
                .map(|ended| ended.at.since(flow.start).as_ps()),
        })
        .collect();
    let nodes = || world.nodes().map(|slot| slot.node.hardware.nic.counters());
    let totals = || world.switches().map(|slot| slot.switch.totals());
    let study = StudyReport {
        packets: tally.packets,
        packet_hops: tally.packet_hops,
        retransmitted_packets: nodes().map(|counters| counters.retransmitted_packets).sum(),
        drops: totals().map(|totals| totals.drops.total()).sum(),
        pauses_sent: totals().map(|totals| totals.pauses_sent).sum(),
        ecn_marks: totals().map(|totals| totals.ecn_marks).sum(),
        queue_bytes_max: totals().map(|totals| totals.queue_bytes_max).max().unwrap_or(0),
        slowdown: Slowdown::by_size(&reports),
        flows: reports,
    };
    let mut report = RunReport {
        scenario: scenario.about.name.clone(),
        versions: Versions::default(),
        seed: scenario.about.seed,
        trace_hash: world.trace_hash().to_string(),
        simulated_ps: tally.last.since(Time::ZERO).as_ps(),
        events: tally.events,
        findings: findings(planned, world),
        study: Some(study),
        ..RunReport::default()
    };
    report.expectations = judge_study(&scenario.expect, &report);
    report
}

/// Flows that failed, and flows that never ended.
fn findings(planned: &[Planned], world: &World) -> Vec<Finding> {
    let finding = |rule: &str, flow: &Planned, time: Time, text: String| Finding {
        rule: rule.to_owned(),
        severity: Severity::Error,
        side: "nic".to_owned(),
        node: Cluster::node_name(flow.from as u16),
        object: String::new(),
        time_ps: time.as_ps(),
        text,
    };
    let why = if world.timed_out { "the time limit was reached" } else { "nothing is left to happen" };
    let judged =
        (0..).zip(planned.iter().zip(&world.ended)).filter_map(|(number, (flow, ended)): (u32, _)| match ended {
            Some(ended) if ended.status == Status::SUCCESS => None,
            Some(ended) => Some(finding("flow", flow, ended.at, format!("flow {number} ended with {}", ended.status))),
            None => {
                Some(finding("progress", flow, world.tally().last, format!("flow {number} has not ended, and {why}")))
            }
        });
    judged.collect()
}
