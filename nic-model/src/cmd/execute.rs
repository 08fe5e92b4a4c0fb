//! Which command does what, and what every command is checked for.

use super::Outcome;
use crate::dma::Cx;
use crate::nic::Nic;
use crate::regs::bar::{Features, LIMIT_REGISTERS};
use crate::regs::cmd::{Command, CommandError, CommandStatus, KeyKind, OPERAND, QpType, Slot, SourceAddress};
use crate::regs::counters::Counters;

/// What a command yields, or why not.
pub(super) type Result<T = Outcome> = std::result::Result<T, CommandError>;

/// Only a number.
pub(super) const fn number(result: u32) -> Outcome {
    Outcome { result, result_2: 0, output: Vec::new() }
}

/// The operand names nothing.
pub(super) const NO_SUCH_OBJECT: CommandError = CommandError::new(CommandStatus::BAD_RESOURCE, OPERAND);
/// Tables are full.
pub(super) const NO_RESOURCES: CommandError = CommandError::new(CommandStatus::NO_RESOURCES, 0);

/// A field is wrong.
pub(super) const fn bad(offset: usize) -> CommandError {
    CommandError::field(CommandStatus::BAD_PARAMETER, offset)
}

/// A field names nothing.
pub(super) const fn no_such(offset: usize) -> CommandError {
    CommandError::field(CommandStatus::BAD_RESOURCE, offset)
}

/// A field is above the limit.
pub(super) const fn exceeds(offset: usize) -> CommandError {
    CommandError::field(CommandStatus::EXCEEDS_LIMIT, offset)
}

/// The object still has users.
pub(super) const fn busy(users: u32) -> CommandError {
    CommandError::new(CommandStatus::RESOURCE_BUSY, users)
}

/// A ring of 2^`log_entries` entries of 2^`log_bytes` is aligned, allowed and inside of the address space. `at` are the
/// offsets of address and size in the mailbox.
pub(super) fn check_ring(address: u64, log_entries: u8, log_bytes: u8, most: u64, at: (usize, usize)) -> Result<()> {
    if u32::from(log_entries) >= u64::BITS || 1_u64 << log_entries > most {
        return Err(exceeds(at.1));
    }
    let bytes = 1_u64 << (log_entries + log_bytes);
    if !address.is_multiple_of(4096) || address.checked_add(bytes).is_none() {
        return Err(bad(at.0));
    }
    Ok(())
}

/// A record is aligned and inside of the address space.
pub(super) fn check_record(address: u64, offset: usize) -> Result<()> {
    if !address.is_multiple_of(8) || address.checked_add(8).is_none() { Err(bad(offset)) } else { Ok(()) }
}

impl Nic {
    /// Runs the command in a slot.
    pub(super) fn run(&mut self, cx: &mut Cx<'_>, slot: &Slot, input: &[u8]) -> Result {
        let max = self.config.limits.max_mailbox_bytes;
        if u64::from(slot.input_bytes) > max || input.len() != slot.input_bytes as usize {
            return Err(CommandError::new(CommandStatus::BAD_INPUT_LENGTH, max as u32));
        }
        let command = Command::decode(slot, input)?;
        if !self.config.features.contains(feature_of(&command)) {
            return Err(CommandError::new(CommandStatus::BAD_OPCODE, u32::from(slot.code.0)));
        }
        let needs = output_bytes(&command);
        if needs > slot.output_bytes as usize || slot.output_address.checked_add(needs as u64).is_none() {
            return Err(CommandError::new(CommandStatus::BAD_OUTPUT_LENGTH, needs as u32));
        }
        let early = matches!(command, Command::QueryDevice | Command::Init | Command::QueryCounters);
        if !self.firmware.ready && !early {
            return Err(CommandError::new(CommandStatus::BAD_SYSTEM_STATE, 0));
        }
        self.execute(cx, command)
    }

