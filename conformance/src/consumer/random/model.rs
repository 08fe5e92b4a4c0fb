//! Objects, requests and callbacks as the contract promises them to one consumer.

use super::density::Density;
use super::log::Log;
use super::post::{Post, Queue, RECEIVE, Slot, Then, message};
use super::program::Fault;
use super::thing::{Connector, Cq, Detail, Life, Mapping, Mr, Qp, Stage, Thing};
use provider::consumer::Buffer;
use provider::fault::{Effect, Outcome};
use provider::ndk::{Call, CallKind, NdkResult, Object, ObjectKind, Out, Return, Status, Upcall, UpcallBody};
use std::collections::BTreeMap;

/// Breaches that are kept: a broken provider may never stop.
const BREACHES: usize = 16;

/// What is under way.
#[derive(Debug)]
pub(super) enum What {
    Create(Box<Detail>),
    Request(u64),
    Resize(u64, u32),
    Map(Buffer),
    Close(u64),
    /// Its end was seen.
    Over,
}

#[derive(Debug)]
struct Pending {
    kind: CallKind,
    what: What,
    /// The object that it pends on.
    on: u64,
    effect: Option<Effect>,
    /// The completion came.
    ended: bool,
    /// The call returned.
    returned: bool,
}

/// What one consumer may expect.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) things: BTreeMap<u64, Thing>,
    pub(super) maps: Vec<Mapping>,
    pending: BTreeMap<u64, Pending>,
    faults: Vec<Fault>,
    counts: BTreeMap<&'static str, u64>,
    last_context: u64,
    pub(super) adapter_closing: bool,
    pub(super) density: Density,
    pub(super) log: Log,
    pub(super) breaches: Vec<String>,
}

