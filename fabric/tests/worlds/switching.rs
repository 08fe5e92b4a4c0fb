//! Switches in a topology: times, shares, marks, ways.

use crate::world::{HEADER_BYTES, World, packet};
use des::{Dur, Rate, Ratio, Time};
use fabric::address::Endpoint;
use fabric::stats::UtilisationMeter;
use fabric::switch::{BufferConfig, EcnCurve, Forwarding, PathChoice, Scheduling};
use fabric::topology::Cabling;
use fabric::{NodeId, SwitchConfig, Topology};
use wire::{Ecn, FRAME_LEN_MIN};

const RATE: Rate = Rate::from_gbps(100);
const LATENCY: Dur = Dur::from_us(1);
const CABLING: Cabling = Cabling::uniform(RATE, LATENCY);
const ROCE: u8 = 26;

fn config() -> SwitchConfig {
    SwitchConfig { ecn: [None; 8], ..SwitchConfig::default() }
}

fn world(topology: Topology, config: &SwitchConfig) -> World {
    World::new(topology, config, 1).expect("the settings fit")
}

fn star(hosts: u32, config: &SwitchConfig) -> World {
    world(Topology::star(hosts, CABLING).expect("a star"), config)
}

/// Time on the line of a [`packet`] with so much payload.
fn length(payload_bytes: u32) -> Dur {
    RATE.time_for(u64::from(payload_bytes + HEADER_BYTES).max(FRAME_LEN_MIN as u64) + 24)
}

fn arrivals(world: &World, endpoint: u32) -> Vec<Time> {
    world.hosts[endpoint as usize].received.iter().map(|&(at, _)| at).collect()
}

#[test]
fn store_and_forward_pays_the_length_at_every_hop() {
    let topology = Topology::leaf_spine(2, 1, 1, CABLING).expect("parameters are in range");
    let mut world = world(topology, &config());
    world.send(Endpoint(0), packet(Endpoint(0), Endpoint(1), 1, ROCE, 4_096));
    world.run();
    let expected = Time::ZERO + (length(4_096) + LATENCY) * 4 + config().forwarding_latency * 3;
    assert_eq!(arrivals(&world, 1), [expected]);
    assert_eq!(world.switch_events, 3, "one event per hop");
}

#[test]
fn cut_through_pays_the_length_once() {
    let header_bytes = 64;
    let config = SwitchConfig { forwarding: Forwarding::CutThrough { header_bytes }, ..config() };
    let topology = Topology::leaf_spine(2, 1, 1, CABLING).expect("parameters are in range");
    let mut world = world(topology, &config);
    for _ in 0..2 {
        world.send(Endpoint(0), packet(Endpoint(0), Endpoint(1), 1, ROCE, 4_096));
    }
    world.run();
    let header = RATE.time_for(header_bytes.into());
    let first = Time::ZERO + length(4_096) + LATENCY * 4 + (config.forwarding_latency + header) * 3;
    assert_eq!(arrivals(&world, 1), [first, first + length(4_096)]);
}

#[test]
fn cut_through_to_a_faster_line_waits_for_the_last_bit() {
    let slow = fabric::LinkConfig { rate: Rate::from_gbps(25), latency: LATENCY };
    let cabling = Cabling { host: slow, ..CABLING };
    let config = SwitchConfig { forwarding: Forwarding::CutThrough { header_bytes: 64 }, ..config() };
    let mut world = world(Topology::leaf_spine(2, 1, 1, cabling).expect("parameters are in range"), &config);
    world.send(Endpoint(0), packet(Endpoint(0), Endpoint(1), 1, ROCE, 4_096));
    world.run();
    // The first leaf has it all after `slow`; the spine and the last leaf begin 64 bytes after it began to arrive.
    let slow = length(4_096) * 4;
    let through = RATE.time_for(64);
    let last_leaf_has_it_all = Time::ZERO + slow + LATENCY * 3 + config.forwarding_latency * 2 + through;
    let begins = last_leaf_has_it_all.as_ps() - length(4_096).as_ps() + through.as_ps();
    assert_eq!(arrivals(&world, 1), [Time::from_ps(begins) + slow + LATENCY + config.forwarding_latency]);
}

