//! What a call returned.

use super::info::AdapterInfo;
use super::object::Object;
use super::status::Status;
use std::net::SocketAddr;

/// How a call ended, or that it has not.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The call returned.
    Returned(Return),
    /// The call blocks (closing an adapter): it returns with [`UpcallBody::CallReturns`](super::UpcallBody::CallReturns).
    Blocks(BlockedCall),
}

/// Names a call that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockedCall(pub u64);

/// A returned call: its status and what it wrote through the caller's pointers.
#[derive(Clone, Debug, PartialEq)]
pub struct Return {
    /// The function's return value; SUCCESS for functions that return nothing.
    pub status: Status,
    /// What was written.
    pub out: Out,
}

impl Return {
    /// A status, nothing written.
    #[must_use]
    pub const fn status(status: Status) -> Self {
        Self { status, out: Out::Untouched }
    }

    /// SUCCESS, with something written.
    #[must_use]
    pub const fn with(out: Out) -> Self {
        Self { status: Status::SUCCESS, out }
    }
}

/// What a function wrote into the caller's memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Nothing.
    Untouched,
    /// The object of a create.
    Object(Object),
    /// The adapter's limits.
    Info(Box<AdapterInfo>),
    /// Only a length: the bytes that are needed (BUFFER_TOO_SMALL).
    NeededBytes(u32),
    /// A token.
    Token(u32),
    /// How many results were written.
    Count(u32),
    /// An address.
    Address(SocketAddr),
    /// `NdkGetConnectionData`.
    ConnectionData {
        /// Effective limit of incoming reads.
        inbound_read_limit: u32,
        /// Effective limit of outgoing reads.
        outbound_read_limit: u32,
        /// The peer's private data, as far as the caller's buffer reached.
        private_data: Vec<u8>,
        /// Bytes that all of it needs.
        required_bytes: u32,
    },
    /// `NdkBuildLAM`.
    Lam(LogicalAddressMapping),
}

/// `NDK_LOGICAL_ADDRESS_MAPPING` with the offset that `NdkBuildLAM` reports beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalAddressMapping {
    /// The provider's; to be handed back unchanged.
    pub adapter_context: u64,
    /// Logical addresses of the pages, each page-aligned.
    pub adapter_pages: Vec<u64>,
    /// Offset of the first byte in the first page.
    pub first_byte_offset: u32,
}

impl LogicalAddressMapping {
    /// `sizeof(NDK_LOGICAL_ADDRESS_MAPPING)` with this many pages, in bytes.
    #[must_use]
    pub const fn size_bytes(pages: usize) -> u64 {
        // `FIELD_OFFSET(NDK_LOGICAL_ADDRESS_MAPPING, AdapterPageArray)` on x64.
        const HEADER_BYTES: u64 = 16;
        HEADER_BYTES + 8 * pages as u64
    }
}
