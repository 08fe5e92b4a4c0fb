//! A program on one node: what is legal is done, the rest is skipped.

use super::model::{Model, What};
use super::post::Slot;
use super::program::{Fault, Step};
use super::thing::{Detail, Life, SLOT_BYTES, Stage, Thing};
use super::verb::Verb;
use des::Dur;
use provider::consumer::Session;
use provider::ndk::{
    Answer, Call, CallKind, Callback, Completion, CqNotify, NdkResult, NdkResultEx, NdkVersion, Object, ObjectKind,
    Out, Return, Status, Upcall, UpcallBody,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Looks at what is under way, between two steps of a patient consumer, each after a longer while than the last: short
/// where a device answers at once, milliseconds where it has firmware.
const LOOKS: u64 = 30;
const LOOK: Dur = Dur::from_us(3);
/// Results that are taken at once.
const AT_ONCE: usize = 4;
/// How often that is done in a row.
const MOST: usize = 64;

/// A consumer on one node.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) session: Session,
    /// Own and the peer's.
    pub(super) addresses: [IpAddr; 2],
    callback: Callback,
    model: Arc<Mutex<Model>>,
    /// For callbacks; gone once the program is over, so that nothing holds itself.
    in_callbacks: Arc<Mutex<Option<Session>>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of several, by a number.
pub(super) fn pick<T: Copy>(from: &[T], number: u8) -> Option<T> {
    from.get(usize::from(number) % from.len().max(1)).copied()
}

/// Takes all results of a queue, as long as there are not more than any queue holds: by either getter, in turn.
fn drain(session: &Session, model: &Mutex<Model>, cq: Object) {
    for turn in 0..MOST {
        let (results, count) = take(session, cq, turn % 2 == 0);
        for result in results.iter().take(count) {
            let mut model = lock(model);
            let Some((slot, bytes, expected)) = model.result(result) else { continue };
            let buffer = model.mr_mut(slot.mr).map(|mr| mr.buffer.read(offset(slot), expected.len()));
            if bytes as usize != expected.len() || buffer != Some(Ok(expected)) {
                model.breach(format!("{bytes} bytes came with {:#x}, and not those sent", result.request_context));
            }
        }
        let kind = if turn % 2 == 0 { CallKind::GetCqResults } else { CallKind::GetCqResultsEx };
        lock(model).density.begin(kind, None);
        if count < AT_ONCE {
            return;
        }
    }
}

/// What one call takes.
fn take(session: &Session, cq: Object, plain: bool) -> ([NdkResult; AT_ONCE], usize) {
    let (mut results, mut extended) = ([NdkResult::EMPTY; AT_ONCE], [NdkResultEx::EMPTY; AT_ONCE]);
    let answer = match plain {
        true => session.call(Call::GetCqResults { cq, results: &mut results }),
        false => session.call(Call::GetCqResultsEx { cq, results: &mut extended }),
    };
    if !plain {
        results = extended.map(|result| result.base);
    }
    match answer {
        Answer::Returned(Return { out: Out::Count(count), .. }) => (results, count as usize),
        _ => (results, 0),
    }
}

pub(super) fn offset(slot: Slot) -> u64 {
    u64::from(slot.index) * u64::from(SLOT_BYTES)
}

impl Actor {
    pub(super) fn new(session: Session, addresses: [IpAddr; 2], faults: Vec<Fault>) -> Self {
        let model = Arc::new(Mutex::new(Model::new(faults)));
        let in_callbacks = Arc::new(Mutex::new(Some(session.clone())));
        let (seen, own) = (Arc::clone(&model), Arc::clone(&in_callbacks));
        let callback = session.register(move |upcall| called_back(&seen, &own, upcall));
        Self { session, addresses, callback, model, in_callbacks }
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }

    /// Starts the program.
    pub(super) fn start(&self, steps: Vec<Step>) {
        let actor = self.clone();
        self.session.spawn(async move {
            match actor.session.open_adapter(NdkVersion::V2_1).await {
                Ok(adapter) => {
                    for step in steps {
                        actor.wait_for_peer(step).await;
                        actor.perform(adapter.object(), step);
                        actor.pause(step.how).await;
                    }
                    actor.end(adapter).await;
                }
                Err(status) => actor.model().breach(format!("the adapter did not open: {status}")),
            }
            lock(&actor.in_callbacks).take();
            // Its buffers go with it.
            actor.model().things.clear();
        });
    }

    /// Goes on after a moment, or, three times of four, when nothing is under way that does not wait for the peer.
    async fn pause(&self, how: u8) {
        let moment = Dur::from_us(u64::from(how / 4 % 8) * 3);
        self.session.sleep(moment).await;
        for look in 1..=LOOKS {
            if how.is_multiple_of(4) || !self.model().is_busy() {
                return;
            }
            self.session.sleep(LOOK * look).await;
        }
    }

    /// Waits a while for the peer's part, three times of four: a request to accept, an answer to complete.
    async fn wait_for_peer(&self, step: Step) {
        let stage = match step.verb {
            Verb::Accept => Stage::Offered,
            Verb::Complete => Stage::Connected,
            _ => return,
        };
        for look in 1..=LOOKS {
            if step.how.is_multiple_of(4) || self.connector_at(&[stage], 0).is_some() {
                return;
            }
            self.session.sleep(LOOK * look).await;
        }
    }

    pub(super) fn completion(&self, context: u64) -> Completion {
        Completion { callback: Some(self.callback), context }
    }

    /// Calls something asynchronous on `on`.
    pub(super) fn begin<'a>(&self, what: What, on: Object, call: impl FnOnce(Completion) -> Call<'a>) {
        let (context, at) = (self.model().context(), self.session.now());
        let call = call(self.completion(context));
        let (kind, object) = (call.kind(), call.object());
        self.model().begin(context, &call, what, on.id);
        if let Answer::Returned(returned) = self.session.call(call) {
            let mut model = self.model();
            model.log.add(at, kind, object, returned.status);
            model.returned(context, &returned);
        }
    }

    /// A call that is over when it returns.
    pub(super) fn call(&self, call: Call<'_>) -> Return {
        let (at, kind, object) = (self.session.now(), call.kind(), call.object());
        let returned = match self.session.call(call) {
            Answer::Returned(returned) => returned,
            Answer::Blocks(_) => Return::status(Status::UNSUCCESSFUL),
        };
        let mut model = self.model();
        model.density.begin(kind, None);
        model.density.ended(kind, returned.status);
        model.log.add(at, kind, object, returned.status);
        returned
    }

    /// An event callback with a context that nothing else has.
    pub(super) fn event(&self) -> Completion {
        let context = self.model().context();
        self.completion(context)
    }

    pub(super) fn live(&self, kind: ObjectKind, fits: impl Fn(&Thing) -> bool) -> Vec<Object> {
        self.model().live(kind, fits)
    }

    fn perform(&self, adapter: Object, step: Step) {
        match step.verb {
            Verb::Pd | Verb::Cq | Verb::Connector | Verb::Listener | Verb::Endpoint | Verb::Map => {
                self.create_on_adapter(adapter, step);
            }
            Verb::Mr | Verb::Fast | Verb::Mw | Verb::Srq | Verb::Qp => self.create_on_pd(step),
            Verb::Register | Verb::Deregister | Verb::Initialize | Verb::Resize | Verb::Modify | Verb::Listen => {
                self.request(step)
            }
            Verb::Connect | Verb::Complete | Verb::Accept | Verb::Reject | Verb::Disconnect => self.connection(step),
            Verb::Receive | Verb::SrqReceive | Verb::Send | Verb::Write | Verb::Read => self.post(step),
            Verb::Bind | Verb::FastRegister | Verb::Invalidate => self.remap(step),
            Verb::Query => self.query(adapter, step.pick),
            _ => self.simple(adapter, step),
        }
    }

    /// Calls that are over when they return, and closes.
    fn simple(&self, adapter: Object, step: Step) {
        let Step { verb, pick: number, how } = step;
        let cq = || pick(&self.live(ObjectKind::Cq, |_| true), number);
        match verb {
            Verb::Arm => {
                let Some(cq) = cq() else { return };
                if let Some(cq) = self.model().cq_mut(cq.id) {
                    cq.armed += 1;
                }
                let notify = [CqNotify::ANY, CqNotify::SOLICITED, CqNotify::ERRORS][usize::from(how % 3)];
                self.call(Call::ArmCq { cq, notify });
            }
            Verb::Poll => cq().into_iter().for_each(|cq| self.drain(cq)),
            Verb::Moderate => {
                let Some(cq) = cq() else { return };
                self.call(Call::ControlCqInterruptModeration { cq, interval_us: u32::from(how), count: 4 });
            }
            Verb::Flush => {
                let Some(qp) = pick(&self.live(ObjectKind::Qp, |_| true), number) else { return };
                self.call(Call::Flush { qp });
            }
            Verb::Release => {
                let map = {
                    let mut model = self.model();
                    let unused = model.maps.iter().position(|map| !map.used);
                    unused.map(|position| model.maps.swap_remove(position))
                };
                map.iter().for_each(|map| drop(self.call(Call::ReleaseLam { adapter, lam: &map.lam })));
            }
            Verb::Pause => {
                let listening = |thing: &Thing| matches!(thing.detail, Detail::Listener { listening: true });
                let Some(listener) = pick(&self.live(ObjectKind::Listener, listening), number) else { return };
                self.call(Call::ControlConnectEvents { listener, pause: how & 1 == 0 });
            }
            Verb::Address => {
                let Some(connector) = self.connector_at(&[Stage::Offered, Stage::Established], number) else { return };
                self.call(Call::GetPeerAddress { connector, buffer_bytes: 28 });
                self.call(Call::GetLocalAddress { object: connector, buffer_bytes: 28 });
            }
            _ => self.close_one(number),
        }
    }

    /// Closes an object that nothing of the consumer's own still needs.
    fn close_one(&self, number: u8) {
        let closable: Vec<Object> = {
            let model = self.model();
            let all = model.things.values().filter(|thing| thing.life == Life::Live && model.may_close(thing));
            all.map(|thing| thing.object).collect()
        };
        if let Some(object) = pick(&closable, number) {
            self.close(object);
        }
    }

    pub(super) fn close(&self, object: Object) {
        self.begin(What::Close(object.id), object, |completion| Call::Close { object, completion });
    }

    pub(super) fn drain(&self, cq: Object) {
        drain(&self.session, &self.model, cq);
    }
}

