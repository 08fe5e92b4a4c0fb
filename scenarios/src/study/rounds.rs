//! In which order stations have their turns, and how far each goes.
//!
//! Nobody influences a neighbour sooner than a cable takes. Stations that lie around each other have their turns one after the other,
//! again and again while no cache forgets them, until they must hear of others. `docs/PARALLEL.md` has the reasons and a picture.

use fabric::Topology;
use fabric::topology::Tiers;
use std::collections::BTreeMap;

/// Stations that have their turns now, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) stations: Vec<u32>,
    /// They work off what happens until so many cables could have been crossed since the round's beginning.
    pub(super) reach_cables: u32,
}

/// Turns, again and again. Between its layers, parts tell each other what they have sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) layers: Vec<Vec<Turn>>,
    /// A round begins so many times what a cable takes after the one before, or later.
    pub(super) length_cables: u32,
}

impl Round {
    /// The round of a world, in the numbers of its stations; `homes` says which part simulates each, and as which of its own.
    pub(super) fn new(topology: &Topology, homes: &[(u16, u32)]) -> Self {
        match topology.tiers().filter(|tiers| tiers.highest() > 0) {
            Some(tiers) => Self::of_tiers(tiers, homes),
            None => {
                let stations = (0..homes.len() as u32).collect();
                Self { layers: vec![vec![Turn { stations, reach_cables: 1 }]], length_cables: 1 }
            }
        }
    }

    /// First the blocks below the top tier, each by itself; then the top with the tier that joins both.
    fn of_tiers(tiers: Tiers, homes: &[(u16, u32)]) -> Self {
        let part = |station: u32| homes[station as usize].0;
        let is_cut = |block: &Vec<u32>| block.iter().any(|&station| part(station) != part(block[0]));
        let tiers = if tiers.blocks(0..=tiers.highest() - 1).iter().any(is_cut) { tiers.folded() } else { tiers };
        let (mut layers, planes) = (vec![below_the_top(&tiers)], with_the_top(&tiers));
        if homes.iter().all(|(part, _)| *part == 0) {
            layers[0].extend(planes.into_iter().flatten());
        } else {
            // A plane is in many parts: all of them end each of its turns before the next.
            layers.extend([0, 1, 2].map(|turn| planes.iter().map(|turns| turns[turn].clone()).collect()));
        }
        Self { layers, length_cables: 4 }
    }

    /// What of it a part does, in the part's own numbers.
    pub(super) fn of_part(&self, part: u16, homes: &[(u16, u32)]) -> Self {
        let own = |&station: &u32| Some(homes[station as usize]).filter(|home| home.0 == part).map(|home| home.1);
        let turn = |turn: &Turn| {
            let stations: Vec<u32> = turn.stations.iter().filter_map(own).collect();
            (!stations.is_empty()).then_some(Turn { stations, ..*turn })
        };
        let layers = self.layers.iter().map(|layer| layer.iter().filter_map(turn).collect());
        Self { layers: layers.collect(), ..*self }
    }
}

/// The turns of the blocks below the top tier. When they begin, the top is where the round begins, tiers at an even
/// distance from it are two cables behind, the others one.
fn below_the_top(tiers: &Tiers) -> Vec<Turn> {
    let top = tiers.highest();
    let pick = |of: &[u32], wanted: fn(u32) -> bool| -> Vec<u32> {
        of.iter().copied().filter(|&station| wanted(top - tiers.of(station))).collect()
    };
    let inner = if top > 1 { tiers.blocks(0..=top - 2) } else { Vec::new() };
    let mut inner: BTreeMap<u32, Vec<u32>> = inner.into_iter().map(|block| (block[0], block)).collect();
    let mut turns = Vec::new();
    for block in tiers.blocks(0..=top - 1) {
        let mut turn = |stations, reach_cables| turns.push(Turn { stations, reach_cables });
        turn(pick(&block, |distance| distance % 2 == 0), 0);
        turn(pick(&block, |distance| distance == 1), 1);
        for inner in block.iter().filter_map(|station| inner.remove(station)) {
            turn(pick(&inner, |distance| distance % 2 == 1), 1);
            turn(pick(&inner, |distance| distance % 2 == 0), 2);
            turn(pick(&inner, |distance| distance % 2 == 1), 3);
        }
    }
    turns.retain(|turn| !turn.stations.is_empty());
    turns
}