#[test]
fn a_queue_keeps_the_line_full_with_one_wake_a_frame() {
    let mut world = star(3, &config());
    for from in [0, 1].map(Endpoint) {
        (0..50).for_each(|_| world.send(from, packet(from, Endpoint(2), 1, ROCE, 1_000)));
    }
    world.run();
    let arrivals = arrivals(&world, 2);
    let gaps: Vec<_> = arrivals.iter().zip(&arrivals[1..]).map(|(early, late)| late.since(*early)).collect();
    assert_eq!(gaps, [length(1_000); 99]);
    assert_eq!(world.switch_events, 100 + 99, "only the first frame found the line free");
}

#[test]
fn a_port_fifo_saves_wakes_and_loses_no_time() {
    let fifo = SwitchConfig { port_fifo_bytes: 4_096, ..config() };
    let [plain, fifo] = [config(), fifo].map(|config| {
        let mut world = star(3, &config);
        for from in [0, 1].map(Endpoint) {
            (0..50).for_each(|_| world.send(from, packet(from, Endpoint(2), 1, ROCE, 1_000)));
        }
        world.run();
        (arrivals(&world, 2), world.switch_events)
    });
    assert_eq!(plain.0, fifo.0, "the same times");
    assert!(fifo.1 < 100 + 30, "{} events with the FIFO, {} without", fifo.1, plain.1);
}

/// Sends `count` frames of each of two priorities from two hosts to a third, and gives the share of priority 3 in
/// permille while both wait.
fn share_of_priority_3(scheduling: Scheduling, payload_bytes: [u32; 2]) -> u64 {
    let buffer = BufferConfig { lossless: 0, ..BufferConfig::default() };
    let mut world = star(3, &SwitchConfig { scheduling, buffer, ..config() });
    let dscps = [0, ROCE];
    for (from, (dscp, bytes)) in [0, 1].map(Endpoint).into_iter().zip(dscps.into_iter().zip(payload_bytes)) {
        let count = 4_000_000 / (bytes + HEADER_BYTES);
        (0..count).for_each(|_| world.send(from, packet(from, Endpoint(2), 1, dscp, bytes)));
    }
    let to_port = |world: &World, priority: usize| world.switches[0].counters(2)[priority].tx_bytes;
    world.run_until(Time::ZERO + Dur::from_us(50));
    let before = [0, 3].map(|priority| to_port(&world, priority));
    world.run_until(Time::ZERO + Dur::from_us(250));
    assert!(
        [0, 3].iter().all(|&priority| world.switches[0].queue_bytes(2, priority) > 0)
            || scheduling == Scheduling::Strict
    );
    let [low, high] = [0, 3].map(|priority| to_port(&world, priority));
    let (low, high) = (low - before[0], high - before[1]);
    assert!(low + high > 2_300_000, "the line was full: {low} and {high} bytes");
    high * 1_000 / (low + high)
}

#[test]
fn dwrr_shares_bytes_whatever_the_lengths() {
    let shares = |low, high| {
        let mut quanta_bytes = [1_500; 8];
        (quanta_bytes[0], quanta_bytes[3]) = (low, high);
        Scheduling::Dwrr { strict: 0, quanta_bytes }
    };
    let table = [
        (shares(1_500, 1_500), [1_000, 1_000], 500),
        (shares(1_500, 4_500), [1_000, 1_000], 750),
        (shares(1_500, 4_500), [4_096, 256], 750),
        (shares(4_500, 1_500), [256, 4_096], 250),
    ];
    for (scheduling, payload_bytes, permille) in table {
        let share = share_of_priority_3(scheduling, payload_bytes);
        assert!(share.abs_diff(permille) <= 10, "{share} permille, not {permille}, with payloads {payload_bytes:?}");
    }
}

#[test]
fn strict_priority_takes_all() {
    assert_eq!(share_of_priority_3(Scheduling::Strict, [1_000, 1_000]), 1_000);
}

