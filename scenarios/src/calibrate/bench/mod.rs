//! The bench: two machines, a cable, and threads that keep requests under way.
//!
//! Reading order: [`Load`] (what is measured), this module (events), `machine` (driver functions), `threads` (who posts what
//! when).
//!
//! Invariants: adapters are driven by registers and rings alone, as a driver would; every completion is checked; payload is
//! elided where it is read by the million.

mod machine;
mod threads;

use bytes::BytesMut;
use des::{Dur, Rng, Time};
use machine::{Machine, Registers};
use nic_model::Config;
use nic_model::port::{DmaKind, Input, Outbox, Output, Segments};
use nic_model::profile::Profile;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use threads::Thread;
use wire::{Frame, Payload};

pub(super) use threads::{Operation, Posting};

/// Which adapter is measured; the other one takes no time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    Requester,
    Responder,
    Both,
}

/// What a thread's processor takes; nothing where the adapter is measured alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Processor {
    /// To post one request.
    pub(super) post: Dur,
    /// To take a completion and begin anew.
    pub(super) poll: Dur,
    /// Added to register writes and completions, as this socket is not the adapter's.
    pub(super) far: Dur,
}

/// What is measured, and with what.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) profile: Profile,
    pub(super) measured: Measured,
    pub(super) operation: Operation,
    pub(super) payload_bytes: u32,
    pub(super) threads: u32,
    pub(super) qps_per_thread: u32,
    /// Requests under way of a thread.
    pub(super) window: u32,
    pub(super) posting: Posting,
    /// What the thread of a number has of its processor, among so many.
    pub(super) processor: fn(u32, u32) -> Processor,
    /// Counters that atomics go to.
    pub(super) counters: u64,
    /// READs and WRITEs go anywhere in so many regions of so many pages of 4 KiB, instead of to one place.
    pub(super) regions: Option<(u32, u32)>,
    /// A store on its way to the adapter.
    pub(super) mmio: Dur,
    /// Cable and switch, one way.
    pub(super) cable: Dur,
    /// Requests until the rate is read off; a quarter before is not counted.
    pub(super) requests: u64,
}

impl Load {
    /// One request under way at a time, between two adapters of a profile.
    pub(super) fn new(profile: &Profile, operation: Operation) -> Self {
        Self {
            profile: *profile,
            measured: Measured::Both,
            operation,
            payload_bytes: 8,
            threads: 1,
            qps_per_thread: 1,
            window: 1,
            posting: Posting::Window,
            processor: |_, _| Processor::default(),
            counters: 4096,
            regions: None,
            mmio: Dur::from_ns(150),
            cable: Dur::from_ns(200),
            requests: 4_000,
        }
    }

    /// Requests per second.
    pub(super) fn rate(&self) -> u64 {
        Bench::new(self).run(self.requests)
    }
}

#[derive(Debug)]
enum Event {
    ReadDone(usize, u32),
    Frame(usize, Box<Frame>),
    Wake(usize),
    Register(usize, u64, SmallVec<[u8; 64]>),
    Completion(usize, usize),
    Step(usize),
}

/// Two machines under way.
#[derive(Debug)]
struct Bench<'a> {
    load: &'a Load,
    machines: [Machine; 2],
    threads: Vec<Thread>,
    /// Threads by the beginning of their completion rings, for each machine.
    rings: [BTreeMap<u64, (u64, usize)>; 2],
    rng: Rng,
    now: Time,
    events: BTreeMap<(Time, u64), Event>,
    sequence: u64,
    outbox: Outbox,
    completed: u64,
}

/// The requester's machine and the responder's.
const SIDES: [Measured; 2] = [Measured::Requester, Measured::Responder];

impl<'a> Bench<'a> {
    fn new(load: &'a Load) -> Self {
        let machine = |index: u8| {
            let mut config = Config::generic(u32::from(index) + 1);
            config.profile = load.profile;
            let timed = load.measured == Measured::Both || load.measured == SIDES[usize::from(index)];
            let mut machine = Machine::new(if timed { config } else { config.in_zero_time() }, index);
            machine.start(&mut Setup);
            machine
        };
        let mut bench = Self {
            load,
            machines: [machine(0), machine(1)],
            threads: Vec::new(),
            rings: [BTreeMap::new(), BTreeMap::new()],
            rng: Rng::stream(1, "calibrate.bench"),
            now: Time::ZERO,
            events: BTreeMap::new(),
            sequence: 0,
            outbox: Outbox::new(),
            completed: 0,
        };
        if let Some((regions, pages)) = load.regions {
            bench.machines[1].register_more(&mut Setup, regions, pages);
        }
        bench.create_threads();
        bench
    }

    fn schedule(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        self.events.insert((at.max(self.now), self.sequence), event);
    }

