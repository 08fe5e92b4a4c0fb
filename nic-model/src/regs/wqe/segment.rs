//! The segments of WQEs, and what a WQE can ask for.

use crate::regs::block::{block, flags, open_enum};
use crate::regs::cmd::Rights;
use wire::{Mac, Qpn};

open_enum! {
    /// What a send WQE does.
    pub struct Opcode(u8) {
        /// Nothing, in order.
        NOP = 0x00,
        /// To the peer's next receive; the peer's key is invalidated.
        SEND_INVALIDATE = 0x01,
        /// Into the peer's memory.
        WRITE = 0x08,
        /// Into the peer's memory; its next receive completes with the immediate.
        WRITE_IMMEDIATE = 0x09,
        /// To the peer's next receive.
        SEND = 0x0a,
        /// To the peer's next receive, with immediate.
        SEND_IMMEDIATE = 0x0b,
        /// Out of the peer's memory.
        READ = 0x10,
        /// 64-bit compare and swap.
        COMPARE_SWAP = 0x11,
        /// 64-bit fetch and add.
        FETCH_ADD = 0x12,
        /// Binds a memory window.
        BIND_WINDOW = 0x18,
        /// Invalidates a key of this side.
        LOCAL_INVALIDATE = 0x1b,
        /// Gives a key for fast registration its pages.
        FAST_REGISTER = 0x25,
    }
}

flags! {
    /// How a send WQE is treated.
    pub struct WqeFlags: u8 {
        /// A CQE on success too.
        const SIGNALLED = 0x08;
        /// The peer's completion is solicited.
        const SOLICITED = 0x02;
        /// Starts after all earlier reads and atomics of this queue are complete.
        const FENCE = 0x80;
    }
}

block! {
    /// First segment of every send WQE.
    pub struct Control[16] {
        /// Low 16 bits of the free-running index of the WQE's first block.
        0x00 index: u16,
        /// Operation.
        0x03 opcode: Opcode,
        /// The queue pair, in the low 24 bits.
        0x04 qpn: Qpn,
        /// Length of the WQE in units of 16 bytes, this segment included.
        0x08 units: u8,
        /// Flags.
        0x0b flags: WqeFlags,
        /// Immediate data, or the key to invalidate.
        0x0c immediate: u32,
    }
}

block! {
    /// The peer's memory.
    pub struct RemoteAddress[16] {
        /// Address in the peer's region.
        0x00 address: u64,
        /// The peer's key.
        0x08 key: u32,
    }
}

block! {
    /// A piece of this side's memory.
    pub struct Data[16] {
        /// Bytes; at most 2^31 - 1.
        0x00 length_bytes: u32,
        /// Key of the region.
        0x04 key: u32,
        /// Address in the region.
        0x08 address: u64,
    }
}

block! {
    /// Operands of an atomic.
    pub struct Atomic[16] {
        /// Value to swap in or to add.
        0x00 swap_or_add: u64,
        /// Value to compare with.
        0x08 compare: u64,
    }
}

block! {
    /// Where a datagram goes.
    pub struct AddressVector[48] {
        /// Queue pair of the receiver.
        0x00 dest_qpn: Qpn,
        /// Queue key of the receiver.
        0x04 qkey: u32,
        /// Ethernet address of the receiver or of the next router.
        0x08 dest_mac: [u8; 6],
        /// Differentiated services code point.
        0x0e dscp: u8,
        /// Hops until the datagram dies; zero for the device's default.
        0x0f hop_limit: u8,
        /// IP address of the receiver.
        0x10 dest_gid: crate::regs::block::Gid,
        /// Entry of the port's source address table.
        0x20 source_index: u8,
        /// Flow label, 20 bits: enters the UDP source port.
        0x24 flow_label: u32,
    }
}

block! {
    /// What a window is bound to.
    pub struct Bind[48] {
        /// The window; its variant byte is that of the key which it has had so far.
        0x00 window_key: u32,
        /// The window's new key: the same index, another variant byte.
        0x04 new_key: u32,
        /// The region.
        0x08 region_key: u32,
        /// Remote rights.
        0x0c rights: Rights,
        /// First byte, as an address of the region.
        0x10 address: u64,
        /// Bytes; zero unbinds.
        0x18 length_bytes: u64,
    }
}

block! {
    /// The pages of a fast registration.
    pub struct FastRegister[48] {
        /// The region's new key: the index of a key for fast registration, any variant byte.
        0x00 key: u32,
        /// Rights.
        0x04 rights: Rights,
        /// Address of the first byte; the part below the page size is its offset in the first page.
        0x08 start: u64,
        /// Bytes.
        0x10 length_bytes: u64,
        /// Bus address of the page list: 64-bit bus addresses, contiguous, unchanged until the WQE is complete.
        0x18 list_address: u64,
        /// Pages in the list.
        0x20 page_count: u32,
        /// Page size as a power of two, 12 to 30.
        0x24 page_shift: u8,
    }
}

impl AddressVector {
    /// Ethernet address of the receiver.
    #[must_use]
    pub const fn mac(&self) -> Mac {
        Mac(self.dest_mac)
    }
}
