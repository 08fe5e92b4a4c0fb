//! Packets to test with: handmade ones, and arbitrary ones of every kind.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{
    Aeth, AtomicEth, Bth, Deth, Ecn, Ext, Ip, Mac, Opcode, Operation, Payload, Position, Psn, Qpn, Reth, RocePacket,
    Transport,
};

/// A packet from 10.0.0.1 to queue pair 0x12 of 10.0.0.2, padded as it must be.
pub(crate) fn packet(opcode: Opcode, psn: u32, ext: Ext, payload: &'static [u8]) -> RocePacket {
    let pad_count = (4 - payload.len() % 4) as u8 % 4;
    RocePacket {
        dest_mac: Mac([2, 0, 0, 0, 0, 2]),
        source_mac: Mac([2, 0, 0, 0, 0, 1]),
        ip: Ip {
            source: Ipv4Addr::new(10, 0, 0, 1).into(),
            destination: Ipv4Addr::new(10, 0, 0, 2).into(),
            dscp: 0,
            ecn: Ecn::NotCapable,
            ttl: 64,
            identification: 0,
            flow_label: 0,
        },
        udp_source_port: 0xc000,
        bth: Bth { pad_count, ..Bth::new(opcode, Qpn::new(0x12), Psn::new(psn)) },
        ext,
        payload: Payload::Bytes(Bytes::from_static(payload)),
        telemetry: None,
    }
}

