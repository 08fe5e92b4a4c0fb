//! A RoCEv2 packet and a frame as they travel through the simulation: values, encoded only when somebody looks.

use crate::headers::{Bth, Ext};
use crate::opcode::Opcode;
use crate::telemetry::Telemetry;
use bytes::Bytes;
use std::fmt;
use std::net::IpAddr;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The two congestion bits of an IP header (RFC 3168).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// Not capable: congested switches drop instead of marking.
    NotCapable = 0,
    /// Capable, codepoint ECT(1).
    Capable1 = 1,
    /// Capable, codepoint ECT(0).
    Capable0 = 2,
    /// A switch was congested.
    Congested = 3,
}

/// The IP header of a packet. Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Differentiated services code point, 6 bits: carries the priority through the fabric.
    pub dscp: u8,
    /// Congestion bits.
    pub ecn: Ecn,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// IPv4 identification; zero with IPv6.
    pub identification: u16,
    /// IPv6 flow label, 20 bits; zero with IPv4.
    pub flow_label: u32,
}

/// What a packet carries. Bytes are shared, never copied, between capture, duplicate and retransmission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Real bytes.
    Bytes(Bytes),
    /// Only their number: a fabric study that does not look at data. Encodes as zeros.
    Elided(u32),
}

impl Payload {
    /// No payload.
    pub const EMPTY: Self = Self::Bytes(Bytes::new());

    /// Bytes carried, without padding.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Elided(length) => *length as usize,
        }
    }

    /// Whether nothing is carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A RoCEv2 packet: Ethernet, IP, UDP to port 4791, BTH, extended headers, payload, padding, ICRC. What switches look at
/// comes first in memory, see [`Frame`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RocePacket {
    /// IP header.
    pub ip: Ip,
    /// UDP source port: the entropy that spreads flows over equal paths.
    pub udp_source_port: u16,
    /// Extended headers; must be those of `bth.opcode`.
    pub ext: Ext,
    /// Destination MAC address.
    pub dest_mac: Mac,
    /// Source MAC address.
    pub source_mac: Mac,
    /// Base transport header. `pad_count` is set by whoever builds the packet to `(4 - len % 4) % 4`.
    pub bth: Bth,
    /// Message data of this packet.
    pub payload: Payload,
    /// What switches say about the way, if the sender asks. Not encoded.
    pub telemetry: Option<Box<Telemetry>>,
}

impl RocePacket {
    /// Becomes another packet, field by field: as a whole it would be moved twice.
    #[inline]
    fn put(&mut self, new: Self) {
        let Self { dest_mac, source_mac, ip, udp_source_port, bth, ext, payload, telemetry } = new;
        (self.dest_mac, self.source_mac, self.ip) = (dest_mac, source_mac, ip);
        (self.udp_source_port, self.bth, self.ext) = (udp_source_port, bth, ext);
        self.payload = payload;
        self.telemetry = telemetry;
    }

    /// Becomes a copy of another packet.
    #[inline]
    fn copy(&mut self, original: &Self) {
        let Self { dest_mac, source_mac, ip, udp_source_port, bth, ext, payload, telemetry } = original;
        (self.dest_mac, self.source_mac, self.ip) = (*dest_mac, *source_mac, *ip);
        (self.udp_source_port, self.bth, self.ext) = (*udp_source_port, *bth, *ext);
        match (&mut self.payload, payload) {
            (Payload::Elided(length), Payload::Elided(other)) => *length = *other,
            (payload, other) => *payload = other.clone(),
        }
        if self.telemetry.is_some() || telemetry.is_some() {
            self.telemetry.clone_from(telemetry);
        }
    }
}

impl Frame {
    /// Becomes another frame.
    #[inline]
    pub(crate) fn put(&mut self, new: Self) {
        self.label = new.label;
        match (&mut self.body, new.body) {
            (Body::Roce(old), Body::Roce(new)) => old.put(new),
            (old, new) => *old = new,
        }
    }

    /// Becomes a copy of another frame.
    #[inline]
    pub(crate) fn copy(&mut self, original: &Self) {
        self.label = original.label;
        match (&mut self.body, &original.body) {
            (Body::Roce(mine), Body::Roce(other)) => mine.copy(other),
            (mine, other) => mine.clone_from(other),
        }
    }
}

/// What is inside a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A RoCEv2 packet as a value.
    Roce(RocePacket),
    /// Encoded bytes, from the Ethernet header on, without the frame check sequence: anything that is not RoCEv2 (ARP,
    /// neighbour discovery), what came from a real cable, and what a fault has damaged.
    Raw(Bytes),
}

/// What switches ask of every frame, kept beside what is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) wire_bytes: u32,
    pub(crate) has_payload: bool,
    pub(crate) has_telemetry: bool,
}

impl Label {
    #[inline]
    pub(crate) fn of(body: &Body) -> Self {
        match body {
            Body::Roce(packet) => Self {
                wire_bytes: packet.wire_len() as u32,
                // The sixteen bytes of a congestion notification are reserved (IBTA annex A17).
                has_payload: !packet.payload.is_empty() && packet.bth.opcode != Opcode::CNP,
                has_telemetry: packet.telemetry.is_some(),
            },
            Body::Raw(bytes) => Self { wire_bytes: bytes.len() as u32, has_payload: false, has_telemetry: false },
        }
    }
}

/// A frame on its way.
///
/// All that switches look at lies in the first of its three cache lines of 64 bytes, up to the kind of the extended headers,
/// in which the compiler also notes what kind of body it is. A large fabric, whose frames fit no cache, waits for memory
/// more than for anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Frame {
    pub(crate) label: Label,
    pub(crate) body: Body,
}

const _: () = assert!(std::mem::offset_of!(Frame, body) + std::mem::offset_of!(RocePacket, ext) < 64);
const _: () = assert!(size_of::<Frame>() <= 3 * 64);
