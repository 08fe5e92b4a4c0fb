//! What the parser refuses, and what only the exact parser refuses.

use super::*;
use crate::headers::Reth;
use crate::opcode::Opcode;
use crate::packet::Ecn;
use crate::psn::{Psn, Qpn};
use std::net::Ipv4Addr;

/// Where things are in the frame of [`write_only`].
const IP: usize = 14;
const UDP: usize = 34;
const BTH: usize = 42;

fn write_only(payload: &'static [u8]) -> RocePacket {
    let pad_count = (4 - payload.len() % 4) as u8 % 4;
    RocePacket {
        dest_mac: Mac([2, 0, 0, 0, 0, 2]),
        source_mac: Mac([2, 0, 0, 0, 0, 1]),
        ip: Ip {
            source: Ipv4Addr::new(10, 0, 0, 1).into(),
            destination: Ipv4Addr::new(10, 0, 0, 2).into(),
            dscp: 26,
            ecn: Ecn::Capable0,
            ttl: 64,
            identification: 9,
            flow_label: 0,
        },
        udp_source_port: 0xc000,
        bth: Bth { pad_count, ..Bth::new(Opcode(0x0a), Qpn::new(0x12), Psn::new(7)) },
        ext: Ext::Reth(Reth { virtual_address: 0x1000, rkey: 5, length_bytes: payload.len() as u32 }),
        payload: Payload::Bytes(Bytes::from_static(payload)),
        telemetry: None,
    }
}

/// Changes an encoded frame and makes its IPv4 checksum and ICRC right again.
fn resealed(frame: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut frame = frame.to_vec();
    change(&mut frame);
    let layout = Layout::find(&frame).expect("still an IP packet");
    frame[IP + 10..IP + 12].fill(0);
    let sum = frame[layout.ip..layout.transport].chunks(2).fold(0_u32, |sum, pair| {
        let sum = sum + u32::from(u16::from_be_bytes([pair[0], pair[1]]));
        (sum & 0xffff) + (sum >> 16)
    });
    frame[layout.ip + 10..layout.ip + 12].copy_from_slice(&(!sum as u16).to_be_bytes());
    let icrc_at = layout.end - ICRC_LEN;
    let crc = icrc::compute(&frame[layout.ip..icrc_at], layout.transport - layout.ip);
    frame[icrc_at..layout.end].copy_from_slice(&crc.to_le_bytes());
    Bytes::from(frame)
}

fn lost(field: &'static str, offset: usize) -> Result<RocePacket, ParseError> {
    Err(ParseError::Unrepresentable { field, offset })
}

#[test]
fn fields_without_a_place_are_refused_exactly_and_received_all_the_same() {
    let packet = write_only(b"abcde");
    let frame = packet.encode();
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, usize, Change); 5] = [
        ("IPv4 flags", IP + 6, |frame| frame[IP + 6] = 0),
        ("IPv4 flags", IP + 6, |frame| frame[IP + 6] = 0xc0),
        ("UDP checksum", UDP + 6, |frame| frame[UDP + 6] = 1),
        ("padding", BTH + 12 + 16 + 5, |frame| frame[BTH + 12 + 16 + 5] = 1),
        ("bytes behind the packet", frame.len(), |frame| frame.push(0)),
    ];
    for (field, offset, change) in cases {
        let changed = resealed(&frame, change);
        assert_eq!(RocePacket::parse(&changed), lost(field, offset));
        assert_eq!(RocePacket::receive(&changed).as_ref(), Ok(&packet), "{field}");
    }
}

#[test]
fn vlan_tags_and_ip_options_are_walked_over() {
    let packet = write_only(b"abcd");
    let frame = packet.encode();
    let mut tagged = frame.to_vec();
    tagged.splice(12..12, [0x81, 0x00, 0x60, 0x05]);
    let tagged = Bytes::from(tagged);
    assert_eq!(RocePacket::parse(&tagged), lost("VLAN tag", 12));
    assert_eq!(RocePacket::receive(&tagged).as_ref(), Ok(&packet));

    let with_options = resealed(&frame, |frame| {
        frame.splice(IP + 20..IP + 20, [1, 1, 1, 1]);
        frame[IP] = 0x46;
        frame[IP + 3] += 4;
    });
    assert_eq!(RocePacket::parse(&with_options), lost("IPv4 options", IP + 20));
    assert_eq!(RocePacket::receive(&with_options).as_ref(), Ok(&packet));
}

