//! Closes that must wait for completions of the layer's own.
//!
//! The provider below knows nothing of a completion that the layer made, and would let a close end too early. So a close
//! of its object waits here until that completion has returned; closes called later wait behind it, and closes that end
//! below wait while a close completion of the layer's own runs. The consumer sees them pend.

use super::held::{Held, Request};
use super::layer::FaultLayer;
use crate::ndk::{
    Answer, BlockedCall, Call, CallKind, CallSite, Callback, Completion, NdkProvider, Object, Out, Return, Status,
    Upcall, UpcallBody, UpcallToken,
};
use des::{Dur, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Close completions of objects that the consumer never saw.
const SWALLOWED: Callback = Callback(u64::MAX);

/// A close that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    object: Object,
    site: CallSite,
    /// How the consumer hears of it: a completion, or the return of a blocked call.
    tell: Tell,
}

#[derive(Clone, Copy, Debug)]
enum Tell {
    Completion(Completion),
    Return(BlockedCall),
}

/// What waits, and for what.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    waiting: VecDeque<Waiting>,
    /// Close completions of the layer's own that have not returned.
    closes: BTreeSet<UpcallToken>,
    /// Upcalls from below that wait for them.
    parked: Vec<Upcall>,
    /// Calls that block below, by the name that the consumer knows.
    blocked: BTreeMap<BlockedCall, BlockedCall>,
}

impl Gate {
    /// Whether an upcall is the layer's own business.
    pub(super) fn swallows(&self, upcall: &Upcall) -> bool {
        upcall.callback == SWALLOWED && upcall.body == UpcallBody::CloseCompletion
    }

    /// Keeps the end of a close back while a close completion of the layer's own runs; passes on all else.
    pub(super) fn parks(&mut self, mut upcall: Upcall) -> Option<Upcall> {
        if let UpcallBody::CallReturns { call, .. } = &mut upcall.body
            && let Some(known) = self.blocked.remove(call)
        {
            *call = known;
        }
        let ends = matches!(upcall.body, UpcallBody::CloseCompletion | UpcallBody::CallReturns { .. });
        if ends && !self.closes.is_empty() {
            self.parked.push(upcall);
            return None;
        }
        Some(upcall)
    }

    /// An upcall of the layer's own returned.
    pub(super) fn close_returned(&mut self, token: UpcallToken) {
        self.closes.remove(&token);
    }
}

impl<P: NdkProvider> FaultLayer<P> {
    pub(super) fn close(
        &mut self,
        host: &mut P::Host,
        site: &CallSite,
        object: Object,
        completion: Completion,
    ) -> Answer {
        self.let_go(Some(object));
        self.cancel(host, site, Some(object));
        if self.must_wait(Some(object)) && completion.callback.is_some() {
            self.gate.waiting.push_back(Waiting { object, site: *site, tell: Tell::Completion(completion) });
            return Answer::Returned(Return::status(Status::PENDING));
        }
        self.forward(host, site, Call::Close { object, completion })
    }

    pub(super) fn close_adapter(&mut self, host: &mut P::Host, site: &CallSite, adapter: Object) -> Answer {
        self.let_go(None);
        self.cancel(host, site, None);
        if self.must_wait(None) {
            let call = BlockedCall(self.own_number());
            self.gate.waiting.push_back(Waiting { object: adapter, site: *site, tell: Tell::Return(call) });
            return Answer::Blocks(call);
        }
        self.forward(host, site, Call::CloseAdapter { adapter })
    }

    /// Whether the close of an object (none: of the adapter) may not reach the provider below yet.
    fn must_wait(&self, object: Option<Object>) -> bool {
        let own = self.running.values().any(|running| object.is_none_or(|object| *running == object));
        own || !self.gate.waiting.is_empty() || !self.gate.closes.is_empty()
    }

