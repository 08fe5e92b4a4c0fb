//! What requester and responder say to each other.

use wire::{Ext, Opcode, Psn, RocePacket};

/// The part of a packet that the transport reads and writes. The bytes stay with the NIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Sequence number.
    pub psn: Psn,
    /// What the packet is.
    pub opcode: Opcode,
    /// The responder is asked for an acknowledgement.
    pub ack_request: bool,
    /// The receiver's completion is to wake a solicited arm.
    pub solicited: bool,
    /// Extended headers.
    pub ext: Ext,
    /// Message bytes carried, without padding.
    pub payload_bytes: u32,
}

impl From<&RocePacket> for Packet {
    fn from(packet: &RocePacket) -> Self {
        Self {
            psn: packet.bth.psn,
            opcode: packet.bth.opcode,
            ack_request: packet.bth.ack_request,
            solicited: packet.bth.solicited,
            ext: packet.ext,
            payload_bytes: packet.payload.len() as u32,
        }
    }
}

/// A place in the memory of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Virtual address in the region.
    pub address: u64,
    /// Key of the region or window.
    pub rkey: u32,
}

impl Remote {
    /// The place `bytes` further on. Addresses wrap, as a hostile peer may choose them; the range check finds out.
    #[must_use]
    pub const fn offset(self, bytes: u32) -> Self {
        Self { address: self.address.wrapping_add(bytes as u64), rkey: self.rkey }
    }
}

/// What an atomic does to the eight bytes it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomicOperation {
    /// Store `swap` if the value is `compare`.
    CompareSwap {
        /// Value expected.
        compare: u64,
        /// Value stored.
        swap: u64,
    },
    /// Add, wrapping.
    FetchAdd {
        /// Value added.
        add: u64,
    },
}

impl AtomicOperation {
    /// The value that memory has afterwards.
    #[must_use]
    pub const fn apply(self, original: u64) -> u64 {
        match self {
            Self::CompareSwap { compare, swap } => {
                if original == compare {
                    swap
                } else {
                    original
                }
            }
            Self::FetchAdd { add } => original.wrapping_add(add),
        }
    }
}
