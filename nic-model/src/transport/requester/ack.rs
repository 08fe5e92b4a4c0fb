//! What an answer means: which requests it completes, and what must be sent again.

use super::request::{Event, Phase, Status};
use super::{Requester, Seq};
use crate::transport::packet::Packet;
use des::Time;
use wire::headers::AethKind;
use wire::{Aeth, Ext, NakCode, Operation, Psn, Transport, codes};

impl Requester {
    /// Takes a packet that answers this requester: acknowledgement, READ response or atomic answer. Others are ignored.
    /// For a READ response at most one [`Event::Place`] is pushed, which stands for the payload of this packet.
    pub fn on_response(&mut self, now: Time, packet: &Packet, events: &mut Vec<Event>) {
        match (packet.opcode.decode(), packet.ext) {
            (Some((Transport::Rc, Operation::Acknowledge, _)), Ext::Aeth(aeth)) => {
                self.on_acknowledge(now, packet.psn, aeth, events);
            }
            (Some((Transport::Rc, Operation::AtomicAcknowledge, _)), Ext::AtomicAck(aeth, original)) => {
                self.on_atomic_acknowledge(now, packet.psn, aeth, original, events);
            }
            (Some((Transport::Rc, Operation::ReadResponse, position)), ext) => {
                let aeth = if let Ext::Aeth(aeth) = ext { Some(aeth) } else { None };
                self.on_read_response(now, packet.psn, position, packet.payload_bytes, aeth, events);
            }
            _ => self.counters.stale += 1,
        }
    }

    /// An acknowledgement without data, positive or negative (IBTA volume 1, 9.7.5.2). It acknowledges everything before
    /// its sequence number, and if positive that one too.
    pub fn on_acknowledge(&mut self, now: Time, psn: Psn, aeth: Aeth, events: &mut Vec<Event>) {
        let Some(seq) = self.outstanding(psn) else {
            // The last acknowledgement repeated may bring credits, and nothing else.
            if self.oldest.near(psn).plus(1) == self.oldest {
                self.take_credits(aeth);
            }
            return;
        };
        let kind = aeth.kind();
        let upto = if matches!(kind, AethKind::Ack(_)) { seq.plus(1) } else { seq };
        if matches!(kind, AethKind::Reserved(_)) {
            return;
        }
        if !self.advance(now, upto, events) {
            return self.miss_answer(events);
        }
        self.take_credits(aeth);
        match kind {
            _ if self.halted => {}
            AethKind::Ack(_) | AethKind::Reserved(_) => {}
            AethKind::RnrNak(timer_code) => self.wait_for_receiver(now, timer_code, events),
            AethKind::Nak(Aeth::SELECTIVE_CODE) if self.selective.is_some() => {
                self.counters.sequence_naks += 1;
                self.take_arrival(aeth);
            }
            AethKind::Nak(code) if code == NakCode::PsnSequence as u8 => {
                self.counters.sequence_naks += 1;
                self.recover(events);
            }
            AethKind::Nak(code) => self.fail_oldest(remote_error(code), events),
        }
    }

    /// The packet `psn` of an unreliable transport has left the NIC: its bytes are no longer needed.
    pub fn on_transmitted(&mut self, now: Time, psn: Psn, events: &mut Vec<Event>) {
        if self.config.transport != Transport::Rc
            && let Some(seq) = self.outstanding(psn)
        {
            self.advance(now, seq.plus(1), events);
        }
    }

    /// The work of a [`Step::Local`](super::Step::Local) is done.
    pub fn on_local_done(&mut self, id: u32, status: Status, events: &mut Vec<Event>) {
        let running = self.requests.iter_mut().find(|entry| entry.request.id == id && entry.phase == Phase::Running);
        if let Some(entry) = running {
            entry.phase = if status == Status::Ok { Phase::Done } else { Phase::Failed(status) };
            self.retire(events);
        }
    }

    /// A request cannot go on for a local reason: its buffers may not be read or written. It and what follows send
    /// nothing more; it completes with `status` when its turn comes.
    pub fn fail(&mut self, id: u32, status: Status, events: &mut Vec<Event>) {
        if let Some(entry) = self.requests.iter_mut().find(|entry| entry.request.id == id) {
            entry.phase = Phase::Failed(status);
            self.retire(events);
        }
    }

    /// The moment of [`deadline`](Self::deadline) has come. Early calls do nothing.
    pub fn on_timeout(&mut self, now: Time, events: &mut Vec<Event>) {
        if !self.halted && self.retry.expired(now) {
            self.counters.timeouts += 1;
            let spent = self.retry.spend_timeout(self.oldest);
            self.send_again(spent, self.next, events);
        }
    }

