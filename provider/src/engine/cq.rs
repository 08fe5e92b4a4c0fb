//! Completion queues: create, resize, moderation, and notification. Results are in [`results`](super::results).

use super::Engine;
use super::arm::{Action, Arm, Strength};
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::lifetime::ObjectId;
use super::requests::{Request, Work};
use super::results::Entry;
use crate::backend::{Backend, Command, CommandResult, CqId};
use crate::ndk::{Affinity, CallKind, CallSite, Completion, CqNotify, Object, ObjectKind, Status, UpcallBody};
use std::collections::VecDeque;

/// What a completion queue was asked to be.
#[derive(Clone, Debug)]
pub(super) struct CqSpec {
    depth: u32,
    notification: Completion,
    /// Where notifications run, if the consumer cares.
    processor: Option<u8>,
}

/// A completion queue.
#[derive(Clone, Debug)]
pub(super) struct Cq {
    id: CqId,
    spec: CqSpec,
    pub(super) arm: Arm,
    /// Entries taken from the device and not by the consumer yet.
    pub(super) stash: VecDeque<Entry>,
    /// Number of the next entry taken from the device.
    pub(super) next_entry: u64,
    /// Entries from this number on have come since the last notification.
    pub(super) first_new: u64,
    /// Entries from this number on have come since the arm in force.
    first_armed: u64,
}

impl Cq {
    pub(super) fn new(id: CqId, spec: CqSpec) -> Self {
        Self { id, spec, arm: Arm::default(), stash: VecDeque::new(), next_entry: 0, first_new: 0, first_armed: 0 }
    }

    pub(super) fn id(&self) -> CqId {
        self.id
    }

    pub(super) fn depth(&self) -> u32 {
        self.spec.depth
    }
}

/// The lowest processor of an affinity.
pub(super) fn preferred_processor(affinity: Option<Affinity>) -> Option<u8> {
    affinity
        .filter(|affinity| affinity.mask != 0)
        .and_then(|affinity| u8::try_from(affinity.mask.trailing_zeros()).ok())
}

impl<B: Backend> Engine<B> {
    /// `wanted`: depth, notification, affinity.
    pub(super) fn create_cq(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        adapter: Object,
        completion: Completion,
        wanted: (u32, Completion, Option<Affinity>),
    ) -> Returned {
        let parent = self.live(adapter, ObjectKind::Adapter)?;
        let (depth, notification, affinity) = wanted;
        if depth == 0 || depth > self.backend.capabilities().max_cq_depth || notification.callback.is_none() {
            return Err(Status::INVALID_PARAMETER);
        }
        let processor = preferred_processor(affinity);
        let vector = u16::from(processor.unwrap_or(self.config.events.processor));
        let draft = Draft::Cq(CqSpec { depth, notification, processor });
        let creation = Creation { kind: CallKind::CreateCq, parent, others: Vec::new(), draft, completion };
        self.create(host, site, creation, Some(Command::CreateCq { depth, vector }))
    }

    pub(super) fn resize_cq(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        cq: Object,
        depth: u32,
        completion: Completion,
    ) -> Returned {
        let owner = self.live(cq, ObjectKind::Cq)?;
        let device = self.backend.capabilities();
        if !device.resize_cq {
            return Err(Status::NOT_SUPPORTED);
        }
        if depth == 0 || depth > device.max_cq_depth {
            return Err(Status::INVALID_PARAMETER);
        }
        if self.objects.cq(owner).stash.len() > depth as usize {
            return Err(self.config.policy.does_not_fit);
        }
        let command = Command::ResizeCq { cq: self.objects.cq(owner).id, depth };
        let request = Request { owner, kind: CallKind::ResizeCq, completion, work: Work::ResizeCq { depth } };
        Ok(self.start(host, site, request, Some(command)))
    }

    pub(super) fn resize_done(&mut self, id: ObjectId, depth: u32, result: CommandResult) -> Result<(), Status> {
        result?;
        self.objects.cq_mut(id).spec.depth = depth;
        Ok(())
    }

