//! Queue pairs: what the device knows about each.
//!
//! Reading order: this module (the context), [`send`] (the send queue), [`path`] (where packets go), [`life`] (scheduling,
//! errors, flush).

pub(crate) mod life;
pub(crate) mod path;
pub(crate) mod send;

use crate::congestion::flow::Flow;
use crate::mem::Accessor;
use crate::receive::{Receive, ReceiveQueue};
use crate::regs::cmd::{QpAttributes, QpContext, QpType, Rights};
use crate::table::Table;
use crate::transport::{Pmtu, QpState, Requester, Responder};
use des::Time;
use path::Path;
use send::SendQueue;
use std::collections::{BTreeMap, VecDeque};
use wire::{Frame, Qpn, RocePacket};

/// Where receives come from.
#[derive(Clone, Debug)]
pub(crate) enum Receives {
    Own(ReceiveQueue),
    /// Number of the shared receive queue.
    Shared(u32),
}

/// A packet that waits to be executed.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) packet: RocePacket,
    /// Its payload is where it belongs.
    pub(crate) placed: bool,
}

/// A queue pair.
#[derive(Clone, Debug)]
pub(crate) struct QueuePair {
    pub(crate) number: u32,
    pub(crate) context: QpContext,
    pub(crate) state: QpState,
    /// All attributes set so far.
    pub(crate) attributes: QpAttributes,
    /// Of a connected queue pair, from RTR on.
    pub(crate) path: Option<Path>,
    /// A packet from the middle of a message, for the next ones to be copies of.
    pub(crate) middle: Option<Box<Frame>>,
    pub(crate) sends: SendQueue,
    pub(crate) receives: Receives,
    /// The receive that the message under way goes into.
    pub(crate) taken: Option<Receive>,
    /// From RTS on.
    pub(crate) requester: Option<Requester>,
    /// Of a connected queue pair, from RTR on.
    pub(crate) responder: Option<Box<Responder>>,
    /// Congestion control of a connected queue pair, from RTR on; none without a scheme.
    pub(crate) flow: Option<Box<Flow>>,
    /// Packets that wait for a receive WQE to be read.
    pub(crate) inbox: VecDeque<Arrived>,
    /// Packets that have come too early, by position; with selective repeat only.
    pub(crate) held: BTreeMap<u64, Arrived>,
    /// Its newest WQEs are decoded then, and its requests leave not before.
    pub(crate) sends_from: Time,
    /// Its requests leave not before, by the rate that the driver has given it.
    pub(crate) limited_until: Time,
    /// The newest request of the peer is checked then, and answers leave not before.
    pub(crate) replies_from: Time,
    /// Waits for its turn to send requests.
    pub(crate) sends_queued: bool,
    /// Turns that it has taken one after the other.
    pub(crate) turns_taken: u8,
    /// Waits for its turn to send answers.
    pub(crate) replies_queued: bool,
    /// The alarm that is set for its timer.
    pub(crate) alarm: Option<Time>,
    /// The peer has been heard of.
    pub(crate) established: bool,
    /// SQ_DRAINED is to be told.
    pub(crate) draining: bool,
    /// LAST_WQE has been told.
    pub(crate) last_wqe_told: bool,
}

const _: () = assert!(size_of::<QueuePair>() + size_of::<Responder>() <= 1_056, "an idle queue pair is small");

