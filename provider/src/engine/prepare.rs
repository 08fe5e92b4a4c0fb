//! From an initiator request as its function has it to what a backend posts: regions, windows and tokens looked up.

use super::Engine;
use super::lifetime::ObjectId;
use super::mr::{Extent, MrChange};
use super::post::{Effect, Post};
use crate::backend::{Backend, SendOperation};
use crate::ndk::extension::ATOMIC_BYTES;
use crate::ndk::{MrFlags, Object, ObjectKind, OpFlags, OperationType, Sge, Status};
use host::PAGE_SIZE;

/// A request that has passed its checks.
pub(super) struct Prepared<'a> {
    pub(super) operation: SendOperation<'a>,
    pub(super) kind: OperationType,
    pub(super) sgl: &'a [Sge],
    /// What is so as soon as the post returns.
    pub(super) now: Now,
    pub(super) effect: Effect,
}

/// What is so as soon as a post returns.
pub(super) enum Now {
    Nothing,
    Bound { window: ObjectId, region: ObjectId, token: u32 },
    FastRegistered { region: ObjectId, token: u32, extent: Extent },
}

impl<'a> Prepared<'a> {
    fn transfer(operation: SendOperation<'a>, kind: OperationType, sgl: &'a [Sge]) -> Self {
        Self { operation, kind, sgl, now: Now::Nothing, effect: Effect::None }
    }
}

impl<B: Backend> Engine<B> {
    /// Checks what a request names, and builds the device's.
    pub(super) fn prepare<'a>(&self, id: ObjectId, post: &Post<'a>, flags: OpFlags) -> Result<Prepared<'a>, Status> {
        let transfer = Prepared::transfer;
        match *post {
            Post::Send { sgl, invalidate: None } => Ok(transfer(SendOperation::Send, OperationType::Send, sgl)),
            Post::Send { sgl, invalidate: Some(key) } => {
                self.check_invalidation()?;
                Ok(transfer(SendOperation::SendInvalidate { key }, OperationType::Send, sgl))
            }
            Post::Write { sgl, remote_address, key } => {
                Ok(transfer(SendOperation::Write { remote_address, key }, OperationType::Write, sgl))
            }
            Post::Read { sgl, remote_address, key } => {
                Ok(transfer(SendOperation::Read { remote_address, key }, OperationType::Read, sgl))
            }
            Post::Atomic { sgl, remote_address, key, operation } => {
                self.check_atomic(sgl, remote_address)?;
                let operation = SendOperation::Atomic { remote_address, key, operation };
                Ok(transfer(operation, OperationType::Atomic, sgl))
            }
            Post::Bind { mr, mw, address, length_bytes } => {
                self.prepare_bind(id, (mr, mw), (address, length_bytes), flags)
            }
            Post::FastRegister { mr, pages, first_byte_offset, length_bytes, base_address } => {
                let region = self.live_beside(mr, ObjectKind::Mr, id)?;
                let layout = Layout { pages, first_byte_offset, length_bytes, base_address };
                self.prepare_fast_register(region, layout, flags)
            }
            Post::Invalidate { target } => self.prepare_invalidate(id, target),
        }
    }

    fn prepare_bind<'a>(
        &self,
        id: ObjectId,
        (mr, mw): (Object, Object),
        (address, length_bytes): (u64, u64),
        flags: OpFlags,
    ) -> Result<Prepared<'a>, Status> {
        let region = self.live_beside(mr, ObjectKind::Mr, id)?;
        let window = self.live_beside(mw, ObjectKind::Mw, id)?;
        let mr = self.objects.mr(region);
        let extent = mr.registered().ok_or(self.config.policy.wrong_state)?;
        let start = address.checked_sub(extent.address).ok_or(Status::INVALID_PARAMETER)?;
        if start.checked_add(length_bytes).is_none_or(|end| end > extent.length_bytes) {
            return Err(Status::INVALID_PARAMETER);
        }
        let rights = rights(flags);
        if rights.contains(MrFlags::ALLOW_REMOTE_WRITE) && !extent.rights.contains(MrFlags::ALLOW_LOCAL_WRITE) {
            return Err(Status::ACCESS_VIOLATION);
        }
        let mr = mr.id().ok_or(self.config.policy.wrong_state)?;
        let mw = self.objects.mw(window);
        let token = self.next_token(mw.token());
        let operation = SendOperation::Bind { mr, mw: mw.id(), key: token, address, length_bytes, rights };
        let now = Now::Bound { window, region, token };
        let effect = Effect::Registered { target: window, token };
        Ok(Prepared { operation, kind: OperationType::Bind, sgl: &[], now, effect })
    }

    fn prepare_fast_register<'a>(
        &self,
        region: ObjectId,
        layout: Layout<'a>,
        flags: OpFlags,
    ) -> Result<Prepared<'a>, Status> {
        let mr = self.objects.mr(region);
        let id = mr.id().filter(|_| mr.allows(MrChange::FastRegister)).ok_or(self.config.policy.wrong_state)?;
        let (max_pages, remote_access) = mr.fast_limits();
        if !layout.is_sound(max_pages, self.config.policy.zero_based_registration) {
            return Err(Status::INVALID_PARAMETER);
        }
        let rights = rights(flags);
        // Remote write contains local write, which needs no remote access.
        let remote = MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE.difference(MrFlags::ALLOW_LOCAL_WRITE);
        if rights.intersects(remote) && !remote_access {
            return Err(Status::ACCESS_VIOLATION);
        }
        let token = self.next_token(mr.remote_token().unwrap_or_default());
        let Layout { pages, first_byte_offset, length_bytes, base_address } = layout;
        let operation = SendOperation::FastRegister {
            mr: id,
            key: token,
            pages,
            first_byte_offset,
            length_bytes,
            base_address,
            rights,
        };
        let extent = Extent { address: base_address, length_bytes, rights };
        let now = Now::FastRegistered { region, token, extent };
        let effect = Effect::Registered { target: region, token };
        Ok(Prepared { operation, kind: OperationType::FastRegister, sgl: &[], now, effect })
    }

    /// Of what is not registered the device makes an error completion; a region of `NdkRegisterMr` is refused.
    fn prepare_invalidate<'a>(&self, id: ObjectId, target: Object) -> Result<Prepared<'a>, Status> {
        self.check_invalidation()?;
        let (object, token) = match target.kind {
            ObjectKind::Mw => {
                let window = self.live_beside(target, ObjectKind::Mw, id)?;
                (window, self.objects.mw(window).token())
            }
            _ => {
                let region = self.live_beside(target, ObjectKind::Mr, id)?;
                let mr = self.objects.mr(region);
                let token = mr.remote_token().filter(|_| mr.allows(MrChange::Invalidate));
                (region, token.ok_or(Status::INVALID_PARAMETER)?)
            }
        };
        let effect = Effect::Invalidated { target: object, token };
        let operation = SendOperation::Invalidate { key: token };
        Ok(Prepared { operation, kind: OperationType::Invalidate, sgl: &[], now: Now::Nothing, effect })
    }

    /// The device is not asked about an address that is no multiple of eight: soft RoCE does not survive the question.
    fn check_atomic(&self, sgl: &[Sge], remote_address: u64) -> Result<(), Status> {
        if !self.backend.capabilities().atomics {
            return Err(Status::NOT_SUPPORTED);
        }
        let aligned = remote_address.is_multiple_of(ATOMIC_BYTES.into());
        let sound = aligned && matches!(sgl, [sge] if sge.length_bytes == ATOMIC_BYTES);
        if sound { Ok(()) } else { Err(Status::INVALID_PARAMETER) }
    }

    fn check_invalidation(&self) -> Result<(), Status> {
        if self.backend.capabilities().invalidate { Ok(()) } else { Err(Status::NOT_SUPPORTED) }
    }

    /// Does what is so as soon as a post returns.
    pub(super) fn apply(&mut self, now: Now) {
        match now {
            Now::Nothing => {}
            Now::Bound { window, region, token } => self.bound(window, region, token),
            Now::FastRegistered { region, token, extent } => self.fast_registered(region, token, extent),
        }
    }

    fn fast_registered(&mut self, region: ObjectId, token: u32, extent: Extent) {
        let before = self.objects.mr(region).remote_token();
        self.forget_token(before);
        self.tokens.insert(token, region);
        self.objects.mr_mut(region).fast_registered(token, extent);
    }
}

