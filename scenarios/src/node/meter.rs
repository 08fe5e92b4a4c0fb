//! What the report counts at a node: objects, requests, results, latencies. It watches calls, and touches nothing.

use super::journal::Journal;
use crate::record::Kind;
use crate::report::LatencyRecorder;
use crate::report::journal::NodeJournal;
use des::{Time, TraceHash};
use provider::ndk::{
    Answer, Call, CallKind, Callback, NdkResult, Object, ObjectKind, Out, Return, Status, Upcall, UpcallBody,
};
use std::collections::{BTreeMap, VecDeque};

/// How the creations of one kind of object ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Creations {
    /// SUCCESS from the call.
    pub inline: u64,
    /// PENDING, then success.
    pub pending: u64,
    /// Made by the provider for a connect event.
    pub offered: u64,
    /// Another status from the call.
    pub failed_inline: u64,
    /// PENDING, then another status.
    pub failed_pending: u64,
    /// Closed again.
    pub closed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Creating {
    kind: ObjectKind,
    qp_context: u64,
}

/// What an initiator request does, as the report names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Send,
    Write,
    Read,
}

impl Operation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Posted {
    at: Time,
    operation: Operation,
    context: u64,
    /// Its number on the node, from 1.
    request: u64,
}

/// Counts of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    pub objects: BTreeMap<ObjectKind, Creations>,
    /// Results by status.
    pub results: BTreeMap<Status, u64>,
    /// Sends, writes and reads that succeeded.
    pub messages: u64,
    /// From post to result taken.
    pub latency: BTreeMap<Operation, LatencyRecorder>,
    pub first_post: Option<Time>,
    pub last_result: Option<Time>,
    /// What the consumer was told, if somebody wants to compare.
    pub journal: Option<Journal>,
    creating: BTreeMap<(Option<Callback>, u64), Creating>,
    closing: BTreeMap<(Option<Callback>, u64), ObjectKind>,
    /// Calls, posts, results and callbacks, if they are to be recorded.
    pub log: Option<Vec<(Time, Kind)>>,
    requests: u64,
    contexts: BTreeMap<u64, u64>,
    posted: BTreeMap<u64, VecDeque<Posted>>,
    /// By queue pair: what its requests, and what its receives, have ended with, in order.
    orders: BTreeMap<u64, [TraceHash; 2]>,
}

/// What a call asked for, kept while it runs.
enum Note {
    Create(Creating, (Option<Callback>, u64)),
    Close(Object, (Option<Callback>, u64)),
    Post { qp: Object, operation: Operation, context: u64 },
    Nothing,
}

impl Note {
    fn of(call: &Call<'_>) -> Self {
        let key = call.completion().map_or((None, 0), |completion| (completion.callback, completion.context));
        match call {
            Call::CreateQp { qp_context, .. } | Call::CreateQpWithSrq { qp_context, .. } => {
                Self::Create(Creating { kind: ObjectKind::Qp, qp_context: *qp_context }, key)
            }
            Call::Close { object, .. } => Self::Close(*object, key),
            &Call::Send { qp, context, .. } | &Call::SendAndInvalidate { qp, context, .. } => {
                Self::Post { qp, operation: Operation::Send, context }
            }
            &Call::Read { qp, context, .. } => Self::Post { qp, operation: Operation::Read, context },
            &Call::Write { qp, context, .. } => Self::Post { qp, operation: Operation::Write, context },
            other => match other.kind() {
                CallKind::OpenAdapter => Self::Create(Creating { kind: ObjectKind::Adapter, qp_context: 0 }, key),
                CallKind::CloseAdapter => other.object().map_or(Self::Nothing, |object| Self::Close(object, key)),
                kind => {
                    kind.creates().map_or(Self::Nothing, |kind| Self::Create(Creating { kind, qp_context: 0 }, key))
                }
            },
        }
    }
}

impl Meter {
    /// What the consumer was told, if it was kept.
    pub(crate) fn entries(&self) -> Option<NodeJournal> {
        self.journal.as_ref().map(|journal| journal.entries().clone())
    }

