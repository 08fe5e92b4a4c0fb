//! Completion queues, queue pairs, shared receive queues.

use super::super::fact::{Post, QpArgs};
use super::{Detail, Model};
use crate::ndk::{CallKind, Completion, CqNotify, UpcallToken};
use des::Time;
use std::collections::VecDeque;

/// Requests that are over and that a queue remembers, to name them when they end again.
const OVER_KEPT: usize = 32;

/// Stretches of busy time that a lane remembers.
const STRETCHES: usize = 8;

/// A time in which one processor executed calls without a pause.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: Time,
    end: Time,
    processor: u8,
    /// The last call of it.
    call: u64,
}

/// Calls that may not be concurrent. They come in the order of the steps that made them: a long step of one processor is
/// told before a short one of another that began during it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane(VecDeque<Stretch>);

impl Lane {
    /// Call `call` executes on `processor` from `start` to `end`. Tells the call of another processor that it overlaps.
    pub(crate) fn occupy(&mut self, start: Time, end: Time, processor: u8, call: u64) -> Option<u64> {
        let other =
            self.0.iter().rev().find(|other| other.processor != processor && other.start < end && start < other.end);
        let other = other.map(|other| other.call);
        match self.0.back_mut().filter(|last| last.processor == processor && start <= last.end && last.start <= start) {
            Some(last) => (last.end, last.call) = (last.end.max(end), call),
            None => {
                if self.0.len() == STRETCHES {
                    self.0.pop_front();
                }
                self.0.push_back(Stretch { start, end, processor, call });
            }
        }
        other
    }
}

/// A CQ's arm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arm {
    pub(crate) notify: CqNotify,
    /// The call that armed first.
    pub(crate) call: u64,
    pub(crate) since: Time,
    /// Whether another arm has been merged into it.
    pub(crate) merged: bool,
    /// When a result was first taken that had come after the last callback, and whether the checker took it.
    pub(crate) taken: Option<(Time, bool)>,
}

/// Which results came since an arm, to judge what satisfied it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) initiator_successes: u32,
    pub(crate) receive_successes: u32,
    pub(crate) errors: u32,
    /// A queue pair that completes here was closed meanwhile: errors of what it had posted may have satisfied the arm, and
    /// the provider may have dropped them with it.
    pub(crate) lossy: bool,
}

impl Batch {
    pub(crate) const fn is_empty(self) -> bool {
        self.initiator_successes == 0 && self.receive_successes == 0 && self.errors == 0
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CompletionQueue {
    pub(crate) depth: u32,
    pub(crate) notification: Completion,
    pub(crate) arm: Option<Arm>,
    pub(crate) batch: Batch,
    /// The type of the arm that the last callback satisfied, until the queue has been drained.
    pub(crate) judged: Option<CqNotify>,
    /// Whether the queue was seen empty since the last callback.
    pub(crate) drained_since_callback: bool,
    /// When it was last seen empty, and the number of that call.
    pub(crate) drained: Option<(Time, u64)>,
    pub(crate) running: Option<UpcallToken>,
    /// The CQ reported its failure.
    pub(crate) dead: bool,
    /// QPs that complete here, closed ones included.
    pub(crate) feeders: Vec<u64>,
    pub(crate) lane: Lane,
    pub(crate) moderation_lane: Lane,
}

impl CompletionQueue {
    pub(crate) fn new(depth: u32, notification: Completion) -> Self {
        Self {
            depth,
            notification,
            arm: None,
            batch: Batch::default(),
            judged: None,
            drained_since_callback: true,
            drained: None,
            running: None,
            dead: false,
            feeders: Vec::new(),
            lane: Lane::default(),
            moderation_lane: Lane::default(),
        }
    }
}

/// A request that a queue is done with, or never took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub(crate) call: u64,
    pub(crate) kind: CallKind,
    pub(crate) context: u64,
}

/// The requests of one queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct PostQueue {
    pub(crate) posts: VecDeque<Post>,
    /// Requests with a result.
    pub(crate) done: VecDeque<Over>,
    /// Requests that failed inline.
    pub(crate) refused: VecDeque<Over>,
    /// Equal contexts left open which request a result was for: none is missing for certain.
    pub(crate) ambiguous: bool,
    /// The last request that failed inline.
    pub(crate) last_refusal: Option<u64>,
    /// The last post, and whether it asked for deferral.
    pub(crate) last: Option<(u64, Time, bool)>,
    pub(crate) lane: Lane,
}

impl PostQueue {
    pub(crate) fn over(list: &mut VecDeque<Over>, post: &Post) {
        if list.len() == OVER_KEPT {
            list.pop_front();
        }
        list.push_back(Over { call: post.call, kind: post.kind, context: post.context });
    }
}

