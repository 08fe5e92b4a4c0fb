//! Connections: request, answer, completion, end.

use super::medium::{Action, Medium, Signal};
use bytes::Bytes;
use des::Dur;
use provider::backend::{
    CommandId, CommandOutput, ConnectionId, ConnectionLimits, Established, Event, ListenerId, QpId,
};
use provider::ndk::Status;
use std::net::SocketAddr;

/// From one node to the other.
const FLIGHT: Dur = Dur::from_us(1);
/// An accept is given up after this long.
const PATIENCE: Dur = Dur::from_ms(500);

/// A listener of a device.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) paused: bool,
}

/// One end of a connection, or of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) qp: Option<QpId>,
    /// The other node's end, once there is one.
    pub(super) other: Option<ConnectionId>,
    pub(super) limits: ConnectionLimits,
    pub(super) private_data: Bytes,
    /// The command that waits for the peer.
    pub(super) command: Option<CommandId>,
    pub(super) established: bool,
}

impl Medium {
    pub(super) fn tell(&mut self, node: usize, signal: Signal) {
        self.later(1 - node, FLIGHT, Action::Signal(signal));
    }

    fn connection(&mut self, node: usize, id: ConnectionId) -> Option<&mut Connection> {
        self.devices[node].connections.get_mut(&id)
    }

    /// Begins an attempt; the command waits for the answer.
    pub(super) fn connect(&mut self, node: usize, connection: Connection) -> CommandId {
        let id = ConnectionId(self.number() as u32);
        let command = self.open_command(node, Some(id));
        let connection = Connection { command: Some(command), ..connection };
        self.devices[node].connections.insert(id, connection);
        self.tell(node, Signal::Request { from: id });
        command
    }

    /// Accepts; the command waits for the peer to complete.
    pub(super) fn accept(
        &mut self,
        node: usize,
        id: ConnectionId,
        qp: QpId,
        wanted: ConnectionLimits,
        private_data: Bytes,
    ) -> CommandId {
        let command = self.open_command(node, Some(id));
        let Some(connection) = self.connection(node, id) else {
            self.done(node, command, Err(Status::CONNECTION_ABORTED));
            return command;
        };
        connection.command = Some(command);
        connection.qp = Some(qp);
        connection.limits = capped(wanted, connection.limits);
        let (limits, other) = (connection.limits, connection.other);
        if let Some(other) = other {
            if let Some(active) = self.connection(1 - node, other) {
                active.limits = capped(active.limits, mirrored(limits));
                active.private_data = private_data;
            }
            self.tell(node, Signal::Accepted { at: other });
        }
        self.later(node, PATIENCE, Action::Signal(Signal::TimedOut { at: id }));
        command
    }

    /// Completes: both ends stand.
    pub(super) fn complete_connect(&mut self, node: usize, id: ConnectionId) -> CommandId {
        let command = self.open_command(node, Some(id));
        self.join_queues(node, id);
        let alive = self.connection(node, id).is_some_and(|connection| connection.other.is_some());
        let other = self.connection(node, id).and_then(|connection| {
            connection.established = alive;
            connection.other
        });
        if let Some(other) = other {
            self.tell(node, Signal::Completed { at: other });
        }
        let output = self.established(node, id).filter(|_| alive).ok_or(Status::CONNECTION_ABORTED);
        self.later(node, FLIGHT, Action::Done(command, output));
        command
    }

    fn join_queues(&mut self, node: usize, id: ConnectionId) {
        let Some((own, other)) = self.connection(node, id).and_then(|end| Some((end.qp?, end.other?))) else { return };
        let Some(theirs) = self.connection(1 - node, other).and_then(|end| end.qp) else { return };
        if let Some(qp) = self.devices[node].qps.get_mut(&own) {
            qp.peer = Some(theirs);
        }
        if let Some(qp) = self.devices[1 - node].qps.get_mut(&theirs) {
            qp.peer = Some(own);
        }
    }

    /// Turns a request away, or gives an attempt up.
    pub(super) fn give_up(&mut self, node: usize, id: ConnectionId, private_data: &[u8]) {
        let Some(connection) = self.connection(node, id).filter(|connection| !connection.established) else { return };
        let (other, passive) = (connection.other.take(), connection.command.is_none() && connection.qp.is_none());
        if let Some(at) = other {
            let private_data = Bytes::copy_from_slice(private_data);
            self.tell(node, if passive { Signal::Refused { at, private_data } } else { Signal::GaveUp { at } });
        }
    }

    /// Ends a connection; the command waits for the peer's word.
    pub(super) fn disconnect(&mut self, node: usize, id: ConnectionId) -> CommandId {
        let command = self.open_command(node, Some(id));
        let Some(connection) = self.connection(node, id) else {
            self.later(node, FLIGHT, Action::Done(command, Ok(CommandOutput::Done)));
            return command;
        };
        connection.command = Some(command);
        let (other, qp) = (connection.other, connection.qp);
        if let Some(qp) = qp {
            self.break_qp(node, qp);
        }
        match other {
            Some(at) => self.tell(node, Signal::Disconnected { at, by: id }),
            None => self.later(node, FLIGHT, Action::Done(command, Ok(CommandOutput::Done))),
        }
        command
    }