/// A callback of this consumer runs.
fn called_back(model: &Mutex<Model>, session: &Mutex<Option<Session>>, upcall: &Upcall) {
    let eager = {
        let mut model = lock(model);
        model.upcall(upcall);
        let live = model.things.get(&upcall.object.id).is_some_and(|thing| thing.life == Life::Live);
        let cq = model.cq_mut(upcall.object.id).filter(|cq| live && cq.eager);
        match (&upcall.body, cq) {
            (UpcallBody::CqNotification { status: Status::SUCCESS }, Some(cq)) => {
                cq.armed += 1;
                true
            }
            _ => false,
        }
    };
    let Some(session) = lock(session).clone() else { return };
    too_late(model, &session, upcall);
    if !eager {
        return;
    }
    session.call(Call::ArmCq { cq: upcall.object, notify: CqNotify::ANY });
    drain(&session, model, upcall.object);
}

/// Gives back what came into being while the adapter is being closed.
fn too_late(model: &Mutex<Model>, session: &Session, upcall: &Upcall) {
    if !lock(model).adapter_closing {
        return;
    }
    let maps = std::mem::take(&mut lock(model).maps);
    for map in &maps {
        session.call(Call::ReleaseLam { adapter: upcall.object, lam: &map.lam });
    }
    if let UpcallBody::CreateCompletion { status: Status::SUCCESS, object: Some(object) } = upcall.body {
        let context = lock(model).context();
        let completion = Completion { callback: Some(upcall.callback), context };
        let call = Call::Close { object, completion };
        lock(model).begin(context, &call, What::Close(object.id), object.id);
        if let Answer::Returned(returned) = session.call(call) {
            lock(model).returned(context, &returned);
        }
    }
}
