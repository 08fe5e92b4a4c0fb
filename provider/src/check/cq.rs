//! Completion queues: arms and notifications (R97, R99 to R101, R103), moderation (R23, R110), overrun (R25), closing
//! with results inside (R59).

use super::checker::Checker;
use super::fact::{Args, CallFact};
use super::model::fits;
use super::model::queue::{Arm, Batch};
use crate::ndk::{AdapterFlags, CqNotify, Object, ObjectKind, Status, Upcall};

/// The arm that two arms make: the stronger one.
const fn merged(first: CqNotify, second: CqNotify) -> CqNotify {
    const fn strength(notify: CqNotify) -> u8 {
        match notify {
            CqNotify::ERRORS => 0,
            CqNotify::SOLICITED => 1,
            _ => 2,
        }
    }
    if strength(second) > strength(first) { second } else { first }
}

impl Checker {
    pub(super) fn cq_called(&mut self, fact: &CallFact) {
        let (Args::Moderation { interval_us, count }, Some(object)) = (&fact.args, fact.object) else { return };
        let unsupported = self
            .model
            .info(object.id)
            .is_some_and(|info| !info.flags.contains(AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED));
        let depth = self.model.cq(object.id).map_or(u32::MAX, |cq| cq.depth);
        if unsupported {
            self.report(23, Some(object), format!("{object:?} was moderated; the adapter does not support it"));
        } else if *interval_us == u32::MAX && *count > depth {
            self.report(23, Some(object), format!("{object:?} was moderated without any bound"));
        }
    }

    pub(super) fn cq_armed(&mut self, fact: &CallFact) {
        let (Args::Arm(notify), Some(object)) = (&fact.args, fact.object) else { return };
        let (now, call, notify) = (self.now, fact.number, *notify);
        let lossy = self.feeder_is_closing(object);
        let Some(cq) = self.model.cq_mut(object.id) else { return };
        cq.arm = Some(match cq.arm {
            Some(first) => Arm { notify: merged(first.notify, notify), merged: true, ..first },
            None => {
                // What the last callback was for is judged by the results under its own arm.
                cq.judged = None;
                cq.batch = Batch { lossy, ..Batch::default() };
                Arm { notify, call, since: now, merged: false, taken: None }
            }
        });
    }

    pub(super) fn cq_notified(&mut self, upcall: &Upcall, status: Status) {
        if !self.event_allowed(upcall) {
            return;
        }
        let object = upcall.object;
        let Some(cq) = self.model.cq_mut(object.id) else { return };
        let (arm, running, given) = (cq.arm.take(), cq.running.replace(upcall.token), cq.notification);
        cq.drained_since_callback = false;
        // What an arm of a type that no page lists is good for is open.
        let judged = |arm: &Arm| matches!(arm.notify, CqNotify::ERRORS | CqNotify::SOLICITED);
        cq.judged = arm.filter(|arm| judged(arm) && status == Status::SUCCESS).map(|arm| arm.notify);
        cq.dead |= status != Status::SUCCESS;
        if let Some(token) = running {
            let what = format!("{object:?} notified while upcall {}, its last notification, runs", token.0);
            self.report(99, Some(object), what);
        }
        match arm {
            None => self.report(97, Some(object), format!("{object:?} notified, and was not armed")),
            Some(_) if !fits(given, upcall.callback, upcall.context) => {
                self.report(97, Some(object), format!("{object:?} notified with another callback or context"));
            }
            Some(_) => {}
        }
        match status {
            Status::SUCCESS | Status::INTERNAL_ERROR => {}
            Status::BUFFER_OVERFLOW => self.overrun(object),
            other => self.report(103, Some(object), format!("{object:?} notified with {other}")),
        }
    }

    /// R25: the overrun is the consumer's doing if its queues are deeper than the CQ.
    fn overrun(&mut self, object: Object) {
        if let Some((fed, depth)) = self.fed(object.id).filter(|(fed, depth)| fed > depth) {
            let what = format!("{object:?} of {depth} entries was overrun; queues of {fed} entries complete there");
            self.report(25, Some(object), what);
        }
    }

    /// Entries of all queues that complete at a CQ, and its depth.
    fn fed(&self, cq: u64) -> Option<(u64, u64)> {
        let depth = self.model.cq(cq)?.depth;
        let mut fed = 0;
        for id in &self.model.cq(cq)?.feeders {
            let Some(qp) = self.model.qp(*id).filter(|_| self.model.entry(*id).is_some_and(|e| !e.is_closed())) else {
                continue;
            };
            if qp.args.initiator_cq.id == cq {
                fed += u64::from(qp.args.initiator_depth);
            }
            if qp.args.receive_cq.id == cq {
                fed += u64::from(qp.args.receive_depth);
            }
        }
        Some((fed, u64::from(depth)))
    }

    /// A QP completes at its CQs from now on.
    pub(super) fn qp_created(&mut self, qp: u64, args: &super::fact::QpArgs) {
        for cq in [Some(args.receive_cq), Some(args.initiator_cq)].into_iter().flatten() {
            self.model.relate(cq.id, qp);
            if let Some(state) = self.model.cq_mut(cq.id).filter(|cq| !cq.feeders.contains(&qp)) {
                state.feeders.push(qp);
                if let Some((fed, depth)) = self.fed(cq.id).filter(|(fed, depth)| fed > depth) {
                    let what = format!("queues of {fed} entries complete at {cq:?}, which has {depth}");
                    self.warn(25, Some(cq), what);
                }
            }
        }
        if let Some(srq) = args.srq {
            self.model.relate(srq.id, qp);
        }
    }

