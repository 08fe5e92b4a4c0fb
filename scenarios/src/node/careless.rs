//! A consumer with a planted bug: a wrapper above the checker, which sees what the consumer does wrong.

use super::stack::Stack;
use crate::spec::planted::Bug;
use des::Time;
use host::HostBus;
use provider::check::Finding;
use provider::fault::RowReport;
use provider::ndk::{
    Answer, Call, CallKind, CallSite, NdkProvider, Out, Return, Status, Upcall, UpcallBody, UpcallToken,
};

/// Consumers whose mistakes show after a call of theirs has failed; without a bug it changes nothing.
pub(super) struct Careless<S> {
    inner: S,
    bug: Option<Bug>,
    /// A call has failed, and no mistake has been made since.
    upset: bool,
}

impl<S: Stack> Careless<S> {
    pub(super) fn new(inner: S, bug: Option<Bug>) -> Self {
        Self { inner, bug: bug.filter(|bug| bug.is_consumers()), upset: false }
    }

    /// Whether the consumer makes this mistake now; it does so once for each failure.
    fn errs(&mut self, bug: Bug) -> bool {
        let now = self.bug == Some(bug) && self.upset;
        self.upset &= !now;
        now
    }

    /// As the consumer sees the answer to a call.
    fn seen(&mut self, kind: CallKind, answer: &mut Answer) {
        let Answer::Returned(Return { status, out }) = answer else { return };
        let takes = matches!(kind, CallKind::GetCqResults | CallKind::GetCqResultsEx);
        match out {
            Out::Count(count) if takes && *count > 0 && self.errs(Bug::ResultForgottenAfterFailure) => *count -= 1,
            _ => {}
        }
        self.upset |= !status.is_success_class();
    }
}

impl<S: Stack> NdkProvider for Careless<S> {
    type Host = dyn HostBus;

    fn call(&mut self, host: &mut (dyn HostBus + 'static), site: &CallSite, call: Call<'_>) -> Answer {
        if self.bug.is_none() {
            return self.inner.call(host, site, call);
        }
        let kind = call.kind();
        match call {
            Call::Close { .. } if self.errs(Bug::ObjectForgottenAfterFailure) => {
                return Answer::Returned(Return::status(Status::SUCCESS));
            }
            Call::Close { object, completion } if self.errs(Bug::ClosedTwiceAfterFailure) => {
                let answer = self.inner.call(host, site, Call::Close { object, completion });
                drop(self.inner.call(host, site, Call::Close { object, completion }));
                return answer;
            }
            Call::Receive { qp, context, sgl } if self.errs(Bug::BufferPostedTwiceAfterFailure) => {
                let answer = self.inner.call(host, site, Call::Receive { qp, context, sgl });
                drop(self.inner.call(host, site, Call::Receive { qp, context, sgl }));
                return answer;
            }
            _ => {}
        }
        let mut answer = self.inner.call(host, site, call);
        self.seen(kind, &mut answer);
        answer
    }

    fn interrupt(&mut self, host: &mut (dyn HostBus + 'static), now: Time, vector: u16) {
        self.inner.interrupt(host, now, vector);
    }

    fn wake(&mut self, host: &mut (dyn HostBus + 'static), now: Time) {
        self.inner.wake(host, now);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.inner.next_deadline()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        let upcall = self.inner.next_upcall()?;
        if let UpcallBody::CreateCompletion { status, .. } | UpcallBody::RequestCompletion { status, .. } = &upcall.body
        {
            self.upset |= !status.is_success_class();
        }
        Some(upcall)
    }

    fn upcall_returned(&mut self, host: &mut (dyn HostBus + 'static), now: Time, token: UpcallToken) {
        self.inner.upcall_returned(host, now, token);
    }
}

impl<S: Stack> Stack for Careless<S> {
    fn finish(&mut self, host: &mut (dyn HostBus + 'static), now: Time, quiescent: bool) -> Vec<Finding> {
        self.inner.finish(host, now, quiescent)
    }

    fn fault_reports(&self) -> Vec<RowReport> {
        self.inner.fault_reports()
    }

    fn open_row(&mut self, id: &str, at: Time) {
        self.inner.open_row(id, at);
    }

    fn has_fired(&self, id: &str) -> bool {
        self.inner.has_fired(id)
    }
}