#[test]
fn contradictions_are_named() {
    let frame = write_only(b"abcd").encode();
    let total_len = frame.len() - IP;
    let refusal = |changed: &Bytes| RocePacket::receive(changed).map_err(|error| error.to_string());

    let mut checksum = frame.to_vec();
    checksum[IP + 8] = 63;
    assert!(refusal(&checksum.into()).is_err_and(|error| error.starts_with("IPv4 header checksum at byte 24")));
    let length = resealed(&frame, |frame| frame[UDP + 5] += 1);
    assert_eq!(refusal(&length), Err("UDP length at byte 38 is 0x2d where the bytes make 0x2c".into()));
    let pad = resealed(&write_only(b"").encode(), |frame| frame[BTH + 1] = 0x30);
    assert_eq!(refusal(&pad), Err("BTH pad count at byte 43 is 0x3 where the bytes make 0x0".into()));
    let cut = frame.slice(..frame.len() - 1);
    let needs = format!("IPv4 packet at byte 14 needs {total_len} bytes, {} are there", total_len - 1);
    assert_eq!(refusal(&cut), Err(needs));
    let headers_missing = resealed(&frame, |frame| {
        frame[BTH] = 0x13; // An atomic needs more than the packet has.
    });
    let cut_field = "AtomicETH compare data at byte 74 needs 8 bytes, 0 are there";
    assert_eq!(refusal(&headers_missing), Err(cut_field.into()));
}

#[test]
fn what_is_not_roce_says_so() {
    let frame = write_only(b"").encode();
    let refusal = |at: usize, value| {
        let mut changed = frame.to_vec();
        changed[at] = value;
        RocePacket::receive(&changed.into()).map_err(|error| error.to_string())
    };
    assert_eq!(refusal(13, 6), Err("Ethernet type at byte 12 is 0x806, not 0x800".into()));
    assert_eq!(refusal(IP, 0x65), Err("IP version at byte 14 is 0x6, not 0x4".into()));
    assert_eq!(refusal(IP, 0x44), Err("IPv4 header length at byte 14 is 0x10 where the bytes make 0x14".into()));
    assert_eq!(refusal(IP + 9, 6), Err("IP protocol at byte 23 is 0x6, not 0x11".into()));
    assert_eq!(refusal(IP + 6, 0x20), Err("IP fragmentation at byte 20 is 0x1, not 0x0".into()));
    assert_eq!(refusal(UDP + 3, 0xb8), Err("UDP destination port at byte 36 is 0x12b8, not 0x12b7".into()));
}

#[test]
fn damage_is_told_apart_from_everything_else() {
    let frame = write_only(b"abcd").encode();
    for at in BTH..frame.len() {
        if at == BTH + 4 {
            continue; // The congestion byte is not covered.
        }
        let mut damaged = frame.to_vec();
        damaged[at] ^= 0x10;
        let outcome = RocePacket::receive(&Bytes::from(damaged.clone()));
        assert!(matches!(outcome, Err(ParseError::Icrc { offset, .. }) if offset == frame.len() - 4), "byte {at}");
        assert_eq!(icrc::check(&damaged), outcome.map(|_| ()));
    }
}

#[test]
fn an_unknown_code_is_all_payload() {
    let known = write_only(b"abcd").encode();
    for code in (0..=255).filter(|&code| Opcode(code).decode().is_none()) {
        let frame = resealed(&known, |frame| frame[BTH] = code);
        let packet = RocePacket::parse(&frame).expect("any code is representable");
        assert_eq!((packet.ext, packet.payload.len()), (Ext::None, 16 + 4), "{:?}", packet.bth.opcode);
        assert_eq!(packet.encode(), frame);
    }
}

#[test]
fn elided_payload_is_zeros_on_the_wire() {
    let real = RocePacket { payload: Payload::Bytes(Bytes::from_static(&[0; 100])), ..write_only(b"") };
    let elided = RocePacket { payload: Payload::Elided(100), ..real.clone() };
    assert_eq!(elided.encode(), real.encode());
    assert_eq!(elided.wire_len(), real.wire_len());
}

#[test]
fn payload_shares_the_memory_of_the_frame() {
    let frame = write_only(b"abcd").encode();
    let packet = RocePacket::parse(&frame).expect("our own frame");
    let Payload::Bytes(payload) = packet.payload else { panic!("parsed payload is real") };
    assert!(frame.as_ptr_range().contains(&payload.as_ptr()));
}
