//! What can be broken inside of a device on purpose, and what follows from it.
//!
//! Which command or context is struck, when and how often, is the caller's to decide; the device only has the defect. Defects
//! on the bus (a read that fails, an interrupt that is lost) need nothing here: whoever carries the bus makes them.

use crate::dma::{Cx, Purpose};
use crate::nic::Nic;
use crate::port::DmaTag;
use crate::regs::cmd::CommandStatus;
use crate::regs::eqe::EventType;
use des::Dur;

/// A defect, struck by [`Input::Defect`](crate::port::Input::Defect).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The next command of a slot.
    Command {
        /// The slot, see [`COMMAND_SLOTS`](crate::regs::bar::COMMAND_SLOTS).
        slot: u8,
        /// What becomes of it.
        defect: CommandDefect,
    },
    /// A bit flips in the cached context of a queue pair. Its next use finds the parity wrong: the queue pair goes into
    /// error, QP_FATAL tells the driver, and a counter counts it, as the catastrophic error of a work queue does in mlx5.
    QpContext {
        /// The queue pair; one that does not exist has no context.
        qpn: u32,
    },
}

/// What is wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandDefect {
    /// It takes longer by this.
    Slow(Dur),
    /// It never ends, and nothing behind it does, until the device is reset.
    Stuck,
    /// It is refused after its usual time, without effect.
    Refused(CommandStatus),
}

/// What a DMA read is for, as far as it matters to whom it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Slot or mailbox of a command. Without its slot the firmware cannot answer: the device fails.
    Command,
    /// WQEs of a send queue: the queue pair goes into error.
    SendWqes,
    /// Record and WQEs of a receive queue: the queue pair, or the shared queue with those that use it, goes into error.
    ReceiveWqes,
    /// The consumer index of a CQ: the CQ dies.
    CqRecord,
    /// Payload: the request ends with a local error.
    Payload,
    /// The page list of a fast registration: the request ends with a local error.
    PageList,
    /// The operand of an atomic: the peer's request ends with a remote operational error.
    Atomic,
}

impl Nic {
    /// What a DMA read under way is for; nothing for a tag that names none.
    #[must_use]
    pub fn reading(&self, tag: DmaTag) -> Option<Access> {
        Some(match self.host.dma.purpose(tag)? {
            Purpose::CommandSlot | Purpose::CommandInput | Purpose::PolledSlot | Purpose::PolledInput => {
                Access::Command
            }
            Purpose::SendWqes { .. } => Access::SendWqes,
            Purpose::ReceiveWqes { .. } | Purpose::SharedWqes { .. } => Access::ReceiveWqes,
            Purpose::CqRecord { .. } => Access::CqRecord,
            Purpose::Gather { .. } => Access::Payload,
            Purpose::PageList { .. } => Access::PageList,
            Purpose::Atomic { .. } => Access::Atomic,
        })
    }

    /// Takes a defect.
    pub(crate) fn defect(&mut self, cx: &mut Cx<'_>, defect: Defect) {
        match defect {
            Defect::Command { slot, defect } => {
                self.firmware.struck.insert(slot, defect);
            }
            Defect::QpContext { qpn } if self.qps.get(qpn).is_some() => {
                self.host.counters.context_parity_errors += 1;
                self.fatal(cx, cx.now, qpn, EventType::QP_FATAL);
            }
            Defect::QpContext { .. } => {}
        }
    }
}
