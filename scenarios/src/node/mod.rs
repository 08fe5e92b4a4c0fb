//! A host: processors, memory, a NIC, its provider, and the consumers on top.
//!
//! Reading order: [`hardware`] (NIC, memory and the bus), this module (one event at a time), [`port`] (calls from the
//! consumers), [`stack`] (the provider's layers), [`plan`] (what a fault plan says of a node), [`strike`] (its rows about the
//! machine) with [`broken`] (what they do on the bus), [`remapping`] (an IOMMU's costs), [`planted`] and [`careless`] (bugs on purpose), [`bring_up`] (all of it
//! from a scenario), [`meter`] (what the report counts), [`journal`] (what two backends are compared by).

mod bring_up;
mod broken;
mod careless;
mod hardware;
pub(crate) mod journal;
pub(crate) mod meter;
pub(crate) mod plan;
mod planted;
mod port;
mod remapping;
pub(crate) mod stack;
mod strike;

pub(crate) use bring_up::{Device, Setup, assemble, bring_up};
pub(crate) use hardware::{BusConfig, Hardware, Later, Outgoing};
pub(crate) use plan::NodePlan;
pub(crate) use port::Node;
pub(crate) use remapping::MappingCost;
pub(crate) use stack::Stack;
pub(crate) use strike::Striker;

use crate::spec::fault::trigger::Called;
use des::{Dur, Phase, Time, TraceHash};
use host::HostBus;
use meter::Meter;
use nic_model::port::Input;
use provider::ndk::{CallKind, CallSite, Irql, ObjectKind, Upcall, UpcallBody, UpcallToken};
use std::collections::BTreeMap;
use std::fmt;
use wire::Frame;

/// What can happen at a node.
#[derive(Debug)]
pub(crate) enum NodeEvent {
    /// See [`Later`].
    Hardware(Later),
    /// A frame has arrived at a port of the NIC.
    Frame { port: u8, frame: Box<Frame> },
    /// The peer of a port asks for silence.
    Pause { port: u8, classes: u8, length: Dur },
    /// The provider's own moment.
    ProviderWake,
    /// A callback starts.
    Enter(Box<Upcall>),
    /// A callback returns.
    Leave(UpcallToken),
    /// Consumers' tasks run.
    Tasks,
    /// The moment of a row of the plan has come.
    Strike(u16),
}

/// Times of the host's software, for the report marked as assumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostTiming {
    /// A provider call.
    pub call: Dur,
    /// A callback, from its start to its return.
    pub callback: Dur,
    /// From a wake-up to the task's next step.
    pub task_switch: Dur,
}

/// Where the present step runs, and in which callback.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    processor: u8,
    level: Irql,
    inside: Option<UpcallToken>,
}

impl Context {
    const IDLE: Self = Self { processor: 0, level: Irql::Passive, inside: None };
}

/// All of a node but its consumers.
pub(crate) struct Core {
    pub hardware: Hardware,
    pub provider: Box<dyn Stack>,
    pub meter: Meter,
    pub hash: TraceHash,
    /// Events for later, taken by the world after every step.
    pub later: Vec<(Time, Phase, NodeEvent)>,
    timing: HostTiming,
    busy_until: Vec<Time>,
    context: Context,
    provider_wake: Option<Time>,
    tasks_at: Option<Time>,
    /// Upcalls entered whose return is still to come.
    running: usize,
    /// What the driver holds while no adapter is open.
    held_at_start: (usize, usize),
    /// Calls by function, if a row waits for one.
    pub calls: Option<BTreeMap<CallKind, u64>>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("hardware", &self.hardware).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(hardware: Hardware, provider: Box<dyn Stack>, timing: HostTiming, processors: u8) -> Self {
        Self {
            hardware,
            provider,
            meter: Meter::default(),
            hash: TraceHash::new(),
            later: Vec::new(),
            timing,
            busy_until: vec![Time::ZERO; usize::from(processors.max(1))],
            context: Context::IDLE,
            provider_wake: None,
            tasks_at: None,
            running: 0,
            held_at_start: (0, 0),
            calls: None,
        }
    }

