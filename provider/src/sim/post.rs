//! Requests of the consumer as WQEs, and the doorbells that announce them.

use super::SimBackend;
use super::memory::{PAGE_SHIFT, key_index, rights_of};
use super::ring::{DmaBuffer, Ring};
use crate::backend::{MrId, QpId, SendOperation, SendRequest, SrqId};
use crate::ndk::{AtomicOperation, Sge, Status};
use bytes::Bytes;
use host::{HostBus, PAGE_SIZE};
use nic_model::regs::bar;
use nic_model::regs::cmd::QpState;
use nic_model::regs::doorbell::{ReceiveDoorbell, SqDoorbell};
use nic_model::regs::wqe::{
    Atomic, BLOCK_BYTES, Bind, Body, Control, Data, DataList, FastRegister, Opcode, RemoteAddress, SendWqe, WqeFlags,
};
use wire::Qpn;

/// What an operation comes to: opcode, immediate, body, and the page list that the device will read.
struct Draft {
    opcode: Opcode,
    immediate: u32,
    body: Body,
    pages: Option<(MrId, DmaBuffer)>,
}

impl SimBackend {
    pub(super) fn send(&mut self, host: &mut dyn HostBus, id: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        let qp = self.qps.get(&id).ok_or(Status::INVALID_PARAMETER)?;
        if qp.sends.is_full() {
            return Err(Status::NO_MORE_ENTRIES);
        }
        if request.sgl.len() > qp.max_send_sge as usize
            || request.inline_data.is_some_and(|data| data.len() > qp.max_inline_bytes as usize)
        {
            return Err(Status::INVALID_PARAMETER);
        }
        let Draft { opcode, immediate, body, pages } = self.draft(host, request)?;
        let qp = self.qps.get_mut(&id).ok_or(Status::INVALID_PARAMETER)?;
        let mut flags = WqeFlags::empty();
        flags.set(WqeFlags::SIGNALLED, request.signalled);
        flags.set(WqeFlags::SOLICITED, request.solicited);
        flags.set(WqeFlags::FENCE, request.fence);
        let control = Control { index: qp.sends.next_index(), opcode, qpn: Qpn::new(id.0), units: 0, flags, immediate };
        match qp.sends.push(host.memory(), request.id, &SendWqe { control, body }, pages) {
            Ok(()) => {
                self.rename(&request.operation);
                Ok(())
            }
            Err((status, pages)) => {
                self.give_back(host, pages);
                Err(status)
            }
        }
    }

    pub(super) fn kick(&mut self, host: &mut dyn HostBus, id: QpId) {
        let Some(qp) = self.qps.get_mut(&id) else { return };
        match qp.sends.ring(host.memory(), self.blueflame) {
            None => {}
            Some(Ring::Doorbell(producer)) => {
                let doorbell = SqDoorbell { qpn: Qpn::new(id.0), producer };
                host.mmio_write(bar::uar(qp.uar_page, bar::UAR_SQ), &doorbell.to_value().to_le_bytes());
            }
            Some(Ring::Push(wqe)) => {
                let buffer = if qp.second_buffer { bar::BLUEFLAME_BUFFER_BYTES } else { 0 };
                qp.second_buffer = !qp.second_buffer;
                let lines = (bar::uar(qp.uar_page, bar::UAR_BLUEFLAME) + buffer..).step_by(BLOCK_BYTES);
                for (line, block) in lines.zip(wqe.chunks_exact(BLOCK_BYTES)) {
                    host.mmio_write(line, block);
                }
            }
        }
    }

    pub(super) fn receive(&mut self, host: &mut dyn HostBus, id: QpId, wr: u64, sgl: &[Sge]) -> Result<(), Status> {
        let qp = self.qps.get_mut(&id).ok_or(Status::INVALID_PARAMETER)?;
        let receives = qp.receives.as_mut().ok_or(Status::INVALID_PARAMETER)?;
        receives.push(host.memory(), wr, &segments(sgl)?)?;
        if qp.broken || qp.state == QpState::ERROR {
            self.flush_receives(host, id);
        }
        Ok(())
    }

    /// Makes the device look for receives of a queue pair in error: nothing else would, and they are to be flushed.
    pub(super) fn flush_receives(&self, host: &mut dyn HostBus, id: QpId) {
        if let Some(qp) = self.qps.get(&id).filter(|qp| qp.receives.is_some()) {
            let doorbell = ReceiveDoorbell { qpn: Qpn::new(id.0) };
            host.mmio_write(bar::uar(qp.uar_page, bar::UAR_RQ), &doorbell.to_value().to_le_bytes());
        }
    }

    pub(super) fn srq_receive(
        &mut self,
        host: &mut dyn HostBus,
        srq: SrqId,
        id: u64,
        sgl: &[Sge],
    ) -> Result<(), Status> {
        let srq = self.srqs.get_mut(&srq).ok_or(Status::INVALID_PARAMETER)?;
        srq.receives.push(host.memory(), id, &segments(sgl)?)
    }

