//! Listeners and connections: commands of the provider, and the acts of [`dialogue`](super::dialogue).

use super::dialogue::{Act, Heard, Phase, after};
use super::{DONE, VerbsBackend};
use crate::error::Errno;
use crate::status::of_errno;
use crate::sys::{CmEvent, CmId, CmKind, Offer, Qp, Subject};
use bytes::Bytes;
use provider::backend::{
    Command, CommandId, CommandOutput, CommandResult, ConnectionId, ConnectionLimits, Established, Event, ListenerId,
    QpId, Resource, Submitted,
};
use provider::ndk::Status;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A listening endpoint.
#[derive(Debug)]
pub(super) struct Listener {
    /// Dropped with it.
    _id: CmId,
    paused: bool,
}

/// One side of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// None when nothing more can be said.
    id: Option<CmId>,
    phase: Phase,
    qp: Option<u32>,
    /// The command that waits for the peer.
    command: Option<CommandId>,
    limits: ConnectionLimits,
    /// For the request, until it is sent; then the peer's.
    private_data: Bytes,
}

/// A limit as connection management has it.
fn byte(limit: u32) -> u8 {
    u8::try_from(limit).unwrap_or(u8::MAX)
}

impl VerbsBackend {
    /// Commands about listeners and connections. None of them waits for the peer here.
    pub(super) fn converse(&mut self, command: Command<'_>) -> Result<Submitted, Status> {
        let done = |()| Submitted::Done(DONE);
        match command {
            Command::Listen { address } => self.listen(address).map(|output| Submitted::Done(Ok(output))),
            Command::PauseListener { listener, pause } => {
                let listener = self.listeners.get_mut(&listener.0).ok_or(Status::INVALID_PARAMETER)?;
                listener.paused = pause;
                Ok(done(()))
            }
            Command::Connect { qp, source, shared_endpoint, destination, limits, private_data } => {
                self.connect(qp, (source, shared_endpoint), destination, limits, private_data).map(Submitted::Queued)
            }
            Command::CompleteConnect(connection) => self.complete_connect(connection).map(done),
            Command::Accept { connection, qp, limits, private_data } => {
                self.accept(connection, qp, limits, private_data).map(Submitted::Queued)
            }
            Command::Reject { connection, private_data } => self.reject(connection, private_data).map(done),
            Command::Disconnect(connection) => self.disconnect(connection),
            Command::Destroy(Resource::Listener(listener)) => {
                self.listeners.remove(&listener.0).map(drop).map(done).ok_or(Status::INVALID_PARAMETER)
            }
            Command::Destroy(Resource::Connection(connection)) => {
                // One that failed may be gone already.
                self.connections.remove(&connection.0);
                Ok(done(()))
            }
            _ => Err(Status::INVALID_PARAMETER),
        }
    }

    fn listen(&mut self, address: SocketAddr) -> Result<CommandOutput, Status> {
        let number = self.next_id();
        let id = CmId::create(&self.cm, Subject::Listener(number)).map_err(of_errno)?;
        let no_port = |errno| match errno {
            Errno(libc::EADDRINUSE) if address.port() == 0 => Status::TOO_MANY_ADDRESSES,
            errno => of_errno(errno),
        };
        id.bind(address).map_err(no_port)?;
        if !id.may_use(&self.device) {
            return Err(Status::INVALID_ADDRESS);
        }
        id.listen().map_err(of_errno)?;
        let address = id.local().ok_or(Status::INTERNAL_ERROR)?;
        self.listeners.insert(number, Listener { _id: id, paused: false });
        Ok(CommandOutput::Listening { listener: ListenerId(number), address })
    }

    fn connect(
        &mut self,
        qp: QpId,
        (source, shared): (SocketAddr, bool),
        destination: SocketAddr,
        limits: ConnectionLimits,
        private_data: &[u8],
    ) -> Result<CommandId, Status> {
        if !self.pairs.contains_key(&qp.0) {
            return Err(Status::INVALID_PARAMETER);
        }
        let number = self.connection_numbers.fetch_add(1, Ordering::Relaxed);
        let id = CmId::create(&self.cm, Subject::Connection(number)).map_err(of_errno)?;
        if shared {
            id.share_address().map_err(of_errno)?;
        }
        id.resolve_address(source, destination, self.options.resolve_timeout_ms).map_err(of_errno)?;
        let command = self.next_command();
        let private_data = Bytes::copy_from_slice(private_data);
        let (phase, qp, command_pending) = (Phase::ResolvingAddress, Some(qp.0), Some(command));
        let connection = Connection { id: Some(id), phase, qp, command: command_pending, limits, private_data };
        self.connections.insert(number, connection);
        Ok(command)
    }