    /// Ends what is held for an object (none: for everything). What exists below already goes away again.
    fn cancel(&mut self, host: &mut P::Host, site: &CallSite, object: Option<Object>) {
        let hits = |held: &Held| object.is_none_or(|object| held.upcall.object == object);
        let (ending, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(hits);
        self.held = kept;
        for mut held in ending {
            // A mapping of a closing adapter cannot be released any more; an object that is handed over can be closed.
            let mapping = matches!(held.upcall.body, UpcallBody::RequestCompletion { out: Out::Lam(_), .. });
            if held.own || mapping {
                self.undo(host, site, &mut held.upcall);
            }
            self.deliver(held);
        }
        self.pump(host, site.now);
    }

    /// Makes a completion of the layer's own one of a cancelled request.
    fn undo(&mut self, host: &mut P::Host, site: &CallSite, upcall: &mut Upcall) {
        match &mut upcall.body {
            UpcallBody::CreateCompletion { status, object } => {
                *status = Status::CANCELLED;
                if let Some(object) = object.take() {
                    let completion = Completion { callback: Some(SWALLOWED), context: 0 };
                    self.inner.call(host, site, Call::Close { object, completion });
                }
            }
            UpcallBody::RequestCompletion { status, out } => match std::mem::replace(out, Out::Untouched) {
                Out::Lam(lam) => {
                    *status = Status::CANCELLED;
                    self.inner.call(host, site, Call::ReleaseLam { adapter: upcall.object, lam: &lam });
                }
                // A request without an object leaves nothing that would outlive the close: its outcome stands.
                other if *status == Status::SUCCESS => *out = other,
                _ => *status = Status::CANCELLED,
            },
            _ => {}
        }
    }

    /// Lets closes on, one after the other, as far as nothing of the layer's own runs.
    pub(super) fn open_gate(&mut self, host: &mut P::Host, now: Time) {
        while let Some(Waiting { object, site, tell }) = self.gate.waiting.front().copied() {
            let own = match tell {
                Tell::Completion(_) => self.running.values().any(|running| *running == object),
                Tell::Return(_) => !self.running.is_empty(),
            };
            if own || !self.gate.closes.is_empty() {
                break;
            }
            self.gate.waiting.pop_front();
            let site = CallSite { now, inside: None, ..site };
            match tell {
                Tell::Completion(completion) => self.close_late(host, &site, object, completion),
                Tell::Return(call) => self.close_adapter_late(host, &site, object, call),
            }
        }
        if self.gate.closes.is_empty() {
            self.ready.extend(std::mem::take(&mut self.gate.parked));
        }
        self.pump(host, now);
    }

    fn close_late(&mut self, host: &mut P::Host, site: &CallSite, object: Object, completion: Completion) {
        let answer = self.inner.call(host, site, Call::Close { object, completion });
        let pends = matches!(answer, Answer::Returned(Return { status: Status::PENDING, .. }));
        let request = Request { object, kind: CallKind::Close, completion };
        if let (false, Some(upcall)) = (pends, self.upcall(request, site, UpcallBody::CloseCompletion)) {
            self.gate.closes.insert(upcall.token);
            self.ready.push_back(upcall);
        }
        self.pump(host, site.now);
    }

    fn close_adapter_late(&mut self, host: &mut P::Host, site: &CallSite, adapter: Object, known: BlockedCall) {
        match self.inner.call(host, site, Call::CloseAdapter { adapter }) {
            Answer::Blocks(call) => {
                self.gate.blocked.insert(call, known);
            }
            Answer::Returned(returned) => {
                let token = UpcallToken(self.own_number());
                self.ready.push_back(Upcall {
                    token,
                    object: adapter,
                    callback: SWALLOWED,
                    context: 0,
                    body: UpcallBody::CallReturns { call: known, returned },
                    processor: site.processor,
                    level: site.level,
                    after: Some(Dur::ZERO),
                });
            }
        }
        self.pump(host, site.now);
    }
}
