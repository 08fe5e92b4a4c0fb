//! What switches say in a packet that asks: the fields of HPCC (SIGCOMM 2019, section 4.1), as numbers worked out by hand.

use crate::world::{World, packet};
use des::{Dur, Rate, Time};
use fabric::address::Endpoint;
use fabric::topology::Cabling;
use fabric::{LinkConfig, SwitchConfig, Topology};
use wire::Frame;
use wire::telemetry::Hop;

const ROCE: u8 = 26;
const HOST: LinkConfig = LinkConfig { rate: Rate::from_gbps(100), latency: Dur::from_us(1) };
const FABRIC: LinkConfig = LinkConfig { rate: Rate::from_gbps(400), latency: Dur::from_us(2) };

fn world(topology: Topology) -> World {
    let config = SwitchConfig { forwarding_latency: Dur::from_ns(250), ecn: [None; 8], ..SwitchConfig::default() };
    World::new(topology, &config, 1).expect("the settings fit")
}

/// A packet of 1058 bytes, 1082 on the cable: 86,560 ps at 100 Gb/s and 21,640 ps at 400 Gb/s.
fn frame(from: u32, to: u32, dscp: u8, asks: bool) -> Box<Frame> {
    let mut frame = packet(Endpoint(from), Endpoint(to), 1, dscp, 1_000);
    frame.edit(|packet| packet.telemetry = asks.then(Box::default));
    frame
}

/// What switches said in the frames that a host has received; nothing in those that did not ask.
fn said(world: &World, host: usize) -> Vec<Option<Vec<Hop>>> {
    let hops = |frame: &Frame| {
        let packet = frame.roce().expect("a packet");
        packet.telemetry.as_ref().map(|telemetry| telemetry.hops().to_vec())
    };
    world.hosts[host].received.iter().map(|(_, frame)| hops(frame)).collect()
}

#[test]
fn each_hop_tells_its_time_and_its_line() {
    let cabling = Cabling { host: HOST, fabric: FABRIC };
    let mut world = world(Topology::leaf_spine(2, 1, 1, cabling).expect("parameters are in range"));
    world.send(Endpoint(0), frame(0, 1, ROCE, true));
    world.run_until(Time::ZERO + Dur::from_us(100));
    world.send(Endpoint(0), frame(0, 1, ROCE, true));
    world.run();
    let hop = |time_ps, sent_bytes, rate_bps| Hop { time_ps, sent_bytes, queue_bytes: 0, rate_bps };
    // 86,560 and 1 us to the leaf; 250 ns, 21,640 and 2 us to the spine, and again to the other leaf.
    let first = [
        hop(1_086_560, 1_082, 400_000_000_000),
        hop(3_358_200, 1_082, 400_000_000_000),
        hop(5_629_840, 1_082, 100_000_000_000),
    ];
    let second = first.map(|hop| Hop { time_ps: hop.time_ps + 100_000_000, sent_bytes: 2_164, ..hop });
    assert_eq!(said(&world, 1), [Some(first.to_vec()), Some(second.to_vec())]);
}

/// Two hosts send four packets each, side by side, to a third: of each pair that arrives one more has to wait. Those of the second
/// host do not ask, but count.
#[test]
fn a_hop_tells_what_it_leaves_behind_and_all_that_it_has_sent() {
    let mut world = world(Topology::star(3, Cabling { host: HOST, fabric: FABRIC }).expect("a star"));
    for (from, asks) in [(0, true), (1, false)] {
        (0..4).for_each(|_| world.send(Endpoint(from), frame(from, 2, ROCE, asks)));
    }
    world.run();
    let hop = |packets_before: u64, waiting: u64| {
        let (time_ps, sent_bytes) = (1_086_560 + packets_before * 86_560, (packets_before + 1) * 1_082);
        Some(vec![Hop { time_ps, sent_bytes, queue_bytes: waiting * 1_058, rate_bps: 100_000_000_000 }])
    };
    // The first finds the line free. While the second to fourth packets leave, two arrive each time.
    let expected = [hop(0, 0), None, hop(2, 3), None, hop(4, 3), None, hop(6, 1), None];
    assert_eq!(said(&world, 2), expected);
}

#[test]
fn only_the_queue_of_its_own_priority_counts() {
    let mut world = world(Topology::star(3, Cabling { host: HOST, fabric: FABRIC }).expect("a star"));
    for (from, dscp) in [(0, ROCE), (1, 0)] {
        (0..3).for_each(|_| world.send(Endpoint(from), frame(from, 2, dscp, true)));
    }
    world.run();
    // All of priority 3 pass without waiting, but the bytes of priority 0 are sent by the same port.
    let queues: Vec<_> = said(&world, 2).into_iter().flatten().flatten().collect();
    let sent: Vec<u64> = queues.iter().map(|hop| hop.sent_bytes / 1_082).collect();
    let queues: Vec<u64> = queues.iter().map(|hop| hop.queue_bytes / 1_058).collect();
    assert_eq!((queues, sent), (vec![0, 0, 0, 2, 1, 0], vec![1, 2, 3, 4, 5, 6]));
}

/// What a receiver sends back is what it got: switches add nothing to it.
#[test]
fn the_way_back_is_not_measured() {
    let mut world = world(Topology::star(2, Cabling { host: HOST, fabric: FABRIC }).expect("a star"));
    let mut echo = frame(1, 0, ROCE, true);
    let mut telemetry = wire::Telemetry::default();
    telemetry.push(1, Hop { time_ps: 7, ..Hop::default() });
    telemetry.close();
    echo.edit(|packet| packet.telemetry = Some(Box::new(telemetry)));
    world.send(Endpoint(1), echo);
    world.run();
    assert_eq!(said(&world, 0), [Some(vec![Hop { time_ps: 7, ..Hop::default() }])]);
}
