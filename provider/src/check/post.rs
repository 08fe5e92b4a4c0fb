//! Posting: R34 to R38, R48, R57 (in part), R106 (in part), R112 (in part), R115, R116.

use super::checker::Checker;
use super::fact::{CallFact, Post};
use super::model::queue::PostQueue;
use crate::ndk::{AdapterInfo, Call, CallKind, Object, ObjectKind, OpFlags, Sge, Status};

/// Flags that the page of a function lists; INLINE on writes too, as NDSPI has it.
fn allowed(kind: CallKind) -> OpFlags {
    let all = OpFlags::SILENT_SUCCESS | OpFlags::READ_FENCE | OpFlags::DEFER;
    match kind {
        CallKind::Send | CallKind::SendAndInvalidate => all | OpFlags::SEND_AND_SOLICIT_EVENT | OpFlags::INLINE,
        CallKind::Bind => all | OpFlags::ALLOW_REMOTE_READ | OpFlags::ALLOW_REMOTE_WRITE,
        CallKind::FastRegister => {
            all | OpFlags::ALLOW_REMOTE_READ
                | OpFlags::ALLOW_LOCAL_WRITE
                | OpFlags::ALLOW_REMOTE_WRITE
                | OpFlags::RDMA_READ_SINK
        }
        CallKind::Read => all | OpFlags::RDMA_READ_LOCAL_INVALIDATE,
        CallKind::Write => all | OpFlags::INLINE,
        CallKind::Invalidate | CallKind::Atomic => all,
        _ => OpFlags::empty(),
    }
}

/// The remote-write flag without the local-write part that belongs to it.
const BARE_REMOTE_WRITE: OpFlags = OpFlags::ALLOW_REMOTE_WRITE.difference(OpFlags::ALLOW_LOCAL_WRITE);

/// The list of a request, if it has one.
pub(super) const fn list<'a>(call: &Call<'a>) -> Option<&'a [Sge]> {
    match call {
        Call::SrqReceive { sgl, .. }
        | Call::Send { sgl, .. }
        | Call::SendAndInvalidate { sgl, .. }
        | Call::Receive { sgl, .. }
        | Call::Read { sgl, .. }
        | Call::Write { sgl, .. }
        | Call::Atomic { sgl, .. } => Some(sgl),
        _ => None,
    }
}

impl Checker {
    pub(super) fn post_called(&mut self, fact: &mut CallFact, call: &Call<'_>) {
        let (Some(post), Some(object)) = (fact.post().cloned(), fact.object) else { return };
        self.chain_rested(object, &post);
        self.flags_of_post(object, &post);
        self.depth_of_queue(object, &post);
        self.connected(object, &post);
        if let Some(sgl) = list(call) {
            self.sizes(object, &post, sgl);
            let mappings = self.entries(object, &post, sgl);
            if let super::fact::Args::Post(post) = &mut fact.args {
                post.mappings = mappings;
            }
        }
        self.memory_posted(object, &post, call);
    }

    fn flags_of_post(&mut self, object: Object, post: &Post) {
        let function = post.kind.name();
        let stray = post.flags.difference(allowed(post.kind));
        let bare = post.flags.contains(BARE_REMOTE_WRITE) && !post.flags.contains(OpFlags::ALLOW_LOCAL_WRITE);
        if !stray.is_empty() {
            self.report(
                37,
                Some(object),
                format!("{function} was given flags {:#x} that it does not take", stray.bits()),
            );
        } else if bare {
            self.report(37, Some(object), format!("{function} was given half of the remote-write flag"));
        }
    }

    fn depth_of_queue(&mut self, object: Object, post: &Post) {
        let depth = match (self.model.qp(object.id), self.model.srq(object.id)) {
            // What a receive of a QP with an SRQ does is open.
            (Some(qp), _) if post.is_receive() && qp.args.srq.is_some() => return,
            (Some(qp), _) if post.is_receive() => qp.args.receive_depth,
            (Some(qp), _) => qp.args.initiator_depth,
            (_, Some(srq)) => srq.depth,
            _ => return,
        };
        let Some(queue) = self.model.post_queue_mut(object.id, post.kind) else { return };
        let outstanding = queue.posts.len();
        let silent = queue.posts.iter().any(Post::is_silent);
        if outstanding >= depth as usize && !queue.ambiguous {
            let function = post.kind.name();
            let what = format!("{function} was called with {outstanding} of {depth} entries of {object:?} outstanding");
            // When a silent success frees its entry is inferred only.
            if silent { self.warn(34, Some(object), what) } else { self.report(34, Some(object), what) }
        }
    }

    fn connected(&mut self, object: Object, post: &Post) {
        if !post.is_receive() && self.model.qp(object.id).is_some_and(|qp| qp.connector.is_none()) {
            let function = post.kind.name();
            self.report(38, Some(object), format!("{function} was called on {object:?}, which was never connected"));
        }
    }

