//! Commands of the provider as commands of the device, one after the other.

use super::SimBackend;
use super::command::{Answer, status_of};
use super::connect::Acceptance;
use super::cq::{self, CompletionQueue};
use super::memory::{self, Region, Window};
use super::object::{QpSpec, QueuePair, SharedQueue, id_of_key};
use super::ring::DmaBuffer;
use crate::backend::{
    Command, CommandId, CommandOutput, CommandResult, ConnectionId, CqId, Event, Execution, MrId, MwId, PdId, QpId,
    Resource, SrqId, Submitted,
};
use crate::ndk::Status;
use host::HostBus;
use nic_model::regs::cmd::{Command as DeviceCommand, CqContext, QpAttributes, QpMask, QpState, QpType, Reply, Rights};
use wire::Bth;

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
    CreateQp(Box<QueuePair>),
    Initialize(QpId),
    /// A queue pair that could not be initialized goes again.
    Undo(QpId, Status),
    Register,
    CreateFastRegister {
        max_pages: u32,
    },
    CreateWindow,
    Destroy(Resource),
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

/// Attributes that take a new queue pair to INIT. What the peer may do is decided by regions and windows.
const TO_INIT: QpAttributes = {
    let blank = QpAttributes {
        state: QpState::INIT,
        mask: QpMask::from_bits_retain(QpMask::PKEY.bits() | QpMask::PORT.bits() | QpMask::ACCESS.bits()),
        access: Rights::from_bits_retain(Rights::REMOTE_READ.bits() | Rights::REMOTE_WRITE.bits()),
        pkey: Bth::DEFAULT_PKEY,
        port: super::device::PORT,
        ..super::connect::BLANK
    };
    blank
};

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
                (Next::Run(_, task), _) if self.failed => {
                    next = self.finish(host, id, task, Err(Status::INTERNAL_ERROR))
                }
                (Next::Run(command, task), Execution::Inline) => {
                    let answer = self.commands.poll(host, &command);
                    if answer.is_err() {
                        self.device_failed(host);
                    }
                    let reply = answer.map_or(Err(Status::INTERNAL_ERROR), reply_of);
                    next = self.finish(host, id, task, reply);
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
            let next = self.finish(host, id, task, reply_of(answer));
            self.go_on(host, id, next);
        }
    }

    fn begin(&mut self, host: &mut dyn HostBus, id: CommandId, command: Command<'_>) -> Next {
        match command {
            Command::CreatePd => Next::Run(DeviceCommand::AllocPd, Task::CreatePd),
            Command::CreateCq { depth, vector } => self.create_cq(host, depth, vector).into(),
            Command::ResizeCq { cq, depth } => self.resize_cq(host, cq, depth).into(),
            Command::ModerateCq { cq, interval_us, count } => {
                let cut = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
                let (interval_us, count) = (cut(interval_us), cut(count));
                Next::Run(DeviceCommand::ModerateCq { cqn: cq.0, interval_us, count }, Task::Plain)
            }
            Command::CreateSrq { pd, depth, max_sge } => self.create_srq(host, pd, depth, max_sge).into(),
            Command::SetSrqLimit { srq, limit } => {
                Next::Run(DeviceCommand::SetSrqLimit { srqn: srq.0, limit }, Task::Plain)
            }
            Command::CreateQp {
                pd,
                send_cq,
                receive_cq,
                srq,
                send_depth,
                receive_depth,
                max_send_sge,
                max_receive_sge,
                max_inline_bytes,
            } => {
                let qp_type = QpType::RC;
                let spec = QpSpec {
                    qp_type,
                    pd,
                    send_cq,
                    receive_cq,
                    srq,
                    send_depth,
                    receive_depth,
                    max_send_sge,
                    max_receive_sge,
                    max_inline_bytes,
                };
                self.create_qp(host, &spec).into()
            }
            Command::FlushQp(qp) => self.to_error(qp, Ok(CommandOutput::Done)),
            Command::RegisterMr { pd, mdl, length_bytes, rights } => {
                memory::register(pd, mdl, length_bytes, rights, &self.limits)
                    .map(|command| Next::Run(command, Task::Register))
                    .into()
            }
            Command::CreateFastRegisterMr { pd, max_pages } => {
                Next::Run(memory::fast_register(pd, max_pages), Task::CreateFastRegister { max_pages })
            }
            Command::CreateMw { pd } => Next::Run(memory::window(pd), Task::CreateWindow),
            Command::Destroy(resource) => self.destroy(host, resource),
            Command::Listen { .. }
            | Command::PauseListener { .. }
            | Command::Connect { .. }
            | Command::CompleteConnect(_)
            | Command::Accept { .. }
            | Command::Reject { .. }
            | Command::Disconnect(_) => self.begin_connection(host, id, command),
        }
    }

    fn create_cq(&mut self, host: &mut dyn HostBus, depth: u32, vector: u16) -> Result<Next, Status> {
        if depth == 0 || depth > self.capabilities.max_cq_depth {
            return Err(Status::INVALID_PARAMETER);
        }
        let cq = CompletionQueue::allocate(host.memory(), depth);
        let context = CqContext {
            ring_address: cq.ring_address(),
            record_address: cq.record_address(),
            log_entries: cq.log_entries(),
            eqn: self.event_queues[usize::from(vector) % self.event_queues.len()].eqn,
            consumer: 0,
        };
        Ok(Next::Run(DeviceCommand::CreateCq(context), Task::CreateCq(cq)))
    }

    fn resize_cq(&mut self, host: &mut dyn HostBus, cq: CqId, depth: u32) -> Result<Next, Status> {
        if depth == 0 || depth > self.capabilities.max_cq_depth {
            return Err(Status::INVALID_PARAMETER);
        }
        let consumer = self.cqs.get(&cq).ok_or(Status::INVALID_PARAMETER)?.consumer();
        let (ring, log_entries) = cq::allocate_unused(host.memory(), depth);
        let context = CqContext { ring_address: ring.address, log_entries, consumer, ..CqContext::default() };
        Ok(Next::Run(DeviceCommand::ResizeCq(cq.0, context), Task::ResizeCq { cq, ring, log_entries }))
    }

    fn create_srq(&mut self, host: &mut dyn HostBus, pd: PdId, depth: u32, max_sge: u32) -> Result<Next, Status> {
        let device = &self.capabilities;
        if depth == 0 || depth > device.max_srq_depth || max_sge > device.max_receive_sge {
            return Err(Status::INVALID_PARAMETER);
        }
        let (srq, context) = SharedQueue::allocate(host.memory(), pd, depth, max_sge);
        Ok(Next::Run(DeviceCommand::CreateSrq(context), Task::CreateSrq(srq)))
    }

    fn create_qp(&mut self, host: &mut dyn HostBus, spec: &QpSpec) -> Result<Next, Status> {
        let device = &self.capabilities;
        let fits = spec.send_depth <= device.max_send_depth
            && spec.receive_depth <= device.max_receive_depth
            && spec.max_send_sge <= device.max_send_sge
            && spec.max_receive_sge <= device.max_receive_sge
            && spec.max_inline_bytes <= device.max_inline_bytes;
        if !fits {
            return Err(Status::INVALID_PARAMETER);
        }
        let (qp, context) = QueuePair::allocate(host.memory(), spec);
        Ok(Next::Run(DeviceCommand::CreateQp(context), Task::CreateQp(Box::new(qp))))
    }

    /// Moves a queue pair to the error state, then ends with `result`.
    pub(super) fn to_error(&mut self, id: QpId, result: CommandResult) -> Next {
        match self.qps.get_mut(&id) {
            // Flushed already, or gone.
            Some(qp) if qp.state == QpState::ERROR => Next::End(result),
            None => Next::End(result),
            Some(qp) => {
                qp.state = QpState::ERROR;
                let attributes = QpAttributes { state: QpState::ERROR, ..QpAttributes::default() };
                Next::Run(DeviceCommand::ModifyQp(id.0, attributes), Task::Ended(result))
            }
        }
    }

    fn destroy(&mut self, host: &mut dyn HostBus, resource: Resource) -> Next {
        let command = match resource {
            Resource::Pd(pd) => DeviceCommand::DeallocPd(pd.0),
            Resource::Cq(cq) => DeviceCommand::DestroyCq(cq.0),
            Resource::Srq(srq) => DeviceCommand::DestroySrq(srq.0),
            Resource::Qp(qp) => DeviceCommand::DestroyQp(qp.0),
            Resource::Mr(mr) => match self.regions.get(&mr) {
                Some(region) => DeviceCommand::DestroyMkey(region.key),
                None => return Next::End(Err(Status::INVALID_PARAMETER)),
            },
            Resource::Mw(mw) => match self.windows.get(&mw) {
                Some(window) => DeviceCommand::DestroyMkey(window.key),
                None => return Next::End(Err(Status::INVALID_PARAMETER)),
            },
            Resource::Listener(_) | Resource::Connection(_) => return self.end_endpoint(host, resource),
        };
        Next::Run(command, Task::Destroy(resource))
    }

    fn finish(&mut self, host: &mut dyn HostBus, id: CommandId, task: Task, reply: Result<Reply, Status>) -> Next {
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
            (Task::CreateQp(mut qp), Ok(reply)) => {
                let id = QpId(reply.result);
                qp.uar_page = u64::from(id.0) % self.uar_pages;
                self.qps.insert(id, *qp);
                Next::Run(DeviceCommand::ModifyQp(id.0, TO_INIT), Task::Initialize(id))
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
            (Task::Register, Ok(reply)) => self.region(reply.result, 0),
            (Task::CreateFastRegister { max_pages }, Ok(reply)) => self.region(reply.result, max_pages),
            (Task::CreateWindow, Ok(reply)) => {
                let (key, mw) = (reply.result, MwId(id_of_key(reply.result)));
                self.windows.insert(mw, Window { key });
                Next::End(Ok(CommandOutput::Keys { resource: Resource::Mw(mw), local: key, remote: key }))
            }
            (Task::Destroy(resource), reply) => {
                // A device that failed uses nothing any more.
                if reply.is_ok() || self.failed {
                    self.forget(host, resource);
                }
                Next::End(if self.failed { Ok(CommandOutput::Done) } else { reply.map(|_| CommandOutput::Done) })
            }
            (Task::CreateCq(cq), Err(status)) => {
                cq.free(host.memory());
                Next::End(Err(status))
            }
            (Task::ResizeCq { ring, .. }, Err(status)) => {
                ring.free(host.memory());
                Next::End(Err(status))
            }
            (Task::CreateSrq(srq), Err(status)) => {
                srq.free(host.memory());
                Next::End(Err(status))
            }
            (Task::CreateQp(qp), Err(status)) => {
                qp.free(host.memory());
                Next::End(Err(status))
            }
            (task, reply) => self.finish_connection(host, id, task, reply),
        }
    }

    fn region(&mut self, key: u32, max_pages: u32) -> Next {
        let mr = MrId(id_of_key(key));
        self.regions.insert(mr, Region::new(key, max_pages));
        Next::End(Ok(CommandOutput::Keys { resource: Resource::Mr(mr), local: key, remote: key }))
    }
}

fn reply_of(answer: Answer) -> Result<Reply, Status> {
    answer.map_err(status_of)
}
