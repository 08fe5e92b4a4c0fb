//! Requests.

use super::actor::{Actor, offset, pick};
use super::post::{Post, RECEIVE, Slot, Then, message};
use super::program::Step;
use super::thing::{Detail, Mr, Qp, SLOT_BYTES, SLOTS, Stage, Thing};
use super::verb::Verb;
use crate::suite::local::token;
use provider::ndk::{Call, Object, ObjectKind, OpFlags, Sge, Status};

/// Bytes of a write or a read.
const REMOTE_BYTES: u32 = 32;
/// Where the part of a region begins that the peer reads and writes.
const REMOTE_OFFSET: u64 = SLOTS as u64 * SLOT_BYTES as u64;

/// Flags by the bits of a number.
fn flags(how: u8, table: &[OpFlags]) -> OpFlags {
    let set = table.iter().enumerate().filter(|(bit, _)| how >> bit & 1 != 0);
    set.fold(OpFlags::empty(), |all, (_, &flag)| all | flag)
}

impl Actor {
    /// Takes a slot of a registered region of a PD, and the list entry for it.
    fn slot(&self, pd: u64, number: u8) -> Option<(Slot, Sge)> {
        let free = |mr: &Mr| mr.registered && mr.pd == pd && mr.used.len() < usize::from(SLOTS);
        let fits = |thing: &Thing| thing.pending == 0 && matches!(&thing.detail, Detail::Mr(mr) if free(mr));
        let mr = pick(&self.live(ObjectKind::Mr, fits), number)?;
        let token = token(&self.call(Call::GetLocalTokenFromMr { mr }).out);
        let mut model = self.model();
        let state = model.mr_mut(mr.id)?;
        let index = (0..SLOTS).find(|index| !state.used.contains(index))?;
        state.used.insert(index);
        let slot = Slot { mr: mr.id, index };
        Some((slot, state.buffer.sge(offset(slot), SLOT_BYTES, token)))
    }

    fn slot_of(&self, qp: Object, number: u8) -> Option<(Slot, Sge)> {
        let pd = self.model().qp_mut(qp.id)?.pd;
        self.slot(pd, number)
    }

    pub(super) fn new_post(&self, bit: u64, silent: bool, slot: Option<Slot>) -> Post {
        Post { context: self.model().context() | bit, silent, slot, then: Then::Nothing }
    }

    /// Posts; a request that is refused was never there.
    pub(super) fn record(&self, queue: Object, post: Post, call: Call<'_>) -> Status {
        let receive = post.context & RECEIVE != 0;
        if let Some(queue) = self.model().queue_mut(queue.id, receive) {
            queue.posts.push_back(post);
        }
        let status = self.call(call).status;
        if status != Status::SUCCESS {
            let mut model = self.model();
            if let Some(queue) = model.queue_mut(queue.id, receive) {
                queue.posts.retain(|other| other.context != post.context);
            }
            post.slot.into_iter().for_each(|slot| model.free(slot));
        }
        status
    }

    pub(super) fn post(&self, step: Step) {
        if step.verb == Verb::SrqReceive {
            self.srq_receive(step);
            return;
        }
        let receives = step.verb == Verb::Receive;
        let Some(qp) = pick(&self.open_qps(receives), step.pick) else { return };
        match step.verb {
            Verb::Receive => {
                let Some((slot, sge)) = self.slot_of(qp, step.how) else { return };
                let post = self.new_post(RECEIVE, false, Some(slot));
                self.record(qp, post, Call::Receive { qp, context: post.context, sgl: &[sge] });
            }
            Verb::Send => self.sends(qp, step.how),
            _ => self.remote(qp, step),
        }
    }

