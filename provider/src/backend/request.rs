//! Requests on queues and how they end.

use super::{MrId, MwId, QpId};
use crate::ndk::{AtomicOperation, MrFlags, Sge, Status};

/// What a send queue request does.
#[derive(Clone, Copy, Debug)]
pub enum SendOperation<'a> {
    /// To the peer's next receive.
    Send,
    /// The same, and the peer's key is invalidated.
    SendInvalidate {
        /// The peer's key.
        key: u32,
    },
    /// Into the peer's memory.
    Write {
        /// Where.
        remote_address: u64,
        /// The peer's key.
        key: u32,
    },
    /// Out of the peer's memory.
    Read {
        /// Where.
        remote_address: u64,
        /// The peer's key.
        key: u32,
    },
    /// On eight bytes of the peer's memory; what they were goes to the list's one entry.
    Atomic {
        /// Where, a multiple of eight.
        remote_address: u64,
        /// The peer's key.
        key: u32,
        /// What to do.
        operation: AtomicOperation,
    },
    /// Binds a window.
    Bind {
        /// The region.
        mr: MrId,
        /// The window.
        mw: MwId,
        /// The window's new key.
        key: u32,
        /// Start in the region.
        address: u64,
        /// Bytes.
        length_bytes: u64,
        /// Remote rights.
        rights: MrFlags,
    },
    /// Registers pages.
    FastRegister {
        /// The region.
        mr: MrId,
        /// The region's new key.
        key: u32,
        /// Bus addresses.
        pages: &'a [u64],
        /// Offset in the first page.
        first_byte_offset: u32,
        /// Bytes.
        length_bytes: u64,
        /// Address of the first byte.
        base_address: u64,
        /// Rights.
        rights: MrFlags,
    },
    /// Invalidates a key of this side.
    Invalidate {
        /// The key.
        key: u32,
    },
}

/// A send queue request.
#[derive(Clone, Copy, Debug)]
pub struct SendRequest<'a> {
    /// Comes back with the completion.
    pub id: u64,
    /// What to do.
    pub operation: SendOperation<'a>,
    /// Data; with `inline`, the bytes are in `inline_data` and this is empty.
    pub sgl: &'a [Sge],
    /// The bytes of an inline request.
    pub inline_data: Option<&'a [u8]>,
    /// A completion on success too.
    pub signalled: bool,
    /// Mark the peer's completion as solicited.
    pub solicited: bool,
    /// Start after all earlier reads.
    pub fence: bool,
}

/// The end of a request, as polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkCompletion {
    /// Whose.
    pub qp: QpId,
    /// Of the request.
    pub id: u64,
    /// A receive, or a send queue request.
    pub receive: bool,
    /// How it ended.
    pub status: Status,
    /// Bytes received.
    pub bytes: u32,
    /// The key that the peer's send invalidated here.
    pub invalidated: Option<u32>,
    /// The device's own error code, zero if none.
    pub vendor_error: u32,
    /// The peer's send asked for an event.
    pub solicited: bool,
}
