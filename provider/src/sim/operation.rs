//! Commands of the provider as commands of the device, one after the other.

use super::SimBackend;
use super::attributes;
use super::command::{Answer, status_of};
use super::connect::Acceptance;
use super::cq::CompletionQueue;
use super::memory::{Mapping, Region, Window};
use super::object::{QueuePair, SharedQueue, id_of_key};
use super::ring::DmaBuffer;
use crate::backend::{
    Command, CommandId, CommandOutput, CommandResult, ConnectionId, CqId, Event, Execution, MrId, MwId, PdId, QpId,
    Resource, SrqId, Submitted,
};
use crate::ndk::Status;
use host::HostBus;
use nic_model::regs::cmd::{Command as DeviceCommand, QpState, Reply};

/// A close cannot fail, so an object that the device does not let go of is tried again, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    Last,
}

/// What an operation waits for the device to do.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Nothing follows.
    Plain,
    /// The result is known, whatever becomes of the command.
    Ended(CommandResult),
    CreatePd,
    CreateCq(CompletionQueue),
    ResizeCq {
        cq: CqId,
        ring: DmaBuffer,
        log_entries: u8,
    },
    CreateSrq(SharedQueue),
    ResizeSrq {
        srq: SrqId,
        depth: u32,
    },
    CreateQp(Box<QueuePair>),
    Initialize(QpId),
    /// A queue pair that could not be initialized goes again.
    Undo(QpId, Status),
    Register(Option<Mapping>),
    CreateFastRegister {
        max_pages: u32,
    },
    CreateWindow,
    Destroy(Resource, Attempt),
    ConnectToReceive(ConnectionId),
    ConnectToSend(ConnectionId),
    AcceptToReceive(Box<Acceptance>),
    AcceptToSend(Box<Acceptance>),
}

/// How an operation goes on.
pub(super) enum Next {
    /// With a command of the device.
    Run(DeviceCommand, Task),
    /// When the network has something to tell.
    Wait,
    /// Not at all.
    End(CommandResult),
}

/// An operation ends with its first failure.
impl From<Result<Self, Status>> for Next {
    fn from(result: Result<Self, Status>) -> Self {
        result.unwrap_or_else(|status| Self::End(Err(status)))
    }
}

impl Next {
    pub(super) const DONE: Self = Self::End(Ok(CommandOutput::Done));
}

impl SimBackend {
    pub(super) fn run(&mut self, host: &mut dyn HostBus, how: Execution, command: Command<'_>) -> Submitted {
        let id = self.fresh_command();
        let next = self.begin(host, id, command);
        match (self.drive(host, id, how, next), how) {
            (Some(result @ Err(_)), _) | (Some(result), Execution::Inline) => Submitted::Done(result),
            (Some(result), Execution::Queued) => {
                self.events.push_back(Event::CommandDone { command: id, result });
                Submitted::Queued(id)
            }
            (None, _) => Submitted::Queued(id),
        }
    }

    /// Follows an operation until it ends, or has to wait.
    fn drive(
        &mut self,
        host: &mut dyn HostBus,
        id: CommandId,
        how: Execution,
        mut next: Next,
    ) -> Option<CommandResult> {
        loop {
            match (next, how) {
                (Next::End(result), _) => return Some(result),
                (Next::Wait, _) => return None,
                (Next::Run(_, task), _) if self.failed => next = self.finish(host, task, Err(Status::INTERNAL_ERROR)),
                (Next::Run(command, task), Execution::Inline) => {
                    let answer = self.commands.poll(host, &command);
                    if answer.is_err() {
                        self.device_failed(host);
                    }
                    let reply = answer.map_or(Err(Status::INTERNAL_ERROR), reply_of);
                    next = self.finish(host, task, reply);
                }
                (Next::Run(command, task), Execution::Queued) => {
                    self.operations.insert(id, task);
                    self.commands.queue(host, id.0, command);
                    return None;
                }
            }
        }
    }

    /// An operation goes on after an event.
    pub(super) fn go_on(&mut self, host: &mut dyn HostBus, id: CommandId, next: Next) {
        if let Some(result) = self.drive(host, id, Execution::Queued, next) {
            self.events.push_back(Event::CommandDone { command: id, result });
        }
    }

    /// A queued command of the device has run.
    pub(super) fn answered(&mut self, host: &mut dyn HostBus, token: u32, answer: Answer) {
        let id = CommandId(token);
        if let Some(task) = self.operations.remove(&id) {
            let next = self.finish(host, task, reply_of(answer));
            self.go_on(host, id, next);
        }
    }

