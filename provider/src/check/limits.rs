//! Limits that the adapter reports: R18 to R22, R24, R81, R82.
//!
//! They are known once the consumer has asked for them; before, nothing is judged.

use super::checker::Checker;
use super::fact::{Args, CallFact};
use crate::ndk::{AdapterFlags, AdapterInfo, Call, CallKind, Out, Status};

/// A value above its limit.
struct Excess {
    rule: u8,
    what: &'static str,
    asked: u32,
    limit: u32,
}

/// The first value of a call that is above its limit.
fn excess(args: &Args, info: &AdapterInfo) -> Option<Excess> {
    const NONE: (u8, &str, u32, u32) = (0, "", 0, 0);
    let table = match *args {
        Args::CreateCq { depth, .. } | Args::ResizeCq(depth) => {
            [(18, "depth", depth, info.max_cq_depth), NONE, NONE, NONE, NONE]
        }
        Args::CreateQp(qp) => [
            (19, "receive depth", qp.receive_depth, info.max_receive_queue_depth),
            (19, "initiator depth", qp.initiator_depth, info.max_initiator_queue_depth),
            (19, "receive list length", qp.max_receive_sge, info.max_receive_request_sge),
            (19, "initiator list length", qp.max_initiator_sge, info.max_initiator_request_sge),
            (19, "inline size", qp.inline_bytes, info.max_inline_data_bytes),
        ],
        Args::CreateSrq(_) if info.max_srq_depth == 0 => [(21, "depth", 1, 0), NONE, NONE, NONE, NONE],
        Args::CreateSrq(srq) => [
            (20, "depth", srq.depth, info.max_srq_depth),
            (20, "list length", srq.max_sge, info.max_receive_request_sge),
            NONE,
            NONE,
            NONE,
        ],
        Args::ModifySrq { depth, .. } => [(20, "depth", depth, info.max_srq_depth), NONE, NONE, NONE, NONE],
        _ => return None,
    };
    let found = table.iter().find(|(.., asked, limit)| asked > limit)?;
    Some(Excess { rule: found.0, what: found.1, asked: found.2, limit: found.3 })
}

/// Whether all values could have no better chance: none is zero, which no page speaks of.
fn plain(args: &Args) -> bool {
    match *args {
        Args::CreateCq { depth, .. } | Args::ResizeCq(depth) => depth > 0,
        Args::CreateQp(qp) => {
            let shared = qp.srq.is_some();
            qp.initiator_depth > 0
                && qp.max_initiator_sge > 0
                && (shared || qp.receive_depth > 0 && qp.max_receive_sge > 0)
        }
        Args::CreateSrq(srq) => srq.depth > 0 && srq.max_sge > 0 && srq.threshold <= srq.depth,
        _ => false,
    }
}

impl Checker {
    pub(super) fn limits_asked(&mut self, fact: &CallFact, call: &Call<'_>) {
        let Some(object) = fact.object else { return };
        let Some(info) = self.model.info(object.id) else { return };
        let function = fact.kind.name();
        let data = match (private_bytes(call), fact.kind) {
            (bytes, CallKind::Connect | CallKind::ConnectWithSharedEndpoint) => (bytes, info.max_caller_data_bytes),
            (bytes, _) => (bytes, info.max_callee_data_bytes),
        };
        let no_resize = !info.flags.contains(AdapterFlags::CQ_RESIZE_SUPPORTED);
        let found = excess(&fact.args, info);
        if fact.kind == CallKind::ResizeCq && no_resize {
            self.report(22, Some(object), format!("{function} was called; the adapter does not support it"));
        }
        if let Some(Excess { rule, what, asked, limit }) = found {
            self.report(rule, Some(object), format!("{function} was asked for {what} {asked}, the limit is {limit}"));
        }
        if data.0 > data.1 as usize {
            let (bytes, limit) = data;
            self.report(
                24,
                Some(object),
                format!("{function} was given {bytes} bytes of private data, the limit is {limit}"),
            );
        }
    }

    /// R81, R82: what became of a call, inline or by completion.
    pub(super) fn limits_answered(&mut self, fact: &CallFact, status: Status) {
        let Some(object) = fact.object else { return };
        let Some(info) = self.model.info(object.id) else { return };
        let function = fact.kind.name();
        if let Some(Excess { what, asked, limit, .. }) = excess(&fact.args, info) {
            if status == Status::SUCCESS {
                self.report(81, Some(object), format!("{function} granted {what} {asked}, the limit is {limit}"));
            }
        } else if status == Status::INVALID_PARAMETER && plain(&fact.args) && !fact.faulty {
            self.report(81, Some(object), format!("{function} refused values within the limits with {status}"));
        }
        if let Args::InitializeFast { pages: 1.., .. } = fact.args
            && status == Status::IMPLEMENTATION_LIMIT
        {
            let Some(info) = self.model.info(object.id) else { return };
            let (promised, Args::InitializeFast { pages, .. }) = (info.frmr_page_count, &fact.args) else { return };
            if *pages <= promised {
                let what = format!("{function} refused {pages} pages; the adapter reports {promised}");
                self.report(82, Some(object), what);
            }
        }
    }

    pub(super) fn info_queried(&mut self, fact: &CallFact, status: Status, out: &Out) {
        let (&Args::Buffer(buffer), Some(object)) = (&fact.args, fact.object) else { return };
        if let Out::Info(info) = out
            && let Some(adapter) = self.model.adapter_mut(object.id)
        {
            adapter.info = Some((**info).clone());
        }
        self.needed(fact, 0, buffer, status, out);
    }
}

/// Bytes of private data that a call passes.
const fn private_bytes(call: &Call<'_>) -> usize {
    match call {
        Call::Connect { params, .. } | Call::ConnectWithSharedEndpoint { params, .. } | Call::Accept { params, .. } => {
            params.private_data.len()
        }
        Call::Reject { private_data, .. } => private_data.len(),
        _ => 0,
    }
}
