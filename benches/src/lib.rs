//! What several benchmarks set up.

pub mod calendar;

use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr};
use wire::{Bth, Ecn, Ext, Ip, Mac, Opcode, Operation, Payload, Position, Psn, Qpn, Reth, RocePacket, Transport};

/// An RC WRITE ONLY with `payload_bytes` of data: the largest headers of a common packet.
///
/// # Panics
/// Never: RC has the opcode.
#[must_use]
pub fn write_only(payload_bytes: usize) -> RocePacket {
    let opcode = Opcode::new(Transport::Rc, Operation::Write, Position::Only).expect("RC has WRITE ONLY");
    let mut bth = Bth::new(opcode, Qpn::new(0x11), Psn::new(0x0012_3456));
    bth.pad_count = ((4 - payload_bytes % 4) % 4) as u8;
    bth.ack_request = true;
    RocePacket {
        dest_mac: Mac([2, 0, 0, 0, 0, 2]),
        source_mac: Mac([2, 0, 0, 0, 0, 1]),
        ip: Ip {
            source: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
            destination: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
            dscp: 24,
            ecn: Ecn::Capable0,
            ttl: 64,
            identification: 0,
            flow_label: 0,
        },
        udp_source_port: 0xc123,
        bth,
        ext: Ext::Reth(Reth { virtual_address: 0x7f00_0000, rkey: 0x1234, length_bytes: payload_bytes as u32 }),
        payload: Payload::Bytes(Bytes::from(vec![0x5a; payload_bytes])),
        telemetry: None,
    }
}