    fn finish(&mut self, host: &mut dyn HostBus, task: Task, reply: Result<Reply, Status>) -> Next {
        let created = |resource| Next::End(Ok(CommandOutput::Created(resource)));
        match (task, reply) {
            (Task::Plain, reply) => Next::End(reply.map(|_| CommandOutput::Done)),
            (Task::Ended(result), _) => Next::End(result),
            (Task::CreatePd, Ok(reply)) => created(Resource::Pd(PdId(reply.result))),
            (Task::CreateCq(cq), Ok(reply)) => {
                self.cqs.insert(CqId(reply.result), cq);
                created(Resource::Cq(CqId(reply.result)))
            }
            (Task::ResizeCq { cq, ring, log_entries }, Ok(reply)) => {
                self.resized(host, cq, ring, log_entries, reply.result);
                Next::DONE
            }
            (Task::CreateSrq(srq), Ok(reply)) => {
                self.srqs.insert(SrqId(reply.result), srq);
                created(Resource::Srq(SrqId(reply.result)))
            }
            (Task::ResizeSrq { srq, depth }, reply) => {
                if let Some(queue) = self.srqs.get_mut(&srq) {
                    queue.end_growth(host.memory(), reply.is_ok());
                    if reply.is_ok() {
                        queue.receives.set_depth(depth);
                    }
                }
                Next::End(reply.map(|_| CommandOutput::Done))
            }
            (Task::CreateQp(qp), Ok(reply)) => {
                let id = QpId(reply.result);
                self.qps.insert(id, qp);
                Next::Run(DeviceCommand::ModifyQp(id.0, attributes::to_init()), Task::Initialize(id))
            }
            (Task::Initialize(id), Ok(_)) => {
                if let Some(qp) = self.qps.get_mut(&id) {
                    qp.state = QpState::INIT;
                }
                created(Resource::Qp(id))
            }
            (Task::Initialize(id), Err(status)) => Next::Run(DeviceCommand::DestroyQp(id.0), Task::Undo(id, status)),
            (Task::Undo(id, status), _) => {
                self.forget(host, Resource::Qp(id));
                Next::End(Err(status))
            }
            (Task::Register(mapping), Ok(reply)) => self.region(reply.result, 0, mapping),
            (Task::CreateFastRegister { max_pages }, Ok(reply)) => self.region(reply.result, max_pages, None),
            (Task::CreateWindow, Ok(reply)) => {
                let (key, mw) = (reply.result, MwId(id_of_key(reply.result)));
                self.windows.insert(mw, Window { key });
                Next::End(Ok(CommandOutput::Keys { resource: Resource::Mw(mw), local: key, remote: key }))
            }
            (Task::Destroy(resource, attempt), reply) => self.destroyed(host, resource, attempt, reply.map(drop)),
            (
                task @ (Task::CreateCq(_)
                | Task::ResizeCq { .. }
                | Task::CreateSrq(_)
                | Task::CreateQp(_)
                | Task::Register(_)),
                Err(status),
            ) => {
                unmake(host, task);
                Next::End(Err(status))
            }
            (task, reply) => self.finish_connection(host, task, reply),
        }
    }

    fn destroyed(
        &mut self,
        host: &mut dyn HostBus,
        resource: Resource,
        attempt: Attempt,
        outcome: Result<(), Status>,
    ) -> Next {
        if outcome.is_err() && !self.failed {
            if attempt == Attempt::First {
                return self.destroy(host, resource, Attempt::Last);
            }
            // The device keeps what nobody can close any more.
            self.device_failed(host);
        }
        // A device that failed uses nothing any more.
        self.forget(host, resource);
        Next::DONE
    }

    fn region(&mut self, key: u32, max_pages: u32, mapping: Option<Mapping>) -> Next {
        let mr = MrId(id_of_key(key));
        self.regions.insert(mr, Region::new(key, max_pages, mapping));
        Next::End(Ok(CommandOutput::Keys { resource: Resource::Mr(mr), local: key, remote: key }))
    }
}

/// Frees the rings of an object that the device did not make.
fn unmake(host: &mut dyn HostBus, task: Task) {
    match task {
        Task::CreateCq(cq) => cq.free(host.memory()),
        Task::ResizeCq { ring, .. } => ring.free(host.memory()),
        Task::CreateSrq(srq) => srq.free(host.memory()),
        Task::CreateQp(qp) => qp.free(host.memory()),
        Task::Register(Some(mapping)) => mapping.free(host.memory()),
        _ => {}
    }
}

fn reply_of(answer: Answer) -> Result<Reply, Status> {
    answer.map_err(status_of)
}
