//! The provider that carries out a plan of faults over another provider.

use super::gate::Gate;
use super::held::{Awaited, Held, Release, Request};
use super::plan::{Effect, Outcome, Row, holds_qp};
use super::report::{ActiveRow, Hit, RowReport};
use crate::ndk::{
    Answer, Call, CallSite, Irql, NdkProvider, Object, Out, Return, Status, Upcall, UpcallBody, UpcallToken,
};
use des::{Dur, Rng, Time};
use std::collections::{BTreeMap, VecDeque};

/// The layer's own tokens and blocked calls have this bit; providers count up from low numbers.
pub(super) const OWN: u64 = 1 << 63;

/// A provider with faults.
#[derive(Clone, Debug)]
pub struct FaultLayer<P> {
    pub(super) inner: P,
    rows: Vec<ActiveRow>,
    calls: u64,
    numbers: u64,
    pub(super) ready: VecDeque<Upcall>,
    pub(super) held: Vec<Held>,
    awaited: Vec<Awaited>,
    /// The layer's own completions that were delivered and have not returned, with their object.
    pub(super) running: BTreeMap<UpcallToken, Object>,
    pub(super) gate: Gate,
}

impl<P> FaultLayer<P> {
    /// Puts `rows` over a provider. Rows with probabilities draw from streams of `seed` named after `label` and the
    /// row's name or else position, for example `"node.3.faults.row.0"`.
    #[must_use]
    pub fn new(inner: P, rows: Vec<Row>, seed: u64, label: &str) -> Self {
        let stream = |index: usize, row: &Row| match row.name.as_str() {
            "" => Rng::stream(seed, &format!("{label}.row.{index}")),
            name => Rng::stream(seed, &format!("{label}.row.{name}")),
        };
        let active = |(index, row)| {
            let rng = stream(index, &row);
            ActiveRow::new(row, rng)
        };
        let rows = rows.into_iter().enumerate().map(active).collect();
        Self {
            inner,
            rows,
            calls: 0,
            numbers: 0,
            ready: VecDeque::new(),
            held: Vec::new(),
            awaited: Vec::new(),
            running: BTreeMap::new(),
            gate: Gate::default(),
        }
    }

    /// The provider below.
    #[must_use]
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// The provider below, to be changed. Calls made on it directly are hit by no row.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    /// What became of each row, in the plan's order.
    #[must_use]
    pub fn reports(&self) -> Vec<RowReport> {
        self.rows.iter().map(ActiveRow::report).collect()
    }

    /// The rows of this name strike from `at` on, or from the start of their window on if that is later.
    pub fn open(&mut self, name: &str, at: Time) {
        for active in self.rows.iter_mut().filter(|active| active.row.name == name) {
            let window = &mut active.row.selector.window;
            window.start = window.start.max(at);
            active.row.shut = false;
        }
    }

    /// Whether a row of this name has hit a call.
    #[must_use]
    pub fn has_fired(&self, name: &str) -> bool {
        self.rows.iter().any(|active| active.row.name == name && active.fired_at_all())
    }

    pub(super) fn own_number(&mut self) -> u64 {
        self.numbers += 1;
        OWN | self.numbers
    }

    /// An upcall of the layer itself.
    pub(super) fn upcall(&mut self, request: Request, site: &CallSite, body: UpcallBody) -> Option<Upcall> {
        let callback = request.completion.callback?;
        Some(Upcall {
            token: UpcallToken(self.own_number()),
            object: request.object,
            callback,
            context: request.completion.context,
            body,
            processor: site.processor,
            level: Irql::Dispatch,
            after: Some(Dur::ZERO),
        })
    }

    /// Passes a completion on to the consumer, and what waited for it.
    pub(super) fn deliver(&mut self, held: Held) {
        if held.own {
            self.running.insert(held.upcall.token, held.upcall.object);
        }
        if matches!(held.upcall.body, UpcallBody::CreateCompletion { .. }) {
            self.creation_completed();
        }
        self.ready.push_back(held.upcall);
        self.ready.extend(held.followers);
    }

    fn creation_completed(&mut self) {
        for held in &mut self.held {
            if let Release::Behind(left, _) = &mut held.release {
                *left = left.saturating_sub(1);
            }
        }
    }

