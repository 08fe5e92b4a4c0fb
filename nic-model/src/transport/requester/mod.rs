//! The sending end of a queue pair: requests in, packets out; answers in, completions out.
//!
//! Reading order: `request` (the types), this file (what is sent next), `packetise`, `ack` (what an answer means),
//! `read` (answers with data), `retry` (timers and counts), `selective` (what has arrived out of order).

mod ack;
mod packetise;
mod read;
mod request;
mod retry;
mod selective;
#[cfg(test)]
mod tests;

pub use request::{Event, Middle, Recovery, RequesterConfig, SendRequest, Status, Step, Suffix, TimeoutPolicy, Work};

use super::packet::Packet;
use super::sequence::{OUTSTANDING_MAX, Seq};
use des::Time;
use request::{Entry, Phase};
use retry::Retry;
use selective::Selective;
use std::collections::VecDeque;
use wire::{Opcode, Operation, Position, Psn, Transport};

const OUTSTANDING_MAX_U64: u64 = OUTSTANDING_MAX as u64;

/// The sending end of a queue pair.
///
/// Sequence numbers run `oldest <= cursor <= next <= tail`: acknowledged up to `oldest`, sent up to `next`, promised to
/// requests up to `tail`. `cursor` is what leaves next; it lies before `next` while something is sent again.
#[derive(Clone, Debug)]
pub struct Requester {
    config: RequesterConfig,
    requests: VecDeque<Entry>,
    oldest: Seq,
    cursor: Seq,
    next: Seq,
    tail: Seq,
    /// Index of the request that `cursor` lies in, or is to begin.
    send_index: usize,
    /// READs and atomics begun and not complete.
    reads: u8,
    /// Sequence numbers of theirs not yet answered; they do not count against the window.
    reserved: u32,
    /// Packets since an acknowledgement was last asked for.
    since_ack_request: u32,
    /// Messages pushed.
    ssn: u32,
    /// Last message that the receiver has credits for; `None` without limit.
    credit_limit: Option<u32>,
    draining: bool,
    halted: bool,
    retry: Retry,
    /// With [`Recovery::SelectiveRepeat`]; `cursor` is `next` then.
    selective: Option<Box<Selective>>,
    counters: RequesterCounters,
}

/// What a requester has met, for the device's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequesterCounters {
    /// Packets sent again.
    pub retransmitted: u64,
    /// Transport timer expired.
    pub timeouts: u64,
    /// Sequence error reported by the responder.
    pub sequence_naks: u64,
    /// Sequence error seen here: an answer is missing.
    pub implied_naks: u64,
    /// Receiver not ready.
    pub rnr_naks: u64,
    /// Answers to nothing outstanding.
    pub stale: u64,
}

impl Requester {
    /// A requester that has sent nothing.
    #[must_use]
    pub fn new(config: RequesterConfig) -> Self {
        let start = Seq::start(config.initial_psn);
        Self {
            config,
            requests: VecDeque::new(),
            oldest: start,
            cursor: start,
            next: start,
            tail: start,
            send_index: 0,
            reads: 0,
            reserved: 0,
            since_ack_request: 0,
            ssn: 0,
            credit_limit: None,
            draining: false,
            halted: false,
            retry: Retry::new(&config),
            selective: (config.recovery == Recovery::SelectiveRepeat).then(|| Box::new(Selective::new(start))),
            counters: RequesterCounters::default(),
        }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let front = self.requests.front().map_or(0, |entry| entry.span ^ entry.ssn ^ entry.request.id);
        let seqs = self.next.psn().value() ^ self.oldest.psn().value();
        u64::from(front ^ seqs) ^ self.counters.stale ^ self.send_index as u64 ^ self.retry.touch()
    }

    /// Takes the next request of the send queue. What can never be sent completes with an error in its turn, which may
    /// be now.
    pub fn push(&mut self, request: SendRequest, events: &mut Vec<Event>) {
        self.ssn = self.ssn.wrapping_add(u32::from(request.work != Work::Local));
        let entry = Entry::new(request, self.tail, self.ssn, &self.config);
        self.tail = entry.end();
        self.requests.push_back(entry);
        self.retire(events);
    }

    /// Whether [`next_step`](Self::next_step) has something.
    #[must_use]
    pub fn is_ready(&self, now: Time) -> bool {
        self.runnable(now).is_some() || self.lost(now).is_some()
    }

