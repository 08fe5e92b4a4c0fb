//! Where the headers of an IP frame lie: the one place that walks from the Ethernet header to the transport.

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::packet::RocePacket;

/// Bytes of an Ethernet header without tag.
pub(crate) const ETHERNET_LEN: usize = 14;
/// Bytes of an IPv4 header without options.
pub(crate) const IPV4_LEN: usize = 20;
/// Bytes of an IPv6 header.
pub(crate) const IPV6_LEN: usize = 40;
/// Bytes of a UDP header.
pub(crate) const UDP_LEN: usize = 8;
/// Bytes of a base transport header.
pub(crate) const BTH_LEN: usize = 12;
/// Bytes of an invariant CRC.
pub(crate) const ICRC_LEN: usize = 4;
/// IP protocol number of UDP.
pub(crate) const PROTOCOL_UDP: u8 = 17;
/// Where the Ethernet type is, in a frame without tag.
pub(crate) const ETHERTYPE_AT: usize = 12;
/// Ethernet type of IPv4.
pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
/// Ethernet type of IPv6.
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Ethernet types of IEEE 802.1Q tags: customer and service.
const VLAN_TAGS: [u16; 2] = [0x8100, 0x88a8];
const VLAN_TAG_LEN: usize = 4;
/// Tags that are walked over: one service tag, one customer tag.
const VLAN_TAGS_MAX: usize = 2;

/// IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Offsets into an IP frame; all of them and `end` are inside of the bytes they were found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The IP header.
    pub(crate) ip: usize,
    pub(crate) family: Family,
    /// What follows the IP header. IPv6 extension headers are not walked: RoCEv2 uses none.
    pub(crate) protocol: u8,
    /// A piece of a packet: what follows the IP header is only known of the first piece.
    pub(crate) fragment: bool,
    /// Where the IP header and its options end.
    pub(crate) transport: usize,
    /// Where the IP packet ends; Ethernet padding may follow.
    pub(crate) end: usize,
}

impl Layout {
    /// Finds the headers.
    ///
    /// # Errors
    /// `Other` if the frame carries no IP, `Truncated` and `Inconsistent` if its lengths are impossible.
    pub(crate) fn find(frame: &[u8]) -> Result<Self, ParseError> {
        let mut at = ETHERTYPE_AT;
        let mut ethertype = Cursor::new(frame, at).u16("Ethernet type")?;
        for _ in 0..VLAN_TAGS_MAX {
            if VLAN_TAGS.contains(&ethertype) {
                at += VLAN_TAG_LEN;
                ethertype = Cursor::new(frame, at).u16("Ethernet type")?;
            }
        }
        match ethertype {
            ETHERTYPE_IPV4 => Self::ipv4(frame, at + 2),
            ETHERTYPE_IPV6 => Self::ipv6(frame, at + 2),
            _ => Err(ParseError::Other {
                field: "Ethernet type",
                offset: at,
                needed: ETHERTYPE_IPV4.into(),
                actual: ethertype.into(),
            }),
        }
    }

    /// Finds the headers of a RoCEv2 packet that has room for UDP, BTH and ICRC.
    ///
    /// # Errors
    /// As [`find`](Self::find), and `Other` if the packet is not for the port of RoCEv2 or only a piece of one.
    pub(crate) fn find_roce(frame: &[u8]) -> Result<Self, ParseError> {
        let layout = Self::find(frame)?;
        let other = |field, offset, needed: u16, actual: u16| {
            Err(ParseError::Other { field, offset, needed: needed.into(), actual: actual.into() })
        };
        if layout.protocol != PROTOCOL_UDP {
            return other("IP protocol", layout.protocol_at(), PROTOCOL_UDP.into(), layout.protocol.into());
        }
        if layout.fragment {
            return other("IP fragmentation", layout.ip + 6, 0, 1);
        }
        let inside = &frame[..layout.end];
        let port_at = layout.transport + 2;
        let port = Cursor::new(inside, port_at).u16("UDP destination port")?;
        if port != RocePacket::UDP_PORT {
            return other("UDP destination port", port_at, RocePacket::UDP_PORT, port);
        }
        Cursor::new(inside, layout.transport).take("UDP header, BTH and ICRC", UDP_LEN + BTH_LEN + ICRC_LEN)?;
        Ok(layout)
    }

    /// Where the source address is; the destination address follows it.
    pub(crate) const fn addresses_at(&self) -> usize {
        match self.family {
            Family::V4 => self.ip + 12,
            Family::V6 => self.ip + 8,
        }
    }

    const fn protocol_at(&self) -> usize {
        match self.family {
            Family::V4 => self.ip + 9,
            Family::V6 => self.ip + 6,
        }
    }

    fn ipv4(frame: &[u8], ip: usize) -> Result<Self, ParseError> {
        let header: [u8; IPV4_LEN] = Cursor::new(frame, ip).array("IPv4 header")?;
        version(header[0], 4, ip)?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        if header_len < IPV4_LEN {
            return Err(ParseError::Inconsistent {
                field: "IPv4 header length",
                offset: ip,
                needed: IPV4_LEN as u64,
                actual: header_len as u64,
            });
        }
        let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if total_len < header_len {
            return Err(ParseError::Inconsistent {
                field: "IPv4 total length",
                offset: ip + 2,
                needed: header_len as u64,
                actual: total_len as u64,
            });
        }
        Cursor::new(frame, ip).take("IPv4 packet", total_len)?;
        // More fragments, or an offset: everything but the reserved bit and "don't fragment".
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        let (transport, end) = (ip + header_len, ip + total_len);
        Ok(Self { ip, family: Family::V4, protocol: header[9], fragment, transport, end })
    }

    fn ipv6(frame: &[u8], ip: usize) -> Result<Self, ParseError> {
        let header: [u8; IPV6_LEN] = Cursor::new(frame, ip).array("IPv6 header")?;
        version(header[0], 6, ip)?;
        let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let transport = ip + IPV6_LEN;
        Cursor::new(frame, transport).take("IPv6 payload", payload_len)?;
        let end = transport + payload_len;
        Ok(Self { ip, family: Family::V6, protocol: header[6], fragment: false, transport, end })
    }
}

fn version(first_byte: u8, needed: u8, offset: usize) -> Result<(), ParseError> {
    let actual = first_byte >> 4;
    if actual == needed {
        return Ok(());
    }
    Err(ParseError::Other { field: "IP version", offset, needed: needed.into(), actual: actual.into() })
}
