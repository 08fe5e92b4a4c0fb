//! Closing: what must end first, what the device must do, and the completion that comes last.
//!
//! A close cancels what is pending, waits until nothing holds its object ([`lifetime`](super::lifetime)), lets the device
//! end it ([`Step`]s, one after the other), and completes. It cannot fail: what the device answers is not looked at.

use super::Engine;
use super::Then;
use super::config::Style;
use super::lifetime::ObjectId;
use super::objects::Body;
use super::upcalls::Ends;
use crate::backend::{Backend, Command, ConnectionId, Execution, QpId, Resource, SrqId, Submitted};
use crate::ndk::{Answer, BlockedCall, CallSite, Callback, Completion, Object, ObjectKind, Return, Status, UpcallBody};
use std::collections::VecDeque;

/// A command on the way to an object's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Reject(ConnectionId),
    Disconnect(ConnectionId),
    Flush(QpId),
    Destroy(Resource),
    SetSrqLimit(SrqId, u32),
}

impl Step {
    pub(super) const fn command(self) -> Command<'static> {
        match self {
            Self::Reject(connection) => Command::Reject { connection, private_data: &[] },
            Self::Disconnect(connection) => Command::Disconnect(connection),
            Self::Flush(qp) => Command::FlushQp(qp),
            Self::Destroy(resource) => Command::Destroy(resource),
            Self::SetSrqLimit(srq, limit) => Command::SetSrqLimit { srq, limit },
        }
    }
}

/// Who is told of the end.
#[derive(Clone, Copy, Debug)]
enum Waiter {
    /// The close completion.
    Completion(Completion),
    /// The call that closed the adapter, if it blocks yet.
    Caller(Option<BlockedCall>),
}

/// A close under way.
#[derive(Clone, Debug)]
pub(super) struct Close {
    waiter: Waiter,
    style: Style,
    /// Nothing holds the object any more.
    unheld: bool,
    /// What the device must do; `None`: not decided yet.
    steps: Option<VecDeque<Step>>,
    /// A step runs.
    busy: bool,
}

/// An object that is gone, before its end is told.
struct Gone {
    waiter: Waiter,
    object: Object,
    antecedents: Vec<ObjectId>,
}

impl<B: Backend> Engine<B> {
    /// `NdkCloseObject`.
    pub(super) fn close_object(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        object: Object,
        completion: Completion,
    ) -> Return {
        if object.kind == ObjectKind::Adapter {
            // The adapter's table has no close.
            return Return::status(self.config.policy.no_such_object);
        }
        let Ok(id) = self.live(object, object.kind) else {
            return Return::status(Status::SUCCESS);
        };
        let style = self.config.close_style(object.kind);
        if !self.begin_close(host, id, Waiter::Completion(completion), style) {
            return Return::status(Status::PENDING);
        }
        let gone = self.bury(host, id);
        match style {
            Style::Inline => {
                self.lifetimes.release_all(gone.antecedents);
                return Return::status(Status::SUCCESS);
            }
            Style::InsideCall => self.tell(gone, Some(site)),
            Style::Beside | Style::Pending => self.tell(gone, None),
        }
        Return::status(Status::PENDING)
    }

    /// `WskCloseNdkAdapter`.
    pub(super) fn close_adapter(&mut self, host: &mut B::Host, adapter: Object) -> Answer {
        let id = match self.live(adapter, ObjectKind::Adapter) {
            Ok(id) => id,
            Err(status) => return Answer::Returned(Return::status(status)),
        };
        if self.begin_close(host, id, Waiter::Caller(None), Style::Inline) {
            self.bury(host, id);
            return Answer::Returned(Return::status(Status::SUCCESS));
        }
        self.last_blocked += 1;
        let call = BlockedCall(self.last_blocked);
        self.closes.get_mut(&id).expect("the close has begun").waiter = Waiter::Caller(Some(call));
        Answer::Blocks(call)
    }

    /// Lets closes go on that nothing holds any more, until none does.
    pub(super) fn run_closes(&mut self, host: &mut B::Host) {
        while let Some(id) = self.lifetimes.pop_ready() {
            self.closes.get_mut(&id).expect("only closing objects become ready").unheld = true;
            self.go_on(host, id);
        }
    }

    /// A step of a close has run.
    pub(super) fn close_step_done(&mut self, host: &mut B::Host, id: ObjectId) {
        if let Some(close) = self.closes.get_mut(&id) {
            close.busy = false;
            self.go_on(host, id);
        }
    }

