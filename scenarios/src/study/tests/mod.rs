//! Studies end to end, small.

mod behaviour;
mod idle;
mod properties;
mod standstill;

use crate::options::{RunOptions, Threads};
use crate::report::RunReport;
use crate::report::study::switches::PriorityReport;
use crate::spec::congestion::CongestionScheme;
use crate::spec::nic::Timeout;
use crate::spec::{Flows, Pattern, PayloadMode, Scenario, Topology, Workload};
use provider::ndk::Status;

fn scenario(topology: Topology, nodes: u16, pattern: Pattern) -> Scenario {
    let mut scenario = Scenario::named("study");
    scenario.cluster.topology = topology;
    scenario.cluster.nodes = nodes;
    scenario.cluster.mtu_bytes = 1_024;
    let flows = Flows { message_bytes: 65_536, window_messages: 2, priority: 3, payload: PayloadMode::Elided, pattern };
    scenario.workload = Workload::Flows(flows);
    scenario
}

fn run(scenario: &Scenario) -> RunReport {
    let report = crate::run(scenario, &RunOptions::default()).expect("the study can be built");
    assert_eq!(report.findings, [], "every flow completes");
    report
}

#[test]
fn packets_and_hops_are_those_of_the_flow() {
    let report = run(&scenario(Topology::BackToBack, 2, Pattern::Incast { bytes: 1_000_000 }));
    let study = report.study.expect("a study");
    assert_eq!((study.packets, study.packet_hops, study.retransmitted_packets), (977, 977, 0));
    let flow = study.flows[0];
    let completion = flow.completion_ps.expect("it completed");
    // Beyond the links there are two PCIe buses, two NICs and an interrupt.
    assert!(completion > flow.ideal_ps && completion < flow.ideal_ps + 10_000_000, "{flow:?}");
}

#[test]
fn every_topology_carries_a_permutation() {
    let shapes = [
        (Topology::Star, 6, 2),
        (Topology::LeafSpine { leaves: 2, spines: 2, nodes_per_leaf: 3 }, 6, 4),
        (Topology::FatTree { k: 4 }, 16, 6),
        (Topology::Dragonfly { routers: 2, nodes_per_router: 1, globals: 1 }, 6, 5),
        (Topology::RailOptimised { units: 2, hosts_per_unit: 2, rails: 2, spines: 2 }, 8, 4),
    ];
    for (topology, nodes, hops_max) in shapes {
        let report = run(&scenario(topology.clone(), nodes, Pattern::Permutation { bytes: 100_000 }));
        let study = report.study.expect("a study");
        assert_eq!(study.packets, u64::from(nodes) * 98, "{topology:?}");
        assert!((2 * study.packets..=hops_max * study.packets).contains(&study.packet_hops), "{topology:?}");
    }
}

#[test]
fn an_incast_loses_nothing_and_shares_fairly() {
    let study = run(&scenario(Topology::Star, 9, Pattern::Incast { bytes: 500_000 })).study.expect("a study");
    assert_eq!((study.drops, study.retransmitted_packets), (0, 0));
    let times = || study.flows.iter().filter_map(|flow| flow.completion_ps);
    let (first, last) = (times().min().expect("a flow"), times().max().expect("a flow"));
    assert!(first * 10 > last * 8, "from {first} to {last} ps");
}

#[test]
fn a_ring_goes_around_twice_step_by_step() {
    let (nodes, bytes) = (6, 600_000);
    let study = run(&scenario(Topology::Star, nodes, Pattern::RingAllReduce { bytes })).study.expect("a study");
    assert_eq!(study.flows.len(), 6 * 10);
    assert_eq!(study.packets, 60 * 98, "100 kB in packets of 1 KiB");
    let span = |step: usize| {
        let flows = &study.flows[6 * step..6 * step + 6];
        let first = flows.iter().map(|flow| flow.start_ps).min().expect("flows");
        (first, flows.iter().filter_map(|flow| flow.completion_ps).max().expect("they completed"))
    };
    for step in 1..10 {
        let ((before, _), (start, length)) = (span(step - 1), span(step));
        // A piece of 100 kB takes 8.4 us on the cable.
        assert!(start >= before + 8_400_000 && length < 20_000_000, "step {step}: {before} {start} {length}");
    }
}

/// More steps than receives wait for, of one byte each: as fast as they can follow each other.
#[test]
fn steps_share_a_connection_and_none_is_refused() {
    let pattern = Pattern::RingAllReduce { bytes: 40 };
    let (mut world, fabric) = properties::world(&scenario(Topology::Star, 40, pattern), 1);
    world.run(&fabric.topology, None);
    assert!(world.ended.iter().all(|flow| flow.is_some_and(|ended| ended.status == Status::SUCCESS)));
    for slot in world.nodes() {
        let counters = slot.node.hardware.nic.counters();
        assert_eq!((counters.rnr_naks_sent, counters.retransmitted_packets), (0, 0));
    }
}

#[test]
fn a_tree_adds_up_and_tells_the_result() {
    let study = run(&scenario(Topology::FatTree { k: 4 }, 16, Pattern::TreeAllReduce { bytes: 100_000 }));
    let flows = study.study.expect("a study").flows;
    assert_eq!(flows.len(), 30);
    let end = |flow: &crate::report::study::FlowReport| flow.start_ps + flow.completion_ps.expect("it completed");
    let (up, down) = flows.split_at(15);
    let root_has_all = up.iter().filter(|flow| flow.to == 0).map(end).max().expect("the root has children");
    assert!(down.iter().all(|flow| flow.start_ps + 5_000_000 > root_has_all), "results come after all sums");
    assert!(up.iter().all(|flow| flow.start_ps < root_has_all));
}

