//! Queue pairs: posting.

use super::session::Session;
use crate::ndk::{Answer, Call, Object, OpFlags, Sge, Status};

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