    fn go_on(&mut self, host: &mut B::Host, id: ObjectId) {
        if self.advance(host, id) {
            let gone = self.bury(host, id);
            self.tell(gone, None);
        }
    }

    /// Returns whether the object can go at once.
    fn begin_close(&mut self, host: &mut B::Host, id: ObjectId, waiter: Waiter, style: Style) -> bool {
        let unheld = self.lifetimes.close(id);
        self.closes.insert(id, Close { waiter, style, unheld, steps: None, busy: false });
        self.cancel_requests(host, id);
        // A closing listener turns requests away at once, not when its last connector is closed.
        let turned_off = matches!(&self.objects.get(id).expect("live objects are there").body,
            Body::Listener(listener) if listener.id().is_some());
        if turned_off {
            self.plan(host, id);
        }
        self.advance(host, id)
    }

    /// Runs steps until one takes time. Returns whether the object can go.
    fn advance(&mut self, host: &mut B::Host, id: ObjectId) -> bool {
        loop {
            let close = self.closes.get_mut(&id).expect("a close that goes on is known");
            if close.busy {
                return false;
            }
            let Some(steps) = &mut close.steps else {
                if !close.unheld {
                    return false;
                }
                self.plan(host, id);
                continue;
            };
            let Some(step) = steps.pop_front() else { return close.unheld };
            let execution =
                if matches!(step, Step::Disconnect(_)) { Execution::Queued } else { close.style.execution() };
            if let Submitted::Queued(command) = self.submit(host, execution, step.command()) {
                self.closes.get_mut(&id).expect("a close that goes on is known").busy = true;
                self.commands.insert(command, Then::Close(id));
            }
        }
    }

    /// Decides what the device must do.
    fn plan(&mut self, host: &mut B::Host, id: ObjectId) {
        let body = &self.objects.get(id).expect("a closing object is there").body;
        let steps = match body {
            Body::Connector(connector) => {
                let qp = connector.qp().map(|qp| self.objects.qp(qp).id());
                connector.ending(qp, self.config.policy.close_connected)
            }
            other => other.resource().map(Step::Destroy).into_iter().collect(),
        };
        match self.objects.handle(id).kind {
            ObjectKind::Qp => {
                self.kick(host, id);
                self.sweep_results(host, id);
            }
            ObjectKind::Connector => self.leave_qp(host, id),
            _ => {}
        }
        self.closes.get_mut(&id).expect("a close that goes on is known").steps = Some(steps.into());
    }

    /// Whether the device is ending an object.
    pub(super) fn is_leaving(&self, id: ObjectId) -> bool {
        self.closes.get(&id).is_some_and(|close| close.steps.is_some())
    }

    /// Removes an object that is closed.
    fn bury(&mut self, host: &mut B::Host, id: ObjectId) -> Gone {
        if self.objects.handle(id).kind == ObjectKind::Qp {
            self.sweep_results(host, id);
        }
        let object = self.objects.handle(id);
        let entry = self.objects.remove(id).expect("a closing object is there");
        if let Body::Adapter(adapter) = &entry.body {
            self.release_all_lams(host, adapter);
        }
        self.forget(&entry.body);
        let close = self.closes.remove(&id).expect("the close of an object that goes is known");
        Gone { waiter: close.waiter, object, antecedents: self.lifetimes.remove(id) }
    }

    pub(super) fn forget(&mut self, body: &Body) {
        if let Some(resource) = body.resource() {
            self.resources.remove(&resource);
        }
        if let Some(used) = body.endpoint() {
            self.endpoints.leave(used);
        }
        self.forget_token(body.token());
    }

    fn tell(&mut self, gone: Gone, inside: Option<&CallSite>) {
        let place = self.completion_place(inside);
        match gone.waiter {
            Waiter::Completion(completion) => {
                let ends = Ends::Object(gone.antecedents);
                self.call_back(gone.object, completion, UpcallBody::CloseCompletion, ends, place);
            }
            Waiter::Caller(call) => {
                let call = call.expect("an adapter's close that did not return blocks");
                let body = UpcallBody::CallReturns { call, returned: Return::status(Status::SUCCESS) };
                let nobody = Completion { callback: Some(Callback(0)), context: 0 };
                self.call_back(gone.object, nobody, body, Ends::Object(gone.antecedents), place);
            }
        }
    }
}
