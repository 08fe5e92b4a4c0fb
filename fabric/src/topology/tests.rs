use super::*;
use crate::switch::RouteTable;
use des::Rate;
use std::collections::{BTreeMap, BTreeSet};

const CABLING: Cabling = Cabling::uniform(Rate::from_gbps(100), Dur::from_us(1));

fn host(number: u32, port: u16) -> PortRef {
    PortRef { node: NodeId::Host(number), port }
}

fn switch(number: u32, port: u16) -> PortRef {
    PortRef { node: NodeId::Switch(number), port }
}

fn cable(a: PortRef, b: PortRef) -> Cable {
    Cable { a, b, line: CABLING.host, loss: Ratio::ZERO }
}

/// How many pairs of endpoints have how many switches between them; 0 counts those that no way connects. Every choice
/// at every switch is tried, and all must lead to the end in the same number of steps.
fn switches_between(topology: &Topology) -> BTreeMap<u32, u32> {
    let routes = topology.routes();
    let endpoints = || (0..topology.endpoint_count()).map(Endpoint);
    let mut count = BTreeMap::new();
    for (from, to) in endpoints().flat_map(|from| endpoints().map(move |to| (from, to))).filter(|(from, to)| from != to)
    {
        *count.entry(steps(topology, &routes, from, to)).or_default() += 1;
    }
    count
}

fn steps(topology: &Topology, routes: &[RouteTable], from: Endpoint, to: Endpoint) -> u32 {
    let start = topology.host_port(from).expect("endpoints below the count exist");
    let end = topology.host_port(to).expect("endpoints below the count exist");
    let peer = |port: PortRef| topology.ports(port.node)[usize::from(port.port)].peer;
    let mut front = BTreeSet::from([peer(start)]);
    for steps in 0..20 {
        if front == BTreeSet::from([end]) {
            return steps;
        }
        let mut next = BTreeSet::new();
        for at in &front {
            let NodeId::Switch(number) = at.node else {
                panic!("{from} to {to}: a frame ends at {at}");
            };
            let ports = routes[number as usize].ports(to);
            next.extend(ports.iter().map(|&port| peer(switch(number, port))));
        }
        if next.is_empty() {
            return 0;
        }
        front = next;
    }
    panic!("{from} to {to}: a frame goes round in circles");
}

#[test]
fn every_pair_of_every_builder_is_as_far_apart_as_it_should_be() {
    type Row = (&'static str, Result<Topology, TopologyError>, &'static [(u32, u32)]);
    let table: [Row; 8] = [
        ("star", Topology::star(5, CABLING), &[(1, 5 * 4)]),
        ("leaf-spine", Topology::leaf_spine(4, 2, 3, CABLING), &[(1, 12 * 2), (3, 12 * 9)]),
        ("one leaf", Topology::leaf_spine(1, 1, 3, CABLING), &[(1, 6)]),
        ("fat tree 2", Topology::fat_tree(2, CABLING), &[(5, 2)]),
        ("fat tree 4", Topology::fat_tree(4, CABLING), &[(1, 16), (3, 16 * 2), (5, 16 * 12)]),
        // 3 groups of 2 routers with 2 hosts each, which make a ring of 6 routers.
        ("dragonfly", Topology::dragonfly(2, 2, 1, CABLING), &[(1, 12), (2, 48), (3, 48), (4, 24)]),
        // Two units of 3 hosts with 2 rails: the own rail of the unit, else over a spine.
        ("rails", Topology::rail_optimised(2, 3, 2, 2, CABLING), &[(1, 12 * 2), (3, 12 * 9)]),
        ("rails apart", Topology::rail_optimised(1, 3, 2, 0, CABLING), &[(0, 6 * 3), (1, 6 * 2)]),
    ];
    for (name, topology, expected) in table {
        let topology = topology.expect("parameters are in range");
        assert_eq!(switches_between(&topology), expected.iter().copied().collect(), "{name}");
    }
}

#[test]
fn larger_dragonflies_need_at_most_four_switches() {
    let topology = Topology::dragonfly(4, 1, 2, CABLING).expect("parameters are in range");
    assert_eq!((topology.switch_count(), topology.host_count(), topology.cables().len()), (36, 36, 36 + 9 * 6 + 36));
    let between = switches_between(&topology);
    assert_eq!(between.values().sum::<u32>(), 36 * 35);
    assert!(between.keys().all(|steps| (2..=4).contains(steps)), "{between:?}");
}

