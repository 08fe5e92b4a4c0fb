//! How long a flow takes when it is alone, for slowdowns: links only, nothing of the NICs.

use super::traffic::Planned;
use crate::paths::{self, ACK_BYTES, HEADER_BYTES};
use des::{Dur, Rate};
use fabric::Topology;
use fabric::switch::route::RouteTable;

/// The remote address in the first packet of a message.
const RETH_BYTES: u64 = 16;
/// Shortest ways through a topology.
pub(super) struct Ideal<'a> {
    topology: &'a Topology,
    routes: Vec<RouteTable>,
    forwarding: Dur,
    mtu_bytes: u64,
    message_bytes: u64,
}

impl<'a> Ideal<'a> {
    pub(super) fn new(topology: &'a Topology, forwarding: Dur, mtu_bytes: u16, message_bytes: u32) -> Self {
        Self {
            topology,
            routes: topology.routes(),
            forwarding,
            mtu_bytes: mtu_bytes.into(),
            message_bytes: message_bytes.into(),
        }
    }

    /// From the first bit that leaves the sender to the last acknowledgement's arrival there.
    pub(super) fn completion(&self, flow: &Planned) -> Dur {
        let links = paths::links(self.topology, &self.routes, flow.from, flow.to);
        let last = (flow.bytes - 1) % self.mtu_bytes + 1 + HEADER_BYTES;
        let there = paths::passage(&links, last, self.forwarding);
        let back = paths::passage(&links, ACK_BYTES, self.forwarding);
        let slowest = links.iter().map(|link| link.rate).min().unwrap_or(Rate::from_gbps(1));
        slowest.time_for(self.cable_bytes(flow.bytes) - last) + there + back
    }

    fn cable_bytes(&self, bytes: u64) -> u64 {
        let (full, rest) = (bytes / self.message_bytes, bytes % self.message_bytes);
        let packets = full * self.message_bytes.div_ceil(self.mtu_bytes) + rest.div_ceil(self.mtu_bytes);
        bytes + packets * HEADER_BYTES + (full + u64::from(rest > 0)) * RETH_BYTES
    }
}
