//! Listeners: listen, pause, and the connectors that connect events bring.

use super::Engine;
use super::connector::Connector;
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::endpoint::EndpointUse;
use super::lifetime::ObjectId;
use super::objects::Body;
use super::requests::{Request, Work};
use crate::backend::{
    Backend, Command, CommandOutput, CommandResult, ConnectionId, ConnectionLimits, ListenerId, Resource,
};
use crate::ndk::{CallKind, CallSite, Completion, Object, ObjectKind, Status, UpcallBody};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Where a listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Starting,
    Listening,
}

/// A listener.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    state: State,
    paused: bool,
    connect_event: Completion,
    id: Option<ListenerId>,
    endpoint: Option<EndpointUse>,
    address: Option<SocketAddr>,
    /// A connect event runs; those that wait for its return, if they are told one after the other.
    telling: bool,
    waiting: VecDeque<ObjectId>,
}

/// Somebody wants to connect.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) connection: ConnectionId,
    pub(super) peer: SocketAddr,
    pub(super) limits: ConnectionLimits,
    pub(super) private_data: Bytes,
}

impl Listener {
    pub(super) fn new(connect_event: Completion) -> Self {
        Self {
            state: State::Created,
            paused: false,
            connect_event,
            id: None,
            endpoint: None,
            address: None,
            telling: false,
            waiting: VecDeque::new(),
        }
    }

    /// The device's listener, while it listens.
    pub(super) fn id(&self) -> Option<ListenerId> {
        self.id
    }

    pub(super) fn endpoint(&self) -> Option<EndpointUse> {
        self.endpoint
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl<B: Backend> Engine<B> {
    pub(super) fn create_listener(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        adapter: Object,
        connect_event: Completion,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(adapter, ObjectKind::Adapter)?;
        if connect_event.callback.is_none() {
            return Err(Status::INVALID_PARAMETER);
        }
        let draft = Draft::Listener { connect_event };
        let kind = CallKind::CreateListener;
        self.create(host, site, Creation { kind, parent, others: vec![], draft, completion }, None)
    }

    pub(super) fn listen(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        listener: Object,
        address: SocketAddr,
        completion: Completion,
    ) -> Returned {
        let owner = self.live(listener, ObjectKind::Listener)?;
        if self.objects.listener(owner).state != State::Created {
            return Err(self.config.policy.already_associated);
        }
        self.check_own_address(address)?;
        let used = self.endpoints.reserve(address, &self.config.ephemeral_ports)?;
        let listener = self.objects.listener_mut(owner);
        (listener.state, listener.endpoint) = (State::Starting, Some(used));
        let request = Request { owner, kind: CallKind::Listen, completion, work: Work::Listen };
        Ok(self.start(host, site, request, Some(Command::Listen { address: used.local })))
    }

    pub(super) fn listen_done(
        &mut self,
        host: &mut B::Host,
        id: ObjectId,
        result: CommandResult,
    ) -> Result<(), Status> {
        let listener = self.objects.listener_mut(id);
        let (device, address) = match result {
            Ok(CommandOutput::Listening { listener, address }) => (listener, address),
            other => {
                listener.state = State::Created;
                if let Some(used) = listener.endpoint.take() {
                    self.endpoints.leave(used);
                }
                return Err(other.err().unwrap_or(Status::INTERNAL_ERROR));
            }
        };
        (listener.state, listener.id, listener.address) = (State::Listening, Some(device), Some(address));
        let paused = listener.paused;
        self.resources.insert(Resource::Listener(device), id);
        if paused {
            self.run_detached(host, Command::PauseListener { listener: device, pause: true });
        }
        Ok(())
    }

    /// `NdkControlConnectEvents`: in force at once here, at the device a little later.
    pub(super) fn control_connect_events(&mut self, host: &mut B::Host, listener: Object, pause: bool) {
        let Ok(id) = self.live(listener, ObjectKind::Listener) else { return };
        let listener = self.objects.listener_mut(id);
        listener.paused = pause;
        if let Some(listener) = listener.id {
            self.run_detached(host, Command::PauseListener { listener, pause });
        }
        if pause {
            self.turn_away_waiting(host, id);
        }
    }

    /// Somebody wants to connect: a connector is made and given to the consumer, or the request is turned away.
    pub(super) fn offer(&mut self, host: &mut B::Host, listener: ListenerId, offer: Offer) {
        let id = self.resources.get(&Resource::Listener(listener)).copied();
        let Some(id) = id.filter(|&id| self.lifetimes.is_live(id) && !self.objects.listener(id).paused) else {
            return self.turn_away(host, offer.connection);
        };
        let local = self.objects.listener(id).endpoint.expect("what listens has an endpoint").local;
        let Ok(used) = self.endpoints.join(local, offer.peer) else {
            return self.turn_away(host, offer.connection);
        };
        let adapter = self.lifetimes.parent(id);
        let child = self.lifetimes.create(vec![adapter, id]);
        let mut connector = Connector::offered(offer.connection, used, offer.private_data);
        connector.limits = self.capped(offer.limits);
        self.install(adapter, child, Body::Connector(Box::new(connector)));
        let listener = self.objects.listener_mut(id);
        if listener.telling && self.config.policy.serialise_connect_events {
            listener.waiting.push_back(child);
        } else {
            self.tell_offer(id, child);
        }
    }

    /// A connect event has returned.
    pub(super) fn offer_told(&mut self, host: &mut B::Host, id: ObjectId) {
        let listener = self.objects.listener_mut(id);
        listener.telling = false;
        if self.lifetimes.is_live(id) {
            if let Some(next) = listener.waiting.pop_front() {
                self.tell_offer(id, next);
            }
            return;
        }
        self.turn_away_waiting(host, id);
    }

    /// The listener pauses or closes: connectors that nobody has heard of are no more.
    fn turn_away_waiting(&mut self, host: &mut B::Host, id: ObjectId) {
        for child in std::mem::take(&mut self.objects.listener_mut(id).waiting) {
            let entry = self.objects.remove(child).expect("a connector that waits is there");
            self.forget(&entry.body);
            let antecedents = self.lifetimes.remove(child);
            self.lifetimes.release_all(antecedents);
            if let Some(Resource::Connection(connection)) = entry.body.resource() {
                self.turn_away(host, connection);
            }
        }
    }

    fn tell_offer(&mut self, id: ObjectId, connector: ObjectId) {
        let listener = self.objects.listener_mut(id);
        listener.telling = true;
        let target = listener.connect_event;
        let body = UpcallBody::ConnectEvent { connector: self.objects.handle(connector) };
        let place = self.event_place(None);
        self.event(id, target, body, place);
    }
}
