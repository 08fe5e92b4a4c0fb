use super::*;
use crate::topology::Cabling;
use des::{Dur, Rate};

const CABLING: Cabling = Cabling::uniform(Rate::from_gbps(100), Dur::from_us(1));

/// Cables between parts, in hundredths of all cables, and the heaviest part in hundredths of the average.
fn quality(topology: &Topology, parts: u16) -> (u64, u64) {
    let partition = topology.partition(parts);
    let crosses = |a, b| partition.part(a) != partition.part(b);
    let cut = topology.cables().iter().filter(|cable| crosses(cable.a.node, cable.b.node)).count() as u64;
    let mut loads = vec![0; usize::from(parts)];
    for switch in 0..topology.switch_count() {
        loads[usize::from(partition.part(NodeId::Switch(switch)))] += topology.weight(switch as usize);
    }
    let (heaviest, all) = (loads.iter().max().copied().unwrap_or(0), loads.iter().sum::<u64>());
    (cut * 100 / topology.cables().len() as u64, heaviest * 100 * u64::from(parts) / all)
}

#[test]
fn parts_are_even_and_few_cables_lead_across() {
    let fat_tree = |k| Topology::fat_tree(k, CABLING).expect("k is even");
    let leaf_spine = Topology::leaf_spine(8, 4, 16, CABLING).expect("a leaf-spine");
    for (topology, parts, cut_max) in
        [(fat_tree(4), 2, 18), (fat_tree(8), 2, 18), (fat_tree(8), 3, 24), (fat_tree(8), 4, 27), (leaf_spine, 2, 12)]
    {
        let (cut, heaviest) = quality(&topology, parts);
        assert!(cut <= cut_max && heaviest <= 115, "{parts} parts: {cut} % of cables cut, heaviest {heaviest} %");
    }
}

#[test]
fn hosts_stay_with_their_switch_or_are_dealt_out() {
    let tree = Topology::fat_tree(4, CABLING).expect("k is even");
    let partition = tree.partition(3);
    for host in 0..tree.host_count() {
        let edge = tree.ports(NodeId::Host(host))[0].peer.node;
        assert_eq!(partition.part(NodeId::Host(host)), partition.part(edge));
    }
    let star = Topology::star(5, CABLING).expect("a star").partition(2);
    assert_eq!((star.hosts, star.switches), (vec![0, 0, 0, 1, 1], vec![0]));
    let pair = Topology::back_to_back(CABLING).expect("a cable").partition(4);
    assert_eq!(pair.hosts, [0, 1]);
    assert!(tree.partition(1).switches.iter().all(|&part| part == 0));
}
