//! Completions, and the arm of a queue.

use super::VerbsBackend;
use super::post::RECEIVE;
use crate::status::{is_fatal, of_completion};
use crate::sys::{Completion, Cq};
use provider::backend::{CqId, Event, QpId, WorkCompletion};
use provider::ndk::Status;
use std::collections::VecDeque;
use std::sync::Arc;

/// A completion queue with what was taken from the device ahead of the provider.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) cq: Arc<Cq>,
    ahead: VecDeque<WorkCompletion>,
    arm: Option<Arm>,
}

#[derive(Clone, Copy, Debug)]
struct Arm {
    solicited_only: bool,
    /// The provider took an entry while it was armed: it may be the one that the device's event is about.
    polled: bool,
}

impl Queue {
    pub(super) fn new(cq: Cq) -> Self {
        Self { cq: Arc::new(cq), ahead: VecDeque::new(), arm: None }
    }

    /// Whether an entry is there that satisfies an arm. Verbs does not say which receives were solicited, so all count:
    /// one notification too many, but never one too few.
    fn has_entry(&self, solicited_only: bool) -> bool {
        self.ahead.iter().any(|entry| !solicited_only || entry.receive || entry.status != Status::SUCCESS)
    }
}

impl VerbsBackend {
    pub(super) fn take_completion(&mut self, cq: CqId) -> Option<WorkCompletion> {
        let queue = self.queues.get_mut(&cq.0)?;
        let entry = queue.ahead.pop_front();
        let entry = entry.or_else(|| self.next_entry(cq.0))?;
        if let Some(arm) = self.queues.get_mut(&cq.0).and_then(|queue| queue.arm.as_mut()) {
            arm.polled = true;
        }
        Some(entry)
    }

    /// Takes an entry from the device. Those of pairs that are long gone are dropped.
    fn next_entry(&mut self, cq: u32) -> Option<WorkCompletion> {
        loop {
            let completion = self.queues.get(&cq)?.cq.poll()?;
            if let Some(entry) = self.translate(&completion) {
                return Some(entry);
            }
        }
    }

    fn translate(&mut self, completion: &Completion) -> Option<WorkCompletion> {
        let qp = self.owners.get(&completion.qp_number)?.qp;
        let receive = completion.id & RECEIVE != 0;
        if is_fatal(completion.status) {
            self.pair_failed(qp);
        }
        let (id, status) = (completion.id & !RECEIVE, of_completion(completion.status, receive));
        if let Some((pair, peer)) = self.pairs.get_mut(&qp).and_then(|pair| pair.peer.map(|peer| (pair, peer))) {
            self.traffic.count(peer, |moved| match (receive, status) {
                (true, Status::SUCCESS) => moved.received += u64::from(completion.bytes),
                (true, _) => {}
                (false, _) => pair.posted.ended(id, status == Status::SUCCESS, moved),
            });
        }
        Some(WorkCompletion {
            qp: QpId(qp),
            id,
            receive,
            status,
            bytes: completion.bytes,
            invalidated: completion.invalidated,
            vendor_error: completion.vendor_error,
            solicited: receive,
        })
    }

    /// Takes all that the device has.
    pub(super) fn drain(&mut self, cq: u32) {
        while let Some(entry) = self.next_entry(cq) {
            if let Some(queue) = self.queues.get_mut(&cq) {
                queue.ahead.push_back(entry);
            }
        }
    }

    pub(super) fn arm_queue(&mut self, cq: CqId, solicited_only: bool) {
        if let Some(queue) = self.queues.get_mut(&cq.0) {
            queue.arm = Some(Arm { solicited_only, polled: false });
            self.ask_device(cq.0, solicited_only);
        }
    }

    /// The device has reported the queue. Reports of arms that were satisfied otherwise come late and mean nothing.
    pub(super) fn queue_event(&mut self, cq: u32) {
        let Some(arm) = self.queues.get(&cq).and_then(|queue| queue.arm) else { return };
        if arm.polled { self.satisfied(cq) } else { self.ask_device(cq, arm.solicited_only) }
    }

    /// Asks for an event, and looks for entries that came before the device heard of that.
    fn ask_device(&mut self, cq: u32, solicited_only: bool) {
        self.drain(cq);
        if self.queues.get(&cq).is_some_and(|queue| queue.has_entry(solicited_only)) {
            return self.satisfied(cq);
        }
        if let Some(queue) = self.queues.get(&cq) {
            queue.cq.request_event(solicited_only);
        }
        self.drain(cq);
        if self.queues.get(&cq).is_some_and(|queue| queue.has_entry(solicited_only)) {
            self.satisfied(cq);
        }
    }

    fn satisfied(&mut self, cq: u32) {
        if let Some(queue) = self.queues.get_mut(&cq) {
            queue.arm = None;
            self.events.push_back(Event::CqReady(CqId(cq)));
        }
    }
}
