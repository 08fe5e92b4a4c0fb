//! The NIC and the memory of a node, and the bus between them.

use super::remapping::{MappingCost, dma_error};
use super::strike::{Blow, Happening, Striker};
use crate::spec::fault::machine::Dma;
use des::{Dur, Phase, Time};
use host::iommu::{Iommu, Range};
use host::{HostBus, HostMemory};
use nic_model::Nic;
use nic_model::port::{DmaError, DmaKind, DmaTag, Input, Outbox, Output, Segments};
use slab::Slab;
use smallvec::SmallVec;
use std::collections::VecDeque;
use wire::{Frame, Payload};

/// What hardware wants to happen later, at this node or beyond its port.
#[derive(Debug)]
pub(crate) enum Later {
    /// A posted register write reaches the NIC.
    Mmio,
    /// A DMA read comes back.
    DmaDone(u32),
    /// The NIC's own moment.
    NicWake,
    /// An interrupt reaches the processor.
    Interrupt(u16),
}

/// A frame that starts on a port's cable, or a pause that goes the same way.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Serialisation begins at the moment.
    Frame { at: Time, port: u8, frame: Box<Frame> },
    /// The peer is to be silent.
    Pause { at: Time, port: u8, classes: u8, length: Dur },
}

#[derive(Debug)]
struct DmaRead {
    tag: DmaTag,
    segments: Segments,
    kind: DmaKind,
    /// A plan makes it fail.
    error: Option<DmaError>,
}

#[derive(Debug)]
struct PostedMmio {
    at: Time,
    offset: u64,
    data: SmallVec<[u8; 8]>,
}

/// How the host side of the bus behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BusConfig {
    /// From the processor's store to the NIC.
    pub mmio_write: Dur,
    /// Message data is only counted, not moved.
    pub elide_payload: bool,
    /// There is an IOMMU that translates, and this is what it costs the driver.
    pub mapping: Option<MappingCost>,
    /// Whoever runs the node asks the NIC itself when it wants to be woken; else it is a thing that happens later.
    pub asks_wakes: bool,
}

/// The NIC, the memory, and all that is under way between them.
#[derive(Debug)]
pub(crate) struct Hardware {
    pub nic: Nic,
    pub memory: HostMemory,
    config: BusConfig,
    /// Start of the present step, and what its processor has spent in it.
    now: Time,
    spent: Dur,
    posted: VecDeque<PostedMmio>,
    reads: Slab<DmaRead>,
    wake: Option<Time>,
    outbox: Outbox,
    pub later: Vec<(Time, Phase, Later)>,
    pub outgoing: Vec<Outgoing>,
    /// What a plan does to this machine.
    pub striker: Striker,
    /// Writes that failed, with the moment at which the adapter may learn of it.
    failed_writes: VecDeque<(Time, DmaError)>,
    /// Where the driver has put its commands.
    pub(super) command_base: u64,
    /// The adapter has been pulled out: nobody answers.
    pub(super) gone: bool,
}

impl Hardware {
    pub(crate) fn new(nic: Nic, config: BusConfig) -> Self {
        Self {
            nic,
            memory: if config.mapping.is_some() { HostMemory::behind_iommu() } else { HostMemory::new() },
            config,
            now: Time::ZERO,
            spent: Dur::ZERO,
            posted: VecDeque::new(),
            reads: Slab::new(),
            wake: None,
            outbox: Outbox::new(),
            later: Vec::new(),
            outgoing: Vec::new(),
            striker: Striker::default(),
            failed_writes: VecDeque::new(),
            command_base: 0,
            gone: false,
        }
    }

    /// See [`Nic::touch`].
    pub(crate) fn touch(&self) -> u64 {
        let lists = [self.outbox.capacity(), self.later.len(), self.outgoing.capacity(), self.posted.len()];
        let lists = lists.iter().fold(self.failed_writes.len(), |sum, length| sum ^ length);
        let ways = self.config.asks_wakes ^ self.config.mapping.is_some() ^ self.gone;
        self.nic.touch() ^ self.now.as_ps() ^ self.spent.as_ps() ^ lists as u64 ^ u64::from(ways)
    }

    /// Begins a step at `now`.
    pub(crate) fn begin(&mut self, now: Time) {
        self.now = now;
        self.spent = Dur::ZERO;
        self.settle(now);
    }

    /// Tells the NIC something at `now` and takes its outputs; returns whether there were any.
    #[inline(never)]
    pub(crate) fn tell(&mut self, now: Time, input: Input) -> bool {
        self.tell_here(now, input)
    }

