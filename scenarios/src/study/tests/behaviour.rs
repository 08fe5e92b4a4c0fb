//! What is known about congestion and loss, as numbers of small studies.

use super::{run, scenario};
use crate::report::study::StudyReport;
use crate::spec::congestion::CongestionScheme;
use crate::spec::fabric::Scheduling;
use crate::spec::nic::{Recovery, Timeout};
use crate::spec::{CableDelay, Flow, Pattern, Scenario, Topology, Workload};

/// Bytes of a full packet of 1024 on the cable beyond its payload: Ethernet 14, IPv4 20, UDP 8, BTH 12, ICRC 4, frame check
/// sequence, preamble and gap 24.
const HEADERS: u64 = 82;
/// The remote address in the first packet of a message.
const RETH: u64 = 16;

fn study(scenario: &Scenario) -> StudyReport {
    run(scenario).study.expect("a study")
}

fn incast(nodes: u16, bytes: u64) -> Scenario {
    let mut scenario = scenario(Topology::Star, nodes, Pattern::Incast { bytes });
    scenario.cluster.link_latency_ns = 1_000;
    scenario
}

fn flow(from: u32, to: u32, bytes: u64, start_ns: u64) -> Flow {
    Flow { from, to, bytes, start_ns, priority: None }
}

/// Jain's index of the flows' mean rates, in thousandths: 1000 if all are equal, 1000 / n if one has all.
fn jain_permille(study: &StudyReport) -> u128 {
    let rate = |flow: &crate::report::study::FlowReport| {
        u128::from(flow.bytes) * 1_000_000_000 / u128::from(flow.completion_ps.expect("it completed"))
    };
    let rates: Vec<u128> = study.flows.iter().map(rate).collect();
    let sum: u128 = rates.iter().sum();
    let squares: u128 = rates.iter().map(|rate| rate * rate).sum();
    sum * sum * 1_000 / (rates.len() as u128 * squares)
}

#[test]
fn every_scheme_shares_an_incast_fairly() {
    use CongestionScheme::{Dcqcn, Dctcp, Hpcc, None, Timely};
    let of = |scheme| {
        let mut scenario = incast(9, 500_000);
        scenario.congestion.scheme = scheme;
        // Where windows are wide, DCQCN and TIMELY hear of the first queue so late that all slow down too much.
        scenario.nic.window_packets = Some(64);
        study(&scenario)
    };
    let windows_alone = of(None);
    for scheme in [None, Dcqcn, Hpcc, Timely, Dctcp] {
        let study = of(scheme);
        let index = jain_permille(&study);
        // Windows of HPCC grow towards each other more slowly than flows of this size last.
        assert!(index >= if scheme == Hpcc { 950 } else { 990 }, "{scheme:?}: {index}");
        assert_eq!((study.drops, study.retransmitted_packets), (0, 0), "{scheme:?}");
        // The bottleneck never rests for long: eight flows take at most a fifth more than the line needs for them.
        let last = study.flows.iter().filter_map(|flow| flow.completion_ps).max().expect("a flow");
        let line_ps = 8 * (500_000 + 489 * HEADERS) * 80;
        assert!((line_ps..line_ps * 6 / 5).contains(&last), "{scheme:?}: {last} ps where the line needs {line_ps}");
        // The scheme has something to do with it: half of the frames found a shorter queue than with windows alone.
        let (queue, longest) = (study.queue_bytes[0], windows_alone.queue_bytes[0]);
        assert!(scheme == None || queue * 3 < longest * 2, "{scheme:?}: {queue} bytes, and {longest} without it");
    }
}

/// DCQCN keeps the queue below what senders without it build up, and needs notifications for it.
#[test]
fn notifications_keep_queues_short() {
    let mut scenario = incast(9, 1_000_000);
    let without = study(&scenario);
    assert_eq!((without.cnps_sent, without.cnps_handled), (0, 0));
    scenario.congestion.scheme = CongestionScheme::Dcqcn;
    scenario.nic.window_packets = Some(512);
    let with = study(&scenario);
    assert!(with.ecn_marks > 0 && with.cnps_sent > 0);
    assert_eq!(with.cnps_sent, with.cnps_handled, "none is lost");
    assert!(with.cnps_sent <= with.ecn_marks, "at most one for a mark");
    scenario.congestion.scheme = CongestionScheme::None;
    let windows_alone = study(&scenario);
    // What half of the frames found at most.
    assert!(with.queue_bytes[0] < windows_alone.queue_bytes[0], "{with:?} {windows_alone:?}");
}

