//! A packet as a value and the same packet as bytes give the same answers.

use super::*;
use crate::headers::{Bth, Ext};
use crate::opcode::Opcode;
use crate::packet::{Ip, Payload};
use crate::psn::{Psn, Qpn};

fn packet(source: IpAddr, destination: IpAddr, ecn: Ecn) -> RocePacket {
    RocePacket {
        dest_mac: Mac([2, 0, 0, 0, 0, 2]),
        source_mac: Mac([2, 0, 0, 0, 0, 1]),
        ip: Ip { source, destination, dscp: 26, ecn, ttl: 64, identification: 0, flow_label: 0 },
        udp_source_port: 0xd00d,
        bth: Bth::new(Opcode(0x04), Qpn::new(3), Psn::new(4)),
        ext: Ext::None,
        payload: Payload::EMPTY,
        telemetry: None,
    }
}

/// An IPv4 and an IPv6 packet.
fn packets(ecn: Ecn) -> [RocePacket; 2] {
    let v6 = |last| IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last));
    [packet([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), ecn), packet(v6(1), v6(2), ecn)]
}

fn tagged(frame: &[u8]) -> Frame {
    let mut tagged = frame.to_vec();
    tagged.splice(12..12, [0x88, 0xa8, 0, 1, 0x81, 0, 0, 2]);
    Frame::raw(tagged.into())
}

#[test]
fn bytes_answer_like_values() {
    for packet in packets(Ecn::Capable1) {
        let value = Frame::from(packet.clone());
        let bytes = Frame::raw(value.encode());
        for raw in [&bytes, &tagged(&value.encode())] {
            assert_eq!(raw.dest_mac(), value.dest_mac());
            assert_eq!(raw.source_mac(), value.source_mac());
            assert_eq!(raw.dest_ip(), value.dest_ip());
            assert_eq!(raw.dscp(), Some(26));
            assert_eq!(raw.ecn(), Some(Ecn::Capable1));
            assert_eq!(raw.flow_hash_fields(), value.flow_hash_fields());
            assert_eq!(raw.roce().as_deref(), Ok(&packet));
        }
        assert_eq!(bytes.wire_len(), value.wire_len());
        assert_eq!(Frame::parse(value.encode()), value);
    }
}

#[test]
fn marking_bytes_is_marking_values() {
    for packet in packets(Ecn::Capable0) {
        let mut value = Frame::from(packet);
        let mut bytes = Frame::raw(value.encode());
        assert!(value.mark_congested() && bytes.mark_congested());
        assert_eq!(bytes.ecn(), Some(Ecn::Congested));
        assert_eq!(bytes.encode(), value.encode(), "checksum adjusted, ICRC untouched");
        assert!(bytes.mark_congested(), "already marked");
    }
}

#[test]
fn senders_that_take_no_marks_get_none() {
    for packet in packets(Ecn::NotCapable) {
        let mut value = Frame::from(packet);
        let mut bytes = Frame::raw(value.encode());
        let before = bytes.clone();
        assert!(!value.mark_congested() && !bytes.mark_congested());
        assert_eq!(bytes, before);
    }
}

#[test]
fn a_damaged_header_stays_damaged() {
    let [packet, _] = packets(Ecn::Capable0);
    let mut damaged = packet.encode().to_vec();
    damaged[24] ^= 0x40;
    let mut frame = Frame::raw(damaged.into());
    assert!(frame.set_ecn(Ecn::Congested));
    assert!(matches!(frame.roce(), Err(ParseError::Inconsistent { field: "IPv4 header checksum", .. })));
}

#[test]
fn other_frames_have_no_such_fields() {
    let mut arp = Frame::raw(Bytes::from_static(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 6, 0, 1]));
    assert_eq!(arp.dest_mac(), Some(Mac([0, 1, 2, 3, 4, 5])));
    assert_eq!((arp.dest_ip(), arp.dscp(), arp.ecn(), arp.flow_hash_fields()), (None, None, None, None));
    assert!(!arp.set_ecn(Ecn::Congested));
    let stub = Frame::raw(Bytes::from_static(&[0; 13]));
    assert_eq!((stub.dest_mac(), stub.source_mac()), (None, None));
}

#[test]
fn only_whole_udp_packets_have_a_port_to_hash() {
    let [packet, _] = packets(Ecn::NotCapable);
    let port = |at: usize, value| {
        let mut changed = packet.encode().to_vec();
        changed[at] = value;
        let fields = Frame::raw(changed.into()).flow_hash_fields().expect("an IP packet");
        assert_eq!((fields.source, fields.destination), (packet.ip.source, packet.ip.destination));
        fields.udp_source_port
    };
    assert_eq!(port(20, 0x40), 0xd00d, "as it was");
    assert_eq!(port(23, 6), 0, "TCP");
    assert_eq!((port(20, 0x20), port(21, 1)), (0, 0), "first and later pieces");
}

#[test]
fn short_frames_fill_the_shortest_slot_of_the_cable() {
    let [packet, _] = packets(Ecn::NotCapable);
    let frame = Frame::from(packet);
    assert_eq!(frame.wire_len(), 58);
    assert_eq!(frame.cable_len(), 84, "64 bytes with check sequence, 20 of preamble and gap");
}

#[test]
fn a_congestion_notification_carries_no_message_data() {
    let carries = |opcode: Opcode| {
        let [packet, _] = packets(Ecn::Capable0);
        let mut frame = Frame::from(packet);
        frame.edit(|packet| {
            packet.bth.opcode = opcode;
            packet.payload = Payload::Elided(16);
        });
        frame.has_payload()
    };
    assert_eq!([Opcode::CNP, Opcode::UD_SEND_ONLY].map(carries), [false, true]);
}

#[test]
fn what_is_noted_beside_a_frame_follows_its_changes() {
    for packet in packets(Ecn::Capable0) {
        let mut frame = Frame::from(packet);
        assert_eq!((frame.wire_len(), frame.has_telemetry()), (frame.encode().len(), false));
        frame.edit(|packet| {
            packet.payload = Payload::Elided(100);
            packet.telemetry = Some(Box::default());
        });
        assert_eq!((frame.wire_len(), frame.has_payload()), (frame.encode().len(), true));
        frame.stamp(1, Hop { time_ps: 7, ..Hop::default() });
        let hops = frame.roce().map(|packet| packet.telemetry.as_ref().map(|told| told.hops().len()));
        assert_eq!((frame.has_telemetry(), hops), (true, Ok(Some(1))));
        frame.edit(|packet| packet.payload = Payload::EMPTY);
        assert_eq!((frame.wire_len(), frame.has_payload()), (frame.encode().len(), false));
        let mut raw = Frame::raw(frame.encode());
        raw.edit(|_| unreachable!("it is no value"));
        assert_eq!((raw.wire_len(), raw.has_payload()), (frame.wire_len(), false));
    }
}
