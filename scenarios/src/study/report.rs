//! A study becomes a report.

use super::event::Tally;
use super::ideal::Ideal;
use super::node::Ended;
use super::station::SwitchSlot;
use super::traffic::Planned;
use super::world::World;
use crate::report::study::{FlowReport, PORTS_MAX, PortReport, QueueHistory, Slowdown, StudyReport};
use crate::report::{Finding, RunReport, Severity, Versions, judge_study};
use crate::spec::{Cluster, Flows, Scenario};
use crate::switches;
use des::Time;
use fabric::switch::{Depths, History, PriorityCounters};
use fabric::topology::CableEnd;
use fabric::{NodeId, Topology};
use nic_model::regs::counters::Counters;
use provider::ndk::Status;

pub(super) fn report(
    scenario: &Scenario,
    flows: &Flows,
    topology: &Topology,
    planned: &[Planned],
    world: World,
) -> RunReport {
    let tally = world.tally();
    let study = devices(topology, &world, tally);
    let trace_hash = world.trace_hash().to_string();
    let World { parts, ended, timed_out, .. } = world;
    // Nobody has anything left to ask of the devices: the flows' rows take their place in memory.
    drop(parts);
    let rows = flow_reports(scenario, flows, topology, planned, &ended);
    let mut report = RunReport {
        scenario: scenario.about.name.clone(),
        versions: Versions::default(),
        seed: scenario.about.seed,
        trace_hash,
        simulated_ps: tally.last.since(Time::ZERO).as_ps(),
        events: tally.events,
        findings: findings(planned, &ended, timed_out, tally.last),
        study: Some(StudyReport { slowdown: Slowdown::by_size(&rows), flows: rows, ..study }),
        ..RunReport::default()
    };
    report.expectations = judge_study(&scenario.expect, &report);
    report
}

/// What became of each flow, in the order of the plan.
fn flow_reports(
    scenario: &Scenario,
    flows: &Flows,
    topology: &Topology,
    planned: &[Planned],
    ended: &[Option<Ended>],
) -> Vec<FlowReport> {
    let ideal = Ideal::new(
        topology,
        switches::config(scenario).forwarding_latency,
        scenario.cluster.mtu_bytes,
        flows.message_bytes,
    );
    let row = |(flow, ended): (&Planned, &Option<Ended>)| FlowReport {
        from: flow.from,
        to: flow.to,
        bytes: flow.bytes,
        start_ps: ended.map_or(flow.start, |ended| ended.began).as_ps(),
        ideal_ps: ideal.completion(flow).as_ps(),
        completion_ps: ended
            .filter(|ended| ended.status == Status::SUCCESS)
            .map(|ended| ended.at.since(ended.began).as_ps()),
    };
    planned.iter().zip(ended).map(row).collect()
}

/// What adapters and switches have counted; nothing of the flows.
fn devices(topology: &Topology, world: &World, tally: Tally) -> StudyReport {
    let nodes = || world.nodes().map(|slot| slot.node.hardware.nic.counters());
    let mut total = PriorityCounters::default();
    world.switches().for_each(|slot| total += slot.switch.totals());
    let ports = ports(topology, world, tally.last);
    let sum = |of: fn(&Counters) -> u64| nodes().map(|counters| of(&counters)).sum::<u64>();
    StudyReport {
        nodes: world.nodes().count() as u64,
        packets: tally.packets,
        packet_hops: tally.packet_hops,
        retransmitted_packets: sum(|counters| counters.retransmitted_packets),
        ack_timeouts: sum(|counters| counters.ack_timeouts),
        drops: total.drops.total(),
        adapter_drops: sum(|counters| counters.rx_overflows),
        pauses_sent: total.pauses_sent,
        adapter_pauses_sent: sum(|counters| counters.pauses_sent),
        paused_ps: ports.iter().map(|port| port.paused_ps).sum::<u64>() + sum(|counters| counters.pause_ns) * 1_000,
        pause_storms: total.storms,
        ecn_marks: total.ecn_marks,
        cnps_sent: sum(|counters| counters.np_cnp_sent),
        cnps_handled: sum(|counters| counters.rp_cnp_handled),
        queue_bytes_max: total.queue_bytes_max,
        queue_bytes: [500, 900, 990]
            .map(|permille| depths(world).quantile(total.tx_frames, permille).min(total.queue_bytes_max)),
        queue_history: history(world),
        ports: longest(ports),
        ..StudyReport::default()
    }
}

/// How long the queues of all switches were.
fn depths(world: &World) -> Depths {
    let mut depths = Depths::default();
    for slot in world.switches() {
        (0..slot.switch.port_count() as u16).for_each(|port| depths += slot.switch.depths(port));
    }
    depths
}

/// The longest queue of all switches over time.
fn history(world: &World) -> QueueHistory {
    let mut all = History::default();
    world.switches().for_each(|slot| all.merge(slot.switch.history().clone()));
    QueueHistory { stretch_ps: all.stretch().as_ps(), bytes_max: all.bytes().to_vec() }
}

/// All switch ports.
fn ports(topology: &Topology, world: &World, now: Time) -> Vec<PortReport> {
    let of_switch = |(number, slot): (u32, &SwitchSlot)| {
        let report = |(port, end): (u16, &CableEnd)| {
            let mut total = PriorityCounters::default();
            slot.switch.counters(port).iter().for_each(|counters| total += *counters);
            let peer = match end.peer.node {
                NodeId::Host(host) => Cluster::node_name(topology.endpoint(host, end.peer.port).0 as u16),
                NodeId::Switch(switch) => format!("switch {switch}"),
            };
            PortReport {
                switch: number,
                port,
                peer,
                tx_bytes: total.tx_bytes,
                queue_bytes_max: total.queue_bytes_max,
                ecn_marks: total.ecn_marks,
                paused_ps: slot.switch.silent_time(port, now).as_ps(),
                pauses_sent: total.pauses_sent,
                drops: total.drops.total(),
            }
        };
        (0..).zip(topology.ports(NodeId::Switch(number))).map(report).collect::<Vec<_>>()
    };
    (0..).zip(world.switches()).flat_map(of_switch).collect()
}

/// Those with the longest queues; of equal ones the first.
fn longest(mut ports: Vec<PortReport>) -> Vec<PortReport> {
    ports.retain(|port| port.queue_bytes_max > 0 || port.drops > 0 || port.paused_ps > 0);
    ports.sort_by_key(|port| std::cmp::Reverse(port.queue_bytes_max));
    ports.truncate(PORTS_MAX);
    ports
}

/// Flows that failed, and flows that never ended.
fn findings(planned: &[Planned], ended: &[Option<Ended>], timed_out: bool, last: Time) -> Vec<Finding> {
    let finding = |rule: &'static str, flow: &Planned, time: Time, text: String| Finding {
        rule: rule.into(),
        severity: Severity::Error,
        side: "nic".into(),
        node: Cluster::node_name(flow.from as u16),
        object: String::new(),
        time_ps: time.as_ps(),
        text,
    };
    let why = if timed_out { "the time limit was reached" } else { "nothing is left to happen" };
    let judged = (0..).zip(planned.iter().zip(ended)).filter_map(|(number, (flow, ended)): (u32, _)| match ended {
        Some(ended) if ended.status == Status::SUCCESS => None,
        Some(ended) => Some(finding("flow", flow, ended.at, format!("flow {number} ended with {}", ended.status))),
        None => Some(finding("progress", flow, last, format!("flow {number} has not ended, and {why}"))),
    });
    judged.collect()
}
