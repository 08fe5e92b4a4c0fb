//! What a node's consumer was told, without times: the same on every backend, if backends do the same.

use crate::report::journal::{Entry, NodeJournal};
use provider::ndk::{Answer, CallKind, Callback, Completion, NdkResult, Status, Upcall, UpcallBody};
use std::collections::BTreeMap;

/// Collects a node's journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    entries: NodeJournal,
    pending: BTreeMap<(Option<Callback>, u64), CallKind>,
}

impl Journal {
    pub(crate) fn entries(&self) -> &NodeJournal {
        &self.entries
    }

    /// A call has returned.
    pub(super) fn returned(&mut self, kind: CallKind, completion: Option<Completion>, answer: &Answer) {
        // How often a consumer looks is a matter of time.
        if matches!(kind, CallKind::GetCqResults | CallKind::GetCqResultsEx | CallKind::ArmCq) {
            return;
        }
        match (answer, completion) {
            (Answer::Returned(returned), Some(completion)) if returned.status == Status::PENDING => {
                self.pending.insert((completion.callback, completion.context), kind);
            }
            (Answer::Returned(returned), _) => self.ended(kind, returned.status),
            // The only call that blocks has one outcome.
            (Answer::Blocks(_), _) => self.ended(kind, Status::SUCCESS),
        }
    }

    /// A callback begins.
    pub(super) fn upcall(&mut self, upcall: &Upcall) {
        let status = match &upcall.body {
            UpcallBody::CreateCompletion { status, .. } | UpcallBody::RequestCompletion { status, .. } => *status,
            UpcallBody::CloseCompletion => Status::SUCCESS,
            _ => return,
        };
        if let Some(kind) = self.pending.remove(&(Some(upcall.callback), upcall.context)) {
            self.ended(kind, status);
        }
    }

    /// A result was taken.
    pub(super) fn result(&mut self, initiator: bool, result: &NdkResult) {
        let queues = self.entries.queue_pairs.entry(result.qp_context).or_default();
        let queue = if initiator { &mut queues.initiator } else { &mut queues.receive };
        // Of an initiator's request the contract promises no length.
        let bytes = if initiator { 0 } else { result.bytes_transferred };
        queue.push(Entry { context: result.request_context, status: result.status.to_string(), bytes });
    }

    fn ended(&mut self, kind: CallKind, status: Status) {
        let statuses = self.entries.calls.entry(kind.name().to_owned()).or_default();
        *statuses.entry(status.to_string()).or_default() += 1;
    }
}
