//! Shared receive queues (section 3.11 of the NDKPI reference).

use super::Engine;
use super::close::Step;
use super::cq::preferred_processor;
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::lifetime::ObjectId;
use super::policy::SrqStart;
use super::requests::{Progress, Request, Work};
use crate::backend::{Backend, Command, CommandOutput, CommandResult, SrqId};
use crate::ndk::{Affinity, CallKind, CallSite, Completion, Object, ObjectKind, Sge, Status, UpcallBody};
use std::collections::BTreeMap;

/// The parameters of a create.
#[derive(Debug)]
pub(super) struct SrqWanted {
    pub(super) depth: u32,
    pub(super) max_receive_sge: u32,
    pub(super) notify_threshold: u32,
    pub(super) notification: Completion,
    pub(super) affinity: Option<Affinity>,
}

/// What a queue was asked to be.
#[derive(Clone, Debug)]
pub(super) struct SrqSpec {
    depth: u32,
    max_sge: u32,
    threshold: u32,
    notification: Completion,
    processor: Option<u8>,
}

/// Whether a fall below the threshold is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Armed {
    No,
    /// Once it was filled up to the threshold.
    WhenFilled,
    Yes,
}

/// A shared receive queue.
#[derive(Clone, Debug)]
pub(super) struct Srq {
    id: SrqId,
    spec: SrqSpec,
    /// Entries that the device's queue has room for.
    made_for: u32,
    armed: Armed,
    /// Request contexts of what is posted and has no result taken yet.
    outstanding: BTreeMap<u64, u64>,
    next_id: u64,
}

impl Srq {
    pub(super) fn new(id: SrqId, spec: SrqSpec) -> Self {
        let (made_for, outstanding) = (spec.depth, BTreeMap::new());
        Self { id, spec, made_for, armed: Armed::No, outstanding, next_id: 0 }
    }

    pub(super) fn id(&self) -> SrqId {
        self.id
    }

    pub(super) fn context(&self, id: u64) -> Option<u64> {
        self.outstanding.get(&id).copied()
    }

    /// The result of a receive was taken.
    pub(super) fn taken(&mut self, id: u64) {
        self.outstanding.remove(&id);
    }

    /// Whether certainly fewer receives are queued than `threshold`. Those whose results wait count as queued here; the
    /// device knows better and is asked where this says no.
    fn is_below(&self, threshold: u32) -> bool {
        self.outstanding.len() < threshold as usize
    }

    /// What the device must be asked to watch. Certainly below already: nothing.
    fn limit_to_ask(&self, threshold: u32) -> Option<Step> {
        (threshold > 0 && !self.is_below(threshold)).then_some(Step::SetSrqLimit(self.id, threshold))
    }
}

impl<B: Backend> Engine<B> {
    pub(super) fn create_srq(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        pd: Object,
        wanted: SrqWanted,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(pd, ObjectKind::Pd)?;
        let SrqWanted { depth, max_receive_sge: max_sge, notify_threshold: threshold, notification, affinity } = wanted;
        let device = self.backend.capabilities();
        if depth == 0 || depth > device.max_srq_depth || max_sge > device.max_receive_sge {
            return Err(Status::INVALID_PARAMETER);
        }
        let processor = preferred_processor(affinity);
        let draft = Draft::Srq(SrqSpec { depth, max_sge, threshold, notification, processor });
        let creation = Creation { kind: CallKind::CreateSrq, parent, others: vec![], draft, completion };
        let command = Command::CreateSrq { pd: *self.objects.pd(parent), depth, max_sge: max_sge.max(1) };
        self.create(host, site, creation, Some(command))
    }

    /// What a queue does that was created with a threshold.
    pub(super) fn start_srq(&mut self, host: &mut B::Host, id: ObjectId) {
        let srq = self.objects.srq_mut(id);
        let limit = srq.spec.threshold;
        srq.armed = match self.config.policy.srq_start {
            _ if limit == 0 => Armed::No,
            SrqStart::NeedsModify => Armed::No,
            SrqStart::WhenFilled => Armed::WhenFilled,
            SrqStart::AtOnce => Armed::Yes,
        };
        if srq.armed == Armed::Yes {
            self.set_limit(host, id, limit);
        }
    }