    fn complete_connect(&mut self, connection: ConnectionId) -> Result<(), Status> {
        let known = self.connections.get(&connection.0).ok_or(Status::CONNECTION_INVALID)?;
        match (known.phase, &known.id) {
            (Phase::Established, _) => return Ok(()),
            (Phase::Over | Phase::PeerLeft, _) => return Err(Status::CONNECTION_ABORTED),
            (Phase::ReplyReceived, Some(id)) => {
                let qp = self.pair_of(known)?;
                qp.ready_to_send(id, byte(known.limits.outbound_reads)).map_err(of_errno)?;
                id.establish().map_err(of_errno)?;
            }
            _ => return Err(Status::CONNECTION_INVALID),
        }
        if let Some(known) = self.connections.get_mut(&connection.0) {
            known.phase = Phase::Established;
        }
        Ok(())
    }

    fn accept(
        &mut self,
        connection: ConnectionId,
        qp: QpId,
        limits: ConnectionLimits,
        private_data: &[u8],
    ) -> Result<CommandId, Status> {
        let pair = self.pairs.get(&qp.0).ok_or(Status::INVALID_PARAMETER)?;
        let known = self.connections.get_mut(&connection.0).ok_or(Status::CONNECTION_ABORTED)?;
        let id = known.id.as_ref().filter(|_| known.phase == Phase::RequestReceived);
        let id = id.ok_or(Status::CONNECTION_ABORTED)?;
        known.limits = smaller(known.limits, limits);
        let (inbound_reads, outbound_reads) = (byte(known.limits.inbound_reads), byte(known.limits.outbound_reads));
        let retries = (self.options.retries, self.options.not_ready_retries);
        let offer = Offer { qp_number: pair.qp.number(), inbound_reads, outbound_reads, retries, private_data };
        let answer = || {
            if !self.iwarp {
                pair.qp.ready_to_receive(id, inbound_reads)?;
                pair.qp.ready_to_send(id, outbound_reads)?;
            }
            id.accept(&offer)
        };
        // Linux does not tell that a request was withdrawn: it is found in the wrong state.
        answer()
            .map_err(|errno| if errno == Errno(libc::EINVAL) { Status::CONNECTION_ABORTED } else { of_errno(errno) })?;
        self.last_command += 1;
        let command = CommandId(self.last_command);
        (known.phase, known.qp, known.command) = (Phase::ReplySent, Some(qp.0), Some(command));
        Ok(command)
    }

    fn reject(&mut self, connection: ConnectionId, private_data: &[u8]) -> Result<(), Status> {
        let known = self.connections.get_mut(&connection.0).ok_or(Status::CONNECTION_ABORTED)?;
        let may = matches!(known.phase, Phase::RequestReceived | Phase::ReplyReceived);
        let id = known.id.take_if(|_| may).ok_or(Status::CONNECTION_ABORTED)?;
        known.phase = Phase::Over;
        id.reject(private_data).map_err(of_errno)
    }

    fn disconnect(&mut self, connection: ConnectionId) -> Result<Submitted, Status> {
        let command = self.next_command();
        let known = self.connections.get_mut(&connection.0).ok_or(Status::CONNECTION_INVALID)?;
        match (known.phase, &known.id) {
            (Phase::PeerLeft, _) => Ok(Submitted::Done(DONE)),
            (Phase::Established, Some(id)) => {
                id.disconnect().map_err(of_errno)?;
                (known.phase, known.command) = (Phase::DisconnectSent, Some(command));
                Ok(Submitted::Queued(command))
            }
            (Phase::Over, _) => Err(Status::CONNECTION_ABORTED),
            _ => Err(Status::CONNECTION_INVALID),
        }
    }

