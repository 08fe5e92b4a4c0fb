//! What is asked of a requester, and what it says in return.

use crate::transport::mtu::{MESSAGE_BYTES_MAX, Pmtu};
use crate::transport::packet::{AtomicOperation, Packet, Remote};
use crate::transport::sequence::Seq;
use des::Dur;
use wire::{Ext, Opcode, Operation, Position, Psn, Transport};

/// A request of the send queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// Chosen by the caller, unique among the requests not yet completed: the WQE counter.
    pub id: u32,
    /// What is to be done.
    pub work: Work,
    /// Bytes of the message; ignored by atomics (always 8) and local work.
    pub length_bytes: u32,
    /// The caller wants a completion; only handed back with it.
    pub signalled: bool,
    /// The receiver's completion is to wake a solicited arm.
    pub solicited: bool,
    /// Begin only when earlier READs and atomics are complete (IBTA volume 1, 10.8.3.3).
    pub fence: bool,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// SEND.
    Send(Suffix),
    /// RDMA WRITE.
    Write {
        /// Where to.
        remote: Remote,
        /// Immediate data, which consumes a receive of the other side.
        immediate: Option<u32>,
    },
    /// RDMA READ.
    Read {
        /// Where from.
        remote: Remote,
    },
    /// Atomic on eight bytes.
    Atomic {
        /// Where.
        remote: Remote,
        /// What.
        operation: AtomicOperation,
    },
    /// Work of the NIC itself in its turn: bind, invalidate, fast register, nop.
    Local,
}

/// What the last packet of a SEND carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// Nothing.
    None,
    /// Immediate data.
    Immediate(u32),
    /// A key of the receiver to invalidate.
    Invalidate(u32),
}

/// The next thing to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a packet.
    Packet {
        /// Its headers. Datagrams get their DETH from the caller.
        packet: Packet,
        /// Request whose message the payload is taken from.
        id: u32,
        /// Where in the message the payload begins; its length is `packet.payload_bytes`.
        offset_bytes: u32,
        /// It has been sent before.
        retransmission: bool,
    },
    /// Do local work, then call [`Requester::on_local_done`](super::Requester::on_local_done). Nothing passes it.
    Local {
        /// The request.
        id: u32,
    },
}

/// What has happened to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Put the payload of the packet just given into the buffer of a READ.
    Place {
        /// The request.
        id: u32,
        /// Where in the message.
        offset_bytes: u32,
        /// How much.
        length_bytes: u32,
    },
    /// Put the answer of an atomic into its buffer.
    AtomicResult {
        /// The request.
        id: u32,
        /// The value before.
        original: u64,
    },
    /// A request is over, in posting order. After any status but [`Status::Ok`] the requester has stopped: the caller
    /// moves the queue pair ([`QpEvent::Fatal`](crate::transport::QpEvent::Fatal), or `SendFailed` if unreliable) and
    /// flushes what is left.
    Completed {
        /// The request.
        id: u32,
        /// How it ended.
        status: Status,
        /// As in the request.
        signalled: bool,
    },
}

/// How a request ended (IBTA volume 1, 11.6.2; `enum ibv_wc_status` has the same list). Flushing is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// The message is longer than the transport, or the local buffers, allow.
    LocalLength,
    /// The request is malformed, or the transport does not have it.
    LocalQpOperation,
    /// A local buffer may not be used so.
    LocalProtection,
    /// A memory window could not be bound.
    MemoryWindowBind,
    /// The answer does not fit the request.
    BadResponse,
    /// The responder says the request makes no sense.
    RemoteInvalidRequest,
    /// The responder refuses key, range or right.
    RemoteAccess,
    /// The responder failed.
    RemoteOperational,
    /// No answer after all retries.
    RetryExceeded,
    /// The receiver was not ready after all retries.
    RnrRetryExceeded,
}

/// What the requester is told once, when the queue pair becomes ready to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequesterConfig {
    /// Transport service.
    pub transport: Transport,
    /// Path MTU.
    pub pmtu: Pmtu,
    /// Sequence number of the first packet.
    pub initial_psn: Psn,
    /// Most READs and atomics outstanding: what the responder has resources for.
    pub max_rd_atomic: u8,
    /// Most request packets unacknowledged, READs and atomics not counted (they have their own limit). At least 1.
    pub window_packets: u32,
    /// Ask for an acknowledgement at least every so many packets, besides the end of each message. At least 1.
    pub ack_every_packets: u32,
    /// Transport timer, 4.096 us x 2^code; 0 means never (IBTA volume 1, 9.7.6.1.3).
    pub timeout_code: u8,
    /// How the timer follows that code.
    pub timeout_policy: TimeoutPolicy,
    /// Timeouts and sequence errors in a row that are answered by sending again.
    pub retry_count: u8,
    /// Receiver-not-ready answers in a row that are answered by sending again; 7 means without end.
    pub rnr_retry: u8,
    /// What is sent again.
    pub recovery: Recovery,
}

