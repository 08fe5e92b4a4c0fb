//! A node on a real device: events of the device in, consumer code run, calls back in.

use crate::node::Stack;
use crate::node::meter::Meter;
use des::{Dur, Time};
use host::{HostBus, HostMemory};
use provider::consumer::{Port, Runtime, Session};
use provider::ndk::{Answer, Call, CallSite, Irql, Upcall, UpcallToken};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use verbs::{RealBus, Signal};

/// The longest that a node waits without looking around: nothing depends on it, but nothing can be missed for longer.
const LOOK_EVERY: Dur = Dur::from_ms(20);

/// Where consumer code runs: every node is one thread.
#[derive(Clone, Copy, Debug)]
struct Context {
    processor: u8,
    level: Irql,
    inside: Option<UpcallToken>,
}

const TASK: Context = Context { processor: 0, level: Irql::Passive, inside: None };

/// All of a node but its consumers.
pub(super) struct Core {
    pub provider: Box<dyn Stack>,
    pub bus: RealBus,
    pub meter: Meter,
    context: Context,
    /// Upcalls that are to run later, in their order.
    later: BTreeMap<(Time, u64), Upcall>,
    upcalls: u64,
}

impl Core {
    fn site(&self) -> CallSite {
        let Context { processor, level, inside } = self.context;
        CallSite { now: self.bus.now(), processor, level, inside, inline: false }
    }

    /// Queues what the provider wants to be called back, up to an upcall that runs inside the present call.
    fn schedule(&mut self) -> Option<Upcall> {
        while let Some(upcall) = self.provider.next_upcall() {
            let Some(delay) = upcall.after else { return Some(upcall) };
            self.upcalls += 1;
            self.later.insert((self.bus.now() + delay, self.upcalls), upcall);
        }
        None
    }

    /// The next upcall whose time has come.
    fn due(&mut self) -> Option<Upcall> {
        let (&(at, _), _) = self.later.first_key_value()?;
        if at <= self.bus.now() { self.later.pop_first().map(|(_, upcall)| upcall) } else { None }
    }
}

struct Shared {
    core: Mutex<Core>,
    runtime: Runtime,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one upcall and tells the provider that it has returned.
    fn run<'a>(&'a self, mut core: MutexGuard<'a, Core>, upcall: &Upcall) -> MutexGuard<'a, Core> {
        let outer = core.context;
        let now = core.bus.now();
        core.meter.upcall(now, upcall);
        core.context = Context { processor: upcall.processor, level: upcall.level, inside: Some(upcall.token) };
        drop(core);
        self.runtime.deliver(upcall);
        let mut core = self.core();
        core.context = outer;
        let Core { provider, bus, .. } = &mut *core;
        let now = bus.now();
        provider.upcall_returned(bus, now, upcall.token);
        core
    }

    /// Runs the upcalls that belong inside the present step.
    fn run_inside<'a>(&'a self, mut core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        while let Some(upcall) = core.schedule() {
            core = self.run(core, &upcall);
        }
        core
    }
}

impl Port for Shared {
    fn call(&self, call: Call<'_>) -> Answer {
        let mut guard = self.core();
        let site = guard.site();
        let Core { provider, bus, meter, .. } = &mut *guard;
        let answer = meter.watch(site.now, call, |call| provider.call(bus, &site, call));
        drop(self.run_inside(guard));
        answer
    }

    fn now(&self) -> Time {
        self.core().bus.now()
    }

    fn with_memory(&self, access: &mut dyn FnMut(&mut HostMemory)) {
        access(self.core().bus.memory());
    }

    /// The node's loop asks the runtime for its timers.
    fn wake_at(&self, _at: Time) {}
}

/// A node and its device.
pub(super) struct Node {
    shared: Arc<Shared>,
    runtime: Runtime,
    signal: Signal,
}

impl Node {
    pub(super) fn new(provider: Box<dyn Stack>, bus: RealBus, signal: Signal) -> Self {
        let runtime = Runtime::new();
        let core = Core { provider, bus, meter: Meter::default(), context: TASK, later: BTreeMap::new(), upcalls: 0 };
        let shared = Arc::new(Shared { core: Mutex::new(core), runtime: runtime.clone() });
        Self { shared, runtime, signal }
    }

    pub(super) fn session(&self) -> Session {
        self.runtime.session(Arc::clone(&self.shared) as Arc<dyn Port>)
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.shared.core()
    }

    /// Runs until every task has ended and every callback has returned, or until `limit`. Returns whether it was the former.
    pub(super) fn run(&self, limit: Time) -> bool {
        loop {
            let next = self.step();
            let core = self.core();
            let now = core.bus.now();
            if self.runtime.unfinished() == 0 && core.later.is_empty() {
                return true;
            }
            if now >= limit {
                return false;
            }
            let wait = core.bus.wall(next.map_or(LOOK_EVERY, |at| at.since(now)).min(LOOK_EVERY));
            drop(core);
            // Whether there is news shows in the next step.
            let _ = self.signal.wait(wait);
        }
    }

    /// Does all that can be done now; returns when something is to be done next.
    fn step(&self) -> Option<Time> {
        let mut core = self.core();
        {
            let Core { provider, bus, .. } = &mut *core;
            let now = bus.now();
            provider.interrupt(bus, now, 0);
            if provider.next_deadline().is_some_and(|at| at <= now) {
                provider.wake(bus, now);
            }
        }
        core = self.shared.run_inside(core);
        while let Some(upcall) = core.due() {
            core = self.shared.run(core, &upcall);
            core = self.shared.run_inside(core);
        }
        let now = core.bus.now();
        drop(core);
        self.runtime.run_timers(now);
        self.runtime.run_ready();
        let core = self.core();
        let later = core.later.first_key_value().map(|(&(at, _), _)| at);
        [later, core.provider.next_deadline(), self.runtime.next_timer()].into_iter().flatten().min()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.runtime.abandon();
    }
}
