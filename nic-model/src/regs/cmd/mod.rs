//! Commands: slots of the command queue, status codes, and every command with its input and output.
//!
//! Reading order: this module (slots and codes), [`objects`] (contexts in mailboxes), [`qp`] (queue pair attributes),
//! [`command`] (all commands as one enumeration, encoded and decoded), [`table`] (what each takes and gives).
//!
//! A driver fills a [`Slot`], and either rings [`COMMAND_DOORBELL`](super::bar::COMMAND_DOORBELL) with the slot's bit and
//! waits for the event COMMAND_DONE, or writes the slot's number to [`COMMAND_POLL`](super::bar::COMMAND_POLL) and reads
//! [`COMMAND_POLL_RESULT`](super::bar::COMMAND_POLL_RESULT), which answers when the command has run. Both may be mixed. The
//! device then has written the output mailbox and the [`Reply`] at [`REPLY_AT`] of the slot.

pub mod command;
pub mod objects;
pub mod qp;
pub mod table;

pub use command::{Command, Encoded};
pub use objects::{CqContext, EqClasses, EqContext, KeyKind, MkeyContext, SourceAddress, SrqContext};
pub use qp::{QpAttributes, QpContext, QpMask, QpState, QpStatus, QpType};

use super::block::{block, flags, open_enum};

/// Bytes of a slot.
pub const SLOT_BYTES: usize = Slot::BYTES;
/// Where the device writes the [`Reply`] in a slot.
pub const REPLY_AT: usize = 0x28;

open_enum! {
    /// Which command.
    pub struct CommandCode(u16) {
        /// Writes the limit registers to the output mailbox, as 64-bit words in the order of their table.
        QUERY_DEVICE = 0x100,
        /// Makes the device ready for objects.
        INIT = 0x102,
        /// Destroys all objects and clears the source address tables.
        TEARDOWN = 0x103,
        /// A memory key: region, region for fast registration, window. Result: the key.
        CREATE_MKEY = 0x200,
        /// Writes its context to the output mailbox.
        QUERY_MKEY = 0x201,
        /// Ends a key; accesses under way fail.
        DESTROY_MKEY = 0x202,
        /// An event queue. Result: its number.
        CREATE_EQ = 0x301,
        /// Ends an event queue.
        DESTROY_EQ = 0x302,
        /// Writes its context to the output mailbox. Result: producer index.
        QUERY_EQ = 0x303,
        /// A completion queue. Result: its number.
        CREATE_CQ = 0x400,
        /// Ends a completion queue without users.
        DESTROY_CQ = 0x401,
        /// Writes its context to the output mailbox. Results: producer index, 1 if it is dead.
        QUERY_CQ = 0x402,
        /// Interrupt moderation: operand 1 is the longest delay in microseconds, operand 2 the most entries gathered.
        MODERATE_CQ = 0x403,
        /// Continues in another ring. Result: the index of the first entry there; earlier ones are in the old ring.
        RESIZE_CQ = 0x404,
        /// A queue pair in RESET. Result: its number.
        CREATE_QP = 0x500,
        /// Ends a queue pair, whatever it does.
        DESTROY_QP = 0x501,
        /// Changes state and attributes.
        MODIFY_QP = 0x502,
        /// Writes `QpStatus` to the output mailbox.
        QUERY_QP = 0x50b,
        /// A shared receive queue. Result: its number.
        CREATE_SRQ = 0x700,
        /// Ends a shared receive queue without users.
        DESTROY_SRQ = 0x701,
        /// Writes its context to the output mailbox. Results: WQEs consumed, limit.
        QUERY_SRQ = 0x702,
        /// Event below operand 1 WQEs; zero disarms.
        SET_SRQ_LIMIT = 0x703,
        /// Continues in another ring, not smaller, and with another record. The ring holds the WQEs that the device may still read, each
        /// in the slot of its index; what is posted while the command runs goes to both rings and both records.
        RESIZE_SRQ = 0x704,
        /// Sets an entry of a port's source address table.
        SET_ADDRESS = 0x761,
        /// Writes the counters to the output mailbox, as 64-bit words in the order of their table.
        QUERY_COUNTERS = 0x770,
        /// A protection domain. Result: its number.
        ALLOC_PD = 0x800,
        /// Ends a protection domain without users.
        DEALLOC_PD = 0x801,
    }
}

