//! Facts in, findings out.

use super::fact::{Args, CallFact};
use super::finding::{Finding, Ledger, Severity, severity_of};
use super::history::{Event, Line, Outcome, UpcallKind, reported_status};
use super::model::{Executing, Model, Running};
use super::rules::{Rule, RuleId};
use crate::ndk::{
    Answer, BlockedCall, Call, CallKind, CallSite, NdkResult, NdkResultEx, Object, ObjectKind, Out, Return, Status,
    Upcall, UpcallBody, UpcallToken,
};
use des::{Dur, Time};
use std::collections::BTreeMap;

/// How the checker judges what the facts alone do not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What has not come after this long is missing, when the run is ended by [`Checker::finish`].
    pub watchdog: Dur,
    /// How long a call executes. Calls of one queue on different processors that overlap by this measure are
    /// concurrent; zero: only calls made while a callback runs inside another one are.
    pub call_duration: Dur,
}

impl Default for Settings {
    fn default() -> Self {
        Self { watchdog: Dur::from_ms(10_000), call_duration: Dur::ZERO }
    }
}

/// The array of a results getter, before and after the call.
#[derive(Clone, Copy, Debug)]
pub enum Taken<'a> {
    /// Another call.
    Nothing,
    /// `NdkGetCqResults`.
    Plain {
        /// As the consumer passed it.
        before: &'a [NdkResult],
        /// As the provider left it.
        after: &'a [NdkResult],
    },
    /// `NdkGetCqResultsEx`.
    Extended {
        /// As the consumer passed it.
        before: &'a [NdkResultEx],
        /// As the provider left it.
        after: &'a [NdkResultEx],
    },
}

/// Judges both sides of one node's provider by the facts it is told.
#[derive(Clone, Debug)]
pub struct Checker {
    pub(super) settings: Settings,
    pub(super) model: Model,
    pub(super) now: Time,
    /// The run is over and nothing more can happen.
    pub(super) quiescent: bool,
    ledger: Ledger,
    reported: u64,
    calls: u64,
    called: Vec<CallFact>,
    blocked: BTreeMap<BlockedCall, CallFact>,
    /// The call that upcalls without delay run inside of.
    current: Option<u64>,
    /// What happens now.
    here: Option<Line>,
}

