//! What the consumer must serialise: R9, R23 (in part), R32, R33.
//!
//! A call executes while callbacks run inside it, and for [`Settings::call_duration`](super::Settings::call_duration).
//! A call made from such a callback is part of it and not concurrent with it.

use super::checker::Checker;
use super::fact::CallFact;
use super::model::Executing;
use super::model::queue::Lane;
use crate::ndk::{CallKind, CallSite};
use des::Dur;

/// What two calls may not do at the same time.
fn conflict(kind: CallKind, other: CallKind) -> Option<u8> {
    let polls = |kind| matches!(kind, CallKind::GetCqResults | CallKind::GetCqResultsEx | CallKind::ArmCq);
    let initiates = |kind: CallKind| kind.is_post() && !matches!(kind, CallKind::Receive | CallKind::SrqReceive);
    match (kind, other) {
        (CallKind::Close, _) => Some(9),
        (CallKind::ControlCqInterruptModeration, CallKind::ControlCqInterruptModeration) => Some(23),
        (CallKind::Receive, CallKind::Receive) | (CallKind::SrqReceive, CallKind::SrqReceive) => Some(32),
        _ if polls(kind) && polls(other) => Some(33),
        _ if initiates(kind) && initiates(other) => Some(32),
        _ => None,
    }
}

impl Checker {
    pub(super) fn concurrency(&mut self, fact: &CallFact) {
        let Some(object) = fact.object else { return };
        let mut found: Option<(u8, u64, CallKind)> = None;
        for other in self.model.executing.iter().filter(|other| other.object == Some(object.id)) {
            let Executing { number, kind, ref upcalls, .. } = *other;
            if !self.model.nested(fact.site.inside, upcalls)
                && let Some(rule) = conflict(fact.kind, kind)
            {
                found = Some((rule, number, kind));
            }
        }
        if found.is_none() && self.settings.call_duration > Dur::ZERO {
            found = self.overlap(fact, object.id);
        }
        if let Some((rule, number, kind)) = found {
            let (function, other) = (fact.kind.name(), kind.name());
            let what = format!("{function} was called on {object:?} while call {number}, {other}, executes on it");
            self.report(rule, Some(object), what);
        }
    }

    /// Whether a call of another processor, on the same queue, executes at the same time.
    fn overlap(&mut self, fact: &CallFact, object: u64) -> Option<(u8, u64, CallKind)> {
        let CallSite { now, processor, inside, .. } = fact.site;
        let end = now + self.settings.call_duration;
        // The one call that a close may come in the middle of is the one whose completion it is made from.
        let completed = inside.and_then(|token| self.model.running.get(&token)).and_then(|running| running.completes);
        let busy =
            |lane: &mut Lane| lane.occupy(now, end, processor, fact.number).filter(|call| Some(*call) != completed);
        let any = busy(&mut self.model.entry_mut(object)?.lane);
        let (rule, call) = match fact.kind {
            CallKind::Close => (9, any),
            CallKind::GetCqResults | CallKind::GetCqResultsEx | CallKind::ArmCq => {
                (33, busy(&mut self.model.cq_mut(object)?.lane))
            }
            CallKind::ControlCqInterruptModeration => (23, busy(&mut self.model.cq_mut(object)?.moderation_lane)),
            kind if kind.is_post() => (32, busy(&mut self.model.post_queue_mut(object, kind)?.lane)),
            _ => return None,
        };
        call.map(|call| (rule, call, fact.kind))
    }
}
