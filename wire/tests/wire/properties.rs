//! Properties of every packet and of any bytes.

use crate::packets::{any_frame_bytes, any_packet};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::capture::Capture;
use wire::cm::Mad;
use wire::{Body, Ecn, Frame, ParseError, PauseFrame, RocePacket, icrc};

proptest! {
    #[test]
    fn packets_survive_the_wire(packet in any_packet()) {
        let bytes = packet.encode();
        prop_assert_eq!(bytes.len(), packet.wire_len());
        prop_assert_eq!(icrc::check(&bytes), Ok(()));
        prop_assert_eq!(RocePacket::parse(&bytes)?, packet);
    }

    #[test]
    fn what_switches_change_leaves_the_icrc_alone(packet in any_packet(), ttl in any::<u8>(), dscp in 0..64_u8) {
        let icrc = |packet: &RocePacket| packet.encode().split_off(packet.wire_len() - 4);
        let mut routed = packet.clone();
        (routed.ip.ttl, routed.ip.dscp, routed.ip.ecn) = (ttl, dscp, Ecn::Congested);
        (routed.bth.fecn, routed.bth.becn, routed.bth.reserved) = (true, true, 0);
        if packet.ip.source.is_ipv6() {
            routed.ip.flow_label = 0x12345;
        }
        prop_assert_eq!(icrc(&routed), icrc(&packet));
    }

    #[test]
    fn any_bytes_are_a_frame(bytes in any_frame_bytes()) {
        let frame = Frame::parse(bytes.clone());
        prop_assert_eq!(frame.encode(), bytes.clone());
        prop_assert_eq!(frame.wire_len(), bytes.len());
        if let Body::Roce(packet) = frame.body() {
            prop_assert_eq!(Some(packet.ip.destination), Frame::raw(bytes).dest_ip());
        }
    }

    #[test]
    fn any_bytes_answer_without_panic(bytes in any_frame_bytes()) {
        let mut frame = Frame::raw(bytes.clone());
        prop_assert_eq!(frame.ecn().is_some(), frame.flow_hash_fields().is_some());
        prop_assert_eq!(frame.dscp().is_some(), frame.dest_ip().is_some());
        prop_assert_eq!(frame.set_ecn(Ecn::Congested), frame.ecn() == Some(Ecn::Congested));
        prop_assert_eq!(frame.wire_len(), bytes.len());
        if let Err(ParseError::Truncated { offset, needed, actual, .. }) = RocePacket::receive(&bytes) {
            prop_assert!(needed > actual && offset + actual <= bytes.len().max(offset));
        }
    }

    #[test]
    fn any_bytes_are_refused_by_name_elsewhere(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(PauseFrame::parse(&bytes).is_err());
        prop_assert!(Mad::parse(&bytes).is_err());
        prop_assert!(Capture::read(&Bytes::from(bytes)).is_err());
    }
}
