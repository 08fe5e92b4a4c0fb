//! Packets that need a receive WQE wait in their queue pair's inbox until it has been read, and those behind them too.

use super::request::Placement;
use super::{Meaning, needs_receive};
use crate::dma::{Cx, Purpose};
use crate::nic::Nic;
use crate::port::DmaError;
use crate::qp::{Arrived, Receives};
use crate::receive::{ReceiveQueue, SharedQueue};
use crate::regs::eqe::EventType;
use crate::table::Table;
use crate::transport::{Packet, Verdict};
use des::Time;
use wire::{Payload, RocePacket};

/// Packets that one queue pair may keep waiting: more than a window, so that only the unruly lose some.
const INBOX_PACKETS_MAX: usize = 256;

/// The receive queue of a queue pair.
pub(super) fn queue_of<'a>(qp: &'a mut Receives, shared: &'a mut Table<SharedQueue>) -> Option<&'a mut ReceiveQueue> {
    match qp {
        Receives::Own(queue) => Some(queue),
        Receives::Shared(srqn) => shared.get_mut(*srqn).filter(|srq| !srq.dead).map(|srq| &mut srq.queue),
    }
}

impl Nic {
    /// A request or datagram has come.
    #[inline(never)]
    pub(super) fn put_into_inbox(
        &mut self,
        cx: &mut Cx<'_>,
        at: Time,
        qpn: u32,
        meaning: Meaning,
        packet: &RocePacket,
    ) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if qp.inbox.is_empty() && qp.state.responds() && !needs_receive(meaning) {
            // The usual packet waits for nothing, and uses up nothing that is to be read ahead.
            if self.take_packet(cx, at, qpn, packet, false) {
                self.serve_inbox(cx, at, qpn, false);
            }
            return;
        }
        if qp.inbox.len() >= INBOX_PACKETS_MAX {
            self.host.counters.rx_overflows += 1;
            return;
        }
        qp.inbox.push_back(Arrived { packet: packet.clone(), placed: false });
        self.serve_inbox(cx, at, qpn, false);
    }

    /// Executes what waits, in order. A packet that needs a receive WQE when none is at hand makes the device read some,
    /// unless it has just (`told`) been told that there are none.
    fn serve_inbox(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, mut told: bool) {
        while let Some(qp) = self.qps.get_mut(qpn).filter(|qp| qp.state.responds()) {
            let Some(front) = qp.inbox.front() else { break };
            let meaning = front.packet.bth.opcode.decode().map(|(_, operation, position)| (operation, position));
            if meaning.is_some_and(needs_receive) && !std::mem::take(&mut told) && self.wait_for_receive(cx, at, qpn) {
                return;
            }
            let Some(arrived) = self.qps.get_mut(qpn).and_then(|qp| qp.inbox.pop_front()) else { break };
            self.take_packet(cx, at, qpn, &arrived.packet, arrived.placed);
        }
        self.read_ahead(cx, at, qpn);
    }

    /// True if the queue pair must wait until receive WQEs have been read.
    fn wait_for_receive(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) -> bool {
        let Some(qp) = self.qps.get_mut(qpn) else { return false };
        let shared = if let Receives::Shared(srqn) = qp.receives { Some(srqn) } else { None };
        let Some(queue) = queue_of(&mut qp.receives, &mut self.srqs) else { return false };
        if queue.has_ready() {
            return false;
        }
        if !queue.is_reading() {
            let purpose = shared.map_or(Purpose::ReceiveWqes { qpn }, |srqn| Purpose::SharedWqes { srqn });
            let read = queue.refill(at, purpose);
            self.host.read(cx, read);
        }
        if let Some(srq) = shared.and_then(|srqn| self.srqs.get_mut(srqn))
            && !srq.waiting.contains(&qpn)
        {
            srq.waiting.push_back(qpn);
        }
        true
    }

    /// Reads WQEs before they are needed.
    fn read_ahead(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let purpose = match qp.receives {
            Receives::Own(_) => Purpose::ReceiveWqes { qpn },
            Receives::Shared(srqn) => Purpose::SharedWqes { srqn },
        };
        if let Some(queue) = queue_of(&mut qp.receives, &mut self.srqs)
            && queue.wants_more()
        {
            let read = queue.refill(at, purpose);
            self.host.read(cx, read);
        }
    }

    /// Receive WQEs of a queue pair have been read.
    pub(crate) fn receive_wqes(&mut self, cx: &mut Cx<'_>, qpn: u32, data: Result<Payload, DmaError>) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let Receives::Own(queue) = &mut qp.receives else { return };
        match queue.refilled(data) {
            Ok(counts) => {
                self.flush_receives(cx, cx.now, qpn, counts);
                self.serve_inbox(cx, cx.now, qpn, counts);
                self.settle(cx, cx.now, qpn);
            }
            Err(_) => {
                self.host.counters.dma_errors += 1;
                self.fatal(cx, cx.now, qpn, EventType::QP_FATAL);
            }
        }
    }

    /// WQEs of a shared receive queue have been read.
    pub(crate) fn shared_wqes(&mut self, cx: &mut Cx<'_>, srqn: u32, data: Result<Payload, DmaError>) {
        let Some(srq) = self.srqs.get_mut(srqn) else { return };
        let outcome = srq.queue.refilled(data);
        let waiting = std::mem::take(&mut srq.waiting);
        if outcome.is_err() {
            srq.dead = true;
            self.host.counters.dma_errors += 1;
            self.host.event(cx, cx.now, EventType::SRQ_ERROR, srqn, 0);
        }
        for qpn in waiting {
            if outcome.is_err() {
                self.fatal(cx, cx.now, qpn, EventType::QP_FATAL);
                continue;
            }
            self.serve_inbox(cx, cx.now, qpn, outcome.is_ok_and(|counts| counts));
            self.settle(cx, cx.now, qpn);
        }
        self.check_srq_limit(cx, srqn, outcome.is_ok_and(|counts| counts));
    }

    /// Tells the driver once if a shared receive queue is below its limit. The record may have moved since it was read, so
    /// it is read again before (`told`: it just was).
    pub(crate) fn check_srq_limit(&mut self, cx: &mut Cx<'_>, srqn: u32, told: bool) {
        let Some(srq) = self.srqs.get_mut(srqn) else { return };
        if srq.limit == 0 || srq.dead || srq.queue.posted() >= srq.limit {
            return;
        }
        if told {
            srq.limit = 0;
            self.host.event(cx, cx.now, EventType::SRQ_LIMIT, srqn, 0);
        } else if !srq.queue.is_reading() {
            let read = srq.queue.refill(cx.now, Purpose::SharedWqes { srqn });
            self.host.read(cx, read);
        }
    }

    /// Executes a packet whose receive, if it needs one, is at hand or does not exist. `placed`: its payload has been written.
    /// True if others wait behind it.
    fn take_packet(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, packet: &RocePacket, placed: bool) -> bool {
        let Some(qp) = self.qps.get_mut(qpn) else { return false };
        if qp.is_datagram() {
            self.datagram(cx, at, qpn, packet);
            return false;
        }
        let shared = if let Receives::Shared(srqn) = qp.receives { Some(srqn) } else { None };
        let Some(mut responder) = qp.responder.take() else { return false };
        let mut placement = Placement {
            cx,
            at,
            host: &mut self.host,
            memory: &mut self.memory,
            shared: &mut self.srqs,
            qp,
            payload: &packet.payload,
            placed,
            kept: None,
            atomics: Vec::new(),
            fault: crate::regs::cqe::VendorSyndrome::NONE,
        };
        let verdict = responder.on_request(&Packet::from(packet), &mut placement);
        let (atomics, kept, placed_at) = (std::mem::take(&mut placement.atomics), placement.kept, placement.at);
        let due = responder.due_position();
        qp.responder = Some(responder);
        // What is read for answers sees what was written before (IBTA volume 1, table 79).
        qp.replies_from = qp.replies_from.max(placed_at);
        if let Some((position, placed)) = kept {
            qp.held.insert(position, Arrived { packet: packet.clone(), placed });
        } else if verdict == Verdict::Accepted {
            qp.release(due);
        }
        let others = !qp.inbox.is_empty();
        for job in atomics {
            if let Some(bucket) = self.atomics.push(job) {
                self.begin_atomic(cx, bucket);
            }
        }
        self.judge(cx, at, qpn, verdict);
        if let Some(srqn) = shared {
            self.check_srq_limit(cx, srqn, false);
        }
        others
    }
}
