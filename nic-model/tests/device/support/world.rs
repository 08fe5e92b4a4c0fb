//! Two hosts with a device each, a cable between them, and the events of all.

use des::{Dur, Time};
use host::iommu::{Range, Rights};
use host::{HostMemory, MemoryError, PAGE_SIZE};
use nic_model::port::{DmaError, DmaTag, Input, Outbox, Output, Segments};
use nic_model::{Config, Nic};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use wire::{Frame, Payload};

/// Time on the cable.
pub(crate) const CABLE: Dur = Dur::from_ns(100);
/// More events than any test has.
const EVENTS_MAX: usize = 2_000_000;

/// What the cable makes of the n-th frame: what arrives, and how late.
pub(crate) type Fate = Box<dyn FnMut(usize, &Frame) -> Vec<(Dur, Box<Frame>)>>;

enum Event {
    ReadDone(DmaTag, Segments),
    Frame(u8, Box<Frame>),
    Interrupt(u16),
    Wake,
}

/// A host with its device.
pub(crate) struct Node {
    pub(crate) nic: Nic,
    pub(crate) memory: HostMemory,
    pub(crate) interrupts: Vec<(Time, u16)>,
    pub(crate) driver: super::driver::Driver,
    /// What the device calls the driver's pages.
    bus: BTreeMap<u64, u64>,
    wake: Option<Time>,
}

impl Node {
    /// Contiguous pages that the device reaches; the driver's address of the first.
    pub(crate) fn allocate(&mut self, pages: usize) -> u64 {
        let address = self.memory.allocate_contiguous(pages);
        let bus = self.memory.map_contiguous(address, pages, Rights::ReadWrite);
        let offsets = (0..pages as u64).map(|page| page * PAGE_SIZE);
        self.bus.extend(offsets.map(|offset| (address + offset, bus + offset)));
        address
    }

    /// The device's address for one of the driver's.
    pub(crate) fn bus(&self, address: u64) -> u64 {
        let offset = address % PAGE_SIZE;
        self.bus.get(&(address - offset)).map_or(address, |page| page + offset)
    }
}

/// Two hosts.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) nodes: [Node; 2],
    pub(crate) frames: usize,
    pub(crate) fate: Fate,
    /// When the last frame of each host arrives.
    arrived: [Time; 2],
    /// How long processors have waited for registers.
    pub(crate) stalled: Dur,
    events: BTreeMap<(Time, u64), (usize, Event)>,
    sequence: u64,
}

impl World {
    pub(crate) fn new(zero_time: bool) -> Self {
        Self::with(|config| config.zero_time = zero_time)
    }

    pub(crate) fn with(change: impl Fn(&mut Config)) -> Self {
        Self::of_memory(HostMemory::new, change)
    }

    /// Devices that reach only what is mapped.
    pub(crate) fn behind_iommus(change: impl Fn(&mut Config)) -> Self {
        Self::of_memory(HostMemory::behind_iommu, change)
    }

    fn of_memory(memory: impl Fn() -> HostMemory, change: impl Fn(&mut Config)) -> Self {
        let nodes = [0, 1].map(|index| {
            let mut config = Config::generic(index + 1);
            change(&mut config);
            Node {
                nic: Nic::new(config),
                memory: memory(),
                interrupts: Vec::new(),
                driver: Default::default(),
                bus: BTreeMap::new(),
                wake: None,
            }
        });
        let mut world = Self {
            now: Time::ZERO,
            nodes,
            frames: 0,
            fate: Box::new(|_, frame| vec![(Dur::ZERO, Box::new(frame.clone()))]),
            arrived: [Time::ZERO; 2],
            stalled: Dur::ZERO,
            events: BTreeMap::new(),
            sequence: 0,
        };
        for node in 0..2 {
            world.bring_up(node);
        }
        world
    }

