//! Entries of completion queues as completions of the provider's requests.

use super::SimBackend;
use super::cq::{self, CompletionQueue};
use super::memory::Region;
use super::ring::DmaBuffer;
use crate::backend::{CqId, MrId, QpId, Resource, SrqId, WorkCompletion};
use crate::ndk::Status;
use host::HostBus;
use nic_model::regs::bar;
use nic_model::regs::cqe::{Cqe, CqeFlags, CqeOpcode, Syndrome};

impl SimBackend {
    pub(super) fn next_completion(&mut self, host: &mut dyn HostBus, id: CqId) -> Option<WorkCompletion> {
        if let Some(completion) = self.cqs.get_mut(&id)?.ready.pop_front() {
            return Some(completion);
        }
        self.take(host, id)
    }

    pub(super) fn arm_cq(&mut self, host: &mut dyn HostBus, id: CqId, solicited_only: bool) {
        let Some(cq) = self.cqs.get(&id) else { return };
        if !cq.ready.is_empty() {
            self.events.push_back(crate::backend::Event::CqReady(id));
            return;
        }
        let doorbell = cq.arm(id.0, solicited_only);
        host.mmio_write(bar::uar(cq.uar_page, bar::UAR_CQ), &doorbell.to_value().to_le_bytes());
    }

    /// Takes the next entry of the ring.
    fn take(&mut self, host: &mut dyn HostBus, id: CqId) -> Option<WorkCompletion> {
        let cqe = self.cqs.get_mut(&id)?.take(host.memory())?;
        let completion = self.translate(host, &cqe);
        if completion.is_none() {
            self.device_failed(host);
        }
        completion
    }

    /// The completion of an entry; `None`: the device wrote what cannot be.
    fn translate(&mut self, host: &mut dyn HostBus, cqe: &Cqe) -> Option<WorkCompletion> {
        let id = QpId(cqe.qpn.value());
        let qp = self.qps.get_mut(&id)?;
        let receive = cqe.is_receive();
        let request = if !receive {
            if !matches!(cqe.opcode, CqeOpcode::REQUEST | CqeOpcode::REQUEST_ERROR) {
                return None;
            }
            let retired = qp.sends.retire(cqe.wqe_index)?;
            retired.pages.into_iter().for_each(|pages| self.give_back(host, Some(pages)));
            retired.id
        } else if cqe.flags.contains(CqeFlags::FROM_SRQ) {
            let srq = qp.srq.filter(|srq| *srq == SrqId(cqe.srqn))?;
            self.srqs.get_mut(&srq)?.receives.retire(cqe.wqe_index)?
        } else {
            qp.receives.as_mut()?.retire(cqe.wqe_index)?
        };
        if cqe.is_error() && cqe.syndrome != Syndrome::FLUSHED {
            self.qp_failed(host, id);
        }
        let status = cq::status_of(cqe);
        let succeeded = status == Status::SUCCESS;
        Some(WorkCompletion {
            qp: id,
            id: request,
            receive,
            status,
            bytes: if receive && succeeded { cqe.byte_count } else { 0 },
            invalidated: (cqe.opcode == CqeOpcode::RECEIVED_SEND_INVALIDATE).then_some(cqe.immediate),
            vendor_error: cq::vendor_error_of(cqe),
            solicited: cqe.flags.contains(CqeFlags::SOLICITED),
        })
    }

    /// Takes all entries of a ring, for the consumer to have them later.
    fn stage(&mut self, host: &mut dyn HostBus, id: CqId) {
        while let Some(completion) = self.take(host, id) {
            if let Some(cq) = self.cqs.get_mut(&id) {
                cq.ready.push_back(completion);
            }
        }
    }

    /// A queue goes on in another ring from entry `first` on.
    pub(super) fn resized(&mut self, host: &mut dyn HostBus, id: CqId, ring: DmaBuffer, log_entries: u8, first: u32) {
        self.stage(host, id);
        match self.cqs.get_mut(&id) {
            Some(cq) if cq.consumer() == first => cq.switch(host.memory(), ring, log_entries, first),
            Some(cq) => {
                cq.switch(host.memory(), ring, log_entries, first);
                self.device_failed(host);
            }
            None => ring.free(host.memory()),
        }
    }

    /// Forgets an object that the device has let go of.
    pub(super) fn forget(&mut self, host: &mut dyn HostBus, resource: Resource) {
        match resource {
            Resource::Cq(cq) => {
                self.cqs.remove(&cq).into_iter().for_each(|cq| CompletionQueue::free(cq, host.memory()))
            }
            Resource::Srq(srq) => self.srqs.remove(&srq).into_iter().for_each(|srq| srq.free(host.memory())),
            Resource::Mr(mr) => self.regions.remove(&mr).into_iter().for_each(|mr| Region::free(mr, host.memory())),
            Resource::Mw(mw) => drop(self.windows.remove(&mw)),
            Resource::Qp(qp) => self.forget_qp(host, qp),
            Resource::Pd(_) | Resource::Listener(_) | Resource::Connection(_) => {}
        }
    }

    fn forget_qp(&mut self, host: &mut dyn HostBus, id: QpId) {
        let Some(qp) = self.qps.get(&id) else { return };
        let (send_cq, receive_cq) = (qp.send_cq, qp.receive_cq);
        // What it has completed can be told apart only as long as its requests are known.
        self.stage(host, send_cq);
        self.stage(host, receive_cq);
        let Some(mut qp) = self.qps.remove(&id) else { return };
        qp.sends.abandon().into_iter().for_each(|pages| self.give_back(host, Some(pages)));
        qp.free(host.memory());
    }

    /// A page list is no longer read.
    pub(super) fn give_back(&mut self, host: &mut dyn HostBus, pages: Option<(MrId, DmaBuffer)>) {
        let Some((mr, list)) = pages else { return };
        match self.regions.get_mut(&mr) {
            Some(region) => region.give_back(list),
            None => list.free(host.memory()),
        }
    }
}
