//! Whatever the fabric and the load: no frame is lost without a reason, no buffer leaks, and data that is not carried
//! changes nothing else.

use super::{run, scenario};
use crate::cluster::ClusterError;
use crate::fabrics::{self, Fabric};
use crate::options::{RunOptions, Threads};
use crate::report::RunReport;
use crate::spec::fabric::{Forwarding, Paths};
use crate::spec::files::TopologyFile;
use crate::spec::nic::Timeout;
use crate::spec::{NicTime, Pattern, PayloadMode, Scenario, Sizes, Topology, Workload};
use crate::study::event::Event;
use crate::study::part::Part;
use crate::study::station::Station;
use crate::study::traffic::{self, Planned};
use crate::study::world::World;
use des::{Dur, Time};
use fabric::Link;
use proptest::prelude::*;
use std::num::NonZero;

fn topologies() -> impl Strategy<Value = (Topology, u16)> {
    prop_oneof![
        Just((Topology::BackToBack, 2)),
        (3..10_u16).prop_map(|nodes| (Topology::Star, nodes)),
        Just((Topology::LeafSpine { leaves: 3, spines: 2, nodes_per_leaf: 3 }, 9)),
        Just((Topology::FatTree { k: 4 }, 16)),
        Just((Topology::Dragonfly { routers: 2, nodes_per_router: 1, globals: 1 }, 6)),
        Just((Topology::RailOptimised { units: 2, hosts_per_unit: 2, rails: 2, spines: 2 }, 8)),
    ]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        (1..150_000_u64).prop_map(|bytes| Pattern::Incast { bytes }),
        (1..100_000_u64).prop_map(|bytes| Pattern::Permutation { bytes }),
        (1..8_000_u64).prop_map(|bytes| Pattern::AllToAll { bytes }),
        (1..50_000_u64).prop_map(|bytes| Pattern::RingAllReduce { bytes }),
        (1..50_000_u64).prop_map(|bytes| Pattern::TreeAllReduce { bytes }),
        (100..900_u32).prop_map(|load_permille| Pattern::Poisson {
            sizes: Sizes::Hadoop,
            load_permille,
            duration_us: 40
        }),
    ]
}

/// Any fabric under any load: with and without flow control, with plenty of memory and with little, with adapters that take time
/// and such as take none.
fn studies() -> impl Strategy<Value = Scenario> {
    let paths = prop_oneof![Just(Paths::Ecmp), Just(Paths::Spray), Just(Paths::Flowlet { gap_ns: 500 })];
    (topologies(), patterns(), any::<[bool; 4]>(), paths, 0..1_000_u64)
        .prop_map(|((topology, nodes), pattern, [lossless, tight, cut_through, timed], paths, seed)| {
            let mut scenario = scenario(topology, nodes, pattern);
            scenario.about.seed = seed;
            scenario.fabric.paths = paths;
            scenario.nic.time = if timed { NicTime::Timed } else { NicTime::Zero };
            if !lossless {
                scenario.fabric.pfc.clear();
            }
            if tight {
                scenario.fabric.buffer_bytes = 3_000_000;
                scenario.fabric.egress_alpha_log2 = -5;
            }
            if cut_through {
                scenario.fabric.forwarding = Forwarding::CutThrough;
            }
            scenario
        })
        .prop_filter("a short arrival process may bring no flow", |scenario| plan(scenario).is_ok())
}

/// An incast into switches with next to no memory that is not kept for headroom: senders must be paused, or lose.
fn crowded() -> impl Strategy<Value = Scenario> {
    let topologies = prop_oneof![
        (4..10_u16).prop_map(|nodes| (Topology::Star, nodes)),
        Just((Topology::LeafSpine { leaves: 3, spines: 2, nodes_per_leaf: 3 }, 9)),
        Just((Topology::FatTree { k: 4 }, 16)),
    ];
    (topologies, 100_000..150_000_u64, any::<bool>(), 0..1_000_u64).prop_map(
        |((topology, nodes), bytes, cut_through, seed)| {
            let mut scenario = scenario(topology, nodes, Pattern::Incast { bytes });
            scenario.about.seed = seed;
            scenario.fabric.buffer_bytes = 3_000_000;
            (scenario.fabric.ingress_alpha_log2, scenario.fabric.egress_alpha_log2) = (-7, -7);
            if cut_through {
                scenario.fabric.forwarding = Forwarding::CutThrough;
            }
            scenario
        },
    )
}

fn plan(scenario: &Scenario) -> Result<(Fabric, Vec<Planned>), ClusterError> {
    let Workload::Flows(flows) = &scenario.workload else { unreachable!("it has flows") };
    let fabric = fabrics::build(&scenario.cluster, &TopologyFile::default())?;
    let planned = traffic::plan(scenario, flows, &fabric, &RunOptions::default())?;
    Ok((fabric, planned))
}

/// The world of a study.
pub(super) fn world(scenario: &Scenario, threads: u16) -> (World, Fabric) {
    let Workload::Flows(flows) = &scenario.workload else { unreachable!("it has flows") };
    let (fabric, planned) = plan(scenario).expect("flows");
    let threads = NonZero::new(threads).map(Threads).unwrap_or_default();
    let world = World::build(scenario, flows, &fabric.topology, &planned, threads).expect("a world");
    (world, fabric)
}

