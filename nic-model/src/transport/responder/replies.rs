//! Answers waiting to leave, in the order of the requests: an acknowledgement never overtakes the answer of an earlier READ.

use super::port::Reply;
use crate::transport::mtu::{self, Pmtu};
use crate::transport::packet::{Packet, Remote};
use crate::transport::sequence::Seq;
use std::collections::VecDeque;
use wire::{Aeth, Ext, NakCode, Opcode, Operation, Position, Psn, Transport};

/// A READ being answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadAnswer {
    pub(super) first: Seq,
    pub(super) remote: Remote,
    pub(super) length_bytes: u32,
    /// Asked for again; has its own limit, so that repetition cannot crowd out new requests.
    pub(super) duplicate: bool,
    /// Packets that have left.
    pub(super) sent: u32,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Ack { seq: Seq },
    Nak { seq: Seq, kind: NakKind },
    Read(ReadAnswer),
    Atomic { seq: Seq, duplicate: bool },
}

/// A negative answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NakKind {
    ReceiverNotReady { timer_code: u8 },
    Code(NakCode),
    Selective { arrived: Psn },
}

/// What every AETH says about the receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) credit_code: u8,
    pub(super) msn: u32,
}

/// The queue of answers, and the results of the last atomics.
#[derive(Clone, Debug)]
pub(super) struct Replies {
    pmtu: Pmtu,
    limit: u8,
    queue: VecDeque<Answer>,
    /// Results of the last `limit` atomics, oldest first; `None` while one is being executed.
    atomics: VecDeque<(Seq, Option<u64>)>,
}

impl Replies {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(super) fn touch(&self) -> u64 {
        self.queue.len() as u64
    }

    pub(super) fn new(pmtu: Pmtu, limit: u8) -> Self {
        Self { pmtu, limit, queue: VecDeque::new(), atomics: VecDeque::new() }
    }

    /// Acknowledges up to `seq`. An acknowledgement that has not left yet is extended.
    pub(super) fn acknowledge(&mut self, seq: Seq) {
        match self.queue.back_mut() {
            Some(Answer::Ack { seq: waiting }) => *waiting = seq.max(*waiting),
            _ => self.queue.push_back(Answer::Ack { seq }),
        }
    }

    pub(super) fn refuse(&mut self, seq: Seq, kind: NakKind) {
        let newest = matches!(kind, NakKind::Selective { .. });
        if !newest && matches!(self.queue.back(), Some(Answer::Nak { .. })) {
            self.queue.pop_back();
        }
        self.queue.push_back(Answer::Nak { seq, kind });
    }

    /// Whether one more READ or atomic, new or repeated, may wait for its answer.
    pub(super) fn has_room(&self, again: bool) -> bool {
        let waiting = self.queue.iter().filter(|answer| match answer {
            Answer::Read(ReadAnswer { duplicate, .. }) | Answer::Atomic { duplicate, .. } => *duplicate == again,
            Answer::Ack { .. } | Answer::Nak { .. } => false,
        });
        waiting.count() < self.limit.into()
    }

    pub(super) fn answer_read(&mut self, answer: ReadAnswer) {
        self.queue.push_back(Answer::Read(answer));
    }

    pub(super) fn begin_atomic(&mut self, seq: Seq) {
        if self.atomics.len() == usize::from(self.limit) {
            self.atomics.pop_front();
        }
        self.atomics.push_back((seq, None));
        self.queue.push_back(Answer::Atomic { seq, duplicate: false });
    }

    /// Answers an atomic again; false if its result is not kept, or its first answer has not been given.
    pub(super) fn repeat_atomic(&mut self, seq: Seq) -> bool {
        let kept = self.result(seq).is_some() && self.has_room(true);
        if kept {
            self.queue.push_back(Answer::Atomic { seq, duplicate: true });
        }
        kept
    }

    pub(super) fn finish_atomic(&mut self, psn: Psn, original: u64) {
        if let Some((_, result)) = self.atomics.iter_mut().find(|(seq, result)| seq.psn() == psn && result.is_none()) {
            *result = Some(original);
        }
    }

