//! Results: R103 to R108, R134, and what they change.

use super::checker::{Checker, Taken};
use super::fact::{CallFact, Post};
use super::model::queue::{Over, PostQueue};
use crate::ndk::{CallKind, NdkResult, Object, OperationType, Out, Status};

/// A result of either kind.
#[derive(Clone, Copy, Debug)]
struct View {
    base: NdkResult,
    /// Operation and provider error code of an extended result.
    extended: Option<(OperationType, u32)>,
}

impl View {
    /// Whether the operation says that it is a receive.
    fn is_receive(self) -> Option<bool> {
        self.extended
            .map(|(operation, _)| matches!(operation, OperationType::Receive | OperationType::ReceiveAndInvalidate))
    }
}

/// Where the request of a result stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    qp: u64,
    /// The SRQ that it was posted to, or the QP.
    owner: u64,
    receive: bool,
    index: usize,
    /// Earlier requests of the queue that should have come first.
    skipped: usize,
    /// Whether the result's type is that of the request.
    typed: bool,
    /// Whether the request must have a result, ending like this.
    owed: bool,
    /// Whether a request of another queue fits as well.
    ambiguous: bool,
}

/// The type that a request's results have.
fn type_fits(post: &Post, operation: OperationType) -> bool {
    match post.kind {
        CallKind::Send | CallKind::SendAndInvalidate => operation == OperationType::Send,
        CallKind::Bind => operation == OperationType::Bind,
        CallKind::FastRegister => operation == OperationType::FastRegister,
        CallKind::Invalidate => operation == OperationType::Invalidate,
        CallKind::Read => operation == OperationType::Read,
        CallKind::Write => operation == OperationType::Write,
        CallKind::Atomic => operation == OperationType::Atomic,
        _ => matches!(operation, OperationType::Receive | OperationType::ReceiveAndInvalidate),
    }
}

impl Checker {
    /// Judges what a getter took; tells how many.
    pub(super) fn results_returned(&mut self, fact: &CallFact, out: &Out, taken: Taken<'_>) -> usize {
        let Some(object) = fact.object else { return 0 };
        let function = fact.kind.name();
        let (asked, changed) = match taken {
            Taken::Nothing => return 0,
            Taken::Plain { before, after } => (after.len(), last_change(before, after)),
            Taken::Extended { before, after } => (after.len(), last_change(before, after)),
        };
        let Out::Count(count) = *out else {
            self.report(104, Some(object), format!("{function} told no count"));
            return 0;
        };
        let count = count as usize;
        if count > asked {
            self.report(104, Some(object), format!("{function} told {count} results of {asked} asked for"));
        } else if changed > count {
            let what = format!("{function} told {count} results and changed entry {} of the array", changed - 1);
            self.report(104, Some(object), what);
        }
        let count = count.min(asked);
        match taken {
            Taken::Nothing => {}
            Taken::Plain { after, .. } => {
                for result in after.iter().take(count) {
                    self.result(object, fact, View { base: *result, extended: None });
                }
            }
            Taken::Extended { after, .. } => {
                for result in after.iter().take(count) {
                    let extended = Some((result.operation, result.provider_error_code));
                    self.result(object, fact, View { base: result.base, extended });
                }
            }
        }
        if count < asked {
            self.cq_drained(object, fact);
        }
        count
    }

    fn result(&mut self, cq: Object, fact: &CallFact, view: View) {
        if self.model.cq(cq.id).is_some_and(|cq| cq.dead) {
            self.report(103, Some(cq), format!("{cq:?} yielded a result after it had reported its failure"));
        }
        let success = view.base.status == Status::SUCCESS;
        let receive = match self.place(cq.id, view) {
            Some(place) => {
                self.settle_result(cq, place, view);
                let may_invalidate = !matches!(view.extended, Some((OperationType::Receive, _)));
                if success && place.receive && may_invalidate {
                    self.unbind_all();
                }
                // What might be a receive is taken for one: then it may have satisfied any arm.
                place.receive || place.ambiguous
            }
            None => {
                self.unexpected(cq, view);
                view.is_receive().unwrap_or(true)
            }
        };
        if let (false, Some((operation, code @ 1..))) = (!success, view.extended) {
            let what = format!("a successful {operation:?} has provider error code {code:#x}");
            self.report(108, Some(cq), what);
        }
        let (now, by_checker) = (self.now, self.quiescent);
        let Some(cq) = self.model.cq_mut(cq.id) else { return };
        match (success, receive) {
            (false, _) => cq.batch.errors += 1,
            (true, true) => cq.batch.receive_successes += 1,
            (true, false) => cq.batch.initiator_successes += 1,
        }
        let new = cq.drained_since_callback && cq.running.is_none_or(|token| fact.site.inside == Some(token));
        if let Some(arm) = cq.arm.as_mut().filter(|_| new) {
            arm.taken = arm.taken.or(Some((now, by_checker)));
        }
    }

