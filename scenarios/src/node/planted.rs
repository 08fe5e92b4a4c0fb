//! A provider with a planted bug: a wrapper between the fault layer and the checker.

use crate::spec::planted::Bug;
use des::{Dur, Time};
use provider::ndk::{
    Answer, Call, CallSite, Completion, Irql, NdkProvider, Object, Return, Status, Upcall, UpcallBody, UpcallToken,
};
use std::collections::VecDeque;

/// The wrapper's own tokens have this bit; the fault layer's have the highest.
const OWN: u64 = 1 << 61;
/// From here on a completion is late for the bugs about late ones.
const LATE: Dur = Dur::from_us(100);

/// A provider whose mistakes show when something goes wrong below; without a bug it changes nothing.
#[derive(Clone, Debug)]
pub(super) struct Buggy<P> {
    inner: P,
    bug: Option<Bug>,
    /// Requests that pend: what completes them, and since when.
    pending: Vec<(Completion, Time)>,
    ready: VecDeque<Upcall>,
    /// When the provider was called last: the moment of what it says.
    now: Time,
    own: u64,
    failures: u32,
}

impl<P> Buggy<P> {
    pub(super) fn new(inner: P, bug: Option<Bug>) -> Self {
        let (pending, ready) = (Vec::new(), VecDeque::new());
        Self { inner, bug: bug.filter(|bug| bug.is_providers()), pending, ready, now: Time::ZERO, own: 0, failures: 0 }
    }

    pub(super) const fn inner(&self) -> &P {
        &self.inner
    }

    pub(super) const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn own_token(&mut self) -> UpcallToken {
        self.own += 1;
        UpcallToken(OWN | self.own)
    }

    fn repeat(&mut self, upcall: &Upcall) {
        let (token, after) = (self.own_token(), Some(Dur::from_us(1)));
        self.ready.push_back(Upcall { token, after, ..upcall.clone() });
    }

    /// The completion of a request that was refused.
    fn invent(&mut self, object: Object, to: Completion, status: Status) {
        let (Some(callback), token) = (to.callback, self.own_token()) else { return };
        let body = UpcallBody::CreateCompletion { status, object: None };
        let (processor, level, after) = (0, Irql::Dispatch, Some(Dur::from_us(1)));
        self.ready.push_back(Upcall { token, object, callback, context: to.context, body, processor, level, after });
    }

    /// Since when a request has been pending that completes so.
    fn completed(&mut self, upcall: &Upcall) -> Option<Time> {
        let key = Completion { callback: Some(upcall.callback), context: upcall.context };
        let position = self.pending.iter().position(|(completion, _)| *completion == key)?;
        Some(self.pending.remove(position).1)
    }

    /// What becomes of a completion: itself, changed or with a copy behind it; or nothing.
    fn spoil(&mut self, mut upcall: Upcall) -> Option<Upcall> {
        let (create, status) = match &upcall.body {
            UpcallBody::CreateCompletion { status, .. } => (true, *status),
            UpcallBody::RequestCompletion { status, .. } => (false, *status),
            _ => return Some(upcall),
        };
        let since = self.completed(&upcall);
        let late = since.is_some_and(|since| self.now.since(since) > LATE);
        let failed = create && !status.is_success_class();
        let before = self.failures;
        self.failures += u32::from(failed);
        match self.bug? {
            Bug::FailureCompletesTwice if failed => self.repeat(&upcall),
            Bug::LateCompletionRepeated if late => self.repeat(&upcall),
            Bug::OtherProcessorRepeats if upcall.processor != 0 => self.repeat(&upcall),
            Bug::FailureNeverCompletes if failed => return None,
            Bug::LateCompletionLost if late => return None,
            Bug::WedgedAfterTwoFailures if create && !failed && before >= 2 => return None,
            Bug::FailureSaysSuccess if failed => {
                upcall.body = UpcallBody::CreateCompletion { status: Status::SUCCESS, object: None };
            }
            Bug::ContextLostAfterFailure if create && !failed && before > 0 => {
                self.failures = 0;
                upcall.context ^= 1 << 40;
            }
            _ => {}
        }
        Some(upcall)
    }
}

impl<P: NdkProvider> NdkProvider for Buggy<P> {
    type Host = P::Host;

    fn call(&mut self, host: &mut P::Host, site: &CallSite, call: Call<'_>) -> Answer {
        if self.bug.is_none() {
            return self.inner.call(host, site, call);
        }
        self.now = site.now;
        let (kind, object, completion) = (call.kind(), call.object(), call.completion());
        let answer = self.inner.call(host, site, call);
        let (Some(object), Some(completion), Answer::Returned(Return { status, .. })) = (object, completion, &answer)
        else {
            return answer;
        };
        let (create, status) = (kind.creates().is_some(), *status);
        if status == Status::PENDING && (create || kind.is_asynchronous_request()) {
            self.pending.push((completion, site.now));
        } else if !status.is_success_class() && create {
            self.failures += 1;
            if self.is(Bug::InlineFailureCompletes) {
                self.invent(object, completion, status);
            }
        } else if !status.is_success_class() && kind.is_asynchronous_request() && self.is(Bug::RequestFailurePends) {
            return Answer::Returned(Return::status(Status::PENDING));
        }
        answer
    }

    fn interrupt(&mut self, host: &mut P::Host, now: Time, vector: u16) {
        self.now = now;
        self.inner.interrupt(host, now, vector);
    }

    fn wake(&mut self, host: &mut P::Host, now: Time) {
        self.now = now;
        self.inner.wake(host, now);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.inner.next_deadline()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        if let Some(upcall) = self.ready.pop_front() {
            return Some(upcall);
        }
        while let Some(upcall) = self.inner.next_upcall() {
            let spoiled = if self.bug.is_some() { self.spoil(upcall) } else { Some(upcall) };
            if spoiled.is_some() {
                return spoiled;
            }
        }
        None
    }

    fn upcall_returned(&mut self, host: &mut P::Host, now: Time, token: UpcallToken) {
        self.now = now;
        if token.0 & OWN == 0 || token.0 >> 62 != 0 {
            self.inner.upcall_returned(host, now, token);
        }
    }
}
