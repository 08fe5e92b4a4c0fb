//! Ending connections: the consumer's disconnect, the peer's, and the close of a connector.

use super::Engine;
use super::close::Step;
use super::connector::{Operation, State};
use super::dispatch::Returned;
use super::lifetime::ObjectId;
use super::qp::Link;
use super::requests::{Progress, Request, Work};
use crate::backend::{Backend, Command, CommandResult};
use crate::ndk::{CallKind, CallSite, Completion, Object, ObjectKind, Status, UpcallBody};

/// What this provider says in `ProviderDisconnectReason`. Zero, "not given", it never says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DisconnectReason {
    /// The peer has disconnected.
    PeerDisconnected = 1,
    /// The connection was found broken: a request failed, the peer gave no answer, or the device is gone.
    Broken = 2,
}

impl DisconnectReason {
    const fn of(state: State) -> Self {
        match state {
            State::PeerGone { graceful: true } => Self::PeerDisconnected,
            _ => Self::Broken,
        }
    }
}

impl<B: Backend> Engine<B> {
    pub(super) fn disconnect(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        connector: Object,
        completion: Completion,
    ) -> Returned {
        let owner = self.live(connector, ObjectKind::Connector)?;
        let connector = self.objects.connector_mut(owner);
        let state = connector.state.after(Operation::Disconnect, &self.config.policy)?;
        let connection = connector.connection().ok_or(self.config.policy.not_connected)?;
        (connector.state, connector.event_due) = (state, false);
        if let Some(qp) = connector.qp {
            self.objects.qp_mut(qp).ended_here = true;
            self.kick(host, qp);
        }
        let request = Request { owner, kind: CallKind::Disconnect, completion, work: Work::Disconnect };
        Ok(self.start(host, site, request, Some(Command::Disconnect(connection))))
    }

    /// The peer has answered, or will not. What is posted is flushed before the disconnect completes.
    pub(super) fn disconnect_done(&mut self, host: &mut B::Host, id: ObjectId, result: CommandResult) -> Progress {
        let outcome = result.map(drop);
        match self.objects.connector(id).qp {
            Some(qp) => {
                self.kick(host, qp);
                Progress::Next(Work::FlushAfterDisconnect(outcome), Step::Flush(self.objects.qp(qp).id()))
            }
            None => self.flushed_after_disconnect(id, outcome).into(),
        }
    }

    pub(super) fn flushed_after_disconnect(&mut self, id: ObjectId, outcome: Result<(), Status>) -> Result<(), Status> {
        let connector = self.objects.connector_mut(id);
        connector.ended(outcome.is_ok());
        if let Some(qp) = connector.qp {
            self.objects.qp_mut(qp).link = Link::Disconnected;
        }
        outcome
    }

    /// The peer is gone, or the connection is found broken.
    pub(super) fn peer_left(&mut self, id: ObjectId, graceful: bool) {
        let connector = self.objects.connector_mut(id);
        if connector.state == State::Established && !graceful {
            self.counters.connection_error += 1;
        }
        connector.left_by_peer(graceful);
        if let (State::PeerGone { .. }, Some(qp)) = (connector.state, connector.qp) {
            self.objects.qp_mut(qp).break_off();
        }
        self.tell_disconnect(id);
    }

    /// Delivers the disconnect event once it is due and the connection has been reported.
    pub(super) fn tell_disconnect(&mut self, id: ObjectId) {
        let live = self.lifetimes.is_live(id);
        let connector = self.objects.connector_mut(id);
        if !connector.event_due || connector.reporting {
            return;
        }
        connector.event_due = false;
        if let Some(event) = connector.disconnect_event.filter(|_| live) {
            let reason = event.extended.then(|| DisconnectReason::of(connector.state) as u32);
            let target = Completion { callback: event.callback, context: event.context };
            let place = self.event_place(None);
            self.event(id, target, UpcallBody::DisconnectEvent { reason }, place);
        }
    }

    /// A closing connector gives its queue pair up.
    pub(super) fn leave_qp(&mut self, host: &mut B::Host, id: ObjectId) {
        let Some(qp) = self.objects.connector(id).qp else { return };
        self.kick(host, qp);
        let qp = self.objects.qp_mut(qp);
        qp.ended_here = true;
        qp.link = if qp.link == Link::Connecting { Link::None } else { Link::Disconnected };
    }
}