#[test]
fn a_fat_tree_has_the_sizes_of_the_paper() {
    for (k, hosts, switches, cables) in [(4, 16, 20, 48), (6, 54, 45, 162), (16, 1_024, 320, 3_072)] {
        let topology = Topology::fat_tree(k, CABLING).expect("k is even");
        assert_eq!(
            (topology.host_count(), topology.switch_count(), topology.cables().len()),
            (hosts, switches, cables)
        );
        let radix = |number| topology.ports(NodeId::Switch(number)).len() as u32;
        assert!((0..switches).all(|number| radix(number) == k), "every switch has {k} ports");
    }
}

#[test]
fn equal_ways_are_all_there_and_in_order() {
    let topology = Topology::fat_tree(4, CABLING).expect("k is even");
    let routes = topology.routes();
    assert_eq!(routes[0].ports(Endpoint(0)), [0], "down to the own host");
    assert_eq!(routes[0].ports(Endpoint(15)), [2, 3], "up by either aggregation");
    assert_eq!(routes[8].ports(Endpoint(15)), [2, 3], "up by either core");
    assert_eq!(routes[16].ports(Endpoint(15)), [3], "down to the last pod");
    assert_eq!(routes[0].ports(Endpoint(16)), [0_u16; 0], "nobody");
}

#[test]
fn routes_avoid_what_is_down() {
    let topology = Topology::leaf_spine(2, 2, 1, CABLING).expect("parameters are in range");
    // Of the first leaf: cable 0 to its host, 1 and 2 to the spines.
    let routes_without = |cables: &[usize]| topology.routes_without(&cables.iter().copied().collect());
    assert_eq!(routes_without(&[])[0].ports(Endpoint(1)), [1, 2]);
    assert_eq!(routes_without(&[1])[0].ports(Endpoint(1)), [2]);
    assert_eq!(routes_without(&[1])[2].ports(Endpoint(0)), [1], "the first spine goes round");
    assert_eq!(routes_without(&[1, 2])[0].ports(Endpoint(1)), [0_u16; 0]);
    assert_eq!(routes_without(&[0])[0].ports(Endpoint(0)), [0_u16; 0]);
}

#[test]
fn endpoints_are_dense_and_find_back() {
    let topology = Topology::rail_optimised(1, 3, 2, 1, CABLING).expect("parameters are in range");
    assert_eq!(topology.endpoint_count(), 6);
    assert_eq!(topology.endpoint(2, 1), Endpoint(5));
    for number in 0..6 {
        let port = host(number / 2, (number % 2) as u16);
        assert_eq!(topology.host_port(Endpoint(number)), Some(port));
    }
    assert_eq!(topology.host_port(Endpoint(6)), None);
}

#[test]
fn links_know_their_ends() {
    let topology = Topology::star(2, CABLING).expect("parameters are in range");
    assert_eq!(topology.ends(LinkId(2)), Some((host(1, 0), switch(0, 1))));
    assert_eq!(topology.ends(LinkId(3)), Some((switch(0, 1), host(1, 0))));
    assert_eq!(topology.ends(LinkId(4)), None);
    assert_eq!(topology.ports(NodeId::Switch(0))[1].link, LinkId(3));
    assert_eq!(topology.look_ahead(), Dur::from_us(1));
}

