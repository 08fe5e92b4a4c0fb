//! Shared receive queues: R141 to R143.

use super::checker::Checker;
use super::fact::{Args, CallFact};
use super::model::fits;
use super::model::queue::SrqArm;
use crate::ndk::{Status, Upcall};

impl Checker {
    /// A change that pends: its notification may come before its completion.
    pub(super) fn srq_modifying(&mut self, fact: &CallFact) {
        let (&Args::ModifySrq { threshold: 1.., .. }, Some(object)) = (&fact.args, fact.object) else { return };
        if let Some(srq) = self.model.srq_mut(object.id) {
            srq.modifying = true;
            if srq.arm == SrqArm::Disarmed {
                srq.arm = SrqArm::Either;
            }
        }
    }

    pub(super) fn srq_modified(&mut self, fact: &CallFact, status: Status) {
        let (&Args::ModifySrq { depth, threshold }, Some(object)) = (&fact.args, fact.object) else { return };
        let now = self.now;
        let Some(srq) = self.model.srq_mut(object.id) else { return };
        let pended = std::mem::take(&mut srq.modifying);
        if status != Status::SUCCESS {
            return;
        }
        if depth > 0 {
            srq.depth = depth;
        }
        if threshold > 0 {
            srq.threshold = threshold;
            // Notified while the change pended: by the old threshold or by the new one.
            srq.arm = if pended && srq.arm == SrqArm::Disarmed { SrqArm::Either } else { SrqArm::Armed };
            srq.below = None;
        }
        srq.look(now);
    }

    pub(super) fn srq_notified(&mut self, upcall: &Upcall, status: Status) {
        if !self.event_allowed(upcall) {
            return;
        }
        let object = upcall.object;
        let Some(srq) = self.model.srq_mut(object.id) else { return };
        let (arm, given) = (srq.arm, srq.notification);
        srq.below = None;
        match status {
            Status::SUCCESS => srq.arm = SrqArm::Disarmed,
            _ => srq.dead = true,
        }
        if !matches!(status, Status::SUCCESS | Status::INTERNAL_ERROR) {
            self.report(142, Some(object), format!("{object:?} notified with {status}"));
        } else if !fits(given, upcall.callback, upcall.context) {
            self.report(141, Some(object), format!("{object:?} notified with another callback or context"));
        } else if arm == SrqArm::Disarmed && status == Status::SUCCESS {
            self.report(141, Some(object), format!("{object:?} notified, and was not armed"));
        }
    }
}
