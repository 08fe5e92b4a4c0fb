//! Frames for unit tests.

use std::net::IpAddr;
use wire::{Bth, CABLE_OVERHEAD_BYTES, Ecn, Ext, Frame, Ip, Mac, Opcode, Payload, Psn, Qpn, RocePacket};

/// Bytes of a packet as of [`packet`] beyond its payload: Ethernet 14, IPv4 20, UDP 8, BTH 12, ICRC 4.
const HEADERS: usize = 58;

/// The address of endpoint `number`, counted from zero.
pub(crate) fn ip(number: u32) -> IpAddr {
    crate::address::Endpoint(number).ipv4().into()
}

/// A middle packet of a WRITE, in priority 3, markable, with elided payload.
pub(crate) fn packet(from: u32, to: u32, payload_bytes: u32) -> RocePacket {
    RocePacket {
        dest_mac: Mac([2, 0, 0, 0, 0, to as u8]),
        source_mac: Mac([2, 0, 0, 0, 0, from as u8]),
        ip: Ip {
            source: ip(from),
            destination: ip(to),
            dscp: 26,
            ecn: Ecn::Capable0,
            ttl: 64,
            identification: 0,
            flow_label: 0,
        },
        udp_source_port: 0xc000,
        bth: Bth::new(Opcode(0x07), Qpn::new(7), Psn::new(0)),
        ext: Ext::None,
        payload: Payload::Elided(payload_bytes),
        telemetry: None,
    }
}

/// A frame that takes `bytes` on the cable.
pub(crate) fn frame_of_cable_len(bytes: usize) -> Box<Frame> {
    let payload = bytes.checked_sub(HEADERS + CABLE_OVERHEAD_BYTES).expect("a test asks for at least 82 bytes");
    Box::new(packet(0, 1, payload as u32).into())
}