    /// The next packet to send or work to do.
    pub fn next_step(&mut self, now: Time) -> Option<Step> {
        if let Some((seq, index)) = self.lost(now) {
            return Some(self.resend(now, seq, index));
        }
        let index = self.runnable(now)?;
        self.send_index = index;
        let entry = &mut self.requests[index];
        if entry.is_local() {
            entry.phase = Phase::Running;
            return Some(Step::Local { id: entry.request.id });
        }
        Some(self.send(now, index))
    }

    /// The next packets, if they may be sent now, have not been sent before, and are from the middle of a message. Nothing has
    /// changed until [`send_middle`](Self::send_middle), which each of them takes.
    #[inline]
    #[must_use]
    pub fn middle(&self, now: Time) -> Option<Middle> {
        let entry = self.requests.get(self.send_index)?;
        let is_new = self.cursor == self.next && self.selective.is_none() && entry.phase == Phase::Ready;
        if !is_new || self.halted || self.retry.is_silent(now) {
            return None;
        }
        let operation = match entry.request.work {
            Work::Send(_) => Operation::Send,
            Work::Write { .. } => Operation::Write,
            Work::Read { .. } | Work::Atomic { .. } | Work::Local => return None,
        };
        let index = self.cursor.since(entry.first);
        let packets = entry.span.saturating_sub(index + 1).min(self.room_packets());
        if index == 0 || packets == 0 {
            return None;
        }
        Some(Middle {
            psn: self.cursor.psn(),
            opcode: Opcode::new(self.config.transport, operation, Position::Middle)?,
            id: entry.request.id,
            offset_bytes: self.config.pmtu.offset(index),
            payload_bytes: self.pmtu_bytes(),
            packets,
        })
    }

    /// Such a packet is sent; whether it asks for an acknowledgement.
    #[inline]
    pub fn send_middle(&mut self, now: Time) -> bool {
        self.cursor = self.cursor.plus(1);
        self.next = self.cursor;
        let reliable = self.config.transport == Transport::Rc;
        if reliable {
            self.retry.on_sent(now, self.next.since(self.oldest));
        }
        reliable && self.asks_for_ack(false)
    }