/// A flow that comes later gets its share, and the first gives way: with 100 us between them, perfect sharing ends the first at
/// 100 us + 2 * (time of what is left), and the second when the line has carried both. Windows are so large that the rates alone
/// decide, and how near they come depends on how fast a set recovers; the paper promises no number.
#[test]
fn dcqcn_converges_to_equal_shares() {
    const BYTES: u64 = 20_000_000;
    const LATER_PS: u64 = 100_000_000;
    let alone_ps = BYTES.div_ceil(1_024) * (1_024 + HEADERS) * 80;
    let ideals = [LATER_PS + 2 * (alone_ps - LATER_PS), 2 * alone_ps - LATER_PS];
    for (name, percent) in [("hpcc-run-paper", 5), ("sigcomm-2015", 10), ("ns3-rdma", 10)] {
        let list = vec![flow(0, 2, BYTES, 0), flow(1, 2, BYTES, LATER_PS / 1_000)];
        let mut scenario = scenario(Topology::Star, 3, Pattern::List(list));
        let Workload::Flows(flows) = &mut scenario.workload else { unreachable!("it has flows") };
        flows.window_messages = 32;
        scenario.nic.window_packets = Some(8_192);
        scenario.cluster.link_latency_ns = 1_000;
        scenario.congestion.scheme = CongestionScheme::Dcqcn;
        scenario.congestion.parameters = Some(name.to_owned());
        let study = study(&scenario);
        assert!(study.cnps_handled >= 10 && study.pauses_sent == 0, "{name}: notifications alone slow senders");
        // Two windows of 2 MB share a queue equally without any control; but they fill it.
        assert!(study.queue_bytes_max < 1_000_000, "{name}: {} bytes waited", study.queue_bytes_max);
        for (flow, ideal) in study.flows.iter().zip(ideals) {
            let completion = flow.completion_ps.expect("it completed");
            assert!(completion.abs_diff(ideal) * 100 < ideal * percent, "{name}: {completion} for {ideal}");
        }
        assert!(jain_permille(&study) > 990, "{name}: {:?}", study.flows);
    }
}

/// Two transfers of one flow differ by exactly what the line needs for the packets that the longer one has more.
#[test]
fn one_flow_has_the_line_less_headers() {
    let completion = |bytes| {
        let mut scenario = scenario(Topology::BackToBack, 2, Pattern::Incast { bytes });
        scenario.cluster.link_latency_ns = 100;
        study(&scenario).flows[0].completion_ps.expect("it completed")
    };
    const MESSAGE: u64 = 65_536;
    let (short, long) = (completion(20 * MESSAGE), completion(120 * MESSAGE));
    let cable_bytes = 100 * (MESSAGE + 64 * HEADERS + RETH);
    assert_eq!(long - short, cable_bytes * 80, "100 Gb/s are 80 ps a byte");
}

/// Four senders of one leaf fill the port of a node behind another leaf; a fifth has nothing to do with it, but stands behind
/// the same pauses.
fn victim(pfc: bool, scheme: CongestionScheme) -> StudyReport {
    let mut list: Vec<Flow> = (0..4).map(|from| flow(from, 6, 1_000_000, 0)).collect();
    list.push(flow(4, 7, 200_000, 20_000));
    let shape = Topology::LeafSpine { leaves: 2, spines: 1, nodes_per_leaf: 5 };
    let mut scenario = scenario(shape, 10, Pattern::List(list));
    scenario.cluster.link_latency_ns = 1_000;
    scenario.cluster.fabric_rate_gbps = Some(400);
    scenario.congestion.scheme = scheme;
    scenario.nic.window_packets = Some(256);
    scenario.nic.timeout = Some(Timeout::Irn);
    scenario.fabric.buffer_bytes = 1_500_000;
    scenario.fabric.egress_alpha_log2 = -3;
    scenario.fabric.pfc = if pfc { vec![3] } else { vec![] };
    study(&scenario)
}

