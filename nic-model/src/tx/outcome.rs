//! What becomes of requests: data placed, requests complete or failed.

use super::Sender;
use crate::caches::{Kind, wqe_key};
use crate::dma::Cx;
use crate::mem::Fault;
use crate::nic::Nic;
use crate::port::control;
use crate::qp::send::{SendWork, WorkData};
use crate::regs::cqe::{Cqe, CqeOpcode, Syndrome, VendorSyndrome};
use crate::regs::eqe::EventType;
use crate::regs::wqe::Opcode;
use crate::transport::{Event, Status};
use des::Time;
use wire::{Payload, Qpn};

impl Nic {
    /// Carries out what the requester of a queue pair has put into `self.events`. `payload` is that of the packet just
    /// received.
    pub(crate) fn outcomes(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, payload: Option<&Payload>) {
        let mut failed = false;
        let mut next = 0;
        // Placing can fail a request, which appends events.
        while let Some(event) = self.events.get(next).copied() {
            next += 1;
            match event {
                Event::Place { id, offset_bytes, length_bytes } => {
                    let data = payload.filter(|data| data.len() == length_bytes as usize).cloned();
                    self.place(cx, at, qpn, id, offset_bytes, data);
                }
                Event::AtomicResult { id, original } => {
                    // Values are in the byte order of the host's processor, which is little-endian.
                    let data = control(original.to_le_bytes().to_vec());
                    self.place(cx, at, qpn, id, 0, Some(data));
                }
                // Behind a failure found here nothing succeeds: it stays to be flushed.
                Event::Completed { .. } if failed => {}
                Event::Completed { status, signalled, .. } => {
                    failed = self.completed(cx, at, qpn, status, signalled);
                }
            }
        }
        self.events.clear();
        if failed {
            self.send_failed(cx, at, qpn);
        }
    }

    /// Writes received data to the buffers of a request.
    fn place(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, id: u32, offset_bytes: u32, data: Option<Payload>) {
        let Some(data) = data.filter(|data| !data.is_empty()) else { return };
        let Some(qp) = self.qps.get(qpn) else { return };
        let Some(WorkData::Segments(list)) = qp.sends.find(id).map(SendWork::data) else { return };
        match self.memory.message(qp.accessor(), list, offset_bytes, data.len() as u32, true) {
            Ok(segments) => {
                let at = self.host.cached(at, Kind::Wqe, wqe_key(qpn, id));
                let at = self.host.message_translated(at, &self.memory, list, (offset_bytes, data.len() as u32));
                self.host.write(cx, at, segments, data);
            }
            Err(fault) => self.blame(qpn, id, fault),
        }
    }

    /// A request cannot use its buffers. If its last answer has come already, the end of it says so (see `completed`).
    fn blame(&mut self, qpn: u32, id: u32, fault: Fault) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        qp.sends.blame(id, fault.into());
        if let Some(requester) = qp.requester.as_mut() {
            requester.fail(id, Status::LocalProtection, &mut self.events);
        }
    }

    /// A request cannot be sent: its buffers may not be read, or (no `fault`) the host refused.
    pub(crate) fn fail_request(&mut self, cx: &mut Cx<'_>, qpn: u32, id: u32, fault: Option<Fault>) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        qp.sends.blame(id, fault.map_or(VendorSyndrome::DMA, VendorSyndrome::from));
        if let Some(requester) = qp.requester.as_mut() {
            requester.fail(id, Status::LocalProtection, &mut self.events);
        }
        self.outcomes(cx, cx.now, qpn, None);
        self.settle(cx, cx.now, qpn);
    }

    /// A datagram or a packet of an unreliable connection has left.
    pub(crate) fn transmitted(&mut self, cx: &mut Cx<'_>, sender: Sender) {
        let Some(qp) = self.qps.get_mut(sender.qpn) else { return };
        if let Some(requester) = qp.requester.as_mut() {
            requester.on_transmitted(cx.now, sender.psn, &mut self.events);
        }
        self.outcomes(cx, cx.now, sender.qpn, None);
        self.settle(cx, cx.now, sender.qpn);
    }

    /// The oldest request is over; true if it failed.
    fn completed(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, status: Status, signalled: bool) -> bool {
        let Some(qp) = self.qps.get_mut(qpn) else { return false };
        let Some(work) = qp.sends.retire() else { return false };
        let misplaced = status == Status::Ok && work.fault != VendorSyndrome::NONE;
        let status = if misplaced { Status::LocalProtection } else { status };
        let failed = status != Status::Ok;
        self.host.caches.forget(Kind::Wqe, wqe_key(qpn, work.id));
        if signalled || failed {
            let cqn = qp.context.send_cqn;
            let cqe = request_cqe(qpn, &work, status);
            self.host.complete(cx, at, cqn, cqe);
        }
        failed
    }

    /// A request has failed: the rest is flushed.
    fn send_failed(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if qp.is_datagram() || !qp.is_reliable() {
            self.send_queue_error(cx, at, qpn);
        } else {
            self.fatal(cx, at, qpn, EventType::QP_FATAL);
        }
    }
}

fn request_cqe(qpn: u32, work: &SendWork, status: Status) -> Cqe {
    let (syndrome, vendor) = syndromes(status);
    let failed = syndrome != Syndrome::NONE;
    let known = work.fault != VendorSyndrome::NONE && failed;
    Cqe {
        opcode: if failed { CqeOpcode::REQUEST_ERROR } else { CqeOpcode::REQUEST },
        operation: work.wqe.control.opcode,
        qpn: Qpn::new(qpn),
        wqe_index: work.id,
        byte_count: work.length_bytes,
        syndrome,
        vendor_syndrome: if known { work.fault } else { vendor },
        ..Cqe::default()
    }
}

/// The CQE of a request that was not executed.
pub(crate) fn flushed_send(qpn: u32, work: &SendWork) -> Cqe {
    flushed(qpn, CqeOpcode::REQUEST_ERROR, work.id, work.wqe.control.opcode)
}

/// The CQE of something that was not executed.
pub(crate) fn flushed(qpn: u32, opcode: CqeOpcode, wqe_index: u32, operation: Opcode) -> Cqe {
    Cqe {
        opcode,
        operation,
        qpn: Qpn::new(qpn),
        wqe_index,
        syndrome: Syndrome::FLUSHED,
        vendor_syndrome: VendorSyndrome::FLUSH,
        ..Cqe::default()
    }
}

/// What a CQE says about a status.
const fn syndromes(status: Status) -> (Syndrome, VendorSyndrome) {
    use {Syndrome as S, VendorSyndrome as V};
    match status {
        Status::Ok => (S::NONE, V::NONE),
        Status::LocalLength => (S::LOCAL_LENGTH, V::BOUNDS),
        Status::LocalQpOperation => (S::LOCAL_QP_OPERATION, V::MALFORMED_WQE),
        Status::LocalProtection => (S::LOCAL_PROTECTION, V::KEY),
        Status::MemoryWindowBind => (S::BIND, V::KEY),
        Status::BadResponse => (S::BAD_RESPONSE, V::NONE),
        Status::RemoteInvalidRequest => (S::REMOTE_INVALID_REQUEST, V::NAK_INVALID),
        Status::RemoteAccess => (S::REMOTE_ACCESS, V::NAK_ACCESS),
        Status::RemoteOperational => (S::REMOTE_OPERATION, V::NAK_OPERATION),
        Status::RetryExceeded => (S::TRANSPORT_RETRY_EXCEEDED, V::TIMEOUT),
        Status::RnrRetryExceeded => (S::RNR_RETRY_EXCEEDED, V::RNR),
    }
}
