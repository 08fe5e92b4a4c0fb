//! All commands as one enumeration.

use crate::regs::block::{Field, Gid};
use crate::regs::cmd::objects::{CqContext, EqContext, KeyKind, MkeyContext, SourceAddress, SrqContext};
use crate::regs::cmd::qp::{QpAttributes, QpContext};
use crate::regs::cmd::{CommandCode, CommandError, CommandStatus, Slot};

/// A command with its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// See [`CommandCode::QUERY_DEVICE`].
    QueryDevice,
    /// See [`CommandCode::INIT`].
    Init,
    /// See [`CommandCode::TEARDOWN`].
    Teardown,
    /// See [`CommandCode::SET_ADDRESS`].
    SetAddress(SourceAddress),
    /// See [`CommandCode::QUERY_COUNTERS`].
    QueryCounters,
    /// See [`CommandCode::ALLOC_PD`].
    AllocPd,
    /// See [`CommandCode::DEALLOC_PD`].
    DeallocPd(u32),
    /// See [`CommandCode::CREATE_MKEY`]: context and pages.
    CreateMkey(MkeyContext, Vec<u64>),
    /// See [`CommandCode::QUERY_MKEY`].
    QueryMkey(u32),
    /// See [`CommandCode::DESTROY_MKEY`].
    DestroyMkey(u32),
    /// See [`CommandCode::CREATE_EQ`].
    CreateEq(EqContext),
    /// See [`CommandCode::DESTROY_EQ`].
    DestroyEq(u32),
    /// See [`CommandCode::QUERY_EQ`].
    QueryEq(u32),
    /// See [`CommandCode::CREATE_CQ`].
    CreateCq(CqContext),
    /// See [`CommandCode::DESTROY_CQ`].
    DestroyCq(u32),
    /// See [`CommandCode::QUERY_CQ`].
    QueryCq(u32),
    /// See [`CommandCode::RESIZE_CQ`].
    ResizeCq(u32, CqContext),
    /// See [`CommandCode::MODERATE_CQ`].
    ModerateCq {
        /// Which.
        cqn: u32,
        /// Longest delay, 16 bits.
        interval_us: u16,
        /// Most entries gathered, 16 bits.
        count: u16,
    },
    /// See [`CommandCode::CREATE_SRQ`].
    CreateSrq(SrqContext),
    /// See [`CommandCode::DESTROY_SRQ`].
    DestroySrq(u32),
    /// See [`CommandCode::QUERY_SRQ`].
    QuerySrq(u32),
    /// See [`CommandCode::SET_SRQ_LIMIT`].
    SetSrqLimit {
        /// Which.
        srqn: u32,
        /// Event below.
        limit: u32,
    },
    /// See [`CommandCode::RESIZE_SRQ`].
    ResizeSrq(u32, SrqContext),
    /// See [`CommandCode::CREATE_QP`].
    CreateQp(QpContext),
    /// See [`CommandCode::DESTROY_QP`].
    DestroyQp(u32),
    /// See [`CommandCode::MODIFY_QP`].
    ModifyQp(u32, QpAttributes),
    /// See [`CommandCode::QUERY_QP`].
    QueryQp(u32),
}

/// A command as it goes into a slot and an input mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Which command.
    pub code: CommandCode,
    /// First operand.
    pub operand: u32,
    /// Second operand.
    pub operand_2: u32,
    /// Input mailbox, perhaps empty.
    pub input: Vec<u8>,
}

impl Command {
    /// Which command it is.
    #[must_use]
    pub const fn code(&self) -> CommandCode {
        use CommandCode as Code;
        match self {
            Self::QueryDevice => Code::QUERY_DEVICE,
            Self::Init => Code::INIT,
            Self::Teardown => Code::TEARDOWN,
            Self::SetAddress(_) => Code::SET_ADDRESS,
            Self::QueryCounters => Code::QUERY_COUNTERS,
            Self::AllocPd => Code::ALLOC_PD,
            Self::DeallocPd(_) => Code::DEALLOC_PD,
            Self::CreateMkey(..) => Code::CREATE_MKEY,
            Self::QueryMkey(_) => Code::QUERY_MKEY,
            Self::DestroyMkey(_) => Code::DESTROY_MKEY,
            Self::CreateEq(_) => Code::CREATE_EQ,
            Self::DestroyEq(_) => Code::DESTROY_EQ,
            Self::QueryEq(_) => Code::QUERY_EQ,
            Self::CreateCq(_) => Code::CREATE_CQ,
            Self::DestroyCq(_) => Code::DESTROY_CQ,
            Self::QueryCq(_) => Code::QUERY_CQ,
            Self::ResizeCq(..) => Code::RESIZE_CQ,
            Self::ModerateCq { .. } => Code::MODERATE_CQ,
            Self::CreateSrq(_) => Code::CREATE_SRQ,
            Self::DestroySrq(_) => Code::DESTROY_SRQ,
            Self::QuerySrq(_) => Code::QUERY_SRQ,
            Self::SetSrqLimit { .. } => Code::SET_SRQ_LIMIT,
            Self::ResizeSrq(..) => Code::RESIZE_SRQ,
            Self::CreateQp(_) => Code::CREATE_QP,
            Self::DestroyQp(_) => Code::DESTROY_QP,
            Self::ModifyQp(..) => Code::MODIFY_QP,
            Self::QueryQp(_) => Code::QUERY_QP,
        }
    }

