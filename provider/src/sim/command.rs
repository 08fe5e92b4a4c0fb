//! The command queue: slots, doorbell and poll register, and what a status means.

use super::ring::{DmaBuffer, load, store};
use crate::ndk::Status;
use des::{Dur, Time};
use host::iommu::Rights;
use host::{HostBus, PAGE_SIZE};
use nic_model::regs::bar;
use nic_model::regs::cmd::{Command, CommandError, CommandStatus, REPLY_AT, Reply, SLOT_BYTES, Slot};
use std::collections::VecDeque;

/// What a command came to.
pub(super) type Answer = Result<Reply, CommandError>;

/// The slot that polled commands use; the others are for queued ones.
const POLL_SLOT: usize = bar::COMMAND_SLOTS - 1;

/// A queued command in its slot.
#[derive(Clone, Debug)]
struct Running {
    token: u32,
    /// For an input longer than the slot's own mailbox.
    long_mailbox: Option<DmaBuffer>,
    deadline: Time,
}

/// A queued command that should have run by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) slot: u32,
    pub(super) token: u32,
    /// It has run; its event was lost.
    pub(super) has_run: bool,
}

/// The device broke the protocol of the command queue, or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The command queue.
#[derive(Clone, Debug)]
pub(super) struct CommandQueue {
    /// The slots in the first page, then a page for every slot's mailbox.
    memory: DmaBuffer,
    timeout: Dur,
    running: [Option<Running>; POLL_SLOT],
    /// Queued commands for which there was no slot yet.
    waiting: VecDeque<(u32, Command)>,
}

impl CommandQueue {
    /// Allocates the slots and tells the device where they are.
    pub(super) fn install(host: &mut dyn HostBus, timeout: Dur) -> Self {
        let memory =
            DmaBuffer::allocate(host.memory(), (1 + bar::COMMAND_SLOTS) * PAGE_SIZE as usize, Rights::ReadWrite);
        host.mmio_write(bar::COMMAND_BASE, &memory.bus_address.to_le_bytes());
        Self { memory, timeout, running: [const { None }; POLL_SLOT], waiting: VecDeque::new() }
    }

    /// What the device's register says as long as it knows the queue.
    pub(super) const fn base(&self) -> u64 {
        self.memory.bus_address
    }

    /// Runs a command while the processor waits.
    pub(super) fn poll(&mut self, host: &mut dyn HostBus, command: &Command) -> Result<Answer, Broken> {
        let long_mailbox = self.fill(host, POLL_SLOT, 0, command);
        host.mmio_write(bar::COMMAND_POLL, &(POLL_SLOT as u64).to_le_bytes());
        let polled = host.mmio_read(bar::COMMAND_POLL_RESULT);
        free(host, long_mailbox);
        if polled & bar::POLL_NOTHING != 0 {
            return Err(Broken);
        }
        self.reply(host, POLL_SLOT)
    }

    /// Starts a command; [`completed`](Self::completed) tells when it has run.
    pub(super) fn queue(&mut self, host: &mut dyn HostBus, token: u32, command: Command) {
        match self.running.iter().position(Option::is_none) {
            Some(slot) => self.start(host, slot, token, &command),
            None => self.waiting.push_back((token, command)),
        }
    }

    /// The event of a slot: its token and answer. Starts a command that waited for a slot.
    pub(super) fn completed(&mut self, host: &mut dyn HostBus, slot: u32, token: u32) -> Result<(u32, Answer), Broken> {
        let slot = slot as usize;
        let running = self.running.get(slot).and_then(Option::as_ref);
        if running.is_none_or(|running| running.token != token) {
            return Err(Broken);
        }
        // Without an answer it stays, to be abandoned with the others.
        let answer = self.reply(host, slot)?;
        if let Some(running) = self.running[slot].take() {
            free(host, running.long_mailbox);
        }
        if let Some((token, command)) = self.waiting.pop_front() {
            self.start(host, slot, token, &command);
        }
        Ok((token, answer))
    }

