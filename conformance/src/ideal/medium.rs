//! Both devices, both memories, and what they will do when.

use bytes::Bytes;
use des::{Dur, Time};
use host::{HostMemory, Mdl};
use provider::backend::{
    CommandId, CommandResult, ConnectionId, CqId, Event, PdId, QpId, Resource, SrqId, WorkCompletion,
};
use provider::ndk::{MrFlags, Sge, Status};
use std::collections::{BTreeMap, VecDeque};

use super::connect::{Connection, Listener};
use super::work::Queued;

/// A command of the device.
const COMMAND: Dur = Dur::from_us(1);
/// From a device's event to its interrupt.
const INTERRUPT: Dur = Dur::from_ns(200);

/// What a device does later.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// The node's provider looks for events.
    Interrupt,
    /// A queued command ends so.
    Done(CommandId, CommandResult),
    /// The next request of a send queue executes.
    Execute(QpId),
    /// A connection request or its answer arrives.
    Signal(Signal),
}

/// What one connection manager tells the other.
#[derive(Clone, Debug)]
pub(super) enum Signal {
    Request { from: ConnectionId },
    Accepted { at: ConnectionId },
    Refused { at: ConnectionId, private_data: Bytes },
    Completed { at: ConnectionId },
    GaveUp { at: ConnectionId },
    Disconnected { at: ConnectionId, by: ConnectionId },
    Acknowledged { at: ConnectionId },
    TimedOut { at: ConnectionId },
}

/// A completion queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Cq {
    pub(super) depth: usize,
    pub(super) entries: VecDeque<WorkCompletion>,
    /// Armed, and whether for solicited entries and errors alone.
    pub(super) armed: Option<bool>,
}

/// Receives that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Receives {
    pub(super) waiting: VecDeque<(u64, Vec<Sge>)>,
    /// Report when fewer are left.
    pub(super) limit: usize,
}

/// A queue pair.
#[derive(Clone, Debug)]
pub(super) struct Qp {
    pub(super) pd: PdId,
    pub(super) send_cq: CqId,
    pub(super) receive_cq: CqId,
    pub(super) srq: Option<SrqId>,
    pub(super) own: Receives,
    /// Posted; those up to `rung` may execute.
    pub(super) sends: VecDeque<Queued>,
    pub(super) rung: usize,
    pub(super) executing: bool,
    /// Times that the request in front found no receive.
    pub(super) retries: u32,
    pub(super) peer: Option<QpId>,
    pub(super) broken: bool,
}

/// What a key reaches.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) key: u32,
    pub(super) pd: PdId,
    pub(super) base: u64,
    pub(super) length: u64,
    pub(super) mdl: Mdl,
    pub(super) rights: MrFlags,
    pub(super) valid: bool,
}

/// One device.
#[derive(Clone, Debug, Default)]
pub(super) struct Device {
    pub(super) inbox: VecDeque<Event>,
    interrupt_due: bool,
    pub(super) commands: BTreeMap<CommandId, Option<ConnectionId>>,
    pub(super) cqs: BTreeMap<CqId, Cq>,
    pub(super) srqs: BTreeMap<SrqId, Receives>,
    pub(super) qps: BTreeMap<QpId, Qp>,
    /// Regions and windows, by what they are.
    pub(super) regions: BTreeMap<Resource, Region>,
    pub(super) listeners: BTreeMap<provider::backend::ListenerId, Listener>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
}

/// Both nodes below their providers.
#[derive(Clone, Debug)]
pub struct Medium {
    pub(super) now: Time,
    pub(super) memories: [HostMemory; 2],
    pub(super) devices: [Device; 2],
    pub(super) agenda: BTreeMap<(Time, u64), (usize, Action)>,
    last_number: u64,
}

impl Default for Medium {
    fn default() -> Self {
        Self {
            now: Time::ZERO,
            memories: [HostMemory::new(), HostMemory::new()],
            devices: Default::default(),
            agenda: BTreeMap::new(),
            last_number: 0,
        }
    }
}

impl Medium {
    /// A number that was not used before.
    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn later(&mut self, node: usize, after: Dur, action: Action) {
        let key = (self.now + after, self.number());
        self.agenda.insert(key, (node, action));
    }

    /// Tells a node's provider of an event.
    pub(super) fn raise(&mut self, node: usize, event: Event) {
        self.devices[node].inbox.push_back(event);
        if !std::mem::replace(&mut self.devices[node].interrupt_due, true) {
            self.later(node, INTERRUPT, Action::Interrupt);
        }
    }

    /// A command that ends after the usual time.
    pub(super) fn queue(&mut self, node: usize, result: CommandResult) -> CommandId {
        let command = self.open_command(node, None);
        self.later(node, COMMAND, Action::Done(command, result));
        command
    }

    /// A command that ends when the peer lets it.
    pub(super) fn open_command(&mut self, node: usize, connection: Option<ConnectionId>) -> CommandId {
        let command = CommandId(self.number() as u32);
        self.devices[node].commands.insert(command, connection);
        command
    }

    pub(super) fn done(&mut self, node: usize, command: CommandId, result: CommandResult) {
        if self.devices[node].commands.remove(&command).is_some() {
            self.raise(node, Event::CommandDone { command, result });
        }
    }

    /// The next moment at which something happens.
    pub(super) fn next(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Carries out what is next, and tells which node's provider must look.
    pub(super) fn step(&mut self) -> Option<usize> {
        let ((at, _), (node, action)) = self.agenda.pop_first()?;
        self.now = self.now.max(at);
        match action {
            Action::Interrupt => {
                self.devices[node].interrupt_due = false;
                return Some(node);
            }
            Action::Done(command, result) => self.done(node, command, result),
            Action::Execute(qp) => self.execute(node, qp),
            Action::Signal(signal) => self.signal(node, signal),
        }
        None
    }

    /// Carries out what is next, up to an interrupt; whether there was one. For who has one provider alone, that of node 0.
    pub fn until_interrupt(&mut self) -> bool {
        while self.next().is_some() {
            if self.step().is_some() {
                return true;
            }
        }
        false
    }

    /// Puts an entry into a completion queue.
    pub(super) fn complete(&mut self, node: usize, id: CqId, completion: WorkCompletion) {
        let counts = completion.solicited || completion.status != Status::SUCCESS;
        let Some(cq) = self.devices[node].cqs.get_mut(&id) else { return };
        if cq.entries.len() >= cq.depth {
            return self.raise(node, Event::CqError { cq: id, overrun: true });
        }
        cq.entries.push_back(completion);
        if cq.armed.is_some_and(|solicited_only| counts || !solicited_only) {
            cq.armed = None;
            self.raise(node, Event::CqReady(id));
        }
    }
}
