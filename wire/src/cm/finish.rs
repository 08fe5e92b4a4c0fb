//! The messages that delay, refuse or end a connection: MRA, REJ, DREQ, DREP (IBTA volume 1, 12.6.6, 12.6.7, 12.6.10,
//! 12.6.11).

use super::CommIds;
use super::private_data::PrivateData;
use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::psn::Qpn;
use bytes::{BufMut, BytesMut};
use std::fmt;

/// The message that is delayed or refused, 2 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage(pub u8);

impl Stage {
    /// REQ.
    pub const REQ: Self = Self(0);
    /// REP.
    pub const REP: Self = Self(1);
    /// A refusal without such a message, and an alternate path.
    pub const OTHER: Self = Self(2);
}

/// "Message received": the answer takes longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mra {
    /// Names of the connection.
    pub comm_ids: CommIds,
    /// The message received.
    pub stage: Stage,
    /// Code of the time until the answer, 5 bits, see [`crate::codes::timeout_ps`].
    pub service_timeout: u8,
    /// Consumer's data.
    pub private_data: PrivateData<222>,
}

impl Mra {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.comm_ids.encode(out);
        out.put_u8(self.stage.0 << 6);
        out.put_u8(self.service_timeout << 3);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            comm_ids: CommIds::parse(cursor)?,
            stage: Stage(cursor.u8("MRA message")? >> 6),
            service_timeout: cursor.u8("MRA service timeout")? >> 3,
            private_data: PrivateData::parse(cursor)?,
        })
    }
}

/// Why a connection is refused. Any value is representable.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RejReason(pub u16);

/// Names the reasons of IBTA volume 1, 12.6.7.2, once: as constants and for `Debug`.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        impl RejReason {
            $($(#[$doc])* pub const $name: Self = Self($code);)*
        }

        impl fmt::Debug for RejReason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($code => f.write_str(stringify!($name)),)*
                    code => write!(f, "reason {code}"),
                }
            }
        }
    };
}

reasons! {
    /// No queue pair left.
    NO_QP = 1,
    /// No end-to-end context left.
    NO_EEC = 2,
    /// No other resource left.
    NO_RESOURCES = 3,
    /// The answer came too late.
    TIMEOUT = 4,
    /// Request not supported.
    UNSUPPORTED = 5,
    /// Communication identifier unknown.
    INVALID_COMM_ID = 6,
    /// Both identifiers are known, but not together.
    INVALID_COMM_INSTANCE = 7,
    /// Nobody listens: the connection is refused.
    INVALID_SERVICE_ID = 8,
    /// Service type not supported.
    INVALID_TRANSPORT_TYPE = 9,
    /// The queue pair still belongs to an earlier connection.
    STALE_CONNECTION = 10,
    /// No channel for reliable datagrams.
    NO_RDC = 11,
    /// Primary remote GID rejected.
    INVALID_GID = 12,
    /// Primary remote LID rejected.
    INVALID_LID = 13,
    /// Primary service level rejected.
    INVALID_SERVICE_LEVEL = 14,
    /// Primary traffic class rejected.
    INVALID_TRAFFIC_CLASS = 15,
    /// Primary hop limit rejected.
    INVALID_HOP_LIMIT = 16,
    /// Primary packet rate rejected.
    INVALID_PACKET_RATE = 17,
    /// Alternate remote GID rejected.
    INVALID_ALTERNATE_GID = 18,
    /// Alternate remote LID rejected.
    INVALID_ALTERNATE_LID = 19,
    /// Alternate service level rejected.
    INVALID_ALTERNATE_SERVICE_LEVEL = 20,
    /// Alternate traffic class rejected.
    INVALID_ALTERNATE_TRAFFIC_CLASS = 21,
    /// Alternate hop limit rejected.
    INVALID_ALTERNATE_HOP_LIMIT = 22,
    /// Alternate packet rate rejected.
    INVALID_ALTERNATE_PACKET_RATE = 23,
    /// Ask another connection manager.
    CM_REDIRECT = 24,
    /// Ask another port.
    PORT_REDIRECT = 25,
    /// Path MTU not supported.
    INVALID_MTU = 26,
    /// Fewer responder resources than asked for.
    INSUFFICIENT_RESPONDER_RESOURCES = 27,
    /// The consumer refused; its private data says why.
    CONSUMER_DEFINED = 28,
    /// Retries after "receiver not ready" not supported.
    INVALID_RNR_RETRY = 29,
    /// The identifier is in use by another request.
    DUPLICATE_LOCAL_COMM_ID = 30,
    /// Class version not supported.
    INVALID_CLASS_VERSION = 31,
    /// Primary flow label rejected.
    INVALID_FLOW_LABEL = 32,
    /// Alternate flow label rejected.
    INVALID_ALTERNATE_FLOW_LABEL = 33,
}

/// Refuses a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rej {
    /// Names of the connection.
    pub comm_ids: CommIds,
    /// The message refused.
    pub stage: Stage,
    /// Why.
    pub reason: RejReason,
    /// Bytes of `info` that count, 7 bits.
    pub info_len: u8,
    /// What would have been accepted; its form follows from the reason.
    pub info: PrivateData<72>,
    /// Consumer's data.
    pub private_data: PrivateData<148>,
}

impl Rej {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.comm_ids.encode(out);
        out.put_u8(self.stage.0 << 6);
        out.put_u8(self.info_len << 1);
        out.put_u16(self.reason.0);
        out.put_slice(self.info.as_bytes());
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            comm_ids: CommIds::parse(cursor)?,
            stage: Stage(cursor.u8("REJ message")? >> 6),
            info_len: cursor.u8("REJ information length")? >> 1,
            reason: RejReason(cursor.u16("REJ reason")?),
            info: PrivateData::parse(cursor)?,
            private_data: PrivateData::parse(cursor)?,
        })
    }
}

/// Asks to end a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dreq {
    /// Names of the connection.
    pub comm_ids: CommIds,
    /// The receiver's queue pair.
    pub remote_qpn: Qpn,
    /// Consumer's data.
    pub private_data: PrivateData<220>,
}

impl Dreq {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.comm_ids.encode(out);
        out.put_u32(self.remote_qpn.value() << 8);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            comm_ids: CommIds::parse(cursor)?,
            remote_qpn: Qpn::new(cursor.u32("DREQ queue pair")? >> 8),
            private_data: PrivateData::parse(cursor)?,
        })
    }
}

/// Answers that the connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drep {
    /// Names of the connection.
    pub comm_ids: CommIds,
    /// Consumer's data.
    pub private_data: PrivateData<224>,
}

impl Drep {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.comm_ids.encode(out);
        out.put_slice(self.private_data.as_bytes());
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        Ok(Self { comm_ids: CommIds::parse(cursor)?, private_data: PrivateData::parse(cursor)? })
    }
}