#[derive(Clone, Debug)]
pub(crate) struct QueuePair {
    pub(crate) args: QpArgs,
    pub(crate) initiator: PostQueue,
    pub(crate) receive: PostQueue,
    /// The last Flush, and when.
    pub(crate) flushed: Option<(u64, Time)>,
    /// The connector that it was given to last.
    pub(crate) connector: Option<u64>,
    /// Its connection was ended: nothing new may begin.
    pub(crate) used_up: bool,
    /// The call number at which Disconnect's completion was taken, and when.
    pub(crate) disconnected: Option<(u64, Time)>,
    /// A result with an error came: the connection is gone.
    pub(crate) failed: bool,
}

impl QueuePair {
    pub(crate) fn new(args: QpArgs) -> Self {
        Self {
            args,
            initiator: PostQueue::default(),
            receive: PostQueue::default(),
            flushed: None,
            connector: None,
            used_up: false,
            disconnected: None,
            failed: false,
        }
    }
}

impl QueuePair {
    /// Whether nothing is posted that could yield a result: what it took from an SRQ does not show.
    pub(crate) fn is_empty(&self) -> bool {
        self.args.srq.is_none() && self.initiator.posts.is_empty() && self.receive.posts.is_empty()
    }
}

/// Whether a shared receive queue would notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SrqArm {
    Disarmed,
    /// It may notify at once, or wait for the next crossing: just created with a threshold, say.
    Either,
    Armed,
}

#[derive(Clone, Debug)]
pub(crate) struct SharedReceiveQueue {
    pub(crate) depth: u32,
    pub(crate) max_sge: u32,
    pub(crate) threshold: u32,
    pub(crate) notification: Completion,
    pub(crate) arm: SrqArm,
    /// A change of the threshold pends.
    pub(crate) modifying: bool,
    /// Since when fewer receives than the threshold are queued while armed.
    pub(crate) below: Option<Time>,
    pub(crate) dead: bool,
    pub(crate) queue: PostQueue,
}

impl SharedReceiveQueue {
    /// Notes, after any change, whether a notification is due.
    pub(crate) fn look(&mut self, now: Time) {
        let below = self.queue.posts.len() < self.threshold as usize;
        if !below && self.arm == SrqArm::Either {
            self.arm = SrqArm::Armed;
        }
        self.below = match (below && self.arm == SrqArm::Armed, self.below) {
            (true, since) => since.or(Some(now)),
            (false, _) => None,
        };
    }
}

impl Model {
    pub(crate) fn cq(&self, id: u64) -> Option<&CompletionQueue> {
        match &self.entry(id)?.detail {
            Detail::Cq(cq) => Some(cq),
            _ => None,
        }
    }

    pub(crate) fn cq_mut(&mut self, id: u64) -> Option<&mut CompletionQueue> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Cq(cq) => Some(cq),
            _ => None,
        }
    }

    pub(crate) fn qp(&self, id: u64) -> Option<&QueuePair> {
        match &self.entry(id)?.detail {
            Detail::Qp(qp) => Some(qp),
            _ => None,
        }
    }

    pub(crate) fn qp_mut(&mut self, id: u64) -> Option<&mut QueuePair> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Qp(qp) => Some(qp),
            _ => None,
        }
    }

    pub(crate) fn srq(&self, id: u64) -> Option<&SharedReceiveQueue> {
        match &self.entry(id)?.detail {
            Detail::Srq(srq) => Some(srq),
            _ => None,
        }
    }

    pub(crate) fn srq_mut(&mut self, id: u64) -> Option<&mut SharedReceiveQueue> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Srq(srq) => Some(srq),
            _ => None,
        }
    }

    /// No result of the QP is to be expected any more.
    pub(crate) fn feeds_no_more(&mut self, qp: u64) {
        let Some(args) = self.qp(qp).map(|qp| qp.args) else { return };
        for cq in [args.receive_cq, args.initiator_cq] {
            if let Some(cq) = self.cq_mut(cq.id) {
                cq.feeders.retain(|feeder| *feeder != qp);
            }
        }
    }

    /// The queue that a post of this kind on this object goes to.
    pub(crate) fn post_queue_mut(&mut self, object: u64, kind: CallKind) -> Option<&mut PostQueue> {
        match (&mut self.entry_mut(object)?.detail, kind) {
            (Detail::Srq(srq), CallKind::SrqReceive) => Some(&mut srq.queue),
            (Detail::Qp(qp), CallKind::Receive) => Some(&mut qp.receive),
            (Detail::Qp(qp), _) => Some(&mut qp.initiator),
            _ => None,
        }
    }
}