    fn execute(&mut self, cx: &mut Cx<'_>, command: Command) -> Result {
        match command {
            Command::QueryDevice => {
                let limits = &self.config.limits;
                let words = LIMIT_REGISTERS.iter().filter_map(|row| limits.register(row.offset));
                Ok(Outcome { output: words.flat_map(u64::to_be_bytes).collect(), ..Outcome::default() })
            }
            Command::QueryCounters => {
                let output = self.host.counters().values().into_iter().flat_map(u64::to_be_bytes).collect();
                Ok(Outcome { output, ..Outcome::default() })
            }
            Command::Init => {
                self.firmware.ready = true;
                Ok(Outcome::default())
            }
            Command::Teardown => {
                self.tear_down();
                Ok(Outcome::default())
            }
            Command::SetAddress(address) => self.set_address(&address),
            Command::AllocPd => self.pds.insert(0).map(number).ok_or(NO_RESOURCES),
            Command::DeallocPd(pd) => self.dealloc_pd(pd),
            Command::CreateMkey(context, pages) => self.create_mkey(&context, pages),
            Command::QueryMkey(key) => self.query_mkey(key),
            Command::DestroyMkey(key) => self.destroy_mkey(key),
            Command::CreateEq(context) => self.create_eq(context),
            Command::DestroyEq(eqn) => self.destroy_eq(eqn),
            Command::QueryEq(eqn) => self.query_eq(eqn),
            Command::CreateCq(context) => self.create_cq(context),
            Command::DestroyCq(cqn) => self.destroy_cq(cqn),
            Command::QueryCq(cqn) => self.query_cq(cqn),
            Command::ResizeCq(cqn, context) => self.resize_cq(cqn, &context),
            Command::ModerateCq { cqn, interval_us, count } => {
                let cq = self.host.cqs.get_mut(cqn).ok_or(NO_SUCH_OBJECT)?;
                cq.moderate(interval_us, count);
                Ok(Outcome::default())
            }
            Command::CreateSrq(context) => self.create_srq(cx, context),
            Command::DestroySrq(srqn) => self.destroy_srq(srqn),
            Command::QuerySrq(srqn) => self.query_srq(srqn),
            Command::SetSrqLimit { srqn, limit } => self.set_srq_limit(cx, srqn, limit),
            Command::ResizeSrq(srqn, context) => self.resize_srq(srqn, &context),
            Command::CreateQp(context) => self.create_qp(context),
            Command::DestroyQp(qpn) => self.destroy_qp(qpn),
            Command::ModifyQp(qpn, attributes) => self.modify_qp(cx, qpn, &attributes),
            Command::QueryQp(qpn) => self.query_qp(qpn),
        }
    }

    fn set_address(&mut self, address: &SourceAddress) -> Result {
        let port = self.ports.get_mut(usize::from(address.port)).ok_or(bad(0x10))?;
        *port.addresses.get_mut(usize::from(address.index)).ok_or(exceeds(0x11))? = address.gid;
        Ok(Outcome::default())
    }

    fn dealloc_pd(&mut self, pd: u32) -> Result {
        match *self.pds.get(pd).ok_or(NO_SUCH_OBJECT)? {
            0 => {
                self.pds.remove(pd);
                Ok(Outcome::default())
            }
            users => Err(busy(users)),
        }
    }

    /// There is such a UAR page.
    pub(super) fn check_uar(&self, page: u32, offset: usize) -> Result<()> {
        if u64::from(page) < self.config.limits.uar_pages { Ok(()) } else { Err(exceeds(offset)) }
    }

    /// Counts a user of a protection domain that the field at `offset` names.
    pub(super) fn use_pd(&mut self, pd: u32, offset: usize) -> Result<()> {
        *self.pds.get_mut(pd).ok_or(no_such(offset))? += 1;
        Ok(())
    }

    /// A user of a protection domain is gone.
    pub(super) fn leave_pd(&mut self, pd: u32) {
        if let Some(users) = self.pds.get_mut(pd) {
            *users -= 1;
        }
    }
}

/// The feature that a command is a part of.
fn feature_of(command: &Command) -> Features {
    match command {
        Command::CreateSrq(_) => Features::SRQ,
        Command::ResizeCq(..) => Features::RESIZE_CQ,
        Command::CreateQp(context) if context.qp_type == QpType::UC => Features::UC,
        Command::CreateMkey(context, _) => match context.kind {
            KeyKind::FAST_REGISTER => Features::FAST_REGISTER,
            KeyKind::WINDOW_1 | KeyKind::WINDOW_2 => Features::MEMORY_WINDOWS,
            _ => Features::empty(),
        },
        _ => Features::empty(),
    }
}

/// Bytes that a command writes to its output mailbox.
fn output_bytes(command: &Command) -> usize {
    use crate::regs::cmd::{CqContext, EqContext, MkeyContext, QpStatus, SrqContext};
    match command {
        Command::QueryDevice => LIMIT_REGISTERS.len() * size_of::<u64>(),
        Command::QueryCounters => Counters::BYTES,
        Command::QueryMkey(_) => MkeyContext::BYTES,
        Command::QueryEq(_) => EqContext::BYTES,
        Command::QueryCq(_) => CqContext::BYTES,
        Command::QuerySrq(_) => SrqContext::BYTES,
        Command::QueryQp(_) => QpStatus::BYTES,
        _ => 0,
    }
}
