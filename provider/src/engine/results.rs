//! From what the device polls to what the consumer takes.

use super::Engine;
use super::arm::Strength;
use super::lifetime::ObjectId;
use super::post::Effect;
use crate::backend::{Backend, Resource, WorkCompletion};
use crate::ndk::{NdkResult, NdkResultEx, NdkVersion, Object, ObjectKind, OperationType, Status};
use std::collections::VecDeque;

/// A result on its way, with what is settled when the consumer takes it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    qp: ObjectId,
    /// The shared queue that it was received from.
    srq: Option<ObjectId>,
    receive: bool,
    id: u64,
    result: NdkResultEx,
    /// The peer asked for an event.
    solicited: bool,
    /// A success that was to be silent: it frees its slot and says nothing.
    silent: bool,
    number: u64,
}

impl Entry {
    fn failed(&self) -> bool {
        self.result.base.status != Status::SUCCESS
    }

    fn satisfies(&self, strength: Strength, errors_count: bool) -> bool {
        match strength {
            Strength::Any => true,
            Strength::Solicited => self.solicited || self.failed(),
            Strength::Errors => errors_count && self.failed(),
        }
    }
}

impl<B: Backend> Engine<B> {
    /// `NdkGetCqResults`. Returns how many were written to the front of `results`.
    pub(super) fn get_results<T>(
        &mut self,
        host: &mut B::Host,
        cq: Object,
        results: &mut [T],
        form: impl Fn(NdkResultEx) -> T,
    ) -> u32 {
        let Ok(id) = self.live(cq, ObjectKind::Cq) else { return 0 };
        let mut count = 0;
        for slot in results.iter_mut().take(u32::MAX as usize) {
            let Some(result) = self.take_result(host, id) else { break };
            *slot = form(result);
            count += 1;
        }
        count
    }

    /// `NdkGetCqResultsEx` (1.2).
    pub(super) fn get_extended_results(&mut self, host: &mut B::Host, cq: Object, results: &mut [NdkResultEx]) -> u32 {
        let known = self.live(cq, ObjectKind::Cq).is_ok_and(|id| self.version(id) >= NdkVersion::V1_2);
        if known { self.get_results(host, cq, results, |result| result) } else { 0 }
    }

    fn take_result(&mut self, host: &mut B::Host, cq: ObjectId) -> Option<NdkResultEx> {
        loop {
            // What a dead queue held can be taken until its death is told, and not after that.
            if self.objects.cq(cq).arm.failure_told() {
                return None;
            }
            if self.objects.cq(cq).stash.is_empty() && !self.fetch_entry(host, cq) {
                return None;
            }
            let entry = self.objects.cq_mut(cq).stash.pop_front()?;
            self.settle_entry(&entry);
            if !entry.silent {
                return Some(entry.result);
            }
        }
    }

    /// Frees the slots that a taken result gives back.
    fn settle_entry(&mut self, entry: &Entry) {
        let live = self.objects.get(entry.qp).is_some();
        match entry.srq {
            Some(srq) if self.objects.get(srq).is_some() => self.objects.srq_mut(srq).taken(entry.id),
            Some(_) => {}
            None if !live => {}
            None if entry.receive => drop(self.objects.qp_mut(entry.qp).receives.free_through(entry.id)),
            None => {
                let freed = self.objects.qp_mut(entry.qp).sends.free_through(entry.id);
                let last = freed.len().saturating_sub(1);
                for (index, initiated) in freed.iter().enumerate() {
                    // Those before it succeeded silently.
                    self.take_effect(initiated.effect, index < last || !entry.failed());
                }
            }
        }
    }

    /// Takes the next entry from the device, as a result, to the end of the stash. False: there is none. Entries of queue
    /// pairs that are gone are dropped.
    fn fetch_entry(&mut self, host: &mut B::Host, cq: ObjectId) -> bool {
        loop {
            let Some(completion) = self.backend.poll(host, self.objects.cq(cq).id()) else { return false };
            let Some(entry) = self.translate(cq, &completion) else { continue };
            if !self.config.policy.results_after_qp_close && self.is_leaving(entry.qp) {
                // The entries before it were forgotten when the queue pair began to go.
                self.forget_entry(&entry);
                continue;
            }
            let errors_count = self.config.policy.error_entries_satisfy_errors;
            let queue = self.objects.cq_mut(cq);
            let armed = queue.arm.armed().filter(|armed| *armed != Strength::Any);
            let satisfied = armed.is_some_and(|armed| entry.satisfies(armed, errors_count));
            queue.next_entry += 1;
            // In its place before anybody is notified: a notification may fetch all that comes behind it.
            queue.stash.push_back(entry);
            if satisfied {
                // The consumer may take it before the device's event comes.
                self.cq_satisfied(host, cq);
            }
            return true;
        }
    }

