//! Event queue entries.

use super::block::{block, open_enum};

open_enum! {
    /// What happened. `number` says to what.
    pub struct EventType(u8) {
        /// An armed CQ has an entry. `number`: CQ.
        COMPLETION = 0x00,
        /// The first packet reached a queue pair that waits for its peer. `number`: QP.
        COMMUNICATION_ESTABLISHED = 0x02,
        /// A send queue in SQD has nothing under way. `number`: QP.
        SQ_DRAINED = 0x03,
        /// A CQ is dead. `number`: CQ; `detail`: see `CqErrorCause`.
        CQ_ERROR = 0x04,
        /// A queue pair went into error by itself. `number`: QP.
        QP_FATAL = 0x05,
        /// The device failed. `detail`: the health register.
        INTERNAL_ERROR = 0x08,
        /// The cable of a port began or ceased to work. `number`: port; `detail`: 1 if it works.
        PORT_CHANGE = 0x09,
        /// A queued command has run. `number`: slot; `detail`: its token.
        COMMAND_DONE = 0x0a,
        /// A peer's request made no sense. `number`: QP.
        QP_INVALID_REQUEST = 0x10,
        /// A peer's request lacked a right. `number`: QP.
        QP_ACCESS = 0x11,
        /// A shared receive queue is dead. `number`: SRQ.
        SRQ_ERROR = 0x12,
        /// A queue pair in error takes nothing more from its shared receive queue. `number`: QP.
        LAST_WQE = 0x13,
        /// A shared receive queue fell below its limit. `number`: SRQ.
        SRQ_LIMIT = 0x14,
        /// A doorbell came by a UAR page that the object does not belong to, and was ignored. Told once for each page until
        /// reset. `number`: the object; `detail`: the page in bits 15:0, the doorbell's offset in bits 31:16.
        DOORBELL_REFUSED = 0x1b,
    }
}

open_enum! {
    /// Why a CQ died.
    pub struct CqErrorCause(u32) {
        /// More entries than room.
        OVERRUN = 1,
        /// The host refused the access to the ring or the record.
        DMA = 2,
    }
}

block! {
    /// An event queue entry; valid if `owner` is [`owner_bit`](super::doorbell::owner_bit) of its index.
    pub struct Eqe[64] {
        /// What happened.
        0x01 event: EventType,
        /// Which object.
        0x20 number: u32,
        /// More.
        0x24 detail: u32,
        /// When, in nanoseconds of the device's clock.
        0x28 time_ns: u64,
        /// Owner bit in bit 0.
        0x3f owner: u8,
    }
}
