//! Input mailboxes of event queues, completion queues, shared receive queues, keys and addresses.

use crate::regs::block::{Gid, block, flags, open_enum};
use crate::regs::cmd::Rights;

flags! {
    /// Events that go to an event queue besides completions of its CQs.
    pub struct EqClasses: u32 {
        /// COMMAND_DONE.
        const COMMANDS = 0x1;
        /// Everything about QPs, CQs, SRQs, ports and the device.
        const ASYNC = 0x2;
    }
}

block! {
    /// Input of CREATE_EQ. The ring is contiguous on the bus and zeroed by the driver.
    pub struct EqContext[64] {
        /// Bus address of the ring, 4 KiB aligned.
        0x00 ring_address: u64,
        /// Entries as a power of two.
        0x08 log_entries: u8,
        /// MSI-X vector.
        0x0a vector: u16,
        /// Events that come here; the last queue created for a class gets it.
        0x0c classes: EqClasses,
        /// UAR page that its doorbells come by.
        0x10 uar_page: u32,
    }
}

block! {
    /// Input of CREATE_CQ and RESIZE_CQ. The ring is contiguous on the bus and zeroed by the driver; for RESIZE_CQ it is filled with 0xff.
    pub struct CqContext[64] {
        /// Bus address of the ring, 4 KiB aligned.
        0x00 ring_address: u64,
        /// Bus address of the `CqRecord`, a multiple of 8. Ignored by RESIZE_CQ.
        0x08 record_address: u64,
        /// Entries as a power of two.
        0x10 log_entries: u8,
        /// Where its events go. Ignored by RESIZE_CQ.
        0x14 eqn: u32,
        /// RESIZE_CQ: free-running count of entries that the driver has taken.
        0x18 consumer: u32,
        /// UAR page that its doorbells come by. Ignored by RESIZE_CQ.
        0x1c uar_page: u32,
    }
}

block! {
    /// Input of CREATE_SRQ and RESIZE_SRQ. WQEs are taken in ring order; the driver may reuse a slot when a CQE names it or a later one.
    pub struct SrqContext[64] {
        /// Bus address of the ring, 4 KiB aligned, contiguous.
        0x00 ring_address: u64,
        /// Bus address of the `ReceiveRecord`, a multiple of 8.
        0x08 record_address: u64,
        /// Protection domain. Ignored by RESIZE_SRQ.
        0x10 pd: u32,
        /// WQEs as a power of two.
        0x14 log_wqes: u8,
        /// Bytes of a WQE as a power of two, 4 to 9. RESIZE_SRQ cannot change it.
        0x15 log_stride: u8,
        /// Event below this many WQEs; zero: none. Ignored by RESIZE_SRQ.
        0x18 limit: u32,
    }
}

open_enum! {
    /// What a key is for.
    pub struct KeyKind(u8) {
        /// A region with its pages.
        REGION = 0,
        /// A region that gets its pages by FAST_REGISTER.
        FAST_REGISTER = 1,
        /// A window of type 1: usable by every QP of the protection domain.
        WINDOW_1 = 2,
        /// A window of type 2: usable by the QP that bound it.
        WINDOW_2 = 3,
    }
}

block! {
    /// Input of CREATE_MKEY. For a region, the page list follows: 64-bit bus addresses.
    pub struct MkeyContext[64] {
        /// What it is for.
        0x00 kind: KeyKind,
        /// Low byte of the key.
        0x01 variant: u8,
        /// Page size as a power of two, 12 to 30.
        0x02 page_shift: u8,
        /// Protection domain.
        0x04 pd: u32,
        /// Rights.
        0x08 rights: Rights,
        /// Pages in the list; for FAST_REGISTER the most that a registration can have.
        0x0c page_count: u32,
        /// Address of the first byte; its part below the page size is the offset in the first page. With ZERO_BASED, that offset alone.
        0x10 start: u64,
        /// Bytes.
        0x18 length_bytes: u64,
    }
}

block! {
    /// Input of SET_ADDRESS.
    pub struct SourceAddress[64] {
        /// The address; zero clears the entry.
        0x00 gid: Gid,
        /// Port.
        0x10 port: u8,
        /// Entry of its table.
        0x11 index: u8,
    }
}
