//! The receiving end of a queue pair: requests of the other side in, memory changed through a port, answers out.
//!
//! Reading order: `port` (what the NIC lends), this file (which packet is due), `message` (SEND and
//! WRITE), `replies` (answers in order).

mod message;
mod port;
mod replies;
#[cfg(test)]
mod tests;

pub use port::{AccessFault, ReceiveCompletion, ReceiveStatus, Reply, ResponderConfig, ResponderPort, Right, Verdict};

use super::mtu::MESSAGE_BYTES_MAX;
use super::packet::{AtomicOperation, Packet, Remote};
use super::sequence::Seq;
use message::{Inbound, Refusal};
use replies::{NakKind, ReadAnswer, Replies, Standing};
use std::cmp::Ordering;
use wire::{Aeth, Ext, NakCode, Operation, Position, Psn, Transport, codes};

/// Bytes that an atomic works on; its address is a multiple.
const ATOMIC_BYTES: u32 = 8;

/// The receiving end of a connected queue pair, RC or UC.
#[derive(Clone, Debug)]
pub struct Responder {
    config: ResponderConfig,
    /// Sequence number of the packet that is due.
    expected: Seq,
    /// After the last READ or atomic: an acknowledgement beyond stands for answers that may be lost.
    after_answers: Seq,
    /// Messages executed.
    msn: u32,
    message: Option<Inbound>,
    /// Bytes of a receive that was taken and is not complete.
    held_receive: Option<u32>,
    /// A gap or a missing receive was reported: nothing is said about later packets until the one that is due comes.
    reported: bool,
    halted: bool,
    unacknowledged: u32,
    /// The newest packet that came too early.
    newest_early: Seq,
    replies: Replies,
    counters: ResponderCounters,
}

/// What a responder has met, for the device's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponderCounters {
    /// Requests seen before.
    pub duplicates: u64,
    /// Gaps reported.
    pub out_of_sequence: u64,
    /// Requests put off for want of a receive.
    pub receiver_not_ready: u64,
    /// Packets ignored.
    pub dropped: u64,
}

impl Responder {
    /// A responder that has received nothing.
    #[must_use]
    pub fn new(config: ResponderConfig) -> Self {
        let start = Seq::start(config.expected_psn);
        Self {
            config,
            expected: start,
            after_answers: start,
            msn: 0,
            message: None,
            held_receive: None,
            reported: false,
            halted: false,
            unacknowledged: 0,
            newest_early: start.before(),
            replies: Replies::new(config.pmtu, config.max_dest_rd_atomic),
            counters: ResponderCounters::default(),
        }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let moves = self.msn ^ self.unacknowledged ^ self.expected.psn().value();
        u64::from(moves) ^ u64::from(self.message.is_some()) ^ self.replies.touch()
    }

    /// Takes a request packet. Bytes to be placed are those of its payload.
    pub fn on_request(&mut self, packet: &Packet, port: &mut impl ResponderPort) -> Verdict {
        let verdict = match packet.opcode.decode() {
            Some((transport, operation, position)) if transport == self.config.transport && !self.halted => {
                match transport {
                    Transport::Rc => self.on_reliable(packet, operation, position, port),
                    Transport::Uc => self.on_unreliable(packet, operation, position, port),
                    Transport::Ud => Verdict::Dropped,
                }
            }
            _ => Verdict::Dropped,
        };
        match verdict {
            Verdict::Duplicate => self.counters.duplicates += 1,
            Verdict::ReceiverNotReady => self.counters.receiver_not_ready += 1,
            Verdict::Dropped => self.counters.dropped += 1,
            Verdict::Accepted | Verdict::OutOfSequence | Verdict::Early | Verdict::Refused(_) => {}
        }
        verdict
    }

    /// Answers of "receiver not ready" name this code from now on.
    pub const fn set_min_rnr_timer(&mut self, code: u8) {
        self.config.min_rnr_timer = code;
    }

    /// Whether [`next_reply`](Self::next_reply) has something.
    #[must_use]
    pub fn has_reply(&self) -> bool {
        self.replies.is_ready()
    }

    /// Whether the next answer carries data of a READ.
    #[must_use]
    pub fn next_is_data(&self) -> bool {
        self.replies.next_is_data()
    }

    /// The next answer to send, in order. `receive_credits` are the receives posted, told to the other side; `None` tells
    /// it not to count (as with shared receive queues).
    pub fn next_reply(&mut self, receive_credits: Option<u32>) -> Option<Reply> {
        let credit_code = receive_credits.map_or(Aeth::UNLIMITED_CREDITS, codes::credit_code);
        self.replies.next(Standing { credit_code, msn: self.msn })
    }

