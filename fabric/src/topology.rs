//! Which node is connected to which: a graph as a plain value.
//!
//! Reading order: here the graph and its rules, then [`error`], the builders (`tree`, `mesh`), [`hpcc`] (a file
//! format), `routes` (shortest ways), `deadlock` (rings of ways that wait for each other), `parts` (switches and links
//! ready to run), `partition` (cut for several threads), `tiers` (who may work at the same time), [`svg`] (a picture).

mod deadlock;
pub mod error;
pub mod hpcc;
mod mesh;
mod partition;
mod parts;
mod reach;
mod routes;
pub mod svg;
mod tiers;
mod tree;
mod wiring;

pub use deadlock::Standstill;
pub use error::TopologyError;
pub use partition::Partition;
pub use tiers::Tiers;
pub use wiring::{Cabling, Wiring};

use crate::address::Endpoint;
use crate::link::{LinkConfig, LinkId};
use des::{Dur, Ratio};
use std::fmt;

/// Switches of one topology: the work of finding routes grows with the square.
const SWITCHES_MAX: u32 = 1 << 14;

/// Cables of one topology: each has two ports, and switches keep routes by port.
const CABLES_MAX: u32 = 1 << 20;

/// A host or a switch, each numbered from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeId {
    /// A host: traffic begins and ends here and is never forwarded.
    Host(u32),
    /// A switch.
    Switch(u32),
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(number) => write!(f, "host {number}"),
            Self::Switch(number) => write!(f, "switch {number}"),
        }
    }
}

/// A port of a node, numbered from zero without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRef {
    /// The node.
    pub node: NodeId,
    /// Which of its ports.
    pub port: u16,
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", self.node, self.port)
    }
}

/// A cable between two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable {
    /// One end.
    pub a: PortRef,
    /// The other end.
    pub b: PortRef,
    /// Rate and latency, the same in both directions.
    pub line: LinkConfig,
    /// Probability with which a frame is lost, in each direction.
    pub loss: Ratio,
}

/// What a port is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CableEnd {
    /// Index of the cable.
    pub cable: usize,
    /// Name of the direction in which this port sends.
    pub link: LinkId,
    /// The port at the other end.
    pub peer: PortRef,
}

/// Hosts, switches and cables that make sense together: all ports are connected, and every host reaches every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    cables: Vec<Cable>,
    /// By host, then port.
    hosts: Vec<Vec<CableEnd>>,
    /// By switch, then port.
    switches: Vec<Vec<CableEnd>>,
    /// Endpoint of each host's port 0.
    first_endpoints: Vec<u32>,
}

impl Topology {
    /// The graph with `hosts` hosts, `switches` switches, and `cables`.
    ///
    /// # Errors
    /// If it is impossible; the error names the node, port or cable.
    pub fn new(hosts: u32, switches: u32, cables: Vec<Cable>) -> Result<Self, TopologyError> {
        if hosts == 0 {
            return Err(TopologyError::NoHosts);
        }
        let limit = SWITCHES_MAX.into();
        if u64::from(switches) > limit {
            return Err(TopologyError::TooManySwitches { actual: switches.into(), limit });
        }
        tree::check_cables(cables.len() as u64)?;
        let (hosts, switches) = wiring::ends(hosts, switches, &cables)?;
        let mut endpoints = 0_u64;
        let mut first_endpoints = Vec::with_capacity(hosts.len());
        for ports in &hosts {
            first_endpoints.push(endpoints as u32);
            endpoints += ports.len() as u64;
        }
        let limit = Endpoint::LIMIT.into();
        if endpoints > limit {
            return Err(TopologyError::TooManyEndpoints { actual: endpoints, limit });
        }
        let topology = Self { cables, hosts, switches, first_endpoints };
        reach::check(&topology)?;
        routes::check(&topology)?;
        Ok(topology)
    }

    /// Number of hosts.
    #[must_use]
    pub fn host_count(&self) -> u32 {
        self.hosts.len() as u32
    }

    /// Number of switches.
    #[must_use]
    pub fn switch_count(&self) -> u32 {
        self.switches.len() as u32
    }

    /// All cables. A cable's number is its index.
    #[must_use]
    pub fn cables(&self) -> &[Cable] {
        &self.cables
    }

    /// What the ports of a node are connected to, by port number.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn ports(&self, node: NodeId) -> &[CableEnd] {
        match node {
            NodeId::Host(number) => &self.hosts[number as usize],
            NodeId::Switch(number) => &self.switches[number as usize],
        }
    }

    /// Number of host ports.
    #[must_use]
    pub fn endpoint_count(&self) -> u32 {
        self.hosts.iter().map(|ports| ports.len() as u32).sum()
    }

    /// The endpoint that is a port of a host.
    ///
    /// # Panics
    /// If there is no such host or port.
    #[must_use]
    pub fn endpoint(&self, host: u32, port: u16) -> Endpoint {
        let ports = self.hosts[host as usize].len();
        assert!(usize::from(port) < ports, "host {host} has {ports} ports, not {}", port + 1);
        Endpoint(self.first_endpoints[host as usize] + u32::from(port))
    }

    /// Host and port of an endpoint; `None` if there is no such endpoint.
    #[must_use]
    pub fn host_port(&self, endpoint: Endpoint) -> Option<PortRef> {
        let host = self.first_endpoints.partition_point(|&first| first <= endpoint.0).checked_sub(1)?;
        let port = (endpoint.0 - self.first_endpoints[host]) as u16;
        let exists = usize::from(port) < self.hosts[host].len();
        exists.then_some(PortRef { node: NodeId::Host(host as u32), port })
    }

    /// What each endpoint is connected to, in their order.
    fn attachments(&self) -> impl Iterator<Item = &CableEnd> {
        self.hosts.iter().flatten()
    }

    /// The port that sends on `link`, and the one that receives; `None` if there is no such link.
    #[must_use]
    pub fn ends(&self, link: LinkId) -> Option<(PortRef, PortRef)> {
        let cable = self.cables.get(link.0 as usize / 2)?;
        Some(if link.0.is_multiple_of(2) { (cable.a, cable.b) } else { (cable.b, cable.a) })
    }

    /// The shortest latency of a cable: no node influences another sooner, so partitions may run ahead by as much.
    #[must_use]
    pub fn look_ahead(&self) -> Dur {
        self.cables.iter().map(|cable| cable.line.latency).min().unwrap_or(Dur::MAX)
    }
}

#[cfg(test)]
mod tests;