    /// Where `psn` lies, if it has been sent and not been acknowledged. The rest are duplicates, and ghosts of an earlier
    /// connection.
    pub(super) fn outstanding(&mut self, psn: Psn) -> Option<Seq> {
        let seq = self.oldest.near(psn);
        let known = !self.halted && self.oldest <= seq && seq < self.next;
        self.counters.stale += u64::from(!known);
        known.then_some(seq)
    }

    /// Acknowledges everything before `upto`. False if a READ or atomic before it has no answer yet: the answer is lost,
    /// since answers leave in order, and only what lies before it is acknowledged.
    pub(super) fn advance(&mut self, now: Time, upto: Seq, events: &mut Vec<Event>) -> bool {
        let before = self.oldest;
        while self.oldest < upto && !self.halted {
            let front = self.requests.front().expect("what is unacknowledged belongs to a request");
            if front.awaits_data() {
                break;
            }
            self.oldest = upto.min(front.end());
            self.retire(events);
        }
        if self.oldest != before && !self.halted {
            self.progress(now);
        }
        self.oldest == upto
    }

    /// Completes requests from the front, as far as they are over.
    pub(super) fn retire(&mut self, events: &mut Vec<Event>) {
        while let Some(front) = self.requests.front().filter(|_| !self.halted) {
            match front.phase {
                Phase::Failed(status) => return self.fail_oldest(status, events),
                Phase::Running => return,
                Phase::Ready if front.is_local() || front.end() > self.oldest => return,
                Phase::Ready | Phase::Done => {}
            }
            let request = front.request;
            if front.awaits_data() {
                self.reads -= 1;
            }
            self.requests.pop_front();
            self.send_index = self.send_index.saturating_sub(1);
            events.push(Event::Completed { id: request.id, status: Status::Ok, signalled: request.signalled });
        }
    }

    /// Something was acknowledged: timers and counts start anew, and what was to be sent again may have become needless.
    pub(super) fn progress(&mut self, now: Time) {
        self.cursor = self.cursor.max(self.oldest);
        if let Some(selective) = self.selective.as_mut() {
            selective.acknowledged(self.oldest);
        }
        self.retry.on_progress(now, self.next.since(self.oldest));
    }

    /// The oldest unfinished request ends the work of this requester.
    pub(super) fn fail_oldest(&mut self, status: Status, events: &mut Vec<Event>) {
        self.halted = true;
        self.retry.stop();
        if let Some(entry) = self.requests.pop_front() {
            let request = entry.request;
            events.push(Event::Completed { id: request.id, status, signalled: request.signalled });
        }
    }

    /// An answer shows that an earlier one is lost (implied NAK, IBTA volume 1, 9.7.5.1.4).
    pub(super) fn miss_answer(&mut self, events: &mut Vec<Event>) {
        if !self.halted {
            self.counters.implied_naks += u64::from(!self.retry.knows_loss_of(self.oldest));
            self.recover(events);
        }
    }

    pub(super) fn take_credits(&mut self, aeth: Aeth) {
        if let AethKind::Ack(code) = aeth.kind() {
            self.credit_limit = codes::credits(code).map(|credits| aeth.msn.wrapping_add(credits));
        }
    }

    fn wait_for_receiver(&mut self, now: Time, timer_code: u8, events: &mut Vec<Event>) {
        if self.retry.is_silent(now) {
            return;
        }
        self.counters.rnr_naks += 1;
        let spent = self.retry.spend_rnr(now, self.oldest, timer_code);
        self.send_again(spent, self.next, events);
    }

    /// Sends again from the oldest unacknowledged packet, unless that was done for the same loss: then only the timer helps.
    fn recover(&mut self, events: &mut Vec<Event>) {
        if !self.retry.knows_loss_of(self.oldest) {
            let spent = self.retry.spend(self.oldest);
            self.send_again(spent, self.oldest.plus(1), events);
        }
    }

    /// Sends again: everything, or with selective repeat what is missing before `end`.
    fn send_again(&mut self, spent: Result<(), Status>, end: Seq, events: &mut Vec<Event>) {
        match (spent, self.selective.as_mut()) {
            (Ok(()), None) => {
                self.cursor = self.oldest;
                self.send_index = 0;
            }
            (Ok(()), Some(selective)) => selective.lose(self.oldest, end),
            (Err(status), _) => self.fail_oldest(status, events),
        }
    }
}

/// The status for a NAK other than a sequence error (IBTA volume 1, 9.7.5.2.8).
const fn remote_error(code: u8) -> Status {
    const INVALID: u8 = NakCode::InvalidRequest as u8;
    const ACCESS: u8 = NakCode::RemoteAccess as u8;
    const OPERATIONAL: u8 = NakCode::RemoteOperational as u8;
    match code {
        INVALID => Status::RemoteInvalidRequest,
        ACCESS => Status::RemoteAccess,
        OPERATIONAL => Status::RemoteOperational,
        _ => Status::BadResponse,
    }
}