/// The three turns of each block that the top tier makes with the one below it.
fn with_the_top(tiers: &Tiers) -> Vec<[Turn; 3]> {
    let top = tiers.highest();
    let block = |block: Vec<u32>| {
        let (high, low): (Vec<u32>, Vec<u32>) = block.into_iter().partition(|&station| tiers.of(station) == top);
        let turn = |stations, reach_cables| Turn { stations, reach_cables };
        [turn(high.clone(), 2), turn(low, 3), turn(high, 4)]
    };
    tiers.blocks(top - 1..=top).into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use des::{Dur, Rate};
    use fabric::topology::Cabling;
    use fabric::{NodeId, PortRef};

    const CABLING: Cabling = Cabling::uniform(Rate::from_gbps(100), Dur::from_us(1));

    fn cables(topology: &Topology) -> Vec<[usize; 2]> {
        let station = |end: PortRef| match end.node {
            NodeId::Host(host) => topology.endpoint(host, end.port).0 as usize,
            NodeId::Switch(switch) => (topology.endpoint_count() + switch) as usize,
        };
        topology.cables().iter().map(|cable| [station(cable.a), station(cable.b)]).collect()
    }

    /// Parts that do not know what others do in a layer go no farther than a cable beyond where these began it.
    fn check(topology: &Topology, parts: u16) {
        let partition = topology.partition(parts);
        let hosts = (0..topology.host_count()).map(NodeId::Host);
        let switches = (0..topology.switch_count()).map(NodeId::Switch);
        let homes: Vec<(u16, u32)> = hosts.chain(switches).map(|node| (partition.part(node), 0)).collect();
        let round = Round::new(topology, &homes);
        let cables = cables(topology);
        // Cables since the beginning of all; nobody is beyond the round's beginning.
        let mut clocks = vec![0; homes.len()];
        for begin in (0..5).map(|round_number| round_number * round.length_cables) {
            assert!(clocks.iter().all(|&clock| clock <= begin));
            for layer in &round.layers {
                let before = clocks.clone();
                for Turn { stations, reach_cables } in layer {
                    for &station in stations {
                        let station = station as usize;
                        let end = begin + reach_cables;
                        assert!(end >= clocks[station], "nobody goes back");
                        let ends = cables.iter().filter(|ends| ends.contains(&station));
                        for peer in ends.map(|[a, b]| a + b - station) {
                            let known = if homes[peer].0 == homes[station].0 { clocks[peer] } else { before[peer] };
                            assert!(end <= known + 1, "{topology:?} in {parts}: {station} is ahead of {peer}");
                        }
                        clocks[station] = end;
                    }
                }
            }
        }
        assert!(clocks.iter().all(|&clock| clock + 2 >= 5 * round.length_cables), "nobody is left behind");
    }

    #[test]
    fn nobody_goes_farther_than_neighbours_allow() {
        let topologies = [
            Topology::back_to_back(CABLING),
            Topology::star(5, CABLING),
            Topology::leaf_spine(4, 2, 3, CABLING),
            Topology::fat_tree(4, CABLING),
            Topology::fat_tree(6, CABLING),
            Topology::dragonfly(2, 2, 1, CABLING),
            Topology::dragonfly(3, 2, 1, CABLING),
        ];
        for topology in topologies.map(|topology| topology.expect("it is possible")) {
            (1..6).for_each(|parts| check(&topology, parts));
        }
    }

    #[test]
    fn a_fat_tree_goes_pod_by_pod_and_then_plane_by_plane() {
        let topology = Topology::fat_tree(4, CABLING).expect("it is possible");
        let round = Round::new(&topology, &[(0, 0); 36]);
        let turns: Vec<(usize, u32)> =
            round.layers.concat().iter().map(|turn| (turn.stations.len(), turn.reach_cables)).collect();
        let edge = [(2, 1), (1, 2), (2, 3)];
        let pod = [[(2, 0), (2, 1)].as_slice(), &edge, &edge].concat();
        let plane = [(2, 2), (4, 3), (2, 4)];
        assert_eq!(turns, [pod.repeat(4), plane.repeat(2)].concat());
        // Two parts keep pods whole and meet around the turns of the top; with three, some pods are cut.
        let layers = |parts| {
            let partition = topology.partition(parts);
            let hosts = (0..16).map(NodeId::Host);
            let nodes = hosts.chain((0..20).map(NodeId::Switch));
            let homes: Vec<(u16, u32)> = nodes.map(|node| (partition.part(node), 0)).collect();
            Round::new(&topology, &homes).layers.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(layers(2), [32, 2, 2, 2]);
        assert_eq!(layers(3)[1..], [1, 1, 1]);
    }
}
