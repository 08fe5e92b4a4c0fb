//! What follows from a change at a queue pair: its turn, its timer, its next reads; and how it ends up in error.

use super::{QueuePair, Receives};
use crate::alarm::Alarm;
use crate::dma::{Cx, Purpose};
use crate::ethernet::EthernetPort;
use crate::nic::Nic;
use crate::regs::cqe::CqeOpcode;
use crate::regs::doorbell::ReceiveDoorbell;
use crate::regs::eqe::EventType;
use crate::regs::wqe::Opcode;
use crate::transport::{QpEvent, QpState, Requester};
use crate::tx::{Direction, flushed, flushed_send};
use des::Time;

impl QueuePair {
    /// Whether its requester has something to send.
    pub(crate) fn is_ready_to_send(&self, now: Time) -> bool {
        self.state.continues_requests() && self.requester.as_ref().is_some_and(|requester| requester.is_ready(now))
    }

    /// Whether a turn that is over is followed by another one at once, by the weight of the queue pair.
    pub(crate) fn has_another_turn(&mut self) -> bool {
        self.turns_taken += 1;
        let more = self.turns_taken < self.attributes.weight;
        if !more {
            self.turns_taken = 0;
        }
        more
    }

    fn has_reply(&self) -> bool {
        self.responder.as_deref().is_some_and(crate::transport::Responder::has_reply)
    }

    /// Whether a turn that it has had calls for nothing more: it waits for the next one, and its alarm rings early enough.
    pub(crate) fn is_settled(&self) -> bool {
        let waits = self.sends_queued && !self.sends.wants_read() && !self.draining;
        let deadline = self.requester.as_ref().and_then(Requester::deadline).unwrap_or(Time::MAX);
        waits && self.alarm.is_some_and(|set| set <= deadline) && (self.replies_queued || !self.has_reply())
    }

    /// Gets its turn if it has an answer to send.
    fn queue_replies(&mut self, now: Time, port: &mut EthernetPort) {
        if !self.replies_queued && self.has_reply() {
            self.replies_queued = true;
            port.queue(now, self.next_reply(), Direction::Reply, self.class(), self.number);
        }
    }
}

