//! Shortest ways through the switches.

use crate::switch::RouteTable;
use crate::topology::{CableEnd, NodeId, Topology, TopologyError};
use std::collections::{BTreeSet, VecDeque};

/// No way, or not asked for.
const FAR: u32 = u32::MAX;

/// Entries of all route tables, four bytes each. A fat tree of 59,582 hosts has 286 million.
const ENTRIES_MAX: u64 = 3 << 27;
/// Cables looked at when routes are found. The same tree needs 229 million.
const WAYS_MAX: u64 = 1 << 28;

/// Refuses graphs whose routes would be too many, before there are any.
pub(super) fn check(topology: &Topology) -> Result<(), TopologyError> {
    let (switches, endpoints) = (u64::from(topology.switch_count()), u64::from(topology.endpoint_count()));
    let with_hosts = has_endpoints(topology).iter().filter(|has| **has).count() as u64;
    let is_switch = |node: NodeId| matches!(node, NodeId::Switch(_));
    let between = topology.cables.iter().filter(|cable| is_switch(cable.a.node) && is_switch(cable.b.node));
    let cables = between.count() as u64;
    if switches * endpoints <= ENTRIES_MAX && with_hosts * cables <= WAYS_MAX {
        return Ok(());
    }
    Err(TopologyError::TooManyRoutes { switches, endpoints, cables, entries_max: ENTRIES_MAX, ways_max: WAYS_MAX })
}

/// By switch: whether a host is connected to it.
fn has_endpoints(topology: &Topology) -> Vec<bool> {
    let mut has = vec![false; topology.switches.len()];
    for end in topology.attachments() {
        if let NodeId::Switch(last) = end.peer.node {
            has[last as usize] = true;
        }
    }
    has
}

impl Topology {
    /// The route table of each switch: all ports on a shortest way, in ascending order.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteTable> {
        self.routes_without(&BTreeSet::new())
    }

    /// The route tables when the cables in `down` do not work. An endpoint that is cut off has no way.
    #[must_use]
    pub fn routes_without(&self, down: &BTreeSet<usize>) -> Vec<RouteTable> {
        let distances = Distances::new(self, down, &has_endpoints(self));
        let table = |switch| {
            let ways = self.ways(switch, &distances, down);
            RouteTable::new(self.attachments().map(|end| match end.peer.node {
                _ if down.contains(&end.cable) => &[],
                NodeId::Switch(last) if last as usize == switch => std::slice::from_ref(&end.peer.port),
                NodeId::Switch(last) => ways.to(last as usize),
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

    /// The ports of a switch that lead by a shortest way to each other one to which there are distances.
    fn ways(&self, switch: usize, distances: &Distances, down: &BTreeSet<usize>) -> Ways {
        let works = |(_, end): &(u16, &CableEnd)| !down.contains(&end.cable);
        let neighbour = |(port, end): (u16, &CableEnd)| match end.peer.node {
            NodeId::Switch(neighbour) => Some((port, neighbour as usize)),
            NodeId::Host(_) => None,
        };
        let neighbours: Vec<_> = (0..).zip(&self.switches[switch]).filter(works).filter_map(neighbour).collect();
        let mut ways = Ways { ports: Vec::new(), ends: Vec::with_capacity(self.switches.len()) };
        for last in 0..self.switches.len() {
            let cables = distances.to(last);
            let nearer = neighbours.iter().filter(|(_, neighbour)| cables[*neighbour] < cables[switch]);
            ways.ports.extend(nearer.map(|(port, _)| port));
            ways.ends.push(ways.ports.len());
        }
        ways
    }
}

/// From one switch to others.
struct Ways {
    ports: Vec<u16>,
    /// Where the ports to each switch end, and those to the next begin.
    ends: Vec<usize>,
}

impl Ways {
    fn to(&self, switch: usize) -> &[u16] {
        let start = switch.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.ports[start..self.ends[switch]]
    }
}

/// Cables from each switch to those that are asked for.
struct Distances {
    switches: usize,
    table: Vec<u32>,
}

impl Distances {
    fn new(topology: &Topology, down: &BTreeSet<usize>, wanted: &[bool]) -> Self {
        let switches = topology.switches.len();
        let mut table = vec![FAR; switches * switches];
        let rows = table.chunks_mut(switches.max(1)).enumerate();
        for (last, row) in rows.filter(|(last, _)| wanted[*last]) {
            row[last] = 0;
            let mut open = VecDeque::from([last]);
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

    /// From each switch to `last`.
    fn to(&self, last: usize) -> &[u32] {
        &self.table[last * self.switches..][..self.switches]
    }
}