    /// When the slowest command must have run.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.running.iter().flatten().map(|running| running.deadline).min()
    }

    /// A command that is late.
    pub(super) fn late(&self, host: &mut dyn HostBus, now: Time) -> Option<Late> {
        let mut running = self.running.iter().enumerate().filter_map(|(slot, running)| Some((slot, running.as_ref()?)));
        let (slot, running) = running.find(|(_, running)| running.deadline <= now)?;
        let has_run = self.reply(host, slot).is_ok();
        Some(Late { slot: slot as u32, token: running.token, has_run })
    }

    /// Gives up on everything: tokens of all commands that will not end.
    pub(super) fn abandon(&mut self, host: &mut dyn HostBus) -> Vec<u32> {
        let mut tokens = Vec::new();
        for Running { token, long_mailbox, .. } in self.running.iter_mut().filter_map(Option::take) {
            free(host, long_mailbox);
            tokens.push(token);
        }
        tokens.extend(self.waiting.drain(..).map(|(token, _)| token));
        tokens
    }

    /// Frees the slots; the device has been reset.
    pub(super) fn free(mut self, host: &mut dyn HostBus) {
        self.abandon(host);
        self.memory.free(host.memory());
    }

    fn start(&mut self, host: &mut dyn HostBus, slot: usize, token: u32, command: &Command) {
        let long_mailbox = self.fill(host, slot, token, command);
        self.running[slot] = Some(Running { token, long_mailbox, deadline: host.now() + self.timeout });
        host.mmio_write(bar::COMMAND_DOORBELL, &(1_u64 << slot).to_le_bytes());
    }

    /// Writes slot and mailbox. Returns the mailbox if it is not the slot's own.
    fn fill(&self, host: &mut dyn HostBus, slot: usize, token: u32, command: &Command) -> Option<DmaBuffer> {
        let encoded = command.encode();
        let input = encoded.input.as_slice();
        let long = input.len() > PAGE_SIZE as usize;
        let long_mailbox = long.then(|| DmaBuffer::allocate(host.memory(), input.len(), Rights::Read));
        let own_mailbox = |base| base + (1 + slot as u64) * PAGE_SIZE;
        let (address, input_address) = match &long_mailbox {
            Some(mailbox) => (mailbox.address, mailbox.bus_address),
            None => (own_mailbox(self.memory.address), own_mailbox(self.memory.bus_address)),
        };
        store(host.memory(), address, input);
        let content = Slot {
            code: encoded.code,
            token,
            input_address,
            input_bytes: input.len() as u32,
            operand: encoded.operand,
            operand_2: encoded.operand_2,
            owner: 1,
            ..Slot::default()
        };
        store(host.memory(), self.slot_address(slot), &content.encode());
        long_mailbox
    }

    fn reply(&self, host: &mut dyn HostBus, slot: usize) -> Result<Answer, Broken> {
        let reply = Reply::decode(&load(host.memory(), self.slot_address(slot) + REPLY_AT as u64));
        match reply.status {
            _ if reply.owner != 0 => Err(Broken),
            CommandStatus::OK => Ok(Ok(reply)),
            status => Ok(Err(CommandError::new(status, reply.detail))),
        }
    }

    const fn slot_address(&self, slot: usize) -> u64 {
        self.memory.address + (slot * SLOT_BYTES) as u64
    }
}

fn free(host: &mut dyn HostBus, mailbox: Option<DmaBuffer>) {
    if let Some(mailbox) = mailbox {
        mailbox.free(host.memory());
    }
}

const _: () = assert!(bar::COMMAND_SLOTS * SLOT_BYTES <= PAGE_SIZE as usize, "the slots fit into a page");

/// The status that a consumer sees.
pub(super) fn status_of(error: CommandError) -> Status {
    match error.status {
        CommandStatus::BAD_OPCODE => Status::NOT_SUPPORTED,
        CommandStatus::BAD_PARAMETER | CommandStatus::BAD_RESOURCE | CommandStatus::EXCEEDS_LIMIT => {
            Status::INVALID_PARAMETER
        }
        CommandStatus::BAD_SYSTEM_STATE => Status::ADAPTER_NOT_READY,
        CommandStatus::RESOURCE_BUSY => Status::DEVICE_BUSY,
        CommandStatus::BAD_STATE => Status::INVALID_DEVICE_STATE,
        CommandStatus::NO_RESOURCES => Status::INSUFFICIENT_RESOURCES,
        CommandStatus::TOO_SMALL => Status::BUFFER_OVERFLOW,
        _ => Status::INTERNAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_ntstatus() {
        let table = [
            (CommandStatus::INTERNAL_ERROR, Status::INTERNAL_ERROR),
            (CommandStatus::BAD_OPCODE, Status::NOT_SUPPORTED),
            (CommandStatus::BAD_PARAMETER, Status::INVALID_PARAMETER),
            (CommandStatus::BAD_SYSTEM_STATE, Status::ADAPTER_NOT_READY),
            (CommandStatus::BAD_RESOURCE, Status::INVALID_PARAMETER),
            (CommandStatus::RESOURCE_BUSY, Status::DEVICE_BUSY),
            (CommandStatus::EXCEEDS_LIMIT, Status::INVALID_PARAMETER),
            (CommandStatus::BAD_STATE, Status::INVALID_DEVICE_STATE),
            (CommandStatus::NO_RESOURCES, Status::INSUFFICIENT_RESOURCES),
            (CommandStatus::TOO_SMALL, Status::BUFFER_OVERFLOW),
            (CommandStatus::BAD_INPUT_LENGTH, Status::INTERNAL_ERROR),
            (CommandStatus::BAD_OUTPUT_LENGTH, Status::INTERNAL_ERROR),
            (CommandStatus(0xee), Status::INTERNAL_ERROR),
        ];
        for (status, expected) in table {
            assert_eq!(status_of(CommandError::new(status, 0)), expected, "{status:?}");
        }
        let known = CommandStatus::NAMED.iter().filter(|named| named.value != 0);
        assert!(known.clone().all(|named| table.iter().any(|(status, _)| u64::from(status.0) == named.value)));
    }
}