#[test]
fn impossible_graphs_name_what_is_wrong() {
    use TopologyError as E;
    let a = cable(host(0, 0), host(1, 0));
    let apart = vec![a, cable(host(2, 0), switch(0, 0)), cable(host(3, 0), switch(0, 1))];
    let table: [(u32, u32, Vec<Cable>, E, &str); 8] = [
        (0, 0, vec![], E::NoHosts, "a topology needs at least 1 host"),
        (
            1,
            0,
            vec![a],
            E::UnknownNode { cable: 0, node: NodeId::Host(1), count: 1 },
            "cable 0 leads to host 1, but there are 1 of them",
        ),
        (
            2,
            0,
            vec![a, cable(host(1, 1), host(1, 2))],
            E::SameNode { cable: 1, node: NodeId::Host(1) },
            "both ends of cable 1 are at host 1",
        ),
        (
            3,
            0,
            vec![a, cable(host(2, 0), host(1, 0))],
            E::PortUsedTwice { port: host(1, 0), first: 0, second: 1 },
            "host 1 port 0 is used by cable 0 and by cable 1",
        ),
        (
            2,
            0,
            vec![cable(host(0, 0), host(1, 1))],
            E::PortMissing { port: host(1, 0) },
            "host 1 port 0 has no cable, but higher ports have",
        ),
        (3, 0, vec![a], E::Unconnected { node: NodeId::Host(2) }, "host 2 has no cable"),
        (
            4,
            1,
            apart,
            E::Unreachable { from: NodeId::Host(0), to: NodeId::Host(2) },
            "no way leads from host 0 to host 2",
        ),
        (
            2,
            20_000,
            vec![a],
            E::TooManySwitches { actual: 20_000, limit: 16_384 },
            "20000 switches are too many, the limit is 16384",
        ),
    ];
    for (hosts, switches, cables, error, text) in table {
        assert_eq!(Topology::new(hosts, switches, cables).map(|_| ()), Err(error), "{text}");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn hosts_on_different_islands_may_still_meet() {
    // Three hosts, each with a cable to each other: no island has all, but every pair has one.
    let triangle = vec![cable(host(0, 0), host(1, 0)), cable(host(1, 1), host(2, 0)), cable(host(2, 1), host(0, 1))];
    assert!(Topology::new(3, 0, triangle).is_ok());
}

#[test]
fn ports_without_a_way_between_them_are_on_different_islands() {
    let rails = Topology::rail_optimised(1, 2, 3, 0, CABLING).expect("parameters are in range");
    assert_eq!(rails.islands(), [0, 1, 2, 0, 1, 2]);
    let joined = Topology::rail_optimised(1, 2, 3, 1, CABLING).expect("parameters are in range");
    assert_eq!(joined.islands(), [0; 6]);
    let pair = Topology::back_to_back(CABLING).expect("always possible").islands();
    assert_eq!(pair[0], pair[1]);
}

#[test]
fn builders_refuse_what_cannot_be() {
    let parameter = |topology, name, actual, min, max| TopologyError::Parameter { topology, name, actual, min, max };
    let table = [
        (Topology::star(0, CABLING), parameter("star", "hosts", 0, 1, 65_535)),
        (Topology::star(65_536, CABLING), parameter("star", "hosts", 65_536, 1, 65_535)),
        (Topology::leaf_spine(0, 1, 1, CABLING), parameter("leaf-spine", "leaves", 0, 1, 65_535)),
        (Topology::leaf_spine(1, 0, 1, CABLING), parameter("leaf-spine", "spines", 0, 1, 65_535)),
        (Topology::leaf_spine(1, 5, 65_531, CABLING), parameter("leaf-spine", "hosts per leaf", 65_531, 1, 65_530)),
        (
            Topology::leaf_spine(60_000, 1, 60_000, CABLING),
            TopologyError::TooManyEndpoints { actual: 3_600_000_000, limit: 16_777_214 },
        ),
        (Topology::leaf_spine(60_000, 1, 1, CABLING), TopologyError::TooManySwitches { actual: 60_001, limit: 16_384 }),
        (Topology::fat_tree(5, CABLING), TopologyError::OddRadix { k: 5 }),
        (Topology::fat_tree(0, CABLING), parameter("fat tree", "k", 0, 2, 110)),
        (Topology::fat_tree(116, CABLING), parameter("fat tree", "k", 116, 2, 110)),
        (Topology::dragonfly(0, 1, 1, CABLING), parameter("dragonfly", "routers", 0, 1, 4_096)),
        (
            Topology::dragonfly(4_096, 4_096, 4_096, CABLING),
            TopologyError::TooManyEndpoints { actual: (4_096 * 4_096 + 1) << 24, limit: 16_777_214 },
        ),
        (
            Topology::leaf_spine(8_000, 8_000, 1, CABLING),
            TopologyError::TooManyCables { actual: 64_008_000, limit: 1 << 20 },
        ),
        (
            Topology::three_layer(1, 5_000, 5_000, 1, 1, CABLING),
            TopologyError::TooManyCables { actual: 25_010_000, limit: 1 << 20 },
        ),
        (
            Topology::rail_optimised(8_000, 1, 1, 8_000, CABLING),
            TopologyError::TooManyCables { actual: 64_008_000, limit: 1 << 20 },
        ),
        (Topology::dragonfly(1, 1, 4_096, CABLING), TopologyError::TooManyCables { actual: 8_394_753, limit: 1 << 20 }),
        (Topology::rail_optimised(2, 1, 1, 0, CABLING), parameter("rail-optimised", "spines", 0, 1, 65_534)),
    ];
    for (topology, error) in table {
        assert_eq!(topology.map(|_| ()), Err(error), "{error}");
    }
}

/// They would take 16 GB and an hour.
#[test]
fn too_many_routes_are_refused_before_there_are_any() {
    let ways = Topology::leaf_spine(2_000, 70, 1, CABLING).map(|_| ());
    assert!(matches!(ways, Err(TopologyError::TooManyRoutes { cables: 140_000, .. })), "{ways:?}");
    let entries = Topology::leaf_spine(6_500, 1, 10, CABLING).map(|_| ());
    assert!(
        matches!(entries, Err(TopologyError::TooManyRoutes { switches: 6_501, endpoints: 65_000, .. })),
        "{entries:?}"
    );
    assert!(Topology::fat_tree(62, CABLING).is_ok(), "the largest that a scenario may have");
}

#[test]
fn a_wiring_has_its_limits() {
    let mut wiring = Wiring::new();
    let (hub, hosts) = (wiring.switches(1)[0], wiring.hosts(1));
    for _ in 0..=65_535 {
        wiring.cable(hosts[0], hub, CABLING.host);
    }
    let error = wiring.finish().map(|_| ()).expect_err("65536 ports");
    assert_eq!(error.to_string(), "switch 0 has 65536 cables, the limit is 65535");
}

#[test]
fn parts_fit_the_graph_and_lossy_cables_lose() {
    let mut wiring = Wiring::new();
    let (hub, hosts) = (wiring.switches(1)[0], wiring.hosts(2));
    wiring.cable(hosts[0], hub, CABLING.host);
    wiring.lossy_cable(hosts[1], hub, CABLING.fabric, Ratio::new(1, 2).expect("a probability"));
    let topology = wiring.finish().expect("a star");
    let switches = topology.build_switches(&Default::default(), 1).expect("the default settings fit two ports");
    assert_eq!(switches.len(), 1);
    assert_eq!((switches[0].link(0).id(), switches[0].link(1).id()), (LinkId(1), LinkId(3)));
    assert_eq!((switches[0].link(0).rules().len(), switches[0].link(1).rules().len()), (0, 1));
    let uplinks = [0, 1].map(|host| topology.build_uplinks(host, 1));
    assert_eq!((uplinks[0][0].id(), uplinks[1][0].id()), (LinkId(0), LinkId(2)));
    assert_eq!((uplinks[0][0].rules().len(), uplinks[1][0].rules().len()), (0, 1));
}

#[test]
fn cables_lead_from_one_tier_to_the_next_unless_there_is_an_odd_ring() {
    let tiered = [
        (Topology::back_to_back(CABLING), 1),
        (Topology::star(5, CABLING), 1),
        (Topology::leaf_spine(3, 2, 4, CABLING), 2),
        (Topology::fat_tree(4, CABLING), 3),
        (Topology::rail_optimised(1, 3, 2, 0, CABLING), 1),
        // Switches of one tier are joined: only sides are left.
        (Topology::dragonfly(2, 2, 1, CABLING), 1),
    ];
    for (topology, highest) in tiered {
        let topology = topology.expect("it is possible");
        let tiers = topology.tiers().expect("rings are even");
        let tier = |end: PortRef| match end.node {
            NodeId::Host(host) => tiers.of(topology.endpoint(host, end.port).0),
            NodeId::Switch(switch) => tiers.of(topology.endpoint_count() + switch),
        };
        assert_eq!(tiers.highest(), highest);
        assert!(topology.cables().iter().all(|cable| tier(cable.a).abs_diff(tier(cable.b)) == 1));
        let folded = tiers.clone().folded();
        let stations = topology.endpoint_count() + topology.switch_count();
        assert!((0..stations).all(|station| folded.of(station) == tiers.of(station) % 2));
    }
    let groups_of_three = Topology::dragonfly(3, 2, 1, CABLING).expect("it is possible");
    assert_eq!(groups_of_three.tiers(), None);
}

#[test]
fn a_fat_tree_has_a_block_for_each_pod_and_for_each_plane() {
    let topology = Topology::fat_tree(4, CABLING).expect("it is possible");
    let tiers = topology.tiers().expect("a tree has tiers");
    let sizes = |blocks: Vec<Vec<u32>>| blocks.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(tiers.blocks(0..=0)), [1; 16], "hosts");
    assert_eq!(sizes(tiers.blocks(0..=1)), [3; 8], "switches with their hosts");
    assert_eq!(sizes(tiers.blocks(0..=2)), [8; 4], "pods");
    assert_eq!(sizes(tiers.blocks(2..=3)), [6; 2], "core switches, each with one switch of every pod");
    let mut all = tiers.blocks(0..=2).concat();
    all.extend(tiers.blocks(3..=3).concat());
    all.sort_unstable();
    assert!(all.into_iter().eq(0..36), "each station is in one block");
}
