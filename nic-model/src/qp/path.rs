//! Where packets of a queue pair go: addresses, priority, entropy.

use crate::config::DEFAULT_HOP_LIMIT;
use crate::regs::cmd::QpAttributes;
use crate::regs::wqe::AddressVector;
use std::net::IpAddr;
use wire::{Bth, Ecn, Ext, Frame, Ip, Mac, Payload, RocePacket, Spares};

/// The way to a peer.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) port: u8,
    pub(crate) source_mac: Mac,
    pub(crate) dest_mac: Mac,
    pub(crate) ip: Ip,
    udp_source_port: u16,
}

/// This side's addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) port: u8,
    pub(crate) mac: Mac,
    pub(crate) ip: IpAddr,
}

impl Path {
    /// The path of a connected queue pair.
    pub(crate) fn connected(source: Source, qpn: u32, attributes: &QpAttributes) -> Self {
        let flow_label = match attributes.flow_label {
            0 => flow_label_of(qpn, attributes.dest_qpn.value()),
            label => label,
        };
        Self {
            port: source.port,
            source_mac: source.mac,
            dest_mac: Mac(attributes.dest_mac),
            ip: ip(source.ip, attributes.dest_gid.ip(), attributes.dscp, attributes.hop_limit),
            udp_source_port: udp_source_port(flow_label),
        }
    }

    /// The path of one datagram.
    pub(crate) fn datagram(source: Source, qpn: u32, vector: &AddressVector) -> Self {
        let flow_label = match vector.flow_label {
            0 => flow_label_of(qpn, vector.dest_qpn.value()),
            label => label,
        };
        Self {
            port: source.port,
            source_mac: source.mac,
            dest_mac: vector.mac(),
            ip: ip(source.ip, vector.dest_gid.ip(), vector.dscp, vector.hop_limit),
            udp_source_port: udp_source_port(flow_label),
        }
    }

    /// The same way in another class.
    pub(crate) fn with_dscp(&self, dscp: u8) -> Self {
        Self { ip: Ip { dscp, ..self.ip }, ..self.clone() }
    }

    /// Traffic class: the upper half of the code point, as the usual maps have it.
    pub(crate) const fn class(&self) -> u8 {
        self.ip.dscp >> 3
    }

    /// A packet on this path, in a frame that has been used up if there is one.
    pub(crate) fn frame(&self, spares: &mut Spares, bth: Bth, ext: Ext, payload: Payload) -> Box<Frame> {
        let pad_count = payload.len().wrapping_neg() as u8 & 3;
        spares.build(Frame::from(RocePacket {
            dest_mac: self.dest_mac,
            source_mac: self.source_mac,
            ip: self.ip,
            udp_source_port: self.udp_source_port,
            bth: Bth { pad_count, ..bth },
            ext,
            payload,
            telemetry: None,
        }))
    }
}

const fn ip(source: IpAddr, destination: IpAddr, dscp: u8, hop_limit: u8) -> Ip {
    let ttl = if hop_limit == 0 { DEFAULT_HOP_LIMIT } else { hop_limit };
    Ip { source, destination, dscp: dscp & 0x3f, ecn: Ecn::Capable0, ttl, identification: 0, flow_label: 0 }
}

/// A flow label from both queue pairs, as `rdma_calc_flow_label` of Linux.
const fn flow_label_of(local: u32, remote: u32) -> u32 {
    let mut product = local as u64 * remote as u64;
    product ^= product >> 20;
    product ^= product >> 40;
    product as u32 & 0xf_ffff
}

/// The UDP source port of a flow label, as `rdma_flow_label_to_udp_sport` of Linux: 0xc000 to 0xffff.
const fn udp_source_port(flow_label: u32) -> u16 {
    let low = flow_label & 0x3fff;
    let high = (flow_label & 0xf_c000) >> 14;
    (low ^ high) as u16 | 0xc000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_carry_entropy() {
        let ports: std::collections::BTreeSet<u16> =
            (2..202).map(|qpn| udp_source_port(flow_label_of(qpn, qpn + 7))).collect();
        assert!(ports.len() > 150, "{} of 200 differ", ports.len());
        assert!(ports.iter().all(|port| *port >= 0xc000));
    }
}
