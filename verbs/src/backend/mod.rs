//! The provider's seam over a verbs device.
//!
//! Reading order: [`inbox`] (what threads report), [`worker`] and [`reactor`] (the two threads), [`open`] (what the device can
//! do), [`objects`] (creation and destruction), [`post`], [`completions`], [`traffic`] (what they come to), [`dialogue`] (a connection as a state machine) and
//! [`connections`] (the machine's acts).

mod completions;
mod connections;
mod dialogue;
mod inbox;
mod objects;
mod open;
mod post;
mod reactor;
mod traffic;
mod worker;

pub use inbox::Signal;
pub use open::{Options, devices};
pub use traffic::{Moved, Traffic};

use crate::PinnedMemory;
use crate::sys::{Channel, CmChannel, Device, Mr, Mw, Pd, Qp, Srq};
use completions::Queue;
use connections::{Connection, Listener};
use des::Time;
use host::HostBus;
use inbox::{Inbox, News};
use provider::backend::{
    Backend, Capabilities, Command, CommandId, CommandOutput, CommandResult, CqId, Event, Execution, QpId, Resource,
    SendRequest, SrqId, Submitted, WorkCompletion,
};
use provider::ndk::{Sge, Status};
use reactor::Reactor;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use traffic::Posted;
use worker::Worker;

/// A queue pair with what is known of it here.
#[derive(Debug)]
struct Pair {
    qp: Arc<Qp>,
    /// Its end has been told.
    failed: bool,
    /// Once it is connected.
    peer: Option<IpAddr>,
    posted: Posted,
}

impl Pair {
    fn new(qp: Qp) -> Self {
        Self { qp: Arc::new(qp), failed: false, peer: None, posted: Posted::default() }
    }
}

/// Who has a queue pair's number, and where its completions may lie.
#[derive(Clone, Copy, Debug)]
struct Owner {
    qp: u32,
    cqs: [u32; 2],
}

/// A verbs device as a [`Backend`].
///
/// Buffers come from [`memory`](Self::memory). Somebody must wait on [`signal`](Self::signal) and then call
/// [`interrupt`](Backend::interrupt); nothing here runs on a timer.
#[derive(Debug)]
pub struct VerbsBackend {
    // In the order in which they end: threads, then children before parents (which the objects see to by themselves).
    worker: Worker,
    reactor: Reactor,
    connections: BTreeMap<u32, Connection>,
    listeners: BTreeMap<u32, Listener>,
    pairs: BTreeMap<u32, Pair>,
    owners: BTreeMap<u32, Owner>,
    queues: BTreeMap<u32, Queue>,
    srqs: BTreeMap<u32, Arc<Srq>>,
    windows: BTreeMap<u32, Arc<Mw>>,
    regions: BTreeMap<u32, Arc<Mr>>,
    pds: BTreeMap<u32, Arc<Pd>>,
    inbox: Arc<Inbox>,
    events: VecDeque<Event>,
    connection_numbers: Arc<AtomicU32>,
    last_id: u32,
    last_command: u32,
    device_failed: bool,
    memory: PinnedMemory,
    traffic: Traffic,
    capabilities: Capabilities,
    iwarp: bool,
    options: Options,
    channel: Arc<Channel>,
    cm: Arc<CmChannel>,
    device: Arc<Device>,
}

impl VerbsBackend {
    /// Where the device's buffers must come from.
    #[must_use]
    pub fn memory(&self) -> &PinnedMemory {
        &self.memory
    }