open_enum! {
    /// How a command ended.
    pub struct CommandStatus(u8) {
        /// Well.
        OK = 0x00,
        /// The host refused an access to slot or mailbox.
        INTERNAL_ERROR = 0x01,
        /// No such command, or it belongs to a feature that the device lacks. `detail`: its code.
        BAD_OPCODE = 0x02,
        /// An input field has a value that it cannot have. `detail`: its offset in the mailbox.
        BAD_PARAMETER = 0x03,
        /// Not before INIT.
        BAD_SYSTEM_STATE = 0x04,
        /// An input field names an object that does not exist or is of another kind. `detail`: its offset in the mailbox, or
        /// `OPERAND` for the slot's operand.
        BAD_RESOURCE = 0x05,
        /// The object has users. `detail`: how many.
        RESOURCE_BUSY = 0x06,
        /// More than the device's limit. `detail`: the field's offset in the mailbox.
        EXCEEDS_LIMIT = 0x08,
        /// The object's state does not allow it. `detail`: the state.
        BAD_STATE = 0x09,
        /// All objects of this kind are in use.
        NO_RESOURCES = 0x0f,
        /// The new ring has no room for what the old one holds. `detail`: entries held.
        TOO_SMALL = 0x40,
        /// The input mailbox is shorter than the command needs, or longer than the limit. `detail`: bytes needed.
        BAD_INPUT_LENGTH = 0x50,
        /// The output mailbox is too short. `detail`: bytes needed.
        BAD_OUTPUT_LENGTH = 0x51,
    }
}

/// `detail` of a status about the slot's operand.
pub const OPERAND: u32 = 0xffff_ffff;

flags! {
    /// What may be done with memory. The bits are those of verbs.
    pub struct Rights: u32 {
        /// Receives and read sinks. Reading is always allowed.
        const LOCAL_WRITE = 0x01;
        /// The peer may write.
        const REMOTE_WRITE = 0x02;
        /// The peer may read.
        const REMOTE_READ = 0x04;
        /// The peer may do atomics.
        const REMOTE_ATOMIC = 0x08;
        /// Windows may be bound to it.
        const WINDOW_BIND = 0x10;
        /// Addresses count from zero.
        const ZERO_BASED = 0x20;
    }
}

block! {
    /// A slot of the command queue. The driver writes it up to the reply, and sets `owner` to 1.
    pub struct Slot[64] {
        /// Which command.
        0x00 code: CommandCode,
        /// Returned with the event.
        0x04 token: u32,
        /// Bus address of the input mailbox, contiguous; unused if `input_bytes` is zero.
        0x08 input_address: u64,
        /// Bus address of the output mailbox, contiguous; unused if `output_bytes` is zero.
        0x10 output_address: u64,
        /// Bytes of the input mailbox.
        0x18 input_bytes: u32,
        /// Room in the output mailbox.
        0x1c output_bytes: u32,
        /// The object that the command is about.
        0x20 operand: u32,
        /// A second small input, for commands that name one.
        0x24 operand_2: u32,
        /// Result, see the commands.
        0x28 result: u32,
        /// Second result.
        0x2c result_2: u32,
        /// What the status is about.
        0x30 detail: u32,
        /// How it ended.
        0x3e status: CommandStatus,
        /// 1 while the command belongs to the device.
        0x3f owner: u8,
    }
}

block! {
    /// What the device writes back into a slot, at `REPLY_AT`.
    pub struct Reply[24] {
        /// Result, see the commands.
        0x00 result: u32,
        /// Second result.
        0x04 result_2: u32,
        /// What the status is about.
        0x08 detail: u32,
        /// How it ended.
        0x16 status: CommandStatus,
        /// Zero: the slot is the driver's again.
        0x17 owner: u8,
    }
}

/// Why a command failed: a status and what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status:?} (detail {detail:#x})")]
pub struct CommandError {
    /// The status.
    pub status: CommandStatus,
    /// See [`CommandStatus`].
    pub detail: u32,
}

impl CommandError {
    /// `status` about `detail`.
    #[must_use]
    pub const fn new(status: CommandStatus, detail: u32) -> Self {
        Self { status, detail }
    }

    /// A status about the field at byte `offset` of the mailbox.
    #[must_use]
    pub const fn field(status: CommandStatus, offset: usize) -> Self {
        Self { status, detail: offset as u32 }
    }
}

#[cfg(test)]
mod tests;