    /// The atomic begun with this sequence number has ended; `original` is the value before.
    pub fn on_atomic_done(&mut self, psn: Psn, original: u64) {
        self.replies.finish_atomic(psn, original);
    }

    /// A request accepted earlier cannot be executed or answered after all: a DMA failed. Answers from `psn` on are
    /// replaced by this refusal, and the responder stops as after [`Verdict::Refused`].
    pub fn fail(&mut self, psn: Psn, code: NakCode) {
        if !self.halted {
            self.halted = true;
            self.replies.fail_from(self.expected.near(psn), code);
        }
    }

    /// Stops. Whether a receive was taken and not completed, which the caller flushes first.
    pub const fn flush(&mut self) -> bool {
        self.halted = true;
        self.held_receive.take().is_some()
    }

    /// The number that is due, counted without wrapping: packets held for it are to be given again.
    #[must_use]
    pub const fn due_position(&self) -> u64 {
        self.expected.position()
    }

    /// Sequence number of the packet that is due.
    #[must_use]
    pub const fn expected_psn(&self) -> Psn {
        self.expected.psn()
    }

    /// What it has met.
    #[must_use]
    pub const fn counters(&self) -> &ResponderCounters {
        &self.counters
    }

    /// IBTA volume 1, 9.7.3 and 9.7.4: executed if due, answered again if old, reported once if something is missing.
    fn on_reliable(
        &mut self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        port: &mut impl ResponderPort,
    ) -> Verdict {
        use Operation::{Acknowledge, AtomicAcknowledge, ReadResponse};
        if matches!(operation, Acknowledge | AtomicAcknowledge | ReadResponse) {
            return Verdict::Dropped;
        }
        let seq = self.expected.near(packet.psn);
        match seq.cmp(&self.expected) {
            Ordering::Less => self.repeat(packet, operation, seq, port),
            Ordering::Greater if seq.since(self.expected) <= self.config.reorder_packets => {
                self.keep(packet, operation, position, seq, port)
            }
            Ordering::Greater => self.report_gap(),
            Ordering::Equal => {
                self.reported = false;
                match self.execute(packet, operation, position, port) {
                    Ok(()) => Verdict::Accepted,
                    Err(refusal) => self.refuse(refusal),
                }
            }
        }
    }

    /// The packet has come too early: it is kept, and the gap reported with it.
    fn keep(
        &mut self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        seq: Seq,
        port: &mut impl ResponderPort,
    ) -> Verdict {
        self.counters.out_of_sequence += u64::from(self.newest_early <= self.expected);
        self.newest_early = self.newest_early.max(seq);
        let target = self.early_target(packet, operation, position, seq);
        port.hold(seq.position(), target, packet.payload_bytes);
        self.replies.refuse(self.expected, NakKind::Selective { arrived: packet.psn });
        Verdict::Early
    }

    fn report_gap(&mut self) -> Verdict {
        if !self.reported {
            self.reported = true;
            self.counters.out_of_sequence += 1;
            self.replies.refuse(self.expected, NakKind::Code(NakCode::PsnSequence));
        }
        Verdict::OutOfSequence
    }

    fn refuse(&mut self, refusal: Refusal) -> Verdict {
        match refusal {
            Refusal::ReceiverNotReady => {
                self.reported = true;
                let timer_code = self.config.min_rnr_timer;
                self.replies.refuse(self.expected, NakKind::ReceiverNotReady { timer_code });
                Verdict::ReceiverNotReady
            }
            Refusal::Nak(code) => {
                self.halted = true;
                self.replies.refuse(self.expected, NakKind::Code(code));
                Verdict::Refused(code)
            }
        }
    }

    /// Executes the packet that is due, and moves on.
    fn execute(
        &mut self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        port: &mut impl ResponderPort,
    ) -> Result<(), Refusal> {
        if matches!(operation, Operation::Send | Operation::Write) {
            self.segment(packet, operation, position, port)?;
            self.msn = self.msn.wrapping_add(u32::from(position.is_last()));
            let seq = self.step(1);
            self.unacknowledged += 1;
            // While a gap closes, each step tells the other side how far it is closed.
            let catches_up = self.newest_early >= self.expected;
            if packet.ack_request || catches_up || self.is_due_to_acknowledge(0) {
                self.acknowledge(seq);
            }
            return Ok(());
        }
        if self.message.is_some() || packet.payload_bytes > 0 || !self.replies.has_room(false) {
            return Err(Refusal::Nak(NakCode::InvalidRequest));
        }
        let span = match packet.ext {
            Ext::Reth(_) => self.read(packet, self.expected, port)?,
            Ext::Atomic(_) => self.atomic(packet, operation, port)?,
            _ => return Err(Refusal::Nak(NakCode::InvalidRequest)),
        };
        self.step(span);
        self.after_answers = self.expected;
        self.msn = self.msn.wrapping_add(1);
        Ok(())
    }

