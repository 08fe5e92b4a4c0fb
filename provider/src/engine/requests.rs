//! Asynchronous requests from the call to the return of their completion: creates and all that takes a request completion.

use super::Engine;
use super::close::Step;
use super::config::Style;
use super::create::Draft;
use super::lifetime::{Hold, ObjectId};
use super::mr::Registration;
use super::upcalls::Ends;
use crate::backend::{Backend, Command, CommandOutput, CommandResult, Execution, Submitted};
use crate::ndk::{CallKind, CallSite, Completion, LogicalAddressMapping, Out, Return, Status, UpcallBody};

/// A request under way. It is pending on its owner: the object that it was made on, for a create the parent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) owner: ObjectId,
    pub(super) kind: CallKind,
    pub(super) completion: Completion,
    pub(super) work: Work,
}

/// What is to be done with the device's result.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Create {
        child: ObjectId,
        draft: Draft,
    },
    BuildLam(LogicalAddressMapping),
    ResizeCq {
        depth: u32,
    },
    Register(Registration),
    Deregister,
    /// The device makes room before the rest of a modification.
    GrowSrq {
        depth: u32,
        threshold: u32,
    },
    ModifySrq {
        depth: u32,
        threshold: u32,
    },
    Connect,
    CompleteConnect,
    Accept,
    Disconnect,
    /// The flush after a disconnect that ended so.
    FlushAfterDisconnect(Result<(), Status>),
    Listen,
}

/// How far a request has come with a result.
pub(super) enum Progress {
    Ended(Result<Out, Status>),
    /// One more command first.
    Next(Work, Step),
}

impl From<Result<(), Status>> for Progress {
    fn from(result: Result<(), Status>) -> Self {
        Self::Ended(result.map(|()| Out::Untouched))
    }
}

/// Whose ends the peer decides on: nobody can wait for that inside a call.
const fn waits_for_peer(kind: CallKind) -> bool {
    matches!(
        kind,
        CallKind::Connect
            | CallKind::ConnectWithSharedEndpoint
            | CallKind::CompleteConnect
            | CallKind::Accept
            | CallKind::Disconnect
    )
}

impl<B: Backend> Engine<B> {
    /// Starts a request that has passed its checks. Without a command it needs no device.
    pub(super) fn start(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        request: Request,
        command: Option<Command<'_>>,
    ) -> Return {
        // Without a completion (only NdkBuildLAM may) the result must be inline.
        let asked = if request.completion.callback.is_some() && !site.inline { None } else { Some(Style::Inline) };
        let style = asked.unwrap_or_else(|| self.config.style(request.kind));
        let execution = self.execution(request.kind, style);
        let submitted = match command {
            Some(command) => self.submit(host, execution, command),
            None => Submitted::Done(Ok(CommandOutput::Done)),
        };
        self.lifetimes.hold(request.owner, Hold::Request);
        let Some((request, outcome)) = self.drive(host, request, submitted, style) else {
            return Return::status(Status::PENDING);
        };
        match style {
            Style::Inline => {
                self.lifetimes.release(request.owner, Hold::Request);
                outcome.map_or_else(Return::status, Return::with)
            }
            Style::InsideCall => self.complete(request, outcome, Some(site)),
            Style::Beside | Style::Pending => self.complete(request, outcome, None),
        }
    }

    /// A command of a request has run.
    pub(super) fn request_done(&mut self, host: &mut B::Host, request: Request, result: CommandResult) {
        let style = self.config.style(request.kind);
        if let Some((request, outcome)) = self.drive(host, request, Submitted::Done(result), style) {
            self.complete(request, outcome, None);
        }
    }

    fn execution(&self, kind: CallKind, style: Style) -> Execution {
        if waits_for_peer(kind) { Execution::Queued } else { style.execution() }
    }

    /// Follows a request through its commands; gives it back when it has ended.
    fn drive(
        &mut self,
        host: &mut B::Host,
        mut request: Request,
        mut submitted: Submitted,
        style: Style,
    ) -> Option<(Request, Result<Out, Status>)> {
        loop {
            let result = match submitted {
                Submitted::Queued(command) => {
                    self.commands.insert(command, super::Then::Request(Box::new(request)));
                    return None;
                }
                Submitted::Done(result) => result,
            };
            match self.finish(host, &request, result) {
                Progress::Ended(outcome) => {
                    let cancelled = self.config.policy.cancelled;
                    let outcome =
                        outcome.map_err(|status| if status == Status::CANCELLED { cancelled } else { status });
                    return Some((request, outcome));
                }
                Progress::Next(work, step) => {
                    request.work = work;
                    let execution = self.execution(request.kind, style);
                    submitted = self.submit(host, execution, step.command());
                }
            }
        }
    }

    fn finish(&mut self, host: &mut B::Host, request: &Request, result: CommandResult) -> Progress {
        let owner = request.owner;
        match request.work.clone() {
            Work::Create { child, draft } => Progress::Ended(self.create_done(host, (owner, child), draft, result)),
            Work::BuildLam(lam) => Progress::Ended(Ok(Out::Lam(self.keep_lam(owner, lam)))),
            Work::ResizeCq { depth } => self.resize_done(owner, depth, result).into(),
            Work::Register(registration) => self.registration_done(owner, registration, result).into(),
            Work::Deregister => self.deregistration_done(owner, result).into(),
            Work::GrowSrq { depth, threshold } => self.srq_grown(owner, depth, threshold, result),
            Work::ModifySrq { depth, threshold } => self.modify_srq_done(owner, depth, threshold, result).into(),
            Work::Connect => self.connect_done(owner, result).into(),
            Work::CompleteConnect => self.establish_done(owner, result).into(),
            Work::Accept => self.establish_done(owner, result).into(),
            Work::Disconnect => self.disconnect_done(host, owner, result),
            Work::FlushAfterDisconnect(outcome) => self.flushed_after_disconnect(owner, outcome).into(),
            Work::Listen => self.listen_done(host, owner, result).into(),
        }
    }

    /// Has the completion of a request run. Returns what the call that made it returns, if it is that call.
    fn complete(&mut self, request: Request, outcome: Result<Out, Status>, inside: Option<&CallSite>) -> Return {
        let (status, out) = match outcome {
            Ok(out) => (Status::SUCCESS, out),
            Err(status) => (status, Out::Untouched),
        };
        let body = match request.work {
            Work::Create { .. } => {
                let object = if let Out::Object(object) = out { Some(object) } else { None };
                UpcallBody::CreateCompletion { status, object }
            }
            _ => UpcallBody::RequestCompletion { status, out },
        };
        if matches!(request.work, Work::CompleteConnect | Work::Accept) {
            self.objects.connector_mut(request.owner).reporting = true;
        }
        let place = self.completion_place(inside);
        let object = self.objects.handle(request.owner);
        self.call_back(object, request.completion, body, Ends::Request(request.owner), place);
        Return::status(Status::PENDING)
    }

    /// Gives up on what is pending on an object and can be given up.
    pub(super) fn cancel_requests(&mut self, host: &mut B::Host, owner: ObjectId) {
        for (&command, then) in &self.commands {
            if let super::Then::Request(request) = then
                && request.owner == owner
                && (waits_for_peer(request.kind) || request.kind == CallKind::Listen)
            {
                self.backend.cancel(host, command);
            }
        }
    }
}