    /// Forgets the time that starting took: it lies before the run.
    pub(crate) fn started(&mut self) {
        self.hardware.begin(Time::ZERO);
        self.held_at_start = self.hardware.held();
        self.flush_hardware();
        self.arm_provider();
    }

    /// From now on a plan's rows strike this machine.
    pub(crate) fn strike_with(&mut self, striker: Striker) {
        self.hardware.striker = striker;
        self.flush_hardware();
    }

    /// Opens a row of the plan from `at` on, if it is about this node.
    pub(crate) fn open_row(&mut self, id: &str, at: Time) {
        self.provider.open_row(id, at);
        self.hardware.striker.open(id, at);
        self.flush_hardware();
    }

    /// Whether a row of the plan has struck here.
    pub(crate) fn has_fired(&self, id: &str) -> bool {
        self.hardware.striker.has_fired(id) || self.provider.has_fired(id)
    }

    /// How often consumers have called what a row waits for.
    pub(crate) fn called(&self, called: &Called) -> u64 {
        let calls = self.calls.iter().flatten().filter(|(kind, _)| called.counts(**kind));
        calls.map(|(_, count)| count).sum()
    }

    /// What the checker found by the end of the run.
    pub(crate) fn findings(&mut self, now: Time, quiescent: bool) -> Vec<provider::check::Finding> {
        self.hardware.begin(now);
        self.provider.finish(&mut self.hardware, now, quiescent)
    }

