//! Completion queue entries.

use super::block::{Gid, block, flags, open_enum};
use wire::Qpn;

open_enum! {
    /// What a CQE reports.
    pub struct CqeOpcode(u8) {
        /// A send queue request is done, and with it all unsignalled ones before.
        REQUEST = 0x00,
        /// A receive was used up by a WRITE with immediate.
        RECEIVED_WRITE_IMMEDIATE = 0x01,
        /// A receive holds a message.
        RECEIVED_SEND = 0x02,
        /// A receive holds a message with immediate.
        RECEIVED_SEND_IMMEDIATE = 0x03,
        /// A receive holds a message, and a key of this side was invalidated.
        RECEIVED_SEND_INVALIDATE = 0x04,
        /// A send queue request failed.
        REQUEST_ERROR = 0x0d,
        /// A receive failed.
        RECEIVE_ERROR = 0x0e,
        /// No entry: what drivers fill a ring with before RESIZE_CQ.
        INVALID = 0xff,
    }
}

open_enum! {
    /// Why a request or receive failed.
    pub struct Syndrome(u8) {
        /// It did not.
        NONE = 0x00,
        /// Message longer than the receive, or than what is allowed.
        LOCAL_LENGTH = 0x01,
        /// The WQE or the state of the queue pair is wrong.
        LOCAL_QP_OPERATION = 0x02,
        /// A key of this side does not cover the access.
        LOCAL_PROTECTION = 0x04,
        /// The queue pair was in error before the request was done.
        FLUSHED = 0x05,
        /// A memory window could not be bound.
        BIND = 0x06,
        /// The peer sent what it may not.
        BAD_RESPONSE = 0x10,
        /// The peer's write to this side was refused (as responder).
        LOCAL_ACCESS = 0x11,
        /// The peer says that the request makes no sense.
        REMOTE_INVALID_REQUEST = 0x12,
        /// The peer says that key, range or right is wrong.
        REMOTE_ACCESS = 0x13,
        /// The peer failed.
        REMOTE_OPERATION = 0x14,
        /// The peer has not answered.
        TRANSPORT_RETRY_EXCEEDED = 0x15,
        /// The peer has had no receive for too long.
        RNR_RETRY_EXCEEDED = 0x16,
        /// Given up for another reason.
        ABORTED = 0x22,
    }
}

open_enum! {
    /// More about a failure, for people.
    pub struct VendorSyndrome(u8) {
        /// Nothing more.
        NONE = 0x00,
        /// The bytes of the WQE make no sense.
        MALFORMED_WQE = 0x32,
        /// The key is not valid, or is for something else.
        KEY = 0x52,
        /// The address range is not covered.
        BOUNDS = 0x53,
        /// The right is missing.
        RIGHTS = 0x33,
        /// Another protection domain.
        PROTECTION_DOMAIN = 0x34,
        /// The host refused the access.
        DMA = 0x35,
        /// Acknowledge timeouts.
        TIMEOUT = 0x81,
        /// Receiver-not-ready answers.
        RNR = 0x87,
        /// Negative acknowledgement: access.
        NAK_ACCESS = 0x88,
        /// Negative acknowledgement: operation.
        NAK_OPERATION = 0x89,
        /// Negative acknowledgement: invalid request.
        NAK_INVALID = 0x8a,
        /// Flushed.
        FLUSH = 0xf5,
    }
}

flags! {
    /// Marks of a CQE.
    pub struct CqeFlags: u8 {
        /// The peer asked for a solicited event.
        const SOLICITED = 0x02;
        /// The receive came from a shared receive queue.
        const FROM_SRQ = 0x04;
        /// The first 40 bytes of the receive are the datagram's network header, counted in `byte_count`.
        const GRH = 0x08;
    }
}

block! {
    /// A completion queue entry. It is valid if `owner` is [`owner_bit`](super::doorbell::owner_bit) of its index and `opcode` is not INVALID.
    pub struct Cqe[64] {
        /// Datagrams: IP address of the sender.
        0x00 source_gid: Gid,
        /// Datagrams: Ethernet address that the datagram came from.
        0x10 source_mac: [u8; 6],
        /// More about a failure.
        0x16 vendor_syndrome: VendorSyndrome,
        /// Why it failed.
        0x17 syndrome: Syndrome,
        /// Datagrams: queue pair of the sender.
        0x18 source_qpn: Qpn,
        /// Immediate data, or the key that was invalidated.
        0x1c immediate: u32,
        /// Bytes received, read, or swapped.
        0x20 byte_count: u32,
        /// Queue pair.
        0x24 qpn: Qpn,
        /// Free-running index: of the first block of a send WQE, or of a receive WQE in its queue.
        0x28 wqe_index: u32,
        /// Shared receive queue, with FROM_SRQ.
        0x2c srqn: u32,
        /// When it was written, in nanoseconds of the device's clock.
        0x30 time_ns: u64,
        /// Marks.
        0x38 flags: CqeFlags,
        /// The send WQE's operation; zero for receives.
        0x39 operation: super::wqe::Opcode,
        /// What is reported.
        0x3e opcode: CqeOpcode,
        /// Owner bit in bit 0.
        0x3f owner: u8,
    }
}

impl Cqe {
    /// Whether it reports a failure.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self.opcode, CqeOpcode::REQUEST_ERROR | CqeOpcode::RECEIVE_ERROR)
    }

    /// Whether it reports the end of a receive.
    #[must_use]
    pub fn is_receive(&self) -> bool {
        (CqeOpcode::RECEIVED_WRITE_IMMEDIATE..=CqeOpcode::RECEIVED_SEND_INVALIDATE).contains(&self.opcode)
            || self.opcode == CqeOpcode::RECEIVE_ERROR
    }
}
