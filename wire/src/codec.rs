//! A RoCEv2 packet in bytes: Ethernet II without frame check sequence, IP, UDP, transport headers, payload, padding, ICRC
//! (IBTA annex A17).
//!
//! [`RocePacket::parse`] is exact: what it accepts encodes to the same bytes. [`RocePacket::receive`] is what a NIC does: it
//! also takes packets with fields that the value has no place for and a receiver ignores.

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::headers::{Bth, Ext};
use crate::icrc;
use crate::layout::{BTH_LEN, ETHERNET_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICRC_LEN, IPV4_LEN, Layout, UDP_LEN};
use crate::packet::{Ip, Mac, Payload, RocePacket};
use bytes::{BufMut, Bytes, BytesMut};

/// The first field met that a packet as a value cannot hold.
#[derive(Debug, Default)]
pub(crate) struct Losses(Option<ParseError>);

impl Losses {
    /// Remembers `field` if it is `lost` and the first one.
    pub(crate) fn note(&mut self, lost: bool, field: &'static str, offset: usize) {
        if lost && self.0.is_none() {
            self.0 = Some(ParseError::Unrepresentable { field, offset });
        }
    }
}

impl RocePacket {
    /// UDP destination port of RoCEv2.
    pub const UDP_PORT: u16 = 4791;
    /// Bytes that a receive of a datagram queue pair keeps free for the network header: those of InfiniBand's global route
    /// header.
    pub const ROUTE_HEADER_LEN: usize = 40;

    /// The network header as it stands before a received datagram: the IPv6 header, or 20 zeros and the IPv4 header (IBTA
    /// annex A17).
    #[must_use]
    pub fn route_header(&self) -> [u8; Self::ROUTE_HEADER_LEN] {
        let mut header = BytesMut::with_capacity(Self::ROUTE_HEADER_LEN);
        self.ip.encode(self.udp_len() as u16, &mut header);
        let mut out = [0; Self::ROUTE_HEADER_LEN];
        out[Self::ROUTE_HEADER_LEN - header.len()..].copy_from_slice(&header);
        out
    }