    /// Finds the request that a result belongs to: of the right type, one that owes a result, the first. Where requests of
    /// two queues fit as well, their contexts being equal, it is open which one it is.
    fn place(&mut self, cq: u64, view: View) -> Option<Place> {
        let mut best = Best::default();
        for id in &self.model.cq(cq)?.feeders {
            let Some(qp) = self.model.qp(*id).filter(|qp| qp.args.context == view.base.qp_context) else { continue };
            if qp.args.initiator_cq.id == cq {
                best.consider(&qp.initiator, view, Place::of(*id, *id, false));
            }
            if qp.args.receive_cq.id == cq {
                best.consider(&qp.receive, view, Place::of(*id, *id, true));
                if let Some((srq, state)) = qp.args.srq.and_then(|srq| Some((srq.id, self.model.srq(srq.id)?))) {
                    best.consider(&state.queue, view, Place::of(*id, srq, true));
                }
            }
        }
        let place = best.place?;
        for open in best.rival.into_iter().flat_map(|rival| [place, rival]) {
            if let Some(queue) = self.queue_at(open) {
                queue.ambiguous = true;
            }
        }
        Some(Place { ambiguous: best.rival.is_some(), ..place })
    }

    fn queue_at(&mut self, place: Place) -> Option<&mut PostQueue> {
        let kind = match (place.receive, place.owner == place.qp) {
            (true, true) => CallKind::Receive,
            (true, false) => CallKind::SrqReceive,
            (false, _) => CallKind::Send,
        };
        self.model.post_queue_mut(place.owner, kind)
    }

    fn settle_result(&mut self, cq: Object, place: Place, view: View) {
        let now = self.now;
        let shared = place.owner != place.qp;
        let Some(queue) = self.queue_at(place) else { return };
        let Some(post) = queue.posts.remove(place.index) else { return };
        // Silent requests before it have succeeded.
        let mut index = 0;
        let PostQueue { posts, done, .. } = queue;
        posts.retain(|earlier| {
            index += 1;
            let retired = index <= place.index && !shared && earlier.is_silent();
            if retired {
                PostQueue::over(done, earlier);
            }
            !retired
        });
        // The silent request or a later one of the same context failed: which of both has its result stays open.
        queue.ambiguous |= post.is_silent() && queue.posts.iter().any(|later| later.context == post.context);
        PostQueue::over(&mut queue.done, &post);
        let (function, number, status) = (post.kind.name(), post.call, view.base.status);
        let qp = self.model.object(place.qp);
        if place.skipped > 0 && !shared && !place.ambiguous {
            let what = format!("the result of call {number}, {function}, came before {} earlier ones", place.skipped);
            self.report(107, qp, what);
        }
        if post.is_silent() && status == Status::SUCCESS {
            let what = format!("call {number}, {function}, asked for silent success and has a result with SUCCESS");
            self.report(106, qp, what);
        }
        if let (false, Some((operation, _))) = (place.typed, view.extended) {
            self.report(108, qp, format!("the result of call {number}, {function}, is of type {operation:?}"));
        }
        if let Some(srq) = shared.then(|| self.model.srq_mut(place.owner)).flatten() {
            srq.look(now);
        }
        if !place.ambiguous {
            self.after_disconnect(cq, place.qp, &post, status);
        }
        self.result_effect(place.qp, &post, status);
    }

    /// R134: the CQ was seen empty after Disconnect had completed, so this request ended later still.
    fn after_disconnect(&mut self, cq: Object, qp: u64, post: &Post, status: Status) {
        let done = self.model.qp(qp).and_then(|qp| qp.disconnected);
        let drained = self.model.cq(cq.id).and_then(|cq| cq.drained);
        if let (Some((done, at)), Some((_, drained))) = (done, drained)
            && drained > done
            && status == Status::SUCCESS
        {
            let (number, function, object) = (post.call, post.kind.name(), self.model.object(qp));
            let what = format!("call {number}, {function}, succeeded after Disconnect had completed at {at}");
            self.report(134, object, what);
        }
    }

    /// What a result tells of the connection and of windows.
    fn result_effect(&mut self, qp: u64, post: &Post, status: Status) {
        if status == Status::SUCCESS {
            if post.kind == CallKind::Bind {
                self.bound(post);
            }
        } else if let Some(qp) = self.model.qp_mut(qp) {
            qp.failed = true;
        }
    }