    fn translate(&mut self, cq: ObjectId, completion: &WorkCompletion) -> Option<Entry> {
        let id = *self.resources.get(&Resource::Qp(completion.qp))?;
        let qp = self.objects.qp(id);
        let srq = qp.spec().srq.filter(|_| completion.receive);
        let succeeded = completion.status == Status::SUCCESS;
        let (request_context, operation, silent) = if let Some(srq) = srq {
            (self.objects.srq(srq).context(completion.id)?, OperationType::Receive, false)
        } else if completion.receive {
            (*qp.receives.get(completion.id)?, OperationType::Receive, false)
        } else {
            let initiated = qp.sends.get(completion.id)?;
            (initiated.context, initiated.operation, initiated.silent && succeeded)
        };
        let mut result = NdkResultEx {
            base: NdkResult {
                status: completion.status,
                bytes_transferred: self.config.policy.bytes_of_non_receives,
                qp_context: qp.spec().context,
                request_context,
            },
            operation,
            provider_error_code: 0,
            type_specific: 0,
        };
        if completion.receive {
            result.base.bytes_transferred = completion.bytes;
        }
        if !succeeded && self.version(id) >= NdkVersion::V2_1 {
            result.provider_error_code = completion.vendor_error;
        }
        if let Some(token) = completion.invalidated.filter(|_| completion.receive && succeeded) {
            result.operation = OperationType::ReceiveAndInvalidate;
            result.type_specific = u64::from(token);
            self.peer_invalidated(token);
        }
        if !succeeded {
            self.objects.qp_mut(id).break_off();
        }
        let number = self.objects.cq(cq).next_entry;
        let receive = completion.receive;
        Some(Entry {
            qp: id,
            srq,
            receive,
            id: completion.id,
            result,
            solicited: completion.solicited && receive,
            silent,
            number,
        })
    }

    /// The key of a region or window that the peer's send invalidated.
    fn peer_invalidated(&mut self, token: u32) {
        if let Some(&target) = self.tokens.get(&token) {
            self.take_effect(Effect::Invalidated { target, token }, true);
        }
    }

    /// Takes all entries from the device.
    pub(super) fn drain(&mut self, host: &mut B::Host, cq: ObjectId) {
        while self.fetch_entry(host, cq) {}
    }

    /// Whether an entry is there that satisfies an arm at once.
    ///
    /// For ANY with the lenient policy one look will do; otherwise all must be seen.
    pub(super) fn is_satisfied_now(&mut self, host: &mut B::Host, cq: ObjectId, strength: Strength) -> bool {
        let policy = &self.config.policy;
        let (old_count, errors_count) = (policy.old_entries_satisfy_arm, policy.error_entries_satisfy_errors);
        if strength == Strength::Any && old_count {
            while self.objects.cq(cq).stash.back().is_none_or(|entry| entry.silent) {
                if !self.fetch_entry(host, cq) {
                    break;
                }
            }
        } else {
            self.drain(host, cq);
        }
        let cq = self.objects.cq(cq);
        cq.stash.iter().any(|entry| {
            !entry.silent && (old_count || entry.number >= cq.first_new) && entry.satisfies(strength, errors_count)
        })
    }

    /// Saves the results of a queue pair that goes from the device, or forgets them, as the policy has it.
    pub(super) fn sweep_results(&mut self, host: &mut B::Host, qp: ObjectId) {
        let (receive_cq, initiator_cq) = self.objects.qp(qp).spec().cqs();
        for cq in [receive_cq, initiator_cq] {
            self.drain(host, cq);
            if !self.config.policy.results_after_qp_close {
                let stash = std::mem::take(&mut self.objects.cq_mut(cq).stash);
                let (gone, kept): (VecDeque<_>, VecDeque<_>) = stash.into_iter().partition(|entry| entry.qp == qp);
                self.objects.cq_mut(cq).stash = kept;
                gone.iter().for_each(|entry| self.forget_entry(entry));
            }
        }
    }

    /// Nobody will take an entry. Whether it was a bind that succeeded nobody will know: its window stays bound.
    fn forget_entry(&mut self, entry: &Entry) {
        if entry.srq.is_some() {
            self.settle_entry(entry);
        }
    }
}
