//! Providers and consumers over the medium, in simulated time.

use super::half::{Half, bare_capabilities, capabilities};
use super::medium::Medium;
use crate::bench::{Bench, Creation, Lab, LabError, Ran, Setup};
use crate::entry::Found;
use crate::mutant::Mutant;
use des::{Dur, Time};
use host::HostMemory;
use provider::backend::Capabilities;
use provider::check::{Checked, Settings};
use provider::consumer::{Port, Runtime, Session};
use provider::engine::{Config, Engine, Style};
use provider::fault::{FaultLayer, Row};
use provider::ndk::{Answer, Call, CallSite, Irql, NdkProvider, Upcall, UpcallToken};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a call takes; a step of a processor is as long as its calls.
const CALL: Dur = Dur::from_ns(100);
/// How long a callback runs, and how long a task waits for its processor.
const CALLBACK: Dur = Dur::from_us(2);
const TASK: Dur = Dur::from_us(1);
/// A run ends here, whatever is left.
const LIMIT: Time = Time::from_ps(20_000_000_000_000);
/// And after so many events: a broken provider may never come to rest.
const MOST_EVENTS: u32 = 200_000;

type Provider = Checked<FaultLayer<Mutant<Engine<Half>>>>;

#[derive(Clone, Debug)]
enum Event {
    Enter(Upcall),
    Leave(UpcallToken),
    Tasks,
}

#[derive(Clone, Copy, Debug)]
struct Context {
    processor: u8,
    level: Irql,
    inside: Option<UpcallToken>,
    /// Time that the step has taken.
    spent: Dur,
}

const IDLE: Context = Context { processor: 0, level: Irql::Passive, inside: None, spent: Dur::ZERO };

#[derive(Debug)]
struct World {
    medium: Medium,
    providers: [Provider; 2],
    contexts: [Context; 2],
    events: BTreeMap<(Time, u64), (usize, Event)>,
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn later(&mut self, node: usize, at: Time, event: Event) {
        let key = (at, self.medium.number());
        self.events.insert(key, (node, event));
    }

    /// Queues what a provider wants to be called, up to an upcall that runs inside the present call.
    fn upcalls(&mut self, node: usize) -> Option<Upcall> {
        while let Some(upcall) = self.providers[node].next_upcall() {
            let Some(delay) = upcall.after else { return Some(upcall) };
            self.later(node, self.medium.now + delay, Event::Enter(upcall));
        }
        None
    }
}

/// One node, for its consumers.
#[derive(Clone, Debug)]
struct Node {
    index: usize,
    world: Arc<Mutex<World>>,
    runtime: Runtime,
}

impl Node {
    /// Runs the callbacks that belong inside the present step.
    fn settle(&self) {
        loop {
            let mut world = lock(&self.world);
            let Some(upcall) = world.upcalls(self.index) else { return };
            let outer = world.contexts[self.index];
            world.contexts[self.index] = inside(&upcall);
            drop(world);
            self.runtime.deliver(&upcall);
            let mut world = lock(&self.world);
            world.contexts[self.index] = outer;
            let World { medium, providers, .. } = &mut *world;
            let now = medium.now;
            providers[self.index].upcall_returned(medium, now, upcall.token);
        }
    }

    fn handle(&self, event: Event) {
        let mut world = lock(&self.world);
        let now = world.medium.now;
        match event {
            Event::Enter(upcall) => {
                world.contexts[self.index] = inside(&upcall);
                drop(world);
                self.runtime.deliver(&upcall);
                lock(&self.world).later(self.index, now + CALLBACK, Event::Leave(upcall.token));
            }
            Event::Leave(token) => {
                let World { medium, providers, .. } = &mut *world;
                providers[self.index].upcall_returned(medium, now, token);
                drop(world);
            }
            Event::Tasks => {
                world.contexts[self.index] = IDLE;
                drop(world);
                self.runtime.run_timers(now);
                self.runtime.run_ready();
            }
        }
        self.settle();
        let mut world = lock(&self.world);
        world.contexts[self.index] = IDLE;
        if self.runtime.has_ready() {
            world.later(self.index, now + TASK, Event::Tasks);
        }
    }
}

fn inside(upcall: &Upcall) -> Context {
    Context { processor: upcall.processor, level: upcall.level, inside: Some(upcall.token), spent: Dur::ZERO }
}

impl Port for Node {
    fn call(&self, call: Call<'_>) -> Answer {
        let mut world = lock(&self.world);
        let World { medium, providers, contexts, .. } = &mut *world;
        contexts[self.index].spent += CALL;
        let Context { processor, level, inside, spent } = contexts[self.index];
        let site = CallSite { now: medium.now + spent, processor, level, inside, inline: false };
        let answer = providers[self.index].call(medium, &site, call);
        drop(world);
        self.settle();
        answer
    }

    fn now(&self) -> Time {
        lock(&self.world).medium.now
    }

    fn with_memory(&self, access: &mut dyn FnMut(&mut HostMemory)) {
        access(&mut lock(&self.world).medium.memories[self.index]);
    }

