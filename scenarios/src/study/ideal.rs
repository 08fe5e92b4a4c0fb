//! How long a flow takes when it is alone, for slowdowns: links only, nothing of the NICs.

use super::traffic::Planned;
use des::{Dur, Rate};
use fabric::address::Endpoint;
use fabric::switch::route::RouteTable;
use fabric::topology::CableEnd;
use fabric::{LinkConfig, NodeId, SwitchConfig, Topology};

/// Bytes on the cable around the payload of a WRITE's packet: Ethernet with preamble and gap, IPv4, UDP, base header, check.
const HEADER_BYTES: u64 = 14 + 20 + 8 + 12 + 4 + wire::CABLE_OVERHEAD_BYTES as u64;
/// The remote address in the first packet of a message.
const RETH_BYTES: u64 = 16;
/// An acknowledgement: base header and AETH.
const ACK_BYTES: u64 = HEADER_BYTES + 4;

/// Shortest ways through a topology.
pub(super) struct Ideal<'a> {
    topology: &'a Topology,
    routes: Vec<RouteTable>,
    forwarding: Dur,
    mtu_bytes: u64,
    message_bytes: u64,
}

impl<'a> Ideal<'a> {
    pub(super) fn new(topology: &'a Topology, mtu_bytes: u16, message_bytes: u32) -> Self {
        Self {
            topology,
            routes: topology.routes(),
            forwarding: SwitchConfig::default().forwarding_latency,
            mtu_bytes: mtu_bytes.into(),
            message_bytes: message_bytes.into(),
        }
    }

    /// From the first bit that leaves the sender to the last acknowledgement's arrival there.
    pub(super) fn completion(&self, flow: &Planned) -> Dur {
        let links = self.links(flow);
        let last = (flow.bytes - 1) % self.mtu_bytes + 1 + HEADER_BYTES;
        let there = Self::passage(&links, last, self.forwarding);
        let back = Self::passage(&links, ACK_BYTES, self.forwarding);
        let slowest = links.iter().map(|link| link.rate).min().unwrap_or(Rate::from_gbps(1));
        slowest.time_for(self.cable_bytes(flow.bytes) - last) + there + back
    }

    /// A frame's way through idle links, from its first bit to its last.
    fn passage(links: &[LinkConfig], bytes: u64, forwarding: Dur) -> Dur {
        let links_alone = links.iter().map(|link| link.rate.time_for(bytes) + link.latency);
        links_alone.fold(Dur::ZERO, |sum, part| sum + part) + forwarding * (links.len() as u64 - 1)
    }

    fn cable_bytes(&self, bytes: u64) -> u64 {
        let (full, rest) = (bytes / self.message_bytes, bytes % self.message_bytes);
        let packets = full * self.message_bytes.div_ceil(self.mtu_bytes) + rest.div_ceil(self.mtu_bytes);
        bytes + packets * HEADER_BYTES + (full + u64::from(rest > 0)) * RETH_BYTES
    }

    /// The links of a shortest way.
    fn links(&self, flow: &Planned) -> Vec<LinkConfig> {
        let mut links = Vec::new();
        let Some(start) = self.topology.host_port(Endpoint(flow.from)) else { return links };
        let mut end: &CableEnd = &self.topology.ports(start.node)[usize::from(start.port)];
        loop {
            links.push(self.topology.cables()[end.cable].line);
            let NodeId::Switch(switch) = end.peer.node else { break };
            let Some(&port) = self.routes[switch as usize].ports(Endpoint(flow.to)).first() else { break };
            end = &self.topology.ports(end.peer.node)[usize::from(port)];
        }
        links
    }
}
