//! Posting. The library copies what a request says, so nothing of it is kept.

use super::VerbsBackend;
use crate::status::of_post;
use crate::sys::{Operation, SendFlags};
use provider::backend::{QpId, SendOperation, SendRequest, SrqId};
use provider::ndk::{Sge, Status};

/// Marks the ids of receives: a completion with an error does not say what it was.
pub(super) const RECEIVE: u64 = 1 << 63;

/// Ids are the provider's counters and do not reach the mark.
fn id_of(id: u64, mark: u64) -> Result<u64, Status> {
    if id & RECEIVE == 0 { Ok(id | mark) } else { Err(Status::INVALID_PARAMETER) }
}

impl VerbsBackend {
    pub(super) fn send(&mut self, id: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        let qp = &self.pairs.get(&id.0).ok_or(Status::INVALID_PARAMETER)?.qp;
        let operation = match request.operation {
            SendOperation::Send => Operation::Send { invalidate: None },
            SendOperation::SendInvalidate { key } => Operation::Send { invalidate: Some(key) },
            SendOperation::Write { remote_address, key } => Operation::Write { remote_address, key },
            SendOperation::Read { remote_address, key } => Operation::Read { remote_address, key },
            SendOperation::Atomic { remote_address, key, operation } => {
                Operation::Atomic { remote_address, key, operation }
            }
            SendOperation::Invalidate { key } => Operation::Invalidate { key },
            SendOperation::Bind { mr, mw, key, address, length_bytes, rights } => {
                let mr = self.regions.get(&mr.0).ok_or(Status::INVALID_PARAMETER)?;
                let mw = self.windows.get(&mw.0).ok_or(Status::INVALID_PARAMETER)?;
                // Windows have remote rights only.
                let rights = crate::sys::Rights { local_write: false, ..self.rights(rights) };
                Operation::Bind { mr, mw, key, address, length_bytes, rights }
            }
            SendOperation::FastRegister { .. } => return Err(Status::NOT_SUPPORTED),
        };
        let (signalled, solicited, fence) = (request.signalled, request.solicited, request.fence);
        let flags = SendFlags { signalled, solicited, fence };
        if request.inline_data.is_some_and(|data| data.len() > qp.size.max_inline_bytes as usize) {
            return Err(Status::INVALID_PARAMETER);
        }
        qp.post_send(id_of(request.id, 0)?, operation, request.sgl, request.inline_data, flags).map_err(of_post)?;
        self.pairs.entry(id.0).and_modify(|pair| pair.posted.push(request));
        Ok(())
    }

    pub(super) fn receive(&mut self, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        let qp = &self.pairs.get(&qp.0).ok_or(Status::INVALID_PARAMETER)?.qp;
        qp.post_receive(id_of(id, RECEIVE)?, sgl).map_err(of_post)
    }

    pub(super) fn shared_receive(&mut self, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        let srq = self.srqs.get(&srq.0).ok_or(Status::INVALID_PARAMETER)?;
        srq.post_receive(id_of(id, RECEIVE)?, sgl).map_err(of_post)
    }
}
