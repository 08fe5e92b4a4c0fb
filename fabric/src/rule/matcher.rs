//! Which frames a rule is about.

use std::net::IpAddr;
use wire::{Frame, Opcode, PauseFrame, Psn, Qpn, RocePacket};

/// A condition on a frame. Conditions on packet headers hold for intact RoCEv2 packets only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// Every frame, pause frames included.
    Any,
    /// RoCEv2 packets.
    Roce,
    /// Pause frames, of links and of priorities.
    Pause,
    /// Packets with this operation code.
    Opcode(Opcode),
    /// Packets to this queue pair.
    DestQp(Qpn),
    /// Packets with this sequence number.
    Psn(Psn),
    /// IP packets from this address.
    SourceIp(IpAddr),
    /// IP packets to this address.
    DestIp(IpAddr),
    /// Frames for which all of these hold; every frame if there are none.
    All(Vec<Self>),
    /// Frames for which one of these holds; no frame if there are none.
    OneOf(Vec<Self>),
    /// Frames for which this does not hold.
    Not(Box<Self>),
}

impl Matcher {
    /// Whether the condition holds for `frame`.
    #[must_use]
    pub fn matches(&self, frame: &Frame) -> bool {
        let packet = |holds: &dyn Fn(&RocePacket) -> bool| frame.roce().is_ok_and(|packet| holds(&packet));
        match self {
            Self::Any => true,
            Self::Roce => packet(&|_| true),
            Self::Pause => is_pause(frame),
            Self::Opcode(opcode) => packet(&|packet| packet.bth.opcode == *opcode),
            Self::DestQp(qpn) => packet(&|packet| packet.bth.dest_qp == *qpn),
            Self::Psn(psn) => packet(&|packet| packet.bth.psn == *psn),
            Self::SourceIp(address) => frame.flow_hash_fields().is_some_and(|flow| flow.source == *address),
            Self::DestIp(address) => frame.dest_ip() == Some(*address),
            Self::All(matchers) => matchers.iter().all(|matcher| matcher.matches(frame)),
            Self::OneOf(matchers) => matchers.iter().any(|matcher| matcher.matches(frame)),
            Self::Not(matcher) => !matcher.matches(frame),
        }
    }
}

fn is_pause(frame: &Frame) -> bool {
    match frame.body() {
        wire::Body::Roce(_) => false,
        wire::Body::Raw(bytes) => PauseFrame::parse(bytes).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pause::Pause;
    use crate::testing::{ip, packet};
    use bytes::Bytes;
    use des::{Dur, Rate};
    use wire::Mac;

    /// A data packet, a pause frame, and a frame of neither kind.
    fn frames() -> [Frame; 3] {
        let mut data = packet(1, 2, 100);
        data.bth.opcode = Opcode::RC_ACKNOWLEDGE;
        data.ext = wire::Ext::Aeth(wire::Aeth::ack(0, 0));
        data.bth.dest_qp = Qpn::new(17);
        data.bth.psn = Psn::new(5);
        let pause = Pause { priorities: 8, length: Dur::from_us(1) }.encode(Mac([2; 6]), Rate::from_gbps(100));
        [data.into(), pause.into(), Frame::raw(Bytes::from_static(&[0xff; 64]))]
    }

    #[test]
    fn every_matcher_on_every_kind_of_frame() {
        let not = |matcher| Matcher::Not(Box::new(matcher));
        let table = [
            (Matcher::Any, [true, true, true]),
            (Matcher::Roce, [true, false, false]),
            (Matcher::Pause, [false, true, false]),
            (Matcher::Opcode(Opcode::RC_ACKNOWLEDGE), [true, false, false]),
            (Matcher::Opcode(Opcode::CNP), [false, false, false]),
            (Matcher::DestQp(Qpn::new(17)), [true, false, false]),
            (Matcher::DestQp(Qpn::new(18)), [false, false, false]),
            (Matcher::Psn(Psn::new(5)), [true, false, false]),
            (Matcher::Psn(Psn::new(6)), [false, false, false]),
            (Matcher::SourceIp(ip(1)), [true, false, false]),
            (Matcher::SourceIp(ip(2)), [false, false, false]),
            (Matcher::DestIp(ip(2)), [true, false, false]),
            (Matcher::DestIp(ip(1)), [false, false, false]),
            (Matcher::All(vec![]), [true, true, true]),
            (Matcher::All(vec![Matcher::Roce, Matcher::Psn(Psn::new(5))]), [true, false, false]),
            (Matcher::All(vec![Matcher::Roce, Matcher::Pause]), [false, false, false]),
            (Matcher::OneOf(vec![]), [false, false, false]),
            (Matcher::OneOf(vec![Matcher::Roce, Matcher::Pause]), [true, true, false]),
            (not(Matcher::Roce), [false, true, true]),
        ];
        for (matcher, expected) in table {
            let matched = frames().map(|frame| matcher.matches(&frame));
            assert_eq!(matched, expected, "{matcher:?}");
        }
    }

    #[test]
    fn encoded_packets_match_like_values() {
        let [data, ..] = frames();
        let encoded = Frame::raw(data.encode());
        for matcher in [Matcher::Roce, Matcher::DestQp(Qpn::new(17)), Matcher::DestIp(ip(2))] {
            assert!(matcher.matches(&encoded), "{matcher:?}");
        }
    }
}
