//! Frames as fabric and NIC handle them: to and from bytes, their length, and the few fields that are looked at on the way.
//!
//! A RoCEv2 packet answers from its values. Encoded bytes are looked into where they lie, VLAN tags included; a frame that
//! has no such field answers `None`.

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::ip::{CHECKSUM_AT, add_ones_complement};
use crate::layout::{ETHERNET_LEN, Family, Layout, PROTOCOL_UDP};
use crate::opcode::Opcode;
use crate::packet::{Body, Ecn, Frame, Label, Mac, RocePacket};
use crate::psn::Psn;
use crate::telemetry::Hop;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes that a frame takes on the cable beyond [`Frame::wire_len`]: preamble with start delimiter 8, frame check sequence
/// 4, gap to the next frame 12 (IEEE 802.3).
pub const CABLE_OVERHEAD_BYTES: usize = 8 + 4 + 12;

/// The shortest frame without its check sequence; shorter ones are padded on the cable (IEEE 802.3).
pub const FRAME_LEN_MIN: usize = 60;

/// What spreads flows over equal paths. Ports other than UDP's count as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowFields {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// UDP source port, in which RoCEv2 senders put their entropy.
    pub udp_source_port: u16,
}

/// Bytes for which a frame of so many bytes keeps the cable busy: padding, check sequence, preamble and gap included.
#[must_use]
pub const fn cable_len(wire_len: usize) -> usize {
    (if wire_len < FRAME_LEN_MIN { FRAME_LEN_MIN } else { wire_len }) + CABLE_OVERHEAD_BYTES
}

impl From<RocePacket> for Frame {
    fn from(packet: RocePacket) -> Self {
        Self::new(Body::Roce(packet))
    }
}

impl Frame {
    #[inline]
    fn new(body: Body) -> Self {
        Self { label: Label::of(&body), body }
    }

    /// A frame of these bytes, whatever they mean, from the Ethernet header on.
    #[must_use]
    pub fn raw(bytes: Bytes) -> Self {
        Self::new(Body::Raw(bytes))
    }

    /// A frame from bytes: a packet as a value if it encodes to exactly these bytes, else the bytes.
    #[must_use]
    pub fn parse(bytes: Bytes) -> Self {
        match RocePacket::parse(&bytes) {
            Ok(packet) => packet.into(),
            Err(_) => Self::raw(bytes),
        }
    }

    /// What is inside.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Changes a packet that is there as a value; bytes stay as they are.
    #[inline]
    pub fn edit(&mut self, change: impl FnOnce(&mut RocePacket)) {
        if let Body::Roce(packet) = &mut self.body {
            change(packet);
            self.label = Label::of(&self.body);
        }
    }

    /// What kind of packet it is, of one that is there as a value.
    #[must_use]
    #[inline]
    pub const fn opcode(&self) -> Option<Opcode> {
        match &self.body {
            Body::Roce(packet) => Some(packet.bth.opcode),
            Body::Raw(_) => None,
        }
    }

    /// Gives a packet that is there as a value another place among those of its message, which all have the same length.
    #[inline]
    pub const fn number(&mut self, psn: Psn, ack_request: bool) {
        if let Body::Roce(packet) = &mut self.body {
            (packet.bth.psn, packet.bth.ack_request) = (psn, ack_request);
        }
    }

    /// Whether the sender asks switches to say how they do.
    #[must_use]
    pub const fn has_telemetry(&self) -> bool {
        self.label.has_telemetry
    }

    /// A switch says how the line does by which the frame leaves, if the sender asks.
    pub fn stamp(&mut self, line: u32, hop: Hop) {
        if let Body::Roce(RocePacket { telemetry: Some(telemetry), .. }) = &mut self.body {
            telemetry.push(line, hop);
        }
    }

