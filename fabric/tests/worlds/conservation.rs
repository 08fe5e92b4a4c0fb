//! No frame is lost without a reason, whatever the traffic and the settings.

use crate::world::{World, packet};
use des::{Dur, Rate, Ratio, Time};
use fabric::address::Endpoint;
use fabric::rule::Loss;
use fabric::switch::{Alpha, BufferConfig, DropReason, EcnCurve, Forwarding, PathChoice, PriorityCounters, Scheduling};
use fabric::topology::Cabling;
use fabric::{Matcher, Pick, Rule, RuleSpec, SwitchConfig, Topology, TopologyError, Verdict};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// One host gives another some frames at some moment.
#[derive(Clone, Debug)]
struct Burst {
    at_ns: u64,
    from: u32,
    to: u32,
    flow: u16,
    dscp: u8,
    payload_bytes: u32,
    frames: u32,
}

fn bursts() -> impl Strategy<Value = Vec<Burst>> {
    let burst = (0..30_000_u64, 0..64_u32, 0..64_u32, any::<u16>(), 0..64_u8, 0..5_000_u32, 1..20_u32);
    let burst = burst.prop_map(|(at_ns, from, to, flow, dscp, payload_bytes, frames)| Burst {
        at_ns,
        from,
        to,
        flow,
        dscp,
        payload_bytes,
        frames,
    });
    prop::collection::vec(burst, 1..60)
}

/// A topology with settings. Flow control on a ring of switches may stop them all for ever, each waiting for the next; so
/// the one topology with rings goes without.
fn fabrics() -> impl Strategy<Value = (Topology, SwitchConfig)> {
    type Build = fn(Cabling) -> Result<Topology, TopologyError>;
    let cabling = Cabling {
        host: fabric::LinkConfig { rate: Rate::from_gbps(100), latency: Dur::from_ns(500) },
        fabric: fabric::LinkConfig { rate: Rate::from_gbps(40), latency: Dur::from_us(2) },
    };
    let builders: [(Build, u8); 4] = [
        (|cabling| Topology::star(6, cabling), 0xff),
        (|cabling| Topology::leaf_spine(3, 2, 3, cabling), 0xff),
        (|cabling| Topology::rail_optimised(2, 3, 2, 2, cabling), 0xff),
        (|cabling| Topology::dragonfly(2, 2, 1, cabling), 0),
    ];
    (prop::sample::select(builders.to_vec()), configs()).prop_map(move |((build, lossless), mut config)| {
        config.buffer.lossless &= lossless;
        (build(cabling).expect("parameters are in range"), config)
    })
}

fn configs() -> impl Strategy<Value = SwitchConfig> {
    let forwarding = prop_oneof![
        Just(Forwarding::StoreAndForward),
        (0..200_u16).prop_map(|header_bytes| Forwarding::CutThrough { header_bytes }),
    ];
    let scheduling = prop_oneof![
        Just(Scheduling::Strict),
        (any::<u8>(), prop::array::uniform8(64..5_000_u32))
            .prop_map(|(strict, quanta_bytes)| Scheduling::Dwrr { strict, quanta_bytes }),
    ];
    let path_choice = prop_oneof![
        Just(PathChoice::Flow),
        Just(PathChoice::Spray),
        (0..2_000_u64).prop_map(|ns| PathChoice::Flowlet { gap: Dur::from_ns(ns) }),
    ];
    let curve = EcnCurve {
        kmin_bytes: 2_000,
        kmax_bytes: 20_000,
        pmax: Ratio::new(1, 2).expect("a probability"),
        rate: Some(Rate::from_gbps(100)),
    };
    let ecn = prop_oneof![Just(None), Just(Some(curve))];
    let buffer = (0..500_u64, 0..10_000_u64, 1..100_000_u64, -7..=3_i8, -7..=3_i8, any::<u8>(), 32..500_u16);
    (forwarding, 0..500_u64, 0..5_000_u32, buffer, ecn, scheduling, path_choice).prop_map(
        |(forwarding, latency_ns, port_fifo_bytes, buffer, ecn, scheduling, path_choice)| {
            let (reserved_bytes, headroom_bytes, shared, ingress, egress, lossless, pause_quanta) = buffer;
            let alpha = |exponent| Alpha::from_log2(exponent).expect("an exponent from -7 to 3");
            let per_port = 8 * reserved_bytes + u64::from(lossless.count_ones()) * headroom_bytes;
            let buffer = BufferConfig {
                total_bytes: 16 * per_port + shared,
                reserved_bytes,
                headroom_bytes,
                ingress_alpha: alpha(ingress),
                egress_alpha: alpha(egress),
                resume_offset_bytes: 1_000,
                lossless,
                pause_quanta,
            };
            SwitchConfig {
                forwarding,
                forwarding_latency: Dur::from_ns(latency_ns),
                port_fifo_bytes,
                buffer,
                ecn: [ecn; 8],
                scheduling,
                path_choice,
                ..SwitchConfig::default()
            }
        },
    )
}

