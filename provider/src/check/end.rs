//! What is missing or left over when the run ends: R12, R13, R17, R48, R54, R68, R72, R85, R91, R98, R100, R106, R112 to
//! R114, R135, R141.

use super::checker::Checker;
use super::create::is_create;
use super::fact::Post;
use super::model::Life;
use super::request::waits_for_peer;
use crate::ndk::{CqNotify, Object, ObjectKind};
use des::{Dur, Time};

impl Checker {
    /// Ends the run at `now`. What should have come, and has been due for longer than the watchdog's time, is reported.
    pub fn finish(&mut self, now: Time) {
        self.stepped(now);
        self.judge_end(self.settings.watchdog);
    }

    /// Ends a run in which nothing more can happen: what has not come will not come, however young it is.
    pub(super) fn finish_quiescent(&mut self, now: Time) {
        self.stepped(now);
        self.quiescent = true;
        self.judge_end(Dur::ZERO);
    }

    fn judge_end(&mut self, patience: Dur) {
        self.nowhere();
        let ids: Vec<u64> = self.model.objects.keys().copied().collect();
        for id in ids {
            let Some(entry) = self.model.entry(id).filter(|entry| !entry.is_closed()) else { continue };
            let (object, life) = (entry.object, entry.life);
            match life {
                Life::Live => {
                    self.requests_missing(object, patience);
                    self.left_over(object);
                }
                Life::Closing { since, .. } => self.close_missing(object, since, patience),
                Life::Closed => {}
            }
            match object.kind {
                ObjectKind::Cq => self.notification_missing(object, patience),
                ObjectKind::Qp => self.results_missing(object, patience),
                ObjectKind::Srq => self.low_water_missing(object, patience),
                _ => {}
            }
        }
        self.callbacks_stuck(patience);
    }

    /// Whether something that was due at `since` is overdue.
    fn overdue(&self, since: Time, patience: Dur) -> bool {
        self.quiescent || self.now.since(since) > patience
    }

    fn requests_missing(&mut self, object: Object, patience: Dur) {
        let Some(entry) = self.model.entry(object.id) else { return };
        let pending: Vec<_> = entry
            .requests
            .iter()
            .filter(|request| request.running.is_none())
            .map(|request| (request.fact.number, request.fact.kind, request.fact.site.now))
            .collect();
        for (number, kind, since) in pending {
            if !self.overdue(since, patience) {
                continue;
            }
            let what = format!("call {number}, {}, has pended since {since} and was not completed", kind.name());
            let rule = if is_create(kind) { 68 } else { 72 };
            // The peer may be what is silent.
            if waits_for_peer(kind) {
                self.warn(rule, Some(object), what)
            } else {
                self.report(rule, Some(object), what)
            }
        }
    }

    /// R12, R13, R54: an object that nobody closed.
    fn left_over(&mut self, object: Object) {
        if self.model.entry(object.id).is_some_and(|entry| entry.leaked) {
            return;
        }
        let offered = self.model.connector(object.id).is_some_and(|connector| connector.offered);
        let (rule, what) = (if offered { 54 } else { 12 }, format!("{object:?} was never closed"));
        // A run that is cut short leaves behind what its consumers may have meant to close.
        if self.quiescent {
            self.report(rule, Some(object), what)
        } else {
            self.warn(rule, Some(object), what)
        }
        let mappings = self.model.adapter_mut(object.id).map_or(0, |adapter| adapter.mappings.len());
        if mappings > 0 {
            self.report(13, Some(object), format!("{mappings} mappings of {object:?} were never released"));
        }
        if let Some((call, _)) = self.open_chain(object.id) {
            self.report(48, Some(object), format!("the chain of {object:?} ends with call {call}, which is deferred"));
        }
    }

    /// R85, R91: a close that did not end. The consumer's own callbacks, and objects that it keeps, excuse it.
    fn close_missing(&mut self, object: Object, since: Time, patience: Dur) {
        let Some(entry) = self.model.entry(object.id) else { return };
        let held = entry.successors.iter().any(|id| self.model.entry(*id).is_some_and(|entry| !entry.is_closed()))
            || entry.requests.iter().any(|request| request.running.is_some())
            || entry.events.iter().any(|token| self.model.running.contains_key(token))
            || entry.successors.iter().any(|id| self.model.entry(*id).is_some_and(|entry| !entry.events.is_empty()))
            || self.model.may_be_held(object.id);
        if held || !self.overdue(since, patience) {
            return;
        }
        let pending = entry.requests.iter().map(|request| (request.fact.number, request.fact.kind)).next();
        match pending {
            Some((number, kind)) => {
                let what =
                    format!("the close of {object:?} waits for call {number}, {}, which still pends", kind.name());
                self.report(91, Some(object), what);
            }
            None => self.report(85, Some(object), format!("the close of {object:?} did not complete")),
        }
    }