    /// Runs until so many requests are complete; gives requests per second of the last three quarters.
    fn run(mut self, requests: u64) -> u64 {
        (0..self.threads.len()).for_each(|thread| self.schedule(Time::ZERO, Event::Step(thread)));
        let (mut warm, warm_at) = (None, requests / 4);
        while self.completed < requests {
            let ((at, _), event) = self.events.pop_first().expect("a load that never ends has something to do");
            self.now = at;
            self.happen(event);
            if warm.is_none() && self.completed >= warm_at {
                warm = Some((self.now, self.completed));
            }
        }
        let (since, before) = warm.unwrap_or((Time::ZERO, 0));
        let length_ps = self.now.since(since).as_ps().max(1);
        (u128::from(self.completed - before) * 1_000_000_000_000 / u128::from(length_ps)) as u64
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ReadDone(side, slot) => {
                let machine = &mut self.machines[side];
                let (tag, segments, kind) = machine.reads.remove(slot as usize);
                settle(machine, self.now);
                let data = Ok(gather(machine, &segments, kind));
                self.tell(side, Input::DmaReadDone { tag, data });
            }
            Event::Frame(side, frame) => self.tell(side, Input::Frame { port: 0, frame }),
            Event::Wake(side) if self.machines[side].wake == Some(self.now) => {
                self.machines[side].wake = None;
                self.tell(side, Input::Wake);
            }
            Event::Wake(_) => {}
            Event::Register(side, offset, data) => {
                self.tell(side, Input::MmioWrite { offset, data: SmallVec::from_slice(&data) });
            }
            Event::Completion(side, thread) => self.completion(side, thread),
            Event::Step(thread) => self.step(thread),
        }
    }

    fn tell(&mut self, side: usize, input: Input) {
        let mut outbox = std::mem::take(&mut self.outbox);
        self.machines[side].nic.handle(self.now, input, &mut outbox);
        for (delay, output) in outbox.drain(..) {
            self.take(side, self.now + delay, output);
        }
        self.outbox = outbox;
        let machine = &mut self.machines[side];
        if let Some(at) = machine.nic.next_wakeup()
            && machine.wake.is_none_or(|armed| at < armed)
        {
            machine.wake = Some(at);
            self.schedule(at, Event::Wake(side));
        }
    }

    fn take(&mut self, side: usize, at: Time, output: Output) {
        match output {
            Output::DmaRead { tag, segments, kind } => {
                let slot = self.machines[side].reads.insert((tag, segments, kind));
                self.schedule(at, Event::ReadDone(side, slot as u32));
            }
            Output::DmaWrite { segments, data } => {
                if let Some(thread) = segments.first().and_then(|segment| self.ring_owner(side, segment.address)) {
                    let far = self.threads[thread].processor.far;
                    self.schedule(at + far, Event::Completion(side, thread));
                }
                post_write(&mut self.machines[side], at, &segments, data);
            }
            Output::Tx { frame, .. } => {
                let rate = self.load.profile.port_rate.value;
                let not_sent = u64::from(self.load.profile.port_bytes_not_sent.value);
                let length = rate.time_for((frame.cable_len() as u64).saturating_sub(not_sent));
                self.schedule(at + length + self.load.cable, Event::Frame(1 - side, frame));
            }
            Output::Msix { .. } | Output::Pause { .. } | Output::MmioReadDone { .. } => {}
        }
    }

    fn ring_owner(&self, side: usize, address: u64) -> Option<usize> {
        let (_, &(end, thread)) = self.rings[side].range(..=address).next_back()?;
        (address < end).then_some(thread)
    }
}

/// Register accesses of the set-up: before the measurement begins, and taking no time of it.
struct Setup;

impl Registers for Setup {
    fn write(&mut self, machine: &mut Machine, offset: u64, value: u64) {
        let data = SmallVec::from_slice(&value.to_le_bytes());
        machine.nic.handle(Time::ZERO, Input::MmioWrite { offset, data }, &mut Outbox::new());
    }

    fn read(&mut self, machine: &mut Machine, offset: u64) -> u64 {
        let mut outbox = Outbox::new();
        machine.nic.handle(Time::ZERO, Input::MmioRead { offset }, &mut outbox);
        let mut answer = None;
        while !outbox.is_empty() {
            for (_, output) in std::mem::take(&mut outbox) {
                match output {
                    Output::MmioReadDone { value } => answer = Some(value),
                    Output::DmaRead { tag, segments, kind } => {
                        let data = Ok(gather(machine, &segments, kind));
                        machine.nic.handle(Time::ZERO, Input::DmaReadDone { tag, data }, &mut outbox);
                    }
                    Output::DmaWrite { segments, data } => post_write(machine, Time::ZERO, &segments, data),
                    Output::Msix { .. } | Output::Tx { .. } | Output::Pause { .. } => {}
                }
            }
        }
        settle(machine, Time::MAX);
        answer.unwrap_or(u64::MAX)
    }
}

fn settle(machine: &mut Machine, now: Time) {
    machine.memory.settle(now).expect("the bench names memory only");
}

fn gather(machine: &Machine, segments: &Segments, kind: DmaKind) -> Payload {
    let length: usize = segments.iter().map(|segment| segment.length_bytes as usize).sum();
    if kind == DmaKind::Message {
        return Payload::Elided(length as u32);
    }
    let mut bytes = BytesMut::zeroed(length);
    let mut done = 0;
    for segment in segments {
        let end = done + segment.length_bytes as usize;
        machine.memory.read(segment.address, &mut bytes[done..end]).expect("the bench names memory only");
        done = end;
    }
    Payload::Bytes(bytes.freeze())
}

fn post_write(machine: &mut Machine, at: Time, segments: &Segments, data: Payload) {
    let Payload::Bytes(data) = data else { return };
    let mut done = 0;
    for segment in segments {
        let end = (done + segment.length_bytes as usize).min(data.len());
        machine.memory.post_write(at, segment.address, data.slice(done..end));
        done = end;
    }
}