    /// Checks a READ and queues its answer; gives the sequence numbers it takes.
    fn read(&mut self, packet: &Packet, first: Seq, port: &mut impl ResponderPort) -> Result<u32, Refusal> {
        let (Ext::Reth(reth), Some((_, Operation::ReadRequest, _))) = (packet.ext, packet.opcode.decode()) else {
            return Err(Refusal::Nak(NakCode::InvalidRequest));
        };
        let length_bytes = reth.length_bytes;
        if length_bytes > MESSAGE_BYTES_MAX {
            return Err(Refusal::Nak(NakCode::InvalidRequest));
        }
        let span = self.config.pmtu.packets(length_bytes);
        let duplicate = first < self.expected;
        if duplicate && first.plus(span) > self.expected {
            return Err(Refusal::Nak(NakCode::InvalidRequest));
        }
        let remote = Remote { address: reth.virtual_address, rkey: reth.rkey };
        if length_bytes > 0 {
            port.check(remote, length_bytes, Right::Read)?;
        }
        self.replies.answer_read(ReadAnswer { first, remote, length_bytes, duplicate, sent: 0 });
        Ok(span)
    }

    fn atomic(&mut self, packet: &Packet, operation: Operation, port: &mut impl ResponderPort) -> Result<u32, Refusal> {
        let Ext::Atomic(header) = packet.ext else { return Err(Refusal::Nak(NakCode::InvalidRequest)) };
        let atomic = match operation {
            Operation::CompareSwap => {
                AtomicOperation::CompareSwap { compare: header.compare, swap: header.swap_or_add }
            }
            Operation::FetchAdd => AtomicOperation::FetchAdd { add: header.swap_or_add },
            _ => return Err(Refusal::Nak(NakCode::InvalidRequest)),
        };
        if header.virtual_address % u64::from(ATOMIC_BYTES) != 0 {
            return Err(Refusal::Nak(NakCode::InvalidRequest));
        }
        let remote = Remote { address: header.virtual_address, rkey: header.rkey };
        port.check(remote, ATOMIC_BYTES, Right::Atomic)?;
        self.replies.begin_atomic(self.expected);
        port.start_atomic(packet.psn, remote, atomic);
        Ok(1)
    }

    /// Answers a request seen before (IBTA volume 1, 9.7.5.1.5): messages are acknowledged, READs read again, atomics
    /// answered from what is kept. A READ whose key no longer works is ignored: an old copy must not end the connection.
    fn repeat(&mut self, packet: &Packet, operation: Operation, seq: Seq, port: &mut impl ResponderPort) -> Verdict {
        let answered = match operation {
            Operation::ReadRequest => self.replies.has_room(true) && self.read(packet, seq, port).is_ok(),
            Operation::CompareSwap | Operation::FetchAdd => self.replies.repeat_atomic(seq),
            _ => {
                // Everything up to the packet that is due, unless answers with data lie between, which may be lost.
                let upto = if seq < self.after_answers { seq.plus(1) } else { self.expected };
                self.acknowledge(upto);
                true
            }
        };
        if answered { Verdict::Duplicate } else { Verdict::Dropped }
    }

    /// IBTA volume 1, 9.8.2: a gap breaks the message it falls in; the next one is welcome. A receive taken for a broken
    /// message serves the next. Only a receive that cannot be written ends the queue pair.
    fn on_unreliable(
        &mut self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        port: &mut impl ResponderPort,
    ) -> Verdict {
        let seq = self.expected.near(packet.psn);
        if seq != self.expected {
            self.counters.out_of_sequence += 1;
            self.expected = seq;
            self.message = None;
        }
        self.step(1);
        if position.is_first() {
            self.message = None;
        }
        match self.segment(packet, operation, position, port) {
            Ok(()) => Verdict::Accepted,
            Err(Refusal::Nak(code @ NakCode::RemoteOperational)) => {
                self.halted = true;
                Verdict::Refused(code)
            }
            Err(_) => {
                self.message = None;
                Verdict::Dropped
            }
        }
    }

    /// Moves on by `span` numbers; gives the one that is due then.
    fn step(&mut self, span: u32) -> Seq {
        self.expected = self.expected.plus(span);
        self.expected
    }

    /// Whether `more` packets make as many as are acknowledged without being asked.
    const fn is_due_to_acknowledge(&self, more: u32) -> bool {
        let unasked = self.config.unasked_ack_packets;
        unasked > 0 && self.unacknowledged + more >= unasked
    }

    /// Acknowledges everything before `upto`.
    fn acknowledge(&mut self, upto: Seq) {
        self.unacknowledged = 0;
        self.replies.acknowledge(upto.before());
    }
}
