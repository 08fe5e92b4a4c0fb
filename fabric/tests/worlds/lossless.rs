//! Priority flow control: nothing is lost, whoever is slow.

use crate::world::{World, packet};
use des::{Dur, Rate, Time};
use fabric::address::Endpoint;
use fabric::rule::Loss;
use fabric::switch::{Alpha, BufferConfig, DropReason, Watchdog, WatchdogAction};
use fabric::topology::{Cabling, Standstill};
use fabric::{LinkConfig, Matcher, Pause, Pick, Rule, RuleSpec, SwitchConfig, Topology, Verdict};

const ROCE: u8 = 26;
const PRIORITY: usize = 3;
const LATENCY: Dur = Dur::from_us(1);

fn cabling() -> Cabling {
    Cabling::uniform(Rate::from_gbps(100), LATENCY)
}

/// Memory so small that an incast must be stopped.
fn small(headroom_bytes: u64) -> SwitchConfig {
    let buffer = BufferConfig {
        total_bytes: 1_000_000 + 64 * headroom_bytes,
        reserved_bytes: 0,
        headroom_bytes,
        ingress_alpha: Alpha::from_log2(-3).expect("an eighth"),
        ..BufferConfig::default()
    };
    SwitchConfig { buffer, ecn: [None; 8], ..SwitchConfig::default() }
}

/// All hosts but the last send `frames` to the last.
fn incast(topology: Topology, config: &SwitchConfig, frames: u32) -> World {
    let mut world = World::new(topology, config, 1).expect("the settings fit");
    let to = Endpoint(world.topology.endpoint_count() - 1);
    for from in (0..to.0).map(Endpoint) {
        (0..frames).for_each(|_| world.send(from, packet(from, to, 1, ROCE, 4_096)));
    }
    world
}

fn assert_drained(world: &World) {
    for (number, switch) in world.switches.iter().enumerate() {
        assert_eq!((switch.queued_frames(), switch.buffered_bytes()), (0, 0), "switch {number} after the run");
    }
}

#[test]
fn incast_loses_nothing_with_enough_headroom() {
    let topologies =
        [Topology::star(17, cabling()), Topology::leaf_spine(4, 2, 4, cabling()), Topology::fat_tree(4, cabling())];
    let line = cabling().host;
    let headroom = |fifo| BufferConfig::headroom_for(line, small(0).forwarding_latency, fifo, 4_096 + 58);
    assert!((40_000..42_000).contains(&headroom(0)), "{} bytes", headroom(0));
    let cases = topologies.into_iter().flat_map(|topology| [0, 4_096].map(|fifo| (topology.clone(), fifo)));
    for (topology, port_fifo_bytes) in cases {
        let config = SwitchConfig { port_fifo_bytes, ..small(headroom(port_fifo_bytes)) };
        let mut world = incast(topology.expect("parameters are in range"), &config, 200);
        world.run();
        let totals = world.totals();
        assert_eq!(totals.drops.total(), 0);
        let senders = world.hosts.len() - 1;
        assert_eq!(world.received(), senders * 200);
        assert!(totals.pauses_sent > 0 && totals.resumes_sent > 0, "{totals:?}");
        assert_drained(&world);
        // The bottleneck never rested: bytes over the last cable take exactly this long.
        let received = &world.hosts[senders].received;
        let busy = received[received.len() - 1].0.since(received[0].0);
        let frame = Rate::from_gbps(100).time_for(4_096 + 58 + 24);
        let pauses = Rate::from_gbps(100).time_for(84) * 10;
        assert!(busy <= frame * (received.len() as u64 - 1) + pauses, "{busy} for {} frames", received.len());
    }
}

#[test]
fn too_little_headroom_shows_as_such() {
    let mut world = incast(Topology::star(17, cabling()).expect("a star"), &small(5_000), 200);
    world.run();
    let totals = world.totals();
    assert!(totals.drops[DropReason::HeadroomFull] > 0, "{totals:?}");
    assert_eq!(totals.drops.total(), totals.drops[DropReason::HeadroomFull]);
    assert_eq!(world.received() as u64 + totals.drops.total(), 16 * 200);
    assert_drained(&world);
}

#[test]
fn lossy_priorities_drop_and_pause_nobody() {
    let mut config = small(0);
    config.buffer.lossless = 0;
    let mut world = incast(Topology::star(17, cabling()).expect("a star"), &config, 200);
    world.run();
    let totals = world.totals();
    assert!(totals.drops[DropReason::BufferFull] > 0);
    assert_eq!((totals.pauses_sent, totals.drops[DropReason::HeadroomFull]), (0, 0));
    assert_eq!(world.received() as u64 + totals.drops.total(), 16 * 200);
    assert!(totals.queue_bytes_max <= 500_000, "alpha 1: a queue gets half of the memory");
    assert_drained(&world);
}

