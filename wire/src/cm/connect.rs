//! The three messages that make a connection: REQ, REP, RTU (IBTA volume 1, 12.6.5, 12.6.8, 12.6.9).

use super::ip::REQ_PRIVATE_LEN;
use super::private_data::PrivateData;
use super::{CommId, CommIds};
use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::psn::{Psn, Qpn};
use bytes::{BufMut, BytesMut};
use std::net::Ipv6Addr;

/// Transport service of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceType(pub u8);

impl ServiceType {
    /// Reliable connection.
    pub const RELIABLE: Self = Self(0);
    /// Unreliable connection.
    pub const UNRELIABLE: Self = Self(1);
}

/// Code of a path MTU: 1 to 5 for 256 to 4096 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathMtu(pub u8);

impl PathMtu {
    /// The code of a size that has one.
    #[must_use]
    pub fn from_bytes(bytes: u32) -> Option<Self> {
        (1..=5).map(Self).find(|mtu| mtu.bytes() == Some(bytes))
    }

    /// Payload bytes of a packet; `None` for codes that are not defined.
    #[must_use]
    pub const fn bytes(self) -> Option<u32> {
        match self.0 {
            1..=5 => Some(128 << self.0),
            _ => None,
        }
    }
}

/// A path between two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Sender's local identifier; nothing that RoCE uses (Linux writes 0xffff).
    pub local_lid: u16,
    /// Receiver's.
    pub remote_lid: u16,
    /// Sender's global identifier: its IP address, an IPv4 address mapped into IPv6.
    pub local_gid: Ipv6Addr,
    /// Receiver's.
    pub remote_gid: Ipv6Addr,
    /// IPv6 flow label, 20 bits.
    pub flow_label: u32,
    /// Code of the packet rate, 6 bits; 0 is that of the port.
    pub packet_rate: u8,
    /// IP traffic class.
    pub traffic_class: u8,
    /// IP hop limit.
    pub hop_limit: u8,
    /// Service level, 4 bits.
    pub service_level: u8,
    /// Both ports are in one subnet.
    pub subnet_local: bool,
    /// Code of the acknowledge timeout, 5 bits, see [`crate::codes::ack_timeout_ps`].
    pub ack_timeout: u8,
}

impl Path {
    /// No path, as REQ says it of an alternate path.
    pub const NONE: Self = Self {
        local_lid: 0,
        remote_lid: 0,
        local_gid: Ipv6Addr::UNSPECIFIED,
        remote_gid: Ipv6Addr::UNSPECIFIED,
        flow_label: 0,
        packet_rate: 0,
        traffic_class: 0,
        hop_limit: 0,
        service_level: 0,
        subnet_local: false,
        ack_timeout: 0,
    };

    fn encode(&self, out: &mut BytesMut) {
        out.put_u16(self.local_lid);
        out.put_u16(self.remote_lid);
        out.put_slice(&self.local_gid.octets());
        out.put_slice(&self.remote_gid.octets());
        out.put_u32(self.flow_label << 12 | u32::from(self.packet_rate & 0x3f));
        out.put_u8(self.traffic_class);
        out.put_u8(self.hop_limit);
        out.put_u8(self.service_level << 4 | u8::from(self.subnet_local) << 3);
        out.put_u8(self.ack_timeout << 3);
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let local_lid = cursor.u16("path's local identifier")?;
        let remote_lid = cursor.u16("path's remote identifier")?;
        let local_gid = Ipv6Addr::from(cursor.array::<16>("path's local GID")?);
        let remote_gid = Ipv6Addr::from(cursor.array::<16>("path's remote GID")?);
        let flow = cursor.u32("path's flow label and packet rate")?;
        let traffic_class = cursor.u8("path's traffic class")?;
        let hop_limit = cursor.u8("path's hop limit")?;
        let level = cursor.u8("path's service level")?;
        let ack_timeout = cursor.u8("path's acknowledge timeout")? >> 3;
        Ok(Self {
            local_lid,
            remote_lid,
            local_gid,
            remote_gid,
            flow_label: flow >> 12,
            packet_rate: flow as u8 & 0x3f,
            traffic_class,
            hop_limit,
            service_level: level >> 4,
            subnet_local: level & 8 != 0,
            ack_timeout,
        })
    }
}