    /// Ends a command that waits for the peer. What it was about is refused or dropped.
    pub(super) fn give_up(&mut self, command: CommandId) {
        let found = self.connections.iter().find(|(_, connection)| connection.command == Some(command));
        if let Some(number) = found.map(|(&number, _)| number) {
            self.end(number, Err(Status::CANCELLED));
        }
    }

    /// A pending command ends, and with an error its connection.
    fn end(&mut self, number: u32, result: CommandResult) {
        let Some(known) = self.connections.get_mut(&number) else { return };
        if result.is_err() {
            (known.id, known.phase) = (None, Phase::Over);
        }
        if let Some(command) = known.command.take() {
            self.events.push_back(Event::CommandDone { command, result });
        }
    }

    /// Connection management reports something.
    pub(super) fn hear(&mut self, event: CmEvent) {
        match event.subject {
            Subject::Listener(listener) => self.requested(ListenerId(listener), event),
            Subject::Connection(_) if event.kind == CmKind::DeviceRemoval => self.device_gone(),
            Subject::Connection(number) => {
                let (Some(known), Some(heard)) = (self.connections.get_mut(&number), heard(&event)) else { return };
                let (phase, act) = after(known.phase, heard);
                known.phase = phase;
                if let Err(status) = self.carry_out(number, act, event) {
                    self.end(number, Err(status));
                }
            }
        }
    }

    fn carry_out(&mut self, number: u32, act: Act, event: CmEvent) -> Result<(), Status> {
        let Some(known) = self.connections.get_mut(&number) else { return Ok(()) };
        let connection = ConnectionId(number);
        match (act, &known.id) {
            (Act::ResolveRoute, Some(id)) => {
                if !id.uses(&self.device) {
                    return Err(Status::INVALID_ADDRESS);
                }
                if let Some(exponent) = self.options.ack_timeout {
                    id.set_ack_timeout(exponent).map_err(of_errno)?;
                }
                id.resolve_route(self.options.resolve_timeout_ms).map_err(of_errno)?;
            }
            (Act::SendRequest, Some(id)) => {
                let qp = self.pairs.get(&known.qp.unwrap_or(0)).ok_or(Status::CONNECTION_ABORTED)?;
                let offer = Offer {
                    qp_number: qp.qp.number(),
                    inbound_reads: byte(known.limits.inbound_reads),
                    outbound_reads: byte(known.limits.outbound_reads),
                    retries: (self.options.retries, self.options.not_ready_retries),
                    private_data: &known.private_data,
                };
                id.connect(&offer).map_err(of_errno)?;
            }
            (Act::TakeReply, Some(_)) => {
                known.limits = smaller(known.limits, limits(&event));
                known.private_data = event.private_data;
                self.reply_taken(number)?;
            }
            (Act::Complete, Some(_)) => {
                known.private_data = Bytes::new();
                let established = self.established(number)?;
                self.end(number, Ok(CommandOutput::Connected(established)));
            }
            (Act::AnswerAndTell, Some(id)) => {
                // It may have gone in the meantime; the answer is a courtesy.
                let _ = id.disconnect();
                self.events.push_back(Event::Disconnected { connection, graceful: true });
            }
            (Act::TellBroken, _) => self.events.push_back(Event::Disconnected { connection, graceful: false }),
            (Act::TellAborted, _) => self.events.push_back(Event::ConnectionAborted(connection)),
            (Act::Disconnected, _) => self.end(number, DONE),
            (Act::Refuse, _) => {
                if let Some(command) = known.command.filter(|_| !event.private_data.is_empty()) {
                    let private_data = event.private_data;
                    self.events.push_back(Event::ConnectRefused { command, private_data });
                }
                return Err(Status::CONNECTION_REFUSED);
            }
            (Act::Fail(status), _) => return Err(status),
            (Act::Nothing, _) | (_, None) => {}
        }
        Ok(())
    }

    /// The peer has accepted.
    fn reply_taken(&mut self, number: u32) -> Result<(), Status> {
        let known = self.connections.get(&number).ok_or(Status::CONNECTION_ABORTED)?;
        if let Some(id) = known.id.as_ref().filter(|_| !self.iwarp) {
            let qp = self.pair_of(known)?;
            qp.ready_to_receive(id, byte(known.limits.inbound_reads)).map_err(of_errno)?;
        }
        let established = self.established(number)?;
        self.end(number, Ok(CommandOutput::Connected(established)));
        Ok(())
    }

