//! What a defect does to upcalls.

use super::how::How;
use super::{Memory, Mutant, SOON};
use provider::ndk::{CallKind, Completion, NdkProvider, Object, Return, Status, Upcall, UpcallBody};

impl Memory {
    /// A completion queue is being created; its notification callback is known before the queue is.
    pub(super) fn first_notification(&mut self, notification: Completion) {
        self.creating.push_back(notification);
    }

    /// The queue of the earliest creation that is not over.
    pub(super) fn queue_made(&mut self, cq: Object) {
        if let Some(notification) = self.creating.pop_front() {
            self.notifications.push((cq, notification));
        }
    }
}

impl<P: NdkProvider> Mutant<P> {
    /// What the consumer sees of an upcall of the provider.
    pub(super) fn pass(&mut self, mut upcall: Upcall) -> Option<Upcall> {
        let Some(how) = self.how else { return Some(upcall) };
        let completes = self.completes(&upcall);
        self.observe(&upcall);
        match how {
            How::Change(which, change) if which.fits(&upcall, completes) => change(&mut upcall),
            How::Twice(which) if which.fits(&upcall, completes) => {
                let after = upcall.after;
                self.repeat(&upcall, after);
            }
            How::Never(which) if which.fits(&upcall, completes) => return None,
            How::OldObject(kind) if completes == Some(kind) => {
                if let UpcallBody::CreateCompletion { object: Some(object), .. } = &mut upcall.body {
                    *object = *self.memory.first_object.get_or_insert(*object);
                }
            }
            How::MergedArmLost => {
                if let UpcallBody::CqNotification { .. } = upcall.body
                    && self.memory.armed_twice.remove(&upcall.object.id)
                {
                    self.memory.armed.remove(&upcall.object.id);
                    self.absorbed.push(upcall.token);
                    return None;
                }
            }
            How::EarlyClose(_) => {
                let closed = &mut self.memory.closed_early;
                if upcall.body == UpcallBody::CloseCompletion
                    && let Some(place) = closed.iter().position(|object| *object == upcall.object)
                {
                    closed.remove(place);
                    self.absorbed.push(upcall.token);
                    return None;
                }
            }
            How::EarlyAdapter => self.return_early(&upcall),
            How::AfterClose(_) if upcall.body == UpcallBody::CloseCompletion => self.repeat_last(Some(upcall.object)),
            _ => {}
        }
        if Self::keeps(how).is_some_and(|which| which.fits(&upcall, completes)) {
            self.memory.last = Some(upcall.clone());
        }
        if let UpcallBody::CqNotification { .. } = upcall.body {
            self.memory.armed.remove(&upcall.object.id);
        }
        Some(upcall)
    }

    /// The function that an upcall completes.
    fn completes(&mut self, upcall: &Upcall) -> Option<CallKind> {
        if !matches!(upcall.body, UpcallBody::CreateCompletion { .. } | UpcallBody::RequestCompletion { .. }) {
            return None;
        }
        let given = Completion { callback: Some(upcall.callback), context: upcall.context };
        let place = self.pending.iter().position(|(completion, _)| *completion == given)?;
        Some(self.pending.remove(place).1)
    }

    fn observe(&mut self, upcall: &Upcall) {
        if let UpcallBody::CreateCompletion { object: Some(object), .. } = upcall.body
            && object.kind == provider::ndk::ObjectKind::Cq
        {
            self.memory.queue_made(object);
        }
    }

    /// The blocked close of the adapter returns beside a close completion.
    fn return_early(&mut self, upcall: &Upcall) {
        if upcall.body != UpcallBody::CloseCompletion {
            return;
        }
        if let Some((adapter, call)) = self.memory.blocked.take() {
            let returned = Return::status(Status::SUCCESS);
            let token = self.own_token();
            let body = UpcallBody::CallReturns { call, returned };
            self.ready.push_back(Upcall { token, object: adapter, body, after: Some(SOON), ..upcall.clone() });
        }
    }
}