#[test]
fn a_pause_holds_its_priority_only_and_ends_by_itself() {
    let mut world =
        World::new(Topology::star(2, cabling()).expect("a star"), &small(60_000), 1).expect("the settings fit");
    let (from, to) = (Endpoint(0), Endpoint(1));
    let mut out = Vec::new();
    let length = Dur::from_us(50);
    world.switches[0].on_pause(Time::ZERO, 1, Pause { priorities: 1 << PRIORITY, length }, &mut out);
    assert_eq!(out, [], "nothing waits");
    for dscp in [ROCE, 0, ROCE] {
        world.send(from, packet(from, to, 1, dscp, 100));
    }
    world.run();
    let received: Vec<_> = world.hosts[1].received.iter().map(|(at, frame)| (frame.dscp(), *at)).collect();
    let ends = Time::ZERO + length;
    assert_eq!(received.iter().map(|&(dscp, _)| dscp).collect::<Vec<_>>(), [Some(0), Some(ROCE), Some(ROCE)]);
    assert!(received[0].1 < ends && received[1].1 > ends);
    let begun = received[1].1.since(ends);
    let serialisation = Rate::from_gbps(100).time_for(100 + 58 + 24);
    assert_eq!(begun, serialisation + LATENCY + small(0).forwarding_latency);
}

#[test]
fn an_early_resume_is_obeyed_at_once() {
    let mut world =
        World::new(Topology::star(2, cabling()).expect("a star"), &small(60_000), 1).expect("the settings fit");
    let (from, to) = (Endpoint(0), Endpoint(1));
    let mut out = Vec::new();
    let pause = |length| Pause { priorities: 0xff, length };
    world.switches[0].on_pause(Time::ZERO, 1, pause(Dur::from_us(100)), &mut out);
    world.send(from, packet(from, to, 1, ROCE, 100));
    world.run_until(Time::ZERO + Dur::from_us(10));
    assert_eq!(world.switches[0].queued_frames(), 1);
    world.switches[0].on_pause(world.now, 1, pause(Dur::ZERO), &mut out);
    assert!(matches!(out[..], [fabric::Output::Frame { port: 1, .. }]), "{out:?}");
    assert_eq!(world.switches[0].counters(1)[PRIORITY].pauses_received, 2);
}

#[test]
fn pauses_are_repeated_until_they_are_no_longer_needed() {
    // The receiver's cable is a hundred times slower: senders stay paused for much longer than one pause holds.
    let slow = LinkConfig { rate: Rate::from_gbps(1), latency: LATENCY };
    let mut wiring = fabric::topology::Wiring::new();
    let (hub, hosts) = (wiring.switches(1)[0], wiring.hosts(3));
    hosts[..2].iter().for_each(|&host| wiring.cable(host, hub, cabling().host));
    wiring.cable(hosts[2], hub, slow);
    let mut config = small(60_000);
    config.buffer.pause_quanta = 2_000;
    let mut world = incast(wiring.finish().expect("a star"), &config, 200);
    world.run();
    let totals = world.totals();
    assert_eq!((totals.drops.total(), world.received()), (0, 400));
    assert!(totals.pauses_sent > 10 * totals.resumes_sent, "{totals:?}");
    assert_drained(&world);
}

#[test]
fn lost_pauses_cost_frames() {
    let lose = |pick| RuleSpec::always(Matcher::Pause, pick, Verdict::Drop(Loss::Rule));
    let run = |pick| {
        let mut config = small(60_000);
        config.buffer.pause_quanta = 2_000;
        let mut world = incast(Topology::star(17, cabling()).expect("a star"), &config, 200);
        for port in 0..16 {
            let rng = des::Rng::stream(1, &format!("rule.{port}"));
            world.switches[0].link_mut(port).add_rule(Rule::new(lose(pick), rng));
        }
        world.run();
        let totals = world.totals();
        assert_eq!(world.received() as u64 + totals.drops.total(), 16 * 200);
        assert_eq!(totals.drops.total(), totals.drops[DropReason::HeadroomFull]);
        assert!(totals.pauses_sent > 0, "there is something to lose");
        assert_drained(&world);
        let lost: u64 = (0..16).map(|port| world.switches[0].link(port).counters().lost_pauses).sum();
        (lost == totals.pauses_sent + totals.resumes_sent, totals.drops.total() > 0)
    };
    assert_eq!(run(Pick::Every), (true, true));
    assert_eq!(run(Pick::Nth(u64::MAX)), (false, false), "none lost");
}