impl Nic {
    /// Does what a change at a queue pair calls for: reads WQEs, gets its turns, sets its alarm.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if qp.state.may_post_send() && qp.sends.wants_read() {
            let read = qp.sends.read(at);
            self.host.read(cx, read);
        }
        let (class, now) = (qp.class(), cx.now);
        let Some(port) = self.ports.get_mut(usize::from(qp.port())) else { return };
        if !qp.sends_queued && qp.is_ready_to_send(now) {
            qp.sends_queued = true;
            port.queue(now, qp.next_request().max(self.timing.engines.free(qpn)), Direction::Request, class, qpn);
        }
        qp.queue_replies(now, port);
        let Some(requester) = qp.requester.as_ref() else { return };
        if let Some(deadline) = requester.deadline()
            && qp.alarm.is_none_or(|set| deadline < set)
        {
            qp.alarm = Some(deadline);
            self.host.alarms.set(deadline, Alarm::Qp(qpn));
        }
        if qp.draining && requester.is_drained() {
            qp.draining = false;
            self.host.event(cx, at, EventType::SQ_DRAINED, qpn, 0);
        }
    }

    /// The same after a request of the peer, which can only have called for an answer.
    pub(crate) fn settle_replies(&mut self, cx: &Cx<'_>, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if let Some(port) = self.ports.get_mut(usize::from(qp.port())) {
            qp.queue_replies(cx.now, port);
        }
    }

    /// An alarm of a queue pair rings: perhaps its timer has expired, perhaps it was set anew since.
    pub(crate) fn qp_alarm(&mut self, cx: &mut Cx<'_>, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if qp.alarm.is_none_or(|set| set > cx.now) {
            return;
        }
        qp.alarm = None;
        if let Some(requester) = qp.requester.as_mut()
            && requester.deadline().is_some_and(|deadline| deadline <= cx.now)
        {
            let before = requester.counters().timeouts;
            requester.on_timeout(cx.now, &mut self.events);
            self.host.counters.ack_timeouts += requester.counters().timeouts - before;
            self.outcomes(cx, cx.now, qpn, None);
        }
        self.settle(cx, cx.now, qpn);
    }

    /// A queue pair goes into error by itself, and says so.
    pub(crate) fn fatal(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, event: EventType) {
        let Some(qp) = self.qps.get_mut(qpn).filter(|qp| qp.state != QpState::Error) else { return };
        let Ok(state) = qp.state.after(QpEvent::Fatal) else { return };
        qp.state = state;
        self.host.event(cx, at, event, qpn, 0);
        self.flush(cx, at, qpn);
    }

    /// The send queue of an unreliable queue pair goes into error.
    pub(crate) fn send_queue_error(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let Ok(state) = qp.state.after(QpEvent::SendFailed) else { return };
        qp.state = state;
        self.flush_sends(cx, at, qpn);
        self.settle(cx, at, qpn);
    }

    /// Ends all work of a queue pair in error, each piece with a CQE. What is still in the rings is read for that.
    pub(crate) fn flush(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        self.flush_sends(cx, at, qpn);
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        qp.inbox.clear();
        qp.held.clear();
        let held = qp.responder.as_deref_mut().is_some_and(crate::transport::Responder::flush);
        let cqn = qp.context.receive_cqn;
        if let Some(receive) = qp.taken.take().filter(|_| held) {
            let cqe = flushed(qpn, CqeOpcode::RECEIVE_ERROR, receive.index, Opcode::NOP);
            self.host.complete(cx, at, cqn, cqe);
        }
        if matches!(qp.receives, Receives::Shared(_)) && !std::mem::replace(&mut qp.last_wqe_told, true) {
            self.host.event(cx, at, EventType::LAST_WQE, qpn, 0);
        }
        self.flush_receives(cx, at, qpn, false);
        self.settle(cx, at, qpn);
    }

    /// Ends the requests that the device knows.
    pub(crate) fn flush_sends(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if let Some(requester) = qp.requester.as_mut() {
            requester.flush().for_each(drop);
        }
        let cqn = qp.context.send_cqn;
        while let Some(work) = qp.sends.retire() {
            self.host.complete(cx, at, cqn, flushed_send(qpn, &work));
        }
    }

    /// Ends the receives of its own queue that the device knows, and asks for more unless it has just been told of all.
    pub(crate) fn flush_receives(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, told: bool) {
        let Some(qp) = self.qps.get_mut(qpn).filter(|qp| qp.state == QpState::Error) else { return };
        let cqn = qp.context.receive_cqn;
        let Receives::Own(queue) = &mut qp.receives else { return };
        while let Some(receive) = queue.take() {
            let cqe = flushed(qpn, CqeOpcode::RECEIVE_ERROR, receive.index, Opcode::NOP);
            self.host.complete(cx, at, cqn, cqe);
        }
        if !queue.is_reading() && (!told || queue.has_more()) {
            let read = queue.refill(at, Purpose::ReceiveWqes { qpn });
            self.host.read(cx, read);
        }
    }

    /// The driver asks to look at a receive queue's record.
    pub(crate) fn rq_doorbell(&mut self, cx: &mut Cx<'_>, doorbell: ReceiveDoorbell) {
        let qpn = doorbell.qpn.value();
        if self.qps.get(qpn).is_none() {
            self.host.counters.bad_mmio += 1;
        }
        let at = self.timing.doorbell.book(cx.now).end;
        self.flush_receives(cx, at, qpn, false);
    }

    /// Queue pairs that complete into a dead CQ cannot go on.
    pub(crate) fn follow_dead_cqs(&mut self, cx: &mut Cx<'_>) {
        while let Some(cqn) = self.host.dead_cqs.pop() {
            let users = self.qps.iter().filter(|qp| qp.context.send_cqn == cqn || qp.context.receive_cqn == cqn);
            let users: Vec<u32> = users.map(|qp| qp.number).collect();
            for qpn in users {
                self.fatal(cx, cx.now, qpn, EventType::QP_FATAL);
            }
        }
    }
}
