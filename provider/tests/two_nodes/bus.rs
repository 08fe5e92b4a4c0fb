//! One node: a NIC, its host's memory, and the bus between them. An IOMMU lets the NIC reach only what its driver has mapped.

use des::{Dur, Time};
use host::iommu::Range;
use host::{HostBus, HostMemory, MemoryError};
use nic_model::Nic;
use nic_model::port::{DmaError, DmaTag, Input, Outbox, Output, Segments};
use std::collections::{BTreeMap, VecDeque};
use wire::{Frame, Payload};

/// From the processor's store to the NIC.
const MMIO_WRITE: Dur = Dur::from_ns(200);

/// What happens at a node later.
#[derive(Debug)]
pub(crate) enum Later {
    /// The first posted register write reaches the NIC.
    Mmio,
    /// A DMA read comes back.
    DmaDone(u32),
    /// The NIC's own moment.
    NicWake,
    /// An interrupt.
    Interrupt(u16),
    /// A frame leaves by the only port.
    Leaves(Box<Frame>),
}

/// A node's hardware.
#[derive(Debug)]
pub(crate) struct Bus {
    pub(crate) nic: Nic,
    pub(crate) memory: HostMemory,
    /// Nobody answers any more.
    pub(crate) unplugged: bool,
    /// DMA writes that the host refused.
    pub(crate) refused: usize,
    pub(crate) later: Vec<(Time, Later)>,
    now: Time,
    spent: Dur,
    posted: VecDeque<(Time, u64, Vec<u8>)>,
    reads: BTreeMap<u32, (DmaTag, Segments)>,
    next_read: u32,
    wake: Option<Time>,
}

impl Bus {
    pub(crate) fn new(nic: Nic) -> Self {
        Self {
            nic,
            memory: HostMemory::behind_iommu(),
            unplugged: false,
            refused: 0,
            later: Vec::new(),
            now: Time::ZERO,
            spent: Dur::ZERO,
            posted: VecDeque::new(),
            reads: BTreeMap::new(),
            next_read: 0,
            wake: None,
        }
    }

    /// Begins a step of the processor or an event at `now`.
    pub(crate) fn begin(&mut self, now: Time) {
        self.now = now;
        self.spent = Dur::ZERO;
        self.refused += usize::from(self.memory.settle(now).is_err());
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if self.unplugged {
            return;
        }
        let mut outbox = Outbox::new();
        for Range { address, pages } in self.memory.take_remapping().into_iter().flat_map(|done| done.unmapped) {
            self.nic.handle(self.now, Input::Invalidate { address, pages }, &mut outbox);
        }
        self.nic.handle(self.now, input, &mut outbox);
        for (delay, output) in outbox {
            self.take(self.now + delay, output);
        }
        self.rearm();
    }

    pub(crate) fn happen(&mut self, later: Later) {
        match later {
            Later::Mmio => {
                if let Some((_, offset, data)) = self.posted.pop_front() {
                    self.tell(Input::MmioWrite { offset, data: data.into() });
                }
            }
            Later::DmaDone(read) => {
                if let Some((tag, segments)) = self.reads.remove(&read) {
                    let data = self.gather(&segments);
                    self.tell(Input::DmaReadDone { tag, data });
                }
            }
            Later::NicWake => {
                if self.wake.is_some_and(|at| at <= self.now) {
                    self.wake = None;
                    self.tell(Input::Wake);
                }
            }
            Later::Interrupt(_) | Later::Leaves(_) => unreachable!("the world takes these"),
        }
    }

    fn take(&mut self, at: Time, output: Output) {
        match output {
            Output::DmaRead { tag, segments, .. } => {
                self.next_read += 1;
                self.reads.insert(self.next_read, (tag, segments));
                self.later.push((at, Later::DmaDone(self.next_read)));
            }
            Output::DmaWrite { segments, data } => {
                let Payload::Bytes(data) = data else { panic!("nothing is elided here") };
                let mut done = 0;
                for segment in segments {
                    let end = done + segment.length_bytes as usize;
                    self.memory.post_write(at, segment.address, data.slice(done..end));
                    done = end;
                }
            }
            Output::Msix { vector } => self.later.push((at, Later::Interrupt(vector))),
            Output::Tx { frame, .. } => self.later.push((at, Later::Leaves(frame))),
            Output::Pause { .. } | Output::MmioReadDone { .. } => {}
        }
    }

    fn rearm(&mut self) {
        if let Some(at) = self.nic.next_wakeup()
            && self.wake.is_none_or(|armed| at < armed)
        {
            self.wake = Some(at);
            self.later.push((at, Later::NicWake));
        }
    }

    fn gather(&mut self, segments: &Segments) -> Result<Payload, DmaError> {
        let mut bytes = Vec::new();
        for segment in segments {
            let read = self.memory.device_read(segment.address, segment.length_bytes as usize, &mut bytes);
            read.map_err(|error| match error {
                MemoryError::NotMemory { address, .. } => DmaError::NotMemory { address },
                MemoryError::Blocked(fault) => DmaError::Blocked { address: fault.address },
            })?;
        }
        Ok(Payload::Bytes(bytes.into()))
    }
}

impl HostBus for Bus {
    fn now(&self) -> Time {
        self.now + self.spent
    }

    fn memory(&mut self) -> &mut HostMemory {
        &mut self.memory
    }

    fn mmio_write(&mut self, offset: u64, data: &[u8]) {
        let soonest = self.posted.back().map_or(Time::ZERO, |&(at, ..)| at);
        let at = (HostBus::now(self) + MMIO_WRITE).max(soonest);
        self.posted.push_back((at, offset, data.to_vec()));
        self.later.push((at, Later::Mmio));
    }

    fn mmio_read(&mut self, offset: u64) -> u64 {
        if self.unplugged {
            return u64::MAX;
        }
        while let Some((_, offset, data)) = self.posted.pop_front() {
            self.tell(Input::MmioWrite { offset, data: data.into() });
        }
        let mut waiting = Outbox::new();
        self.nic.handle(self.now, Input::MmioRead { offset }, &mut waiting);
        let mut answer = None;
        while !waiting.is_empty() {
            for (delay, output) in std::mem::take(&mut waiting) {
                match output {
                    Output::MmioReadDone { value } => answer = Some((delay, value)),
                    // The processor waits: what the NIC must read for its answer it reads now.
                    Output::DmaRead { tag, segments, .. } => {
                        let data = self.gather(&segments);
                        self.nic.handle(self.now, Input::DmaReadDone { tag, data }, &mut waiting);
                    }
                    other => self.take(self.now + delay, other),
                }
            }
        }
        self.rearm();
        self.refused += usize::from(self.memory.settle(Time::MAX).is_err());
        let (stall, value) = answer.unwrap_or((Dur::ZERO, u64::MAX));
        self.spent += stall;
        value
    }

    fn spend(&mut self, length: Dur) {
        self.spent += length;
    }
}