#[test]
fn pauses_spread_and_hold_flows_that_are_not_to_blame() {
    let slowdown = |study: &StudyReport| study.flows[4].slowdown_percent().expect("it completed");
    let paused = victim(true, CongestionScheme::None);
    assert_eq!(paused.drops, 0, "nothing is lost");
    assert!(paused.pauses_sent > 0 && paused.paused_ps > 0);
    // The leaf of the receiver (1) stops the spine (2), the spine the other leaf (0), and that the senders.
    let silenced = || paused.ports.iter().filter(|port| port.paused_ps > 0);
    let ports: std::collections::BTreeSet<(u32, &str)> =
        silenced().map(|port| (port.switch, port.peer.as_str())).collect();
    assert_eq!(ports, [(0, "switch 2"), (2, "switch 1")].into(), "{:?}", paused.ports);
    let ports_ps: u64 = silenced().map(|port| port.paused_ps).sum();
    assert!(paused.paused_ps > ports_ps, "senders were silenced too");
    let dropped = victim(false, CongestionScheme::None);
    assert_eq!((dropped.pauses_sent, dropped.paused_ps), (0, 0));
    assert!(dropped.drops > 0 && dropped.retransmitted_packets > 0);
    assert!(slowdown(&paused) * 2 > slowdown(&dropped) * 3, "{} and {}", slowdown(&paused), slowdown(&dropped));
    let controlled = victim(true, CongestionScheme::Hpcc);
    assert_eq!(controlled.drops, 0);
    assert!(controlled.paused_ps * 2 < paused.paused_ps, "{} and {}", controlled.paused_ps, paused.paused_ps);
}

/// Completion times of two flows of 8 MB into one port, over the time that the line needs for one, in thousandths; the first
/// flow's priority is `first`, the other's 1.
fn two_priorities(first: u8, scheduling: Scheduling) -> [u64; 2] {
    const BYTES: u64 = 8_000_000;
    let list = [first, 1]
        .into_iter()
        .zip(0..)
        .map(|(priority, from)| Flow { priority: Some(priority), ..flow(from, 2, BYTES, 0) });
    let mut scenario = scenario(Topology::Star, 3, Pattern::List(list.collect()));
    scenario.fabric.scheduling = scheduling;
    scenario.fabric.pfc = vec![1, 5];
    let study = study(&scenario);
    let line_ps = BYTES.div_ceil(1_024) * (1_024 + HEADERS) * 80;
    [0, 1].map(|number: usize| study.flows[number].completion_ps.expect("it completed") * 1_000 / line_ps)
}

/// What queues are for: the first of strict ones has the line as if it were alone, weights divide it, and equals share it.
#[test]
fn priorities_divide_a_port() {
    let weighted = |of_five| {
        let mut quanta_bytes = [4_096; 8];
        quanta_bytes[5] = of_five;
        Scheduling::Weighted { strict: vec![], quanta_bytes }
    };
    for (first, scheduling, expected) in [
        (5, Scheduling::Strict, [1_000, 2_000]),
        (5, weighted(3 * 4_096), [1_333, 2_000]),
        (5, weighted(4_096), [2_000, 2_000]),
        (1, Scheduling::Strict, [2_000, 2_000]),
    ] {
        let shown = format!("{first} {scheduling:?}");
        for (completion, expected) in two_priorities(first, scheduling).into_iter().zip(expected) {
            // Latencies, and what the last round leaves to whom.
            assert!((expected..expected + 12).contains(&completion), "{shown}: {completion} for {expected}");
        }
    }
}

#[test]
fn a_slow_host_pauses_the_fabric_or_loses_packets() {
    let mut scenario = incast(4, 500_000);
    scenario.nic.pcie_lanes = Some(4);
    scenario.nic.timeout = Some(Timeout::Irn);
    let lossless = study(&scenario);
    assert!(lossless.adapter_pauses_sent > 0 && lossless.paused_ps > 0);
    assert_eq!((lossless.adapter_drops, lossless.drops, lossless.retransmitted_packets), (0, 0, 0));
    scenario.fabric.pfc = vec![];
    let lossy = study(&scenario);
    assert_eq!((lossy.adapter_pauses_sent, lossy.pauses_sent), (0, 0));
    assert!(lossy.adapter_drops > 0 && lossy.retransmitted_packets > 0);
}

