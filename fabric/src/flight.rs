//! A frame under way, with what links and switches look at written on its outside.
//!
//! A large fabric has more frames under way than a cache holds. A switch that reads the label only, which comes with the
//! event, waits for no memory: the frame itself is touched where it is built, marked, stamped, damaged or received.

use crate::address::Endpoint;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use wire::telemetry::Hop;
use wire::{Body, CABLE_OVERHEAD_BYTES, FRAME_LEN_MIN, FlowFields, Frame, RocePacket};

/// A frame under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    frame: Box<Frame>,
    label: Label,
}

const _: () = assert!(size_of::<Flight>() <= 24, "a flight is small enough to come with an event");

/// Follows from the frame alone. Congestion bits are not on it: they change on the way, and few frames are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    /// Number of the endpoint that it is for, or [`Label::NOBODY`].
    destination: u32,
    /// The sender's IPv4 address, if [`Label::IPV4`] is set.
    source: u32,
    wire_bytes: u32,
    udp_source_port: u16,
    /// Differentiated services code point, or [`Label::NO_DSCP`].
    dscp: u8,
    flags: u8,
}

impl Label {
    const NOBODY: u32 = u32::MAX;
    const NO_DSCP: u8 = u8::MAX;

    /// Both addresses are IPv4, so that the label says all of the flow.
    const IPV4: u8 = 1;
    const HAS_PAYLOAD: u8 = 2;
    const WANTS_TELEMETRY: u8 = 4;

    fn of(frame: &Frame) -> Self {
        let flow = frame.flow_hash_fields();
        let source = match flow {
            Some(FlowFields { source: IpAddr::V4(source), destination: IpAddr::V4(_), .. }) => Some(source),
            _ => None,
        };
        let (has_payload, wants_telemetry) = match &frame.body {
            Body::Roce(RocePacket { payload, telemetry, .. }) => (!payload.is_empty(), telemetry.is_some()),
            Body::Raw(_) => (false, false),
        };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        Self {
            destination: frame.dest_ip().and_then(Endpoint::of).map_or(Self::NOBODY, |endpoint| endpoint.0),
            source: source.map_or(0, u32::from),
            wire_bytes: u32::try_from(frame.wire_len()).unwrap_or(u32::MAX),
            udp_source_port: flow.map_or(0, |flow| flow.udp_source_port),
            dscp: frame.dscp().unwrap_or(Self::NO_DSCP),
            flags: flag(source.is_some(), Self::IPV4)
                | flag(has_payload, Self::HAS_PAYLOAD)
                | flag(wants_telemetry, Self::WANTS_TELEMETRY),
        }
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl From<Box<Frame>> for Flight {
    fn from(frame: Box<Frame>) -> Self {
        Self { label: Label::of(&frame), frame }
    }
}

impl From<Flight> for Box<Frame> {
    fn from(flight: Flight) -> Self {
        flight.frame
    }
}

/// Looks into the frame, past the label.
impl Deref for Flight {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}

impl Flight {
    /// The frame, which has arrived.
    #[must_use]
    pub fn into_frame(self) -> Box<Frame> {
        self.frame
    }

    /// As [`Frame::wire_len`], in bytes.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        self.label.wire_bytes as usize
    }

    /// As [`Frame::cable_len`], in bytes.
    #[must_use]
    pub fn cable_len(&self) -> usize {
        self.wire_len().max(FRAME_LEN_MIN) + CABLE_OVERHEAD_BYTES
    }

    /// As [`Frame::dscp`].
    #[must_use]
    pub fn dscp(&self) -> Option<u8> {
        Some(self.label.dscp).filter(|&dscp| dscp != Label::NO_DSCP)
    }

    /// Whether it is a packet that carries message data.
    #[must_use]
    pub const fn has_payload(&self) -> bool {
        self.label.has(Label::HAS_PAYLOAD)
    }

    /// Whom it is for; `None` if this is no endpoint of the fabric.
    #[must_use]
    pub fn destination(&self) -> Option<Endpoint> {
        Some(Endpoint(self.label.destination)).filter(|endpoint| endpoint.0 != Label::NOBODY)
    }

    /// As [`Frame::flow_hash_fields`].
    #[must_use]
    pub fn flow_hash_fields(&self) -> Option<FlowFields> {
        match self.destination() {
            Some(destination) if self.label.has(Label::IPV4) => Some(FlowFields {
                source: Ipv4Addr::from(self.label.source).into(),
                destination: destination.ipv4().into(),
                udp_source_port: self.label.udp_source_port,
            }),
            _ => self.frame.flow_hash_fields(),
        }
    }

    /// As [`Frame::mark_congested`].
    pub(crate) fn mark_congested(&mut self) -> bool {
        self.frame.mark_congested()
    }

    /// Adds what a switch says, if the sender asks for it.
    pub(crate) fn stamp(&mut self, hop: impl FnOnce() -> Hop) {
        if self.label.has(Label::WANTS_TELEMETRY)
            && let Body::Roce(RocePacket { telemetry: Some(telemetry), .. }) = &mut self.frame.body
        {
            telemetry.push(hop());
        }
    }

    /// Changes the frame in any way; the label is written anew.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut Frame) -> T) -> T {
        let result = change(&mut self.frame);
        self.label = Label::of(&self.frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::packet;
    use bytes::Bytes;

    /// Packets of both families, as values and as bytes, one of another network, and what is no IP.
    fn frames() -> Vec<Frame> {
        let v4 = packet(1, 2, 300);
        let mut v6 = packet(1, 2, 0);
        (v6.ip.source, v6.ip.destination) = (Endpoint(1).ipv6().into(), Endpoint(2).ipv6().into());
        let mut foreign = packet(1, 2, 1);
        foreign.ip.destination = Ipv4Addr::new(192, 0, 2, 1).into();
        let raw = |bytes| Frame { body: Body::Raw(bytes) };
        let encoded = [raw(v4.encode()), raw(v6.encode()), raw(Bytes::from_static(&[0; 60])), raw(Bytes::new())];
        [v4, v6, foreign].map(Frame::from).into_iter().chain(encoded).collect()
    }

    #[test]
    fn the_label_says_what_the_frame_says() {
        for frame in frames() {
            let flight = Flight::from(Box::new(frame.clone()));
            assert_eq!(flight.wire_len(), frame.wire_len());
            assert_eq!(flight.cable_len(), frame.cable_len());
            assert_eq!(flight.dscp(), frame.dscp());
            assert_eq!(flight.flow_hash_fields(), frame.flow_hash_fields());
            assert_eq!(flight.destination(), frame.dest_ip().and_then(Endpoint::of));
            let payload = matches!(&frame.body, Body::Roce(packet) if !packet.payload.is_empty());
            assert_eq!(flight.has_payload(), payload);
            assert_eq!(*flight.into_frame(), frame);
        }
    }

    #[test]
    fn a_changed_frame_has_a_new_label() {
        let mut flight = Flight::from(Box::new(packet(1, 2, 300).into()));
        let other = Frame::from(packet(1, 3, 0));
        flight.change(|frame| *frame = other.clone());
        assert_eq!(flight, Flight::from(Box::new(other)));
    }
}