    /// As [`tell`](Self::tell), compiled into those who say the same for each packet.
    #[inline(always)]
    pub(crate) fn tell_here(&mut self, now: Time, input: Input) -> bool {
        if self.gone {
            return false;
        }
        self.follow_mappings(now);
        self.nic.handle(now, input, &mut self.outbox);
        let spoke = !self.outbox.is_empty();
        // Mostly it is one output: taken off the end, it costs less than a drained vector.
        self.outbox.reverse();
        while let Some((delay, output)) = self.outbox.pop() {
            if let Output::Tx { port, frame } = output {
                self.outgoing.push(Outgoing::Frame { at: now + delay, port, frame });
            } else {
                self.take(now, now + delay, output);
            }
        }
        self.rearm();
        spoke
    }

    /// Wakes the NIC if it still wants to be woken now; returns whether anything came of it. A timer that was overtaken
    /// by what happened since rings for nothing.
    pub(crate) fn wake(&mut self, now: Time) -> bool {
        if self.wake != Some(now) {
            return false;
        }
        self.wake = None;
        let due = self.nic.next_wakeup().is_some_and(|at| at <= now);
        if due {
            return self.tell(now, Input::Wake);
        }
        self.rearm();
        false
    }

    /// Whether a posted write is still on its way; a register read may have pushed it to the NIC before.
    pub(crate) fn mmio_is_due(&self, now: Time) -> bool {
        self.posted.front().is_some_and(|write| write.at <= now)
    }

    /// Nothing is left to arrive of the writes that a register read has pushed to the NIC: it need not be remembered.
    pub(crate) fn forget_pushed(&mut self) {
        if self.posted.is_empty() {
            self.later.retain(|(.., later)| !matches!(later, Later::Mmio));
        }
    }

    /// Posted writes reach the NIC.
    pub(crate) fn mmio_arrived(&mut self, now: Time) {
        while self.posted.front().is_some_and(|write| write.at <= now) {
            if let Some(write) = self.posted.pop_front() {
                self.deliver(now, write.offset, &write.data);
            }
        }
    }

    /// A DMA read comes back: memory is read at this moment.
    pub(crate) fn dma_done(&mut self, now: Time, slot: u32) {
        let read = self.reads.remove(slot as usize);
        self.settle(now);
        let data = self.gather(&read);
        self.tell(now, Input::DmaReadDone { tag: read.tag, data });
    }

    /// The driver has waited for what it has had mapped and unmapped, and the adapter hears of it: before all that either does
    /// next.
    #[inline]
    fn follow_mappings(&mut self, now: Time) {
        if self.config.mapping.is_some() {
            self.remap(now);
        }
    }

    fn remap(&mut self, now: Time) {
        let Some(done) = self.memory.take_remapping() else { return };
        self.spent += self.config.mapping.map_or(Dur::ZERO, |cost| cost.of(&done));
        for Range { address, pages } in done.unmapped {
            self.tell(now, Input::Invalidate { address, pages });
        }
    }

    /// Ends the processor's part of a step.
    pub(super) fn end(&mut self) {
        self.follow_mappings(self.now);
    }

