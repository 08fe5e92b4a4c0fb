//! All connections of a device: who is meant by a datagram, what the table says, and the timers.

use super::connection::{Connection, LocalEnd, RemoteEnd, Role, capped, mirrored, path_mtu};
use super::message::{self, Call};
use super::port::Ports;
use super::table::{Event, State};
use super::{Input, Output, Settings};
use crate::backend::{ConnectionId, ConnectionLimits, Established, ListenerId};
use crate::ndk::Status;
use bytes::Bytes;
use des::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use wire::Qpn;
use wire::cm::ip::CONSUMER_PRIVATE_LEN;
use wire::cm::{
    CommId, CommIds, IpHeader, Mad, Message, PrivateData, Rej, RejReason, Rep, Req, ServiceType, Stage, ip,
};

/// The connections of one device.
#[derive(Clone, Debug)]
pub struct Connections {
    pub(super) settings: Settings,
    pub(super) ports: Ports,
    pub(super) table: BTreeMap<ConnectionId, Connection>,
    /// Passive connections by their caller's name for them.
    pub(super) calls: BTreeMap<(IpAddr, CommId), ConnectionId>,
    /// Connections that are not over, by the peer's queue pair.
    pub(super) ends: BTreeMap<(IpAddr, Qpn), ConnectionId>,
    /// Passive connections whose consumer has not answered.
    pub(super) waiting: BTreeSet<(ListenerId, ConnectionId)>,
    pub(super) deadlines: BTreeSet<(Time, ConnectionId)>,
    next_id: u32,
    next_transaction: u64,
}

/// What an event brings along.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Detail<'a> {
    /// Of a rejection, short enough.
    pub(super) private_data: &'a [u8],
    /// Of an MRA.
    pub(super) service_timeout: u8,
}

/// What came with a REQ.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    from: IpAddr,
    transaction_id: u64,
    header: IpHeader,
    private_data: PrivateData<CONSUMER_PRIVATE_LEN>,
}

/// An outgoing connection.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    /// Own address; port zero: any.
    pub source: SocketAddr,
    /// The source belongs to a shared endpoint.
    pub shared: bool,
    /// The peer's listener.
    pub destination: SocketAddr,
    /// The own QP.
    pub end: LocalEnd,
    /// Reads asked for.
    pub limits: ConnectionLimits,
    /// For the peer's consumer.
    pub private_data: &'a [u8],
}