    fn sizes(&mut self, object: Object, post: &Post, sgl: &[Sge]) {
        let function = post.kind.name();
        let bytes: u64 = sgl.iter().map(|sge| u64::from(sge.length_bytes)).sum();
        let inline = post.flags.contains(OpFlags::INLINE);
        let info = self.model.info(object.id);
        let limit = |choose: fn(&AdapterInfo) -> u32| info.map_or(u32::MAX, choose);
        let (entries, inline_bytes) = match (self.model.qp(object.id), self.model.srq(object.id)) {
            (Some(qp), _) => match post.kind {
                CallKind::Receive if qp.args.srq.is_some() => return,
                CallKind::Receive => (qp.args.max_receive_sge, 0),
                // The adapter's limit for reads stands beside the QP's.
                CallKind::Read => (qp.args.max_initiator_sge.min(limit(|info| info.max_read_request_sge)), 0),
                _ => (qp.args.max_initiator_sge, qp.args.inline_bytes),
            },
            (_, Some(srq)) => (srq.max_sge, 0),
            _ => return,
        };
        let most = limit(|info| info.max_transfer_bytes);
        if !inline && sgl.len() > entries as usize {
            let what = format!("{function} was given {} list entries, the limit is {entries}", sgl.len());
            self.report(35, Some(object), what);
        }
        if inline && bytes > u64::from(inline_bytes) {
            let what = format!("{function} was given {bytes} inline bytes, {object:?} takes {inline_bytes}");
            self.report(36, Some(object), what);
        } else if bytes > u64::from(most) {
            self.report(36, Some(object), format!("{function} was given {bytes} bytes, the limit is {most}"));
        }
    }

    pub(super) fn post_returned(&mut self, fact: &CallFact, status: Status) {
        let (Some(post), Some(object)) = (fact.post(), fact.object) else { return };
        self.judge_post(fact, post, object, status);
        let now = self.now;
        let Some(queue) = self.model.post_queue_mut(object.id, post.kind) else { return };
        if status != Status::SUCCESS {
            PostQueue::over(&mut queue.refused, post);
            queue.last_refusal = Some(post.call);
            return;
        }
        queue.posts.push_back(post.clone());
        queue.last = Some((post.call, now, post.is_deferred()));
        if let Some(srq) = self.model.srq_mut(object.id) {
            srq.look(now);
        }
        self.post_effect(post);
    }

    fn judge_post(&mut self, fact: &CallFact, post: &Post, object: Object, status: Status) {
        let function = post.kind.name();
        let unconnected = self.model.qp(object.id).is_some_and(|qp| qp.connector.is_none());
        if unconnected && !post.is_receive() && status == Status::SUCCESS {
            self.report(115, Some(object), format!("{function} succeeded on {object:?}, which was never connected"));
        } else if unconnected && post.is_receive() && status == Status::CONNECTION_INVALID {
            self.report(115, Some(object), format!("{function} failed with {status}; receives need no connection"));
        }
        if post.flags.contains(OpFlags::INLINE) && status == Status::DATA_OVERRUN && !fact.faulty {
            self.report(116, Some(object), format!("{function} of inline bytes failed with {status}"));
        }
        self.rights_granted(post, object, status);
    }

    pub(super) fn flushed(&mut self, fact: &CallFact) {
        let now = self.now;
        if let Some(qp) = fact.object.and_then(|object| self.model.qp_mut(object.id)) {
            qp.flushed = Some((fact.number, now));
        }
    }

    /// R48: an earlier chain was left for longer than the watchdog's time.
    fn chain_rested(&mut self, object: Object, post: &Post) {
        if post.is_receive() {
            return;
        }
        if let Some((call, since)) = self.open_chain(object.id)
            && self.now.since(since) > self.settings.watchdog
        {
            self.report(48, Some(object), format!("the chain of {object:?} rested at call {call}, which is deferred"));
        }
    }

    /// R48: a QP, or the connector of one, is closed or disconnected with a chain that ends deferred.
    pub(super) fn chain_left_deferred(&mut self, object: Object) {
        let qp = match object.kind {
            ObjectKind::Qp => Some(object.id),
            ObjectKind::Connector => {
                self.model.connector(object.id).and_then(|state| state.connect).map(|connect| connect.qp.id)
            }
            _ => None,
        };
        let Some(qp) = qp.and_then(|id| self.model.object(id)) else { return };
        if let Some((call, _)) = self.open_chain(qp.id) {
            self.report(48, Some(qp), format!("the chain of {qp:?} ends with call {call}, which is deferred"));
            // Once is enough for QP and connector.
            if let Some(queue) = self.model.qp_mut(qp.id).map(|qp| &mut qp.initiator) {
                queue.last = None;
            }
        }
    }

    /// The last initiator request, if it is deferred and nothing excuses that.
    pub(super) fn open_chain(&self, qp: u64) -> Option<(u64, des::Time)> {
        let qp = self.model.qp(qp)?;
        let (call, since, deferred) = qp.initiator.last?;
        let refused = qp.initiator.last_refusal.is_some_and(|refusal| refusal > call);
        let over = qp.failed || qp.flushed.is_some() || qp.used_up;
        // A request that has its result was processed before a doorbell was due.
        let outstanding = qp.initiator.posts.iter().any(|post| post.call == call);
        (deferred && outstanding && !refused && !over).then_some((call, since))
    }
}
