//! The provider proper: NDKPI's create, request and close completion semantics over a [`Backend`].
//!
//! Reading order: `config` and `policy` (what can be chosen), `lifetime` (who must outlive whom), `objects`, `upcalls`,
//! then a call's way: `dispatch`, `create` and `requests` (asynchronous requests), `close`; then the objects: `adapter` and
//! `lam`, `cq` with `arm` and `results`, `mr` and `mw`, `srq`, `qp` with `post`, `prepare` and `ledger`, `connector` with `connect`, `disconnect` and `inquiry`,
//! `listener` and `endpoint`; `events` is what the device reports,
//! `counters` what is counted.
//!
//! Invariants:
//! * a request that returned PENDING completes exactly once, any other never; the object is held until that returned;
//! * a close returns SUCCESS or PENDING and is the last that is heard of its object; ids are never used again;
//! * no callback runs while the engine works: callbacks are queued, and their return is an input;
//! * whatever handle, flag or length a consumer passes, the answer is a status, and the state stays consistent.

mod adapter;
mod arm;
mod close;
mod config;
mod connect;
mod connector;
mod counters;
mod cq;
mod create;
mod disconnect;
mod dispatch;
mod endpoint;
mod events;
mod inquiry;
mod lam;
mod ledger;
mod lifetime;
mod listener;
mod mr;
mod mw;
mod objects;
mod policy;
mod post;
mod prepare;
mod qp;
mod requests;
mod results;
mod srq;
mod upcalls;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use config::{Config, Delivery, Style};
pub use counters::Counters;
pub use disconnect::DisconnectReason;
pub use policy::{CloseConnected, Policy, PostAfterEnd, SrqStart};

use crate::backend::{Backend, CommandId, ConnectionId, Resource};
use crate::ndk::{
    Answer, Call, CallSite, Completion, NdkProvider, Object, ObjectKind, Status, Upcall, UpcallBody, UpcallToken,
};
use close::Close;
use des::{Dur, Time};
use endpoint::Endpoints;
use lifetime::{Hold, Lifetimes, ObjectId};
use objects::Objects;
use requests::Request;
use std::collections::BTreeMap;
use upcalls::{Ends, Upcalls};

/// What follows a command that was queued.
#[derive(Clone, Debug)]
enum Then {
    Request(Box<Request>),
    /// The next step of this object's close.
    Close(ObjectId),
    /// The end of a connection that was turned away.
    Forget(ConnectionId),
    Nothing,
}

/// Where a callback runs.
#[derive(Clone, Copy, Debug)]
struct Place {
    processor: u8,
    level: crate::ndk::Irql,
    after: Option<Dur>,
}

/// An NDK provider over a backend.
#[derive(Clone, Debug)]
pub struct Engine<B: Backend> {
    backend: B,
    config: Config,
    enabled: bool,
    /// The device is gone.
    device_lost: bool,
    objects: Objects,
    lifetimes: Lifetimes,
    upcalls: Upcalls,
    commands: BTreeMap<CommandId, Then>,
    closes: BTreeMap<ObjectId, Close>,
    endpoints: Endpoints,
    /// Objects by what they are to the backend.
    resources: BTreeMap<Resource, ObjectId>,
    /// Regions and windows that a peer can invalidate, by their tokens.
    tokens: BTreeMap<u32, ObjectId>,
    counters: Counters,
    last_blocked: u64,
    last_lam: u64,
}

impl<B: Backend> Engine<B> {
    /// A provider without open adapters.
    pub fn new(backend: B, config: Config) -> Self {
        Self {
            backend,
            config,
            enabled: true,
            device_lost: false,
            objects: Objects::default(),
            lifetimes: Lifetimes::default(),
            upcalls: Upcalls::default(),
            commands: BTreeMap::new(),
            closes: BTreeMap::new(),
            endpoints: Endpoints::default(),
            resources: BTreeMap::new(),
            tokens: BTreeMap::new(),
            counters: Counters::default(),
            last_blocked: 0,
            last_lam: 0,
        }
    }

    /// The device with its driver.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The device with its driver, for those that set it up.
    pub fn backend_mut(&mut self) -> &mut B {
        &mut self.backend
    }

    /// `OID_NDK_SET_STATE`: while disabled no adapter can be opened. Open ones stay until they are closed.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// How many adapters are open or closing: a disable is complete when there are none.
    #[must_use]
    pub fn open_adapters(&self) -> usize {
        self.live_objects(ObjectKind::Adapter)
    }

    /// How many objects of a kind are there, those that are closing among them.
    #[must_use]
    pub fn live_objects(&self, kind: ObjectKind) -> usize {
        self.objects.iter().filter(|(_, entry)| entry.body.kind() == kind).count()
    }

