//! A node with its consumers: events in, consumer code run with no lock held, calls back in.

use super::{Context, Core, NodeEvent, is_callback};
use des::{Phase, Time};
use host::{HostBus, HostMemory};
use nic_model::port::Input;
use provider::consumer::{Port, Runtime, Session};
use provider::ndk::{Answer, Call, Irql, Upcall};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A node of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    shared: Arc<Shared>,
    runtime: Runtime,
}

#[derive(Debug)]
struct Shared {
    core: Mutex<Core>,
    runtime: Runtime,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the callbacks that belong inside the present step, and queues the others.
    fn run_upcalls<'a>(&'a self, mut core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        while let Some(upcall) = core.schedule_upcalls() {
            let outer = core.context;
            let now = HostBus::now(&core.hardware);
            core.meter.upcall(now, &upcall);
            core.context = Context { processor: upcall.processor, level: upcall.level, inside: Some(upcall.token) };
            drop(core);
            self.runtime.deliver(&upcall);
            core = self.core();
            core.context = outer;
            let Core { provider, hardware, .. } = &mut *core;
            let now = HostBus::now(hardware);
            provider.upcall_returned(hardware, now, upcall.token);
        }
        core
    }
}

impl Node {
    pub(crate) fn new(core: Core) -> Self {
        let runtime = Runtime::new();
        Self { shared: Arc::new(Shared { core: Mutex::new(core), runtime: runtime.clone() }), runtime }
    }

    /// The handle that consumers start from.
    pub(crate) fn session(&self) -> Session {
        self.runtime.session(Arc::clone(&self.shared) as Arc<dyn Port>)
    }

    /// The consumers.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The rest of the node.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.shared.core()
    }

    /// Lets tasks that were spawned before the run take their first step.
    pub(crate) fn start(&self) {
        self.core().arm_tasks(Time::ZERO);
    }

    /// Handles one event, unless it has become stale: then it says so. What follows from it stands in the core's `later`
    /// and the hardware's `outgoing`.
    pub(crate) fn handle(&self, now: Time, event: NodeEvent) -> bool {
        let mut core = self.core();
        if core.is_stale(now, &event) {
            core.flush_hardware();
            return false;
        }
        let processor = Core::processor_of(&event);
        if let Some(processor) = processor {
            let index = usize::from(processor) % core.busy_until.len();
            if core.busy_until[index] > now {
                let at = core.busy_until[index];
                if matches!(event, NodeEvent::Tasks) {
                    core.tasks_at = Some(at);
                }
                core.later.push((at, Phase::Host, event));
                return false;
            }
        }
        core.mix(&event);
        core.hardware.begin(now);
        let core = match event {
            NodeEvent::Enter(upcall) => self.enter(core, now, &upcall),
            NodeEvent::Tasks => self.run_tasks(core, now),
            other => {
                core.passive_event(now, other);
                self.shared.run_upcalls(core)
            }
        };
        self.finish(core, processor.unwrap_or(0));
        true
    }

    fn enter<'a>(&'a self, mut core: MutexGuard<'a, Core>, now: Time, upcall: &Upcall) -> MutexGuard<'a, Core> {
        core.running += 1;
        core.meter.upcall(now, upcall);
        core.context = Context { processor: upcall.processor, level: upcall.level, inside: Some(upcall.token) };
        drop(core);
        self.runtime.deliver(upcall);
        let mut core = self.core();
        if is_callback(upcall) {
            let length = core.timing.callback + core.hardware.callback_delay(now);
            core.hardware.spend(length);
        }
        let at = HostBus::now(&core.hardware).max(now);
        core.later.push((at, Phase::Host, NodeEvent::Leave(upcall.token)));
        core
    }

    fn run_tasks<'a>(&'a self, mut core: MutexGuard<'a, Core>, now: Time) -> MutexGuard<'a, Core> {
        core.tasks_at = None;
        core.context = Context { processor: 0, level: Irql::Passive, inside: None };
        drop(core);
        self.runtime.run_timers(now);
        self.runtime.run_ready();
        self.core()
    }

    fn finish(&self, mut core: MutexGuard<'_, Core>, processor: u8) {
        if self.runtime.has_ready() {
            let at = HostBus::now(&core.hardware) + core.timing.task_switch;
            core.arm_tasks(at);
        } else if let Some(at) = self.runtime.next_timer() {
            // A timer that was due while the processor was busy is still there.
            let now = HostBus::now(&core.hardware);
            core.arm_tasks(at.max(now));
        }
        core.finish(processor);
    }
}

impl Core {
    fn passive_event(&mut self, now: Time, event: NodeEvent) {
        match event {
            NodeEvent::Hardware(later) => self.device_event(now, later),
            NodeEvent::Frame { port, frame } => self.frame(now, port, frame),
            NodeEvent::Pause { port, classes, length } => {
                self.hardware.tell(now, Input::Pause { port, classes, length });
            }
            NodeEvent::ProviderWake => self.provider.wake(&mut self.hardware, now),
            NodeEvent::Strike(row) => self.hardware.strike(now, row),
            NodeEvent::Leave(token) => {
                self.running -= 1;
                self.provider.upcall_returned(&mut self.hardware, now, token);
            }
            NodeEvent::Enter(_) | NodeEvent::Tasks => unreachable!("events of consumers are handled by the node"),
        }
    }
}

impl Port for Shared {
    fn call(&self, call: Call<'_>) -> Answer {
        let mut guard = self.core();
        let core = &mut *guard;
        let length = core.timing.call;
        core.hardware.spend(length);
        let site = core.site();
        if let Some(calls) = &mut core.calls {
            *calls.entry(call.kind()).or_default() += 1;
        }
        let Core { provider, hardware, meter, .. } = core;
        let answer = meter.watch(site.now, call, |call| provider.call(hardware, &site, call));
        drop(self.run_upcalls(guard));
        answer
    }

    fn now(&self) -> Time {
        HostBus::now(&self.core().hardware)
    }

    fn with_memory(&self, access: &mut dyn FnMut(&mut HostMemory)) {
        access(&mut self.core().hardware.memory);
    }

    fn wake_at(&self, at: Time) {
        self.core().arm_tasks(at);
    }
}
