//! What the provider's commands begin with at the device.

use super::SimBackend;
use super::attributes;
use super::cq::{self, CompletionQueue};
use super::memory::{self, Mapping};
use super::object::{QpSpec, QueuePair, SharedQueue};
use super::operation::{Attempt, Next, Task};
use crate::backend::{Command, CommandId, CommandOutput, CommandResult, CqId, PdId, QpId, Resource, SrqId};
use crate::ndk::Status;
use host::HostBus;
use nic_model::regs::cmd::{Command as DeviceCommand, CqContext, QpState, QpType};

impl SimBackend {
    pub(super) fn begin(&mut self, host: &mut dyn HostBus, id: CommandId, command: Command<'_>) -> Next {
        match command {
            // Of a device that failed, only memory is left to be freed.
            command if self.failed && !matches!(command, Command::Destroy(_)) => Next::End(Err(Status::INTERNAL_ERROR)),
            command if allocates(&command) && !host.has_memory() => Next::End(Err(Status::INSUFFICIENT_RESOURCES)),
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
            Command::ResizeSrq { srq, depth } => self.resize_srq(host, srq, depth).into(),
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
            Command::FlushQp(qp) => self.flush(qp, Ok(CommandOutput::Done)),
            Command::RegisterMr { pd, mdl, length_bytes, rights } => {
                let rights = memory::rights_of(rights);
                memory::register(pd, mdl, length_bytes, rights, &self.limits)
                    .map(|(context, mut pages)| {
                        let mapping = Mapping::of_region(host.memory(), &context, &mut pages);
                        Next::Run(DeviceCommand::CreateMkey(context, pages), Task::Register(mapping))
                    })
                    .into()
            }
            Command::CreateFastRegisterMr { max_pages, .. }
                if max_pages == 0 || max_pages > self.capabilities.max_fast_register_pages =>
            {
                Next::End(Err(Status::INVALID_PARAMETER))
            }
            Command::CreateFastRegisterMr { pd, max_pages } => {
                Next::Run(memory::fast_register(pd, max_pages), Task::CreateFastRegister { max_pages })
            }
            Command::CreateMw { pd } => Next::Run(memory::window(pd), Task::CreateWindow),
            Command::Destroy(resource) => self.destroy(host, resource, Attempt::First),
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
        let cq = CompletionQueue::allocate(host.memory(), depth, self.next_uar_page());
        let context = CqContext {
            ring_address: cq.ring_address(),
            record_address: cq.record_address(),
            log_entries: cq.log_entries(),
            eqn: self.event_queues[usize::from(vector) % self.event_queues.len()].eqn,
            consumer: 0,
            uar_page: cq.uar_page,
        };
        Ok(Next::Run(DeviceCommand::CreateCq(context), Task::CreateCq(cq)))
    }

    /// Queues take the pages in turn.
    const fn next_uar_page(&mut self) -> u32 {
        self.last_uar_page = (self.last_uar_page + 1) % self.uar_pages;
        self.last_uar_page
    }

    fn resize_cq(&mut self, host: &mut dyn HostBus, cq: CqId, depth: u32) -> Result<Next, Status> {
        if depth == 0 || depth > self.capabilities.max_cq_depth {
            return Err(Status::INVALID_PARAMETER);
        }
        let consumer = self.cqs.get(&cq).ok_or(Status::INVALID_PARAMETER)?.consumer();
        let (ring, log_entries) = cq::allocate_unused(host.memory(), depth);
        let context = CqContext { ring_address: ring.bus_address, log_entries, consumer, ..CqContext::default() };
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

    fn resize_srq(&mut self, host: &mut dyn HostBus, srq: SrqId, depth: u32) -> Result<Next, Status> {
        let queue = self.srqs.get_mut(&srq).ok_or(Status::INVALID_PARAMETER)?;
        if depth > self.capabilities.max_srq_depth {
            return Err(Status::INVALID_PARAMETER);
        }
        if queue.receives.is_growing() {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        if queue.receives.holds(depth) {
            queue.receives.set_depth(depth);
            return Ok(Next::DONE);
        }
        let context = queue.begin_growth(host.memory(), depth);
        Ok(Next::Run(DeviceCommand::ResizeSrq(srq.0, context), Task::ResizeSrq { srq, depth }))
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
        let (qp, context) = QueuePair::allocate(host.memory(), spec, self.next_uar_page());
        Ok(Next::Run(DeviceCommand::CreateQp(context), Task::CreateQp(Box::new(qp))))
    }

    /// Moves a queue pair to the error state, then ends with `result`.
    pub(super) fn flush(&mut self, id: QpId, result: CommandResult) -> Next {
        match self.qps.get_mut(&id) {
            // Flushed already, or gone.
            Some(qp) if qp.state == QpState::ERROR => Next::End(result),
            None => Next::End(result),
            Some(qp) => {
                qp.state = QpState::ERROR;
                Next::Run(DeviceCommand::ModifyQp(id.0, attributes::to_error()), Task::Ended(result))
            }
        }
    }

    pub(super) fn destroy(&mut self, host: &mut dyn HostBus, resource: Resource, attempt: Attempt) -> Next {
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
        Next::Run(command, Task::Destroy(resource, attempt))
    }
}

/// Whether rings, contexts or page lists in host memory belong to it.
const fn allocates(command: &Command<'_>) -> bool {
    matches!(
        command,
        Command::CreateCq { .. }
            | Command::ResizeCq { .. }
            | Command::CreateSrq { .. }
            | Command::ResizeSrq { .. }
            | Command::CreateQp { .. }
            | Command::RegisterMr { .. }
            | Command::CreateFastRegisterMr { .. }
    )
}