    /// Queue pairs that take two more requests, enough for a chain.
    pub(super) fn open_qps(&self, receives: bool) -> Vec<Object> {
        let cqs: Vec<u64> = self.live(ObjectKind::Cq, |_| true).iter().map(|cq| cq.id).collect();
        let open = |qp: &Qp| {
            let (queue, stage) = if receives {
                (&qp.receive, qp.srq.is_none() && qp.stage != Stage::Over)
            } else {
                (&qp.initiator, qp.stage == Stage::Established)
            };
            stage && queue.room() > 1 && qp.cqs.iter().all(|cq| cqs.contains(cq))
        };
        self.live(ObjectKind::Qp, |thing| matches!(&thing.detail, Detail::Qp(qp) if open(qp)))
    }

    fn srq_receive(&self, step: Step) {
        let roomy = |thing: &Thing| matches!(&thing.detail, Detail::Srq { queue, .. } if queue.room() > 0);
        let Some(srq) = pick(&self.live(ObjectKind::Srq, roomy), step.pick) else { return };
        let pd = match self.model().detail_mut(srq.id) {
            Some(Detail::Srq { pd, .. }) => *pd,
            _ => return,
        };
        let Some((slot, sge)) = self.slot(pd, step.how) else { return };
        let post = self.new_post(RECEIVE, false, Some(slot));
        self.record(srq, post, Call::SrqReceive { srq, context: post.context, sgl: &[sge] });
    }

    /// One send, or a chain of two of which the first is deferred.
    fn sends(&self, qp: Object, how: u8) {
        let table = [OpFlags::SILENT_SUCCESS, OpFlags::SEND_AND_SOLICIT_EVENT, OpFlags::READ_FENCE, OpFlags::INLINE];
        let plain = flags(how, &table);
        let Some(last) = self.slot_of(qp, how) else { return };
        if how & 16 != 0
            && let Some(first) = self.slot_of(qp, how)
            && self.send(qp, first, plain | OpFlags::DEFER) != Status::SUCCESS
        {
            self.model().free(last.0);
            return;
        }
        self.send(qp, last, plain);
    }

    fn send(&self, qp: Object, (slot, sge): (Slot, Sge), flags: OpFlags) -> Status {
        let number = self.model().qp_mut(qp.id).map_or(0, |qp| qp.sent) + 1;
        let data = message(number);
        let written = self.model().mr_mut(slot.mr).map(|mr| mr.buffer.write(offset(slot), &data));
        if written != Some(Ok(())) {
            self.model().breach(format!("a message does not fit its slot: {written:?}"));
        }
        let sge = Sge { length_bytes: data.len() as u32, ..sge };
        let post = self.new_post(0, flags.contains(OpFlags::SILENT_SUCCESS), Some(slot));
        let status = self.record(qp, post, Call::Send { qp, context: post.context, sgl: &[sge], flags });
        if status == Status::SUCCESS
            && let Some(qp) = self.model().qp_mut(qp.id)
        {
            qp.sent = number;
        }
        status
    }

    /// A write to the peer's region or a read of it.
    fn remote(&self, qp: Object, step: Step) {
        let Some(card) = self.model().qp_mut(qp.id).and_then(|qp| qp.peer) else { return };
        let Some((slot, sge)) = self.slot_of(qp, step.how) else { return };
        let (sge, remote_token) = (Sge { length_bytes: REMOTE_BYTES, ..sge }, card.token);
        let remote_address = card.address + REMOTE_OFFSET + u64::from(step.pick % SLOTS) * u64::from(REMOTE_BYTES);
        let flags = flags(step.how, &[OpFlags::SILENT_SUCCESS, OpFlags::READ_FENCE]);
        let post = self.new_post(0, flags.contains(OpFlags::SILENT_SUCCESS), Some(slot));
        let (context, sgl) = (post.context, &[sge][..]);
        let call = if step.verb == Verb::Write {
            Call::Write { qp, context, sgl, remote_address, remote_token, flags }
        } else {
            Call::Read { qp, context, sgl, remote_address, remote_token, flags }
        };
        self.record(qp, post, call);
    }
}