/// Asks for a connection. Codes of times are those of [`crate::codes::timeout_ps`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Req {
    /// The caller's name for the connection.
    pub local_comm_id: CommId,
    /// What is called, see [`super::ip::tcp_service_id`].
    pub service_id: u64,
    /// The caller's adapter.
    pub ca_guid: u64,
    /// The caller's queue key; zero for connections.
    pub qkey: u32,
    /// The caller's queue pair.
    pub qpn: Qpn,
    /// READs and atomics that the caller can serve at once.
    pub responder_resources: u8,
    /// READs and atomics that the caller will have outstanding.
    pub initiator_depth: u8,
    /// Code of the time within which the called is to answer, 5 bits.
    pub remote_response_timeout: u8,
    /// Kind of connection.
    pub service_type: ServiceType,
    /// Credits are counted end to end.
    pub flow_control: bool,
    /// First sequence number that the caller expects: with it the acceptor begins to send (IBTA volume 1, 12.7, Starting PSN).
    pub starting_psn: Psn,
    /// Code of the time within which the caller answers, 5 bits.
    pub local_response_timeout: u8,
    /// Retries of the transport, 3 bits.
    pub retry_count: u8,
    /// Partition key.
    pub pkey: u16,
    /// Path MTU.
    pub path_mtu: PathMtu,
    /// Retries after "receiver not ready", 3 bits; 7 is without end.
    pub rnr_retry_count: u8,
    /// Times that either side repeats a message, 4 bits.
    pub max_cm_retries: u8,
    /// The caller's queue pair takes receives from a shared queue.
    pub shared_receive_queue: bool,
    /// The path to use.
    pub primary: Path,
    /// The path to fall back to, or [`Path::NONE`].
    pub alternate: Path,
    /// See [`super::IpHeader`] for what stands in front of the consumer's part.
    pub private_data: PrivateData<REQ_PRIVATE_LEN>,
}

impl Req {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_u32(self.local_comm_id.0);
        out.put_u32(0);
        out.put_u64(self.service_id);
        out.put_u64(self.ca_guid);
        out.put_u32(0);
        out.put_u32(self.qkey);
        out.put_u32(self.qpn.value() << 8 | u32::from(self.responder_resources));
        out.put_u32(self.initiator_depth.into()); // Above it an end-to-end context, of reliable datagrams only.
        let kind = (self.service_type.0 & 3) << 1 | u8::from(self.flow_control);
        out.put_u32(u32::from(self.remote_response_timeout << 3 | kind));
        let retry = self.local_response_timeout << 3 | self.retry_count & 7;
        out.put_u32(self.starting_psn.value() << 8 | u32::from(retry));
        out.put_u16(self.pkey);
        out.put_u8(self.path_mtu.0 << 4 | self.rnr_retry_count & 7);
        out.put_u8(self.max_cm_retries << 4 | u8::from(self.shared_receive_queue) << 3);
        self.primary.encode(out);
        self.alternate.encode(out);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let local_comm_id = CommId(cursor.u32("REQ local communication identifier")?);
        cursor.take("REQ reserved", 4)?;
        let service_id = cursor.u64("REQ service identifier")?;
        let ca_guid = cursor.u64("REQ adapter")?;
        cursor.take("REQ reserved", 4)?;
        let qkey = cursor.u32("REQ queue key")?;
        let queue_pair = cursor.u32("REQ queue pair")?;
        let depth = cursor.u32("REQ initiator depth")?;
        let kind = cursor.u32("REQ service type")? as u8;
        let start = cursor.u32("REQ starting sequence number")?;
        let pkey = cursor.u16("REQ partition key")?;
        let mtu = cursor.u8("REQ path MTU")?;
        let retries = cursor.u8("REQ retries")?;
        Ok(Self {
            local_comm_id,
            service_id,
            ca_guid,
            qkey,
            qpn: Qpn::new(queue_pair >> 8),
            responder_resources: queue_pair as u8,
            initiator_depth: depth as u8,
            remote_response_timeout: kind >> 3,
            service_type: ServiceType(kind >> 1 & 3),
            flow_control: kind & 1 != 0,
            starting_psn: Psn::new(start >> 8),
            local_response_timeout: start as u8 >> 3,
            retry_count: start as u8 & 7,
            pkey,
            path_mtu: PathMtu(mtu >> 4),
            rnr_retry_count: mtu & 7,
            max_cm_retries: retries >> 4,
            shared_receive_queue: retries & 8 != 0,
            primary: Path::parse(cursor)?,
            alternate: Path::parse(cursor)?,
            private_data: PrivateData::parse(cursor)?,
        })
    }
}

