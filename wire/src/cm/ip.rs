//! Connections between IP addresses and ports over the datagrams of InfiniBand (IBTA volume 1, annex A11).
//!
//! The service identifier of REQ holds the port that is called; a header in front of its private data holds the rest. Both
//! are what `rdma_cm` of Linux sends and expects.

use super::private_data::PrivateData;
use crate::cursor::Cursor;
use crate::error::ParseError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of private data that REQ carries.
pub const REQ_PRIVATE_LEN: usize = 92;
/// Bytes that the header takes of them.
pub const HEADER_LEN: usize = 36;
/// Bytes that remain for the consumer.
pub const CONSUMER_PRIVATE_LEN: usize = REQ_PRIVATE_LEN - HEADER_LEN;

/// Service identifiers of the TCP port space, without the port.
const SERVICE_ID_TCP: u64 = 0x0000_0000_0106_0000;
/// The same of the UDP port space: datagrams.
const SERVICE_ID_UDP: u64 = 0x0000_0000_0111_0000;

/// IPv4 addresses stand at the end of sixteen bytes.
const IPV4_PAD: [u8; 12] = [0; 12];

/// The service identifier of a TCP port.
#[must_use]
pub const fn tcp_service_id(port: u16) -> u64 {
    SERVICE_ID_TCP | port as u64
}

/// The TCP port of a service identifier, if it is of that port space.
#[must_use]
pub const fn tcp_port(service_id: u64) -> Option<u16> {
    if service_id & !0xffff == SERVICE_ID_TCP { Some(service_id as u16) } else { None }
}

/// The UDP port of a service identifier, if it is of that port space.
#[must_use]
pub const fn udp_port(service_id: u64) -> Option<u16> {
    if service_id & !0xffff == SERVICE_ID_UDP { Some(service_id as u16) } else { None }
}

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpHeader {
    /// Port of the caller.
    pub source_port: u16,
    /// Address of the caller.
    pub source: IpAddr,
    /// Address that is called, of the same family.
    pub destination: IpAddr,
}

impl IpHeader {
    /// Private data of REQ: this header, then what the consumer sends.
    #[must_use]
    pub fn join(&self, consumer: &PrivateData<CONSUMER_PRIVATE_LEN>) -> PrivateData<REQ_PRIVATE_LEN> {
        let mut data = Vec::with_capacity(REQ_PRIVATE_LEN);
        data.push(0); // Version 0.0.
        let both_v4 = self.source.is_ipv4() && self.destination.is_ipv4();
        data.push(if both_v4 { 4 << 4 } else { 6 << 4 });
        data.extend(self.source_port.to_be_bytes());
        for address in [self.source, self.destination] {
            match address {
                IpAddr::V4(address) if both_v4 => data.extend(IPV4_PAD.into_iter().chain(address.octets())),
                IpAddr::V4(address) => data.extend(address.to_ipv6_mapped().octets()),
                IpAddr::V6(address) => data.extend(address.octets()),
            }
        }
        data.extend(consumer.as_bytes());
        PrivateData::new(&data).expect("header and consumer's part make the whole")
    }

    /// Undoes [`join`](Self::join).
    ///
    /// # Errors
    /// `Other` if the header has another major version or address family. Offsets count from the private data.
    pub fn split(
        private_data: &PrivateData<REQ_PRIVATE_LEN>,
    ) -> Result<(Self, PrivateData<CONSUMER_PRIVATE_LEN>), ParseError> {
        let mut cursor = Cursor::new(private_data.as_bytes(), 0);
        Ok((Self::read(&mut cursor)?, PrivateData::parse(&mut cursor)?))
    }

    /// Reads the header at the front of private data of any message.
    ///
    /// # Errors
    /// As [`split`](Self::split); `Truncated` if there are fewer bytes than the header has.
    pub fn parse(private_data: &[u8]) -> Result<Self, ParseError> {
        Self::read(&mut Cursor::new(private_data, 0))
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let major = cursor.u8("IP CM version")? >> 4;
        if major != 0 {
            let actual = major.into();
            return Err(ParseError::Other { field: "IP CM major version", offset: 0, needed: 0, actual });
        }
        let family = cursor.u8("IP version")? >> 4;
        let source_port = cursor.u16("source port")?;
        let mut address = |field| match family {
            4 => {
                cursor.take(field, IPV4_PAD.len())?;
                cursor.array(field).map(|octets| IpAddr::from(Ipv4Addr::from(octets)))
            }
            6 => cursor.array::<16>(field).map(|octets| IpAddr::from(Ipv6Addr::from(octets))),
            _ => Err(ParseError::Other { field: "IP version", offset: 1, needed: 4, actual: family.into() }),
        };
        let source = address("source address")?;
        let destination = address("destination address")?;
        Ok(Self { source_port, source, destination })
    }
}