/// How the transport timer follows its code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutPolicy {
    /// As specified: the time of the code, every time.
    #[default]
    Nominal,
    /// As ConnectX-6 does by default (adaptive retransmission, floor on): first growing steps that cost no retry, then
    /// twice the time of the code, which counts as 16 at least.
    Adaptive,
    /// Short times of the network's size, whatever the code, as IRN has them (SIGCOMM 2018).
    Short {
        /// While few packets are unacknowledged: nobody may be left to show a loss.
        low: Dur,
        /// Else.
        high: Dur,
        /// Fewer than this are few.
        few_packets: u32,
    },
}

impl TimeoutPolicy {
    /// IRN's own numbers.
    pub const IRN: Self = Self::Short { low: Dur::from_us(100), high: Dur::from_us(320), few_packets: 3 };
}

/// What is sent again after a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Everything from the missing packet on: what the specification asks for, and what ConnectX-5 does.
    #[default]
    GoBackN,
    /// What is missing; the responder keeps what comes too early. Both ends must do it.
    SelectiveRepeat,
}

/// Packets from the middle of a message, of which only the number and the payload's place differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Middle {
    /// Number of the first.
    pub psn: Psn,
    /// Of all of them.
    pub opcode: Opcode,
    /// Of the request.
    pub id: u32,
    /// Where in the message the payload of the first begins.
    pub offset_bytes: u32,
    /// Message bytes of each.
    pub payload_bytes: u32,
    /// How many may follow each other, at least one.
    pub packets: u32,
}

impl Middle {
    /// The first.
    #[must_use]
    pub const fn packet(&self, ack_request: bool) -> Packet {
        let Self { psn, opcode, payload_bytes, .. } = *self;
        Packet { psn, opcode, ack_request, solicited: false, ext: Ext::None, payload_bytes }
    }
}

/// A request in the send queue of the requester.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) request: SendRequest,
    /// First sequence number.
    pub(super) first: Seq,
    /// Sequence numbers taken: packets of the message, or of the READ's answer; none by local work.
    pub(super) span: u32,
    /// Send sequence number: counts messages, compared with the credit limit.
    pub(super) ssn: u32,
    pub(super) phase: Phase,
}

/// How far a request is, besides what its sequence numbers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// To be sent, being sent, or waiting for its acknowledgement.
    Ready,
    /// Local work is being done.
    Running,
    /// Local work is done.
    Done,
    /// It cannot go on; reported when all before it are complete.
    Failed(Status),
}

impl Entry {
    pub(super) fn new(request: SendRequest, first: Seq, ssn: u32, config: &RequesterConfig) -> Self {
        let refused = request.refusal(config);
        let span = match (refused, request.work) {
            (Some(_), _) | (None, Work::Local) => 0,
            (None, Work::Atomic { .. }) => 1,
            (None, _) => config.pmtu.packets(request.length_bytes),
        };
        Self { request, first, span, ssn, phase: refused.map_or(Phase::Ready, Phase::Failed) }
    }

    /// The sequence number after the last.
    pub(super) const fn end(&self) -> Seq {
        self.first.plus(self.span)
    }

    pub(super) const fn is_local(&self) -> bool {
        matches!(self.request.work, Work::Local)
    }

    /// Whether the answer carries data, so that a mere acknowledgement does not complete it.
    pub(super) const fn awaits_data(&self) -> bool {
        matches!(self.request.work, Work::Read { .. } | Work::Atomic { .. })
    }

    /// Whether the message consumes a receive, and is thus subject to end-to-end credits.
    pub(super) const fn consumes_receive(&self) -> bool {
        matches!(self.request.work, Work::Send(_) | Work::Write { immediate: Some(_), .. })
    }
}

impl SendRequest {
    /// Why the request can never be sent.
    fn refusal(&self, config: &RequesterConfig) -> Option<Status> {
        use Position::{Only, OnlyImmediate, OnlyInvalidate};
        let (operation, position) = match self.work {
            Work::Local => return None,
            Work::Send(Suffix::None) => (Operation::Send, Only),
            Work::Send(Suffix::Immediate(_)) => (Operation::Send, OnlyImmediate),
            Work::Send(Suffix::Invalidate(_)) => (Operation::Send, OnlyInvalidate),
            Work::Write { immediate: None, .. } => (Operation::Write, Only),
            Work::Write { immediate: Some(_), .. } => (Operation::Write, OnlyImmediate),
            Work::Read { .. } => (Operation::ReadRequest, Only),
            Work::Atomic { .. } => (Operation::FetchAdd, Only),
        };
        let needs_responder = matches!(self.work, Work::Read { .. } | Work::Atomic { .. });
        let datagram = config.transport == Transport::Ud;
        if Opcode::new(config.transport, operation, position).is_none() || needs_responder && config.max_rd_atomic == 0
        {
            return Some(Status::LocalQpOperation);
        }
        let longest = if datagram { config.pmtu.bytes() } else { MESSAGE_BYTES_MAX };
        (self.length_bytes > longest).then_some(Status::LocalLength)
    }
}