    /// `NdkControlCqInterruptModeration`: u32::MAX is "no bound" for either; zero, or a count of one, is no moderation.
    pub(super) fn moderate_cq(
        &mut self,
        host: &mut B::Host,
        cq: Object,
        interval_us: u32,
        count: u32,
    ) -> Result<(), Status> {
        let id = self.live(cq, ObjectKind::Cq)?;
        if !self.moderates() {
            return Err(Status::NOT_SUPPORTED);
        }
        let cq = self.objects.cq(id);
        let unbounded = count > cq.depth();
        if interval_us == u32::MAX && unbounded {
            return Err(Status::INVALID_PARAMETER_MIX);
        }
        let (interval_us, count) = match (interval_us, count) {
            (0, _) | (_, 0 | 1) => (0, 0),
            (interval, _) if unbounded => (interval, 0),
            bounded => bounded,
        };
        let command = Command::ModerateCq { cq: cq.id, interval_us, count };
        // The page knows no other failure.
        self.run_inline(host, command).map_err(|_| Status::INSUFFICIENT_RESOURCES)
    }

    /// `NdkArmCq`.
    pub(super) fn arm_cq(&mut self, host: &mut B::Host, cq: Object, notify: CqNotify) {
        let Ok(id) = self.live(cq, ObjectKind::Cq) else { return };
        let strength = Strength::from(notify);
        let cq = self.objects.cq_mut(id);
        if cq.arm.armed().is_none() {
            cq.first_armed = cq.next_entry;
        }
        // First the arm, then the look: what the look finds may notify at once, and does so for both arms then.
        let merged = cq.arm.merged(strength);
        let action = cq.arm.arm(strength, false);
        if !self.objects.cq(id).arm.failed() && self.is_satisfied_now(host, id, merged) {
            self.cq_satisfied(host, id);
        } else if self.objects.cq(id).arm.armed().is_some() || matches!(action, Action::Notify(_)) {
            self.act(host, id, action);
        }
    }

    /// An armed queue has something, says the device. The event may be late, of an arm that was satisfied otherwise, and
    /// the device knows no arm for errors alone: so the entries decide.
    pub(super) fn cq_ready(&mut self, host: &mut B::Host, id: ObjectId) {
        let Some(armed) = self.objects.cq(id).arm.armed() else { return };
        let cq = self.objects.cq(id);
        let taken_since = armed == Strength::Any && cq.next_entry > cq.first_armed;
        if taken_since || self.is_satisfied_now(host, id, armed) {
            self.cq_satisfied(host, id);
        } else {
            self.act(host, id, Action::AskDevice(armed));
        }
    }

    pub(super) fn cq_satisfied(&mut self, host: &mut B::Host, id: ObjectId) {
        let action = self.objects.cq_mut(id).arm.satisfy();
        self.act(host, id, action);
    }

    /// A queue is dead, and with it all its queue pairs.
    pub(super) fn cq_failed(&mut self, host: &mut B::Host, id: ObjectId, status: Status) {
        self.counters.cq_error += 1;
        let action = self.objects.cq_mut(id).arm.fail(status);
        self.break_qps(|qp| qp.spec().uses_cq(id));
        self.act(host, id, action);
    }

    /// The notification has returned.
    pub(super) fn cq_notified(&mut self, id: ObjectId) {
        if let Action::Notify(status) = self.objects.cq_mut(id).arm.returned() {
            self.notify(id, status);
        }
    }

    fn act(&mut self, host: &mut B::Host, id: ObjectId, action: Action) {
        match action {
            Action::Nothing => {}
            Action::AskDevice(strength) => {
                self.backend.arm(host, self.objects.cq(id).id, strength != Strength::Any);
            }
            Action::Notify(status) => {
                if !self.config.policy.old_entries_satisfy_arm {
                    self.drain(host, id);
                }
                self.notify(id, status);
            }
        }
    }

    fn notify(&mut self, id: ObjectId, status: Status) {
        let cq = self.objects.cq_mut(id);
        cq.first_new = cq.next_entry;
        let (target, processor) = (cq.spec.notification, cq.spec.processor);
        // A queue that is being closed says no more.
        if self.lifetimes.is_live(id) {
            let place = self.event_place(processor);
            self.event(id, target, UpcallBody::CqNotification { status }, place);
        }
    }
}