    /// The frame from the Ethernet header on, without frame check sequence and padding to the shortest length.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match &self.body {
            Body::Roce(packet) => packet.encode(),
            Body::Raw(bytes) => bytes.clone(),
        }
    }

    /// The packet as a receiver understands it.
    ///
    /// # Errors
    /// As [`RocePacket::receive`] for encoded bytes.
    pub fn roce(&self) -> Result<Cow<'_, RocePacket>, ParseError> {
        match &self.body {
            Body::Roce(packet) => Ok(Cow::Borrowed(packet)),
            Body::Raw(bytes) => RocePacket::receive(bytes).map(Cow::Owned),
        }
    }

    /// Reads a little of each cache line that the frame lies in, of which it gives a sum that means nothing. Frames that are
    /// touched one after the other come from memory at the same time; those that are worked off would come one by one.
    #[must_use]
    #[inline]
    pub fn touch(&self) -> usize {
        match &self.body {
            Body::Roce(packet) => self.touch_head() + usize::from(packet.bth.pad_count) + packet.payload.len(),
            Body::Raw(bytes) => bytes.len(),
        }
    }

    /// As [`touch`](Self::touch), of what switches look at.
    #[must_use]
    #[inline]
    pub fn touch_head(&self) -> usize {
        let hops = if self.label.has_telemetry { self.hops() } else { 0 };
        self.label.wire_bytes as usize ^ hops
    }

    /// How many switches have said how they do.
    fn hops(&self) -> usize {
        match &self.body {
            Body::Roce(packet) => packet.telemetry.as_ref().map_or(0, |told| told.hops().len()),
            Body::Raw(_) => 0,
        }
    }

    /// Bytes of [`encode`](Self::encode), without encoding.
    #[must_use]
    #[inline]
    pub const fn wire_len(&self) -> usize {
        self.label.wire_bytes as usize
    }

    /// Whether it is a packet as a value that carries message data.
    #[must_use]
    #[inline]
    pub const fn has_payload(&self) -> bool {
        self.label.has_payload
    }

    /// Bytes for which the frame keeps the cable busy: padding, check sequence, preamble and gap included.
    #[must_use]
    pub const fn cable_len(&self) -> usize {
        cable_len(self.wire_len())
    }

    /// Destination MAC address.
    #[must_use]
    pub fn dest_mac(&self) -> Option<Mac> {
        match &self.body {
            Body::Roce(packet) => Some(packet.dest_mac),
            Body::Raw(bytes) => peek_mac(bytes, 0),
        }
    }

    /// Source MAC address.
    #[must_use]
    pub fn source_mac(&self) -> Option<Mac> {
        match &self.body {
            Body::Roce(packet) => Some(packet.source_mac),
            Body::Raw(bytes) => peek_mac(bytes, 6),
        }
    }

    /// Destination IP address.
    #[must_use]
    pub fn dest_ip(&self) -> Option<IpAddr> {
        match &self.body {
            Body::Roce(packet) => Some(packet.ip.destination),
            Body::Raw(bytes) => peek_addresses(bytes, &Layout::find(bytes).ok()?).map(|(_, destination)| destination),
        }
    }

    /// What a switch hashes to choose among equal paths.
    #[must_use]
    pub fn flow_hash_fields(&self) -> Option<FlowFields> {
        match &self.body {
            Body::Roce(RocePacket { ip, udp_source_port, .. }) => {
                Some(FlowFields { source: ip.source, destination: ip.destination, udp_source_port: *udp_source_port })
            }
            Body::Raw(bytes) => {
                let layout = Layout::find(bytes).ok()?;
                let (source, destination) = peek_addresses(bytes, &layout)?;
                let has_port = layout.protocol == PROTOCOL_UDP && !layout.fragment;
                let port = Cursor::new(&bytes[..layout.end], layout.transport).u16("UDP source port");
                let udp_source_port = if has_port { port.unwrap_or(0) } else { 0 };
                Some(FlowFields { source, destination, udp_source_port })
            }
        }
    }

    /// Differentiated services code point.
    #[must_use]
    pub fn dscp(&self) -> Option<u8> {
        match &self.body {
            Body::Roce(packet) => Some(packet.ip.dscp),
            Body::Raw(bytes) => peek_traffic_class(bytes).map(|class| class >> 2),
        }
    }

    /// Congestion bits.
    #[must_use]
    pub fn ecn(&self) -> Option<Ecn> {
        match &self.body {
            Body::Roce(packet) => Some(packet.ip.ecn),
            Body::Raw(bytes) => peek_traffic_class(bytes).map(Ecn::from_bits),
        }
    }

    /// Writes the congestion bits; `false` if the frame carries no IP. An IPv4 header checksum is adjusted, not computed
    /// anew (RFC 1624), so that a damaged header stays damaged.
    pub fn set_ecn(&mut self, ecn: Ecn) -> bool {
        match &mut self.body {
            Body::Roce(packet) => packet.ip.ecn = ecn,
            Body::Raw(bytes) => {
                let Ok(layout) = Layout::find(bytes) else {
                    return false;
                };
                let mut writable = BytesMut::from(std::mem::take(bytes));
                write_ecn(&mut writable[layout.ip..], layout.family, ecn);
                *bytes = writable.freeze();
            }
        }
        true
    }

    /// Marks the frame as a congested switch does; `false` if its sender does not take marks, so that it must be dropped.
    pub fn mark_congested(&mut self) -> bool {
        match self.ecn() {
            None | Some(Ecn::NotCapable) => false,
            Some(Ecn::Congested) => true,
            Some(Ecn::Capable0 | Ecn::Capable1) => self.set_ecn(Ecn::Congested),
        }
    }
}

fn peek_mac(frame: &[u8], at: usize) -> Option<Mac> {
    Cursor::new(frame.get(..ETHERNET_LEN)?, at).array("MAC address").ok().map(Mac)
}

fn peek_addresses(frame: &[u8], layout: &Layout) -> Option<(IpAddr, IpAddr)> {
    let mut address = Cursor::new(frame, layout.addresses_at());
    Some(match layout.family {
        Family::V4 => {
            let [source, destination] = [(); 2].map(|()| address.array("IPv4 address").map(Ipv4Addr::from));
            (source.ok()?.into(), destination.ok()?.into())
        }
        Family::V6 => {
            let [source, destination] = [(); 2].map(|()| address.array::<16>("IPv6 address").map(Ipv6Addr::from));
            (source.ok()?.into(), destination.ok()?.into())
        }
    })
}

fn peek_traffic_class(frame: &[u8]) -> Option<u8> {
    let layout = Layout::find(frame).ok()?;
    let first = Cursor::new(frame, layout.ip).u16("IP version and traffic class").ok()?;
    Some(match layout.family {
        Family::V4 => first as u8,
        Family::V6 => (first >> 4) as u8,
    })
}

/// Writes the congestion bits of a complete IP header.
fn write_ecn(header: &mut [u8], family: Family, ecn: Ecn) {
    let old = u16::from_be_bytes([header[0], header[1]]);
    let new = match family {
        Family::V4 => old & !3 | ecn as u16,
        Family::V6 => old & !0x30 | (ecn as u16) << 4,
    };
    header[..2].copy_from_slice(&new.to_be_bytes());
    if family == Family::V4 {
        let checksum = u16::from_be_bytes([header[CHECKSUM_AT], header[CHECKSUM_AT + 1]]);
        let adjusted = !add_ones_complement(add_ones_complement(!checksum, !old), new);
        header[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&adjusted.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
