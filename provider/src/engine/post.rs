//! Posting: checks, inline data, deferral, and the slots of the queues.

use super::Engine;
use super::lifetime::ObjectId;
use crate::backend::{Backend, SendRequest};
use crate::ndk::{AtomicOperation, NdkVersion, Object, ObjectKind, OpFlags, OperationType, Sge, Status};

/// An initiator request as its function has it.
#[derive(Debug)]
pub(super) enum Post<'a> {
    Send { sgl: &'a [Sge], invalidate: Option<u32> },
    Write { sgl: &'a [Sge], remote_address: u64, key: u32 },
    Read { sgl: &'a [Sge], remote_address: u64, key: u32 },
    Atomic { sgl: &'a [Sge], remote_address: u64, key: u32, operation: AtomicOperation },
    Bind { mr: Object, mw: Object, address: u64, length_bytes: u64 },
    FastRegister { mr: Object, pages: &'a [u64], first_byte_offset: u32, length_bytes: u64, base_address: u64 },
    Invalidate { target: Object },
}

/// What all of them have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    pub(super) context: u64,
    pub(super) flags: OpFlags,
}

/// What the end of a request changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// A region or window has this token, unless the request fails.
    Registered {
        target: ObjectId,
        token: u32,
    },
    /// A region or window loses this token, unless the request fails.
    Invalidated {
        target: ObjectId,
        token: u32,
    },
}

/// A posted initiator request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Initiated {
    pub(super) context: u64,
    pub(super) operation: OperationType,
    pub(super) silent: bool,
    pub(super) effect: Effect,
}

impl<B: Backend> Engine<B> {
    /// Posts an initiator request. A failure posts nothing and hands what was deferred to the device
    /// (NDKPI deferred processing scheme).
    pub(super) fn post(
        &mut self,
        host: &mut B::Host,
        qp: Object,
        posted: Posted,
        post: &Post<'_>,
    ) -> Result<(), Status> {
        let id = self.live(qp, ObjectKind::Qp)?;
        let outcome = self.try_post(host, id, posted, post);
        let deferred = outcome.is_ok() && posted.flags.contains(OpFlags::DEFER) && self.knows_1_2(id);
        self.objects.qp_mut(id).deferred |= outcome.is_ok();
        if !deferred {
            self.kick(host, id);
        }
        outcome
    }

    fn try_post(&mut self, host: &mut B::Host, id: ObjectId, posted: Posted, post: &Post<'_>) -> Result<(), Status> {
        let qp = self.objects.qp(id);
        qp.check_post(false, &self.config.policy)?;
        self.check_flags(id, posted.flags, post)?;
        if qp.sends.is_full() {
            return Err(self.config.policy.queue_full);
        }
        let request = qp.sends.next_id();
        let device_qp = qp.id();
        let inline = posted.flags.contains(OpFlags::INLINE) && matches!(post, Post::Send { .. } | Post::Write { .. });
        let prepared = self.prepare(id, post, posted.flags)?;
        self.check_sgl(id, prepared.sgl, prepared.kind, inline)?;
        let inline_data = if inline { Some(self.gather(host, prepared.sgl)?) } else { None };
        let silent = posted.flags.contains(OpFlags::SILENT_SUCCESS);
        let send = SendRequest {
            id: request,
            operation: prepared.operation,
            sgl: if inline { &[] } else { prepared.sgl },
            inline_data: inline_data.as_deref(),
            signalled: !silent,
            solicited: posted.flags.contains(OpFlags::SEND_AND_SOLICIT_EVENT),
            fence: posted.flags.contains(OpFlags::READ_FENCE),
        };
        self.backend.post_send(host, device_qp, &send)?;
        self.apply(prepared.now);
        let (operation, effect) = (prepared.kind, prepared.effect);
        self.objects.qp_mut(id).sends.push(Initiated { context: posted.context, operation, silent, effect });
        Ok(())
    }

    /// `NdkReceive`.
    pub(super) fn receive(&mut self, host: &mut B::Host, qp: Object, context: u64, sgl: &[Sge]) -> Result<(), Status> {
        let id = self.live(qp, ObjectKind::Qp)?;
        let qp = self.objects.qp(id);
        if qp.spec().srq.is_some() {
            return Err(self.config.policy.receive_beside_srq);
        }
        qp.check_post(true, &self.config.policy)?;
        if qp.receives.is_full() {
            return Err(self.config.policy.queue_full);
        }
        self.check_receive(sgl, qp.spec().max_receive_sge)?;
        self.backend.post_receive(host, qp.id(), qp.receives.next_id(), sgl)?;
        self.objects.qp_mut(id).receives.push(context);
        Ok(())
    }

    /// The list of a receive, own or shared.
    pub(super) fn check_receive(&self, sgl: &[Sge], max_sge: u32) -> Result<(), Status> {
        if sgl.len() > max_sge as usize {
            return Err(self.config.policy.too_many_sges);
        }
        if total_bytes(sgl) > u64::from(self.backend.capabilities().max_message_bytes) {
            return Err(self.config.policy.too_many_bytes);
        }
        Ok(())
    }

    fn knows_1_2(&self, id: ObjectId) -> bool {
        self.version(id) >= NdkVersion::V1_2
    }

    /// The flags that the pages list for each operation (section 2.7 of the NDKPI reference).
    fn check_flags(&self, id: ObjectId, flags: OpFlags, post: &Post<'_>) -> Result<(), Status> {
        let policy = &self.config.policy;
        if matches!(post, Post::Send { invalidate: Some(_), .. }) && !self.knows_1_2(id) {
            return Err(policy.later_version);
        }
        let mut known = OpFlags::SILENT_SUCCESS | OpFlags::READ_FENCE;
        match post {
            Post::Send { .. } => known |= OpFlags::SEND_AND_SOLICIT_EVENT | OpFlags::INLINE,
            Post::Write { .. } if policy.inline_write => known |= OpFlags::INLINE,
            Post::Write { .. } | Post::Atomic { .. } | Post::Invalidate { .. } => {}
            Post::Read { .. } if self.knows_1_2(id) => known |= OpFlags::RDMA_READ_LOCAL_INVALIDATE,
            Post::Read { .. } => {}
            Post::Bind { .. } => known |= OpFlags::ALLOW_REMOTE_READ | OpFlags::ALLOW_REMOTE_WRITE,
            Post::FastRegister { .. } => {
                known |= OpFlags::ALLOW_REMOTE_READ | OpFlags::ALLOW_REMOTE_WRITE | OpFlags::RDMA_READ_SINK;
            }
        }
        if self.knows_1_2(id) {
            known |= OpFlags::DEFER;
        }
        // Remote write comes with local write; a bind has no local write alone.
        let write = flags.bits() & OpFlags::ALLOW_REMOTE_WRITE.bits();
        let partial = write == 0x20 || write == 0x10 && matches!(post, Post::Bind { .. });
        match policy.unknown_flags {
            Some(status) if partial || !known.contains(flags) => Err(status),
            _ => Ok(()),
        }
    }

    fn check_sgl(&self, id: ObjectId, sgl: &[Sge], kind: OperationType, inline: bool) -> Result<(), Status> {
        let (spec, device) = (self.objects.qp(id).spec(), self.backend.capabilities());
        let (most_bytes, most_sges) = match kind {
            // The number of entries does not matter, the bytes are copied together.
            _ if inline => (spec.inline_bytes, u32::MAX),
            OperationType::Read => (device.max_message_bytes, spec.max_initiator_sge.min(device.max_read_sge)),
            _ => (device.max_message_bytes, spec.max_initiator_sge),
        };
        if sgl.len() > most_sges as usize {
            return Err(self.config.policy.too_many_sges);
        }
        if total_bytes(sgl) > u64::from(most_bytes) {
            return Err(self.config.policy.too_many_bytes);
        }
        Ok(())
    }

    /// The bytes of an inline request. Tokens are not looked at.
    fn gather(&mut self, host: &mut B::Host, sgl: &[Sge]) -> Result<Vec<u8>, Status> {
        let mut data = Vec::new();
        for sge in sgl {
            let start = data.len();
            data.resize(start + sge.length_bytes as usize, 0);
            self.backend.read_local(host, sge.address, &mut data[start..])?;
        }
        Ok(data)
    }
}

fn total_bytes(sgl: &[Sge]) -> u64 {
    sgl.iter().map(|sge| u64::from(sge.length_bytes)).sum()
}
