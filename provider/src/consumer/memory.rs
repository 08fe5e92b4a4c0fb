//! Buffers of a node and regions registered over them.

use super::session::Session;
use crate::ndk::{Call, MrFlags, Object, Out, Sge, Status};
use host::{Mdl, MemoryError};

/// A locked buffer of a node. Its pages go back when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    session: Session,
    mdl: Mdl,
}

impl Buffer {
    pub(super) fn new(session: Session, length_bytes: u64) -> Self {
        let mdl = session.with_memory(|memory| memory.allocate(length_bytes, 0));
        Self { session, mdl }
    }

    /// The page list.
    #[must_use]
    pub fn mdl(&self) -> &Mdl {
        &self.mdl
    }

    /// Address of the first byte, as remote peers name it.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.mdl.virtual_address
    }

    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.mdl.length_bytes
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `data` in from `offset`.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        self.session.with_memory(|memory| memory.write_buffer(&self.mdl, offset, data))
    }

    /// Copies `length_bytes` out from `offset`.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn read(&self, offset: u64, length_bytes: usize) -> Result<Vec<u8>, MemoryError> {
        let mut data = vec![0; length_bytes];
        self.session.with_memory(|memory| memory.read_buffer(&self.mdl, offset, &mut data))?;
        Ok(data)
    }

    /// A list entry for `length_bytes` from `offset`, under a region's token.
    #[must_use]
    pub fn sge(&self, offset: u64, length_bytes: u32, token: u32) -> Sge {
        Sge { address: self.address() + offset, length_bytes, token }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.session.with_memory(|memory| memory.free(&self.mdl));
    }
}

/// A memory region.
#[derive(Debug)]
pub struct Mr {
    session: Session,
    object: Object,
}

impl Mr {
    pub(super) fn new(session: Session, object: Object) -> Self {
        Self { session, object }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkRegisterMr` over a whole buffer.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn register(&self, buffer: &Buffer, flags: MrFlags) -> Result<(), Status> {
        let (mr, mdl, length_bytes) = (self.object, buffer.mdl(), buffer.len());
        let register = |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion };
        self.session.request(register).await.map(drop)
    }

    /// `NdkInitializeFastRegisterMr`, for registrations of at most `pages` pages.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn prepare(&self, pages: u32, remote_access: bool) -> Result<(), Status> {
        let (mr, adapter_page_count) = (self.object, pages);
        let prepare = |completion| Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access, completion };
        self.session.request(prepare).await.map(drop)
    }

    /// `NdkDeregisterMr`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn deregister(&self) -> Result<(), Status> {
        let mr = self.object;
        self.session.request(|completion| Call::DeregisterMr { mr, completion }).await.map(drop)
    }

    /// The token for own lists; the region must be registered.
    pub async fn local_token(&self) -> u32 {
        self.token(Call::GetLocalTokenFromMr { mr: self.object }).await
    }

    /// The token for the peer; the region must be registered.
    pub async fn remote_token(&self) -> u32 {
        self.token(Call::GetRemoteTokenFromMr { mr: self.object }).await
    }

    async fn token(&self, call: Call<'_>) -> u32 {
        match self.session.returned(self.session.call(call)).await.out {
            Out::Token(token) => token,
            _ => 0,
        }
    }

    /// `NdkCloseMr`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }
}