    /// Delivers what is due, in the order in which it was held.
    fn deliver_due(&mut self, now: Time) {
        while let Some(position) = self.held.iter().position(|held| held.release.is_due(now)) {
            let held = self.held.remove(position);
            self.deliver(held);
        }
    }

    /// The first row that is for this call and its turn. All rows count it.
    fn chosen(&mut self, now: Time, call: &Call<'_>) -> Option<(usize, Effect)> {
        let due: Vec<bool> = self.rows.iter_mut().map(|row| row.is_due(now, call)).collect();
        let index = due.into_iter().position(|due| due)?;
        Some((index, self.rows.get(index)?.effect()))
    }

    fn note(&mut self, row: usize, hit: Hit) {
        if let Some(row) = self.rows.get_mut(row) {
            row.fired(hit);
        }
    }
}

/// The body that completes a request with a status.
fn body(request: Request, status: Status, out: Out) -> UpcallBody {
    match (request.kind.creates(), out) {
        (Some(_), Out::Object(object)) => UpcallBody::CreateCompletion { status, object: Some(object) },
        (Some(_), _) => UpcallBody::CreateCompletion { status, object: None },
        (None, out) => UpcallBody::RequestCompletion { status, out },
    }
}

impl<P: NdkProvider> FaultLayer<P> {
    /// Passes a call on, then takes all upcalls of the provider below.
    pub(super) fn forward(&mut self, host: &mut P::Host, site: &CallSite, call: Call<'_>) -> Answer {
        let creates = call.kind().creates().is_some();
        let answer = self.inner.call(host, site, call);
        if creates && matches!(answer, Answer::Returned(Return { status: Status::SUCCESS, .. })) {
            self.creation_completed();
        }
        self.pump(host, site.now);
        self.deliver_due(site.now);
        answer
    }

    /// Takes all upcalls of the provider below: some are held, some are the layer's own business.
    pub(super) fn pump(&mut self, host: &mut P::Host, now: Time) {
        while let Some(upcall) = self.inner.next_upcall() {
            if self.gate.swallows(&upcall) {
                self.inner.upcall_returned(host, now, upcall.token);
            } else if let Some(position) = self.awaited.iter().position(|awaited| awaited.is_completed_by(&upcall)) {
                let awaited = self.awaited.remove(position);
                self.hold(&awaited, upcall, now);
            } else if let Some(upcall) = self.follows(upcall)
                && let Some(upcall) = self.gate.parks(upcall)
            {
                if matches!(upcall.body, UpcallBody::CreateCompletion { .. }) {
                    self.creation_completed();
                }
                self.ready.push_back(upcall);
            }
        }
        self.deliver_due(now);
    }

    fn hold(&mut self, awaited: &Awaited, mut upcall: Upcall, now: Time) {
        if let Effect::Processor(processor) = awaited.effect {
            upcall.processor = processor;
        }
        self.held.push(Held { upcall, own: false, release: awaited.release(now), followers: Vec::new() });
    }

    /// Keeps a disconnect event behind a held completion of its connector.
    fn follows(&mut self, upcall: Upcall) -> Option<Upcall> {
        let event = matches!(upcall.body, UpcallBody::DisconnectEvent { .. });
        match self.held.iter_mut().find(|held| event && held.upcall.object == upcall.object) {
            Some(held) => {
                held.followers.push(upcall);
                None
            }
            None => Some(upcall),
        }
    }

    fn with_effect(
        &mut self,
        host: &mut P::Host,
        site: &CallSite,
        call: Call<'_>,
        (row, effect): (usize, Effect),
    ) -> Answer {
        let hit = Hit { time: site.now, call: self.calls, kind: call.kind(), object: call.object() };
        let pending = Answer::Returned(Return::status(Status::PENDING));
        let (object, completion) = match (effect, call.object(), call.completion()) {
            (Effect::Fail(status), ..) => {
                self.note(row, hit);
                return Answer::Returned(Return::status(status));
            }
            (_, Some(object), Some(completion)) => (object, completion),
            _ => return self.forward(host, site, call),
        };
        let request = Request { object, kind: call.kind(), completion };
        if effect == Effect::Inline {
            let answer = self.forward(host, &CallSite { inline: true, ..*site }, call);
            if !matches!(answer, Answer::Returned(Return { status: Status::PENDING, .. })) {
                self.note(row, hit);
            }
            return answer;
        }
        let failure = match effect {
            Effect::Pend { outcome: Outcome::Fail(status), .. } | Effect::InsideCall(Outcome::Fail(status)) => status,
            Effect::Never if !holds_qp(request.kind) => Status::CANCELLED,
            _ => return self.delayed(host, site, call, (row, effect), request),
        };
        self.note(row, hit);
        self.complete(site, request, effect, body(request, failure, Out::Untouched));
        pending
    }

