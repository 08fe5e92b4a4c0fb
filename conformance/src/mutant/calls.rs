//! What a defect does to calls and their answers.

use super::how::{How, Which};
use super::{Asked, Mutant, SOON, completion_body};
use des::Dur;
use provider::ndk::{
    AdapterFlags, Answer, Call, CallKind, CallSite, Completion, NdkProvider, Out, Return, Status, UpcallBody,
};

impl<P: NdkProvider> Mutant<P> {
    /// Takes note of a call, and of what must happen before it.
    pub(super) fn before(&mut self, how: How, site: &CallSite, call: &Call<'_>) {
        match *call {
            Call::Accept { connector, disconnect_event: event, .. }
            | Call::CompleteConnect { connector, disconnect_event: event, .. } => {
                let to = Completion { callback: event.callback, context: event.context };
                self.memory.event = Some((connector, to));
                if matches!((how, call), (How::DisconnectBeforeAccept, Call::Accept { .. })) {
                    self.invent(connector, to, UpcallBody::DisconnectEvent { reason: None }, Some(Dur::ZERO));
                }
            }
            Call::CreateCq { notification, .. } => self.memory.first_notification(notification),
            Call::ArmCq { cq, .. } => {
                if !self.memory.armed.insert(cq.id) {
                    self.memory.armed_twice.insert(cq.id);
                }
                let at_once = match how {
                    How::NotifyInside => site.inside.is_some(),
                    How::NotifyAtArm => !std::mem::replace(&mut self.memory.done, true),
                    _ => false,
                };
                if at_once {
                    self.notify(cq.id);
                }
            }
            Call::Close { object, .. } => {
                if let How::DuringClose(_) = how
                    && let Some(last) = self.memory.last.clone().filter(|last| last.object == object)
                {
                    self.repeat(&last, Some(SOON));
                }
            }
            Call::Disconnect { .. } => {
                if let (How::OwnDisconnect, Some((connector, to))) = (how, self.memory.event) {
                    self.invent(connector, to, UpcallBody::DisconnectEvent { reason: None }, Some(SOON));
                }
            }
            _ => {}
        }
    }

    /// The answer to a call that does not reach the provider.
    pub(super) fn instead(&mut self, how: How, call: &Call<'_>) -> Option<Return> {
        match how {
            How::Refuse(refuse) => refuse(call).map(Return::status),
            How::Loops => match call {
                Call::Connect { source, destination, .. } if source.ip() == destination.ip() => {
                    Some(Return::status(Status::SUCCESS))
                }
                _ => None,
            },
            How::Fake(kind, status) if call.kind() == kind => {
                let (object, to) = (call.object()?, call.completion()?);
                let body = completion_body(kind, &Return::status(status));
                self.invent(object, to, body, Some(Dur::ZERO));
                Some(Return::status(Status::PENDING))
            }
            _ => None,
        }
    }

    /// Takes note of an answer, and changes it.
    pub(super) fn after(&mut self, how: How, asked: &Asked, answer: Answer) -> Answer {
        let mut returned = match answer {
            Answer::Returned(returned) => returned,
            Answer::Blocks(call) => {
                self.memory.blocked = asked.object.map(|adapter| (adapter, call));
                return Answer::Blocks(call);
            }
        };
        if let (Status::PENDING, Some(completion)) = (returned.status, asked.completion) {
            self.pending.push((completion, asked.kind));
        }
        self.note(asked, &returned);
        match how {
            How::Answer(kind, change) if kind == asked.kind => change(&mut returned),
            How::CompletesToo(kind) if kind == asked.kind && returned.status != Status::PENDING => {
                if let (Some(object), Some(to)) = (asked.object, asked.completion) {
                    self.invent(object, to, completion_body(kind, &returned), Some(SOON));
                }
            }
            How::EarlyClose(kind) if returned.status == Status::PENDING => {
                if let (Some(object), Some(to)) = (asked.closes(kind), asked.completion) {
                    self.memory.closed_early.push(object);
                    self.invent(object, to, UpcallBody::CloseCompletion, Some(Dur::ZERO));
                }
            }
            How::AfterClose(_) if returned.status == Status::SUCCESS && asked.kind == CallKind::Close => {
                self.repeat_last(asked.object);
            }
            How::NotifyUnarmed if matches!(asked.kind, CallKind::GetCqResultsEx | CallKind::GetCqResults) => {
                if let Some(cq) = asked.object.filter(|cq| !self.memory.armed.contains(&cq.id)) {
                    self.notify(cq.id);
                }
            }
            How::Loops => {
                if let Out::Info(info) = &mut returned.out {
                    info.flags.remove(AdapterFlags::LOOPBACK_CONNECTIONS_SUPPORTED);
                }
            }
            How::SameAddress if asked.kind == CallKind::GetLocalAddress => {
                if let Out::Address(address) = &mut returned.out {
                    *address = *self.memory.address.get_or_insert(*address);
                }
            }
            How::PrivilegedRemote if asked.kind == CallKind::GetRemoteTokenFromMr => {
                returned.out = Out::Token(self.memory.privileged);
            }
            _ => {}
        }
        Answer::Returned(returned)
    }

    fn note(&mut self, asked: &Asked, returned: &Return) {
        match (&returned.out, asked.kind) {
            (Out::Token(token), CallKind::GetPrivilegedToken) => self.memory.privileged = *token,
            (Out::Object(cq), CallKind::CreateCq) => self.memory.queue_made(*cq),
            _ => {}
        }
    }

    /// Notifies on the wrapper's own account, with the callback that the queue was created with.
    fn notify(&mut self, id: u64) {
        let found = self.memory.notifications.iter().find(|(cq, _)| cq.id == id).copied();
        if let Some((cq, to)) = found {
            self.invent(cq, to, UpcallBody::CqNotification { status: Status::SUCCESS }, Some(Dur::ZERO));
        }
    }

    /// The last event of an object, after its end.
    pub(super) fn repeat_last(&mut self, object: Option<provider::ndk::Object>) {
        if let Some(last) = self.memory.last.clone().filter(|last| Some(last.object) == object) {
            self.repeat(&last, Some(SOON));
        }
    }

    /// Whether the last event is to be kept.
    pub(super) fn keeps(how: How) -> Option<Which> {
        match how {
            How::AfterClose(which) | How::DuringClose(which) => Some(which),
            _ => None,
        }
    }
}
