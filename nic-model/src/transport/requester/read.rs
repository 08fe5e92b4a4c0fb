//! Answers that carry data: READ responses and atomic answers.

use super::request::{Event, Status, Work};
use super::{Requester, Seq};
use des::Time;
use wire::{Aeth, Position, Psn};

impl Requester {
    /// A packet of a READ's answer. The data is taken in order only; a gap makes the requester ask for the rest again,
    /// from the first missing packet on.
    pub fn on_read_response(
        &mut self,
        now: Time,
        psn: Psn,
        position: Position,
        payload_bytes: u32,
        aeth: Option<Aeth>,
        events: &mut Vec<Event>,
    ) {
        if self.take_early_answer(psn, payload_bytes, events) {
            return;
        }
        let Some(seq) = self.reach(now, psn, events) else { return };
        let front = self.requests.front().expect("what is unacknowledged belongs to a request");
        let (request, span) = (front.request, front.span);
        let index = seq.since(front.first);
        let offset_bytes = self.config.pmtu.offset(index);
        // The rest of a READ asked for again comes as a message of its own, so FIRST is right in the middle too; and LAST, if
        // only a part was asked for again.
        let partial = self.selective.is_some();
        let fits = matches!(request.work, Work::Read { .. })
            && (partial || position.is_last() == (index + 1 == span))
            && (index > 0 || position.is_first())
            && payload_bytes == self.config.pmtu.payload(request.length_bytes, offset_bytes);
        if !fits {
            return self.fail_oldest(Status::BadResponse, events);
        }
        if let Some(aeth) = aeth {
            self.take_credits(aeth);
        }
        events.push(Event::Place { id: request.id, offset_bytes, length_bytes: payload_bytes });
        self.take_answer(now, seq, events);
    }

    /// The answer of an atomic.
    pub fn on_atomic_acknowledge(&mut self, now: Time, psn: Psn, aeth: Aeth, original: u64, events: &mut Vec<Event>) {
        let Some(seq) = self.reach(now, psn, events) else { return };
        let request = self.requests.front().expect("what is unacknowledged belongs to a request").request;
        if !matches!(request.work, Work::Atomic { .. }) {
            return self.fail_oldest(Status::BadResponse, events);
        }
        self.take_credits(aeth);
        events.push(Event::AtomicResult { id: request.id, original });
        self.take_answer(now, seq, events);
    }

    /// Acknowledges what lies before an answer with data; `None` if the answer is not the one that is due.
    fn reach(&mut self, now: Time, psn: Psn, events: &mut Vec<Event>) -> Option<Seq> {
        let seq = self.outstanding(psn)?;
        if !self.advance(now, seq, events) {
            self.miss_answer(events);
            return None;
        }
        (!self.halted).then_some(seq)
    }

    /// With selective repeat: an answer to the READ that is due, beyond what is due of it, goes to its place at once.
    fn take_early_answer(&mut self, psn: Psn, payload_bytes: u32, events: &mut Vec<Event>) -> bool {
        let seq = self.oldest.near(psn);
        let Some(front) = self.requests.front() else { return false };
        let early = !self.halted && self.oldest < seq && seq < front.end() && seq < self.next;
        let reads = matches!(front.request.work, Work::Read { .. }) && front.first <= self.oldest;
        let Some(selective) = self.selective.as_mut().filter(|_| early && reads) else { return false };
        let offset_bytes = self.config.pmtu.offset(seq.since(front.first));
        if payload_bytes == self.config.pmtu.payload(front.request.length_bytes, offset_bytes) {
            selective.arrived(seq);
            events.push(Event::Place { id: front.request.id, offset_bytes, length_bytes: payload_bytes });
        }
        true
    }

    fn take_answer(&mut self, now: Time, seq: Seq, events: &mut Vec<Event>) {
        self.oldest = seq.plus(1);
        self.reserved -= 1;
        // What has arrived early follows, as far as it is of the same READ.
        let end = self.requests.front().map_or(self.oldest, |front| front.end());
        while self.oldest < end && self.selective.as_mut().is_some_and(|selective| selective.take(self.oldest)) {
            self.oldest = self.oldest.plus(1);
            self.reserved -= 1;
        }
        self.progress(now);
        self.retire(events);
    }
}
