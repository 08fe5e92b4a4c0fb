//! What every command takes and gives, for the manual; the device is tested against it.

use super::{
    CommandCode, CommandStatus, CqContext, EqContext, MkeyContext, QpAttributes, QpContext, QpStatus, SourceAddress,
    SrqContext,
};
use crate::regs::bar::LIMIT_REGISTERS;
use crate::regs::block::Layout;
use crate::regs::counters::Counters;

/// A mailbox of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// None.
    None,
    /// A block.
    Block(Layout),
    /// A block and the page list that it announces: 64-bit words.
    Paged(Layout),
    /// So many 64-bit words.
    Words(usize, &'static str),
}

impl Mailbox {
    /// Bytes, without a page list.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Block(layout) | Self::Paged(layout) => layout.bytes,
            Self::Words(count, _) => *count * size_of::<u64>(),
        }
    }
}

/// A command, for the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandAt {
    /// Which.
    pub code: CommandCode,
    /// What the slot's operand names; empty: unused.
    pub operand: &'static str,
    /// What the second operand is; empty: unused.
    pub operand_2: &'static str,
    /// What the driver puts into the input mailbox.
    pub input: Mailbox,
    /// What the device puts into the output mailbox.
    pub output: Mailbox,
    /// `result` and `result_2` of the reply; empty: zero.
    pub results: [&'static str; 2],
    /// How it can fail, besides what every command can: BAD_OPCODE, the two wrong lengths, INTERNAL_ERROR, BAD_SYSTEM_STATE.
    pub failures: &'static [CommandStatus],
}

const LIMITS: Mailbox = Mailbox::Words(LIMIT_REGISTERS.len(), "the limit registers in the order of their table");
const COUNTERS: Mailbox = Mailbox::Words(Counters::TABLE.len(), "the counters in the order of their table");

/// All commands, in the order of their codes.
pub const COMMANDS: &[CommandAt] = {
    use CommandCode as C;
    use CommandStatus as S;
    use Mailbox::{Block, None, Paged};
    const fn plain(code: CommandCode) -> CommandAt {
        CommandAt { code, operand: "", operand_2: "", input: None, output: None, results: ["", ""], failures: &[] }
    }
    const fn create(code: CommandCode, input: Mailbox, result: &'static str) -> CommandAt {
        CommandAt {
            input,
            results: [result, ""],
            failures: &[S::BAD_PARAMETER, S::BAD_RESOURCE, S::EXCEEDS_LIMIT, S::NO_RESOURCES],
            ..plain(code)
        }
    }
    const fn about(code: CommandCode, operand: &'static str) -> CommandAt {
        CommandAt { operand, failures: &[S::BAD_RESOURCE], ..plain(code) }
    }
    const fn end(code: CommandCode, operand: &'static str) -> CommandAt {
        CommandAt { failures: &[S::BAD_RESOURCE, S::RESOURCE_BUSY], ..about(code, operand) }
    }
    &[
        CommandAt { output: LIMITS, ..plain(C::QUERY_DEVICE) },
        plain(C::INIT),
        plain(C::TEARDOWN),
        create(C::CREATE_MKEY, Paged(MkeyContext::LAYOUT), "the key"),
        CommandAt { output: Block(MkeyContext::LAYOUT), ..about(C::QUERY_MKEY, "key, any variant byte") },
        end(C::DESTROY_MKEY, "key, any variant byte"),
        create(C::CREATE_EQ, Block(EqContext::LAYOUT), "number of the EQ"),
        end(C::DESTROY_EQ, "EQ"),
        CommandAt { output: Block(EqContext::LAYOUT), results: ["producer index", ""], ..about(C::QUERY_EQ, "EQ") },
        create(C::CREATE_CQ, Block(CqContext::LAYOUT), "number of the CQ"),
        end(C::DESTROY_CQ, "CQ"),
        CommandAt {
            output: Block(CqContext::LAYOUT),
            results: ["producer index", "1 if it is dead"],
            ..about(C::QUERY_CQ, "CQ")
        },
        CommandAt {
            operand_2: "longest delay in microseconds in bits 31:16, most entries gathered in bits 15:0",
            ..about(C::MODERATE_CQ, "CQ")
        },
        CommandAt {
            input: Block(CqContext::LAYOUT),
            results: ["index of the first entry in the new ring", ""],
            failures: &[S::BAD_RESOURCE, S::BAD_PARAMETER, S::EXCEEDS_LIMIT, S::TOO_SMALL],
            ..about(C::RESIZE_CQ, "CQ")
        },
        create(C::CREATE_QP, Block(QpContext::LAYOUT), "number of the QP"),
        about(C::DESTROY_QP, "QP"),
        CommandAt {
            input: Block(QpAttributes::LAYOUT),
            failures: &[S::BAD_RESOURCE, S::BAD_PARAMETER, S::EXCEEDS_LIMIT, S::BAD_STATE],
            ..about(C::MODIFY_QP, "QP")
        },
        CommandAt { output: Block(QpStatus::LAYOUT), ..about(C::QUERY_QP, "QP") },
        create(C::CREATE_SRQ, Block(SrqContext::LAYOUT), "number of the SRQ"),
        end(C::DESTROY_SRQ, "SRQ"),
        CommandAt {
            output: Block(SrqContext::LAYOUT),
            results: ["WQEs used up", "limit, zero if disarmed"],
            ..about(C::QUERY_SRQ, "SRQ")
        },
        CommandAt { operand_2: "limit", ..about(C::SET_SRQ_LIMIT, "SRQ") },
        CommandAt {
            input: Block(SrqContext::LAYOUT),
            failures: &[S::BAD_RESOURCE, S::BAD_PARAMETER, S::EXCEEDS_LIMIT, S::TOO_SMALL],
            ..about(C::RESIZE_SRQ, "SRQ")
        },
        CommandAt {
            input: Block(SourceAddress::LAYOUT),
            failures: &[S::BAD_PARAMETER, S::EXCEEDS_LIMIT],
            ..plain(C::SET_ADDRESS)
        },
        CommandAt { output: COUNTERS, ..plain(C::QUERY_COUNTERS) },
        CommandAt { results: ["number of the PD", ""], failures: &[S::NO_RESOURCES], ..plain(C::ALLOC_PD) },
        end(C::DEALLOC_PD, "PD"),
    ]
};
