//! The firmware: fetches commands, runs one at a time, answers.
//!
//! Reading order: this module (the server), [`execute`] (which command does what), [`objects`] (event, completion and shared
//! receive queues, keys), [`qp`] (queue pairs).
//!
//! A queued command takes effect when the firmware has finished it. A polled one takes effect at once, in the register read
//! that waits for it; its time, and that of commands before it, is the processor's stall.

mod execute;
mod objects;
mod qp;

use crate::alarm::Alarm;
use crate::cq::ControlBytes;
use crate::dma::{Cx, Purpose, Read, piece};
use crate::fault::CommandDefect;
use crate::nic::Nic;
use crate::port::{DmaError, Output, control};
use crate::regs::bar::{COMMAND_SLOTS, Health, POLL_NOTHING};
use crate::regs::cmd::{Command, CommandError, CommandStatus, QpState, REPLY_AT, Reply, SLOT_BYTES, Slot};
use crate::regs::eqe::EventType;
use bytes::Bytes;
use des::{Dur, Time};
use std::collections::{BTreeMap, VecDeque};
use wire::Payload;

/// The firmware of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Firmware {
    /// Bus address of the command queue; zero: none.
    pub(crate) base: u64,
    /// The slot to be polled.
    pub(crate) chosen: Option<u64>,
    /// Slots that were rung and not begun.
    waiting: VecDeque<u8>,
    /// The queued command that is being run.
    current: Option<Job>,
    /// The polled command that is being run.
    polled: Option<Job>,
    /// It works until then.
    busy_until: Time,
    /// INIT has run.
    ready: bool,
    /// What is wrong with the next command of a slot.
    pub(crate) struck: BTreeMap<u8, CommandDefect>,
    /// It will never end a command again.
    stuck: bool,
}

impl Firmware {
    /// TEARDOWN runs. If it is polled, a queued command that was being run loses its reads and alarm, and begins anew.
    fn forget_objects(&mut self) {
        self.ready = false;
        if self.polled.is_some()
            && let Some(job) = self.current.take()
        {
            self.waiting.push_front(job.index);
        }
    }
}

/// A command being run.
#[derive(Clone, Debug)]
struct Job {
    index: u8,
    slot: Slot,
    input: Bytes,
    /// When what was needed was there (polled: as if it had taken its time).
    fetched: Time,
    /// When it is finished.
    done: Option<Time>,
    /// A defect says how it ends.
    refused: Option<CommandStatus>,
}

/// What a command yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) result: u32,
    pub(crate) result_2: u32,
    /// For the output mailbox.
    pub(crate) output: Vec<u8>,
}

impl Nic {
    /// The driver has filled slots.
    pub(crate) fn command_doorbell(&mut self, cx: &mut Cx<'_>, slots: u32) {
        let firmware = &mut self.firmware;
        for index in (0..COMMAND_SLOTS as u8).filter(|index| slots >> index & 1 != 0) {
            let running = firmware.current.as_ref().is_some_and(|job| job.index == index);
            if !running && !firmware.waiting.contains(&index) {
                firmware.waiting.push_back(index);
            }
        }
        self.next_command(cx);
    }

    /// Begins the next queued command, if none is being run.
    fn next_command(&mut self, cx: &mut Cx<'_>) {
        if self.firmware.current.is_some() || self.firmware.base == 0 {
            return;
        }
        let Some(index) = self.firmware.waiting.pop_front() else { return };
        self.firmware.current = Some(Job::new(index, cx.now));
        self.fetch_slot(cx, index, Purpose::CommandSlot);
    }

    /// The driver waits for the slot that it has chosen.
    pub(crate) fn poll_result(&mut self, cx: &mut Cx<'_>) {
        let slot = self.firmware.chosen.take().and_then(|slot| u8::try_from(slot).ok());
        let slot = slot.filter(|slot| usize::from(*slot) < COMMAND_SLOTS);
        match slot.filter(|_| self.firmware.base != 0 && self.firmware.polled.is_none()) {
            Some(index) => {
                self.firmware.polled = Some(Job::new(index, cx.now));
                self.fetch_slot(cx, index, Purpose::PolledSlot);
            }
            None => self.answer(cx, POLL_NOTHING),
        }
    }

    fn fetch_slot(&mut self, cx: &mut Cx<'_>, index: u8, purpose: Purpose) {
        let address = self.firmware.base + u64::from(index) * SLOT_BYTES as u64;
        let at = self.host.read(cx, Read::control(cx.now, purpose, piece(address, SLOT_BYTES as u32)));
        self.note_fetched(purpose, at);
    }

    /// A polled command's reads are answered at once, but their time counts.
    fn note_fetched(&mut self, purpose: Purpose, at: Time) {
        if matches!(purpose, Purpose::PolledSlot | Purpose::PolledInput)
            && let Some(job) = self.firmware.polled.as_mut()
        {
            job.fetched = job.fetched.max(at);
        }
    }

    const fn job(&mut self, polled: bool) -> &mut Option<Job> {
        if polled { &mut self.firmware.polled } else { &mut self.firmware.current }
    }

    /// A slot has been read.
    pub(crate) fn command_slot(&mut self, cx: &mut Cx<'_>, data: Result<Payload, DmaError>, polled: bool) {
        let max = self.config.limits.max_mailbox_bytes;
        let Some(job) = self.job(polled) else { return };
        job.fetched = job.fetched.max(cx.now);
        let Some(slot) = data.ok().and_then(|data| Slot::read(data.bytes())) else {
            return self.abandon(cx, polled);
        };
        job.slot = slot;
        let bytes = slot.input_bytes;
        if bytes == 0 || u64::from(bytes) > max || slot.input_address.checked_add(bytes.into()).is_none() {
            return self.begin_command(cx, polled);
        }
        let (purpose, at) = (if polled { Purpose::PolledInput } else { Purpose::CommandInput }, job.fetched);
        let at = self.host.read(cx, Read::control(at, purpose, piece(slot.input_address, bytes)));
        self.note_fetched(purpose, at);
    }

