use super::*;
use crate::topology::{Cabling, Wiring};
use des::{Dur, Rate};

const CABLING: Cabling = Cabling::uniform(Rate::from_gbps(100), Dur::from_us(1));

/// Switches in a ring, each with a host.
fn circle(switches: u32) -> Topology {
    let mut wiring = Wiring::new();
    let switches = wiring.switches(switches);
    for (&switch, &next) in switches.iter().zip(switches.iter().cycle().skip(1)) {
        let host = wiring.host();
        wiring.cable(host, switch, CABLING.host);
        wiring.cable(switch, next, CABLING.fabric);
    }
    wiring.finish().expect("it is possible")
}

/// The ring if everybody sends to everybody.
fn of_all(topology: &Topology) -> Option<Vec<PortRef>> {
    let endpoints = || (0..topology.endpoint_count()).map(Endpoint);
    topology.ring_of_ways(endpoints().flat_map(|from| endpoints().map(move |to| (from, to))))
}

/// Ports of a ring lead to the switch of the next one.
fn assert_closed(topology: &Topology, ring: &[PortRef]) {
    for (port, next) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        assert_eq!(topology.ports(port.node)[usize::from(port.port)].peer.node, next.node, "{ring:?}");
    }
}

#[test]
fn trees_have_no_ring() {
    for topology in [
        Topology::back_to_back(CABLING),
        Topology::star(9, CABLING),
        Topology::leaf_spine(4, 3, 2, CABLING),
        Topology::fat_tree(8, CABLING),
        Topology::three_layer(3, 2, 2, 2, 2, CABLING),
        Topology::rail_optimised(2, 2, 3, 2, CABLING),
    ] {
        assert_eq!(of_all(&topology.expect("it is possible")), None);
    }
}

#[test]
fn a_fat_tree_of_1024_hosts_has_no_ring() {
    let topology = Topology::fat_tree(16, CABLING).expect("it is possible");
    // A host of each switch for all: ways are those of switches.
    let hosts = || (0..1_024).step_by(8).map(Endpoint);
    assert_eq!(topology.ring_of_ways(hosts().flat_map(|from| hosts().map(move |to| (from, to)))), None);
}

#[test]
fn dragonflies_have_one() {
    for (routers, globals) in [(3, 1), (4, 2), (8, 4)] {
        let topology = Topology::dragonfly(routers, 1, globals, CABLING).expect("it is possible");
        assert_closed(&topology, &of_all(&topology).expect("ways lead around"));
    }
    // Two routers in each of three groups: every way has at most a hop before and one after the one between groups.
    let small = Topology::dragonfly(2, 1, 1, CABLING).expect("it is possible");
    assert_closed(&small, &of_all(&small).expect("the six switches form a circle"));
}

#[test]
fn a_circle_has_one_if_ways_overlap_all_around() {
    // One hop each: no way goes on over a second cable.
    assert_eq!(of_all(&circle(3)), None);
    for switches in [4, 5, 9] {
        let topology = circle(switches);
        let ring = of_all(&topology).expect("a ring");
        assert_eq!(ring.len(), switches as usize);
        assert_closed(&topology, &ring);
    }
    let two_hops = |from: u32| (Endpoint(from), Endpoint((from + 2) % 5));
    assert_eq!(circle(5).ring_of_ways((0..5).map(two_hops)).map(|ring| ring.len()), Some(5));
    assert_eq!(circle(5).ring_of_ways((0..4).map(two_hops)), None, "one link of the chain is missing");
}

#[test]
fn rings_are_found_where_they_are() {
    let graph: [&[usize]; 7] = [&[1], &[2, 6], &[3], &[4, 1], &[5], &[], &[3]];
    assert_eq!(ring(7, |node| graph[node].to_vec()).map(|ring| ring.len()), Some(3), "1 2 3, not 1 6 3");
    assert_eq!(ring(2, |node| [vec![1], vec![]][node].clone()), None);
    assert_eq!(ring(1, |_| vec![0]), Some(vec![0]));
}