    pub(super) fn signal(&mut self, node: usize, signal: Signal) {
        match signal {
            Signal::Request { from } => self.requested(node, from),
            Signal::Accepted { at } => {
                let output = self.established(node, at).ok_or(Status::CONNECTION_ABORTED);
                self.answer(node, at, output);
            }
            Signal::Refused { at, private_data } => {
                if let Some(command) = self.connection(node, at).and_then(|connection| connection.command) {
                    self.raise(node, Event::ConnectRefused { command, private_data });
                }
                self.answer(node, at, Err(Status::CONNECTION_REFUSED));
            }
            Signal::Completed { at } => {
                if let Some(connection) = self.connection(node, at) {
                    connection.established = true;
                }
                let output = self.established(node, at).ok_or(Status::CONNECTION_ABORTED);
                self.answer(node, at, output);
            }
            Signal::GaveUp { at } => {
                let accepting = self.connection(node, at).is_some_and(|connection| {
                    connection.other = None;
                    connection.command.is_some()
                });
                if accepting {
                    self.answer(node, at, Err(Status::CONNECTION_ABORTED));
                } else if self.connection(node, at).is_some() {
                    self.raise(node, Event::ConnectionAborted(at));
                }
            }
            Signal::Disconnected { at, by } => {
                self.tell(node, Signal::Acknowledged { at: by });
                if let Some(connection) = self.connection(node, at) {
                    connection.other = None;
                    self.raise(node, Event::Disconnected { connection: at, graceful: true });
                }
            }
            Signal::Acknowledged { at } => self.answer(node, at, Ok(CommandOutput::Done)),
            Signal::TimedOut { at } => {
                if self.connection(node, at).is_some_and(|connection| !connection.established) {
                    self.answer(node, at, Err(Status::IO_TIMEOUT));
                }
            }
        }
    }

    fn requested(&mut self, node: usize, from: ConnectionId) {
        let Some(active) = self.connection(1 - node, from).cloned() else { return };
        let mut listeners = self.devices[node].listeners.iter();
        let found = listeners.find(|(_, listener)| !listener.paused && listener.address == active.peer);
        let Some((&listener, _)) = found else {
            return self.tell(node, Signal::Refused { at: from, private_data: Bytes::new() });
        };
        let connection = ConnectionId(self.number() as u32);
        let limits = mirrored(active.limits);
        let passive = Connection {
            local: active.peer,
            peer: active.local,
            qp: None,
            other: Some(from),
            limits,
            private_data: Bytes::new(),
            command: None,
            established: false,
        };
        self.devices[node].connections.insert(connection, passive);
        if let Some(active) = self.connection(1 - node, from) {
            active.other = Some(connection);
        }
        let (local, peer, private_data) = (active.peer, active.local, active.private_data);
        let event = Event::ConnectionRequest { listener, connection, local, peer, limits, private_data };
        self.raise(node, event);
    }

    /// Ends the command that waits.
    fn answer(&mut self, node: usize, id: ConnectionId, result: Result<CommandOutput, Status>) {
        if let Some(command) = self.connection(node, id).and_then(|connection| connection.command.take()) {
            self.done(node, command, result);
        }
    }

    fn established(&mut self, node: usize, id: ConnectionId) -> Option<CommandOutput> {
        let connection = self.connection(node, id)?;
        Some(CommandOutput::Connected(Established {
            connection: id,
            local: connection.local,
            peer: connection.peer,
            inbound_reads: connection.limits.inbound_reads,
            outbound_reads: connection.limits.outbound_reads,
            private_data: connection.private_data.clone(),
        }))
    }

    /// Forgets a connection; its peer hears of it if it stood or was being made.
    pub(super) fn forget(&mut self, node: usize, id: ConnectionId) {
        self.give_up(node, id, &[]);
        let Some(connection) = self.devices[node].connections.remove(&id) else { return };
        if let (true, Some(at)) = (connection.established, connection.other) {
            self.tell(node, Signal::Disconnected { at, by: id });
        }
    }

    /// A listener that nobody reaches any more.
    pub(super) fn stop_listening(&mut self, node: usize, listener: ListenerId) {
        self.devices[node].listeners.remove(&listener);
    }
}

/// What the other end allows, seen from here.
fn mirrored(limits: ConnectionLimits) -> ConnectionLimits {
    ConnectionLimits { inbound_reads: limits.outbound_reads, outbound_reads: limits.inbound_reads }
}

fn capped(own: ConnectionLimits, other: ConnectionLimits) -> ConnectionLimits {
    ConnectionLimits {
        inbound_reads: own.inbound_reads.min(other.inbound_reads),
        outbound_reads: own.outbound_reads.min(other.outbound_reads),
    }
}
