//! Putting a topology together cable by cable, and looking whether the ends fit.

use crate::link::{LinkConfig, LinkId};
use crate::topology::{Cable, CableEnd, NodeId, PortRef, Topology, TopologyError};
use des::{Dur, Rate, Ratio};

/// A topology in the making: nodes are added, and every cable takes the next free port at both of its ends.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    hosts: Vec<u32>,
    switches: Vec<u32>,
    cables: Vec<Cable>,
    /// The first node that ran out of port numbers, with its cables.
    overfull: Option<(NodeId, u32)>,
}

impl Wiring {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host.
    pub fn host(&mut self) -> NodeId {
        self.hosts.push(0);
        NodeId::Host(self.hosts.len() as u32 - 1)
    }

    /// Adds `count` hosts.
    pub fn hosts(&mut self, count: u32) -> Vec<NodeId> {
        (0..count).map(|_| self.host()).collect()
    }

    /// Adds `count` switches.
    pub fn switches(&mut self, count: u32) -> Vec<NodeId> {
        let first = self.switches.len() as u32;
        self.switches.resize(self.switches.len() + count as usize, 0);
        (first..first + count).map(NodeId::Switch).collect()
    }

    /// Lays a cable.
    ///
    /// # Panics
    /// If a node is not of this wiring.
    pub fn cable(&mut self, a: NodeId, b: NodeId, line: LinkConfig) {
        self.lossy_cable(a, b, line, Ratio::ZERO);
    }

    /// Lays a cable that loses frames.
    ///
    /// # Panics
    /// If a node is not of this wiring.
    pub fn lossy_cable(&mut self, a: NodeId, b: NodeId, line: LinkConfig, loss: Ratio) {
        let cable = Cable { a: self.next_port(a), b: self.next_port(b), line, loss };
        self.cables.push(cable);
    }

    fn next_port(&mut self, node: NodeId) -> PortRef {
        let used = match node {
            NodeId::Host(number) => &mut self.hosts[number as usize],
            NodeId::Switch(number) => &mut self.switches[number as usize],
        };
        let port = u16::try_from(*used).unwrap_or(u16::MAX);
        *used += 1;
        if *used > PORTS_MAX {
            self.overfull = Some((node, *used));
        }
        PortRef { node, port }
    }

    /// The topology.
    ///
    /// # Errors
    /// As [`Topology::new`], and if a node has more cables than ports can be numbered.
    pub fn finish(self) -> Result<Topology, TopologyError> {
        if let Some((node, actual)) = self.overfull {
            return Err(TopologyError::TooManyPorts { node, actual, limit: PORTS_MAX });
        }
        Topology::new(self.hosts.len() as u32, self.switches.len() as u32, self.cables)
    }
}

/// Ports are numbered with 16 bits, and their number must fit as well.
const PORTS_MAX: u32 = u16::MAX as u32;

/// The cables that a builder uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cabling {
    /// From a host to a switch, or to another host.
    pub host: LinkConfig,
    /// Between switches.
    pub fabric: LinkConfig,
}

impl Cabling {
    /// One kind of cable everywhere.
    #[must_use]
    pub const fn uniform(rate: Rate, latency: Dur) -> Self {
        let line = LinkConfig { rate, latency };
        Self { host: line, fabric: line }
    }
}

/// For each node of a kind, what its ports are connected to.
type Ends = Vec<Vec<CableEnd>>;

/// The ends of all cables, by host and by switch.
///
/// # Errors
/// If a cable leads nowhere or back, a port has two cables or none, or a node has no cable.
pub(super) fn ends(hosts: u32, switches: u32, cables: &[Cable]) -> Result<(Ends, Ends), TopologyError> {
    let mut sorted: Vec<(PortRef, CableEnd)> = Vec::with_capacity(cables.len() * 2);
    for (number, &Cable { a, b, .. }) in cables.iter().enumerate() {
        for PortRef { node, .. } in [a, b] {
            let (own, count) = match node {
                NodeId::Host(own) => (own, hosts),
                NodeId::Switch(own) => (own, switches),
            };
            if own >= count {
                return Err(TopologyError::UnknownNode { cable: number, node, count });
            }
        }
        if a.node == b.node {
            return Err(TopologyError::SameNode { cable: number, node: a.node });
        }
        let link = number as u32 * 2;
        sorted.push((a, CableEnd { cable: number, link: LinkId(link), peer: b }));
        sorted.push((b, CableEnd { cable: number, link: LinkId(link + 1), peer: a }));
    }
    sorted.sort_by_key(|&(port, end)| (port, end.cable));
    for (&(port, first), &(next_port, second)) in sorted.iter().zip(sorted.iter().skip(1)) {
        if port == next_port {
            return Err(TopologyError::PortUsedTwice { port, first: first.cable, second: second.cable });
        }
    }
    let mut ends = (vec![Vec::new(); hosts as usize], vec![Vec::new(); switches as usize]);
    for (port, end) in sorted {
        let ports: &mut Vec<CableEnd> = match port.node {
            NodeId::Host(number) => &mut ends.0[number as usize],
            NodeId::Switch(number) => &mut ends.1[number as usize],
        };
        if ports.len() != usize::from(port.port) {
            return Err(TopologyError::PortMissing { port: PortRef { port: ports.len() as u16, ..port } });
        }
        ports.push(end);
    }
    let nodes = (0..hosts).map(NodeId::Host).zip(&ends.0).chain((0..switches).map(NodeId::Switch).zip(&ends.1));
    match nodes.into_iter().find(|(_, ports)| ports.is_empty()) {
        Some((node, _)) => Err(TopologyError::Unconnected { node }),
        None => Ok(ends),
    }
}
