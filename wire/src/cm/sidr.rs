//! Who asks for a queue pair of datagrams, and who answers: SIDR_REQ, SIDR_REP (IBTA volume 1, 12.11.1).

use super::private_data::PrivateData;
use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::psn::Qpn;
use bytes::{BufMut, BytesMut};

/// Bytes of private data that SIDR_REQ carries.
pub const SIDR_PRIVATE_LEN: usize = 216;

/// Asks where datagrams for a service are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidrReq {
    /// Joins the answer to the request.
    pub request_id: u32,
    /// Partition.
    pub pkey: u16,
    /// What is asked for.
    pub service_id: u64,
    /// As of REQ: with IP addresses, a header stands before the consumer's data.
    pub private_data: PrivateData<SIDR_PRIVATE_LEN>,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SidrStatus(pub u8);

impl SidrStatus {
    /// Queue pair and key are those of the service.
    pub const VALID: Self = Self(0);
    /// There is no such service.
    pub const UNSUPPORTED: Self = Self(1);
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidrRep {
    /// That of the request.
    pub request_id: u32,
    /// Whether the rest means anything.
    pub status: SidrStatus,
    /// The service's queue pair.
    pub qpn: Qpn,
    /// The service.
    pub service_id: u64,
    /// The queue pair's key.
    pub qkey: u32,
    /// Consumer's data.
    pub private_data: PrivateData<136>,
}

impl SidrReq {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_u32(self.request_id);
        out.put_u16(self.pkey);
        out.put_u16(0);
        out.put_u64(self.service_id);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let request_id = cursor.u32("SIDR_REQ request identifier")?;
        let pkey = cursor.u16("SIDR_REQ partition")?;
        cursor.take("SIDR_REQ reserved", 2)?;
        let service_id = cursor.u64("SIDR_REQ service identifier")?;
        Ok(Self { request_id, pkey, service_id, private_data: PrivateData::parse(cursor)? })
    }
}

impl SidrRep {
    /// Bytes of additional information, which no status used here has.
    const INFO_LEN: usize = 72;

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_u32(self.request_id);
        out.put_u8(self.status.0);
        out.put_u8(0);
        out.put_u16(0);
        out.put_u32(self.qpn.value() << 8);
        out.put_u64(self.service_id);
        out.put_u32(self.qkey);
        out.put_bytes(0, Self::INFO_LEN);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let request_id = cursor.u32("SIDR_REP request identifier")?;
        let status = SidrStatus(cursor.u8("SIDR_REP status")?);
        cursor.take("SIDR_REP length of additional information", 3)?;
        let qpn = Qpn::new(cursor.u32("SIDR_REP queue pair")? >> 8);
        let service_id = cursor.u64("SIDR_REP service identifier")?;
        let qkey = cursor.u32("SIDR_REP queue key")?;
        cursor.take("SIDR_REP additional information", Self::INFO_LEN)?;
        Ok(Self { request_id, status, qpn, service_id, qkey, private_data: PrivateData::parse(cursor)? })
    }
}
