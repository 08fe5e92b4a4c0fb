//! Base transport header and extended headers in bytes (IBTA volume 1, chapter 9).

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::headers::{Aeth, AtomicEth, Bth, Deth, Ext, Reth};
use crate::opcode::{Opcode, Operation, Position, Transport};
use crate::psn::{Psn, Qpn};
use bytes::{BufMut, BytesMut};

const MASK_24: u32 = 0x00ff_ffff;

/// Puts eight bits above the low 24 of `low`: the shape of most words of the transport headers.
const fn word(high: u8, low: u32) -> u32 {
    (high as u32) << 24 | low & MASK_24
}

/// Undoes [`word`].
const fn split(word: u32) -> (u8, u32) {
    ((word >> 24) as u8, word & MASK_24)
}

impl Bth {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        out.put_u8(self.opcode.0);
        let flags = u8::from(self.solicited) << 7 | u8::from(self.migration) << 6;
        out.put_u8(flags | (self.pad_count & 3) << 4 | self.version & 0x0f);
        out.put_u16(self.pkey);
        let congestion = u8::from(self.fecn) << 7 | u8::from(self.becn) << 6;
        out.put_u32(word(congestion | self.reserved & 0x3f, self.dest_qp.value()));
        out.put_u32(word(u8::from(self.ack_request) << 7 | self.reserved_ack & 0x7f, self.psn.value()));
    }

    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let opcode = Opcode(cursor.u8("BTH opcode")?);
        let flags = cursor.u8("BTH flags")?;
        let pkey = cursor.u16("BTH partition key")?;
        let (congestion, dest_qp) = split(cursor.u32("BTH destination queue pair")?);
        let (acknowledge, psn) = split(cursor.u32("BTH sequence number")?);
        Ok(Self {
            opcode,
            solicited: flags & 0x80 != 0,
            migration: flags & 0x40 != 0,
            pad_count: flags >> 4 & 3,
            version: flags & 0x0f,
            pkey,
            fecn: congestion & 0x80 != 0,
            becn: congestion & 0x40 != 0,
            reserved: congestion & 0x3f,
            dest_qp: Qpn::new(dest_qp),
            ack_request: acknowledge & 0x80 != 0,
            reserved_ack: acknowledge & 0x7f,
            psn: Psn::new(psn),
        })
    }
}

impl Ext {
    /// Bytes of the headers when encoded.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Immediate(_) | Self::Invalidate(_) | Self::Aeth(_) => 4,
            Self::Deth(_) => 8,
            Self::AtomicAck(..) | Self::DethImmediate(..) => 12,
            Self::Reth(_) => 16,
            Self::RethImmediate(..) => 20,
            Self::Atomic(_) => 28,
        }
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        match *self {
            Self::None => {}
            Self::Immediate(word) | Self::Invalidate(word) => out.put_u32(word),
            Self::Reth(reth) => put_reth(reth, out),
            Self::RethImmediate(reth, immediate) => {
                put_reth(reth, out);
                out.put_u32(immediate);
            }
            Self::Aeth(aeth) => out.put_u32(word(aeth.syndrome, aeth.msn)),
            Self::AtomicAck(aeth, original) => {
                out.put_u32(word(aeth.syndrome, aeth.msn));
                out.put_u64(original);
            }
            Self::Atomic(atomic) => {
                out.put_u64(atomic.virtual_address);
                out.put_u32(atomic.rkey);
                out.put_u64(atomic.swap_or_add);
                out.put_u64(atomic.compare);
            }
            Self::Deth(deth) => put_deth(deth, out),
            Self::DethImmediate(deth, immediate) => {
                put_deth(deth, out);
                out.put_u32(immediate);
            }
        }
    }

    /// Reads what `opcode` has between BTH and payload. Of an unknown code nothing is known: all of it is payload.
    pub(crate) fn parse(opcode: Opcode, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        use Operation::{
            Acknowledge, AtomicAcknowledge, CompareSwap, FetchAdd, ReadRequest, ReadResponse, Send, Write,
        };
        use Position::{First, Last, LastImmediate, LastInvalidate, Only, OnlyImmediate, OnlyInvalidate};
        let Some((transport, operation, position)) = opcode.decode() else {
            return Ok(Self::None);
        };
        Ok(match (operation, position) {
            (Send, OnlyImmediate) if transport == Transport::Ud => {
                Self::DethImmediate(deth(cursor)?, immediate(cursor)?)
            }
            (Send, _) if transport == Transport::Ud => Self::Deth(deth(cursor)?),
            (Send, LastInvalidate | OnlyInvalidate) => Self::Invalidate(cursor.u32("IETH key")?),
            (Write, OnlyImmediate) => Self::RethImmediate(reth(cursor)?, immediate(cursor)?),
            (Send | Write, LastImmediate | OnlyImmediate) => Self::Immediate(immediate(cursor)?),
            (Write, First | Only) | (ReadRequest, _) => Self::Reth(reth(cursor)?),
            (ReadResponse, First | Last | Only) | (Acknowledge, _) => Self::Aeth(aeth(cursor)?),
            (AtomicAcknowledge, _) => Self::AtomicAck(aeth(cursor)?, cursor.u64("AtomicAckETH original data")?),
            (CompareSwap | FetchAdd, _) => Self::Atomic(AtomicEth {
                virtual_address: cursor.u64("AtomicETH virtual address")?,
                rkey: cursor.u32("AtomicETH key")?,
                swap_or_add: cursor.u64("AtomicETH swap or add data")?,
                compare: cursor.u64("AtomicETH compare data")?,
            }),
            (Send | Write | ReadResponse, _) => Self::None,
        })
    }
}

fn put_reth(reth: Reth, out: &mut BytesMut) {
    out.put_u64(reth.virtual_address);
    out.put_u32(reth.rkey);
    out.put_u32(reth.length_bytes);
}

fn put_deth(deth: Deth, out: &mut BytesMut) {
    out.put_u32(deth.qkey);
    out.put_u32(word(deth.reserved, deth.source_qp.value()));
}

fn reth(cursor: &mut Cursor<'_>) -> Result<Reth, ParseError> {
    Ok(Reth {
        virtual_address: cursor.u64("RETH virtual address")?,
        rkey: cursor.u32("RETH key")?,
        length_bytes: cursor.u32("RETH length")?,
    })
}

fn aeth(cursor: &mut Cursor<'_>) -> Result<Aeth, ParseError> {
    let (syndrome, msn) = split(cursor.u32("AETH")?);
    Ok(Aeth { syndrome, msn })
}

fn deth(cursor: &mut Cursor<'_>) -> Result<Deth, ParseError> {
    let qkey = cursor.u32("DETH queue key")?;
    let (reserved, source_qp) = split(cursor.u32("DETH source queue pair")?);
    Ok(Deth { qkey, reserved, source_qp: Qpn::new(source_qp) })
}

fn immediate(cursor: &mut Cursor<'_>) -> Result<u32, ParseError> {
    cursor.u32("immediate data")
}