    /// An input mailbox has been read.
    pub(crate) fn command_input(&mut self, cx: &mut Cx<'_>, data: Result<Payload, DmaError>, polled: bool) {
        let Some(job) = self.job(polled) else { return };
        job.fetched = job.fetched.max(cx.now);
        match data {
            Ok(Payload::Bytes(input)) => {
                job.input = input;
                self.begin_command(cx, polled);
            }
            _ => self.end_command(cx, polled, Err(CommandError::new(CommandStatus::INTERNAL_ERROR, 0))),
        }
    }

    /// All input is there: the firmware works for its time. A polled command has its effect now.
    fn begin_command(&mut self, cx: &mut Cx<'_>, polled: bool) {
        let Some(job) = self.job(polled) else { return };
        let (slot, input, fetched, index) = (job.slot, job.input.clone(), job.fetched, job.index);
        let mut time = Command::decode(&slot, &input).map_or(Dur::ZERO, |command| {
            let state = self.qp_state(slot.operand);
            self.timing.firmware(&command, state)
        });
        match self.firmware.struck.remove(&index) {
            Some(CommandDefect::Slow(length)) => time += length,
            Some(CommandDefect::Stuck) => self.firmware.stuck = true,
            Some(CommandDefect::Refused(status)) => {
                if let Some(job) = self.job(polled) {
                    job.refused = Some(status);
                }
            }
            None => {}
        }
        // The job stays, and so does everything behind it.
        if self.firmware.stuck {
            return;
        }
        let done = fetched.max(self.firmware.busy_until) + time;
        self.firmware.busy_until = done;
        if let Some(job) = self.job(polled) {
            job.done = Some(done);
        }
        if polled {
            let outcome = self.outcome(cx, &slot, &input, true);
            self.end_command(cx, true, outcome);
        } else {
            self.host.alarms.set(done, Alarm::Firmware);
        }
    }

    /// The firmware may have finished the queued command.
    pub(crate) fn firmware_alarm(&mut self, cx: &mut Cx<'_>) {
        let due = |job: &&Job| job.done.is_some_and(|done| done <= cx.now);
        let Some(job) = self.firmware.current.as_ref().filter(due) else { return };
        let (slot, input) = (job.slot, job.input.clone());
        let outcome = self.outcome(cx, &slot, &input, false);
        self.end_command(cx, false, outcome);
    }

    /// Runs a command, unless a defect refuses it.
    fn outcome(&mut self, cx: &mut Cx<'_>, slot: &Slot, input: &Bytes, polled: bool) -> Result<Outcome, CommandError> {
        match self.job(polled).as_ref().and_then(|job| job.refused) {
            Some(status) => Err(CommandError::new(status, 0)),
            None => self.run(cx, slot, input),
        }
    }

    fn qp_state(&self, qpn: u32) -> QpState {
        self.qps.get(qpn).map_or(QpState::RESET, |qp| qp::encode_state(qp.state))
    }

    /// Writes output and reply, and tells the driver.
    fn end_command(&mut self, cx: &mut Cx<'_>, polled: bool, outcome: Result<Outcome, CommandError>) {
        let Some(job) = self.job(polled).take() else { return };
        self.host.counters.commands += 1;
        let address = self.firmware.base + u64::from(job.index) * SLOT_BYTES as u64 + REPLY_AT as u64;
        let (outcome, status, detail) = match outcome {
            Ok(outcome) => (outcome, CommandStatus::OK, 0),
            Err(error) => (Outcome::default(), error.status, error.detail),
        };
        let Outcome { result, result_2, output } = outcome;
        let reply = control(Reply { result, result_2, detail, status, owner: 0 }.encode().to_vec());
        let reply_at = piece(address, Reply::BYTES as u32);
        let mailbox = piece(job.slot.output_address, output.len() as u32);
        if polled {
            // Time stands still for the processor that waits, so these writes are not priced on the link.
            if !output.is_empty() {
                cx.say(cx.now, Output::DmaWrite { segments: mailbox, data: control(output) });
            }
            cx.say(cx.now, Output::DmaWrite { segments: reply_at, data: reply });
            let done = job.done.unwrap_or(job.fetched).max(cx.now) + self.host.dma.register_read();
            cx.say(done, Output::MmioReadDone { value: status.0.into() });
            return self.next_command(cx);
        }
        if !output.is_empty() {
            self.host.write(cx, cx.now, mailbox, control(output));
        }
        let visible = self.host.write(cx, cx.now, reply_at, reply);
        self.host.event(cx, visible, EventType::COMMAND_DONE, job.index.into(), job.slot.token);
        self.next_command(cx);
    }

    /// A slot could not be read: nobody can be answered, and the device is no longer healthy.
    fn abandon(&mut self, cx: &mut Cx<'_>, polled: bool) {
        self.job(polled).take();
        self.host.counters.dma_errors += 1;
        self.host.health = Health::DMA_FAILED;
        self.host.event(cx, cx.now, EventType::INTERNAL_ERROR, 0, Health::DMA_FAILED.0 as u32);
        if polled {
            self.answer(cx, CommandStatus::INTERNAL_ERROR.0.into());
        } else {
            self.next_command(cx);
        }
    }
}

impl Job {
    fn new(index: u8, now: Time) -> Self {
        Self { index, slot: Slot::default(), input: Bytes::new(), fetched: now, done: None, refused: None }
    }
}