    /// R98, R100: an arm that nothing satisfied, although results came under it.
    fn notification_missing(&mut self, object: Object, patience: Dur) {
        let Some(cq) = self.model.cq(object.id) else { return };
        let Some((arm, (since, by_checker))) = cq.arm.and_then(|arm| Some((arm, arm.taken?))) else { return };
        if arm.notify != CqNotify::ANY || cq.running.is_some() || cq.dead || !self.overdue(since, patience) {
            return;
        }
        let (rule, how) = if arm.merged { (100, "armed twice, once for ANY,") } else { (98, "armed for ANY") };
        let what = format!("{object:?}, {how} by call {} at {}, had results and did not notify", arm.call, arm.since);
        // Where the consumer took the results itself, a callback for nothing may have been suppressed.
        if by_checker { self.report(rule, Some(object), what) } else { self.warn(rule, Some(object), what) }
    }

    /// R106, R112 to R114, R135: requests without a result, at CQs that were seen empty long enough after.
    fn results_missing(&mut self, object: Object, patience: Dur) {
        let Some(qp) = self.model.qp(object.id) else { return };
        let empty = |cq: Object| {
            let drained = self.model.cq(cq.id).and_then(|cq| cq.drained);
            move |since: Time, call: u64, patience: Dur, now_counts: bool| {
                drained.is_some_and(|(at, number)| number > call && (now_counts || at.since(since) > patience))
            }
        };
        let (initiator_empty, receive_empty) = (empty(qp.args.initiator_cq), empty(qp.args.receive_cq));
        let quiescent = self.quiescent;
        let ended = qp.disconnected.or(qp.flushed);
        let due = |post: &Post| {
            let (since, call) = match ended.filter(|(end, _)| *end > post.call) {
                Some((call, at)) => (at, call),
                None => (post.time, post.call),
            };
            (since, call)
        };
        let mut missing: Vec<(u8, u64, &'static str)> = Vec::new();
        for post in qp.initiator.posts.iter().filter(|post| !post.is_silent() && !qp.initiator.ambiguous) {
            let (since, call) = due(post);
            if initiator_empty(since, call, patience, quiescent)
                && let Some(rule) = self.why_missing(object.id, post)
            {
                missing.push((rule, post.call, post.kind.name()));
            }
        }
        for post in qp.receive.posts.iter().filter(|_| !qp.receive.ambiguous) {
            let (since, call) = due(post);
            let rule = self.why_missing(object.id, post).filter(|rule| *rule != 106);
            if receive_empty(since, call, patience, quiescent)
                && let Some(rule) = rule
            {
                missing.push((rule, post.call, post.kind.name()));
            }
        }
        for (rule, call, function) in missing {
            self.report(rule, Some(object), format!("call {call}, {function}, has no result"));
        }
    }

    /// Which rule a request without a result breaks; none if it may still wait.
    fn why_missing(&self, qp: u64, post: &Post) -> Option<u8> {
        let qp = self.model.qp(qp)?;
        if qp.flushed.is_some_and(|(call, _)| call > post.call) {
            return Some(112);
        }
        if qp.disconnected.is_some_and(|(call, _)| call > post.call) {
            return Some(135);
        }
        if post.is_receive() || !post.is_deferred() {
            return Some(106);
        }
        let refused = qp.initiator.last_refusal.is_some_and(|refusal| refusal > post.call);
        let kicked = qp.initiator.posts.iter().any(|later| later.call > post.call && !later.is_deferred());
        let last = qp.initiator.last.is_some_and(|(call, _, deferred)| call > post.call && !deferred);
        if kicked || last {
            Some(114)
        } else if refused {
            Some(113)
        } else {
            None
        }
    }

    fn low_water_missing(&mut self, object: Object, patience: Dur) {
        let Some(srq) = self.model.srq(object.id) else { return };
        let Some(since) = srq.below.filter(|_| srq.notification.callback.is_some() && !srq.dead) else { return };
        if self.overdue(since, patience) {
            let (queued, threshold) = (srq.queue.posts.len(), srq.threshold);
            let what = format!("{object:?} has at most {queued} receives, fewer than {threshold}, and did not notify");
            self.report(141, Some(object), what);
        }
    }

    /// R17: callbacks that never returned.
    fn callbacks_stuck(&mut self, patience: Dur) {
        let stuck: Vec<_> = self
            .model
            .running
            .iter()
            .filter(|(_, running)| running.kind != super::history::UpcallKind::CallReturns)
            .map(|(token, running)| (*token, *running))
            .filter(|(_, running)| self.overdue(running.since, patience))
            .collect();
        for (token, running) in stuck {
            let object = self.model.object(running.object);
            let what = format!("upcall {}, {}, has not returned since {}", token.0, running.kind.name(), running.since);
            self.report(17, object, what);
        }
    }
}
