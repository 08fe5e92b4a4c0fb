//! What the device reports, and commands that nobody waits for.

use super::Engine;
use super::Then;
use super::lifetime::ObjectId;
use super::listener::Offer;
use super::objects::Body;
use crate::backend::{
    Backend, Command, CommandOutput, CommandResult, ConnectionId, Event, Execution, Resource, Submitted,
};
use crate::ndk::{ObjectKind, Status};

/// A failure with a status that is none: the backend's mistake, which must not look like a success or a promise.
fn honest(result: CommandResult) -> CommandResult {
    result.map_err(|status| match status {
        Status::PENDING | Status::SUCCESS => Status::INTERNAL_ERROR,
        other => other,
    })
}

impl<B: Backend> Engine<B> {
    pub(super) fn handle(&mut self, host: &mut B::Host, event: Event) {
        match event {
            Event::CommandDone { command, result } => {
                if let Some(then) = self.commands.remove(&command) {
                    self.go_on_after(host, then, honest(result));
                }
            }
            Event::CqReady(cq) => {
                if let Some(id) = self.known(Resource::Cq(cq)) {
                    self.cq_ready(host, id);
                }
            }
            Event::CqError { cq, overrun } => {
                let status = if overrun { Status::BUFFER_OVERFLOW } else { Status::INTERNAL_ERROR };
                if let Some(id) = self.known(Resource::Cq(cq)) {
                    self.cq_failed(host, id, status);
                }
            }
            Event::QpError(qp) => {
                if let Some(id) = self.known(Resource::Qp(qp)) {
                    self.qp_failed(id);
                }
            }
            Event::SrqLimit(srq) => {
                if let Some(id) = self.known(Resource::Srq(srq)) {
                    self.srq_event(id, Status::SUCCESS);
                }
            }
            Event::SrqError(srq) => {
                if let Some(id) = self.known(Resource::Srq(srq)) {
                    self.srq_event(id, Status::INTERNAL_ERROR);
                }
            }
            Event::ConnectionRequest { listener, connection, peer, limits, private_data, local: _ } => {
                self.offer(host, listener, Offer { connection, peer, limits, private_data });
            }
            Event::ConnectRefused { command, private_data } => self.connect_refused(command, private_data),
            Event::Disconnected { connection, graceful } => self.connection_ended(connection, graceful),
            Event::ConnectionAborted(connection) => self.connection_ended(connection, false),
            Event::DeviceError => self.device_failed(host),
        }
    }

    fn known(&self, resource: Resource) -> Option<ObjectId> {
        self.resources.get(&resource).copied()
    }

    fn go_on_after(&mut self, host: &mut B::Host, then: Then, result: CommandResult) {
        match then {
            Then::Request(request) => self.request_done(host, *request, result),
            Then::Close(id) => self.close_step_done(host, id),
            Then::Forget(connection) => {
                self.run_detached(host, Command::Destroy(Resource::Connection(connection)));
            }
            Then::Nothing => {}
        }
    }

    fn connection_ended(&mut self, connection: ConnectionId, graceful: bool) {
        if let Some(id) = self.known(Resource::Connection(connection)) {
            self.peer_left(id, graceful);
        }
    }

    /// A queue pair in error ends its connection, unless the consumer ended it.
    fn qp_failed(&mut self, id: ObjectId) {
        self.objects.qp_mut(id).break_off();
        let connector = self.objects.iter().find_map(|(connector, entry)| match &entry.body {
            Body::Connector(body) if body.qp() == Some(id) => Some(connector),
            _ => None,
        });
        if let Some(connector) = connector.filter(|_| !self.objects.qp(id).ended_here) {
            self.peer_left(connector, false);
        }
    }

    /// The device is gone: everything ends, and only closing works.
    fn device_failed(&mut self, host: &mut B::Host) {
        self.device_lost = true;
        for then in std::mem::take(&mut self.commands).into_values() {
            self.go_on_after(host, then, Err(Status::DEVICE_REMOVED));
        }
        let all: Vec<(ObjectId, ObjectKind)> = self.objects.iter().map(|(id, entry)| (id, entry.body.kind())).collect();
        for (id, kind) in all {
            if self.objects.get(id).is_none() {
                continue;
            }
            match kind {
                ObjectKind::Cq => self.cq_failed(host, id, Status::INTERNAL_ERROR),
                ObjectKind::Srq => self.srq_event(id, Status::INTERNAL_ERROR),
                ObjectKind::Connector => self.peer_left(id, false),
                _ => {}
            }
        }
    }

    /// Gives the device a command, while there is a device. What is left of one that failed is the driver's to clean up.
    pub(super) fn submit(&mut self, host: &mut B::Host, how: Execution, command: Command<'_>) -> Submitted {
        if self.device_lost && !matches!(command, Command::Destroy(_)) {
            return Submitted::Done(Err(Status::DEVICE_REMOVED));
        }
        match self.backend.submit(host, how, command) {
            Submitted::Done(result) => Submitted::Done(honest(result)),
            queued => queued,
        }
    }

    /// A command of a function that never pends. What the device queues all the same is taken as done.
    pub(super) fn run_inline(&mut self, host: &mut B::Host, command: Command<'_>) -> Result<(), Status> {
        match self.submit(host, Execution::Inline, command) {
            Submitted::Done(result) => result.map(|_: CommandOutput| ()),
            Submitted::Queued(command) => {
                self.commands.insert(command, Then::Nothing);
                Ok(())
            }
        }
    }

    /// A command whose end nobody waits for.
    pub(super) fn run_detached(&mut self, host: &mut B::Host, command: Command<'_>) {
        if let Submitted::Queued(command) = self.submit(host, Execution::Queued, command) {
            self.commands.insert(command, Then::Nothing);
        }
    }

    /// Refuses a connection that no connector stands for.
    pub(super) fn turn_away(&mut self, host: &mut B::Host, connection: ConnectionId) {
        let reject = Command::Reject { connection, private_data: &[] };
        match self.submit(host, Execution::Queued, reject) {
            Submitted::Queued(command) => {
                self.commands.insert(command, Then::Forget(connection));
            }
            Submitted::Done(result) => self.go_on_after(host, Then::Forget(connection), result),
        }
    }
}