/// Five switches in a ring, each with two hosts, which all send to the next but one.
fn ring(config: &SwitchConfig) -> World {
    let mut wiring = fabric::topology::Wiring::new();
    let switches = wiring.switches(5);
    for &switch in &switches {
        wiring.hosts(2).iter().for_each(|&host| wiring.cable(host, switch, cabling().host));
    }
    (0..5).for_each(|number| wiring.cable(switches[number], switches[(number + 1) % 5], cabling().fabric));
    let mut world = World::new(wiring.finish().expect("a ring"), config, 1).expect("the settings fit");
    for from in 0..10 {
        let to = Endpoint((from + 4) % 10);
        (0..500).for_each(|_| world.send(Endpoint(from), packet(Endpoint(from), to, 1, ROCE, 4_096)));
    }
    world
}

fn standstill(world: &World) -> Option<Standstill> {
    world.topology.standstill(&world.switches.iter().collect::<Vec<_>>(), world.now)
}

/// Switches that pause each other all the time, but go on.
#[test]
fn a_busy_tree_does_not_stand_still() {
    let mut world = incast(Topology::fat_tree(4, cabling()).expect("a fat tree"), &small(60_000), 200);
    for us in (20..1_000).step_by(20) {
        world.run_until(Time::ZERO + Dur::from_us(us));
        assert_eq!(standstill(&world), None, "after {us} us");
    }
    assert!(world.totals().pauses_received > 0);
}

#[test]
fn a_ring_of_lossless_switches_stands_still() {
    // Every switch waits for memory of the next one: the deadlock that keeps flow control to trees.
    let mut world = ring(&small(60_000));
    let mut received_after = |ms| {
        world.run_until(Time::ZERO + Dur::from_ms(ms));
        world.received()
    };
    let (early, late) = (received_after(5), received_after(10));
    assert_eq!(early, late, "no progress");
    assert!(late < 5_000, "{late} of 5000 frames came through");
    assert!(world.switches.iter().all(|switch| switch.queued_frames() > 0));
    assert_eq!(world.totals().drops.total(), 0);
    let found = standstill(&world).expect("all wait");
    assert_eq!((found.priority, found.ports.len()), (PRIORITY, 5));
    for (port, next) in found.ports.iter().zip(found.ports.iter().cycle().skip(1)) {
        assert_eq!(world.topology.ports(port.node)[usize::from(port.port)].peer.node, next.node, "{found:?}");
    }

    let mut lossy = small(0);
    lossy.buffer.lossless = 0;
    let watched = Watchdog { detect: Dur::from_us(200), restore: Dur::from_us(200), action: WatchdogAction::Drop };
    for config in [lossy, SwitchConfig { watchdog: Some(watched), ..small(60_000) }] {
        let mut world = ring(&config);
        world.run_until(Time::ZERO + Dur::from_us(190));
        assert_eq!(standstill(&world), None, "it ends");
        world.run();
        assert_eq!(world.received() as u64 + world.totals().drops.total(), 5_000);
    }
}

/// A peer that never lets the port go: without watchdog the frames wait for ever, with it they leave or are dropped.
#[test]
fn a_watchdog_ends_a_pause_storm() {
    let detect = Dur::from_us(200);
    for (action, received, storms) in [(WatchdogAction::Drop, 0, 4), (WatchdogAction::Forward, 4, 0)] {
        let watchdog = Some(Watchdog { detect, restore: Dur::from_us(400), action });
        let config = SwitchConfig { watchdog, ..small(60_000) };
        let mut world =
            World::new(Topology::star(2, cabling()).expect("a star"), &config, 1).expect("the settings fit");
        let (from, to) = (Endpoint(0), Endpoint(1));
        // Refreshed before it ends, again and again: all one silence.
        for us in (0..1_000).step_by(50) {
            let now = Time::ZERO + Dur::from_us(us);
            world.run_until(now);
            let pause = Pause { priorities: 1 << PRIORITY, length: Dur::from_us(100) };
            world.pause_switch(0, 1, pause);
            if us == 50 {
                (0..4).for_each(|_| world.send(from, packet(from, to, 1, ROCE, 1_000)));
            }
            if us == 100 {
                assert_eq!(world.received(), 0, "the pause holds");
            }
        }
        world.run();
        let totals = world.totals();
        assert_eq!((world.received(), totals.drops[DropReason::Storm], totals.storms), (received, storms, 1));
        assert_drained(&world);
        if let Some((first, _)) = world.hosts[1].received.first() {
            let waited = first.since(Time::ZERO + detect);
            assert!(waited < Dur::from_us(3), "as soon as the storm was seen, not {waited} later");
        }
    }
}