/// Hexadecimal digits as bytes.
pub(crate) fn hex(digits: &str) -> Bytes {
    let nibble = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.as_bytes().chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

/// Frames from captures of Linux soft-RoCE, with their names.
pub(crate) fn real_frames() -> Vec<(&'static str, Bytes)> {
    let lines = include_str!("real_frames.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(": ").expect("name: hex")).map(|(name, digits)| (name, hex(digits))).collect()
}

fn reth() -> impl Strategy<Value = Reth> {
    any::<(u64, u32, u32)>().prop_map(|(virtual_address, rkey, length_bytes)| Reth {
        virtual_address,
        rkey,
        length_bytes,
    })
}

fn aeth() -> impl Strategy<Value = Aeth> {
    (any::<u8>(), 0..1_u32 << 24).prop_map(|(syndrome, msn)| Aeth { syndrome, msn })
}

fn deth() -> impl Strategy<Value = Deth> {
    any::<(u32, u8, u32)>().prop_map(|(qkey, reserved, qpn)| Deth { qkey, reserved, source_qp: Qpn::new(qpn) })
}

fn atomic() -> impl Strategy<Value = AtomicEth> {
    any::<(u64, u32, u64, u64)>().prop_map(|(virtual_address, rkey, swap_or_add, compare)| AtomicEth {
        virtual_address,
        rkey,
        swap_or_add,
        compare,
    })
}

/// The headers of `opcode`, told once more and apart from the parser.
fn ext(opcode: Opcode) -> BoxedStrategy<Ext> {
    use Operation::{Acknowledge, AtomicAcknowledge, CompareSwap, FetchAdd, ReadRequest, ReadResponse};
    let Some((transport, operation, position)) = opcode.decode() else {
        return Just(Ext::None).boxed();
    };
    let immediate = matches!(position, Position::LastImmediate | Position::OnlyImmediate);
    let invalidate = matches!(position, Position::LastInvalidate | Position::OnlyInvalidate);
    match operation {
        _ if transport == Transport::Ud && immediate => {
            (deth(), any::<u32>()).prop_map(|(deth, word)| Ext::DethImmediate(deth, word)).boxed()
        }
        _ if transport == Transport::Ud => deth().prop_map(Ext::Deth).boxed(),
        Operation::Write if position == Position::OnlyImmediate => {
            (reth(), any::<u32>()).prop_map(|(reth, word)| Ext::RethImmediate(reth, word)).boxed()
        }
        Operation::Write if position.is_first() => reth().prop_map(Ext::Reth).boxed(),
        _ if immediate => any::<u32>().prop_map(Ext::Immediate).boxed(),
        _ if invalidate => any::<u32>().prop_map(Ext::Invalidate).boxed(),
        ReadRequest => reth().prop_map(Ext::Reth).boxed(),
        Acknowledge => aeth().prop_map(Ext::Aeth).boxed(),
        ReadResponse if position != Position::Middle => aeth().prop_map(Ext::Aeth).boxed(),
        AtomicAcknowledge => (aeth(), any::<u64>()).prop_map(|(aeth, before)| Ext::AtomicAck(aeth, before)).boxed(),
        CompareSwap | FetchAdd => atomic().prop_map(Ext::Atomic).boxed(),
        _ => Just(Ext::None).boxed(),
    }
}

fn ip() -> impl Strategy<Value = Ip> {
    let v4 = any::<(Ipv4Addr, Ipv4Addr, u16)>()
        .prop_map(|(source, destination, id)| (IpAddr::from(source), IpAddr::from(destination), id, 0));
    let v6 = (any::<(Ipv6Addr, Ipv6Addr)>(), 0..1_u32 << 20)
        .prop_map(|((source, destination), label)| (IpAddr::from(source), IpAddr::from(destination), 0, label));
    (prop_oneof![v4, v6], 0..64_u8, 0..4_u8, any::<u8>()).prop_map(
        |((source, destination, identification, flow_label), dscp, ecn, ttl)| Ip {
            source,
            destination,
            dscp,
            ecn: Ecn::from_bits(ecn),
            ttl,
            identification,
            flow_label,
        },
    )
}

fn bth(opcode: Opcode) -> impl Strategy<Value = Bth> {
    let fields = (any::<(bool, bool, bool, bool, bool)>(), 0..4_u8, 0..16_u8, 0..64_u8, 0..128_u8);
    (fields, any::<(u16, u32, u32)>()).prop_map(
        move |((flags, pad_count, version, reserved, reserved_ack), (pkey, qpn, psn))| Bth {
            opcode,
            solicited: flags.0,
            migration: flags.1,
            pad_count,
            version,
            pkey,
            fecn: flags.2,
            becn: flags.3,
            reserved,
            dest_qp: Qpn::new(qpn),
            ack_request: flags.4,
            reserved_ack,
            psn: Psn::new(psn),
        },
    )
}

/// Any packet with real payload, defined codes more often than others.
pub(crate) fn any_packet() -> impl Strategy<Value = RocePacket> {
    let defined: Vec<u8> = (0..=255).filter(|&code| Opcode(code).decode().is_some()).chain([Opcode::CNP.0]).collect();
    let opcode = prop_oneof![3 => prop::sample::select(defined), 1 => any::<u8>()].prop_map(Opcode);
    let packet = opcode.prop_flat_map(|opcode| (bth(opcode), ext(opcode)));
    (packet, any::<([u8; 6], [u8; 6], u16)>(), ip(), vec(any::<u8>(), 0..200)).prop_map(
        |((bth, ext), (dest_mac, source_mac, udp_source_port), ip, payload)| RocePacket {
            dest_mac: Mac(dest_mac),
            source_mac: Mac(source_mac),
            ip,
            udp_source_port,
            bth,
            ext,
            payload: Payload::Bytes(payload.into()),
            telemetry: None,
        },
    )
}

/// Bytes that get past the first checks more often than noise would: a good packet with some of it changed or cut off.
pub(crate) fn any_frame_bytes() -> impl Strategy<Value = Bytes> {
    let noise = vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let damaged =
        (any_packet(), changes, option::of(any::<prop::sample::Index>())).prop_map(|(packet, changes, cut)| {
            let mut bytes = packet.encode().to_vec();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
            Bytes::from(bytes)
        });
    prop_oneof![1 => noise, 4 => damaged]
}