    /// Lets a call through and counts it.
    pub(crate) fn watch(&mut self, now: Time, call: Call<'_>, run: impl FnOnce(Call<'_>) -> Answer) -> Answer {
        match call {
            Call::GetCqResults { cq, results } => {
                let answer = run(Call::GetCqResults { cq, results: &mut *results });
                let taken = taken(&answer, results.len());
                results[..taken].iter().for_each(|result| self.result(now, result));
                answer
            }
            Call::GetCqResultsEx { cq, results } => {
                let answer = run(Call::GetCqResultsEx { cq, results: &mut *results });
                let taken = taken(&answer, results.len());
                results[..taken].iter().for_each(|result| self.result(now, &result.base));
                answer
            }
            other => {
                let (note, kind) = (Note::of(&other), other.kind());
                let (completion, object) = (other.completion(), other.object());
                let answer = run(other);
                self.log_call(now, kind, object, &answer);
                self.returned(now, &note, &answer);
                if let Some(journal) = &mut self.journal {
                    journal.returned(kind, completion, &answer);
                }
                answer
            }
        }
    }

    /// Records something, if that is wanted.
    fn log(&mut self, now: Time, kind: impl FnOnce() -> Kind) {
        if let Some(log) = &mut self.log {
            log.push((now, kind()));
        }
    }

    fn log_call(&mut self, now: Time, kind: CallKind, object: Option<Object>, answer: &Answer) {
        self.log(now, || Kind::Call {
            function: kind.name().into(),
            object: object.map(|object| format!("{object:?}")).unwrap_or_default(),
            status: match answer {
                Answer::Returned(returned) => returned.status.to_string(),
                Answer::Blocks(_) => "blocks".to_owned(),
            },
        });
    }

    /// Counts what an upcall brings.
    pub(crate) fn upcall(&mut self, now: Time, upcall: &Upcall) {
        self.log(now, || describe(upcall));
        if let Some(journal) = &mut self.journal {
            journal.upcall(upcall);
        }
        let key = (Some(upcall.callback), upcall.context);
        match &upcall.body {
            UpcallBody::CreateCompletion { status, object } => {
                let Some(creating) = self.creating.remove(&key) else { return };
                let counts = self.objects.entry(creating.kind).or_default();
                match object {
                    Some(object) if *status == Status::SUCCESS => {
                        counts.pending += 1;
                        self.contexts.insert(object.id, creating.qp_context);
                    }
                    _ => counts.failed_pending += 1,
                }
            }
            UpcallBody::CloseCompletion => {
                if let Some(kind) = self.closing.remove(&key) {
                    self.objects.entry(kind).or_default().closed += 1;
                }
            }
            UpcallBody::ConnectEvent { connector } => {
                self.objects.entry(connector.kind).or_default().offered += 1;
            }
            UpcallBody::CallReturns { returned, .. } if returned.status == Status::SUCCESS => {
                // Only closing an adapter blocks.
                self.objects.entry(ObjectKind::Adapter).or_default().closed += 1;
            }
            UpcallBody::RequestCompletion { .. }
            | UpcallBody::CqNotification { .. }
            | UpcallBody::SrqNotification { .. }
            | UpcallBody::DisconnectEvent { .. }
            | UpcallBody::CallReturns { .. } => {}
        }
    }

    fn returned(&mut self, now: Time, note: &Note, answer: &Answer) {
        let Answer::Returned(Return { status, out }) = answer else { return };
        match *note {
            Note::Create(creating, key) => {
                let counts = self.objects.entry(creating.kind).or_default();
                match (*status, out) {
                    (Status::SUCCESS, Out::Object(object)) => {
                        counts.inline += 1;
                        self.contexts.insert(object.id, creating.qp_context);
                    }
                    (Status::PENDING, _) => drop(self.creating.insert(key, creating)),
                    _ => counts.failed_inline += 1,
                }
            }
            Note::Close(object, key) => match *status {
                Status::SUCCESS => self.objects.entry(object.kind).or_default().closed += 1,
                Status::PENDING => drop(self.closing.insert(key, object.kind)),
                _ => {}
            },
            Note::Post { qp, operation, context } if *status == Status::SUCCESS => {
                let qp_context = self.contexts.get(&qp.id).copied().unwrap_or_default();
                self.requests += 1;
                let (request, name) = (self.requests, operation.name().into());
                self.log(now, || Kind::Post { operation: name, request, object: format!("{qp:?}") });
                self.posted.entry(qp_context).or_default().push_back(Posted { at: now, operation, context, request });
                self.first_post.get_or_insert(now);
            }
            Note::Post { .. } | Note::Nothing => {}
        }
    }

    /// A result belongs to the first initiator request with its context; requests before that one succeeded in silence.
    /// If there is none it is a receive's.
    fn result(&mut self, now: Time, result: &NdkResult) {
        *self.results.entry(result.status).or_default() += 1;
        self.last_result = Some(now);
        let posted = self.posted.entry(result.qp_context).or_default();
        let index = posted.iter().position(|request| request.context == result.request_context);
        if let Some(journal) = &mut self.journal {
            journal.result(index.is_some(), result);
        }
        let order = &mut self.orders.entry(result.qp_context).or_default()[usize::from(index.is_some())];
        order.mix(u64::from(result.status.0));
        order.mix(result.bytes_transferred.into());
        if let Some(index) = index {
            let request = posted[index];
            posted.drain(..=index);
            order.mix(request.operation as u64);
            self.messages += index as u64 + u64::from(result.status == Status::SUCCESS);
            let latency = now.since(request.at);
            self.latency.entry(request.operation).or_default().record(latency);
            self.log(now, || Kind::Result {
                operation: request.operation.name().into(),
                request: request.request,
                status: result.status.to_string(),
                latency_ps: latency.as_ps(),
            });
        }
    }
}

impl Meter {
    /// A digest of all queue pairs' results, commutative since they are made in an order that depends on time.
    pub(crate) fn order(&self) -> u64 {
        self.orders.values().flatten().fold(0, |sum: u64, order| sum.wrapping_add(order.value()))
    }
}

fn taken(answer: &Answer, room: usize) -> usize {
    match answer {
        Answer::Returned(Return { out: Out::Count(count), .. }) => (*count as usize).min(room),
        Answer::Returned(_) | Answer::Blocks(_) => 0,
    }
}

/// A callback as a record.
fn describe(upcall: &Upcall) -> Kind {
    let (what, status) = match &upcall.body {
        UpcallBody::CreateCompletion { status, .. } => ("create completes", status.to_string()),
        UpcallBody::RequestCompletion { status, .. } => ("request completes", status.to_string()),
        UpcallBody::CloseCompletion => ("close completes", String::new()),
        UpcallBody::CqNotification { status } => ("CQ notification", status.to_string()),
        UpcallBody::SrqNotification { status } => ("SRQ notification", status.to_string()),
        UpcallBody::ConnectEvent { .. } => ("connect event", String::new()),
        UpcallBody::DisconnectEvent { .. } => ("disconnect event", String::new()),
        UpcallBody::CallReturns { returned, .. } => ("blocked call returns", returned.status.to_string()),
    };
    Kind::Upcall { what: what.into(), object: format!("{:?}", upcall.object), status }
}