#[test]
fn marks_follow_the_queue() {
    let pmax = Ratio::new(1, 5).expect("a probability");
    let curve = EcnCurve { kmin_bytes: 20_000, kmax_bytes: 40_000, pmax, rate: Some(RATE) };
    let mut world = star(3, &SwitchConfig { ecn: [Some(curve); 8], ..config() });
    for from in [0, 1].map(Endpoint) {
        (0..100).for_each(|_| world.send(from, packet(from, Endpoint(2), 1, ROCE, 1_000)));
    }
    world.run();
    // Frame n leaves n behind until the senders have finished; a frame is judged by what it leaves behind.
    let marked: Vec<bool> =
        world.hosts[2].received.iter().map(|(_, frame)| frame.ecn() == Some(Ecn::Congested)).collect();
    assert_eq!(marked.len(), 200);
    assert_eq!(marked.iter().filter(|&&marked| marked).count() as u64, world.totals().ecn_marks);
    assert!(marked[..18].iter().all(|&marked| !marked), "up to 18 frames wait: no marks");
    assert!(marked[40..160].iter().all(|&marked| marked), "at least 38 frames wait: all marked");
    assert!(marked[182..].iter().all(|&marked| !marked), "the queue has drained");
    // On both slopes frames meet all probabilities up to a fifth: of these 44 about four are marked.
    let slopes = marked[18..40].iter().chain(&marked[160..182]).filter(|&&marked| marked).count();
    assert!((1..=10).contains(&slopes), "{slopes} marks on the slopes");
    assert_eq!(world.totals().queue_bytes_max, 101 * 1_058, "the last two arrive before one of the 100 there leaves");
}

#[test]
fn ecmp_fills_all_ways_and_keeps_the_order_of_a_flow() {
    for (path_choice, in_order) in [(PathChoice::Flow, true), (PathChoice::Spray, false)] {
        let topology = Topology::leaf_spine(2, 4, 4, CABLING).expect("parameters are in range");
        let mut world = world(topology, &SwitchConfig { path_choice, ..config() });
        for number in 0..4_000_u32 {
            let (from, to) = (Endpoint(number % 4), Endpoint(4 + number / 4 % 4));
            // The payload's length says which of the flow's frames it is.
            world.send(from, packet(from, to, (number % 500) as u16, ROCE, number / 500));
        }
        let uplinks = 4..8;
        let meter = |world: &World, port| UtilisationMeter::new(Time::ZERO, world.switches[0].link(port));
        let mut meters: Vec<_> = uplinks.clone().map(|port| meter(&world, port)).collect();
        world.run();
        assert_eq!(world.received(), 4_000);
        let shares: Vec<u64> = uplinks.clone().map(|port| world.switches[0].counters(port)[3].tx_frames).collect();
        assert!(shares.iter().all(|share| (700..1_300).contains(share)), "{path_choice:?}: {shares:?}");
        for (port, meter) in uplinks.zip(&mut meters) {
            assert!((1..=1_000).contains(&meter.read(world.now, world.switches[0].link(port))));
        }
        let ordered = world.hosts.iter().all(|host| {
            let mut last = vec![0; 1 << 16];
            host.received.iter().all(|(_, frame)| {
                let fields = frame.flow_hash_fields().expect("a packet");
                let flow = usize::from(fields.udp_source_port);
                let previous = std::mem::replace(&mut last[flow], frame.wire_len());
                previous <= frame.wire_len()
            })
        });
        assert!(ordered || !in_order, "{path_choice:?}");
    }
}

#[test]
fn frames_for_nobody_are_counted() {
    let mut world = star(2, &config());
    world.send(Endpoint(0), packet(Endpoint(0), Endpoint(9), 1, ROCE, 0));
    world.run();
    assert_eq!(world.totals().drops[fabric::switch::DropReason::NoRoute], 1);
    assert_eq!(world.totals().drops.total(), 1);
}

#[test]
fn new_routes_go_round_a_dead_cable() {
    let topology = Topology::leaf_spine(2, 2, 1, CABLING).expect("parameters are in range");
    let mut world = world(topology.clone(), &config());
    let dead = topology.ports(NodeId::Switch(0))[1].cable;
    for (switch, routes) in world.switches.iter_mut().zip(topology.routes_without(&[dead].into())) {
        switch.set_routes(routes);
    }
    for flow in 0..20 {
        world.send(Endpoint(0), packet(Endpoint(0), Endpoint(1), flow, ROCE, 0));
    }
    world.run();
    assert_eq!((world.received(), world.switches[0].link(1).counters().frames), (20, 0));
}

#[test]
fn equal_seeds_give_equal_runs() {
    let run = |seed| {
        let topology = Topology::fat_tree(4, CABLING).expect("k is even");
        let config = SwitchConfig { path_choice: PathChoice::Spray, ..SwitchConfig::default() };
        let mut world = World::new(topology, &config, seed).expect("the settings fit");
        for from in 0..15 {
            (0..20).for_each(|_| world.send(Endpoint(from), packet(Endpoint(from), Endpoint(15), 1, ROCE, 1_000)));
        }
        world.run();
        world.hosts.pop().expect("16 hosts").received
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2), "spraying depends on the seed");
}
