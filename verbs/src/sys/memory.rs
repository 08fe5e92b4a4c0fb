//! Buffers that stay where they are, regions over them, and windows.

use super::abi;
use super::device::Pd;
use super::{check, created};
use crate::error::Errno;
use host::PAGE_SIZE;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;

/// Whole pages at a stable address, zeroed at first. A device may write them at any time, so no reference to the bytes
/// ever exists: they are copied in and out.
#[derive(Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the bytes are owned, and reached through methods that demand exclusive access among processors.
unsafe impl Send for Block {}
// SAFETY: as above: `read` and `write` are called under the lock of `PinnedMemory`.
unsafe impl Sync for Block {}

impl Block {
    pub(crate) fn allocate(pages: usize) -> Self {
        let bytes = pages.max(1) * PAGE_SIZE as usize;
        let layout = Layout::from_size_align(bytes, PAGE_SIZE as usize).expect("page sizes are powers of two");
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Self { start: start.unwrap_or_else(|| handle_alloc_error(layout)), layout }
    }

    /// The address, for processor and device alike.
    pub(crate) fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    pub(crate) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// Copies bytes out.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) {
        assert!(offset.checked_add(into.len()).is_some_and(|end| end <= self.bytes()), "a read inside the block");
        // SAFETY: the range is inside the block; `into` is another allocation.
        unsafe { self.start.as_ptr().add(offset).copy_to_nonoverlapping(into.as_mut_ptr(), into.len()) };
    }

    /// Copies bytes in. No other thread may be reading or writing.
    pub(crate) fn write(&self, offset: usize, data: &[u8]) {
        assert!(offset.checked_add(data.len()).is_some_and(|end| end <= self.bytes()), "a write inside the block");
        // SAFETY: the range is inside the block; `data` is another allocation.
        unsafe { self.start.as_ptr().add(offset).copy_from_nonoverlapping(data.as_ptr(), data.len()) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; every region over it held it, so no device reaches it any more.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// A memory region.
#[derive(Debug)]
pub(crate) struct Mr {
    pub(super) raw: NonNull<abi::Mr>,
    pd: Arc<Pd>,
    block: Arc<Block>,
}

// SAFETY: as for `Device`.
unsafe impl Send for Mr {}
// SAFETY: as for `Device`.
unsafe impl Sync for Mr {}

/// Rights of a region or window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) local_write: bool,
    pub(crate) remote_read: bool,
    pub(crate) remote_write: bool,
    pub(crate) remote_atomic: bool,
    pub(crate) bind: bool,
}

impl Rights {
    pub(super) fn bits(self) -> i32 {
        let bit = |wanted: bool, bit| if wanted { bit } else { 0 };
        bit(self.local_write, abi::ACCESS_LOCAL_WRITE)
            | bit(self.remote_read, abi::ACCESS_REMOTE_READ)
            | bit(self.remote_write, abi::ACCESS_REMOTE_WRITE)
            | bit(self.remote_atomic, abi::ACCESS_REMOTE_ATOMIC)
            | bit(self.bind, abi::ACCESS_MW_BIND)
    }
}

impl Mr {
    /// Registers part of a block.
    pub(crate) fn register(
        pd: &Arc<Pd>,
        block: &Arc<Block>,
        (offset, length): (usize, usize),
        rights: Rights,
    ) -> Result<Self, Errno> {
        assert!(offset.checked_add(length).is_some_and(|end| end <= block.bytes()), "a region inside its block");
        let register = pd.device.libraries().verbs.ibv_reg_mr;
        // SAFETY: the offset is inside the block.
        let start = unsafe { block.start.as_ptr().add(offset) };
        // SAFETY: the domain is live, and the bytes stay allocated as long as the region.
        let raw = created(unsafe { register(pd.raw.as_ptr(), start.cast(), length, rights.bits()) })?;
        Ok(Self { raw, pd: Arc::clone(pd), block: Arc::clone(block) })
    }

    pub(crate) fn local_key(&self) -> u32 {
        // SAFETY: the region is live.
        unsafe { (*self.raw.as_ptr()).lkey }
    }

    pub(crate) fn remote_key(&self) -> u32 {
        // SAFETY: the region is live.
        unsafe { (*self.raw.as_ptr()).rkey }
    }
}

impl Drop for Mr {
    fn drop(&mut self) {
        // SAFETY: the region is live and, unless this fails, not used after it.
        let ended = check(unsafe { (self.pd.device.libraries().verbs.ibv_dereg_mr)(self.raw.as_ptr()) });
        if ended.is_err() {
            // The device still reaches the bytes (a window is bound): they must stay for good.
            std::mem::forget(Arc::clone(&self.block));
        }
    }
}

/// A type 2 memory window.
#[derive(Debug)]
pub(crate) struct Mw {
    pub(super) raw: NonNull<abi::Mw>,
    pd: Arc<Pd>,
}

// SAFETY: as for `Device`.
unsafe impl Send for Mw {}
// SAFETY: as for `Device`.
unsafe impl Sync for Mw {}

impl Mw {
    pub(crate) fn create(pd: &Arc<Pd>) -> Result<Self, Errno> {
        let create = pd.device.ops().alloc_mw.ok_or(Errno(libc::EOPNOTSUPP))?;
        // SAFETY: the domain is live.
        let raw = created(unsafe { create(pd.raw.as_ptr(), abi::MW_TYPE_2) })?;
        Ok(Self { raw, pd: Arc::clone(pd) })
    }

    pub(crate) fn remote_key(&self) -> u32 {
        // SAFETY: the window is live.
        unsafe { (*self.raw.as_ptr()).rkey }
    }
}

impl Drop for Mw {
    fn drop(&mut self) {
        if let Some(destroy) = self.pd.device.ops().dealloc_mw {
            // SAFETY: the window is live and not used after this.
            unsafe { destroy(self.raw.as_ptr()) };
        }
    }
}