    fn result(&self, seq: Seq) -> Option<u64> {
        self.atomics.iter().find(|(kept, _)| *kept == seq).and_then(|(_, result)| *result)
    }

    /// Whether [`next`](Self::next) has something.
    pub(super) fn is_ready(&self) -> bool {
        match self.queue.front() {
            None => false,
            Some(Answer::Atomic { seq, .. }) => self.result(*seq).is_some(),
            Some(Answer::Ack { .. } | Answer::Nak { .. } | Answer::Read(_)) => true,
        }
    }

    /// Whether the next answer carries data of a READ.
    pub(super) fn next_is_data(&self) -> bool {
        matches!(self.queue.front(), Some(Answer::Read(_)))
    }

    /// The next answer; `None` also while the atomic at the front is being executed.
    pub(super) fn next(&mut self, standing: Standing) -> Option<Reply> {
        let Standing { credit_code, msn } = standing;
        let ack = Aeth::ack(credit_code, msn);
        let (seq, opcode, ext) = match self.queue.front_mut()? {
            Answer::Ack { seq } => (*seq, Opcode::RC_ACKNOWLEDGE, Ext::Aeth(ack)),
            Answer::Nak { seq, kind } => {
                let aeth = match *kind {
                    NakKind::ReceiverNotReady { timer_code } => Aeth::rnr_nak(timer_code, msn),
                    NakKind::Code(code) => Aeth::nak(code, msn),
                    NakKind::Selective { arrived } => Aeth::selective_nak(arrived),
                };
                (*seq, Opcode::RC_ACKNOWLEDGE, Ext::Aeth(aeth))
            }
            Answer::Atomic { seq, .. } => {
                let seq = *seq;
                (seq, Opcode::RC_ATOMIC_ACKNOWLEDGE, Ext::AtomicAck(ack, self.result(seq)?))
            }
            Answer::Read(answer) => {
                let (reply, last) = answer.next(self.pmtu, ack);
                if last {
                    self.queue.pop_front();
                }
                return Some(reply);
            }
        };
        self.queue.pop_front();
        Some(Reply { packet: plain(seq, opcode, ext, 0), source: None })
    }

    /// Forgets the answers from `psn` on, which can no longer be given, and refuses instead.
    pub(super) fn fail_from(&mut self, seq: Seq, code: NakCode) {
        let keep = self.queue.iter().take_while(|answer| answer.first() < seq).count();
        // A READ that has begun to leave stands before `seq` and is cut there.
        self.queue.truncate(keep);
        if matches!(self.queue.back(), Some(Answer::Read(answer)) if answer.end(self.pmtu) > seq) {
            self.queue.pop_back();
        }
        self.refuse(seq, NakKind::Code(code));
    }
}

impl Answer {
    const fn first(&self) -> Seq {
        match self {
            Self::Ack { seq } | Self::Nak { seq, .. } | Self::Atomic { seq, .. } => *seq,
            Self::Read(answer) => answer.first,
        }
    }
}

impl ReadAnswer {
    const fn end(&self, pmtu: Pmtu) -> Seq {
        self.first.plus(pmtu.packets(self.length_bytes))
    }

    /// The next packet, and whether it is the last.
    fn next(&mut self, pmtu: Pmtu, aeth: Aeth) -> (Reply, bool) {
        let index = self.sent;
        self.sent += 1;
        let position = mtu::position(index, pmtu.packets(self.length_bytes));
        let offset = pmtu.offset(index);
        let ext = if position == Position::Middle { Ext::None } else { Ext::Aeth(aeth) };
        let opcode = Opcode::new(Transport::Rc, Operation::ReadResponse, position).expect("RC has READ");
        let payload_bytes = pmtu.payload(self.length_bytes, offset);
        let packet = plain(self.first.plus(index), opcode, ext, payload_bytes);
        (Reply { packet, source: Some(self.remote.offset(offset)) }, position.is_last())
    }
}

const fn plain(seq: Seq, opcode: Opcode, ext: Ext, payload_bytes: u32) -> Packet {
    Packet { psn: seq.psn(), opcode, ack_request: false, solicited: false, ext, payload_bytes }
}