    fn draft(&mut self, host: &mut dyn HostBus, request: &SendRequest<'_>) -> Result<Draft, Status> {
        let plain = |opcode, immediate, body| Ok(Draft { opcode, immediate, body, pages: None });
        let data = || match request.inline_data {
            Some(bytes) => Ok(DataList::Inline(Bytes::copy_from_slice(bytes))),
            None => segments(request.sgl).map(|list| DataList::Segments(list.into())),
        };
        let remote = |address, key| RemoteAddress { address, key };
        match request.operation {
            SendOperation::Send => plain(Opcode::SEND, 0, Body::Send(data()?)),
            SendOperation::SendInvalidate { key } => plain(Opcode::SEND_INVALIDATE, key, Body::Send(data()?)),
            SendOperation::Write { remote_address, key } => {
                plain(Opcode::WRITE, 0, Body::Remote(remote(remote_address, key), data()?))
            }
            SendOperation::Read { remote_address, key } => {
                if request.inline_data.is_some() {
                    return Err(Status::INVALID_PARAMETER);
                }
                plain(Opcode::READ, 0, Body::Remote(remote(remote_address, key), data()?))
            }
            SendOperation::Atomic { remote_address, key, operation } => {
                let &[result] = segments(request.sgl)?.as_slice() else { return Err(Status::INVALID_PARAMETER) };
                let (opcode, atomic) = match operation {
                    AtomicOperation::FetchAdd { add } => (Opcode::FETCH_ADD, Atomic { swap_or_add: add, compare: 0 }),
                    AtomicOperation::CompareSwap { compare, swap } => {
                        (Opcode::COMPARE_SWAP, Atomic { swap_or_add: swap, compare })
                    }
                };
                plain(opcode, 0, Body::Atomic(remote(remote_address, key), atomic, result))
            }
            SendOperation::Invalidate { key } => plain(Opcode::LOCAL_INVALIDATE, key, Body::Empty),
            SendOperation::Bind { mr, mw, key, address, length_bytes, rights } => {
                let region = self.regions.get(&mr).ok_or(Status::INVALID_PARAMETER)?;
                let window = self.windows.get(&mw).ok_or(Status::INVALID_PARAMETER)?;
                if key_index(key) != key_index(window.key) {
                    return Err(Status::INVALID_PARAMETER);
                }
                let bind = Bind {
                    window_key: window.key,
                    new_key: key,
                    region_key: region.key,
                    rights: rights_of(rights),
                    address,
                    length_bytes,
                };
                plain(Opcode::BIND_WINDOW, 0, Body::Bind(bind))
            }
            SendOperation::FastRegister { .. } => self.fast_registration(host, &request.operation),
        }
    }

    fn fast_registration(&mut self, host: &mut dyn HostBus, operation: &SendOperation<'_>) -> Result<Draft, Status> {
        let &SendOperation::FastRegister { mr, key, pages, first_byte_offset, length_bytes, base_address, rights } =
            operation
        else {
            return Err(Status::INVALID_PARAMETER);
        };
        let region = self.regions.get_mut(&mr).ok_or(Status::INVALID_PARAMETER)?;
        let covered = pages.len() as u64 * PAGE_SIZE;
        // The device takes the offset in the first page from the address.
        let fits = pages.len() <= region.max_pages as usize
            && key_index(key) == key_index(region.key)
            && base_address % PAGE_SIZE == u64::from(first_byte_offset)
            && u64::from(first_byte_offset).saturating_add(length_bytes) <= covered;
        if !fits {
            return Err(Status::INVALID_PARAMETER);
        }
        let list = region.list(host.memory(), pages);
        let body = Body::FastRegister(FastRegister {
            key,
            rights: rights_of(rights),
            start: base_address,
            length_bytes,
            list_address: list.bus_address,
            page_count: pages.len() as u32,
            page_shift: PAGE_SHIFT,
        });
        Ok(Draft { opcode: Opcode::FAST_REGISTER, immediate: 0, body, pages: Some((mr, list)) })
    }

    /// Keys change when the request that changes them is posted.
    fn rename(&mut self, operation: &SendOperation<'_>) {
        match *operation {
            SendOperation::FastRegister { mr, key, .. } => {
                if let Some(region) = self.regions.get_mut(&mr) {
                    region.key = key;
                }
            }
            SendOperation::Bind { mw, key, .. } => {
                if let Some(window) = self.windows.get_mut(&mw) {
                    window.key = key;
                }
            }
            _ => {}
        }
    }
}

/// NDK's list as data segments.
fn segments(sgl: &[Sge]) -> Result<Vec<Data>, Status> {
    let most = nic_model::regs::wqe::INLINE;
    let segment = |sge: &Sge| {
        let fits = sge.length_bytes < most;
        fits.then_some(Data { length_bytes: sge.length_bytes, key: sge.token, address: sge.address })
    };
    sgl.iter().map(segment).collect::<Option<_>>().ok_or(Status::INVALID_PARAMETER)
}
