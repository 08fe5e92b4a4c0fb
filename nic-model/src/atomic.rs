//! Atomics of peers: read, change, write back, one at a time per lock bucket, and only so many in all.

use crate::cq::ControlBytes;
use crate::dma::{Cx, Purpose, Read};
use crate::nic::Nic;
use crate::port::{DmaError, Segments, control};
use crate::transport::AtomicOperation;
use std::collections::{BTreeMap, VecDeque};
use wire::{NakCode, Payload, Psn};

/// An atomic that a peer has asked for and may do.
#[derive(Clone, Debug)]
pub(crate) struct AtomicJob {
    pub(crate) qpn: u32,
    pub(crate) psn: Psn,
    /// The eight bytes: one piece, as they are aligned.
    pub(crate) target: Segments,
    pub(crate) operation: AtomicOperation,
}

/// Atomics that peers have asked for. A job needs a context, in which it also waits for its bucket; jobs without a context wait
/// in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Atomics {
    /// Jobs with a context; the first of each bucket is being executed.
    buckets: BTreeMap<u32, VecDeque<AtomicJob>>,
    count: u32,
    /// Contexts that are free.
    free: usize,
    waiting: VecDeque<AtomicJob>,
}

impl Atomics {
    /// `count` locks: bits of the address above the eight bytes choose one. 0 `contexts` are any number.
    pub(crate) fn new(count: u32, contexts: u32) -> Self {
        let free = if contexts == 0 { usize::MAX } else { contexts as usize };
        Self { buckets: BTreeMap::new(), count: count.max(1), free, waiting: VecDeque::new() }
    }

    /// Queues a job; gives the bucket if the job can begin.
    pub(crate) fn push(&mut self, job: AtomicJob) -> Option<u32> {
        if self.free == 0 {
            self.waiting.push_back(job);
            return None;
        }
        self.free -= 1;
        let address = job.target.first().map_or(0, |segment| segment.address);
        let bucket = (address / 8 % u64::from(self.count)) as u32;
        let queue = self.buckets.entry(bucket).or_default();
        queue.push_back(job);
        (queue.len() == 1).then_some(bucket)
    }

    fn front(&self, bucket: u32) -> Option<&AtomicJob> {
        self.buckets.get(&bucket)?.front()
    }

    /// Ends the job that a bucket executes.
    fn pop(&mut self, bucket: u32) -> Option<AtomicJob> {
        let queue = self.buckets.get_mut(&bucket)?;
        let job = queue.pop_front()?;
        if queue.is_empty() {
            self.buckets.remove(&bucket);
        }
        self.free += 1;
        Some(job)
    }

    /// Gives a context that has become free to the next job that waits for one; gives the bucket if the job can begin.
    fn admit(&mut self) -> Option<u32> {
        let next = self.waiting.pop_front()?;
        self.push(next)
    }
}

impl Nic {
    /// Reads the operand of the first job of a bucket.
    pub(crate) fn begin_atomic(&mut self, cx: &mut Cx<'_>, bucket: u32) {
        if let Some(job) = self.atomics.front(bucket) {
            // It sees what its peer has written before.
            let from = self.qps.get(job.qpn).map_or(cx.now, |qp| cx.now.max(qp.replies_from));
            let read = Read::control(from, Purpose::Atomic { bucket }, job.target.clone());
            self.host.read(cx, read);
        }
    }

    /// The operand is there: the result goes back, and the next job of the bucket begins.
    pub(crate) fn atomic_read(&mut self, cx: &mut Cx<'_>, bucket: u32, data: Result<Payload, DmaError>) {
        let Some(job) = self.atomics.pop(bucket) else { return };
        // Eight bytes are changed in the byte order of the host's processor, which is little-endian.
        let original = data.ok().and_then(|data| data.bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes)));
        match original {
            Some(original) => {
                let value = job.operation.apply(original);
                self.host.write(cx, cx.now, job.target, control(value.to_le_bytes().to_vec()));
                let responder = self.qps.get_mut(job.qpn).and_then(|qp| qp.responder.as_mut());
                if let Some(responder) = responder {
                    responder.on_atomic_done(job.psn, original);
                }
            }
            None => {
                self.host.counters.dma_errors += 1;
                self.fail_reply(cx, job.qpn, job.psn, NakCode::RemoteOperational);
            }
        }
        self.settle(cx, cx.now, job.qpn);
        self.begin_atomic(cx, bucket);
        // The bucket that has become free may be that of the one that gets the context.
        if let Some(admitted) = self.atomics.admit() {
            self.begin_atomic(cx, admitted);
        }
    }
}