    /// Whether a queue pair that completes at a CQ is being closed.
    fn feeder_is_closing(&self, cq: Object) -> bool {
        let feeders = self.model.cq(cq.id).map_or(&[][..], |cq| &cq.feeders);
        feeders.iter().any(|id| self.model.entry(*id).is_some_and(|qp| !qp.is_live() && !qp.is_closed()))
    }

    /// A queue pair begins to close, or is closed: what it has at its CQs may go with it.
    pub(super) fn results_may_be_lost(&mut self, object: Object) {
        let Some(args) = self.model.qp(object.id).map(|qp| qp.args) else { return };
        for cq in [args.receive_cq, args.initiator_cq] {
            if let Some(cq) = self.model.cq_mut(cq.id) {
                cq.batch.lossy = true;
            }
        }
    }

    /// The last poll found the queue empty: what satisfied the last callback has been taken.
    pub(super) fn cq_drained(&mut self, object: Object, fact: &CallFact) {
        let now = self.now;
        let Some(cq) = self.model.cq_mut(object.id) else { return };
        cq.drained = Some((now, fact.number));
        // A callback that was taken but may not have begun yet settles nothing about what is new since.
        if cq.running.is_none() || cq.running == fact.site.inside {
            cq.drained_since_callback = true;
        }
        let (judged, batch) = (cq.judged.take(), cq.batch);
        if batch.is_empty() || batch.errors > 0 || batch.lossy {
            return;
        }
        match judged {
            Some(CqNotify::SOLICITED) if batch.receive_successes == 0 => {
                let what = format!("{object:?}, armed for SOLICITED, notified for successes of its own requests alone");
                self.report(101, Some(object), what);
            }
            Some(CqNotify::ERRORS) => {
                self.report(97, Some(object), format!("{object:?}, armed for errors, notified for successes alone"));
            }
            _ => {}
        }
    }

    pub(super) fn cq_resized(&mut self, fact: &CallFact, status: Status) {
        let (Args::ResizeCq(depth), Some(object)) = (&fact.args, fact.object) else { return };
        if let Some(cq) = self.model.cq_mut(object.id).filter(|_| status == Status::SUCCESS) {
            cq.depth = *depth;
        }
    }

    pub(super) fn moderated(&mut self, fact: &CallFact, status: Status) {
        let (Args::Moderation { interval_us, count }, Some(object)) = (&fact.args, fact.object) else { return };
        let known = self.model.info(object.id).map(|info| info.flags);
        let supported = known.map(|flags| flags.contains(AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED));
        let unbounded = *interval_us == u32::MAX && *count == u32::MAX;
        let right = match status {
            Status::NOT_SUPPORTED => supported != Some(true),
            Status::INSUFFICIENT_RESOURCES => supported != Some(false),
            Status::SUCCESS => supported != Some(false) && !unbounded,
            // The pages know of no lost device.
            Status::INTERNAL_ERROR | Status::DEVICE_REMOVED => true,
            Status::INVALID_PARAMETER_MIX => supported != Some(false) && *interval_us == u32::MAX,
            _ => false,
        };
        if !right && !fact.faulty {
            let what = format!("moderating {object:?} by {interval_us} us and {count} entries returned {status}");
            self.report(110, Some(object), what);
        }
    }

    /// R59: results that nobody will take.
    pub(super) fn cq_closing(&mut self, object: Object) {
        if object.kind != ObjectKind::Cq {
            return;
        }
        let feeders = self.model.cq(object.id).map(|cq| cq.feeders.clone()).unwrap_or_default();
        for id in feeders {
            let Some(entry) = self.model.entry(id).filter(|entry| entry.is_live()) else { continue };
            let (qp, Some(state)) = (entry.object, self.model.qp(id)) else { continue };
            let mut left = 0;
            if state.args.initiator_cq.id == object.id {
                left += state.initiator.posts.iter().filter(|post| !post.is_silent()).count();
            }
            if state.args.receive_cq.id == object.id {
                left += state.receive.posts.len();
            }
            if left > 0 {
                let what =
                    format!("{object:?} was closed; {left} requests of {qp:?}, which is not closed, have no result");
                self.warn(59, Some(object), what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of section 3.8 of the contract, and NET/completion.
    #[test]
    fn arms_merge_to_the_stronger() {
        use CqNotify as N;
        let table = [
            (N::ANY, N::ANY, N::ANY),
            (N::ANY, N::ERRORS, N::ANY),
            (N::ANY, N::SOLICITED, N::ANY),
            (N::ERRORS, N::ANY, N::ANY),
            (N::ERRORS, N::ERRORS, N::ERRORS),
            (N::ERRORS, N::SOLICITED, N::SOLICITED),
            (N::SOLICITED, N::ANY, N::ANY),
            (N::SOLICITED, N::ERRORS, N::SOLICITED),
            (N::SOLICITED, N::SOLICITED, N::SOLICITED),
        ];
        for (first, second, expected) in table {
            assert_eq!(merged(first, second), expected, "{first:?} then {second:?}");
        }
    }
}
