//! BAR 0: registers, limits, MSI-X table and the UAR pages with their doorbells.
//!
//! Registers and doorbells are 64-bit values, little-endian on the bus. A write of 4 bytes changes the half that it hits; a
//! doorbell takes 8 bytes at once. Offsets that no row names read as all ones, and writes to them are counted and ignored.

use super::block::{flags, open_enum};

/// What may be done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only; writes are ignored.
    ReadOnly,
    /// Read and write.
    ReadWrite,
    /// Write only; reads as zero.
    WriteOnly,
}

/// A row of the register map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Byte offset in BAR 0 (in the port's page or the UAR page for those tables).
    pub offset: u64,
    /// Its name.
    pub name: &'static str,
    /// What may be done.
    pub access: Access,
    /// What it means.
    pub about: &'static str,
}

macro_rules! registers {
    (
        $(#[doc = $table_doc:literal])* $table:ident:
        $($(#[doc = $doc:literal])* $name:ident = $offset:literal, $access:ident;)*
    ) => {
        $($(#[doc = $doc])* pub const $name: u64 = $offset;)*

        $(#[doc = $table_doc])*
        pub const $table: &[Register] = &[
            $(Register {
                offset: $offset,
                name: stringify!($name),
                access: Access::$access,
                about: concat!($($doc),*),
            },)*
        ];
    };
}

registers! {
    /// Registers of the function.
    REGISTERS:
    /// The ASCII bytes of "RDMANIC1", first byte lowest: what a driver looks at before anything else.
    SIGNATURE = 0x000, ReadOnly;
    /// Interface version in bits 31:16 (major) and 15:0 (minor).
    VERSION = 0x008, ReadOnly;
    /// IEEE OUI of the vendor in bits 31:0, device number in bits 63:32.
    VENDOR = 0x010, ReadOnly;
    /// Names this device to its peers.
    NODE_GUID = 0x018, ReadOnly;
    /// See `Features`.
    FEATURES = 0x020, ReadOnly;
    /// Ports.
    PORT_COUNT = 0x028, ReadOnly;
    /// The key whose addresses are bus addresses: local access only, for privileged drivers.
    RESERVED_KEY = 0x030, ReadOnly;
    /// Writing 1 resets the function: everything is as after power-on.
    RESET = 0x400, WriteOnly;
    /// See `Health`.
    HEALTH = 0x408, ReadOnly;
    /// Bus address of the command queue: `COMMAND_SLOTS` slots, 4 KiB aligned. Zero: no queue.
    COMMAND_BASE = 0x410, ReadWrite;
    /// Bit n starts the command in slot n; its end is told by an event.
    COMMAND_DOORBELL = 0x418, WriteOnly;
    /// Chooses the slot that `COMMAND_POLL_RESULT` runs.
    COMMAND_POLL = 0x420, WriteOnly;
    /// Runs the chosen slot and answers when it has run: its status in bits 7:0, bit 63 if no slot was chosen.
    COMMAND_POLL_RESULT = 0x428, ReadOnly;
    /// Time of the device in nanoseconds, as in the time stamps of CQEs.
    CLOCK = 0x430, ReadOnly;
}

/// The value of [`SIGNATURE`].
pub const SIGNATURE_VALUE: u64 = u64::from_le_bytes(*b"RDMANIC1");
/// The value of [`VERSION`]: 1.0.
pub const VERSION_VALUE: u64 = 1 << 16;
/// Set in [`COMMAND_POLL_RESULT`] if there was nothing to run.
pub const POLL_NOTHING: u64 = 1 << 63;
/// Slots of the command queue.
pub const COMMAND_SLOTS: usize = 32;

flags! {
    /// What the device can do beyond the basics.
    pub struct Features: u64 {
        /// Shared receive queues.
        const SRQ = 0x01;
        /// Unreliable connections.
        const UC = 0x02;
        /// Memory windows of type 1 and 2.
        const MEMORY_WINDOWS = 0x04;
        /// Fast registration and local invalidation by WQE.
        const FAST_REGISTER = 0x08;
        /// RESIZE_CQ.
        const RESIZE_CQ = 0x10;
        /// WQEs may be pushed through the BlueFlame lines.
        const BLUEFLAME = 0x20;
        /// Message bytes are written in ascending order.
        const IN_ORDER_DMA = 0x40;
        /// The device can send to itself.
        const LOOPBACK = 0x80;
    }
}

open_enum! {
    /// Whether the device works.
    pub struct Health(u64) {
        /// It does.
        GOOD = 0,
        /// An event did not fit into its queue and is lost.
        EVENT_LOST = 1,
        /// The host refused an access to a queue of the device.
        DMA_FAILED = 2,
    }
}

/// Offset of the first port's registers.
pub const PORT_BASE: u64 = 0x800;
/// From one port's registers to the next one's.
pub const PORT_STRIDE: u64 = 0x100;

registers! {
    /// Registers of a port, from `PORT_BASE + port * PORT_STRIDE`.
    PORT_REGISTERS:
    /// Bit 0: the cable works.
    PORT_STATE = 0x00, ReadOnly;
    /// MAC address in bits 47:0.
    PORT_MAC = 0x08, ReadOnly;
    /// Rate in Mb/s.
    PORT_RATE = 0x10, ReadOnly;
    /// Names the port.
    PORT_GUID = 0x18, ReadOnly;
}

/// The MSI-X table, 16 bytes per vector as PCI lays it out. Address and data belong to the platform and are only kept; bit 0
/// of the fourth word masks the vector, and what happens meanwhile is raised when it is unmasked. Unmasked after reset.
pub const MSIX_TABLE: u64 = 0x2000;
/// Bytes of a table entry.
pub const MSIX_STRIDE: u64 = 16;
/// Byte of the vector control word in an entry.
pub const MSIX_CONTROL: u64 = 12;
/// Most vectors that the table has room for.
pub const MSIX_VECTORS_MAX: u64 = 256;

/// The first UAR page.
pub const UAR_BASE: u64 = 0x10_0000;
/// Bytes of a UAR page. Every page has the same doorbells, each for the queues that were created with this page: whoever
/// can reach one page only, a process or a processor, can ring only its own queues.
pub const UAR_STRIDE: u64 = 0x1000;
/// Most UAR pages.
pub const UAR_PAGES_MAX: u64 = 4096;
/// Bytes of BAR 0.
pub const BAR_BYTES: u64 = UAR_BASE + UAR_PAGES_MAX * UAR_STRIDE;
/// Bytes of a BlueFlame line.
pub const BLUEFLAME_BYTES: u64 = 64;
/// Bytes of a BlueFlame buffer: the longest WQE that can be pushed.
pub const BLUEFLAME_BUFFER_BYTES: u64 = 256;
/// Bytes of the BlueFlame lines of a page: two buffers, to be used in turn.
pub const BLUEFLAME_AREA_BYTES: u64 = 2 * BLUEFLAME_BUFFER_BYTES;

registers! {
    /// Doorbells of a UAR page.
    UAR_REGISTERS:
    /// New WQEs in a send queue, see `SqDoorbell`.
    UAR_SQ = 0x000, WriteOnly;
    /// Asks the device to read the record of the receive queue of the queue pair in bits 55:32. Needed in ERROR only, where
    /// receives are flushed: a driver that learns of the error rings once, and then after every receive that it posts.
    UAR_RQ = 0x010, WriteOnly;
    /// Arms a CQ, see `CqDoorbell`.
    UAR_CQ = 0x020, WriteOnly;
    /// Consumer index and arm of an EQ, see `EqDoorbell`.
    UAR_EQ = 0x040, WriteOnly;
    /// First BlueFlame line. A WQE of up to 256 bytes is pushed by writing its blocks, 64 bytes each and in order, to the lines
    /// of one buffer from its start on. The ring must hold it too: if the device cannot take the push (it is not the queue's
    /// next WQE, or the device is busy with earlier ones), it reads the ring as if a doorbell for this WQE had come. A push
    /// of which lines are missing does nothing; a doorbell makes up for it.
    UAR_BLUEFLAME = 0x800, WriteOnly;
}

/// Offset of a register in UAR page `page`.
#[must_use]
pub const fn uar(page: u32, register: u64) -> u64 {
    UAR_BASE + page as u64 * UAR_STRIDE + register
}

/// Offset of a register of `port`.
#[must_use]
pub const fn port(port: u64, register: u64) -> u64 {
    PORT_BASE + port * PORT_STRIDE + register
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident $register:ident = $offset:literal;)*) => {
        registers! {
            /// Read-only registers with the limits of the device; QUERY_DEVICE writes the same values, in this order.
            LIMIT_REGISTERS:
            $($(#[doc = $doc])* $register = $offset, ReadOnly;)*
        }

        /// The limits of a device.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Limits {
            /// Asks `read` for every register.
            pub fn from_registers(mut read: impl FnMut(u64) -> u64) -> Self {
                Self { $($name: read($register),)* }
            }

            /// The value of the limit register at `offset`.
            #[must_use]
            pub const fn register(&self, offset: u64) -> Option<u64> {
                match offset {
                    $($register => Some(self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

limits! {
    /// Queue pairs.
    max_qps MAX_QPS = 0x100;
    /// Completion queues.
    max_cqs MAX_CQS = 0x108;
    /// Event queues.
    max_eqs MAX_EQS = 0x110;
    /// Shared receive queues.
    max_srqs MAX_SRQS = 0x118;
    /// Memory keys: regions and windows.
    max_mkeys MAX_MKEYS = 0x120;
    /// Protection domains.
    max_pds MAX_PDS = 0x128;
    /// 64-byte blocks of a send queue.
    max_sq_blocks MAX_SQ_BLOCKS = 0x130;
    /// WQEs of a receive queue.
    max_rq_wqes MAX_RQ_WQES = 0x138;
    /// WQEs of a shared receive queue.
    max_srq_wqes MAX_SRQ_WQES = 0x140;
    /// Entries of a completion queue.
    max_cq_entries MAX_CQ_ENTRIES = 0x148;
    /// Entries of an event queue.
    max_eq_entries MAX_EQ_ENTRIES = 0x150;
    /// Data segments of a send or a write.
    max_send_sge MAX_SEND_SGE = 0x158;
    /// Data segments of a receive.
    max_receive_sge MAX_RECEIVE_SGE = 0x160;
    /// Data segments of a read.
    max_read_sge MAX_READ_SGE = 0x168;
    /// Bytes of an inline message.
    max_inline_bytes MAX_INLINE_BYTES = 0x170;
    /// Bytes of a message.
    max_message_bytes MAX_MESSAGE_BYTES = 0x178;
    /// Reads and atomics of a QP under way, as responder.
    max_inbound_reads MAX_INBOUND_READS = 0x180;
    /// Reads and atomics of a QP under way, as requester.
    max_outbound_reads MAX_OUTBOUND_READS = 0x188;
    /// Pages of a fast registration.
    max_fast_register_pages MAX_FAST_REGISTER_PAGES = 0x190;
    /// Bytes of a region.
    max_region_bytes MAX_REGION_BYTES = 0x198;
    /// Largest path MTU in bytes.
    max_mtu_bytes MAX_MTU_BYTES = 0x1a0;
    /// UAR pages.
    uar_pages UAR_PAGES = 0x1a8;
    /// MSI-X vectors.
    msix_vectors MSIX_VECTORS = 0x1b0;
    /// Source addresses of a port.
    max_addresses MAX_ADDRESSES = 0x1b8;
    /// Bytes of a command's mailbox.
    max_mailbox_bytes MAX_MAILBOX_BYTES = 0x1c0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_disjoint(tables: &[&[Register]], from: u64, to: u64) {
        let mut rows: Vec<&Register> = tables.iter().copied().flatten().collect();
        rows.sort_by_key(|row| row.offset);
        for row in &rows {
            assert!(row.offset % 8 == 0 && row.offset >= from && row.offset + 8 <= to, "{row:?}");
            assert!(!row.about.trim().is_empty(), "{} is not described", row.name);
        }
        for pair in rows.windows(2) {
            assert!(pair[0].offset + 8 <= pair[1].offset, "{} and {} overlap", pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn no_registers_overlap() {
        assert_disjoint(&[REGISTERS, LIMIT_REGISTERS], 0, PORT_BASE);
        assert_disjoint(&[PORT_REGISTERS], 0, PORT_STRIDE);
        assert_disjoint(&[UAR_REGISTERS], 0, UAR_STRIDE);
        const { assert!(PORT_BASE + 8 * PORT_STRIDE <= MSIX_TABLE, "eight ports fit") };
        const { assert!(MSIX_TABLE + MSIX_VECTORS_MAX * MSIX_STRIDE <= UAR_BASE) };
        const { assert!(UAR_BLUEFLAME + BLUEFLAME_AREA_BYTES <= UAR_STRIDE) };
    }

    #[test]
    fn limits_are_read_register_by_register() {
        let limits = Limits::from_registers(|offset| offset);
        assert_eq!((limits.max_qps, limits.max_mailbox_bytes), (MAX_QPS, MAX_MAILBOX_BYTES));
        for row in LIMIT_REGISTERS {
            assert_eq!(limits.register(row.offset), Some(row.offset));
        }
        assert_eq!(limits.register(MAX_MAILBOX_BYTES + 8), None);
    }
}
