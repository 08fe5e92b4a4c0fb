//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers in bytes, as RoCEv2 uses them.

use crate::codec::Losses;
use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::layout::{Family, IPV4_LEN, IPV6_LEN, Layout, PROTOCOL_UDP};
use crate::packet::{Ecn, Ip};
use bytes::{BufMut, BytesMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First byte of an IPv4 header without options.
const IPV4_FIRST: u8 = 0x45;
/// "Don't fragment", in the word that also holds the fragment offset. RoCEv2 packets must not be cut.
const DONT_FRAGMENT: u16 = 0x4000;
/// Where the checksum is in an IPv4 header.
pub(crate) const CHECKSUM_AT: usize = 10;

impl Ip {
    /// Bytes of the header when encoded.
    pub(crate) const fn header_len(&self) -> usize {
        if self.source.is_ipv4() && self.destination.is_ipv4() { IPV4_LEN } else { IPV6_LEN }
    }

    /// Differentiated services and congestion bits as the one byte that both families have.
    const fn traffic_class(&self) -> u8 {
        self.dscp << 2 | self.ecn as u8
    }

    /// Appends the header of a UDP packet with `payload_len` bytes after it. Should the families differ, which breaks the
    /// type's rule, both addresses go out as IPv6.
    pub(crate) fn encode(&self, payload_len: u16, out: &mut BytesMut) {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.encode_v4(source, destination, payload_len, out),
            (source, destination) => self.encode_v6(mapped(source), mapped(destination), payload_len, out),
        }
    }

    fn encode_v4(&self, source: Ipv4Addr, destination: Ipv4Addr, payload_len: u16, out: &mut BytesMut) {
        let start = out.len();
        out.put_u8(IPV4_FIRST);
        out.put_u8(self.traffic_class());
        out.put_u16(IPV4_LEN as u16 + payload_len);
        out.put_u16(self.identification);
        out.put_u16(DONT_FRAGMENT);
        out.put_u8(self.ttl);
        out.put_u8(PROTOCOL_UDP);
        out.put_u16(0);
        out.put_slice(&source.octets());
        out.put_slice(&destination.octets());
        let checksum = !sum(&out[start..]);
        out[start + CHECKSUM_AT..][..2].copy_from_slice(&checksum.to_be_bytes());
    }

    fn encode_v6(&self, source: Ipv6Addr, destination: Ipv6Addr, payload_len: u16, out: &mut BytesMut) {
        out.put_u32(6 << 28 | u32::from(self.traffic_class()) << 20 | self.flow_label & 0x000f_ffff);
        out.put_u16(payload_len);
        out.put_u8(PROTOCOL_UDP);
        out.put_u8(self.ttl);
        out.put_slice(&source.octets());
        out.put_slice(&destination.octets());
    }

    /// Reads the header that `layout` has found.
    pub(crate) fn parse(frame: &[u8], layout: &Layout, losses: &mut Losses) -> Result<Self, ParseError> {
        match layout.family {
            Family::V4 => Self::parse_v4(frame, layout, losses),
            Family::V6 => Self::parse_v6(frame, layout),
        }
    }

    fn parse_v4(frame: &[u8], layout: &Layout, losses: &mut Losses) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(frame, layout.ip + 1);
        let traffic_class = cursor.u8("IPv4 type of service")?;
        cursor.take("IPv4 total length", 2)?;
        let identification = cursor.u16("IPv4 identification")?;
        let flags_at = cursor.at();
        let flags = cursor.u16("IPv4 flags")?;
        let ttl = cursor.u8("IPv4 time to live")?;
        cursor.take("IPv4 protocol", 1)?;
        let checksum_at = cursor.at();
        let actual = cursor.u16("IPv4 header checksum")?;
        let source = Ipv4Addr::from(cursor.array("IPv4 source address")?);
        let destination = Ipv4Addr::from(cursor.array("IPv4 destination address")?);
        losses.note(flags != DONT_FRAGMENT, "IPv4 flags", flags_at);
        let options_len = layout.transport - cursor.at();
        losses.note(options_len > 0, "IPv4 options", cursor.at());

        let header = &frame[layout.ip..layout.transport];
        let (before, after) = (&header[..CHECKSUM_AT], &header[CHECKSUM_AT + 2..]);
        let needed = !add_ones_complement(sum(before), sum(after));
        if needed != actual {
            let (needed, actual) = (needed.into(), actual.into());
            return Err(ParseError::Inconsistent {
                field: "IPv4 header checksum",
                offset: checksum_at,
                needed,
                actual,
            });
        }
        Ok(Self {
            source: source.into(),
            destination: destination.into(),
            dscp: traffic_class >> 2,
            ecn: Ecn::from_bits(traffic_class),
            ttl,
            identification,
            flow_label: 0,
        })
    }

    fn parse_v6(frame: &[u8], layout: &Layout) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(frame, layout.ip);
        let first = cursor.u32("IPv6 traffic class and flow label")?;
        cursor.take("IPv6 payload length and next header", 3)?;
        let ttl = cursor.u8("IPv6 hop limit")?;
        let source = Ipv6Addr::from(cursor.array::<16>("IPv6 source address")?);
        let destination = Ipv6Addr::from(cursor.array::<16>("IPv6 destination address")?);
        let traffic_class = (first >> 20) as u8;
        Ok(Self {
            source: source.into(),
            destination: destination.into(),
            dscp: traffic_class >> 2,
            ecn: Ecn::from_bits(traffic_class),
            ttl,
            identification: 0,
            flow_label: first & 0x000f_ffff,
        })
    }
}

impl Ecn {
    /// The codepoint in the two low bits.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotCapable,
            1 => Self::Capable1,
            2 => Self::Capable0,
            _ => Self::Congested,
        }
    }
}

const fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Ones' complement sum of an even number of bytes; its complement is the internet checksum (RFC 1071).
fn sum(bytes: &[u8]) -> u16 {
    bytes.chunks_exact(2).fold(0, |sum, pair| add_ones_complement(sum, u16::from_be_bytes([pair[0], pair[1]])))
}

/// Sum of two words with the carry added at the other end.
pub(crate) const fn add_ones_complement(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_a_known_header() {
        // Header of an acknowledgement that Linux soft-RoCE sent, with the checksum left out.
        let header = [0x45, 0, 0, 0x30, 0x36, 0x18, 0x40, 0, 0x40, 0x11, 0, 0, 10, 7, 0, 2, 10, 7, 0, 1];
        assert_eq!(!sum(&header), 0xf094);
    }

    #[test]
    fn carries_run_around() {
        assert_eq!(add_ones_complement(0xffff, 1), 1);
        assert_eq!(add_ones_complement(0xffff, 0xffff), 0xffff);
        assert_eq!(add_ones_complement(0x8000, 0x8000), 1);
    }

    #[test]
    fn mixed_families_go_out_as_ipv6() {
        let ip = Ip {
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            destination: IpAddr::V6(Ipv6Addr::LOCALHOST),
            dscp: 0,
            ecn: Ecn::NotCapable,
            ttl: 1,
            identification: 0,
            flow_label: 0,
        };
        let mut out = BytesMut::new();
        ip.encode(0, &mut out);
        assert_eq!((out.len(), out[0] >> 4), (ip.header_len(), 6));
    }
}