    /// An effect on a request that the provider below carries out.
    fn delayed(
        &mut self,
        host: &mut P::Host,
        site: &CallSite,
        call: Call<'_>,
        (row, effect): (usize, Effect),
        request: Request,
    ) -> Answer {
        let hit = Hit { time: site.now, call: self.calls, kind: request.kind, object: Some(request.object) };
        let pending = Answer::Returned(Return::status(Status::PENDING));
        // What is to complete inside the call must have been done by then.
        let inline = site.inline || matches!(effect, Effect::InsideCall(_));
        let answer = match self.inner.call(host, &CallSite { inline, ..*site }, call) {
            Answer::Returned(Return { status: Status::SUCCESS, out }) => {
                self.note(row, hit);
                self.complete(site, request, effect, body(request, Status::SUCCESS, out));
                pending
            }
            Answer::Returned(Return { status: Status::PENDING, .. }) => {
                if !matches!(effect, Effect::InsideCall(_)) {
                    self.note(row, hit);
                    let Request { object, kind, completion } = request;
                    let create = kind.creates().is_some();
                    self.awaited.push(Awaited { object, create, completion, effect, since: site.now });
                }
                pending
            }
            other => other,
        };
        self.pump(host, site.now);
        answer
    }

    /// The layer completes a request itself.
    fn complete(&mut self, site: &CallSite, request: Request, effect: Effect, body: UpcallBody) {
        let Some(mut upcall) = self.upcall(request, site, body) else { return };
        let Request { object, kind, completion } = request;
        let create = kind.creates().is_some();
        let release = Awaited { object, create, completion, effect, since: site.now }.release(site.now);
        match effect {
            Effect::InsideCall(_) => {
                upcall.after = None;
                upcall.level = site.level;
            }
            Effect::Processor(processor) => upcall.processor = processor,
            _ => {}
        }
        self.held.push(Held { upcall, own: true, release, followers: Vec::new() });
        self.deliver_due(site.now);
    }

    /// The object is being closed: no row delays its requests any longer.
    pub(super) fn let_go(&mut self, object: Option<Object>) {
        self.awaited.retain(|awaited| object.is_some_and(|object| awaited.object != object));
    }
}

impl<P: NdkProvider> NdkProvider for FaultLayer<P> {
    type Host = P::Host;

    fn call(&mut self, host: &mut P::Host, site: &CallSite, call: Call<'_>) -> Answer {
        self.calls += 1;
        match call {
            Call::Close { object, completion } => self.close(host, site, object, completion),
            Call::CloseAdapter { adapter } => self.close_adapter(host, site, adapter),
            call => match self.chosen(site.now, &call) {
                Some(chosen) => self.with_effect(host, site, call, chosen),
                None => self.forward(host, site, call),
            },
        }
    }

    fn interrupt(&mut self, host: &mut P::Host, now: Time, vector: u16) {
        self.inner.interrupt(host, now, vector);
        self.pump(host, now);
    }

    fn wake(&mut self, host: &mut P::Host, now: Time) {
        if self.inner.next_deadline().is_some_and(|at| at <= now) {
            self.inner.wake(host, now);
        }
        self.pump(host, now);
    }

    fn next_deadline(&self) -> Option<Time> {
        let own = self.held.iter().filter_map(|held| held.release.deadline()).min();
        own.into_iter().chain(self.inner.next_deadline()).min()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        self.ready.pop_front()
    }

    fn upcall_returned(&mut self, host: &mut P::Host, now: Time, token: UpcallToken) {
        if token.0 & OWN == 0 {
            self.inner.upcall_returned(host, now, token);
            self.pump(host, now);
        } else {
            self.running.remove(&token);
            self.gate.close_returned(token);
            self.open_gate(host, now);
        }
    }
}