    /// Bytes of the Ethernet frame that carries the packet, without frame check sequence and without the padding that the
    /// shortest packets need on a cable.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        ETHERNET_LEN + self.ip.header_len() + self.udp_len()
    }

    /// Bytes from the UDP header to the ICRC.
    fn udp_len(&self) -> usize {
        UDP_LEN + BTH_LEN + self.ext.encoded_len() + self.payload.len() + self.pad_len() + ICRC_LEN
    }

    /// What the two bits of the header can say.
    fn pad_len(&self) -> usize {
        usize::from(self.bth.pad_count & 3)
    }

    /// The frame in bytes. Values wider than their field are cut to it; elided payload becomes zeros.
    ///
    /// # Panics
    /// If the packet is longer than an IP packet can be (64 KiB; path MTUs end at 4096 bytes).
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let udp_len = u16::try_from(self.udp_len()).ok().filter(|&len| len <= u16::MAX - IPV4_LEN as u16);
        let udp_len = udp_len.expect("a packet is cut to the path MTU before it is sent");
        let mut out = BytesMut::with_capacity(self.wire_len());
        out.put_slice(&self.dest_mac.0);
        out.put_slice(&self.source_mac.0);
        let ip_header_len = self.ip.header_len();
        out.put_u16(if ip_header_len == IPV4_LEN { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 });
        self.ip.encode(udp_len, &mut out);
        out.put_u16(self.udp_source_port);
        out.put_u16(Self::UDP_PORT);
        out.put_u16(udp_len);
        out.put_u16(0); // No UDP checksum: the ICRC covers more.
        self.bth.encode(&mut out);
        self.ext.encode(&mut out);
        match &self.payload {
            Payload::Bytes(bytes) => out.put_slice(bytes),
            Payload::Elided(length) => out.put_bytes(0, *length as usize),
        }
        out.put_bytes(0, self.pad_len());
        let crc = icrc::compute(&out[ETHERNET_LEN..], ip_header_len);
        out.put_u32_le(crc);
        out.freeze()
    }

    /// The packet in `frame`, if it encodes to exactly these bytes. The payload shares the frame's memory.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and `Unrepresentable` for a good packet that would encode to other bytes: with a VLAN
    /// tag, IPv4 options or flags other than "don't fragment", a UDP checksum, padding that is not zero, or bytes behind
    /// the packet.
    pub fn parse(frame: &Bytes) -> Result<Self, ParseError> {
        let (packet, losses) = Self::read(frame)?;
        losses.0.map_or(Ok(packet), Err)
    }

    /// The packet in `frame`, as a receiver understands it. The payload shares the frame's memory.
    ///
    /// # Errors
    /// `Other` if the frame carries no RoCEv2 packet; `Truncated` or `Inconsistent` if it is malformed or its IPv4 header
    /// checksum is wrong; `Icrc` if it was damaged.
    pub fn receive(frame: &Bytes) -> Result<Self, ParseError> {
        Self::read(frame).map(|(packet, _)| packet)
    }

    fn read(frame: &Bytes) -> Result<(Self, Losses), ParseError> {
        let layout = Layout::find_roce(frame)?;
        let mut losses = Losses::default();
        losses.note(layout.ip != ETHERNET_LEN, "VLAN tag", ETHERNET_LEN - 2);
        losses.note(layout.end != frame.len(), "bytes behind the packet", layout.end);
        let mut ethernet = Cursor::new(frame, 0);
        let dest_mac = Mac(ethernet.array("destination MAC address")?);
        let source_mac = Mac(ethernet.array("source MAC address")?);
        let ip = Ip::parse(frame, &layout, &mut losses)?;
        let udp_source_port = read_udp(frame, &layout, &mut losses)?;
        icrc::check_at(frame, &layout)?;

        let payload_and_pad_end = layout.end - ICRC_LEN;
        let mut cursor = Cursor::new(&frame[..payload_and_pad_end], layout.transport + UDP_LEN);
        let bth = Bth::parse(&mut cursor)?;
        let ext = Ext::parse(bth.opcode, &mut cursor)?;
        let payload_at = cursor.at();
        let pad_len = usize::from(bth.pad_count);
        let padded_len = payload_and_pad_end - payload_at;
        let Some(payload_len) = padded_len.checked_sub(pad_len) else {
            let offset = layout.transport + UDP_LEN + 1;
            let (needed, actual) = (padded_len as u64, pad_len as u64);
            return Err(ParseError::Inconsistent { field: "BTH pad count", offset, needed, actual });
        };
        let payload = frame.slice(payload_at..payload_at + payload_len);
        let pad = &frame[payload_at + payload_len..payload_and_pad_end];
        losses.note(pad.iter().any(|&byte| byte != 0), "padding", payload_at + payload_len);
        let payload = Payload::Bytes(payload);
        Ok((Self { dest_mac, source_mac, ip, udp_source_port, bth, ext, payload, telemetry: None }, losses))
    }
}

/// Reads the source port and holds the length against that of the IP packet.
fn read_udp(frame: &[u8], layout: &Layout, losses: &mut Losses) -> Result<u16, ParseError> {
    let mut cursor = Cursor::new(frame, layout.transport);
    let source_port = cursor.u16("UDP source port")?;
    cursor.take("UDP destination port", 2)?;
    let offset = cursor.at();
    let actual = cursor.u16("UDP length")?.into();
    let needed = (layout.end - layout.transport) as u64;
    if actual != needed {
        return Err(ParseError::Inconsistent { field: "UDP length", offset, needed, actual });
    }
    let checksum_at = cursor.at();
    losses.note(cursor.u16("UDP checksum")? != 0, "UDP checksum", checksum_at);
    Ok(source_port)
}

#[cfg(test)]
mod tests;
