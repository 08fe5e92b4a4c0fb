//! Selective repeat: what has arrived out of order is remembered, and only what is missing is sent again (Mittal et al.,
//! "Revisiting network support for RDMA", SIGCOMM 2018: IRN).
//!
//! The responder answers a packet that came too early with a NAK of code [`Aeth::SELECTIVE_CODE`]: its base header has the
//! number that is due, as every NAK, and its MSN field the number that has come. A number is lost if a later one has come;
//! it is sent again once, and after that by the timer. READs that lack some of their answer ask for that part only.

use super::request::{Entry, Phase, Work};
use super::{Requester, Seq, Step, packetise};
use crate::transport::packet::Packet;
use des::Time;
use std::collections::BTreeSet;
use wire::{Aeth, Ext, Psn, Reth};

/// What a requester knows about packets beyond the oldest that is missing.
#[derive(Clone, Debug)]
pub(super) struct Selective {
    /// Numbers that have arrived, above the oldest unacknowledged one.
    arrived: BTreeSet<Seq>,
    /// What lies before has been sent again already, or need not be.
    resend: Seq,
    /// Before this number, what has not arrived is lost.
    lost_before: Seq,
}

impl Selective {
    pub(super) const fn new(start: Seq) -> Self {
        Self { arrived: BTreeSet::new(), resend: start, lost_before: start }
    }

    /// `seq` has arrived although the oldest has not.
    pub(super) fn arrived(&mut self, seq: Seq) {
        self.arrived.insert(seq);
        self.lost_before = self.lost_before.max(seq);
    }

    /// What lies before `end` and has not arrived is lost, even if it was sent again. So is the oldest in any case: it may
    /// have arrived, but its acknowledgement has not.
    pub(super) fn lose(&mut self, oldest: Seq, end: Seq) {
        self.arrived.remove(&oldest);
        self.resend = oldest;
        self.lost_before = self.lost_before.max(end);
    }

    /// Everything before `oldest` is acknowledged.
    pub(super) fn acknowledged(&mut self, oldest: Seq) {
        while self.arrived.first().is_some_and(|first| *first < oldest) {
            self.arrived.pop_first();
        }
    }

    /// Whether `seq` has arrived; it is forgotten.
    pub(super) fn take(&mut self, seq: Seq) -> bool {
        self.arrived.remove(&seq)
    }

    /// The next number to send again.
    fn next_lost(&self, oldest: Seq) -> Option<Seq> {
        let mut seq = self.resend.max(oldest);
        for arrived in self.arrived.range(seq..) {
            if *arrived != seq {
                break;
            }
            seq = seq.plus(1);
        }
        (seq < self.lost_before).then_some(seq)
    }

    /// The first number after `seq` that has arrived.
    fn arrived_after(&self, seq: Seq) -> Option<Seq> {
        self.arrived.range(seq..).next().copied()
    }
}

impl Requester {
    /// The number to send again now, and the index of its request.
    pub(super) fn lost(&self, now: Time) -> Option<(Seq, usize)> {
        let seq = self.selective.as_ref()?.next_lost(self.oldest).filter(|seq| *seq < self.next)?;
        let index = self.requests.partition_point(|entry| entry.end() <= seq);
        let entry = self.requests.get(index)?;
        let sends = !self.halted && !self.retry.is_silent(now) && entry.phase == Phase::Ready;
        (sends && (seq != entry.first || self.has_credit(entry))).then_some((seq, index))
    }

    /// Sends a lost number again.
    pub(super) fn resend(&mut self, now: Time, seq: Seq, index: usize) -> Step {
        let entry = self.requests[index];
        let (packet, id, offset_bytes, end) = self.lost_piece(&entry, seq);
        if let Some(selective) = self.selective.as_mut() {
            selective.resend = end;
        }
        self.counters.retransmitted += 1;
        self.retry.on_sent(now, self.next.since(self.oldest));
        Step::Packet { packet, id, offset_bytes, retransmission: true }
    }

    /// The packet for a lost number, and the number after what it brings.
    fn lost_piece(&self, entry: &Entry, seq: Seq) -> (Packet, u32, u32, Seq) {
        let piece = packetise::piece(&self.config, entry, seq.since(entry.first));
        let mut ext = piece.ext;
        let mut end = seq.plus(piece.span);
        if let (Work::Read { .. }, Ext::Reth(reth)) = (entry.request.work, ext) {
            let arrived = self.selective.as_ref().and_then(|selective| selective.arrived_after(seq));
            if let Some(gap_end) = arrived.filter(|arrived| *arrived < end) {
                ext = Ext::Reth(Reth { length_bytes: self.config.pmtu.offset(gap_end.since(seq)), ..reth });
                end = gap_end;
            }
        }
        let packet = Packet {
            psn: seq.psn(),
            opcode: piece.opcode,
            ack_request: !entry.awaits_data(),
            solicited: piece.ends_message && entry.request.solicited,
            ext,
            payload_bytes: piece.payload_bytes,
        };
        (packet, entry.request.id, piece.offset_bytes, end)
    }

    /// A NAK says that a packet has come too early. What it says of the packet due has been taken already.
    pub(super) fn take_arrival(&mut self, aeth: Aeth) {
        let seq = self.oldest.near(Psn::new(aeth.msn));
        let index = self.requests.partition_point(|entry| entry.end() <= seq);
        let answered_with_data = self.requests.get(index).is_some_and(Entry::awaits_data);
        let Some(selective) = self.selective.as_mut() else { return };
        if seq <= self.oldest || seq >= self.next {
            return;
        }
        if answered_with_data {
            // It is the answer that counts.
            selective.lost_before = selective.lost_before.max(seq);
        } else {
            selective.arrived(seq);
        }
    }
}
