//! Queue pairs: create, flush, and whether they can be posted to.

use super::Engine;
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::ledger::Ledger;
use super::lifetime::ObjectId;
use super::objects::Body;
use super::policy::{Policy, PostAfterEnd};
use super::post::Initiated;
use crate::backend::{Backend, Command, QpId};
use crate::ndk::{CallKind, CallSite, Completion, Object, ObjectKind, Status};

/// The parameters of a create.
#[derive(Debug)]
pub(super) struct QpWanted {
    pub(super) pd: Object,
    pub(super) receive_cq: Object,
    pub(super) initiator_cq: Object,
    pub(super) srq: Option<Object>,
    pub(super) context: u64,
    /// Depth and list entries of an own receive queue.
    pub(super) receive: Option<(u32, u32)>,
    /// Depth, list entries and inline bytes of the initiator queue.
    pub(super) send: (u32, u32, u32),
}

/// What a queue pair was asked to be.
#[derive(Clone, Debug)]
pub(super) struct QpSpec {
    receive_cq: ObjectId,
    initiator_cq: ObjectId,
    pub(super) srq: Option<ObjectId>,
    pub(super) context: u64,
    receive_depth: u32,
    initiator_depth: u32,
    pub(super) max_receive_sge: u32,
    pub(super) max_initiator_sge: u32,
    pub(super) inline_bytes: u32,
}

impl QpSpec {
    /// Where receives and where all else completes.
    pub(super) fn cqs(&self) -> (ObjectId, ObjectId) {
        (self.receive_cq, self.initiator_cq)
    }

    pub(super) fn uses_cq(&self, cq: ObjectId) -> bool {
        self.receive_cq == cq || self.initiator_cq == cq
    }
}

/// A queue pair's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Never connected, or the attempt failed.
    None,
    /// A connector has it.
    Connecting,
    /// Initiator requests may be posted.
    Ready,
    /// Flushed, in error, or left by the peer.
    Broken,
    /// The consumer's own disconnect has ended.
    Disconnected,
}

/// A queue pair.
#[derive(Clone, Debug)]
pub(super) struct Qp {
    id: QpId,
    spec: QpSpec,
    pub(super) link: Link,
    pub(super) sends: Ledger<Initiated>,
    /// Request contexts.
    pub(super) receives: Ledger<u64>,
    /// Something was posted that the device was not told of.
    pub(super) deferred: bool,
    /// The consumer ended it: what the device reports of it from now on is a consequence.
    pub(super) ended_here: bool,
}

impl Qp {
    pub(super) fn new(id: QpId, spec: QpSpec) -> Self {
        let (sends, receives) = (Ledger::new(spec.initiator_depth), Ledger::new(spec.receive_depth));
        Self { id, spec, link: Link::None, sends, receives, deferred: false, ended_here: false }
    }

    pub(super) fn id(&self) -> QpId {
        self.id
    }

    pub(super) fn spec(&self) -> &QpSpec {
        &self.spec
    }

    /// An error, a flush or the peer ended the connection.
    pub(super) fn break_off(&mut self) {
        if self.link == Link::Ready {
            self.link = Link::Broken;
        }
    }

    /// Whether a request may be posted.
    pub(super) fn check_post(&self, receive: bool, policy: &Policy) -> Result<(), Status> {
        let accepted = match self.link {
            Link::None | Link::Connecting => receive,
            Link::Ready => true,
            Link::Broken => policy.post_after_end == PostAfterEnd::Flushed,
            Link::Disconnected => policy.post_after_disconnect == PostAfterEnd::Flushed,
        };
        if accepted { Ok(()) } else { Err(Status::CONNECTION_INVALID) }
    }
}

impl<B: Backend> Engine<B> {
    pub(super) fn create_qp(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        wanted: QpWanted,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(wanted.pd, ObjectKind::Pd)?;
        let receive_cq = self.live_beside(wanted.receive_cq, ObjectKind::Cq, parent)?;
        let initiator_cq = self.live_beside(wanted.initiator_cq, ObjectKind::Cq, parent)?;
        let srq = wanted.srq.map(|srq| self.live_beside(srq, ObjectKind::Srq, parent)).transpose()?;
        let (receive_depth, max_receive_sge) = wanted.receive.unwrap_or((0, 0));
        let (initiator_depth, max_initiator_sge, inline_bytes) = wanted.send;
        let device = self.backend.capabilities();
        if receive_depth > device.max_receive_depth
            || initiator_depth > device.max_send_depth
            || max_receive_sge > device.max_receive_sge
            || max_initiator_sge > device.max_send_sge
            || inline_bytes > device.max_inline_bytes
        {
            return Err(Status::INVALID_PARAMETER);
        }
        // The device's own lists and queues have room for one at least; the consumer is held to what it asked for.
        let command = Command::CreateQp {
            pd: *self.objects.pd(parent),
            send_cq: self.objects.cq(initiator_cq).id(),
            receive_cq: self.objects.cq(receive_cq).id(),
            srq: srq.map(|srq| self.objects.srq(srq).id()),
            send_depth: initiator_depth.max(1),
            receive_depth: if srq.is_some() { 0 } else { receive_depth.max(1) },
            max_send_sge: max_initiator_sge.max(1),
            max_receive_sge: max_receive_sge.max(1),
            max_inline_bytes: inline_bytes,
        };
        let spec = QpSpec {
            receive_cq,
            initiator_cq,
            srq,
            context: wanted.context,
            receive_depth,
            initiator_depth,
            max_receive_sge,
            max_initiator_sge,
            inline_bytes,
        };
        let kind = if srq.is_some() { CallKind::CreateQpWithSrq } else { CallKind::CreateQp };
        let others = [receive_cq, initiator_cq].into_iter().chain(srq).collect();
        self.create(host, site, Creation { kind, parent, others, draft: Draft::Qp(spec), completion }, Some(command))
    }

    /// `NdkFlush`.
    pub(super) fn flush(&mut self, host: &mut B::Host, qp: Object) {
        let Ok(id) = self.live(qp, ObjectKind::Qp) else { return };
        self.kick(host, id);
        let qp = self.objects.qp_mut(id);
        qp.ended_here = true;
        qp.break_off();
        let command = Command::FlushQp(qp.id);
        self.run_detached(host, command);
    }

    /// Tells the device of what was deferred.
    pub(super) fn kick(&mut self, host: &mut B::Host, id: ObjectId) {
        let qp = self.objects.qp_mut(id);
        if std::mem::take(&mut qp.deferred) {
            self.backend.ring(host, qp.id);
        }
    }

    /// What a dead completion or receive queue does to the queue pairs that use it.
    pub(super) fn break_qps(&mut self, which: impl Fn(&Qp) -> bool) {
        let broken: Vec<ObjectId> = self
            .objects
            .iter()
            .filter_map(|(id, entry)| matches!(&entry.body, Body::Qp(qp) if which(qp)).then_some(id))
            .collect();
        for id in broken {
            self.objects.qp_mut(id).break_off();
        }
    }
}