#[test]
fn selective_repeat_sends_less_again() {
    let lossy = |recovery| {
        let mut scenario = incast(5, 500_000);
        scenario.fabric.pfc = vec![];
        scenario.fabric.buffer_bytes = 400_000;
        scenario.nic.timeout = Some(Timeout::Irn);
        scenario.nic.recovery = Some(recovery);
        scenario.congestion.scheme = CongestionScheme::Dcqcn;
        study(&scenario)
    };
    let (all, missing) = (lossy(Recovery::GoBackN), lossy(Recovery::SelectiveRepeat));
    assert!(all.drops > 0 && missing.drops > 0);
    assert!(all.retransmitted_packets > 3 * all.drops / 2, "{} for {}", all.retransmitted_packets, all.drops);
    let again = missing.retransmitted_packets;
    assert!(again >= missing.drops && again <= missing.drops * 11 / 10, "{again} for {}", missing.drops);
}

#[test]
fn spraying_needs_selective_repeat() {
    let sprayed = |recovery| {
        let mut scenario = scenario(Topology::FatTree { k: 4 }, 16, Pattern::Permutation { bytes: 200_000 });
        scenario.fabric.paths = crate::spec::fabric::Paths::Spray;
        scenario.nic.recovery = Some(recovery);
        scenario.nic.timeout = Some(Timeout::Irn);
        study(&scenario)
    };
    let (ordered, any) = (sprayed(Recovery::GoBackN), sprayed(Recovery::SelectiveRepeat));
    assert_eq!((ordered.drops, any.drops), (0, 0), "what is sent again was late, not lost");
    let (ordered, any) = (ordered.retransmitted_packets, any.retransmitted_packets);
    assert!(ordered > 10 * any, "{ordered} and {any}");
}

/// A study knows a cable by its latency alone, whatever that is made of.
#[test]
fn cables_of_equal_latency_take_equal_time() {
    let shape = Topology::LeafSpine { leaves: 2, spines: 2, nodes_per_leaf: 3 };
    let lumped = scenario(shape, 6, Pattern::Permutation { bytes: 100_000 });
    let mut cables = lumped.clone();
    cables.cluster.link_latency_ns = 1;
    cables.cluster.host_cable = Some(CableDelay { length_m: 10, phy_latency_ns: 101, fec_latency_ns: 350 });
    cables.cluster.fabric_cable = Some(CableDelay { length_m: 100, phy_latency_ns: 10, fec_latency_ns: 0 });
    assert_eq!(study(&cables), study(&lumped), "500 ns each");
}

/// A packet that crosses a leaf-spine and its acknowledgement pass two cables of hosts and two of the fabric each.
#[test]
fn a_round_trip_has_the_latency_of_its_cables() {
    let shape = Topology::LeafSpine { leaves: 2, spines: 1, nodes_per_leaf: 2 };
    let mut scenario = scenario(shape, 4, Pattern::List(vec![flow(0, 2, 100, 0)]));
    scenario.cluster.link_latency_ns = 1_000;
    let lumped = study(&scenario).flows[0];
    scenario.cluster.host_cable = Some(CableDelay { length_m: 3, phy_latency_ns: 60, fec_latency_ns: 90 });
    scenario.cluster.fabric_cable = Some(CableDelay { length_m: 100, phy_latency_ns: 60, fec_latency_ns: 180 });
    let cables = study(&scenario).flows[0];
    let saved = 2 * (4 * 1_000_000 - 2 * 164_700 - 2 * 730_000);
    let completion = |flow: crate::report::study::FlowReport| flow.completion_ps.expect("it completed");
    assert_eq!(completion(lumped) - completion(cables), saved);
    assert_eq!(lumped.ideal_ps - cables.ideal_ps, saved);
}
