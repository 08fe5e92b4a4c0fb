//! Memory that consumers and real devices share: buffers at addresses which never change and mean the same to both.

use crate::sys::Block;
use host::{Arena, HostMemory, Mdl, MemoryError, PAGE_SIZE};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The buffers of one process, by their addresses. A clone is the same memory.
///
/// As a [`HostMemory`] ([`host_memory`](Self::host_memory)) it serves consumers that were written for simulated hosts: its
/// [`Mdl`]s carry addresses of this process. A buffer that is given back while a region is registered over it stays
/// allocated until the region goes, so that a device never writes into what became something else.
#[derive(Clone, Debug, Default)]
pub struct PinnedMemory {
    blocks: Arc<Mutex<BTreeMap<u64, Arc<Block>>>>,
}

impl PinnedMemory {
    /// Memory with nothing allocated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This memory, as consumers take it.
    #[must_use]
    pub fn host_memory(&self) -> HostMemory {
        HostMemory::over(Arc::new(self.clone()))
    }

    fn blocks(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Block>>> {
        // A panic elsewhere leaves the table whole: each operation is one insertion or removal.
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block that holds a whole range, and where in it the range begins.
    pub(crate) fn find(&self, address: u64, length_bytes: u64) -> Option<(Arc<Block>, usize)> {
        let blocks = self.blocks();
        let (block, offset) = find(&blocks, address, usize::try_from(length_bytes).ok()?)?;
        Some((Arc::clone(block), offset))
    }
}

fn find(blocks: &BTreeMap<u64, Arc<Block>>, address: u64, length: usize) -> Option<(&Arc<Block>, usize)> {
    let (start, block) = blocks.range(..=address).next_back()?;
    let offset = usize::try_from(address - start).ok()?;
    if offset.checked_add(length)? <= block.bytes() { Some((block, offset)) } else { None }
}

impl Arena for PinnedMemory {
    fn allocate(&self, length_bytes: u64, offset: u64) -> Mdl {
        let offset = offset % PAGE_SIZE;
        let count = (offset + length_bytes).div_ceil(PAGE_SIZE).max(1);
        let block = Arc::new(Block::allocate(count as usize));
        let start = block.address();
        self.blocks().insert(start, block);
        let pages = (0..count).map(|page| start + page * PAGE_SIZE).collect();
        Mdl { virtual_address: start + offset, length_bytes, pages }
    }

    fn free(&self, mdl: &Mdl) {
        if let Some(first) = mdl.pages.first() {
            self.blocks().remove(first);
        }
    }

    fn allocated_pages(&self) -> usize {
        self.blocks().values().map(|block| block.bytes() / PAGE_SIZE as usize).sum()
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
        let blocks = self.blocks();
        let found = find(&blocks, address, into.len());
        let (block, offset) = found.ok_or(MemoryError::NotMemory { address, length: into.len() })?;
        block.read(offset, into);
        Ok(())
    }

    fn write(&self, address: u64, data: &[u8]) -> Result<(), MemoryError> {
        let blocks = self.blocks();
        let found = find(&blocks, address, data.len());
        let (block, offset) = found.ok_or(MemoryError::NotMemory { address, length: data.len() })?;
        block.write(offset, data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_use_it_like_simulated_memory() {
        let pinned = PinnedMemory::new();
        let mut memory = pinned.host_memory();
        let mdl = memory.allocate(10_000, 100);
        assert_eq!((mdl.first_byte_offset(), mdl.pages.len(), memory.allocated_pages()), (100, 3, 3));
        let data: Vec<u8> = (0..10_000_u32).map(|index| index as u8).collect();
        memory.write_buffer(&mdl, 0, &data).expect("the buffer is memory");
        let mut back = vec![0; data.len()];
        memory.read(mdl.virtual_address, &mut back).expect("addresses of the bus are virtual ones");
        assert_eq!(back, data);
        assert!(memory.read_buffer(&mdl, 1, &mut back).is_err(), "one byte past the end is refused");
        memory.free(&mdl);
        assert_eq!(pinned.allocated_pages(), 0);
        assert!(memory.write_buffer(&mdl, 0, &[1]).is_err());
        assert!(memory.read(u64::MAX, &mut [0]).is_err());
    }

    #[test]
    fn a_buffer_in_use_outlives_its_return() {
        let pinned = PinnedMemory::new();
        let mdl = pinned.allocate(5, 0);
        pinned.write(mdl.virtual_address, b"hello").expect("the buffer is memory");
        let (block, offset) = pinned.find(mdl.virtual_address + 1, 4).expect("inside the buffer");
        pinned.free(&mdl);
        assert!(pinned.find(mdl.virtual_address, 1).is_none(), "nothing new can be registered over it");
        let mut bytes = [0; 4];
        block.read(offset, &mut bytes);
        assert_eq!(&bytes, b"ello");
    }
}
