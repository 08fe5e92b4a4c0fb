//! Levels and callbacks that calls are made from: R4, R11.

use super::checker::Checker;
use super::fact::CallFact;
use crate::ndk::{CallKind, Irql};

impl Checker {
    pub(super) fn level(&mut self, fact: &CallFact) {
        let function = fact.kind.name();
        let passive = matches!(fact.kind, CallKind::OpenAdapter | CallKind::CloseAdapter | CallKind::QueryAdapterInfo);
        if passive && fact.site.level != Irql::Passive {
            self.report(4, fact.object, format!("{function} was called at DISPATCH level"));
        }
        if let (CallKind::CloseAdapter, Some(token)) = (fact.kind, fact.site.inside) {
            let callback = self.model.running.get(&token).map_or("a callback", |running| running.kind.name());
            self.report(11, fact.object, format!("{function} was called from inside upcall {}: {callback}", token.0));
        }
    }
}
