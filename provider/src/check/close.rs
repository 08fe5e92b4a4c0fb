//! Closing: R10, R12, R13, R54 (in part), R84 to R90, R94, R95, R143 (in part).

use super::checker::Checker;
use super::fact::CallFact;
use super::history::UpcallKind;
use super::model::{Life, fits};
use crate::ndk::{CallKind, Completion, Object, ObjectKind, Status, Upcall, UpcallToken};

/// The completion of a close that has none: an adapter's.
const NO_COMPLETION: Completion = Completion { callback: None, context: 0 };

impl Checker {
    pub(super) fn close_called(&mut self, fact: &CallFact) {
        let (CallKind::Close | CallKind::CloseAdapter, Some(object)) = (fact.kind, fact.object) else { return };
        let Some(entry) = self.model.entry(object.id) else { return };
        match entry.life {
            Life::Live => {}
            Life::Closing { since, .. } => {
                self.report(10, Some(object), format!("{object:?} was closed again; close was called at {since}"));
                return;
            }
            Life::Closed => {
                self.report(10, Some(object), format!("{object:?} was closed again, after it was closed"));
                return;
            }
        }
        if fact.kind == CallKind::CloseAdapter {
            self.leaks(object);
        } else {
            self.cq_closing(object);
            self.chain_left_deferred(object);
            self.results_may_be_lost(object);
        }
    }

    /// R12, R13, R54: what is still there when the adapter is closed.
    fn leaks(&mut self, adapter: Object) {
        let Some(entry) = self.model.entry(adapter.id) else { return };
        let left: Vec<Object> = entry
            .successors
            .iter()
            .filter_map(|id| self.model.entry(*id))
            .filter(|entry| entry.is_live())
            .map(|entry| entry.object)
            .collect();
        for object in left {
            let offered = self.model.connector(object.id).is_some_and(|connector| connector.offered);
            let what = format!("{adapter:?} is closed, and close was not called for {object:?}");
            self.report(if offered { 54 } else { 12 }, Some(object), what);
            if let Some(entry) = self.model.entry_mut(object.id) {
                entry.leaked = true;
            }
        }
        let mappings = self.model.adapter_mut(adapter.id).map_or(0, |adapter| adapter.mappings.len());
        if mappings > 0 {
            self.report(13, Some(adapter), format!("{adapter:?} is closed with {mappings} mappings not released"));
        }
    }

    /// Closing an adapter began and blocks.
    pub(super) fn adapter_closing(&mut self, fact: &CallFact) {
        self.begin(fact, NO_COMPLETION);
    }

    fn begin(&mut self, fact: &CallFact, completion: Completion) {
        let (since, inside) = (self.now, fact.site.inside);
        if let Some(entry) = fact.object.and_then(|object| self.model.entry_mut(object.id)).filter(|e| e.is_live()) {
            entry.life = Life::Closing { since, completion, inside };
        }
    }

    pub(super) fn close_returned(&mut self, fact: &CallFact, status: Status) {
        let Some(object) = fact.object else { return };
        // A second close changes nothing, whatever the provider makes of it.
        if self.model.entry(object.id).is_none_or(|entry| entry.is_closed())
            || fact.kind == CallKind::Close && self.model.entry(object.id).is_some_and(|entry| !entry.is_live())
        {
            return;
        }
        let pends = status == Status::PENDING && fact.kind == CallKind::Close;
        if status != Status::SUCCESS && !pends {
            // A close that the consumer got wrong may be refused.
            if fact.faulty {
                return;
            }
            self.report(84, Some(object), format!("{} of {object:?} returned {status}", fact.kind.name()));
        }
        self.begin(fact, fact.completion.unwrap_or(NO_COMPLETION));
        // Nobody will hear when a close without a completion ends, so nothing more is said of the object.
        let unheard = pends && fact.completion.is_some_and(|completion| completion.callback.is_none());
        if !pends || unheard {
            if !unheard {
                self.judge_closed(object, fact.site.inside);
            }
            self.model.close(object.id);
            self.model.release(object.id);
        }
    }

