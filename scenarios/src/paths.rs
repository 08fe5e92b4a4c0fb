//! Shortest ways through a topology, and how long a frame takes on them when nobody else is there.

use des::Dur;
use fabric::address::Endpoint;
use fabric::switch::route::RouteTable;
use fabric::topology::CableEnd;
use fabric::{LinkConfig, NodeId, Topology};
use std::cmp::Reverse;
use std::collections::BTreeMap;

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

/// From the decision to send a full packet to the end of its acknowledgement's arrival, on the longest way of the topology when
/// nobody else is there: what `adapters` take of it, the payload's fetch, and links and switches both ways.
pub(crate) fn longest_round_trip(topology: &Topology, forwarding: Dur, adapters: Dur, mtu_bytes: u16) -> Dur {
    let routes = topology.routes();
    let packet = u64::from(mtu_bytes) + HEADER_BYTES;
    let round_trip = |(from, to)| {
        let links = links(topology, &routes, from, to);
        let fetch = links.first().map_or(Dur::ZERO, |link| link.rate.time_for(packet));
        fetch + passage(&links, packet, forwarding) + passage(&links, ACK_BYTES, forwarding)
    };
    let ends = far_ends(topology);
    let pairs = ends.iter().flat_map(|&from| ends.iter().map(move |&to| (from, to))).filter(|(from, to)| from != to);
    adapters + pairs.map(round_trip).max().unwrap_or(Dur::ZERO)
}

/// The longest way is between two of these: of each switch, and of all hosts without one, the two with the longest cables.
fn far_ends(topology: &Topology) -> Vec<u32> {
    let mut by_switch: BTreeMap<Option<u32>, Vec<(Reverse<Dur>, u32)>> = BTreeMap::new();
    for host in 0..topology.host_count() {
        for (port, end) in (0..).zip(topology.ports(NodeId::Host(host))) {
            let switch = match end.peer.node {
                NodeId::Switch(switch) => Some(switch),
                NodeId::Host(_) => None,
            };
            let latency = topology.cables()[end.cable].line.latency;
            by_switch.entry(switch).or_default().push((Reverse(latency), topology.endpoint(host, port).0));
        }
    }
    let farthest = |mut ends: Vec<(Reverse<Dur>, u32)>| {
        ends.sort_unstable();
        ends.into_iter().take(2).map(|(_, endpoint)| endpoint)
    };
    by_switch.into_values().flat_map(farthest).collect()
}
