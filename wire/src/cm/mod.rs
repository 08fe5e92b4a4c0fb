//! Connection management datagrams, as they go to queue pair 1 (IBTA volume 1, chapter 12).
//!
//! Reading order: [`private_data`], [`connect`] (REQ, REP, RTU), [`finish`] (MRA, REJ, DREQ, DREP), [`ip`] (how REQ names IP
//! addresses and ports), [`sidr`] (SIDR_REQ, SIDR_REP), then [`Mad`] here, which is any of them in its 256 bytes.
//!
//! Receivers ignore reserved fields, so these values do not keep them; senders write zeros.

pub mod connect;
pub mod finish;
pub mod ip;
pub mod private_data;
pub mod sidr;

pub use connect::{Path, PathMtu, Rep, Req, Rtu, ServiceType};
pub use finish::{Drep, Dreq, Mra, Rej, RejReason, Stage};
pub use ip::IpHeader;
pub use private_data::{PrivateData, TooLong};
pub use sidr::{SidrRep, SidrReq, SidrStatus};

use crate::cursor::Cursor;
use crate::error::ParseError;
use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of every management datagram.
pub const MAD_LEN: usize = 256;

/// Queue key of queue pair 1.
pub const GSI_QKEY: u32 = 0x8001_0000;

const BASE_VERSION: u8 = 1;
const CLASS_COMMUNICATION: u8 = 0x07;
const CLASS_VERSION: u8 = 2;
const METHOD_SEND: u8 = 0x03;

/// A communication identifier: each side names the connection with one of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommId(pub u32);

/// The identifiers of both sides, first those of whoever sends the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommIds {
    /// Sender's.
    pub local: CommId,
    /// Receiver's.
    pub remote: CommId,
}

/// A datagram: one message of the connection protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mad {
    /// Joins answers and repeats to their request.
    pub transaction_id: u64,
    /// What it says.
    pub message: Message,
}

/// The messages, by attribute identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks for a connection, 0x10.
    Req(Req),
    /// "Message received, more time needed", 0x11.
    Mra(Mra),
    /// Refuses, 0x12.
    Rej(Rej),
    /// Accepts, 0x13.
    Rep(Rep),
    /// "Ready to use", 0x14.
    Rtu(Rtu),
    /// Asks to end a connection, 0x15.
    Dreq(Dreq),
    /// Answers that it has ended, 0x16.
    Drep(Drep),
    /// Asks for a queue pair of datagrams, 0x17.
    SidrReq(SidrReq),
    /// Names it, 0x18.
    SidrRep(SidrRep),
}

impl Message {
    const fn attribute_id(&self) -> u16 {
        match self {
            Self::Req(_) => 0x10,
            Self::Mra(_) => 0x11,
            Self::Rej(_) => 0x12,
            Self::Rep(_) => 0x13,
            Self::Rtu(_) => 0x14,
            Self::Dreq(_) => 0x15,
            Self::Drep(_) => 0x16,
            Self::SidrReq(_) => 0x17,
            Self::SidrRep(_) => 0x18,
        }
    }
}

impl Mad {
    /// The datagram in [`MAD_LEN`] bytes. Values wider than their field are cut to it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(MAD_LEN);
        out.put_slice(&[BASE_VERSION, CLASS_COMMUNICATION, CLASS_VERSION, METHOD_SEND]);
        out.put_u32(0); // Status and class specific.
        out.put_u64(self.transaction_id);
        out.put_u16(self.message.attribute_id());
        out.put_u16(0);
        out.put_u32(0); // Attribute modifier.
        match &self.message {
            Message::Req(req) => req.encode(&mut out),
            Message::Mra(mra) => mra.encode(&mut out),
            Message::Rej(rej) => rej.encode(&mut out),
            Message::Rep(rep) => rep.encode(&mut out),
            Message::Rtu(rtu) => rtu.encode(&mut out),
            Message::Dreq(dreq) => dreq.encode(&mut out),
            Message::Drep(drep) => drep.encode(&mut out),
            Message::SidrReq(request) => request.encode(&mut out),
            Message::SidrRep(reply) => reply.encode(&mut out),
        }
        assert_eq!(out.len(), MAD_LEN, "every message fills its datagram");
        out.freeze()
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// `Truncated` or `Inconsistent` if it is not [`MAD_LEN`] bytes long, `Other` if it is of another class, version or
    /// method, or a message that is not one of [`Message`].
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(datagram, 0);
        Cursor::new(datagram, 0).take("management datagram", MAD_LEN)?;
        if datagram.len() > MAD_LEN {
            let (needed, actual) = (MAD_LEN as u64, datagram.len() as u64);
            return Err(ParseError::Inconsistent { field: "management datagram length", offset: 0, needed, actual });
        }
        expect(&mut cursor, "MAD base version", BASE_VERSION)?;
        expect(&mut cursor, "MAD management class", CLASS_COMMUNICATION)?;
        expect(&mut cursor, "MAD class version", CLASS_VERSION)?;
        expect(&mut cursor, "MAD method", METHOD_SEND)?;
        cursor.take("MAD status and class specific", 4)?;
        let transaction_id = cursor.u64("MAD transaction identifier")?;
        let offset = cursor.at();
        let attribute_id = cursor.u16("MAD attribute identifier")?;
        cursor.take("MAD attribute modifier", 6)?;
        let message = match attribute_id {
            0x10 => Message::Req(Req::parse(&mut cursor)?),
            0x11 => Message::Mra(Mra::parse(&mut cursor)?),
            0x12 => Message::Rej(Rej::parse(&mut cursor)?),
            0x13 => Message::Rep(Rep::parse(&mut cursor)?),
            0x14 => Message::Rtu(Rtu::parse(&mut cursor)?),
            0x15 => Message::Dreq(Dreq::parse(&mut cursor)?),
            0x16 => Message::Drep(Drep::parse(&mut cursor)?),
            0x17 => Message::SidrReq(SidrReq::parse(&mut cursor)?),
            0x18 => Message::SidrRep(SidrRep::parse(&mut cursor)?),
            unknown => {
                let field = "MAD attribute identifier";
                return Err(ParseError::Other { field, offset, needed: 0x10, actual: unknown.into() });
            }
        };
        Ok(Self { transaction_id, message })
    }
}

fn expect(cursor: &mut Cursor<'_>, field: &'static str, needed: u8) -> Result<(), ParseError> {
    let offset = cursor.at();
    let actual = cursor.u8(field)?;
    if actual == needed {
        return Ok(());
    }
    Err(ParseError::Other { field, offset, needed: needed.into(), actual: actual.into() })
}

impl CommIds {
    fn encode(self, out: &mut BytesMut) {
        out.put_u32(self.local.0);
        out.put_u32(self.remote.0);
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let local = CommId(cursor.u32("sender's communication identifier")?);
        let remote = CommId(cursor.u32("receiver's communication identifier")?);
        Ok(Self { local, remote })
    }
}

#[cfg(test)]
mod tests;
