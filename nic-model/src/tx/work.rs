//! New send WQEs, and work that needs no packet: NOP, invalidation, binding, fast registration.

use crate::caches::{Kind, wqe_key};
use crate::cq::ControlBytes;
use crate::dma::{Cx, Purpose, Read, piece};
use crate::mem::{Fault, Invalidator};
use crate::nic::Nic;
use crate::port::DmaError;
use crate::regs::bar::Features;
use crate::regs::block::Field;
use crate::regs::cqe::VendorSyndrome;
use crate::regs::doorbell::SqDoorbell;
use crate::regs::wqe::{Body, Control, FastRegister, Opcode, blocks};
use crate::transport::{QpState, Status};
use des::Time;
use std::sync::Arc;
use wire::Payload;

impl Nic {
    /// There are new WQEs in a send ring.
    pub(crate) fn sq_doorbell(&mut self, cx: &mut Cx<'_>, doorbell: SqDoorbell) {
        self.host.counters.sq_doorbells += 1;
        let at = self.timing.doorbell.book(cx.now).end;
        let qpn = doorbell.qpn.value();
        let at = self.host.cached(at, Kind::Qp, qpn.into());
        let known = self.qps.get_mut(qpn).filter(|qp| qp.state != QpState::Reset);
        if known.is_some_and(|qp| qp.sends.ring(doorbell.producer)) {
            self.settle(cx, at, qpn);
        } else {
            self.host.counters.bad_mmio += 1;
        }
    }

    /// A WQE was pushed. If it cannot be taken it is a doorbell for the same WQE.
    pub(crate) fn blueflame(&mut self, cx: &mut Cx<'_>, pushed: Time, wqe: &[u8]) {
        let Some(control) = Control::read(wqe) else { return };
        let qpn = control.qpn.value();
        let pushes = self.config.features.contains(Features::BLUEFLAME);
        let Some(qp) = self.qps.get_mut(qpn).filter(|qp| pushes && qp.state.may_post_send()) else {
            self.host.counters.bad_mmio += 1;
            return;
        };
        let at = self.timing.doorbell.book(pushed).end;
        let at = self.host.cached(at, Kind::Qp, qpn.into());
        if qp.sends.push(wqe) {
            self.host.counters.blueflame_wqes += 1;
            self.begin_work(cx, at, qpn, 1);
        } else {
            // The index counts blocks; the low 16 bits say how far ahead of the last doorbell this one is.
            let end = control.index.wrapping_add(blocks(control.units) as u16);
            let ahead = end.wrapping_sub(qp.sends.producer as u16);
            let producer = qp.sends.producer.wrapping_add(ahead.into());
            if ahead as i16 > 0 && !qp.sends.ring(producer) {
                self.host.counters.bad_mmio += 1;
            }
        }
        self.settle(cx, at, qpn);
    }

    /// WQEs have been read.
    pub(crate) fn send_wqes(&mut self, cx: &mut Cx<'_>, qpn: u32, data: Result<Payload, DmaError>) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        self.host.counters.dma_errors += u64::from(data.is_err());
        let count = qp.sends.fetched(data);
        self.begin_work(cx, cx.now, qpn, count);
        self.settle(cx, cx.now, qpn);
    }

    /// Hands the newest `count` WQEs to the requester, or flushes them.
    fn begin_work(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, count: usize) {
        let max_message = self.config.limits.max_message_bytes;
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let Some(requester) = qp.requester.as_mut().filter(|_| !qp.state.flushes_sends()) else {
            return self.flush_sends(cx, at, qpn);
        };
        qp.sends_from = qp.sends_from.max(at);
        for work in qp.sends.newest(count) {
            self.host.caches.fill(Kind::Wqe, wqe_key(qpn, work.id));
            requester.push(work.request(), &mut self.events);
            if u64::from(work.length_bytes) > max_message {
                requester.fail(work.id, Status::LocalLength, &mut self.events);
            } else if work.fault != VendorSyndrome::NONE {
                requester.fail(work.id, Status::LocalQpOperation, &mut self.events);
            }
        }
        self.outcomes(cx, at, qpn, None);
    }

    /// Does work that needs no packet, in its turn.
    pub(crate) fn do_local(&mut self, cx: &mut Cx<'_>, qpn: u32, id: u32) {
        let Some(qp) = self.qps.get(qpn) else { return };
        let work = qp.sends.find(id).expect("a requester runs what is under way");
        let who = qp.accessor();
        let key = work.wqe.control.immediate;
        let result = match (work.wqe.control.opcode, &work.wqe.body) {
            (Opcode::LOCAL_INVALIDATE, _) => self.memory.invalidate(who, key, Invalidator::Local),
            (_, Body::Bind(bind)) => self.memory.bind(who, bind),
            (_, Body::FastRegister(request)) => {
                let request = *request;
                return self.read_page_list(cx, qpn, id, &request);
            }
            _ => Ok(()),
        };
        self.local_done(cx, qpn, id, result);
    }

    fn read_page_list(&mut self, cx: &mut Cx<'_>, qpn: u32, id: u32, request: &FastRegister) {
        let bytes = u64::from(request.page_count) * u64::BYTES as u64;
        let fits = u64::from(request.page_count) <= self.config.limits.max_fast_register_pages
            && request.list_address.checked_add(bytes).is_some();
        if !fits {
            return self.local_done(cx, qpn, id, Err(Fault::Bounds));
        }
        if bytes == 0 {
            return self.page_list(cx, qpn, id, Ok(Payload::EMPTY));
        }
        let list = piece(request.list_address, bytes as u32);
        self.host.read(cx, Read::control(cx.now, Purpose::PageList { qpn, id }, list));
    }

    /// The page list of a fast registration has been read.
    pub(crate) fn page_list(&mut self, cx: &mut Cx<'_>, qpn: u32, id: u32, data: Result<Payload, DmaError>) {
        let Some(qp) = self.qps.get(qpn) else { return };
        // After a reset or flush nobody waits for it.
        let Some(Body::FastRegister(request)) = qp.sends.find(id).map(|work| &work.wqe.body) else { return };
        let result = match data {
            Ok(list) => {
                let pages: Arc<[u64]> = list.bytes().chunks_exact(u64::BYTES).map(u64::get).collect();
                self.host.caches.forget_table(request.key >> 8);
                self.memory.fast_register(qp.accessor(), request, pages)
            }
            Err(_) => Err(Fault::Bounds),
        };
        self.local_done(cx, qpn, id, result);
        self.settle(cx, cx.now, qpn);
    }

    fn local_done(&mut self, cx: &mut Cx<'_>, qpn: u32, id: u32, result: Result<(), Fault>) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let status = match (result, qp.sends.find(id).map(|work| &work.wqe.body)) {
            (Ok(()), _) => Status::Ok,
            (Err(_), Some(Body::Bind(_))) => Status::MemoryWindowBind,
            (Err(_), _) => Status::LocalProtection,
        };
        if let Err(fault) = result {
            qp.sends.blame(id, fault.into());
        }
        if let Some(requester) = qp.requester.as_mut() {
            requester.on_local_done(id, status, &mut self.events);
        }
        self.outcomes(cx, cx.now, qpn, None);
    }
}
