//! Queue pairs: posting.

use super::memory::Mr;
use super::session::Session;
use crate::ndk::{Answer, AtomicOperation, Call, LogicalAddressMapping, Object, OpFlags, Sge, Status};
use host::PAGE_SIZE;

/// A queue pair. A post that fails has no result; a post that succeeds has exactly one (a silent success none).
#[derive(Debug)]
pub struct Qp {
    session: Session,
    object: Object,
}

impl Qp {
    pub(super) fn new(session: Session, object: Object) -> Self {
        Self { session, object }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkReceive`.
    ///
    /// # Errors
    /// The inline status.
    pub fn receive(&self, context: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.post(Call::Receive { qp: self.object, context, sgl })
    }

    /// `NdkSend`.
    ///
    /// # Errors
    /// The inline status.
    pub fn send(&self, context: u64, sgl: &[Sge], flags: OpFlags) -> Result<(), Status> {
        self.post(Call::Send { qp: self.object, context, sgl, flags })
    }

    /// `NdkWrite`.
    ///
    /// # Errors
    /// The inline status.
    pub fn write(
        &self,
        context: u64,
        sgl: &[Sge],
        remote_address: u64,
        remote_token: u32,
        flags: OpFlags,
    ) -> Result<(), Status> {
        self.post(Call::Write { qp: self.object, context, sgl, remote_address, remote_token, flags })
    }

    /// `NdkRead`.
    ///
    /// # Errors
    /// The inline status.
    pub fn read(
        &self,
        context: u64,
        sgl: &[Sge],
        remote_address: u64,
        remote_token: u32,
        flags: OpFlags,
    ) -> Result<(), Status> {
        self.post(Call::Read { qp: self.object, context, sgl, remote_address, remote_token, flags })
    }

    /// An atomic on eight bytes of the peer's memory, by the [extension](crate::ndk::extension::ATOMICS); what they were
    /// comes into the one entry of `sgl`.
    ///
    /// # Errors
    /// The inline status; NOT_SUPPORTED where the adapter has none.
    pub fn atomic(
        &self,
        context: u64,
        sgl: &[Sge],
        remote_address: u64,
        remote_token: u32,
        operation: AtomicOperation,
    ) -> Result<(), Status> {
        let (qp, flags) = (self.object, OpFlags::empty());
        self.post(Call::Atomic { qp, context, sgl, remote_address, remote_token, operation, flags })
    }

    /// `NdkSendAndInvalidate` (1.2): ends the peer's `remote_token` as the message arrives.
    ///
    /// # Errors
    /// The inline status.
    pub fn send_and_invalidate(
        &self,
        context: u64,
        sgl: &[Sge],
        flags: OpFlags,
        remote_token: u32,
    ) -> Result<(), Status> {
        self.post(Call::SendAndInvalidate { qp: self.object, context, sgl, flags, remote_token })
    }

    /// `NdkFastRegister` of `length_bytes` from the start of a mapping, known to peers from `base_virtual_address` on; it
    /// must have the offset in its page that the mapping begins with. The token is [`Mr::remote_token`] from now on.
    ///
    /// # Errors
    /// The inline status; INVALID_PARAMETER if the mapping is shorter.
    pub fn fast_register(
        &self,
        context: u64,
        mr: &Mr,
        mapping: &LogicalAddressMapping,
        length_bytes: u64,
        base_virtual_address: u64,
        flags: OpFlags,
    ) -> Result<(), Status> {
        let pages = (u64::from(mapping.first_byte_offset) + length_bytes).div_ceil(PAGE_SIZE) as usize;
        let adapter_pages = mapping.adapter_pages.get(..pages).ok_or(Status::INVALID_PARAMETER)?;
        self.post(Call::FastRegister {
            qp: self.object,
            context,
            mr: mr.object(),
            adapter_pages,
            first_byte_offset: mapping.first_byte_offset,
            length_bytes,
            base_virtual_address,
            flags,
        })
    }

    /// `NdkInvalidate` of a fast-registered region or a window.
    ///
    /// # Errors
    /// The inline status.
    pub fn invalidate(&self, context: u64, target: Object, flags: OpFlags) -> Result<(), Status> {
        self.post(Call::Invalidate { qp: self.object, context, target, flags })
    }

    /// `NdkFlush`.
    pub fn flush(&self) {
        self.session.call(Call::Flush { qp: self.object });
    }

    /// `NdkCloseQp`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }

    fn post(&self, call: Call<'_>) -> Result<(), Status> {
        match self.session.call(call) {
            Answer::Returned(returned) => returned.status.ok(),
            Answer::Blocks(_) => Err(Status::UNSUCCESSFUL),
        }
    }
}