    fn schedule(&mut self, at: Time, node: usize, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), (node, event));
    }

    /// Tells a device something.
    pub(crate) fn tell(&mut self, node: usize, input: Input) {
        let mut outbox = Outbox::new();
        self.invalidate(node, &mut outbox);
        self.nodes[node].nic.handle(self.now, input, &mut outbox);
        for (delay, output) in outbox {
            self.take(node, self.now + delay, output);
        }
        self.rearm(node);
    }

    /// The device hears of what was unmapped before it hears anything else.
    fn invalidate(&mut self, node: usize, outbox: &mut Outbox) {
        let Node { nic, memory, .. } = &mut self.nodes[node];
        for Range { address, pages } in memory.take_remapping().into_iter().flat_map(|done| done.unmapped) {
            nic.handle(self.now, Input::Invalidate { address, pages }, outbox);
        }
    }

    fn rearm(&mut self, node: usize) {
        let Some(at) = self.nodes[node].nic.next_wakeup() else { return };
        assert!(at >= self.now, "a device does what is due before it returns");
        if self.nodes[node].wake.is_none_or(|armed| at < armed) {
            self.nodes[node].wake = Some(at);
            self.schedule(at, node, Event::Wake);
        }
    }

    fn take(&mut self, node: usize, at: Time, output: Output) {
        match output {
            Output::DmaRead { tag, segments, .. } => self.schedule(at, node, Event::ReadDone(tag, segments)),
            Output::DmaWrite { segments, data } => self.write(node, at, &segments, data),
            Output::Msix { vector } => self.schedule(at, node, Event::Interrupt(vector)),
            Output::Tx { port, frame } => {
                self.frames += 1;
                let length = frame.cable_len() as u64;
                let arrives = at + CABLE + des::Rate::from_gbps(100).time_for(length);
                // A device without time puts frames on the cable at once; they come in order all the same.
                self.arrived[node] = self.arrived[node].max(arrives);
                for (late, frame) in (self.fate)(self.frames, &frame) {
                    self.schedule(self.arrived[node] + late, 1 - node, Event::Frame(port, frame));
                }
            }
            Output::Pause { .. } | Output::MmioReadDone { .. } => {}
        }
    }

    fn write(&mut self, node: usize, at: Time, segments: &Segments, data: Payload) {
        let Payload::Bytes(data) = data else { panic!("nothing is elided here") };
        let length: usize = segments.iter().map(|segment| segment.length_bytes as usize).sum();
        assert_eq!(length, data.len(), "a write has as many bytes as its pieces");
        let mut done = 0;
        for segment in segments {
            let end = done + segment.length_bytes as usize;
            self.nodes[node].memory.post_write(at, segment.address, data.slice(done..end));
            done = end;
        }
    }

    fn settle(&mut self, node: usize, at: Time) {
        if let Err(error) = self.nodes[node].memory.settle(at) {
            self.tell(node, Input::DmaWriteFailed(refused(error)));
        }
    }

    fn read(&mut self, node: usize, segments: &Segments) -> Result<Payload, DmaError> {
        self.settle(node, self.now);
        let mut bytes = Vec::new();
        for segment in segments {
            let memory = &mut self.nodes[node].memory;
            memory.device_read(segment.address, segment.length_bytes as usize, &mut bytes).map_err(refused)?;
        }
        Ok(Payload::Bytes(bytes.into()))
    }

    /// A register write.
    pub(crate) fn mmio_write(&mut self, node: usize, offset: u64, data: &[u8]) {
        self.tell(node, Input::MmioWrite { offset, data: SmallVec::from_slice(data) });
    }

    /// A register read: control reads that the device makes for it are answered at once.
    pub(crate) fn mmio_read(&mut self, node: usize, offset: u64) -> u64 {
        let mut outbox = Outbox::new();
        self.invalidate(node, &mut outbox);
        self.nodes[node].nic.handle(self.now, Input::MmioRead { offset }, &mut outbox);
        let mut answer = None;
        while !outbox.is_empty() {
            for (delay, output) in std::mem::take(&mut outbox) {
                match output {
                    Output::MmioReadDone { value } => answer = Some((delay, value)),
                    Output::DmaRead { tag, segments, .. } if answer.is_none() => {
                        let data = self.read(node, &segments);
                        self.nodes[node].nic.handle(self.now, Input::DmaReadDone { tag, data }, &mut outbox);
                    }
                    other => self.take(node, self.now + delay, other),
                }
            }
        }
        self.rearm(node);
        self.settle(node, Time::MAX);
        let (delay, value) = answer.expect("a register read is answered");
        self.stalled += delay;
        value
    }

    /// Does the next thing; false if nothing is left.
    pub(crate) fn step(&mut self) -> bool {
        let Some(((at, _), (node, event))) = self.events.pop_first() else { return false };
        self.now = self.now.max(at);
        for node in 0..2 {
            self.settle(node, self.now);
        }
        match event {
            Event::ReadDone(tag, segments) => {
                let data = self.read(node, &segments);
                self.tell(node, Input::DmaReadDone { tag, data });
            }
            Event::Frame(port, frame) => self.tell(node, Input::Frame { port, frame }),
            Event::Interrupt(vector) => self.nodes[node].interrupts.push((self.now, vector)),
            Event::Wake => {
                if self.nodes[node].wake == Some(at) {
                    self.nodes[node].wake = None;
                    self.tell(node, Input::Wake);
                }
            }
        }
        true
    }

    /// Runs until nothing is left to happen.
    pub(crate) fn run(&mut self) {
        for _ in 0..EVENTS_MAX {
            if !self.step() {
                for node in 0..2 {
                    self.settle(node, Time::MAX);
                }
                return;
            }
        }
        panic!("the devices do not come to rest");
    }

    /// Runs until `done` or nothing is left.
    pub(crate) fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..EVENTS_MAX {
            if done(self) {
                return;
            }
            assert!(self.step(), "it has not happened and nothing is left");
        }
        panic!("it does not happen");
    }
}

/// Why a DMA fails that memory refuses.
const fn refused(error: MemoryError) -> DmaError {
    match error {
        MemoryError::NotMemory { address, .. } => DmaError::NotMemory { address },
        MemoryError::Blocked(fault) => DmaError::Blocked { address: fault.address },
    }
}