    /// What is left of a run that has ended, and should not be. Memory is judged only once the adapter is closed.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let left = |what: &str, count: usize| (count > 0).then(|| format!("{count} {what}"));
        let adapter = self.meter.objects.get(&ObjectKind::Adapter).copied().unwrap_or_default();
        let (pages, mappings) = if adapter.closed == adapter.inline + adapter.pending {
            let (pages, mappings) = self.hardware.held();
            (pages.saturating_sub(self.held_at_start.0), mappings.saturating_sub(self.held_at_start.1))
        } else {
            (0, 0)
        };
        [
            left("callbacks have not returned", self.running),
            left("transfers of the NIC have not ended", self.hardware.under_way()),
            left("pages of memory are still allocated", pages),
            left("ranges of the IOMMU are still mapped", mappings),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn site(&self) -> CallSite {
        CallSite {
            now: HostBus::now(&self.hardware),
            processor: self.context.processor,
            level: self.context.level,
            inside: self.context.inside,
            inline: false,
        }
    }

    /// Handles an event of the device or the wire; these never run consumer code.
    fn device_event(&mut self, now: Time, event: Later) {
        match event {
            Later::Mmio => self.hardware.mmio_arrived(now),
            Later::DmaDone(slot) => self.hardware.dma_done(now, slot),
            // Done when the event was judged.
            Later::NicWake => {}
            Later::Interrupt(_) if self.hardware.is_gone() => {}
            Later::Interrupt(vector) => {
                self.provider.interrupt(&mut self.hardware, now, vector);
            }
        }
    }

    /// Queues what the provider wants to be called back, up to an upcall that runs inside the present call.
    fn schedule_upcalls(&mut self) -> Option<Upcall> {
        while let Some(upcall) = self.provider.next_upcall() {
            match upcall.after {
                None => return Some(upcall),
                Some(delay) => {
                    let at = HostBus::now(&self.hardware) + delay;
                    self.later.push((at, Phase::Host, NodeEvent::Enter(Box::new(upcall))));
                }
            }
        }
        None
    }

    fn arm_provider(&mut self) {
        if let Some(at) = self.provider.next_deadline()
            && self.provider_wake.is_none_or(|armed| at < armed)
        {
            self.provider_wake = Some(at);
            self.later.push((at, Phase::Timer, NodeEvent::ProviderWake));
        }
    }

    fn arm_tasks(&mut self, at: Time) {
        if self.tasks_at.is_none_or(|armed| at < armed) {
            self.tasks_at = Some(at);
            self.later.push((at, Phase::Host, NodeEvent::Tasks));
        }
    }

    fn processor_of(event: &NodeEvent) -> Option<u8> {
        match event {
            NodeEvent::Enter(upcall) => Some(upcall.processor),
            NodeEvent::Tasks => Some(0),
            NodeEvent::Hardware(_)
            | NodeEvent::Frame { .. }
            | NodeEvent::Pause { .. }
            | NodeEvent::ProviderWake
            | NodeEvent::Strike(_)
            | NodeEvent::Leave(_) => None,
        }
    }

    /// Whether nothing comes of an event any more: a wake-up that was moved, a write that was pushed. Such events leave no
    /// trace. The NIC is woken here: only its answer tells.
    fn is_stale(&mut self, now: Time, event: &NodeEvent) -> bool {
        match event {
            NodeEvent::Hardware(Later::NicWake) => !self.hardware.wake(now),
            NodeEvent::Hardware(Later::Mmio) => !self.hardware.mmio_is_due(now),
            NodeEvent::ProviderWake => {
                if self.provider_wake != Some(now) {
                    return true;
                }
                self.provider_wake = None;
                let due = self.provider.next_deadline().is_some_and(|at| at <= now);
                if !due {
                    self.arm_provider();
                }
                !due
            }
            NodeEvent::Tasks => self.tasks_at != Some(now),
            NodeEvent::Hardware(Later::DmaDone(_) | Later::Interrupt(_))
            | NodeEvent::Frame { .. }
            | NodeEvent::Pause { .. }
            | NodeEvent::Enter(_)
            | NodeEvent::Strike(_)
            | NodeEvent::Leave(_) => false,
        }
    }

    /// Ends a step: the processor was busy, and what the hardware wants later is the node's to do later.
    fn finish(&mut self, processor: u8) {
        self.hardware.end();
        let until = HostBus::now(&self.hardware);
        let index = usize::from(processor) % self.busy_until.len();
        self.busy_until[index] = self.busy_until[index].max(until);
        self.context = Context::IDLE;
        self.arm_provider();
        self.flush_hardware();
    }

    /// What the hardware wants later is the node's to do later.
    fn flush_hardware(&mut self) {
        for (at, row) in self.hardware.striker.take_moments() {
            self.later.push((at, Phase::Host, NodeEvent::Strike(row)));
        }
        for (at, phase, later) in self.hardware.later.drain(..) {
            self.later.push((at, phase, NodeEvent::Hardware(later)));
        }
    }

    fn mix(&mut self, event: &NodeEvent) {
        let word = match event {
            NodeEvent::Hardware(Later::Mmio) => 1,
            NodeEvent::Hardware(Later::DmaDone(slot)) => 2 | u64::from(*slot) << 8,
            NodeEvent::Hardware(Later::NicWake) => 3,
            NodeEvent::Hardware(Later::Interrupt(vector)) => 4 | u64::from(*vector) << 8,
            NodeEvent::Frame { port, frame } => 5 | u64::from(*port) << 8 | (frame.wire_len() as u64) << 16,
            NodeEvent::Pause { port, classes, .. } => 6 | u64::from(*port) << 8 | u64::from(*classes) << 16,
            NodeEvent::ProviderWake => 7,
            NodeEvent::Enter(upcall) => 8 | upcall.token.0 << 8,
            NodeEvent::Leave(token) => 9 | token.0 << 8,
            NodeEvent::Tasks => 10,
            NodeEvent::Strike(row) => 11 | u64::from(*row) << 8,
        };
        self.hash.mix(word);
    }

    fn frame(&mut self, now: Time, port: u8, frame: Box<Frame>) {
        self.hardware.tell(now, Input::Frame { port, frame });
    }
}

/// Whether an upcall runs consumer code, or only lets a blocked call return.
fn is_callback(upcall: &Upcall) -> bool {
    !matches!(upcall.body, UpcallBody::CallReturns { .. })
}