/// The pages of a fast registration.
#[derive(Clone, Copy)]
struct Layout<'a> {
    pages: &'a [u64],
    first_byte_offset: u32,
    length_bytes: u64,
    base_address: u64,
}

impl Layout<'_> {
    /// The rules of the `NdkFastRegister` page.
    fn is_sound(&self, max_pages: u32, zero_based: bool) -> bool {
        let offset = u64::from(self.first_byte_offset);
        let space = (self.pages.len() as u64 * PAGE_SIZE).saturating_sub(offset);
        self.pages.len() <= max_pages as usize
            && self.pages.iter().all(|page| page % PAGE_SIZE == 0)
            && offset < PAGE_SIZE
            && self.length_bytes > 0
            && self.length_bytes <= space
            && self.base_address % PAGE_SIZE == offset
            && (zero_based || self.base_address != 0)
    }
}

/// The rights that a bind or fast registration asks for.
fn rights(flags: OpFlags) -> MrFlags {
    [
        (OpFlags::ALLOW_REMOTE_READ, MrFlags::ALLOW_REMOTE_READ),
        (OpFlags::ALLOW_LOCAL_WRITE, MrFlags::ALLOW_LOCAL_WRITE),
        (OpFlags::ALLOW_REMOTE_WRITE, MrFlags::ALLOW_REMOTE_WRITE),
        (OpFlags::RDMA_READ_SINK, MrFlags::RDMA_READ_SINK),
    ]
    .into_iter()
    .filter(|&(flag, _)| flags.contains(flag))
    .fold(MrFlags::empty(), |rights, (_, right)| rights | right)
}