    /// Pages of memory that are allocated, and ranges that the IOMMU has mapped.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.memory.allocated_pages(), self.memory.iommu().map_or(0, Iommu::mapped_ranges))
    }

    /// Whether the adapter has been pulled out.
    pub(crate) const fn is_gone(&self) -> bool {
        self.gone
    }

    /// How much longer a callback takes that begins at `now`.
    pub(crate) fn callback_delay(&mut self, now: Time) -> Dur {
        match self.striker.judge(now, Happening::Callback) {
            Some(Blow::Late(delay)) => delay,
            _ => Dur::ZERO,
        }
    }

    /// DMA reads and posted writes that have not ended.
    pub(crate) fn under_way(&self) -> usize {
        self.reads.len() + self.posted.len()
    }

    fn take(&mut self, now: Time, at: Time, output: Output) {
        match output {
            Output::DmaRead { tag, segments, kind } => {
                let error = self.read_error(now, tag, &segments);
                let slot = self.reads.insert(DmaRead { tag, segments, kind, error });
                self.later.push((at, Phase::Device, Later::DmaDone(slot as u32)));
            }
            Output::DmaWrite { segments, data } => match self.dma_error(now, Dma::Write, &segments) {
                Some(error) => self.failed_writes.push_back((at, error)),
                None => self.post_write(at, &segments, data),
            },
            Output::Msix { vector } => {
                if let Some(at) = self.interrupt_at(now, at, vector) {
                    self.later.push((at, Phase::Host, Later::Interrupt(vector)));
                }
            }
            Output::Tx { port, frame } => self.outgoing.push(Outgoing::Frame { at, port, frame }),
            Output::Pause { port, classes, length } => {
                self.outgoing.push(Outgoing::Pause { at, port, classes, length });
            }
            // Nobody waits for it: the read was given up.
            Output::MmioReadDone { .. } => debug_assert!(at >= now),
        }
    }

    /// The NIC's own moment, [`Time::MAX`] if it has none. For those who ask.
    #[inline]
    pub(crate) fn next_wake(&self) -> Time {
        self.nic.next_wakeup().filter(|_| !self.gone).unwrap_or(Time::MAX)
    }

    fn rearm(&mut self) {
        if self.config.asks_wakes {
            return;
        }
        if let Some(at) = self.nic.next_wakeup()
            && self.wake.is_none_or(|armed| at < armed)
        {
            self.wake = Some(at);
            self.later.push((at, Phase::Device, Later::NicWake));
        }
    }

    fn gather(&mut self, read: &DmaRead) -> Result<Payload, DmaError> {
        if let Some(error) = read.error {
            return Err(error);
        }
        let length: usize = read.segments.iter().map(|segment| segment.length_bytes as usize).sum();
        if self.config.elide_payload && read.kind == DmaKind::Message {
            return Ok(Payload::Elided(length as u32));
        }
        let mut bytes = Vec::with_capacity(length);
        for segment in &read.segments {
            self.memory.device_read(segment.address, segment.length_bytes as usize, &mut bytes).map_err(dma_error)?;
        }
        Ok(Payload::Bytes(bytes.into()))
    }

    fn post_write(&mut self, at: Time, segments: &Segments, data: Payload) {
        let Payload::Bytes(data) = data else { return };
        let mut done = 0;
        for segment in segments {
            let end = (done + segment.length_bytes as usize).min(data.len());
            self.memory.post_write(at, segment.address, data.slice(done..end));
            done = end;
        }
    }

    #[inline]
    fn settle(&mut self, now: Time) {
        if !self.failed_writes.is_empty() || self.memory.has_posted() {
            self.settle_writes(now);
        }
    }

    #[inline(never)]
    fn settle_writes(&mut self, now: Time) {
        if let Err(error) = self.memory.settle(now) {
            self.tell(now, Input::DmaWriteFailed(dma_error(error)));
        }
        while let Some(&(_, error)) = self.failed_writes.front().filter(|(at, _)| *at <= now) {
            self.failed_writes.pop_front();
            self.tell(now, Input::DmaWriteFailed(error));
        }
    }

    /// A control read that the NIC makes while a processor waits for it is answered at once: its time is a part of the
    /// stall that the NIC reports.
    fn answer_now(&mut self, now: Time, tag: DmaTag, segments: Segments, kind: DmaKind) {
        let error = self.read_error(now, tag, &segments);
        let data = self.gather(&DmaRead { tag, segments, kind, error });
        self.nic.handle(now, Input::DmaReadDone { tag, data }, &mut self.outbox);
    }
}

impl HostBus for Hardware {
    fn now(&self) -> Time {
        self.now + self.spent
    }

    fn memory(&mut self) -> &mut HostMemory {
        &mut self.memory
    }

    fn mmio_write(&mut self, offset: u64, data: &[u8]) {
        self.follow_mappings(self.now);
        // Posted writes keep their order even when two processors are a little apart.
        let soonest = self.posted.back().map_or(Time::ZERO, |last| last.at);
        let at = (HostBus::now(self) + self.config.mmio_write).max(soonest);
        self.posted.push_back(PostedMmio { at, offset, data: SmallVec::from_slice(data) });
        self.later.push((at, Phase::Device, Later::Mmio));
    }

    fn mmio_read(&mut self, offset: u64) -> u64 {
        let now = self.now;
        self.follow_mappings(now);
        while let Some(write) = self.posted.pop_front() {
            self.deliver(now, write.offset, &write.data);
        }
        if self.gone {
            return u64::MAX;
        }
        self.nic.handle(now, Input::MmioRead { offset }, &mut self.outbox);
        let mut answer = None;
        while !self.outbox.is_empty() {
            for (delay, output) in std::mem::take(&mut self.outbox) {
                match output {
                    Output::MmioReadDone { value } => answer = Some((delay, value)),
                    Output::DmaRead { tag, segments, kind: DmaKind::Control } => {
                        self.answer_now(now, tag, segments, DmaKind::Control);
                    }
                    other => self.take(now, now + delay, other),
                }
            }
        }
        self.rearm();
        // Ordering on the bus: the read's completion pushes every write of the NIC before it.
        self.settle(Time::MAX);
        // A read that nobody answers ends in the root complex with all ones.
        let (stall, value) = answer.unwrap_or((Dur::ZERO, u64::MAX));
        self.spent += stall;
        value
    }

    fn has_memory(&mut self) -> bool {
        let now = self.now;
        self.striker.judge(now, Happening::Allocation).is_none()
    }

    fn spend(&mut self, length: Dur) {
        self.spent += length;
    }
}