    fn wake_at(&self, at: Time) {
        lock(&self.world).later(self.index, at, Event::Tasks);
    }
}

/// The bench over the ideal devices.
#[derive(Debug)]
pub struct IdealBench {
    nodes: [Node; 2],
}

/// Sets up [`IdealBench`]es: our engine over ideal devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdealLab;

fn ipv4(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, node as u8 + 1)
}

fn ipv6(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, node as u16 + 1)
}

/// Our engine's configuration for a set-up.
#[must_use]
pub fn engine_config(setup: &Setup) -> Config {
    let style = match setup.creation {
        Creation::Pending => Style::Pending,
        Creation::Inline => Style::Inline,
        Creation::InsideCall => Style::InsideCall,
    };
    Config { style, policy: setup.policy.clone(), ..Config::default() }
}

impl Lab for IdealLab {
    type Bench = IdealBench;

    fn bench(&self, setup: &Setup) -> Result<IdealBench, LabError> {
        Ok(IdealBench::new(setup, capabilities))
    }
}

/// The same over devices with [nothing but what they must have](bare_capabilities): what they lack must be refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct BareLab;

impl Lab for BareLab {
    type Bench = IdealBench;

    fn bench(&self, setup: &Setup) -> Result<IdealBench, LabError> {
        Ok(IdealBench::new(setup, bare_capabilities))
    }
}

impl IdealBench {
    fn new(setup: &Setup, capabilities: fn(Vec<IpAddr>) -> Capabilities) -> Self {
        let provider = |node| {
            let half = Half::new(node, capabilities(vec![ipv4(node).into(), ipv6(node).into()]));
            let engine = Engine::new(half, engine_config(setup));
            let rows: Vec<Row> =
                setup.faults.iter().filter(|(hit, _)| *hit == node).map(|(_, row)| row.clone()).collect();
            let faulty = FaultLayer::new(Mutant::new(engine, setup.defect), rows, 1, &format!("node.{node}.faults"));
            Checked::new(faulty, Settings { call_duration: CALL, ..Settings::default() })
        };
        let world = World {
            medium: Medium::default(),
            providers: [provider(0), provider(1)],
            contexts: [IDLE; 2],
            events: BTreeMap::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let node = |index| Node { index, world: Arc::clone(&world), runtime: Runtime::new() };
        Self { nodes: [node(0), node(1)] }
    }

    /// Handles what is next. False: nothing is left, or the limit is reached.
    fn step(&self) -> bool {
        let mut world = lock(&self.nodes[0].world);
        let host = world.events.first_key_value().map(|(&(at, _), _)| at);
        let deadlines = world.providers.iter().enumerate();
        let own = deadlines.filter_map(|(node, provider)| provider.next_deadline().map(|at| (at, node))).min();
        let (device, own_at) = (world.medium.next(), own.map(|(at, _)| at));
        let Some(at) = host.into_iter().chain(device).chain(own_at).min() else { return false };
        if at > LIMIT {
            return false;
        }
        if device == Some(at) {
            if let Some(node) = world.medium.step() {
                let World { medium, providers, .. } = &mut *world;
                let now = medium.now;
                providers[node].interrupt(medium, now, 0);
                drop(world);
                self.nodes[node].settle();
            }
            return true;
        }
        world.medium.now = world.medium.now.max(at);
        if let Some((_, node)) = own.filter(|(due, _)| *due == at) {
            let World { medium, providers, .. } = &mut *world;
            let now = medium.now;
            providers[node].wake(medium, now);
            drop(world);
            self.nodes[node].settle();
            return true;
        }
        if let Some((_, (node, event))) = world.events.pop_first() {
            drop(world);
            self.nodes[node].handle(event);
        }
        true
    }
}

impl Bench for IdealBench {
    fn session(&self, node: usize) -> Session {
        self.nodes[node].runtime.session(Arc::new(self.nodes[node].clone()))
    }

    fn address(&self, node: usize) -> IpAddr {
        ipv4(node).into()
    }

    fn ipv6(&self, node: usize) -> Option<Ipv6Addr> {
        Some(ipv6(node))
    }

    fn run(&mut self) -> Ran {
        for node in 0..2 {
            lock(&self.nodes[node].world).later(node, Time::ZERO, Event::Tasks);
        }
        let mut quiet = false;
        for _ in 0..MOST_EVENTS {
            quiet = !self.step();
            if quiet {
                break;
            }
        }
        let mut ran = Ran::default();
        let mut world = lock(&self.nodes[0].world);
        for (index, node) in self.nodes.iter().enumerate() {
            let World { medium, providers, .. } = &mut *world;
            let now = medium.now;
            let provider = &mut providers[index];
            let findings = if quiet { provider.finish_quiescent(medium, now) } else { provider.finish(now) };
            ran.found.extend(findings.iter().map(|finding| Found {
                node: index,
                rule: Some(finding.rule),
                side: finding.side(),
                text: finding.to_string(),
            }));
            ran.unfinished += node.runtime.unfinished();
        }
        ran
    }
}