    fn pair_of(&self, connection: &Connection) -> Result<Arc<Qp>, Status> {
        let pair = connection.qp.and_then(|qp| self.pairs.get(&qp));
        pair.map(|pair| Arc::clone(&pair.qp)).ok_or(Status::CONNECTION_ABORTED)
    }

    fn established(&mut self, number: u32) -> Result<Established, Status> {
        let known = self.connections.get(&number).ok_or(Status::CONNECTION_ABORTED)?;
        let id = known.id.as_ref().ok_or(Status::CONNECTION_ABORTED)?;
        let peer = id.peer().ok_or(Status::INTERNAL_ERROR)?;
        if let Some(pair) = known.qp.and_then(|qp| self.pairs.get_mut(&qp)) {
            pair.peer = Some(peer.ip());
        }
        Ok(Established {
            connection: ConnectionId(number),
            local: id.local().ok_or(Status::INTERNAL_ERROR)?,
            peer,
            inbound_reads: known.limits.inbound_reads,
            outbound_reads: known.limits.outbound_reads,
            private_data: known.private_data.clone(),
        })
    }

    /// Somebody wants to connect. Who comes to a paused listener, to none, or over another device is refused, by the drop of
    /// the request.
    fn requested(&mut self, listener: ListenerId, event: CmEvent) {
        let (limits, private_data) = (limits(&event), event.private_data);
        let open = self.listeners.get(&listener.0).is_some_and(|listener| !listener.paused);
        let Some(request) = event.request.filter(|request| open && request.id.uses(&self.device)) else { return };
        let (Some(local), Some(peer)) = (request.id.local(), request.id.peer()) else { return };
        let connection = ConnectionId(request.connection);
        let (phase, id) = (Phase::RequestReceived, Some(request.id));
        let known = Connection { id, phase, qp: None, command: None, limits, private_data: Bytes::new() };
        self.connections.insert(connection.0, known);
        self.events.push_back(Event::ConnectionRequest { listener, connection, local, peer, limits, private_data });
    }

    /// The peer's first message came before its last word: the connection stands all the same.
    pub(super) fn communication_began(&mut self, qp: u32) {
        let waiting = |connection: &&Connection| connection.qp == Some(qp) && connection.phase == Phase::ReplySent;
        if let Some(id) = self.connections.values().find(waiting).and_then(|connection| connection.id.as_ref()) {
            // If it fails, the peer's last word will come, or the time-out.
            let _ = id.communication_began();
        }
    }
}

fn smaller(one: ConnectionLimits, other: ConnectionLimits) -> ConnectionLimits {
    ConnectionLimits {
        inbound_reads: one.inbound_reads.min(other.inbound_reads),
        outbound_reads: one.outbound_reads.min(other.outbound_reads),
    }
}

fn limits(event: &CmEvent) -> ConnectionLimits {
    ConnectionLimits { inbound_reads: u32::from(event.inbound_reads), outbound_reads: u32::from(event.outbound_reads) }
}

/// What an event means to a connection.
fn heard(event: &CmEvent) -> Option<Heard> {
    // Errors are negative numbers.
    let errno = Errno(event.status.saturating_neg());
    let failed = |timed_out| Heard::Failed(if errno.0 == libc::ETIMEDOUT { timed_out } else { of_errno(errno) });
    Some(match event.kind {
        CmKind::AddressResolved => Heard::AddressResolved,
        CmKind::RouteResolved => Heard::RouteResolved,
        CmKind::Response => Heard::Reply,
        CmKind::Established => Heard::Established,
        CmKind::Rejected => Heard::Refused,
        // Nobody answered to the question who has the address.
        CmKind::AddressError | CmKind::RouteError => failed(Status::HOST_UNREACHABLE),
        CmKind::Unreachable | CmKind::ConnectError => failed(Status::IO_TIMEOUT),
        CmKind::Disconnected if event.status == 0 => Heard::Disconnected,
        CmKind::Disconnected => Heard::DisconnectTimedOut,
        CmKind::Request | CmKind::DeviceRemoval | CmKind::Other => return None,
    })
}