    /// `wanted`: depth and threshold, zero to keep them.
    pub(super) fn modify_srq(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        srq: Object,
        wanted: (u32, u32),
        completion: Completion,
    ) -> Returned {
        let owner = self.live(srq, ObjectKind::Srq)?;
        let (depth, threshold) = wanted;
        let srq = self.objects.srq(owner);
        if depth > self.backend.capabilities().max_srq_depth {
            return Err(Status::INVALID_PARAMETER);
        }
        let grows = depth > srq.made_for;
        if grows && !self.backend.capabilities().resize_srq {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        if depth > 0 && srq.outstanding.len() > depth as usize {
            return Err(self.config.policy.does_not_fit);
        }
        let (work, command) = if grows {
            (Work::GrowSrq { depth, threshold }, Some(Command::ResizeSrq { srq: srq.id, depth }))
        } else {
            (Work::ModifySrq { depth, threshold }, srq.limit_to_ask(threshold).map(Step::command))
        };
        Ok(self.start(host, site, Request { owner, kind: CallKind::ModifySrq, completion, work }, command))
    }

    /// The device has made room, or has not.
    pub(super) fn srq_grown(&mut self, id: ObjectId, depth: u32, threshold: u32, result: CommandResult) -> Progress {
        if let Err(status) = result {
            return Progress::Ended(Err(status));
        }
        let srq = self.objects.srq_mut(id);
        srq.made_for = srq.made_for.max(depth);
        match srq.limit_to_ask(threshold) {
            Some(step) => Progress::Next(Work::ModifySrq { depth, threshold }, step),
            None => self.modify_srq_done(id, depth, threshold, Ok(CommandOutput::Done)).into(),
        }
    }

    pub(super) fn modify_srq_done(
        &mut self,
        id: ObjectId,
        depth: u32,
        threshold: u32,
        result: CommandResult,
    ) -> Result<(), Status> {
        result?;
        let srq = self.objects.srq_mut(id);
        if depth > 0 {
            srq.spec.depth = depth;
        }
        if threshold > 0 {
            srq.spec.threshold = threshold;
            srq.armed = Armed::Yes;
            if srq.is_below(threshold) {
                self.notify_srq(id, Status::SUCCESS);
            }
        }
        Ok(())
    }

    pub(super) fn srq_receive(
        &mut self,
        host: &mut B::Host,
        srq: Object,
        context: u64,
        sgl: &[Sge],
    ) -> Result<(), Status> {
        let id = self.live(srq, ObjectKind::Srq)?;
        let srq = self.objects.srq(id);
        if srq.outstanding.len() >= srq.spec.depth as usize {
            return Err(self.config.policy.queue_full);
        }
        self.check_receive(sgl, srq.spec.max_sge)?;
        let request = srq.next_id;
        self.backend.post_srq_receive(host, srq.id, request, sgl)?;
        let srq = self.objects.srq_mut(id);
        srq.next_id += 1;
        srq.outstanding.insert(request, context);
        let limit = srq.spec.threshold;
        if srq.armed == Armed::WhenFilled && !srq.is_below(limit) {
            srq.armed = Armed::Yes;
            self.set_limit(host, id, limit);
        }
        Ok(())
    }

    /// The device says that a queue is below its limit, or dead.
    pub(super) fn srq_event(&mut self, id: ObjectId, status: Status) {
        if status != Status::SUCCESS {
            self.break_qps(|qp| qp.spec().srq == Some(id));
        }
        if status != Status::SUCCESS || self.objects.srq(id).armed == Armed::Yes {
            self.notify_srq(id, status);
        }
    }

    fn notify_srq(&mut self, id: ObjectId, status: Status) {
        let srq = self.objects.srq_mut(id);
        srq.armed = Armed::No;
        let (target, processor) = (srq.spec.notification, srq.spec.processor);
        if self.lifetimes.is_live(id) && target.callback.is_some() {
            let place = self.event_place(processor);
            self.event(id, target, UpcallBody::SrqNotification { status }, place);
        }
    }

    fn set_limit(&mut self, host: &mut B::Host, id: ObjectId, limit: u32) {
        self.run_detached(host, Command::SetSrqLimit { srq: self.objects.srq(id).id, limit });
    }
}