    /// No outstanding request fits: R106 if one did, R105 if none ever did.
    fn unexpected(&mut self, cq: Object, view: View) {
        let NdkResult { qp_context, request_context, .. } = view.base;
        let feeders = self.model.cq(cq.id).map(|cq| cq.feeders.clone()).unwrap_or_default();
        let owner =
            feeders.iter().copied().find(|id| self.model.qp(*id).is_some_and(|qp| qp.args.context == qp_context));
        if let Some((id, over, how)) = feeders.into_iter().find_map(|id| self.over_already(id, view)) {
            let (object, what) = (self.model.object(id), format!("call {}, {}, {how}", over.call, over.kind.name()));
            self.report(106, object, what);
            return;
        }
        if self.model.forgot && owner.is_none() {
            return;
        }
        let object = owner.and_then(|id| self.model.object(id)).unwrap_or(cq);
        let what = format!(
            "a result at {cq:?} has QP context {qp_context:#x} and request context {request_context:#x}, which no request has"
        );
        self.report(105, Some(object), what);
        if let Some(id) = owner {
            self.resynchronise(cq.id, id, view);
        }
    }

    /// The request of a QP with a result's contexts that is over already, and how.
    fn over_already(&self, id: u64, view: View) -> Option<(u64, Over, &'static str)> {
        let qp = self.model.qp(id).filter(|qp| qp.args.context == view.base.qp_context)?;
        let with = |over: &&Over| over.context == view.base.request_context;
        let srq = qp.args.srq.and_then(|srq| self.model.srq(srq.id)).map(|srq| &srq.queue);
        [Some(&qp.initiator), Some(&qp.receive), srq].into_iter().flatten().find_map(|queue| {
            let again = queue.done.iter().rev().find(with).map(|over| (id, *over, "has a second result"));
            again.or_else(|| {
                queue.refused.iter().rev().find(with).map(|over| (id, *over, "failed inline and has a result"))
            })
        })
    }

    /// After a result with a wrong context: drops the request that it must have been for, so that one mistake is
    /// reported once.
    fn resynchronise(&mut self, cq: u64, id: u64, view: View) {
        let Some(qp) = self.model.qp_mut(id) else { return };
        let initiates = qp.args.initiator_cq.id == cq && view.is_receive() != Some(true);
        let receives = qp.args.receive_cq.id == cq && view.is_receive() != Some(false);
        let queue = match (initiates && !qp.initiator.posts.is_empty(), receives) {
            (true, false) => &mut qp.initiator,
            (false, true) => &mut qp.receive,
            (true, true) if qp.receive.posts.is_empty() => &mut qp.initiator,
            _ => return,
        };
        if let Some(post) = queue.posts.pop_front() {
            PostQueue::over(&mut queue.done, &post);
        }
    }
}

impl Place {
    const fn of(qp: u64, owner: u64, receive: bool) -> Self {
        Self { qp, owner, receive, index: 0, skipped: 0, typed: false, owed: false, ambiguous: false }
    }
}

/// The best place so far, and one that is as good.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    place: Option<Place>,
    rival: Option<Place>,
}

impl Best {
    fn consider(&mut self, queue: &PostQueue, view: View, at: Place) {
        let Some(here) = best_of(queue, view, at) else { return };
        let class = |place: &Place| (place.typed, place.owed);
        match self.place {
            Some(best) if class(&best) == class(&here) && best.owner == here.owner && best.receive == here.receive => {}
            Some(best) if class(&best) == class(&here) => self.rival = Some(here),
            Some(best) if class(&best) > class(&here) => {}
            _ => *self = Self { place: Some(here), rival: None },
        }
    }
}

/// The best request of one queue.
fn best_of(queue: &PostQueue, view: View, at: Place) -> Option<Place> {
    let success = view.base.status == Status::SUCCESS;
    let mut best: Option<Place> = None;
    let mut skipped = 0;
    for (index, post) in queue.posts.iter().enumerate() {
        if post.context == view.base.request_context {
            let typed = view.extended.is_none_or(|(operation, _)| type_fits(post, operation));
            let owed = !(success && post.is_silent());
            let here = Place { index, skipped, typed, owed, ..at };
            if best.is_none_or(|best| (typed, owed) > (best.typed, best.owed)) {
                best = Some(here);
            }
            if typed && owed {
                break;
            }
        }
        skipped += usize::from(!post.is_silent());
    }
    best
}

/// One past the last entry that differs.
fn last_change<T: PartialEq>(before: &[T], after: &[T]) -> usize {
    before.iter().zip(after).rposition(|(before, after)| before != after).map_or(0, |index| index + 1)
}