impl Connections {
    /// No connections.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            ports: Ports::new(settings.addresses.clone()),
            table: BTreeMap::new(),
            calls: BTreeMap::new(),
            ends: BTreeMap::new(),
            waiting: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            next_id: settings.first_id.max(1),
            next_transaction: u64::from(settings.first_id) << 32,
            settings,
        }
    }

    /// Listeners and addresses in use.
    pub const fn ports(&mut self) -> &mut Ports {
        &mut self.ports
    }

    /// Begins to connect. The answer comes as a notice: replied, or failed.
    ///
    /// # Errors
    /// What [`Ports::connect`] refuses; INVALID_BUFFER_SIZE for too much private data.
    pub fn connect(&mut self, now: Time, wanted: &Connect<'_>) -> Result<(ConnectionId, Vec<Output>), Status> {
        let private_data = PrivateData::new(wanted.private_data).map_err(|_| Status::INVALID_BUFFER_SIZE)?;
        let peer = wanted.destination;
        let local = self.ports.connect(wanted.source, peer, wanted.shared)?;
        let limits = capped(wanted.limits, self.most());
        let id = self.fresh_id();
        let call = Call { id, local, peer, end: wanted.end, limits, private_data };
        let req = Box::new(message::req(&self.settings, &call));
        let connection = Connection {
            role: Role::Active,
            state: State::RequestSent,
            local,
            peer,
            remote_id: CommId::default(),
            transaction_id: self.fresh_transaction(),
            limits,
            end: Some(wanted.end),
            req: req.clone(),
            rep: None,
            refusal: None,
            last: None,
            repeats_left: 0,
            deadline: None,
            released: false,
        };
        self.table.insert(id, connection);
        let mut out = Vec::new();
        self.send(id, Message::Req(*req), &mut out);
        self.restart_timer(now, id);
        Ok((id, out))
    }

    /// What the QP of a connection must know of its peer, once the peer has said it.
    #[must_use]
    pub fn remote_end(&self, id: ConnectionId) -> Option<RemoteEnd> {
        self.table.get(&id)?.remote_end()
    }

    /// What the QP of a passive connection must know if it is accepted with `limits`.
    #[must_use]
    pub fn remote_end_if_accepted(&self, id: ConnectionId, limits: ConnectionLimits) -> Option<RemoteEnd> {
        let connection = self.table.get(&id)?;
        let limits = capped(capped(limits, self.most()), connection.limits);
        Some(RemoteEnd { limits, ..connection.remote_end()? })
    }

    /// The own QP, once it is known which.
    #[must_use]
    pub fn local_end(&self, id: ConnectionId) -> Option<LocalEnd> {
        self.table.get(&id)?.end
    }

    /// What both sides agreed on.
    #[must_use]
    pub fn established(&self, id: ConnectionId) -> Option<Established> {
        self.table.get(&id).map(|connection| connection.established(id))
    }

    /// What the peer's consumer sent with its rejection, [`REJECT_PRIVATE_BYTES`](super::REJECT_PRIVATE_BYTES).
    #[must_use]
    pub fn refusal(&self, id: ConnectionId) -> Option<&Bytes> {
        self.table.get(&id)?.refusal.as_ref()
    }

    /// How far a connection is.
    #[must_use]
    pub fn state(&self, id: ConnectionId) -> Option<State> {
        self.table.get(&id).map(|connection| connection.state)
    }

    /// How many connections are remembered, those that are over included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// When [`Input::Wake`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    /// Something happened.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        let plain = Detail::default();
        match input {
            Input::Datagram { from, mad } => self.datagram(now, from, *mad, &mut out),
            Input::Accept { connection, end, limits, private_data } => {
                let ready = self.prepare_reply(connection, end, limits, &private_data);
                self.apply_if(ready, now, connection, Event::Accept, plain, &mut out);
            }
            Input::Reject { connection, private_data } => {
                let fits = PrivateData::<148>::new(&private_data).map(drop);
                let detail = Detail { private_data: &private_data, ..plain };
                let fits = fits.map_err(|_| Status::INVALID_BUFFER_SIZE);
                self.apply_if(fits, now, connection, Event::Reject, detail, &mut out);
            }
            Input::Complete(id) => self.apply(now, id, Event::Complete, plain, &mut out),
            Input::Disconnect(id) => self.apply(now, id, Event::Disconnect, plain, &mut out),
            Input::Abandon(id) => self.apply(now, id, Event::Abandon, plain, &mut out),
            Input::Traffic(id) => self.apply(now, id, Event::Traffic, plain, &mut out),
            Input::Broken(id) => self.apply(now, id, Event::Broken, plain, &mut out),
            Input::Release(id) => self.release(now, id, &mut out),
            Input::Wake => self.wake(now, &mut out),
        }
        out
    }

    fn most(&self) -> ConnectionLimits {
        ConnectionLimits {
            inbound_reads: self.settings.max_inbound_reads,
            outbound_reads: self.settings.max_outbound_reads,
        }
    }

    fn fresh_id(&mut self) -> ConnectionId {
        while self.next_id == 0 || self.table.contains_key(&ConnectionId(self.next_id)) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = ConnectionId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    pub(super) fn fresh_transaction(&mut self) -> u64 {
        self.next_transaction = self.next_transaction.wrapping_add(1);
        self.next_transaction
    }

    /// Writes the REP that an accept will send, if the connection waits for one.
    fn prepare_reply(
        &mut self,
        id: ConnectionId,
        end: LocalEnd,
        limits: ConnectionLimits,
        private_data: &[u8],
    ) -> Result<(), Status> {
        let most = self.most();
        let Some(connection) = self.table.get_mut(&id).filter(|known| known.state == State::RequestReceived) else {
            return Ok(()); // The table says what follows.
        };
        let private_data = PrivateData::new(private_data).map_err(|_| Status::INVALID_BUFFER_SIZE)?;
        connection.limits = capped(capped(limits, most), connection.limits);
        connection.end = Some(end);
        let rep = message::rep(&self.settings, connection.ids(id), end, connection.limits, private_data);
        connection.rep = Some(Box::new(rep));
        Ok(())
    }

    fn datagram(&mut self, now: Time, from: IpAddr, mad: Mad, out: &mut Vec<Output>) {
        let transaction_id = mad.transaction_id;
        let mut detail = Detail::default();
        let (ids, event) = match mad.message {
            Message::Req(req) => return self.request(now, from, transaction_id, req, out),
            Message::Rep(rep) => {
                let ids = rep.comm_ids;
                self.reply(ids, from, rep);
                (ids, Event::Rep)
            }
            Message::Mra(mra) => {
                detail.service_timeout = mra.service_timeout;
                (mra.comm_ids, Event::Mra)
            }
            Message::Rej(rej) => {
                self.refused(from, &rej);
                (rej.comm_ids, Event::Rej)
            }
            Message::Rtu(rtu) => (rtu.comm_ids, Event::Rtu),
            Message::Dreq(dreq) => (dreq.comm_ids, Event::Dreq),
            Message::Drep(drep) => (drep.comm_ids, Event::Drep),
            // Services of datagrams are not connected.
            Message::SidrReq(_) | Message::SidrRep(_) => return,
        };
        if let Some(id) = self.meant(ids, from, event) {
            if event == Event::Dreq
                && let Some(connection) = self.table.get_mut(&id)
            {
                connection.transaction_id = transaction_id;
                connection.remote_id = ids.local;
            }
            return self.apply(now, id, event, detail, out);
        }
        let mad = match event {
            Event::Rep => message::refusal(transaction_id, ids.local, Stage::REP, RejReason::INVALID_COMM_ID),
            Event::Dreq => message::farewell(transaction_id, ids),
            _ => return,
        };
        self.answer_stranger(from, None, mad, out);
    }

    /// Answers who has no connection, from the address that was meant, if that is known and an own one.
    fn answer_stranger(&self, to: IpAddr, meant: Option<IpAddr>, mad: Mad, out: &mut Vec<Output>) {
        let own = &self.settings.addresses;
        let meant = meant.filter(|address| own.contains(address));
        let from = meant.or_else(|| own.iter().copied().find(|address| address.is_ipv4() == to.is_ipv4()));
        if let Some(from) = from {
            out.push(Output::Send { from, to, mad: Box::new(mad) });
        }
    }

    /// The connection that a message other than REQ is about.
    fn meant(&self, ids: CommIds, from: IpAddr, event: Event) -> Option<ConnectionId> {
        // A caller that gives up before it has an answer does not know this side's name.
        let id = match ids.remote {
            CommId(0) if event == Event::Rej => *self.calls.get(&(from, ids.local))?,
            CommId(id) => ConnectionId(id),
        };
        let connection = self.table.get(&id).filter(|connection| connection.peer.ip() == from)?;
        let unnamed = CommId::default();
        let fits = connection.remote_id == ids.local || connection.remote_id == unnamed || ids.local == unnamed;
        let role_fits = match event {
            Event::Rep => connection.role == Role::Active,
            Event::Rtu => connection.role != Role::Active,
            _ => true,
        };
        (fits && role_fits).then_some(id)
    }

    /// Keeps the first REP.
    fn reply(&mut self, ids: CommIds, from: IpAddr, rep: Rep) {
        let Some(id) = self.meant(ids, from, Event::Rep) else { return };
        let Some(connection) = self.table.get_mut(&id).filter(|known| known.state == State::RequestSent) else {
            return;
        };
        connection.remote_id = ids.local;
        connection.limits = capped(connection.limits, mirrored(rep.responder_resources, rep.initiator_depth));
        self.ends.insert((from, rep.qpn), id);
        connection.rep = Some(Box::new(rep));
    }

    /// Keeps what a consumer says to an attempt; other rejections have no consumer behind them.
    fn refused(&mut self, from: IpAddr, rej: &Rej) {
        let Some(id) = self.meant(rej.comm_ids, from, Event::Rej) else { return };
        let asked = |known: &&mut Connection| known.state == State::RequestSent;
        if let Some(connection) = self.table.get_mut(&id).filter(asked)
            && rej.reason == RejReason::CONSUMER_DEFINED
        {
            connection.refusal = Some(Bytes::copy_from_slice(rej.private_data.as_bytes()));
        }
    }

    /// A REQ: a repeat, or somebody new.
    fn request(&mut self, now: Time, from: IpAddr, transaction_id: u64, req: Req, out: &mut Vec<Output>) {
        if let Some(&id) = self.calls.get(&(from, req.local_comm_id)) {
            return self.apply(now, id, Event::Req, Detail::default(), out);
        }
        let caller = req.local_comm_id;
        let call = IpHeader::split(&req.private_data);
        let meant = call.as_ref().ok().map(|(header, _)| header.destination);
        let begun = match call {
            Ok((header, private_data)) => {
                self.new_request(now, &Arrival { from, transaction_id, header, private_data }, req, out)
            }
            Err(_) => Err(RejReason::UNSUPPORTED),
        };
        if let Err(reason) = begun {
            self.answer_stranger(from, meant, message::refusal(transaction_id, caller, Stage::REQ, reason), out);
        }
    }

    fn new_request(&mut self, now: Time, arrival: &Arrival, req: Req, out: &mut Vec<Output>) -> Result<(), RejReason> {
        let &Arrival { from, transaction_id, header, private_data } = arrival;
        if let Some(&stale) = self.ends.get(&(from, req.qpn)) {
            // The peer has forgotten a connection that it begins anew on the same QP.
            self.apply(now, stale, Event::Broken, Detail::default(), out);
            return Err(RejReason::STALE_CONNECTION);
        }
        if header.source != from || !self.settings.addresses.contains(&header.destination) {
            return Err(RejReason::INVALID_GID);
        }
        let port = ip::tcp_port(req.service_id).ok_or(RejReason::INVALID_SERVICE_ID)?;
        let local = SocketAddr::new(header.destination, port);
        let listener = self.ports.listener_at(local).ok_or(RejReason::INVALID_SERVICE_ID)?;
        if req.service_type != ServiceType::RELIABLE {
            return Err(RejReason::INVALID_TRANSPORT_TYPE);
        }
        let role = Role::Passive { listener };
        let waiting = (listener, ConnectionId(0))..=(listener, ConnectionId(u32::MAX));
        if self.waiting.range(waiting).count() >= self.settings.backlog {
            return Err(RejReason::NO_RESOURCES);
        }
        let peer = SocketAddr::new(from, header.source_port);
        let limits = mirrored(req.responder_resources, req.initiator_depth);
        let id = self.fresh_id();
        self.calls.insert((from, req.local_comm_id), id);
        self.ends.insert((from, req.qpn), id);
        self.ports.hold(local, peer);
        let connection = Connection {
            role,
            state: State::RequestReceived,
            local,
            peer,
            remote_id: req.local_comm_id,
            transaction_id,
            limits,
            end: None,
            req: Box::new(Req { path_mtu: req.path_mtu.min(path_mtu(self.settings.path_mtu_bytes)), ..req }),
            rep: None,
            refusal: None,
            last: None,
            repeats_left: 0,
            deadline: None,
            released: false,
        };
        self.table.insert(id, connection);
        self.waiting.insert((listener, id));
        let private_data = Bytes::copy_from_slice(private_data.as_bytes());
        out.push(Output::Request { listener, connection: id, local, peer, limits, private_data });
        Ok(())
    }
}
