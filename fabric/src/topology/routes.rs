//! Shortest ways through the switches.

use crate::switch::RouteTable;
use crate::topology::{CableEnd, NodeId, Topology};
use std::collections::{BTreeSet, VecDeque};

/// No way.
const FAR: u32 = u32::MAX;

impl Topology {
    /// The route table of each switch: all ports on a shortest way, in ascending order.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteTable> {
        self.routes_without(&BTreeSet::new())
    }

    /// The route tables when the cables in `down` do not work. An endpoint that is cut off has no way.
    #[must_use]
    pub fn routes_without(&self, down: &BTreeSet<usize>) -> Vec<RouteTable> {
        let distances = Distances::new(self, down);
        let table = |switch| {
            let ways = self.ways(switch, &distances, down);
            RouteTable::new(self.attachments().map(|end| match end.peer.node {
                _ if down.contains(&end.cable) => &[],
                NodeId::Switch(last) if last as usize == switch => std::slice::from_ref(&end.peer.port),
                NodeId::Switch(last) => ways[last as usize].as_slice(),
                NodeId::Host(_) => &[],
            }))
        };
        (0..self.switches.len()).map(table).collect()
    }

    /// The switches next to a switch, each with the cable's end here.
    pub(super) fn neighbours(&self, switch: usize) -> impl Iterator<Item = (&CableEnd, usize)> {
        self.switches[switch].iter().filter_map(|end| match end.peer.node {
            NodeId::Switch(neighbour) => Some((end, neighbour as usize)),
            NodeId::Host(_) => None,
        })
    }

    /// The ports of a switch that lead to each other switch by a shortest way.
    fn ways(&self, switch: usize, distances: &Distances, down: &BTreeSet<usize>) -> Vec<Vec<u16>> {
        let mut ways = vec![Vec::new(); self.switches.len()];
        for (port, end) in (0..).zip(&self.switches[switch]) {
            let NodeId::Switch(neighbour) = end.peer.node else {
                continue;
            };
            if down.contains(&end.cable) {
                continue;
            }
            let pairs = distances.from(switch).iter().zip(distances.from(neighbour as usize));
            for (way, (&here, &there)) in ways.iter_mut().zip(pairs) {
                if here != FAR && there < here {
                    way.push(port);
                }
            }
        }
        ways
    }
}

/// Cables between any two switches.
struct Distances {
    switches: usize,
    table: Vec<u32>,
}

impl Distances {
    fn new(topology: &Topology, down: &BTreeSet<usize>) -> Self {
        let switches = topology.switches.len();
        let mut table = vec![FAR; switches * switches];
        for (start, row) in table.chunks_mut(switches.max(1)).enumerate() {
            row[start] = 0;
            let mut open = VecDeque::from([start]);
            while let Some(switch) = open.pop_front() {
                for (end, neighbour) in topology.neighbours(switch) {
                    if row[neighbour] == FAR && !down.contains(&end.cable) {
                        row[neighbour] = row[switch] + 1;
                        open.push_back(neighbour);
                    }
                }
            }
        }
        Self { switches, table }
    }

    fn from(&self, switch: usize) -> &[u32] {
        &self.table[switch * self.switches..][..self.switches]
    }
}
