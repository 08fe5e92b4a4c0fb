//! Broken providers: a healthy one with one small mechanism between it and the checker.
//!
//! Reading order: [`how`] (the mechanisms), `table` (the defects, a row each), this module (the wrapper), `calls` and
//! `upcalls` (what it does to either direction), `results`.
//!
//! Invariants:
//! * without a defect the wrapper changes nothing;
//! * the provider below hears of every return of an upcall that it made, unless the upcall was lost on purpose.

mod calls;
pub mod how;
mod results;
mod table;
mod upcalls;

pub use how::{Defect, How, Skew, Which};
pub use table::defects;

use des::{Dur, Time};
use provider::ndk::{
    Answer, BlockedCall, Call, CallKind, CallSite, Completion, Irql, NdkProvider, NdkResultEx, Object, ObjectKind,
    Return, Upcall, UpcallBody, UpcallToken,
};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

/// The wrapper's own tokens have this bit; providers count up from low numbers, the fault layer uses the highest bit.
const OWN: u64 = 1 << 62;
/// From a call to a callback of the wrapper's own.
const SOON: Dur = Dur::from_us(1);

/// A provider with a defect, or with none.
#[derive(Clone, Debug)]
pub struct Mutant<P> {
    inner: P,
    how: Option<How>,
    own_tokens: u64,
    /// Requests that pend, to know which function a completion is of.
    pending: Vec<(Completion, CallKind)>,
    /// The wrapper's own upcalls.
    ready: VecDeque<Upcall>,
    /// Upcalls that the consumer does not see, whose return the provider must hear of.
    absorbed: Vec<UpcallToken>,
    memory: Memory,
}

/// What a mechanism has seen.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// Closes that were completed early: their own completion is not passed on.
    closed_early: Vec<Object>,
    armed: BTreeSet<u64>,
    armed_twice: BTreeSet<u64>,
    /// The last notification or event.
    last: Option<Upcall>,
    /// Notification callbacks of queues, and of those that are being created.
    notifications: Vec<(Object, Completion)>,
    creating: VecDeque<Completion>,
    first_object: Option<Object>,
    address: Option<SocketAddr>,
    privileged: u32,
    event: Option<(Object, Completion)>,
    blocked: Option<(Object, BlockedCall)>,
    result: Option<NdkResultEx>,
    done: bool,
}

impl<P> Mutant<P> {
    /// A provider with a defect; `None` leaves it as it is.
    #[must_use]
    pub fn new(inner: P, defect: Option<&Defect>) -> Self {
        Self {
            inner,
            how: defect.map(|defect| defect.how),
            own_tokens: 0,
            pending: Vec::new(),
            ready: VecDeque::new(),
            absorbed: Vec::new(),
            memory: Memory::default(),
        }
    }

    /// The provider below.
    #[must_use]
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// The provider below, to be changed.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    fn own_token(&mut self) -> UpcallToken {
        self.own_tokens += 1;
        UpcallToken(OWN | self.own_tokens)
    }

    /// Calls the consumer on the wrapper's own account.
    fn invent(&mut self, object: Object, to: Completion, body: UpcallBody, after: Option<Dur>) {
        let Some(callback) = to.callback else { return };
        let token = self.own_token();
        let (context, processor, level) = (to.context, 0, Irql::Dispatch);
        self.ready.push_back(Upcall { token, object, callback, context, body, processor, level, after });
    }

    /// The same upcall once more.
    fn repeat(&mut self, upcall: &Upcall, after: Option<Dur>) {
        let token = self.own_token();
        self.ready.push_back(Upcall { token, after, ..upcall.clone() });
    }
}

impl<P: NdkProvider> NdkProvider for Mutant<P> {
    type Host = P::Host;

    fn call(&mut self, host: &mut P::Host, site: &CallSite, mut call: Call<'_>) -> Answer {
        self.settle(host, site.now);
        let Some(how) = self.how else { return self.inner.call(host, site, call) };
        if let How::Ask(ask) = how {
            ask(&mut call);
        }
        if let How::Results(skew) = how
            && matches!(call, Call::GetCqResults { .. } | Call::GetCqResultsEx { .. })
        {
            return self.skewed(host, site, skew, call);
        }
        let asked = Asked { kind: call.kind(), object: call.object(), completion: call.completion() };
        self.before(how, site, &call);
        let answer = match self.instead(how, &call) {
            Some(returned) => Answer::Returned(returned),
            None => self.inner.call(host, site, call),
        };
        self.after(how, &asked, answer)
    }

    fn interrupt(&mut self, host: &mut P::Host, now: Time, vector: u16) {
        self.settle(host, now);
        self.inner.interrupt(host, now, vector);
    }

    fn wake(&mut self, host: &mut P::Host, now: Time) {
        self.settle(host, now);
        self.inner.wake(host, now);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.inner.next_deadline()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        loop {
            if let Some(upcall) = self.ready.pop_front() {
                return Some(upcall);
            }
            let upcall = self.inner.next_upcall()?;
            if let Some(upcall) = self.pass(upcall) {
                return Some(upcall);
            }
        }
    }

    fn upcall_returned(&mut self, host: &mut P::Host, now: Time, token: UpcallToken) {
        self.settle(host, now);
        if token.0 & OWN == 0 {
            self.inner.upcall_returned(host, now, token);
        }
    }
}

impl<P: NdkProvider> Mutant<P> {
    /// Returns upcalls that the consumer did not see.
    fn settle(&mut self, host: &mut P::Host, now: Time) {
        for token in std::mem::take(&mut self.absorbed) {
            self.inner.upcall_returned(host, now, token);
        }
    }
}

/// A call, remembered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    kind: CallKind,
    object: Option<Object>,
    completion: Option<Completion>,
}

impl Asked {
    /// The object of a close, if it is of this kind.
    fn closes(&self, kind: ObjectKind) -> Option<Object> {
        self.object.filter(|object| self.kind == CallKind::Close && object.kind == kind)
    }
}

/// The body of the completion of a function that ended so.
fn completion_body(kind: CallKind, returned: &Return) -> UpcallBody {
    use provider::ndk::Out;
    let Return { status, out } = returned;
    match (kind.creates(), out) {
        _ if kind == CallKind::Close => UpcallBody::CloseCompletion,
        (Some(_), Out::Object(object)) => UpcallBody::CreateCompletion { status: *status, object: Some(*object) },
        (Some(_), _) => UpcallBody::CreateCompletion { status: *status, object: None },
        (None, out) => UpcallBody::RequestCompletion { status: *status, out: out.clone() },
    }
}