impl Model {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        let density = Density { planned: faults.len() as u64, ..Density::default() };
        Self { faults, density, ..Self::default() }
    }

    pub(super) fn breach(&mut self, what: String) {
        if self.breaches.len() < BREACHES {
            self.breaches.push(what);
        }
    }

    pub(super) fn context(&mut self) -> u64 {
        self.last_context += 1;
        self.last_context
    }

    /// `call`, something asynchronous on `on`, is about to be made.
    pub(super) fn begin(&mut self, context: u64, call: &Call<'_>, what: What, on: u64) {
        let kind = call.kind();
        let count = self.counts.entry(kind.name()).or_default();
        *count += 1;
        let nth = *count;
        let mut planned = self.faults.iter().filter(|fault| fault.kind == kind && fault.nth == nth);
        let effect = planned.find(|fault| fault.effect.applies_to(call)).map(|fault| fault.effect);
        self.density.begin(kind, effect);
        if let What::Close(id) = what {
            self.set_life(id, Life::Closing);
        }
        if let Some(thing) = self.things.get_mut(&on) {
            thing.pending += 1;
        }
        self.pending.insert(context, Pending { kind, what, on, effect, ended: false, returned: false });
    }

    /// What `begin` announced has returned.
    pub(super) fn returned(&mut self, context: u64, returned: &Return) {
        let Some(pending) = self.pending.get_mut(&context) else { return };
        let (kind, ended) = (pending.kind, pending.ended);
        match returned.status {
            Status::PENDING => {
                pending.returned = true;
                self.density.of(kind).pended += 1;
                if ended {
                    self.pending.remove(&context);
                }
            }
            status if ended => self.breach(format!("{} completed and returned {status}", kind.name())),
            status => {
                let object = match returned.out {
                    Out::Object(object) => Some(object),
                    _ => None,
                };
                self.end(context, status, object, &returned.out);
                self.pending.remove(&context);
            }
        }
    }

    /// A callback came.
    pub(super) fn upcall(&mut self, upcall: &Upcall) {
        match &upcall.body {
            UpcallBody::CreateCompletion { status, object } => {
                self.completed(upcall.context, *status, *object, &Out::Untouched);
            }
            UpcallBody::RequestCompletion { status, out } => self.completed(upcall.context, *status, None, out),
            UpcallBody::CloseCompletion => self.completed(upcall.context, Status::SUCCESS, None, &Out::Untouched),
            UpcallBody::CqNotification { status } => self.notified(upcall.object, *status),
            UpcallBody::SrqNotification { status } => self.low_water(upcall.object, *status),
            UpcallBody::ConnectEvent { connector } => self.offered(upcall.object, *connector),
            UpcallBody::DisconnectEvent { .. } => self.disconnected(upcall.object),
            UpcallBody::CallReturns { .. } => self.breach("a blocked call returned to a callback".to_owned()),
        }
    }

    fn completed(&mut self, context: u64, status: Status, object: Option<Object>, out: &Out) {
        match self.pending.get_mut(&context) {
            Some(pending) if !pending.ended => {
                pending.ended = true;
                let over = pending.returned;
                self.end(context, status, object, out);
                if over {
                    self.pending.remove(&context);
                }
            }
            _ => self.breach(format!("a completion came for {context:#x}, which is over or was never begun")),
        }
    }

    fn end(&mut self, context: u64, status: Status, object: Option<Object>, out: &Out) {
        let Some(pending) = self.pending.get_mut(&context) else { return };
        let (kind, on, effect) = (pending.kind, pending.on, pending.effect);
        let what = std::mem::replace(&mut pending.what, What::Over);
        let closing = self.adapter_closing || self.things.get(&on).is_some_and(|thing| thing.life != Life::Live);
        if let Some(thing) = self.things.get_mut(&on) {
            thing.pending = thing.pending.saturating_sub(1);
        }
        if !foreseen(kind, effect, status, closing) {
            self.breach(format!("{} ended with {status}; {effect:?} was planned", kind.name()));
        }
        self.density.ended(kind, status);
        let success = status == Status::SUCCESS;
        match what {
            What::Create(detail) => match (success, object) {
                (true, Some(object)) => self.adopt(object, *detail),
                (true, None) => self.breach(format!("{} succeeded without an object", kind.name())),
                (false, _) => {}
            },
            What::Request(id) => self.request_ended(kind, id, success),
            What::Resize(id, depth) => {
                if let Some(cq) = self.cq_mut(id).filter(|_| success) {
                    cq.depth = depth;
                }
            }
            What::Map(buffer) => {
                if let (true, Out::Lam(lam)) = (success, out) {
                    self.maps.push(Mapping { lam: lam.clone(), _buffer: buffer, used: false });
                }
            }
            What::Over => {}
            What::Close(id) => self.set_life(id, Life::Closed),
        }
    }

    fn set_life(&mut self, id: u64, life: Life) {
        if let Some(thing) = self.things.get_mut(&id) {
            thing.life = life;
        }
    }

    fn adopt(&mut self, object: Object, detail: Detail) {
        *self.density.objects.entry(object.kind.name()).or_default() += 1;
        let thing = Thing { object, life: Life::Live, pending: 0, detail };
        if self.things.insert(object.id, thing).is_some() {
            self.breach(format!("{object:?} is not new"));
        }
    }

    fn request_ended(&mut self, kind: CallKind, id: u64, success: bool) {
        match (kind, self.detail_mut(id)) {
            (CallKind::RegisterMr, Some(Detail::Mr(mr))) => mr.registered = success,
            (CallKind::DeregisterMr, Some(Detail::Mr(mr))) => mr.registered = !success,
            (CallKind::InitializeFastRegisterMr, Some(Detail::Fast(fast))) => fast.initialised = success,
            (CallKind::Listen, Some(Detail::Listener { listening })) => *listening = success,
            (CallKind::ModifySrq, Some(Detail::Srq { armed, .. })) if !success => *armed = armed.saturating_sub(1),
            (CallKind::Connect | CallKind::ConnectWithSharedEndpoint, Some(Detail::Connector(connector))) => {
                connector.stage = if success { Stage::Connected } else { Stage::Over };
            }
            (CallKind::CompleteConnect | CallKind::Accept, Some(Detail::Connector(connector))) => {
                connector.stage = if success { Stage::Established } else { Stage::Over };
                let (stage, qp, card) = (connector.stage, connector.qp, connector.card);
                if let Some(qp) = qp.and_then(|id| self.qp_mut(id)) {
                    qp.stage = stage;
                    qp.peer = card;
                }
                self.density.established += u64::from(success);
            }
            _ => {}
        }
    }

    fn notified(&mut self, object: Object, status: Status) {
        let live = self.called(object);
        let Some(cq) = self.cq_mut(object.id) else { return };
        let armed = cq.armed > 0;
        cq.armed = cq.armed.saturating_sub(1);
        if live && !armed {
            self.breach(format!("{object:?} notified and was not armed"));
        }
        if status != Status::SUCCESS {
            self.breach(format!("{object:?} failed with {status}"));
        }
    }

    fn low_water(&mut self, object: Object, status: Status) {
        self.called(object);
        match self.detail_mut(object.id) {
            Some(Detail::Srq { armed, .. }) if *armed > 0 && status == Status::SUCCESS => *armed -= 1,
            _ => self.breach(format!("{object:?} notified with {status} and was not armed")),
        }
    }

    fn offered(&mut self, listener: Object, connector: Object) {
        self.called(listener);
        let detail = Connector { stage: Stage::Offered, qp: None, card: None, told: false };
        self.adopt(connector, Detail::Connector(detail));
    }

    fn disconnected(&mut self, object: Object) {
        self.called(object);
        let Some(Detail::Connector(connector)) = self.detail_mut(object.id) else {
            return;
        };
        if std::mem::replace(&mut connector.told, true) {
            self.breach(format!("{object:?} was told of its disconnect twice"));
        }
    }

    /// An event came for an object: it may not be closed. Tells whether its close was not called either.
    fn called(&mut self, object: Object) -> bool {
        let life = self.things.get(&object.id).map(|thing| thing.life);
        if !matches!(life, Some(Life::Live | Life::Closing)) {
            self.breach(format!("an event came for {object:?}, which is {life:?}"));
        }
        life == Some(Life::Live)
    }

    /// A result was taken. Returns the slot of a message that came, its bytes, and what they must be.
    pub(super) fn result(&mut self, result: &NdkResult) -> Option<(Slot, u32, Vec<u8>)> {
        self.density.results += 1;
        let (context, mut freed) = (result.qp_context, Vec::new());
        let owner = self.things.values().find_map(|thing| match &thing.detail {
            Detail::Qp(qp) if qp.context == context => Some(thing.object.id),
            _ => None,
        });
        let Some(qp) = owner.and_then(|id| self.qp_mut(id)) else {
            self.breach(format!("a result has QP context {context:#x}, which no QP has"));
            return None;
        };
        let receive = result.request_context & RECEIVE != 0;
        let srq = qp.srq;
        let settled = match (receive, srq) {
            (false, _) => qp.initiator.settle(result, &mut freed),
            (true, None) => qp.receive.settle(result, &mut freed),
            (true, Some(srq)) => self.settle_shared(srq, result, &mut freed),
        };
        let post = match settled {
            Ok(post) => post,
            Err(what) => {
                self.breach(what);
                return None;
            }
        };
        freed.iter().for_each(|slot| self.free(*slot));
        self.took_effect(post.then, result.status == Status::SUCCESS);
        let qp = owner.and_then(|id| self.qp_mut(id))?;
        if !receive || result.status != Status::SUCCESS {
            return None;
        }
        qp.received += 1;
        let expected = message(qp.received);
        self.density.messages += 1;
        post.slot.map(|slot| (slot, result.bytes_transferred, expected))
    }

    /// Receives of a shared queue are taken by several QPs, so their results have no order.
    fn settle_shared(&mut self, srq: u64, result: &NdkResult, freed: &mut Vec<Slot>) -> Result<Post, String> {
        let Some(Detail::Srq { queue, .. }) = self.detail_mut(srq) else {
            return Err("a result is for a shared queue that is gone".to_owned());
        };
        let position = queue.posts.iter().position(|post| post.context == result.request_context);
        let post = position.and_then(|position| queue.posts.remove(position));
        let post =
            post.ok_or_else(|| format!("a result has context {:#x}, which no receive has", result.request_context))?;
        freed.extend(post.slot);
        Ok(post)
    }

    pub(super) fn free(&mut self, slot: Slot) {
        if let Some(mr) = self.mr_mut(slot.mr) {
            mr.used.remove(&slot.index);
        }
    }

    /// A request on memory has ended.
    fn took_effect(&mut self, then: Then, success: bool) {
        match then {
            Then::Nothing => {}
            Then::Unbound { mw, mr } => {
                if let Some(Detail::Mw { bound, .. }) = self.detail_mut(mw).filter(|_| success) {
                    *bound = None;
                    if let Some(mr) = self.mr_mut(mr) {
                        mr.windows = mr.windows.saturating_sub(1);
                    }
                }
            }
            Then::Registered(id) => self.fast_ended(id, success),
            Then::Invalidated(id) => self.fast_ended(id, !success),
        }
    }

    fn fast_ended(&mut self, id: u64, registered: bool) {
        if let Some(Detail::Fast(fast)) = self.detail_mut(id) {
            (fast.registered, fast.busy) = (registered, false);
        }
    }

    /// Whether the consumer is done with an object, as far as its own requests go.
    pub(super) fn may_close(&self, thing: &Thing) -> bool {
        let id = thing.object.id;
        match &thing.detail {
            // Results would be lost.
            Detail::Cq(_) => !self.things.values().any(|other| {
                matches!(&other.detail, Detail::Qp(qp) if other.life != Life::Closed && qp.cqs.contains(&id) && qp.owes())
            }),
            // Requests may use the buffer, the window or the region.
            Detail::Mr(mr) => mr.used.is_empty() && mr.windows == 0,
            Detail::Mw { bound, .. } => bound.is_none(),
            Detail::Fast(fast) => !fast.busy && !fast.registered,
            _ => true,
        }
    }

    pub(super) fn detail_mut(&mut self, id: u64) -> Option<&mut Detail> {
        self.things.get_mut(&id).map(|thing| &mut thing.detail)
    }

    /// The queue that a request on an object goes to.
    pub(super) fn queue_mut(&mut self, id: u64, receive: bool) -> Option<&mut Queue> {
        match self.detail_mut(id)? {
            Detail::Srq { queue, .. } => Some(queue),
            Detail::Qp(qp) => Some(if receive { &mut qp.receive } else { &mut qp.initiator }),
            _ => None,
        }
    }

    pub(super) fn cq_mut(&mut self, id: u64) -> Option<&mut Cq> {
        match self.detail_mut(id)? {
            Detail::Cq(cq) => Some(cq),
            _ => None,
        }
    }

    pub(super) fn qp_mut(&mut self, id: u64) -> Option<&mut Qp> {
        match self.detail_mut(id)? {
            Detail::Qp(qp) => Some(qp),
            _ => None,
        }
    }

    pub(super) fn mr_mut(&mut self, id: u64) -> Option<&mut Mr> {
        match self.detail_mut(id)? {
            Detail::Mr(mr) => Some(mr),
            _ => None,
        }
    }

    pub(super) fn connector_mut(&mut self, id: u64) -> Option<&mut Connector> {
        match self.detail_mut(id)? {
            Detail::Connector(connector) => Some(connector),
            _ => None,
        }
    }

    /// Live objects of a kind that `fits` accepts.
    pub(super) fn live(&self, kind: ObjectKind, fits: impl Fn(&Thing) -> bool) -> Vec<Object> {
        let live = |thing: &&Thing| thing.life == Life::Live && thing.object.kind == kind;
        self.things.values().filter(live).filter(|thing| fits(thing)).map(|thing| thing.object).collect()
    }

    /// Whether something is under way that ends without the peer.
    pub(super) fn is_busy(&self) -> bool {
        self.pending.values().any(|pending| !waits_for_peer(pending.kind) && !waits_for_close(pending.effect))
    }

    /// Requests that have not ended.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What is under way, but for requests that never end by themselves.
    pub(super) fn under_way(&self) -> Vec<String> {
        let waits = |pending: &&Pending| !waits_for_close(pending.effect);
        let pending = self.pending.values().filter(waits).map(|pending| format!("{} pends", pending.kind.name()));
        let open = self.things.values().filter(|thing| thing.life != Life::Closed);
        pending.chain(open.map(|thing| format!("{:?} is {:?}", thing.object, thing.life))).collect()
    }
}

const fn waits_for_close(effect: Option<Effect>) -> bool {
    matches!(effect, Some(Effect::Never | Effect::RaceClose))
}

fn waits_for_peer(kind: CallKind) -> bool {
    use CallKind as K;
    matches!(kind, K::Connect | K::ConnectWithSharedEndpoint | K::CompleteConnect | K::Accept | K::Disconnect)
}

/// Whether a request may end so.
fn foreseen(kind: CallKind, effect: Option<Effect>, status: Status, closing: bool) -> bool {
    // What depends on the other node, or on an address that another may have.
    let open = waits_for_peer(kind) || kind == CallKind::Listen;
    match effect {
        Some(Effect::Fail(planned)) => status == planned,
        Some(Effect::Pend { outcome: Outcome::Fail(planned), .. } | Effect::InsideCall(Outcome::Fail(planned))) => {
            status == planned || closing
        }
        // What fails at once is not held back, and has nothing to race.
        Some(Effect::Never | Effect::RaceClose) if open && status != Status::SUCCESS => true,
        Some(Effect::Never) => closing && (open || status == Status::CANCELLED),
        Some(Effect::RaceClose) => closing,
        _ => open || closing || status == Status::SUCCESS,
    }
}
