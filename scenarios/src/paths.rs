//! Shortest ways through a topology, and how long a frame takes on them when nobody else is there.

use des::Dur;
use fabric::address::Endpoint;
use fabric::switch::route::RouteTable;
use fabric::topology::CableEnd;
use fabric::{LinkConfig, NodeId, SwitchConfig, Topology};

/// Bytes on the cable around the payload of a packet in the middle of a message: Ethernet with preamble and gap, IPv4, UDP,
/// base header, check.
pub(crate) const HEADER_BYTES: u64 = 14 + 20 + 8 + 12 + 4 + wire::CABLE_OVERHEAD_BYTES as u64;
/// Bytes of a frame around its payload, with the header that names where a WRITE goes.
pub(crate) const FRAME_HEADER_BYTES: u32 = 14 + 20 + 8 + 12 + 16 + 4;
/// An acknowledgement: base header and AETH.
pub(crate) const ACK_BYTES: u64 = HEADER_BYTES + 4;

/// The links of a shortest way.
pub(crate) fn links(topology: &Topology, routes: &[RouteTable], from: u32, to: u32) -> Vec<LinkConfig> {
    let mut links = Vec::new();
    let Some(start) = topology.host_port(Endpoint(from)) else { return links };
    let mut end: &CableEnd = &topology.ports(start.node)[usize::from(start.port)];
    loop {
        links.push(topology.cables()[end.cable].line);
        let NodeId::Switch(switch) = end.peer.node else { break };
        let Some(&port) = routes[switch as usize].ports(Endpoint(to)).first() else { break };
        end = &topology.ports(end.peer.node)[usize::from(port)];
    }
    links
}

/// A frame's way through idle links, from its first bit to its last.
pub(crate) fn passage(links: &[LinkConfig], bytes: u64, forwarding: Dur) -> Dur {
    let links_alone = links.iter().map(|link| link.rate.time_for(bytes) + link.latency);
    links_alone.fold(Dur::ZERO, |sum, part| sum + part) + forwarding * (links.len() as u64).saturating_sub(1)
}

/// From the first bit of a full packet to the last of its acknowledgement, between the first endpoint and the one that is
/// farthest from it. Topologies that scenarios describe look alike from everywhere.
pub(crate) fn longest_round_trip(topology: &Topology, config: &SwitchConfig, mtu_bytes: u16) -> Dur {
    let routes = topology.routes();
    let forwarding = config.forwarding_latency;
    let round_trip = |to| {
        let links = links(topology, &routes, 0, to);
        let packet = u64::from(mtu_bytes) + HEADER_BYTES;
        passage(&links, packet, forwarding) + passage(&links, ACK_BYTES, forwarding)
    };
    (1..topology.endpoint_count()).map(round_trip).max().unwrap_or(Dur::ZERO)
}