    /// How many local endpoints are in use (`OID_NDK_LOCAL_ENDPOINTS`).
    #[must_use]
    pub fn local_endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// How many callbacks are due or running.
    #[must_use]
    pub fn unfinished_upcalls(&self) -> usize {
        self.upcalls.unfinished()
    }

    /// The object behind a pointer, if it is live and of that kind.
    fn live(&self, object: Object, kind: ObjectKind) -> Result<ObjectId, Status> {
        let known = object.kind == kind
            && self.lifetimes.is_live(object.id)
            && self.objects.get(object.id).is_some_and(|entry| entry.body.kind() == kind);
        if known { Ok(object.id) } else { Err(self.config.policy.no_such_object) }
    }

    /// As [`live`](Self::live), and of the same adapter as `relative`.
    fn live_beside(&self, object: Object, kind: ObjectKind, relative: ObjectId) -> Result<ObjectId, Status> {
        let id = self.live(object, kind)?;
        let adapter = |id| self.objects.get(id).map(|entry| entry.adapter);
        if adapter(id) == adapter(relative) { Ok(id) } else { Err(self.config.policy.no_such_object) }
    }

    fn completion_place(&self, inside: Option<&CallSite>) -> Place {
        let delivery = self.config.completions;
        match inside {
            Some(site) => Place { processor: site.processor, level: site.level, after: None },
            None => Place { processor: delivery.processor, level: delivery.level, after: Some(delivery.delay) },
        }
    }

    fn event_place(&self, processor: Option<u8>) -> Place {
        let delivery = self.config.events;
        Place { processor: processor.unwrap_or(delivery.processor), level: delivery.level, after: Some(delivery.delay) }
    }

    /// Queues a callback. A close completion of NULL has nobody to wait for: it counts as returned.
    fn call_back(&mut self, object: Object, target: Completion, body: UpcallBody, ends: Ends, place: Place) {
        let Some(callback) = target.callback else {
            if let Ends::Object(antecedents) = ends {
                self.lifetimes.release_all(antecedents);
            }
            return;
        };
        let token = self.upcalls.begin(ends);
        let (processor, level, after) = (place.processor, place.level, place.after);
        self.upcalls.push(Upcall { token, object, callback, context: target.context, body, processor, level, after });
    }

    /// Queues an event callback, which holds its object.
    fn event(&mut self, id: ObjectId, target: Completion, body: UpcallBody, place: Place) {
        self.lifetimes.hold(id, Hold::Callback);
        let object = self.objects.handle(id);
        self.call_back(object, target, body, Ends::Event(id), place);
    }

    /// A callback has returned.
    fn ended(&mut self, host: &mut B::Host, ends: Ends) {
        match ends {
            Ends::Nothing => {}
            Ends::Request(id) => {
                if let ObjectKind::Connector = self.objects.handle(id).kind {
                    self.objects.connector_mut(id).reporting = false;
                    self.tell_disconnect(id);
                }
                self.lifetimes.release(id, Hold::Request);
            }
            Ends::Event(id) => {
                match self.objects.handle(id).kind {
                    ObjectKind::Cq => self.cq_notified(id),
                    ObjectKind::Listener => self.offer_told(host, id),
                    _ => {}
                }
                self.lifetimes.release(id, Hold::Callback);
            }
            Ends::Object(antecedents) => self.lifetimes.release_all(antecedents),
        }
    }

    /// Takes in what the device has reported, and lets closes go on.
    fn settle(&mut self, host: &mut B::Host) {
        self.run_closes(host);
        while let Some(event) = self.backend.next_event() {
            self.handle(host, event);
            self.run_closes(host);
        }
    }
}

impl<B: Backend> NdkProvider for Engine<B> {
    type Host = B::Host;

    fn call(&mut self, host: &mut B::Host, site: &CallSite, call: Call<'_>) -> Answer {
        let answer = self.dispatch(host, site, call);
        self.settle(host);
        answer
    }

    fn interrupt(&mut self, host: &mut B::Host, now: Time, vector: u16) {
        self.backend.interrupt(host, now, vector);
        self.settle(host);
    }

    fn wake(&mut self, host: &mut B::Host, now: Time) {
        self.backend.wake(host, now);
        self.settle(host);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.backend.next_deadline()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        self.upcalls.pop()
    }

    fn upcall_returned(&mut self, host: &mut B::Host, _now: Time, token: UpcallToken) {
        let ends = self.upcalls.returned(token);
        self.ended(host, ends);
        self.settle(host);
    }
}