/// Accepts a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rep {
    /// Names of the connection.
    pub comm_ids: CommIds,
    /// The acceptor's queue key; zero for connections.
    pub qkey: u32,
    /// The acceptor's queue pair.
    pub qpn: Qpn,
    /// First sequence number that the acceptor expects: with it the caller begins to send.
    pub starting_psn: Psn,
    /// READs and atomics that the acceptor can serve at once.
    pub responder_resources: u8,
    /// READs and atomics that the acceptor will have outstanding.
    pub initiator_depth: u8,
    /// Code of the delay of the acceptor's acknowledgements, 5 bits.
    pub target_ack_delay: u8,
    /// Answer about the alternate path, 2 bits: 0 accepted, 1 not supported, 2 rejected.
    pub failover: u8,
    /// Credits are counted end to end.
    pub flow_control: bool,
    /// Retries after "receiver not ready", 3 bits; 7 is without end.
    pub rnr_retry_count: u8,
    /// The acceptor's queue pair takes receives from a shared queue.
    pub shared_receive_queue: bool,
    /// The acceptor's adapter.
    pub ca_guid: u64,
    /// Consumer's data.
    pub private_data: PrivateData<196>,
}

impl Rep {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.comm_ids.encode(out);
        out.put_u32(self.qkey);
        out.put_u32(self.qpn.value() << 8);
        out.put_u32(0); // An end-to-end context, of reliable datagrams only.
        out.put_u32(self.starting_psn.value() << 8);
        out.put_u8(self.responder_resources);
        out.put_u8(self.initiator_depth);
        out.put_u8(self.target_ack_delay << 3 | (self.failover & 3) << 1 | u8::from(self.flow_control));
        out.put_u8(self.rnr_retry_count << 5 | u8::from(self.shared_receive_queue) << 4);
        out.put_u64(self.ca_guid);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let comm_ids = CommIds::parse(cursor)?;
        let qkey = cursor.u32("REP queue key")?;
        let qpn = Qpn::new(cursor.u32("REP queue pair")? >> 8);
        cursor.take("REP end-to-end context", 4)?;
        let starting_psn = Psn::new(cursor.u32("REP starting sequence number")? >> 8);
        let responder_resources = cursor.u8("REP responder resources")?;
        let initiator_depth = cursor.u8("REP initiator depth")?;
        let delay = cursor.u8("REP target acknowledge delay")?;
        let retries = cursor.u8("REP retries")?;
        Ok(Self {
            comm_ids,
            qkey,
            qpn,
            starting_psn,
            responder_resources,
            initiator_depth,
            target_ack_delay: delay >> 3,
            failover: delay >> 1 & 3,
            flow_control: delay & 1 != 0,
            rnr_retry_count: retries >> 5,
            shared_receive_queue: retries & 0x10 != 0,
            ca_guid: cursor.u64("REP adapter")?,
            private_data: PrivateData::parse(cursor)?,
        })
    }
}

/// "Ready to use": the caller has seen the acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtu {
    /// Names of the connection.
    pub comm_ids: CommIds,
    /// Consumer's data.
    pub private_data: PrivateData<224>,
}

impl Rtu {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.comm_ids.encode(out);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        Ok(Self { comm_ids: CommIds::parse(cursor)?, private_data: PrivateData::parse(cursor)? })
    }
}
