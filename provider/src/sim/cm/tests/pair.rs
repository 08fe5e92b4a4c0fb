//! Two sides and a network between them that does what a list of decisions says.

use crate::backend::{ConnectionId, ConnectionLimits, ListenerId};
use crate::sim::cm::table::State;
use crate::sim::cm::{Connect, Connections, Input, LocalEnd, Notice, Output, Settings};
use bytes::Bytes;
use des::{Dur, Time};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use wire::cm::Mad;
use wire::{Psn, Qpn};

/// What the network does with one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Deliver,
    Drop,
    Duplicate,
    /// Later than those after it.
    Delay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What a consumer saw, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Request(ConnectionId),
    Told(ConnectionId, Notice),
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) connections: Connections,
    pub(super) seen: Vec<Seen>,
    address: IpAddr,
}

impl Node {
    pub(super) fn told(&self, id: ConnectionId) -> Vec<Notice> {
        let about = |seen: &Seen| match seen {
            Seen::Told(about, notice) if *about == id => Some(*notice),
            _ => None,
        };
        self.seen.iter().filter_map(about).collect()
    }

    pub(super) fn request(&self) -> Option<ConnectionId> {
        self.seen.iter().find_map(|seen| match seen {
            Seen::Request(id) => Some(*id),
            Seen::Told(..) => None,
        })
    }

    pub(super) fn state(&self, id: Option<ConnectionId>) -> Option<State> {
        self.connections.state(id?)
    }
}

/// A datagram on its way to a side.
#[derive(Debug)]
struct Flying {
    side: Side,
    from: IpAddr,
    mad: Box<Mad>,
}

#[derive(Debug)]
pub(super) struct Pair {
    pub(super) a: Node,
    pub(super) b: Node,
    pub(super) now: Time,
    fates: Vec<Fate>,
    sent: usize,
    sequence: u64,
    wire: BTreeMap<(Time, u64), Flying>,
}

const LATENCY: Dur = Dur::from_us(10);
/// More repeats than a test drops, so that a lossy network never cuts the two sides off from each other.
pub(super) const RETRIES: u8 = 15;

pub(super) fn settings(address: IpAddr, first_id: u32) -> Settings {
    Settings {
        addresses: vec![address],
        ca_guid: first_id.into(),
        first_id,
        response_timeout: 10,
        service_timeout: 12,
        retries: RETRIES,
        linger: Dur::from_ms(1_000),
        ..Settings::default()
    }
}

pub(super) const LIMITS: ConnectionLimits = ConnectionLimits { inbound_reads: 8, outbound_reads: 4 };

pub(super) fn end(qpn: u32) -> LocalEnd {
    LocalEnd { qpn: Qpn::new(qpn), starting_psn: Psn::new(qpn * 1000), shared_receive_queue: false }
}

impl Pair {
    pub(super) fn new(fates: Vec<Fate>) -> Self {
        let node = |text: &str, first_id| {
            let address: IpAddr = text.parse().expect("an address");
            Node { connections: Connections::new(settings(address, first_id)), seen: Vec::new(), address }
        };
        let (a, b) = (node("10.0.0.1", 100), node("10.0.0.2", 900));
        Self { a, b, now: Time::ZERO, fates, sent: 0, sequence: 0, wire: BTreeMap::new() }
    }

    pub(super) fn node(&mut self, side: Side) -> &mut Node {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    pub(super) fn listen(&mut self) -> (ListenerId, SocketAddr) {
        let at = SocketAddr::new(self.b.address, 445);
        self.b.connections.ports().listen(at).expect("nobody else listens")
    }

    pub(super) fn connect(&mut self) -> ConnectionId {
        let call = Connect {
            source: SocketAddr::new(self.a.address, 0),
            shared: false,
            destination: SocketAddr::new(self.b.address, 445),
            end: end(17),
            limits: LIMITS,
            private_data: b"hello",
        };
        let (id, outputs) = self.a.connections.connect(self.now, &call).expect("the address is free");
        self.take(Side::A, outputs);
        id
    }

    pub(super) fn accept(&mut self, connection: ConnectionId) {
        let limits = ConnectionLimits { inbound_reads: 3, outbound_reads: 200 };
        let private_data = Bytes::from_static(b"welcome");
        self.input(Side::B, Input::Accept { connection, end: end(34), limits, private_data });
    }

    pub(super) fn input(&mut self, side: Side, input: Input) {
        let now = self.now;
        let outputs = self.node(side).connections.handle(now, input);
        self.take(side, outputs);
    }

    fn take(&mut self, side: Side, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { from, mad, .. } => self.send(side.other(), from, mad),
                Output::Request { connection, .. } => self.node(side).seen.push(Seen::Request(connection)),
                Output::Tell { connection, notice } => self.node(side).seen.push(Seen::Told(connection, notice)),
            }
        }
    }

    fn send(&mut self, side: Side, from: IpAddr, mad: Box<Mad>) {
        // Through the bytes, so that what is not encoded is lost here too.
        let mad = Box::new(Mad::parse(&mad.encode()).expect("what is encoded can be parsed"));
        let fate = self.fates.get(self.sent).copied().unwrap_or(Fate::Deliver);
        self.sent += 1;
        let delays: &[u64] = match fate {
            Fate::Deliver => &[1],
            Fate::Drop => &[],
            Fate::Duplicate => &[1, 4],
            Fate::Delay => &[900],
        };
        for &times in delays {
            self.sequence += 1;
            self.wire.insert((self.now + LATENCY * times, self.sequence), Flying { side, from, mad: mad.clone() });
        }
    }

    /// The next moment at which something happens.
    fn next(&self) -> Option<Time> {
        let arrival = self.wire.first_key_value().map(|(&(at, _), _)| at);
        let timers = [self.a.connections.next_deadline(), self.b.connections.next_deadline()];
        timers.into_iter().chain([arrival]).flatten().min()
    }

    /// Lets everything happen up to and including `until`.
    pub(super) fn run_until(&mut self, until: Time) {
        while let Some(at) = self.next().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            let due = self.wire.first_key_value().map(|(&key, _)| key).filter(|&(time, _)| time <= at);
            if let Some(Flying { side, from, mad }) = due.and_then(|key| self.wire.remove(&key)) {
                self.input(side, Input::Datagram { from, mad });
            } else {
                self.input(Side::A, Input::Wake);
                self.input(Side::B, Input::Wake);
            }
        }
        self.now = self.now.max(until);
    }

    pub(super) fn run(&mut self, length: Dur) {
        self.run_until(self.now + length);
    }

    /// Both consumers close all they have; afterwards nobody may remember anything.
    pub(super) fn close(&mut self, active: ConnectionId, passive: Option<ConnectionId>, listener: ListenerId) {
        self.input(Side::A, Input::Release(active));
        if let Some(passive) = passive {
            self.input(Side::B, Input::Release(passive));
        }
        self.b.connections.ports().close(listener).expect("it listens");
        self.run(Dur::from_ms(100_000));
        for node in [&mut self.a, &mut self.b] {
            assert!(node.connections.is_empty(), "{:?}", node.connections);
            assert_eq!(node.connections.ports().held(), 0);
            assert_eq!(node.connections.next_deadline(), None);
        }
    }
}
