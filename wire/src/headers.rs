//! The InfiniBand transport headers as values. Layouts: IBTA volume 1 chapter 9; the byte positions are in the codec.

use crate::opcode::Opcode;
use crate::psn::{Psn, Qpn};

/// Base transport header, 12 bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bth {
    /// What the packet is.
    pub opcode: Opcode,
    /// Solicited event: the receiver's completion is to wake a solicited arm.
    pub solicited: bool,
    /// Path migration state (bit 6 of byte 1).
    pub migration: bool,
    /// Bytes of padding after the payload, 0 to 3.
    pub pad_count: u8,
    /// Transport header version, 0.
    pub version: u8,
    /// Partition key.
    pub pkey: u16,
    /// Forward congestion, bit 7 of byte 4.
    pub fecn: bool,
    /// Backward congestion, bit 6 of byte 4.
    pub becn: bool,
    /// The six reserved bits of byte 4, kept so that foreign packets survive.
    pub reserved: u8,
    /// Destination queue pair.
    pub dest_qp: Qpn,
    /// The responder is asked for an acknowledgement.
    pub ack_request: bool,
    /// The seven reserved bits beside the acknowledge request.
    pub reserved_ack: u8,
    /// Sequence number.
    pub psn: Psn,
}

impl Bth {
    /// The partition that every port is a full member of.
    pub const DEFAULT_PKEY: u16 = 0xffff;

    /// A header with defaults for all that is not named.
    #[must_use]
    pub const fn new(opcode: Opcode, dest_qp: Qpn, psn: Psn) -> Self {
        Self {
            opcode,
            solicited: false,
            migration: false,
            pad_count: 0,
            version: 0,
            pkey: Self::DEFAULT_PKEY,
            fecn: false,
            becn: false,
            reserved: 0,
            dest_qp,
            ack_request: false,
            reserved_ack: 0,
            psn,
        }
    }
}

/// RDMA extended transport header, 16 bytes: where a WRITE goes or a READ comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reth {
    /// Address in the responder's region.
    pub virtual_address: u64,
    /// The responder's key for it.
    pub rkey: u32,
    /// Bytes of the whole message.
    pub length_bytes: u32,
}

/// Atomic extended transport header, 28 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtomicEth {
    /// Address in the responder's region, a multiple of 8.
    pub virtual_address: u64,
    /// The responder's key for it.
    pub rkey: u32,
    /// Value to swap in or to add.
    pub swap_or_add: u64,
    /// Value to compare with; unused by fetch-and-add.
    pub compare: u64,
}

/// Datagram extended transport header, 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deth {
    /// Queue key.
    pub qkey: u32,
    /// The eight reserved bits before the source queue pair.
    pub reserved: u8,
    /// Source queue pair.
    pub source_qp: Qpn,
}

/// Acknowledge extended transport header, 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aeth {
    /// Kind and value, see [`AethKind`].
    pub syndrome: u8,
    /// Message sequence number, 24 bits.
    pub msn: u32,
}

/// What an AETH syndrome says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AethKind {
    /// Acknowledged, with an end-to-end credit code (31: no limit).
    Ack(u8),
    /// Receiver not ready: try again after the time of this code.
    RnrNak(u8),
    /// Negative acknowledgement with its code, see [`NakCode`].
    Nak(u8),
    /// The reserved kind.
    Reserved(u8),
}

/// Codes of a negative acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NakCode {
    /// A packet is missing.
    PsnSequence = 0,
    /// The request makes no sense here.
    InvalidRequest = 1,
    /// Key, range or right is wrong.
    RemoteAccess = 2,
    /// The responder failed.
    RemoteOperational = 3,
    /// Invalid reliable datagram request.
    InvalidRdRequest = 4,
}

impl Aeth {
    /// Credit code that says "no limit".
    pub const UNLIMITED_CREDITS: u8 = 0x1f;

    /// Code of a negative acknowledgement for selective repeat, of the reserved ones: a packet is missing, and the MSN field
    /// is the number of a later one that has come. Only between adapters that both do selective repeat.
    pub const SELECTIVE_CODE: u8 = 0x1e;

    /// A packet is missing, and a later one has come.
    #[must_use]
    pub const fn selective_nak(arrived: Psn) -> Self {
        Self { syndrome: 0x60 | Self::SELECTIVE_CODE, msn: arrived.value() }
    }

    /// A positive acknowledgement.
    #[must_use]
    pub const fn ack(credit_code: u8, msn: u32) -> Self {
        Self { syndrome: credit_code & 0x1f, msn: msn & 0x00ff_ffff }
    }

    /// A negative acknowledgement.
    #[must_use]
    pub const fn nak(code: NakCode, msn: u32) -> Self {
        Self { syndrome: 0x60 | code as u8, msn: msn & 0x00ff_ffff }
    }

    /// Receiver not ready.
    #[must_use]
    pub const fn rnr_nak(timer_code: u8, msn: u32) -> Self {
        Self { syndrome: 0x20 | timer_code & 0x1f, msn: msn & 0x00ff_ffff }
    }

    /// What the syndrome says. Bit 7 is reserved and ignored, as receivers do.
    #[must_use]
    pub const fn kind(self) -> AethKind {
        let value = self.syndrome & 0x1f;
        match self.syndrome >> 5 & 3 {
            0 => AethKind::Ack(value),
            1 => AethKind::RnrNak(value),
            3 => AethKind::Nak(value),
            _ => AethKind::Reserved(value),
        }
    }
}

/// The extended headers between BTH and payload. Which variant a packet has follows from its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// Nothing.
    None,
    /// Immediate data, big-endian on the wire.
    Immediate(u32),
    /// Key to invalidate (IETH).
    Invalidate(u32),
    /// First or only packet of a WRITE, or a READ request.
    Reth(Reth),
    /// Only packet of a WRITE with immediate.
    RethImmediate(Reth, u32),
    /// Acknowledgement, and first, last or only packet of a READ response.
    Aeth(Aeth),
    /// Answer of an atomic: the value before.
    AtomicAck(Aeth, u64),
    /// Atomic request.
    Atomic(AtomicEth),
    /// Datagram.
    Deth(Deth),
    /// Datagram with immediate data.
    DethImmediate(Deth, u32),
}