impl QueuePair {
    pub(crate) fn new(number: u32, context: QpContext, receives: Receives, works_max: u32) -> Self {
        let datagram = matches!(context.qp_type, QpType::UD | QpType::GSI);
        Self {
            number,
            context,
            state: QpState::Reset,
            attributes: QpAttributes::default(),
            path: None,
            middle: None,
            sends: SendQueue::new(number, &context, datagram, works_max),
            receives,
            taken: None,
            requester: None,
            responder: None,
            flow: None,
            inbox: VecDeque::new(),
            held: BTreeMap::new(),
            sends_from: Time::ZERO,
            limited_until: Time::ZERO,
            replies_from: Time::ZERO,
            sends_queued: false,
            turns_taken: 0,
            replies_queued: false,
            alarm: None,
            established: false,
            draining: false,
            last_wqe_told: false,
        }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let requester = self.requester.as_ref().map_or(0, Requester::touch);
        let responder = self.responder.as_ref().map_or(0, |responder| responder.touch());
        let middle = self.middle.as_ref().map_or(0, |frame| frame.touch() as u64);
        let works = self.sends.front().map_or(0, |work| work.length_bytes ^ work.blocks);
        let path = self.path.as_ref().map_or(0, |path| u32::from(path.port) ^ u32::from(path.class()));
        let checked = self.context.pd ^ u32::from(self.attributes.pkey) ^ path ^ u32::from(self.sends_queued);
        let waiting = u64::from(self.taken.is_some()) ^ self.inbox.len() as u64;
        let moments = self.replies_from.as_ps() ^ self.sends_from.as_ps();
        requester ^ responder ^ middle ^ u64::from(works ^ checked) ^ waiting ^ moments
    }

    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self.context.qp_type, QpType::UD | QpType::GSI)
    }

    pub(crate) fn is_reliable(&self) -> bool {
        self.context.qp_type == QpType::RC
    }

    /// Who accesses memory for this queue pair.
    pub(crate) const fn accessor(&self) -> Accessor {
        Accessor { qpn: self.number, pd: self.context.pd, privileged: self.context.privileged != 0 }
    }

    /// Whether the peer may do this at all.
    pub(crate) const fn grants(&self, right: Rights) -> bool {
        self.attributes.access.contains(right)
    }

    /// Port that it belongs to.
    pub(crate) const fn port(&self) -> u8 {
        self.attributes.port
    }

    /// Traffic class of its packets; datagrams that name their own are queued as class 0.
    pub(crate) fn class(&self) -> u8 {
        self.path.as_ref().map_or(0, Path::class)
    }

    /// Queue key; that of queue pair 1 is fixed.
    pub(crate) fn qkey(&self) -> u32 {
        if self.context.qp_type == QpType::GSI { wire::cm::GSI_QKEY } else { self.attributes.qkey }
    }

    /// Path MTU; datagrams may fill the port's.
    pub(crate) fn pmtu(&self) -> Pmtu {
        let bytes = crate::regs::cmd::qp::mtu_bytes(self.attributes.path_mtu);
        bytes.and_then(Pmtu::from_bytes).filter(|_| !self.is_datagram()).unwrap_or(Pmtu::B4096)
    }
}

/// All queue pairs. Number 1 is the one for connection management.
#[derive(Clone, Debug)]
pub(crate) struct QueuePairs {
    table: Table<QueuePair>,
    gsi: Option<Box<QueuePair>>,
}

/// The first number of an ordinary queue pair: 0 and 1 are for management.
const FIRST: u32 = 2;

impl QueuePairs {
    /// An empty table of at most `limit`, with room for `expected`.
    pub(crate) fn new(limit: u64, expected: u32) -> Self {
        let mut table = Table::new(limit, FIRST);
        table.make_room(expected);
        Self { table, gsi: None }
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&QueuePair> {
        if number == Qpn::GSI.value() { self.gsi.as_deref() } else { self.table.get(number) }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut QueuePair> {
        if number == Qpn::GSI.value() { self.gsi.as_deref_mut() } else { self.table.get_mut(number) }
    }

    /// Puts in what `make` makes of its number; `None` if there is no room, or queue pair 1 exists.
    pub(crate) fn insert(&mut self, gsi: bool, make: impl FnOnce(u32) -> QueuePair) -> Option<u32> {
        if !gsi {
            return self.table.insert_with(make);
        }
        if self.gsi.is_some() {
            return None;
        }
        self.gsi = Some(Box::new(make(Qpn::GSI.value())));
        Some(Qpn::GSI.value())
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<QueuePair> {
        if number == Qpn::GSI.value() { self.gsi.take().map(|qp| *qp) } else { self.table.remove(number) }
    }

    /// All but that for connection management.
    pub(crate) fn ordinary(&self) -> impl Iterator<Item = &QueuePair> {
        self.table.iter()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &QueuePair> {
        self.gsi.as_deref().into_iter().chain(self.table.iter())
    }
}