    /// When [`on_timeout`](Self::on_timeout) must be called at the latest; other inputs move it.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.retry.deadline()
    }

    /// Requests pushed and not completed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether every request is complete.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Begins no new requests until told otherwise (state SQD).
    pub const fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Timers and counts are others from now on.
    pub fn set_patience(&mut self, timeout_code: u8, retry_count: u8, rnr_retry: u8) {
        self.config = RequesterConfig { timeout_code, retry_count, rnr_retry, ..self.config };
        self.retry.reconfigure(&self.config);
    }

    /// Whether nothing that was begun is unfinished.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.oldest == self.next
            && self.next == self.requests.get(self.send_index).map_or(self.next, |entry| entry.first)
            && !self.requests.iter().any(|entry| entry.phase == Phase::Running)
    }

    /// Sequence number of the next new packet.
    #[must_use]
    pub const fn next_psn(&self) -> Psn {
        self.next.psn()
    }

    /// Sequence number of the oldest packet not acknowledged.
    #[must_use]
    pub const fn oldest_psn(&self) -> Psn {
        self.oldest.psn()
    }

    /// Bytes of a full packet.
    #[must_use]
    pub const fn pmtu_bytes(&self) -> u32 {
        self.config.pmtu.bytes()
    }

    /// Message bytes that may be unacknowledged from now on, in whole packets and at least one.
    pub const fn set_window(&mut self, window_bytes: u64) {
        let packets = window_bytes / self.config.pmtu.bytes() as u64;
        self.config.window_packets = match packets {
            0 => 1,
            OUTSTANDING_MAX_U64.. => OUTSTANDING_MAX,
            packets => packets as u32,
        };
    }

    /// What it has met.
    #[must_use]
    pub const fn counters(&self) -> &RequesterCounters {
        &self.counters
    }

    /// Stops, and gives the ids of all requests not completed, in order: they are flushed.
    pub fn flush(&mut self) -> impl Iterator<Item = u32> + '_ {
        self.halted = true;
        self.retry.stop();
        self.requests.drain(..).map(|entry| entry.request.id)
    }

    /// Index of the request that may take a step now. Everything that can hold a packet back is here.
    fn runnable(&self, now: Time) -> Option<usize> {
        if self.halted || self.retry.is_silent(now) {
            return None;
        }
        let mut index = self.send_index;
        let mut entry = self.requests.get(index)?;
        while entry.phase == Phase::Done {
            index += 1;
            entry = self.requests.get(index)?;
        }
        let again = self.cursor < self.next;
        let may_send = if again { self.may_send_again(entry) } else { self.may_send_new(entry) };
        (entry.phase == Phase::Ready && may_send).then_some(index)
    }

    /// Messages sent again need credits as new ones do: their receives may not be there yet.
    fn may_send_again(&self, entry: &Entry) -> bool {
        self.cursor != entry.first || self.has_credit(entry)
    }

    fn may_send_new(&self, entry: &Entry) -> bool {
        if self.cursor == entry.first && !self.may_begin(entry) {
            return false;
        }
        if self.config.transport == Transport::Rc && entry.awaits_data() {
            return entry.end().since(self.oldest) <= OUTSTANDING_MAX;
        }
        entry.is_local() || self.room_packets() > 0
    }

    /// New packets without answers of their own that may be sent before something is acknowledged.
    #[inline]
    fn room_packets(&self) -> u32 {
        if self.config.transport != Transport::Rc {
            return u32::MAX;
        }
        let in_window = self.config.window_packets.saturating_sub(self.window_used());
        in_window.min(OUTSTANDING_MAX.saturating_sub(self.next.since(self.oldest)))
    }

    fn may_begin(&self, entry: &Entry) -> bool {
        let read_free = !entry.awaits_data() || self.reads < self.config.max_rd_atomic;
        let fence_open = !entry.request.fence || self.reads == 0;
        read_free && fence_open && !self.draining && self.has_credit(entry)
    }

    /// One message beyond the limit may go: it finds out whether a receive was posted meanwhile (IBTA 9.7.7.2.5). So may the
    /// oldest, as what a NAK acknowledges does not move the limit.
    fn has_credit(&self, entry: &Entry) -> bool {
        if entry.first == self.oldest {
            return true;
        }
        let Some(limit) = self.credit_limit.filter(|_| entry.consumes_receive()) else { return true };
        // Message numbers are compared on the same circle of 24 bits as packet numbers.
        Psn::new(entry.ssn).distance(Psn::new(limit)) <= 1
    }

    /// Request packets unacknowledged.
    const fn window_used(&self) -> u32 {
        self.next.since(self.oldest) - self.reserved
    }

    fn send(&mut self, now: Time, index: usize) -> Step {
        let entry = &self.requests[index];
        let piece = packetise::piece(&self.config, entry, self.cursor.since(entry.first));
        let (id, solicits, awaits_data) = (entry.request.id, entry.request.solicited, entry.awaits_data());
        let psn = self.cursor.psn();
        let retransmission = self.cursor < self.next;
        self.cursor = self.cursor.plus(piece.span);
        if retransmission {
            self.counters.retransmitted += 1;
        } else {
            self.next = self.cursor;
            if awaits_data {
                self.reads += 1;
                self.reserved += piece.span;
            }
        }
        if piece.ends_message {
            self.send_index = index + 1;
        }
        let reliable = self.config.transport == Transport::Rc;
        if reliable {
            self.retry.on_sent(now, self.next.since(self.oldest));
        }
        let packet = Packet {
            psn,
            opcode: piece.opcode,
            ack_request: reliable && !awaits_data && self.asks_for_ack(piece.ends_message),
            solicited: piece.ends_message && solicits,
            ext: piece.ext,
            payload_bytes: piece.payload_bytes,
        };
        Step::Packet { packet, id, offset_bytes: piece.offset_bytes, retransmission }
    }

    /// The end of a message asks, every so many packets ask, and the packet that closes the window asks.
    fn asks_for_ack(&mut self, ends_message: bool) -> bool {
        self.since_ack_request += 1;
        let closes_window = self.cursor == self.next && self.window_used() >= self.config.window_packets;
        let asks = ends_message || closes_window || self.since_ack_request >= self.config.ack_every_packets;
        if asks {
            self.since_ack_request = 0;
        }
        asks
    }
}