/// Gives the bursts to a world in their order.
fn play(world: &mut World, mut bursts: Vec<Burst>) -> u64 {
    bursts.sort_by_key(|burst| burst.at_ns);
    let endpoints = world.topology.endpoint_count();
    let mut given = 0;
    for burst in bursts {
        world.run_until(Time::ZERO + Dur::from_ns(burst.at_ns));
        let (from, to) = (Endpoint(burst.from % endpoints), Endpoint(burst.to % endpoints));
        for _ in 0..burst.frames {
            world.send(from, packet(from, to, burst.flow, burst.dscp, burst.payload_bytes));
        }
        given += u64::from(burst.frames);
    }
    given
}

/// Frames that rules on links have lost and added.
fn lost_and_added(world: &World) -> (u64, u64) {
    let switch_links =
        world.switches.iter().flat_map(|switch| (0..switch.port_count() as u16).map(|port| switch.link(port)));
    let links = || world.hosts.iter().map(|host| &host.link).chain(switch_links.clone());
    let lost = links().map(|link| link.counters().lost_by_rule).sum();
    let duplicates = |link: &fabric::Link| link.rules().get(1).map_or(0, |rule| rule.report().fired);
    (lost, links().map(duplicates).sum())
}

/// What the properties below are about does come about in their cases: frames that wait, each kind of drop that those fabrics
/// have, pauses, marks.
#[test]
fn the_cases_reach_what_can_happen() {
    let mut runner = TestRunner::deterministic();
    let (mut totals, mut waiting, mut passed) = (PriorityCounters::default(), 0, 0);
    for _ in 0..100 {
        let case = (fabrics(), bursts()).new_tree(&mut runner).expect("nothing is filtered");
        let ((topology, config), bursts) = case.current();
        let mut world = World::new(topology, &config, 1).expect("the settings fit");
        play(&mut world, bursts);
        waiting += world.switches.iter().map(fabric::Switch::queued_frames).sum::<usize>();
        world.run();
        totals += world.totals();
        passed += world.received();
    }
    let drops = [DropReason::BufferFull, DropReason::HeadroomFull].map(|reason| totals.drops[reason]);
    assert!(drops.iter().all(|&frames| frames > 100), "{totals:?}");
    assert!(waiting > 100 && passed > 10_000, "{waiting} waited, {passed} arrived");
    assert!(totals.pauses_sent > 100 && totals.resumes_sent > 100 && totals.ecn_marks > 100, "{totals:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_frame_arrives_or_is_counted((topology, config) in fabrics(), bursts in bursts()) {
        let mut world = World::new(topology, &config, 1).expect("the settings fit");
        let given = play(&mut world, bursts);
        // In the middle of the run: what switches took in and did not put out or drop is what they hold.
        for switch in &world.switches {
            let totals = switch.totals();
            let held = totals.rx_frames - totals.tx_frames - totals.drops.total();
            prop_assert_eq!(held, switch.queued_frames() as u64);
            prop_assert_eq!(held == 0, switch.buffered_bytes() == 0);
        }
        world.run();
        let totals = world.totals();
        prop_assert_eq!(world.received() as u64 + totals.drops.total(), given);
        prop_assert_eq!(totals.rx_frames, totals.tx_frames + totals.drops.total());
        for switch in &world.switches {
            prop_assert_eq!((switch.queued_frames(), switch.buffered_bytes()), (0, 0));
        }
        for host in &world.hosts {
            prop_assert!(host.waiting.is_empty());
        }
    }

    #[test]
    fn faults_are_counted_too(
        (topology, config) in fabrics(),
        bursts in bursts(),
        permille in 0..300_u32,
    ) {
        let mut world = World::new(topology, &config, 1).expect("the settings fit");
        let pick = Pick::Chance(Ratio::new(permille, 1_000).expect("a probability"));
        let specs = [Verdict::Drop(Loss::Rule), Verdict::Duplicate, Verdict::Deliver { delay: Dur::from_us(3) }]
            .map(|verdict| RuleSpec::always(Matcher::Roce, pick, verdict));
        let add_rules = |link: &mut fabric::Link| for (number, spec) in specs.iter().enumerate() {
            let label = format!("link.{}.rule.{number}", link.id().0);
            link.add_rule(Rule::new(spec.clone(), des::Rng::stream(1, &label)));
        };
        world.hosts.iter_mut().for_each(|host| add_rules(&mut host.link));
        for switch in &mut world.switches {
            (0..switch.port_count() as u16).for_each(|port| add_rules(switch.link_mut(port)));
        }
        let given = play(&mut world, bursts);
        world.run();
        let (lost, added) = lost_and_added(&world);
        prop_assert_eq!(world.received() as u64 + world.totals().drops.total() + lost, given + added);
        for switch in &world.switches {
            prop_assert_eq!((switch.queued_frames(), switch.buffered_bytes()), (0, 0));
        }
    }
}