    /// Tells when [`interrupt`](Backend::interrupt) has something to do.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal::new(&self.inbox)
    }

    /// What its requests have moved.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The device's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.device.name()
    }

    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    fn next_command(&mut self) -> CommandId {
        self.last_command += 1;
        CommandId(self.last_command)
    }

    /// A result that is there already, as the caller wants to have it.
    fn deliver(&mut self, how: Execution, result: CommandResult) -> Submitted {
        match how {
            Execution::Inline => Submitted::Done(result),
            Execution::Queued => {
                let command = self.next_command();
                self.events.push_back(Event::CommandDone { command, result });
                Submitted::Queued(command)
            }
        }
    }

    /// Takes in what the threads have reported.
    fn take_in(&mut self) {
        for news in self.inbox.take() {
            match news {
                News::Done { command, made } => {
                    let result = made.and_then(|made| self.install(made));
                    self.events.push_back(Event::CommandDone { command, result });
                }
                News::CqEvent(cq) => self.queue_event(cq),
                News::Async(event) => self.device_event(event),
                News::Cm(event) => self.hear(event),
            }
        }
    }

    /// Waits for a command's end and takes it out of the events.
    fn wait_for(&mut self, wanted: CommandId) -> CommandResult {
        loop {
            self.take_in();
            let is_it = |event: &Event| matches!(event, Event::CommandDone { command, .. } if *command == wanted);
            if let Some(at) = self.events.iter().position(is_it)
                && let Some(Event::CommandDone { result, .. }) = self.events.remove(at)
            {
                return result;
            }
            self.inbox.wait(None);
        }
    }
}

impl Backend for VerbsBackend {
    type Host = dyn HostBus;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, _host: &mut Self::Host, how: Execution, command: Command<'_>) -> Submitted {
        match command {
            Command::Connect { .. }
            | Command::Accept { .. }
            | Command::Disconnect(_)
            | Command::CompleteConnect(_)
            | Command::Reject { .. }
            | Command::Listen { .. }
            | Command::PauseListener { .. }
            | Command::Destroy(Resource::Connection(_) | Resource::Listener(_)) => match self.converse(command) {
                Ok(Submitted::Queued(command)) if how == Execution::Inline => Submitted::Done(self.wait_for(command)),
                Ok(Submitted::Done(result)) => self.deliver(how, result),
                Ok(queued) => queued,
                Err(status) => Submitted::Done(Err(status)),
            },
            command => match (self.job(command), how) {
                (Err(status), _) => Submitted::Done(Err(status)),
                (Ok(job), Execution::Inline) => Submitted::Done(job().and_then(|made| self.install(made))),
                (Ok(job), Execution::Queued) => {
                    let command = self.next_command();
                    self.worker.start(command, job);
                    Submitted::Queued(command)
                }
            },
        }
    }

    fn cancel(&mut self, _host: &mut Self::Host, command: CommandId) {
        self.give_up(command);
    }

    fn post_send(&mut self, _host: &mut Self::Host, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        self.send(qp, request)
    }

    /// Nothing to do: verbs has no post without a doorbell, so requests are on their way already.
    fn ring(&mut self, _host: &mut Self::Host, _qp: QpId) {}

    fn post_receive(&mut self, _host: &mut Self::Host, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.receive(qp, id, sgl)
    }

    fn post_srq_receive(&mut self, _host: &mut Self::Host, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.shared_receive(srq, id, sgl)
    }

    fn read_local(&mut self, _host: &mut Self::Host, address: u64, into: &mut [u8]) -> Result<(), Status> {
        host::Arena::read(&self.memory, address, into).map_err(|_| Status::ACCESS_VIOLATION)
    }

    fn poll(&mut self, _host: &mut Self::Host, cq: CqId) -> Option<WorkCompletion> {
        self.take_completion(cq)
    }

    fn arm(&mut self, _host: &mut Self::Host, cq: CqId, solicited_only: bool) {
        self.arm_queue(cq, solicited_only);
    }

    fn interrupt(&mut self, _host: &mut Self::Host, _now: Time, _vector: u16) {
        self.take_in();
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _host: &mut Self::Host, _now: Time) {}
}

impl Drop for VerbsBackend {
    fn drop(&mut self) {
        self.worker.stop();
        self.reactor.stop();
        // Requests to connect that nobody took are refused.
        self.inbox.take();
    }
}

/// The end of a command that yields nothing.
const DONE: CommandResult = Ok(CommandOutput::Done);