/// The world of a study, run for `length` at most.
fn run_for(scenario: &Scenario, length: Dur, threads: u16) -> World {
    let (mut world, fabric) = world(scenario, threads);
    world.schedule.limit = world.schedule.limit.min(Time::ZERO + Dur::from_ms(1) + length);
    world.run(&fabric.topology, None);
    world
}

/// Frames that came to an end, one way or the other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ledger {
    sent: u64,
    lost_on_cables: u64,
    arrived: u64,
    on_cables: u64,
}

impl Ledger {
    fn link(&mut self, link: &Link) {
        let counters = link.counters();
        self.sent += counters.frames - counters.pauses;
        self.lost_on_cables += counters.lost_by_rule + counters.lost_link_down;
    }
}

fn check_conservation(world: &World) {
    let mut ledger = Ledger::default();
    for station in world.stations() {
        match station {
            Station::Node(slot) => {
                ledger.link(&slot.link);
                ledger.arrived += slot.frames_received;
                let counters = slot.node.hardware.nic.counters();
                let refused = counters.rx_overflows
                    + counters.rx_icrc_errors
                    + counters.rx_malformed
                    + counters.rx_no_qp
                    + counters.rx_wrong_address
                    + counters.rx_key_violations;
                let taken = counters.rx_packets + counters.rp_cnp_handled + counters.rp_cnp_ignored;
                assert_eq!(slot.frames_received, taken + refused, "{counters:?}");
            }
            Station::Switch(slot) => {
                let (switch, totals) = (&slot.switch, slot.switch.totals());
                (0..switch.port_count() as u16).for_each(|port| ledger.link(switch.link(port)));
                ledger.arrived += totals.rx_frames;
                let inside = switch.queued_frames() as u64;
                assert_eq!(totals.rx_frames, totals.tx_frames + totals.drops.total() + inside, "{totals:?}");
                let queued: u64 = (0..switch.port_count() as u16)
                    .flat_map(|port| (0..fabric::PRIORITIES).map(move |priority| (port, priority)))
                    .map(|(port, priority)| switch.queue_bytes(port, priority))
                    .sum();
                assert_eq!(switch.buffered_bytes(), queued, "memory is held by frames that wait");
            }
        }
    }
    let under_way = world.parts.iter().flat_map(|part| &part.post.agendas).flat_map(des::Agenda::iter);
    ledger.on_cables = under_way.filter(|(_, event)| matches!(event, Event::Frame { .. })).count() as u64;
    assert_eq!(ledger.sent, ledger.arrived + ledger.lost_on_cables + ledger.on_cables, "{ledger:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_is_delivered_dropped_with_a_reason_or_under_way(
        scenario in studies(), length_us in 1..60_u64, threads in 1..4_u16,
    ) {
        check_conservation(&run_for(&scenario, Dur::from_us(length_us), threads));
    }

    #[test]
    fn where_a_run_is_looked_at_does_not_show(scenario in studies(), step_us in 3..40_u64, threads in 1..4_u16) {
        let (mut looked_at, _) = world(&scenario, threads);
        looked_at.parts.iter_mut().for_each(Part::start);
        for step in 0..60 / step_us {
            looked_at.run_until(Time::ZERO + Dur::from_ms(1) + Dur::from_us(step * step_us), None);
        }
        looked_at.run_until(Time::ZERO + Dur::from_ms(1) + Dur::from_us(60), None);
        prop_assert_eq!(looked_at.trace_hash(), run_for(&scenario, Dur::from_us(60), 1).trace_hash());
    }

    #[test]
    fn elided_data_changes_nothing_else(scenario in studies()) {
        let mut real = scenario.clone();
        let Workload::Flows(flows) = &mut real.workload else { unreachable!("it has flows") };
        flows.payload = PayloadMode::Real;
        let options = RunOptions::default();
        let [elided, real] = [scenario, real].map(|scenario| crate::run(&scenario, &options).expect("it runs"));
        // Only the work differs: nobody asks for data that is elided.
        prop_assert!(elided.events <= real.events);
        prop_assert_eq!(RunReport { events: real.events, ..elided }, real);
    }

    #[test]
    fn lossless_fabrics_drop_nothing(mut scenario in studies()) {
        scenario.fabric.pfc = vec![3];
        prop_assert_eq!(run(&scenario).study.map(|study| study.drops), Some(0));
    }

    #[test]
    fn flow_control_loses_nothing(scenario in crowded()) {
        let study = run(&scenario).study.expect("a study");
        prop_assert!(study.pauses_sent > 0 && study.paused_ps > 0, "nobody had to be paused");
        prop_assert_eq!((study.drops, study.adapter_drops, study.retransmitted_packets), (0, 0, 0));
        let mut lossy = scenario;
        lossy.fabric.pfc.clear();
        lossy.nic.timeout = Some(Timeout::Irn);
        let study = run(&lossy).study.expect("a study");
        prop_assert_eq!((study.pauses_sent, study.paused_ps), (0, 0));
        prop_assert!(study.drops > 0, "it was flow control that lost nothing");
    }
}