#[test]
fn one_seed_is_one_run() {
    let pattern = Pattern::Poisson { sizes: crate::spec::Sizes::Hadoop, load_permille: 300, duration_us: 50 };
    let mut scenario = scenario(Topology::FatTree { k: 4 }, 16, pattern);
    let first = run(&scenario);
    assert_eq!(first, run(&scenario));
    scenario.about.seed += 1;
    assert_ne!(first.trace_hash, run(&scenario).trace_hash);
}

/// Notifications of congestion are packets, but carry no message.
#[test]
fn only_packets_with_message_data_are_counted() {
    let mut scenario = scenario(Topology::Star, 9, Pattern::Incast { bytes: 1_000_000 });
    scenario.congestion.scheme = CongestionScheme::Dcqcn;
    let study = run(&scenario).study.expect("a study");
    assert!(study.cnps_sent > 0);
    assert_eq!((study.packets, study.packet_hops, study.retransmitted_packets), (8 * 977, 2 * 8 * 977, 0));
}

/// As the large ones of the speed library: one pauses and marks, one drops and sends again.
fn congested() -> [Scenario; 2] {
    let mut pausing = scenario(Topology::FatTree { k: 4 }, 16, Pattern::Incast { bytes: 200_000 });
    pausing.congestion.scheme = CongestionScheme::Dcqcn;
    pausing.fabric.buffer_bytes = 900_000;
    let mut dropping = scenario(Topology::Star, 6, Pattern::Incast { bytes: 300_000 });
    dropping.fabric.pfc = vec![];
    dropping.fabric.buffer_bytes = 200_000;
    dropping.nic.timeout = Some(Timeout::Irn);
    [pausing, dropping]
}

#[test]
fn congested_studies_pause_mark_and_drop() {
    let [pausing, dropping] = congested().map(|scenario| run(&scenario).study.expect("a study"));
    assert!(pausing.pauses_sent > 0 && pausing.ecn_marks > 0 && pausing.cnps_handled > 0, "{}", pausing.pauses_sent);
    assert_eq!(pausing.drops, 0);
    assert!(dropping.drops > 0 && dropping.retransmitted_packets >= dropping.drops);
}

#[test]
fn what_happened_over_time_and_by_priority_adds_up() {
    let [pausing, dropping] = congested().map(|scenario| run(&scenario).study.expect("a study"));
    let history = &pausing.congestion_history;
    let sum = |values: &[u64]| values.iter().sum::<u64>();
    assert_eq!((sum(&history.ecn_marks), sum(&history.cnps_sent)), (pausing.ecn_marks, pausing.cnps_sent));
    // Adapters count whole nanoseconds, up to their last pause.
    let counted_less = sum(&history.paused_ps) - pausing.paused_ps;
    assert!(counted_less < pausing.paused_ps / 1_000, "{counted_less} of {}", pausing.paused_ps);
    assert_eq!(history.stretch_ps, pausing.queue_history.stretch_ps);
    for study in [pausing, dropping] {
        let data = &study.priorities[0];
        assert_eq!(data.priority, 3, "no other has data; notifications have a higher one");
        assert_eq!((data.ecn_marks, data.pauses_sent), (study.ecn_marks, study.pauses_sent));
        assert_eq!((data.queue_bytes_max, data.drops.values().sum()), (study.queue_bytes_max, study.drops));
        let of_ports = |of: fn(&PriorityReport) -> u64| {
            let counters = study.ports.iter().flat_map(|port| &port.priorities);
            counters.filter(|counters| counters.priority == 3).map(of).sum::<u64>()
        };
        assert_eq!((of_ports(|port| port.tx_bytes), of_ports(|port| port.paused_ps)), (data.tx_bytes, data.paused_ps));
        assert_eq!(study.ports_left_out, 0);
    }
}

/// Small versions of the speed library's W2 to W4, and others.
#[test]
fn the_number_of_threads_does_not_show() {
    let three_layer =
        Topology::ThreeLayer { pods: 2, edges: 2, aggregations: 2, cores_per_aggregation: 2, nodes_per_edge: 2 };
    let web_search = Pattern::Poisson { sizes: crate::spec::Sizes::WebSearch, load_permille: 500, duration_us: 100 };
    let studies = [
        scenario(Topology::Star, 9, Pattern::Incast { bytes: 200_000 }),
        scenario(Topology::FatTree { k: 4 }, 16, Pattern::Permutation { bytes: 200_000 }),
        scenario(three_layer, 8, web_search),
        scenario(Topology::BackToBack, 2, Pattern::Incast { bytes: 1_000_000 }),
        scenario(Topology::Star, 6, Pattern::RingAllReduce { bytes: 200_000 }),
        scenario(Topology::FatTree { k: 4 }, 16, Pattern::TreeAllReduce { bytes: 50_000 }),
        scenario(
            Topology::RailOptimised { units: 2, hosts_per_unit: 2, rails: 2, spines: 2 },
            8,
            Pattern::AllToAll { bytes: 20_000 },
        ),
    ];
    for study in studies.into_iter().chain(congested()) {
        let agreements = crate::verify(&study, &RunOptions::default(), Threads::up_to(4)).expect("it runs");
        assert_eq!(agreements.len(), 4);
        let other = agreements.iter().find(|agreement| agreement.difference.is_some());
        assert_eq!(other, None, "{:?}", study.cluster.topology);
    }
}
