//! Connections: between the provider's commands, the protocol of [`cm`](super::cm), and the states of queue pairs.
//!
//! The active side goes to RTR and RTS when the peer's REP is there, the passive side before it sends its own, so that what
//! the other side sends after its part of the handshake is always received.

use super::SimBackend;
use super::attributes::{self, Way};
use super::cm::{self, LocalEnd, Notice, Output, RemoteEnd, table::State};
use super::datagrams::{Incoming, Outgoing};
use super::operation::{Next, Task};
use crate::backend::{Command, CommandId, CommandOutput, ConnectionId, ConnectionLimits, Event, QpId, Resource};
use crate::ndk::Status;
use bytes::Bytes;
use des::Time;
use host::HostBus;
use nic_model::regs::cmd::{Command as DeviceCommand, QpAttributes, QpState, Reply};
use std::net::{IpAddr, SocketAddr};
use wire::cm::{GSI_QKEY, Mad, Message};
use wire::{Mac, Psn, Qpn};

/// What a command of a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Connect,
    Accept,
    Disconnect,
}

/// The driver's part of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    qp: Option<QpId>,
    /// The command that the network ends.
    pending: Option<(CommandId, Purpose)>,
}

/// An accept on its way.
#[derive(Clone, Debug)]
pub(super) struct Acceptance {
    connection: ConnectionId,
    qp: QpId,
    end: LocalEnd,
    remote: RemoteEnd,
    limits: ConnectionLimits,
    private_data: Bytes,
}

impl SimBackend {
    pub(super) fn begin_connection(&mut self, host: &mut dyn HostBus, id: CommandId, command: Command<'_>) -> Next {
        match command {
            Command::Listen { address } => {
                let listening = self.connections.ports().listen(address);
                Next::End(listening.map(|(listener, address)| CommandOutput::Listening { listener, address }))
            }
            Command::PauseListener { listener, pause } => {
                Next::End(self.connections.ports().pause(listener, pause).map(|()| CommandOutput::Done))
            }
            Command::Connect { qp, source, shared_endpoint, destination, limits, private_data } => {
                let call =
                    |end| cm::Connect { source, shared: shared_endpoint, destination, end, limits, private_data };
                self.connect(host, id, qp, destination, call).into()
            }
            Command::Accept { connection, qp, limits, private_data } => {
                self.accept(id, connection, qp, limits, Bytes::copy_from_slice(private_data)).into()
            }
            Command::CompleteConnect(connection) => self.at_once(host, connection, cm::Input::Complete(connection)),
            Command::Reject { connection, private_data } => {
                let private_data = Bytes::copy_from_slice(private_data);
                self.at_once(host, connection, cm::Input::Reject { connection, private_data })
            }
            Command::Disconnect(connection) => self.disconnect(host, id, connection),
            _ => Next::End(Err(Status::NOT_SUPPORTED)),
        }
    }