    /// The parts that the driver writes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let (operand, operand_2) = self.operands();
        let input = match self {
            Self::SetAddress(address) => address.encode().to_vec(),
            Self::CreateMkey(context, pages) => {
                let list = pages.iter().flat_map(|page| page.to_be_bytes());
                context.encode().into_iter().chain(list).collect()
            }
            Self::CreateEq(context) => context.encode().to_vec(),
            Self::CreateCq(context) | Self::ResizeCq(_, context) => context.encode().to_vec(),
            Self::CreateSrq(context) | Self::ResizeSrq(_, context) => context.encode().to_vec(),
            Self::CreateQp(context) => context.encode().to_vec(),
            Self::ModifyQp(_, attributes) => attributes.encode().to_vec(),
            _ => Vec::new(),
        };
        Encoded { code: self.code(), operand, operand_2, input }
    }

    const fn operands(&self) -> (u32, u32) {
        match *self {
            Self::DeallocPd(number)
            | Self::QueryMkey(number)
            | Self::DestroyMkey(number)
            | Self::DestroyEq(number)
            | Self::QueryEq(number)
            | Self::DestroyCq(number)
            | Self::QueryCq(number)
            | Self::ResizeCq(number, _)
            | Self::DestroySrq(number)
            | Self::QuerySrq(number)
            | Self::ResizeSrq(number, _)
            | Self::DestroyQp(number)
            | Self::ModifyQp(number, _)
            | Self::QueryQp(number) => (number, 0),
            Self::SetSrqLimit { srqn, limit } => (srqn, limit),
            Self::ModerateCq { cqn, interval_us, count } => (cqn, (interval_us as u32) << 16 | count as u32),
            _ => (0, 0),
        }
    }

    /// The command in a slot whose input mailbox holds `input`.
    ///
    /// # Errors
    /// BAD_OPCODE, BAD_INPUT_LENGTH, or BAD_PARAMETER for a page count that is not that of the list.
    pub fn decode(slot: &Slot, input: &[u8]) -> Result<Self, CommandError> {
        use CommandCode as Code;
        let number = slot.operand;
        Ok(match slot.code {
            Code::QUERY_DEVICE => Self::QueryDevice,
            Code::INIT => Self::Init,
            Code::TEARDOWN => Self::Teardown,
            Code::SET_ADDRESS => Self::SetAddress(needed(SourceAddress::read(input), SourceAddress::BYTES)?),
            Code::QUERY_COUNTERS => Self::QueryCounters,
            Code::ALLOC_PD => Self::AllocPd,
            Code::DEALLOC_PD => Self::DeallocPd(number),
            Code::CREATE_MKEY => create_mkey(input)?,
            Code::QUERY_MKEY => Self::QueryMkey(number),
            Code::DESTROY_MKEY => Self::DestroyMkey(number),
            Code::CREATE_EQ => Self::CreateEq(needed(EqContext::read(input), EqContext::BYTES)?),
            Code::DESTROY_EQ => Self::DestroyEq(number),
            Code::QUERY_EQ => Self::QueryEq(number),
            Code::CREATE_CQ => Self::CreateCq(needed(CqContext::read(input), CqContext::BYTES)?),
            Code::DESTROY_CQ => Self::DestroyCq(number),
            Code::QUERY_CQ => Self::QueryCq(number),
            Code::RESIZE_CQ => Self::ResizeCq(number, needed(CqContext::read(input), CqContext::BYTES)?),
            Code::MODERATE_CQ => {
                let (interval_us, count) = ((slot.operand_2 >> 16) as u16, slot.operand_2 as u16);
                Self::ModerateCq { cqn: number, interval_us, count }
            }
            Code::CREATE_SRQ => Self::CreateSrq(needed(SrqContext::read(input), SrqContext::BYTES)?),
            Code::DESTROY_SRQ => Self::DestroySrq(number),
            Code::QUERY_SRQ => Self::QuerySrq(number),
            Code::SET_SRQ_LIMIT => Self::SetSrqLimit { srqn: number, limit: slot.operand_2 },
            Code::RESIZE_SRQ => Self::ResizeSrq(number, needed(SrqContext::read(input), SrqContext::BYTES)?),
            Code::CREATE_QP => Self::CreateQp(needed(QpContext::read(input), QpContext::BYTES)?),
            Code::DESTROY_QP => Self::DestroyQp(number),
            Code::MODIFY_QP => Self::ModifyQp(number, needed(QpAttributes::read(input), QpAttributes::BYTES)?),
            Code::QUERY_QP => Self::QueryQp(number),
            _ => return Err(CommandError::new(CommandStatus::BAD_OPCODE, u32::from(slot.code.0))),
        })
    }
}

fn needed<T>(block: Option<T>, bytes: usize) -> Result<T, CommandError> {
    block.ok_or(CommandError::new(CommandStatus::BAD_INPUT_LENGTH, bytes as u32))
}

fn create_mkey(input: &[u8]) -> Result<Command, CommandError> {
    let context = needed(MkeyContext::read(input), MkeyContext::BYTES)?;
    let list = &input[MkeyContext::BYTES..];
    let listed = if context.kind == KeyKind::REGION { context.page_count as usize } else { 0 };
    let bytes = listed.saturating_mul(u64::BYTES);
    let list = needed(list.get(..bytes), MkeyContext::BYTES.saturating_add(bytes))?;
    Ok(Command::CreateMkey(context, list.chunks_exact(u64::BYTES).map(u64::get).collect()))
}

/// A driver's shorthand.
impl SourceAddress {
    /// Entry `index` of `port` becomes `gid`.
    #[must_use]
    pub const fn new(port: u8, index: u8, gid: Gid) -> Self {
        Self { gid, port, index }
    }
}
