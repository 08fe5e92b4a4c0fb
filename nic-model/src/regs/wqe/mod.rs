//! Send and receive WQEs.
//!
//! A send queue is a ring of 64-byte blocks. A WQE begins with a [`Control`] segment at a block's start and takes as many
//! blocks as its segments fill; it may go around the end of the ring between two blocks. Segments are 16 bytes or a multiple:
//!
//! | operation | segments |
//! |---|---|
//! | NOP | control |
//! | SEND, SEND_IMMEDIATE, SEND_INVALIDATE | control, for datagrams [`AddressVector`], data |
//! | WRITE, WRITE_IMMEDIATE, READ | control, [`RemoteAddress`], data |
//! | COMPARE_SWAP, FETCH_ADD | control, [`RemoteAddress`], [`Atomic`], one data segment of 8 bytes |
//! | BIND_WINDOW | control, [`Bind`] |
//! | LOCAL_INVALIDATE | control with the key as immediate |
//! | FAST_REGISTER | control, [`FastRegister`] |
//!
//! Data is a list of [`Data`] segments, or one inline segment: a word with [`INLINE`] and the length, then the bytes, padded
//! to 16. A WQE of a receive queue is `2^log_stride` bytes of data segments; it ends early at a segment with [`END_KEY`].
//!
//! Reading order: [`segment`] (what stands where), this module (a WQE as a value), [`codec`] (its bytes).

mod codec;
mod segment;

pub use codec::{WqeError, decode_receive, encode_receive};
pub use segment::{AddressVector, Atomic, Bind, Control, Data, FastRegister, Opcode, RemoteAddress, WqeFlags};

use bytes::Bytes;
use smallvec::SmallVec;

/// Bytes of a block of a send queue.
pub const BLOCK_BYTES: usize = 64;
/// Bytes of the unit in which a WQE counts its length.
pub const UNIT_BYTES: usize = 16;
/// Units of the longest WQE: 512 bytes.
pub const UNITS_MAX: usize = 32;
/// Set in the first word of a data segment that holds the bytes themselves.
pub const INLINE: u32 = 0x8000_0000;
/// Key of the segment that ends a receive WQE early.
pub const END_KEY: u32 = 0x100;

/// Message data of a WQE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataList {
    /// Pieces of memory.
    Segments(SmallVec<[Data; 4]>),
    /// The bytes themselves.
    Inline(Bytes),
}

impl Default for DataList {
    fn default() -> Self {
        Self::Segments(SmallVec::new())
    }
}

/// What follows the control segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// SEND of a connected queue pair.
    Send(DataList),
    /// SEND of a datagram queue pair.
    Datagram(AddressVector, DataList),
    /// WRITE, WRITE_IMMEDIATE, READ.
    Remote(RemoteAddress, DataList),
    /// COMPARE_SWAP, FETCH_ADD.
    Atomic(RemoteAddress, Atomic, Data),
    /// BIND_WINDOW.
    Bind(Bind),
    /// FAST_REGISTER.
    FastRegister(FastRegister),
}

/// A send WQE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendWqe {
    /// Control segment. [`SendWqe::encode`] fills in `units`.
    pub control: Control,
    /// The rest.
    pub body: Body,
}

/// Blocks that a WQE of `units` takes.
#[must_use]
pub const fn blocks(units: u8) -> u32 {
    (units as u32 * UNIT_BYTES as u32).div_ceil(BLOCK_BYTES as u32)
}

#[cfg(test)]
mod tests;