impl Checker {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            model: Model::default(),
            now: Time::ZERO,
            quiescent: false,
            ledger: Ledger::default(),
            reported: 0,
            calls: 0,
            called: Vec::new(),
            blocked: BTreeMap::new(),
            current: None,
            here: None,
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        self.ledger.findings()
    }

    /// Findings beyond the bound, which were only counted.
    #[must_use]
    pub const fn findings_dropped(&self) -> u64 {
        self.ledger.dropped()
    }

    /// The consumer calls. Returns the number of the call, for [`returned`](Self::returned).
    pub fn called(&mut self, site: &CallSite, call: &Call<'_>) -> u64 {
        self.stepped(site.now);
        self.calls += 1;
        let mut fact = CallFact::new(self.calls, site, call);
        self.here = Some(call_line(&fact, Outcome::Running));
        let before = self.reported;
        if self.usage(&fact, call) {
            self.level(&fact);
            self.concurrency(&fact);
            self.limits_asked(&fact, call);
            self.close_called(&fact);
            self.cq_called(&fact);
            self.post_called(&mut fact, call);
            self.memory_called(&fact, call);
            self.connection_called(&fact);
        }
        fact.faulty = self.reported > before;
        let number = fact.number;
        self.called.push(fact);
        number
    }

    /// The checker itself is about to take results of `cq`, at the end of a run.
    pub(super) fn drain_called(&mut self, site: &CallSite, cq: Object) -> u64 {
        self.stepped(site.now);
        self.quiescent = true;
        self.calls += 1;
        let call = Call::GetCqResults { cq, results: &mut [NdkResult::EMPTY; super::DRAIN] };
        self.called.push(CallFact::new(self.calls, site, &call));
        self.calls
    }

    /// Call `number` returned `answer`. Tells how many results it took.
    pub fn returned(&mut self, number: u64, answer: &Answer, taken: Taken<'_>) -> usize {
        let Some(position) = self.called.iter().rposition(|fact| fact.number == number) else { return 0 };
        let fact = self.called.remove(position);
        self.model.executing.push(Executing {
            number,
            kind: fact.kind,
            object: fact.object.map(|object| object.id),
            inside: fact.site.inside,
            upcalls: Vec::new(),
        });
        self.current = Some(number);
        let outcome = match answer {
            Answer::Blocks(_) => Outcome::Blocks,
            Answer::Returned(Return { out: Out::Count(count), .. }) => Outcome::Results(*count as usize),
            Answer::Returned(returned) => Outcome::Status(returned.status),
        };
        let line = call_line(&fact, outcome);
        self.here = Some(line);
        let results = match answer {
            Answer::Blocks(call) => {
                self.blocks(fact.clone(), *call);
                0
            }
            Answer::Returned(returned) => self.judge_return(&fact, returned, taken),
        };
        self.note_call(&fact, line);
        results
    }

    /// An upcall was taken for the consumer.
    pub fn entered(&mut self, upcall: &Upcall) {
        let kind = UpcallKind::of(&upcall.body);
        let during = self.current.filter(|_| upcall.after.is_none());
        let event = Event::Upcall { token: upcall.token, kind, status: reported_status(&upcall.body) };
        let line = Line::new(self.now, Some(upcall.processor), event);
        self.here = Some(line);
        let (object, since) = (upcall.object.id, self.now);
        self.model.running.insert(upcall.token, Running { kind, object, since, during, completes: None });
        if let Some(executing) = self.model.executing.iter_mut().find(|call| Some(call.number) == during) {
            executing.upcalls.push(upcall.token);
        }
        match &upcall.body {
            UpcallBody::CreateCompletion { status, object } => self.create_completed(upcall, *status, *object),
            UpcallBody::RequestCompletion { status, out } => self.request_completed(upcall, *status, out),
            UpcallBody::CloseCompletion => self.close_completed(upcall),
            UpcallBody::CqNotification { status } => self.cq_notified(upcall, *status),
            UpcallBody::SrqNotification { status } => self.srq_notified(upcall, *status),
            UpcallBody::ConnectEvent { connector } => self.connect_event(upcall, *connector),
            UpcallBody::DisconnectEvent { reason } => self.disconnect_event(upcall, *reason),
            UpcallBody::CallReturns { call, returned } => self.blocked_returns(*call, returned),
        }
        self.model.note(upcall.object.id, line);
    }

    /// An upcall returned.
    pub fn left(&mut self, now: Time, token: UpcallToken) {
        self.stepped(now);
        let Some(running) = self.model.running.remove(&token) else { return };
        if let Some(executing) = self.model.executing.iter_mut().find(|call| call.upcalls.contains(&token)) {
            executing.upcalls.retain(|other| *other != token);
            self.current = Some(executing.number);
        }
        let event = Event::Return { token, kind: running.kind };
        self.model.note(running.object, Line::new(now, None, event));
        if let Some(entry) = self.model.entry_mut(running.object) {
            entry.requests.retain(|request| request.running != Some(token));
            entry.events.retain(|event| *event != token);
        }
        match running.kind {
            UpcallKind::CloseCompletion => self.model.release(running.object),
            UpcallKind::CqNotification => {
                if let Some(cq) = self.model.cq_mut(running.object).filter(|cq| cq.running == Some(token)) {
                    cq.running = None;
                }
            }
            _ => {}
        }
    }

    /// The provider was stepped by something that is neither call nor return: an interrupt or a deadline.
    pub fn stepped(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.current = None;
        self.model.executing.retain(|call| !call.upcalls.is_empty());
    }

    /// CQs whose close has not been called.
    pub(super) fn open_cqs(&self) -> Vec<Object> {
        let ids = self.model.open_ids(ObjectKind::Cq);
        ids.into_iter().filter_map(|id| self.model.entry(id)).filter(|e| e.is_live()).map(|e| e.object).collect()
    }

    /// How many times draining can be worth it.
    pub(super) fn drain_bound(&self, cq: Object, at_once: usize) -> usize {
        self.model.cq(cq.id).map_or(0, |cq| cq.depth as usize / at_once + 2)
    }

    /// Reports a broken rule, as severe as the rule is founded.
    pub(super) fn report(&mut self, rule: u8, object: Option<Object>, what: String) {
        let severity = severity_of(Rule::of(RuleId(rule)).strength);
        self.report_as(severity, rule, object, what);
    }

    /// Reports something that a sound consumer or provider may do, but hardly means to.
    pub(super) fn warn(&mut self, rule: u8, object: Option<Object>, what: String) {
        self.report_as(Severity::Warning, rule, object, what);
    }

    fn report_as(&mut self, severity: Severity, rule: u8, object: Option<Object>, what: String) {
        self.reported += 1;
        let mut history = Vec::new();
        if let Some(entry) = object.and_then(|object| self.model.entry(object.id)) {
            history.extend(entry.history.lines());
        }
        history.extend(self.here);
        self.ledger.add(Finding { rule: RuleId(rule), severity, object, time: self.now, what, history });
    }

    /// The number of the last call.
    pub(super) const fn latest_call(&self) -> u64 {
        self.calls
    }

    /// Nothing happens now; the end is judged.
    pub(super) fn nowhere(&mut self) {
        self.here = None;
    }

    fn note_call(&mut self, fact: &CallFact, line: Line) {
        let Some(object) = fact.object else { return };
        self.model.note(object.id, line);
        let other = match &fact.args {
            Args::Connect(connect) | Args::Accept { connect, .. } => Some(connect.qp),
            Args::Post(post) => post.target,
            _ => None,
        };
        if let Some(other) = other {
            self.model.note(other.id, line);
        }
    }

    fn judge_return(&mut self, fact: &CallFact, returned: &Return, taken: Taken<'_>) -> usize {
        let Return { status, ref out } = *returned;
        self.listed_status(fact, status);
        let mut results = 0;
        match fact.kind {
            CallKind::OpenAdapter => self.adapter_opened(fact, status, out),
            CallKind::CloseAdapter | CallKind::Close => self.close_returned(fact, status),
            CallKind::GetCqResults | CallKind::GetCqResultsEx => results = self.results_returned(fact, out, taken),
            kind if kind.creates().is_some() => self.create_returned(fact, status, out),
            kind if kind.is_asynchronous_request() => self.request_returned(fact, status, out),
            kind if kind.is_post() => self.post_returned(fact, status),
            _ => self.plain_returned(fact, status, out),
        }
        self.limits_answered(fact, status);
        results
    }

    /// Functions that are over when they return.
    fn plain_returned(&mut self, fact: &CallFact, status: Status, out: &Out) {
        match fact.kind {
            CallKind::QueryExtension => self.extension_queried(fact, status),
            CallKind::QueryAdapterInfo => self.info_queried(fact, status, out),
            CallKind::ReleaseLam => {}
            CallKind::ArmCq => self.cq_armed(fact),
            CallKind::ControlCqInterruptModeration => self.moderated(fact, status),
            CallKind::Flush => self.flushed(fact),
            CallKind::Reject => self.rejected(fact, status),
            CallKind::GetConnectionData => self.connection_data(fact, status, out),
            CallKind::GetLocalAddress | CallKind::GetPeerAddress => self.address_told(fact, status, out),
            CallKind::ControlConnectEvents => self.events_controlled(fact),
            _ => self.token_told(fact, out),
        }
    }

    fn blocks(&mut self, fact: CallFact, call: BlockedCall) {
        match fact.kind {
            CallKind::CloseAdapter => self.adapter_closing(&fact),
            CallKind::OpenAdapter => {}
            kind => {
                self.report(74, fact.object, format!("{} blocked; only opening and closing adapters may", kind.name()))
            }
        }
        self.blocked.insert(call, fact);
    }

    fn blocked_returns(&mut self, call: BlockedCall, returned: &Return) {
        let Some(fact) = self.blocked.remove(&call) else { return };
        self.judge_return(&fact, returned, Taken::Nothing);
    }
}

fn call_line(fact: &CallFact, outcome: Outcome) -> Line {
    let event = Event::Call { number: fact.number, kind: fact.kind, context: fact.context(), outcome };
    Line::new(fact.site.now, Some(fact.site.processor), event)
}
