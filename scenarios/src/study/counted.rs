//! What adapters and switches have counted.

use super::event::Tally;
use super::station::SwitchSlot;
use super::world::World;
use crate::report::study::switches::{PORTS_MAX, PortReport, PriorityReport};
use crate::report::study::{CongestionHistory, QueueHistory, StudyReport};
use crate::spec::Cluster;
use des::{Dur, Time};
use fabric::switch::history::{Histories, Sums};
use fabric::switch::{Depths, DropReason, PriorityCounters};
use fabric::topology::CableEnd;
use fabric::{NodeId, PRIORITIES, Topology};
use nic_model::regs::counters::Counters;
use std::cmp::Reverse;

/// The report without anything of the flows.
pub(super) fn devices(topology: &Topology, world: &World, tally: Tally) -> StudyReport {
    let nodes = || world.nodes().map(|slot| slot.node.hardware.nic.counters());
    let mut total = PriorityCounters::default();
    world.switches().for_each(|slot| total += slot.switch.totals());
    let (ports, ports_left_out) = longest(ports(topology, world, tally.last));
    let priorities = priorities(world, tally.last);
    let switches_paused_ps: u64 = priorities.iter().map(|priority| priority.paused_ps).sum();
    let sum = |of: fn(&Counters) -> u64| nodes().map(|counters| of(&counters)).sum::<u64>();
    let (queue_history, congestion_history) = histories(world, tally.last);
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
        paused_ps: switches_paused_ps + sum(|counters| counters.pause_ns) * 1_000,
        pause_storms: total.storms,
        ecn_marks: total.ecn_marks,
        cnps_sent: sum(|counters| counters.np_cnp_sent),
        cnps_handled: sum(|counters| counters.rp_cnp_handled),
        queue_bytes_max: total.queue_bytes_max,
        queue_bytes: [500, 900, 990]
            .map(|permille| depths(world).quantile(total.tx_frames, permille).min(total.queue_bytes_max)),
        queue_history,
        congestion_history,
        priorities,
        ports,
        ports_left_out,
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

/// What happened over time until `now`, all with the same stretches.
fn histories(world: &World, now: Time) -> (QueueHistory, CongestionHistory) {
    let mut all = Histories::default();
    world.switches().for_each(|slot| all.merge(slot.switch.histories(now)));
    let Histories { mut queue_bytes, mut ecn_marks, mut paused_ps } = all;
    let mut cnps_sent = Sums::default();
    for slot in world.nodes() {
        cnps_sent.merge(slot.congestion.cnps_sent.clone());
        paused_ps.merge(slot.congestion.paused_ps(now));
    }
    // The queues take the longest stretches of all, then all others take theirs.
    [&ecn_marks, &paused_ps, &cnps_sent].into_iter().for_each(|other| queue_bytes.keep_step(other));
    [&mut ecn_marks, &mut paused_ps, &mut cnps_sent].into_iter().for_each(|other| other.keep_step(&queue_bytes));
    let stretch_ps = queue_bytes.stretch().as_ps();
    let [ecn_marks, paused_ps, cnps_sent] = [ecn_marks, paused_ps, cnps_sent].map(|sums| sums.values().to_vec());
    let queues = QueueHistory { stretch_ps, bytes_max: queue_bytes.values().to_vec() };
    (queues, CongestionHistory { stretch_ps, ecn_marks, paused_ps, cnps_sent })
}

/// What all switches have counted in each priority.
fn priorities(world: &World, now: Time) -> Vec<PriorityReport> {
    let mut totals = [(PriorityCounters::default(), Dur::ZERO); PRIORITIES];
    for switch in world.switches().map(|slot| &slot.switch) {
        for port in 0..switch.port_count() as u16 {
            for (priority, (total, paused)) in totals.iter_mut().enumerate() {
                *total += switch.counters(port)[priority];
                *paused += switch.silent_time(port, priority, now);
            }
        }
    }
    (0..).zip(&totals).filter_map(|(priority, (total, paused))| of_priority(priority, total, *paused)).collect()
}

/// Counters as rows; `None` if there is nothing in them.
fn of_priority(priority: u8, counters: &PriorityCounters, paused: Dur) -> Option<PriorityReport> {
    if (*counters, paused) == (PriorityCounters::default(), Dur::ZERO) {
        return None;
    }
    let drops = DropReason::ALL.map(|reason| (reason.name(), counters.drops[reason]));
    Some(PriorityReport {
        priority,
        rx_frames: counters.rx_frames,
        rx_bytes: counters.rx_bytes,
        tx_frames: counters.tx_frames,
        tx_bytes: counters.tx_bytes,
        queue_bytes_max: counters.queue_bytes_max,
        ecn_marks: counters.ecn_marks,
        paused_ps: paused.as_ps(),
        pauses_sent: counters.pauses_sent,
        pauses_received: counters.pauses_received,
        drops: drops.into_iter().filter(|(_, frames)| *frames > 0).collect(),
    })
}

/// All switch ports that did something.
fn ports(topology: &Topology, world: &World, now: Time) -> Vec<PortReport> {
    let of_switch = |(number, slot): (u32, &SwitchSlot)| {
        let report = |(port, end): (u16, &CableEnd)| {
            let counters = slot.switch.counters(port);
            let of = |(priority, counters): (u8, _)| {
                of_priority(priority, counters, slot.switch.silent_time(port, priority.into(), now))
            };
            let priorities: Vec<PriorityReport> = (0..).zip(counters).filter_map(of).collect();
            let mut total = PriorityCounters::default();
            counters.iter().for_each(|counters| total += *counters);
            (!priorities.is_empty()).then(|| PortReport {
                switch: number,
                port,
                peer: match end.peer.node {
                    NodeId::Host(host) => Cluster::node_name(topology.endpoint(host, end.peer.port).0 as u16),
                    NodeId::Switch(switch) => format!("switch {switch}"),
                },
                tx_bytes: total.tx_bytes,
                queue_bytes_max: total.queue_bytes_max,
                ecn_marks: total.ecn_marks,
                paused_ps: priorities.iter().map(|priority| priority.paused_ps).sum(),
                pauses_sent: total.pauses_sent,
                drops: total.drops.total(),
                priorities,
            })
        };
        (0..).zip(topology.ports(NodeId::Switch(number))).filter_map(report).collect::<Vec<_>>()
    };
    (0..).zip(world.switches()).flat_map(of_switch).collect()
}

/// Those with the longest queues, of equal ones the first; and how many others there are.
fn longest(mut ports: Vec<PortReport>) -> (Vec<PortReport>, u64) {
    ports.sort_by_key(|port| Reverse((port.queue_bytes_max, port.drops, port.paused_ps)));
    let left_out = ports.len().saturating_sub(PORTS_MAX);
    ports.truncate(PORTS_MAX);
    (ports, left_out as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_with_nothing_in_them_are_left_out() {
        assert_eq!(of_priority(2, &PriorityCounters::default(), Dur::ZERO), None);
        let silenced = of_priority(2, &PriorityCounters::default(), Dur::from_ps(7)).expect("it was silenced");
        assert_eq!((silenced.priority, silenced.paused_ps, silenced.drops.len()), (2, 7, 0));
        let mut counters = PriorityCounters { ecn_marks: 3, ..PriorityCounters::default() };
        counters.drops[DropReason::HeadroomFull] = 5;
        let counted = of_priority(7, &counters, Dur::ZERO).expect("it did something");
        assert_eq!((counted.ecn_marks, counted.drops), (3, [("headroom full", 5)].into()));
    }

    #[test]
    fn ports_beyond_the_limit_are_counted() {
        let port = |port: u16| PortReport { port, queue_bytes_max: u64::from(port / 2), ..PortReport::default() };
        let (shown, left_out) = longest((0..1_030).map(port).collect());
        assert_eq!((shown.len(), left_out), (PORTS_MAX, 6));
        assert_eq!([0, 1, 2].map(|at: usize| shown[at].port), [1_028, 1_029, 1_026]);
        assert_eq!(longest(vec![port(3)]).1, 0);
    }
}