    pub(super) fn close_completed(&mut self, upcall: &Upcall) {
        let Some(entry) = self.model.entry_mut(upcall.object.id) else {
            self.report(88, Some(upcall.object), "a close completion was called for what is no object".into());
            return;
        };
        let object = entry.object;
        let Life::Closing { completion, inside, .. } = entry.life else {
            let why = if entry.is_live() { "its close was not called" } else { "its close is over" };
            self.report(85, Some(object), format!("the close completion of {object:?} was called, and {why}"));
            return;
        };
        if !fits(completion, upcall.callback, upcall.context) {
            let what = format!("the close completion of {object:?} was called with another callback or context");
            self.report(85, Some(object), what);
        }
        self.judge_closed(object, inside);
        self.model.close(object.id);
        if let Some(entry) = self.model.entry_mut(object.id) {
            entry.events.push(upcall.token);
        }
    }

    /// Whether a close may complete now.
    fn judge_closed(&mut self, object: Object, inside: Option<UpcallToken>) {
        self.results_may_be_lost(object);
        let Some(entry) = self.model.entry(object.id) else { return };
        let requests: Vec<_> =
            entry.requests.iter().map(|request| (request.fact.number, request.fact.kind, request.running)).collect();
        let events = entry.events.clone();
        let successors = entry.successors.clone();
        for (number, kind, running) in requests {
            let function = kind.name();
            if running.is_some() && running == inside && object.kind != ObjectKind::Adapter {
                let what =
                    format!("the close of {object:?} completed inside the completion of call {number}, {function}");
                self.report(95, Some(object), what);
            } else {
                let state = if running.is_some() { "whose completion still runs" } else { "which still pends" };
                let what = format!("the close of {object:?} completed before call {number}, {function}, {state}");
                self.report(86, Some(object), what);
            }
        }
        for token in events {
            let kind = self.model.running.get(&token).map_or(UpcallKind::CallReturns, |running| running.kind);
            let rule = if kind == UpcallKind::SrqNotification { 143 } else { 87 };
            let what = format!("the close of {object:?} completed while upcall {} runs: {}", token.0, kind.name());
            self.report(rule, Some(object), what);
        }
        for id in successors {
            self.judge_successor(object, id);
        }
    }

    fn judge_successor(&mut self, object: Object, id: u64) {
        let Some(successor) = self.model.entry(id) else { return };
        let other = successor.object;
        let callbacks: Vec<UpcallToken> = successor.events.clone();
        if !successor.is_closed() {
            self.report(89, Some(object), format!("the close of {object:?} completed while {other:?} exists"));
        } else if object.kind == ObjectKind::Adapter {
            let what = format!("the close of {object:?} returned while the close completion of {other:?} runs");
            self.report(94, Some(object), what);
        } else {
            let what = format!("the close of {object:?} completed while the close completion of {other:?} runs");
            self.report(90, Some(object), what);
        }
        if object.kind == ObjectKind::Adapter
            && !callbacks.is_empty()
            && self.model.entry(id).is_some_and(|e| !e.is_closed())
        {
            let what = format!("the close of {object:?} returned while a callback of {other:?} runs");
            self.report(94, Some(object), what);
        }
    }

    /// R88, R143: whether an event may still be called for its object. Notes that it runs.
    pub(super) fn event_allowed(&mut self, upcall: &Upcall) -> bool {
        let kind = UpcallKind::of(&upcall.body);
        let Some(entry) = self.model.entry_mut(upcall.object.id) else {
            self.report(88, Some(upcall.object), format!("a {} was called for what is no object", kind.name()));
            return false;
        };
        let object = entry.object;
        if entry.is_closed() {
            let rule = if kind == UpcallKind::SrqNotification { 143 } else { 88 };
            self.report(rule, Some(object), format!("a {} was called for {object:?} after its close", kind.name()));
            return false;
        }
        entry.events.push(upcall.token);
        true
    }
}