    fn connect<'a>(
        &mut self,
        host: &mut dyn HostBus,
        id: CommandId,
        qp: QpId,
        destination: SocketAddr,
        call: impl Fn(LocalEnd) -> cm::Connect<'a>,
    ) -> Result<Next, Status> {
        let end = self.local_end(qp)?;
        self.mac_of(destination.ip()).ok_or(Status::HOST_UNREACHABLE)?;
        let (connection, outputs) = self.connections.connect(host.now(), &call(end))?;
        self.links.insert(connection, Link { qp: Some(qp), pending: Some((id, Purpose::Connect)) });
        self.bind(qp, Some(connection));
        self.deliver(host, outputs);
        Ok(Next::Wait)
    }

    fn accept(
        &mut self,
        id: CommandId,
        connection: ConnectionId,
        qp: QpId,
        limits: ConnectionLimits,
        private_data: Bytes,
    ) -> Result<Next, Status> {
        match self.connections.state(connection) {
            Some(State::RequestReceived) => {}
            Some(State::Over) => return Err(Status::CONNECTION_ABORTED),
            _ => return Err(Status::CONNECTION_INVALID),
        }
        if private_data.len() > cm::REPLY_PRIVATE_BYTES {
            return Err(Status::INVALID_BUFFER_SIZE);
        }
        // Another accept is under way.
        if self.links.get(&connection).is_none_or(|link| link.pending.is_some()) {
            return Err(Status::CONNECTION_INVALID);
        }
        let end = self.local_end(qp)?;
        let remote = self.connections.remote_end_if_accepted(connection, limits).ok_or(Status::CONNECTION_INVALID)?;
        let attributes = self.receiving(end, &remote)?;
        let acceptance = Acceptance { connection, qp, end, remote, limits, private_data };
        self.links.insert(connection, Link { qp: Some(qp), pending: Some((id, Purpose::Accept)) });
        self.bind(qp, Some(connection));
        Ok(Next::Run(DeviceCommand::ModifyQp(qp.0, attributes), Task::AcceptToReceive(Box::new(acceptance))))
    }

    /// A request to which the protocol answers without the network.
    fn at_once(&mut self, host: &mut dyn HostBus, connection: ConnectionId, input: cm::Input) -> Next {
        let mut outputs = self.connections.handle(host.now(), input);
        let mut result = Err(Status::CONNECTION_INVALID);
        outputs.retain(|output| {
            let Output::Tell { connection: about, notice } = output else { return true };
            match notice {
                Notice::Done if *about == connection => result = Ok(CommandOutput::Done),
                Notice::Failed(status) if *about == connection => result = Err(*status),
                _ => return true,
            }
            false
        });
        self.deliver(host, outputs);
        Next::End(result)
    }

    fn disconnect(&mut self, host: &mut dyn HostBus, id: CommandId, connection: ConnectionId) -> Next {
        let Some(link) = self.links.get_mut(&connection).filter(|link| link.pending.is_none()) else {
            return Next::End(Err(Status::CONNECTION_INVALID));
        };
        link.pending = Some((id, Purpose::Disconnect));
        let outputs = self.connections.handle(host.now(), cm::Input::Disconnect(connection));
        self.deliver(host, outputs);
        Next::Wait
    }

    /// Goes on when a transition of the queue pair has come to an end.
    pub(super) fn finish_connection(
        &mut self,
        host: &mut dyn HostBus,
        task: Task,
        reply: Result<Reply, Status>,
    ) -> Next {
        match (task, reply) {
            (Task::ConnectToReceive(connection), Ok(_)) => {
                let Some((qp, remote)) = self.active_end(connection) else { return self.give_up(host, connection) };
                self.set_state(qp, QpState::RTR);
                let attributes = attributes::to_send(&remote);
                Next::Run(DeviceCommand::ModifyQp(qp.0, attributes), Task::ConnectToSend(connection))
            }
            (Task::ConnectToSend(connection), Ok(_)) => {
                let Some((qp, _)) = self.active_end(connection) else { return self.give_up(host, connection) };
                self.set_state(qp, QpState::RTS);
                // The peer may have given up meanwhile.
                let established = self.connections.established(connection);
                match established.filter(|_| self.connections.state(connection) == Some(State::ReplyReceived)) {
                    Some(established) => {
                        self.settle(connection);
                        Next::End(Ok(CommandOutput::Connected(established)))
                    }
                    None => self.give_up(host, connection),
                }
            }
            (Task::ConnectToReceive(connection) | Task::ConnectToSend(connection), Err(status)) => {
                self.give_up(host, connection);
                Next::End(Err(status))
            }
            (Task::AcceptToReceive(acceptance), Ok(_)) => {
                self.set_state(acceptance.qp, QpState::RTR);
                let attributes = attributes::to_send(&acceptance.remote);
                Next::Run(DeviceCommand::ModifyQp(acceptance.qp.0, attributes), Task::AcceptToSend(acceptance))
            }
            (Task::AcceptToSend(acceptance), Ok(_)) => {
                let Acceptance { connection, qp, end, limits, private_data, .. } = *acceptance;
                self.set_state(qp, QpState::RTS);
                let input = cm::Input::Accept { connection, end, limits, private_data };
                let outputs = self.connections.handle(host.now(), input);
                self.deliver(host, outputs);
                Next::Wait
            }
            (Task::AcceptToReceive(acceptance) | Task::AcceptToSend(acceptance), Err(status)) => {
                self.links.insert(acceptance.connection, Link::default());
                self.bind(acceptance.qp, None);
                Next::End(Err(status))
            }
            (_, reply) => Next::End(reply.map(|_| CommandOutput::Done)),
        }
    }

    /// Gives up on an outgoing connection, of which the consumer knows nothing but the command.
    fn give_up(&mut self, host: &mut dyn HostBus, connection: ConnectionId) -> Next {
        self.release(host, connection);
        Next::End(Err(Status::CONNECTION_ABORTED))
    }

    /// Ends a listener or forgets a connection.
    pub(super) fn end_endpoint(&mut self, host: &mut dyn HostBus, resource: Resource) -> Next {
        match resource {
            Resource::Listener(listener) => {
                Next::End(self.connections.ports().close(listener).map(|()| CommandOutput::Done))
            }
            Resource::Connection(connection) => {
                self.release(host, connection);
                Next::DONE
            }
            _ => Next::End(Err(Status::INVALID_PARAMETER)),
        }
    }

    /// Gives up on a command that waits for the network.
    pub(super) fn give_up_command(&mut self, host: &mut dyn HostBus, command: CommandId) {
        let waits = |link: &Link| link.pending.is_some_and(|(pending, _)| pending == command);
        let Some((&connection, &Link { pending: Some((_, purpose)), .. })) =
            self.links.iter().find(|(_, link)| waits(link))
        else {
            return;
        };
        // While the device works on it, the command ends by itself soon.
        if self.operations.contains_key(&command) {
            return;
        }
        self.settle(connection);
        match purpose {
            Purpose::Connect => self.release(host, connection),
            Purpose::Accept => {
                let outputs = self.connections.handle(host.now(), cm::Input::Abandon(connection));
                self.deliver(host, outputs);
            }
            // The handshake goes on without the consumer.
            Purpose::Disconnect => {}
        }
        self.events.push_back(Event::CommandDone { command, result: Err(Status::CANCELLED) });
    }

    /// Commands that wait for the network end because the device has failed.
    pub(super) fn abandon_links(&mut self) {
        for link in self.links.values_mut() {
            if let Some((command, _)) = link.pending.take() {
                self.events.push_back(Event::CommandDone { command, result: Err(Status::INTERNAL_ERROR) });
            }
        }
    }

    /// Does what the protocol says.
    pub(super) fn deliver(&mut self, host: &mut dyn HostBus, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { from, to, mad } => {
                    self.send_mad(host, from, to, &mad);
                }
                Output::Request { listener, connection, local, peer, limits, private_data } => {
                    self.links.insert(connection, Link::default());
                    let request = Event::ConnectionRequest { listener, connection, local, peer, limits, private_data };
                    self.events.push_back(request);
                }
                Output::Tell { connection, notice } => self.notice(host, connection, notice),
            }
        }
    }

    fn notice(&mut self, host: &mut dyn HostBus, connection: ConnectionId, notice: Notice) {
        let Some(&Link { qp, pending }) = self.links.get(&connection) else { return };
        match (notice, pending) {
            (Notice::Replied, Some((id, Purpose::Connect))) => {
                let attributes = self.active_end(connection).ok_or(Status::CONNECTION_INVALID);
                let attributes = attributes.and_then(|(qp, remote)| {
                    let end = self.connections.local_end(connection).ok_or(Status::CONNECTION_INVALID)?;
                    Ok((qp, self.receiving(end, &remote)?))
                });
                let next = match attributes {
                    Ok((qp, attributes)) => {
                        Next::Run(DeviceCommand::ModifyQp(qp.0, attributes), Task::ConnectToReceive(connection))
                    }
                    Err(status) => {
                        self.release(host, connection);
                        Next::End(Err(status))
                    }
                };
                self.go_on(host, id, next);
            }
            (Notice::Established, Some((id, Purpose::Accept))) => {
                self.settle(connection);
                let established = self.connections.established(connection).ok_or(Status::CONNECTION_INVALID);
                self.go_on(host, id, Next::End(established.map(CommandOutput::Connected)));
            }
            (Notice::Failed(Status::CONNECTION_INVALID), Some((id, Purpose::Disconnect))) => {
                self.settle(connection);
                self.go_on(host, id, Next::End(Err(Status::CONNECTION_INVALID)));
            }
            (Notice::Done | Notice::Failed(_), Some((id, Purpose::Disconnect))) => {
                self.settle(connection);
                let result = if let Notice::Failed(status) = notice { Err(status) } else { Ok(CommandOutput::Done) };
                let next = qp.map_or(Next::End(result.clone()), |qp| self.flush(qp, result));
                self.go_on(host, id, next);
            }
            (Notice::Failed(status), Some((id, purpose))) => {
                self.settle(connection);
                if purpose == Purpose::Connect {
                    if let Some(private_data) = self.connections.refusal(connection).cloned() {
                        self.events.push_back(Event::ConnectRefused { command: id, private_data });
                    }
                    self.release(host, connection);
                }
                self.go_on(host, id, Next::End(Err(status)));
            }
            // The command that is under way for the queue pair will find out.
            (Notice::Aborted, Some(_)) => {}
            (Notice::Aborted, None) => self.events.push_back(Event::ConnectionAborted(connection)),
            (Notice::Disconnected { graceful }, _) => {
                self.events.push_back(Event::Disconnected { connection, graceful });
            }
            (Notice::Replied | Notice::Established | Notice::Done | Notice::Failed(_), _) => {}
        }
    }

    /// Sends a management datagram. An unknown neighbour hears nothing, as on a network without its ARP answer.
    pub(super) fn send_mad(&mut self, host: &mut dyn HostBus, from: IpAddr, to: IpAddr, mad: &Mad) {
        let source_index = self.capabilities.addresses.iter().position(|&own| own == from);
        if let (Some(mac), Some(index)) = (self.mac_of(to), source_index) {
            let (source_index, dest_qpn, qkey) = (index as u8, Qpn::GSI, GSI_QKEY);
            let (immediate, data) = (None, mad.encode());
            self.gsi.send(host, Outgoing { source_index, mac, to, dest_qpn, qkey, immediate, data });
        }
    }

    /// A management datagram of a peer. What is no message of connection management is ignored, as any node on the network
    /// may send it.
    pub(super) fn hear(&mut self, host: &mut dyn HostBus, incoming: &Incoming) {
        let Ok(mad) = Mad::parse(&incoming.data) else { return };
        if let Message::SidrReq(request) = &mad.message {
            return self.service_wanted(host, incoming, &mad, request);
        }
        let (from, mad) = (incoming.from, Box::new(mad));
        let outputs = self.connections.handle(host.now(), cm::Input::Datagram { from, mad });
        self.deliver(host, outputs);
    }

    /// Something happened to a queue pair that its connection should know.
    pub(super) fn tell_connection(
        &mut self,
        host: &mut dyn HostBus,
        qp: QpId,
        input: impl Fn(ConnectionId) -> cm::Input,
    ) {
        if let Some(connection) = self.qps.get(&qp).and_then(|qp| qp.connection) {
            let outputs = self.connections.handle(host.now(), input(connection));
            self.deliver(host, outputs);
        }
    }

    /// Timers of the protocol.
    pub(super) fn wake_connections(&mut self, host: &mut dyn HostBus, now: Time) {
        let outputs = self.connections.handle(now, cm::Input::Wake);
        self.deliver(host, outputs);
    }

    fn release(&mut self, host: &mut dyn HostBus, connection: ConnectionId) {
        if let Some(Link { qp: Some(qp), .. }) = self.links.remove(&connection) {
            self.bind(qp, None);
        }
        let outputs = self.connections.handle(host.now(), cm::Input::Release(connection));
        self.deliver(host, outputs);
    }

    /// The command of a connection is about to end.
    fn settle(&mut self, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.pending = None;
        }
    }

    fn bind(&mut self, qp: QpId, connection: Option<ConnectionId>) {
        if let Some(qp) = self.qps.get_mut(&qp) {
            qp.connection = connection;
        }
    }

    fn set_state(&mut self, qp: QpId, state: QpState) {
        if let Some(qp) = self.qps.get_mut(&qp) {
            qp.state = state;
        }
    }

    fn active_end(&self, connection: ConnectionId) -> Option<(QpId, RemoteEnd)> {
        Some((self.links.get(&connection)?.qp?, self.connections.remote_end(connection)?))
    }

    fn local_end(&mut self, qp: QpId) -> Result<LocalEnd, Status> {
        let known = self.qps.get(&qp).ok_or(Status::INVALID_PARAMETER)?;
        if known.connection.is_some() {
            return Err(Status::CONNECTION_ACTIVE);
        }
        if known.state != QpState::INIT {
            return Err(Status::INVALID_DEVICE_STATE);
        }
        self.next_psn = self.next_psn.wrapping_add(PSN_STEP);
        let starting_psn = Psn::new(self.next_psn >> 8);
        Ok(LocalEnd { qpn: Qpn::new(qp.0), starting_psn, shared_receive_queue: known.srq.is_some() })
    }

    pub(super) fn mac_of(&self, address: IpAddr) -> Option<Mac> {
        let own =
            || (self.capabilities.loopback && self.capabilities.addresses.contains(&address)).then_some(self.own_mac);
        self.config.neighbours.get(&address).copied().or_else(own).or(self.config.router)
    }

    /// Attributes for RTR.
    fn receiving(&self, end: LocalEnd, remote: &RemoteEnd) -> Result<QpAttributes, Status> {
        let source = self.capabilities.addresses.iter().position(|&own| own == remote.local.ip());
        let way = Way {
            mac: self.mac_of(remote.address.ip()).ok_or(Status::HOST_UNREACHABLE)?,
            source_index: source.ok_or(Status::INVALID_ADDRESS)? as u8,
            dscp: self.config.dscp,
            min_rnr_timer: self.config.min_rnr_timer,
        };
        Ok(attributes::to_receive(end, remote, way))
    }
}

/// Odd, so that all sequence numbers come before one repeats (2^32 divided by the golden ratio).
const PSN_STEP: u32 = 0x9e37_79b1;
