//! Memory of one host: buffers of consumers, what a device may reach, and its writes that are still on their way.

use crate::arena::Arena;
use crate::iommu::{Access, Fault, Iommu, Remapping, Rights};
use crate::mdl::Mdl;
use crate::page::PAGE_SIZE;
use crate::physical::Physical;
use bytes::Bytes;
use des::Time;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Virtual addresses of consumers' buffers lie here, far from every bus address, so that one taken for the other fails.
const VIRTUAL_BASE: u64 = 0x7f00_0000_0000;

/// An access that memory refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Part of the range is no memory.
    #[error("bus address {address:#x} (+{length} bytes) is not memory of this host")]
    NotMemory {
        /// First byte of the access.
        address: u64,
        /// Bytes asked for.
        length: usize,
    },
    /// The IOMMU refuses a device's access.
    #[error("{0}")]
    Blocked(Fault),
}

/// A write that the device has issued and that becomes visible at `at`.
#[derive(Clone, Debug)]
struct PostedWrite {
    at: Time,
    address: u64,
    data: Bytes,
}

/// The memory of one host.
///
/// A device's writes are queued with the moment they take effect and are applied when somebody looks
/// ([`settle`](Self::settle)): exact, and without an event per write.
#[derive(Clone, Debug, Default)]
pub struct HostMemory {
    physical: Physical,
    posted: VecDeque<PostedWrite>,
    next_virtual: u64,
    /// Consumers' buffers by their virtual address: the processor's page table.
    buffers: BTreeMap<u64, Mdl>,
    /// Pages are handed out with gaps and in scrambled order, so that code that forgets translation fails.
    scatter: u64,
    /// All memory lies there instead, if there is one.
    arena: Option<Arc<dyn Arena>>,
    /// Without one, a device's addresses are physical ones.
    iommu: Option<Box<Iommu>>,
}

impl HostMemory {
    /// Memory with nothing allocated.
    #[must_use]
    pub fn new() -> Self {
        Self { next_virtual: VIRTUAL_BASE, ..Self::default() }
    }

    /// Memory that its device reaches through an IOMMU: only what is mapped.
    #[must_use]
    pub fn behind_iommu() -> Self {
        let mut memory = Self::new();
        memory.iommu = Some(Box::new(Iommu::new(&mut memory.physical)));
        memory
    }

    /// Memory that lies elsewhere. A clone is the same memory: there is one of it.
    #[must_use]
    pub fn over(arena: Arc<dyn Arena>) -> Self {
        Self { arena: Some(arena), ..Self::new() }
    }

    /// Allocates `count` zeroed pages that are contiguous on the bus and returns the address of the first: what a driver
    /// asks for its rings.
    pub fn allocate_contiguous(&mut self, count: usize) -> u64 {
        if let Some(arena) = &self.arena {
            return arena.allocate(count as u64 * PAGE_SIZE, 0).virtual_address;
        }
        self.physical.allocate_run(count)
    }

    /// Frees what [`allocate_contiguous`](Self::allocate_contiguous) returned. Later accesses fail.
    pub fn free_contiguous(&mut self, address: u64, count: usize) {
        if let Some(arena) = &self.arena {
            return arena.free(&Mdl {
                virtual_address: address,
                length_bytes: count as u64 * PAGE_SIZE,
                pages: vec![address],
            });
        }
        for page in 0..count as u64 {
            self.physical.free_page(address + page * PAGE_SIZE);
        }
    }

    /// Allocates a zeroed buffer of `length_bytes` that starts `offset` bytes into its first page: virtually contiguous,
    /// its pages scattered over the bus.
    pub fn allocate(&mut self, length_bytes: u64, offset: u64) -> Mdl {
        if let Some(arena) = &self.arena {
            return arena.allocate(length_bytes, offset);
        }
        let offset = offset % PAGE_SIZE;
        let count = (offset + length_bytes).div_ceil(PAGE_SIZE).max(1);
        let virtual_address = self.next_virtual + offset;
        self.next_virtual += (count + 1) * PAGE_SIZE;
        let mut pages: Vec<u64> = (0..count).map(|_| self.physical.allocate_page()).collect();
        self.scatter = self.scatter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let rotation = (self.scatter >> 33) as usize % pages.len();
        pages.rotate_left(rotation);
        let mdl = Mdl { virtual_address, length_bytes, pages };
        self.buffers.insert(virtual_address, mdl.clone());
        mdl
    }

    /// Frees a buffer. Later accesses to its pages fail.
    pub fn free(&mut self, mdl: &Mdl) {
        if let Some(arena) = &self.arena {
            return arena.free(mdl);
        }
        self.buffers.remove(&mdl.virtual_address);
        for address in &mdl.pages {
            self.physical.free_page(*address);
        }
    }

    /// How many pages have been allocated. Those of the IOMMU's tables are not counted: they follow what is mapped.
    #[must_use]
    pub fn allocated_pages(&self) -> usize {
        let tables = self.iommu.as_ref().map_or(0, |iommu| iommu.table_pages());
        let own = || self.physical.allocated_pages().saturating_sub(tables);
        self.arena.as_ref().map_or_else(own, |arena| arena.allocated_pages())
    }

    /// Makes pages reachable for the device; gives the addresses by which it reaches them. Physical addresses without an
    /// IOMMU, else addresses one behind the other until [`unmap`](Self::unmap).
    pub fn map(&mut self, pages: &[u64], rights: Rights) -> Vec<u64> {
        match &mut self.iommu {
            None => pages.to_vec(),
            Some(iommu) => {
                let first = iommu.map(&mut self.physical, pages.iter().copied(), rights);
                (first..).step_by(PAGE_SIZE as usize).take(pages.len()).collect()
            }
        }
    }

    /// As [`map`](Self::map), for pages that are contiguous on the bus from `address` on; gives the first address.
    pub fn map_contiguous(&mut self, address: u64, count: usize, rights: Rights) -> u64 {
        match &mut self.iommu {
            None => address,
            Some(iommu) => {
                let pages = (0..count).map(|page| address + page as u64 * PAGE_SIZE);
                iommu.map(&mut self.physical, pages, rights)
            }
        }
    }

    /// Takes back what [`map`](Self::map) or [`map_contiguous`](Self::map_contiguous) gave from this address on. Nothing
    /// happens if they did not, or without an IOMMU.
    pub fn unmap(&mut self, address: u64) {
        if let Some(iommu) = &mut self.iommu {
            iommu.unmap(&mut self.physical, address);
        }
    }

    /// The IOMMU, if there is one.
    #[must_use]
    pub fn iommu(&self) -> Option<&Iommu> {
        self.iommu.as_deref()
    }

    /// What has been mapped and unmapped since the last time, if anything.
    #[inline]
    pub fn take_remapping(&mut self) -> Option<Remapping> {
        self.iommu.as_mut()?.take_remapping()
    }

    /// Queues a device's write that takes effect at `at`, and is translated then. Writes take effect in the order of this call.
    pub fn post_write(&mut self, at: Time, address: u64, data: Bytes) {
        self.posted.push_back(PostedWrite { at, address, data });
    }

    /// Whether posted writes have not been applied.
    #[must_use]
    #[inline]
    pub fn has_posted(&self) -> bool {
        !self.posted.is_empty()
    }

    /// Applies the device's writes up to and including `now`. Call before reading or writing at `now`.
    ///
    /// # Errors
    /// The first write that the IOMMU refused, else the first that did not hit memory; the others are applied all the same.
    #[inline]
    pub fn settle(&mut self, now: Time) -> Result<(), MemoryError> {
        if self.posted.front().is_none_or(|write| write.at > now) {
            return Ok(());
        }
        self.apply_posted(now)
    }

    fn apply_posted(&mut self, now: Time) -> Result<(), MemoryError> {
        let mut outcome = Ok(());
        while self.posted.front().is_some_and(|write| write.at <= now) {
            if let Some(write) = self.posted.pop_front() {
                let placed = self.place(write);
                let graver =
                    matches!((outcome, placed), (Err(MemoryError::NotMemory { .. }), Err(MemoryError::Blocked(_))));
                outcome = if graver { placed } else { outcome.and(placed) };
            }
        }
        outcome
    }

    fn place(&mut self, write: PostedWrite) -> Result<(), MemoryError> {
        let PostedWrite { address, data, .. } = write;
        match (&mut self.iommu, &self.arena) {
            (None, None) => self.physical.place(address, data),
            (None, Some(arena)) => arena.write(address, &data),
            (Some(iommu), _) => {
                let mut done = 0;
                for (at, length) in in_pages(address, data.len()) {
                    let to = iommu.translate(&self.physical, at, Access::Write).map_err(MemoryError::Blocked)?;
                    self.physical.place(to, data.slice(done..done + length))?;
                    done += length;
                }
                Ok(())
            }
        }
    }

    /// Appends `length` bytes that the device reads at `address` to `into`.
    ///
    /// # Errors
    /// [`MemoryError`]; what was appended before the page that is missing or not mapped stays.
    pub fn device_read(&mut self, address: u64, length: usize, into: &mut Vec<u8>) -> Result<(), MemoryError> {
        let Some(iommu) = &mut self.iommu else { return self.read_to(address, length, into) };
        for (at, length) in in_pages(address, length) {
            let from = iommu.translate(&self.physical, at, Access::Read).map_err(MemoryError::Blocked)?;
            self.physical.read_to(from, length, into)?;
        }
        Ok(())
    }

    /// Copies memory at `address` into `into`.
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`]; `into` is then undefined.
    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
        if let Some(arena) = &self.arena {
            return arena.read(address, into);
        }
        self.physical.read(address, into)
    }

    /// Appends `length` bytes of memory at `address` to `into`, which need not be cleared for that.
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`]; what was appended before the missing page stays.
    pub fn read_to(&self, address: u64, length: usize, into: &mut Vec<u8>) -> Result<(), MemoryError> {
        if let Some(arena) = &self.arena {
            let before = into.len();
            into.resize(before + length, 0);
            return arena.read(address, &mut into[before..]);
        }
        self.physical.read_to(address, length, into)
    }

    /// Copies `data` into memory at `address`.
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`]; the pages before the missing one are written.
    pub fn write(&mut self, address: u64, data: &[u8]) -> Result<(), MemoryError> {
        if let Some(arena) = &self.arena {
            return arena.write(address, data);
        }
        self.physical.write(address, data)
    }

    /// A little helper for rings: the 32-bit big-endian word at `address`, `None` where there is no memory.
    #[must_use]
    pub fn read_u32_be(&self, address: u64) -> Option<u32> {
        let mut word = [0; 4];
        self.read(address, &mut word).ok().map(|()| u32::from_be_bytes(word))
    }

    /// Copies consumer memory at a virtual address into `into`, as a processor would that runs the consumer.
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`] if the range does not lie in one allocated buffer.
    pub fn read_virtual(&self, address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
        let refused = MemoryError::NotMemory { address, length: into.len() };
        let (start, mdl) = self.buffers.range(..=address).next_back().ok_or(refused)?;
        self.read_buffer(mdl, address - start, into).map_err(|_| refused)
    }

    /// Copies `offset..` of a buffer into `into`.
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`] if the buffer is shorter or freed.
    pub fn read_buffer(&self, mdl: &Mdl, offset: u64, into: &mut [u8]) -> Result<(), MemoryError> {
        let mut done = 0;
        for (address, length) in mdl.pieces(offset, into.len() as u64) {
            self.read(address, &mut into[done..done + length])?;
            done += length;
        }
        whole(mdl, offset, done, into.len())
    }

    /// Copies `data` into a buffer from `offset`.
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`] if the buffer is shorter or freed.
    pub fn write_buffer(&mut self, mdl: &Mdl, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        let mut done = 0;
        for (address, length) in mdl.pieces(offset, data.len() as u64) {
            self.write(address, &data[done..done + length])?;
            done += length;
        }
        whole(mdl, offset, done, data.len())
    }
}

/// The pieces of a range that lie in one page each: address and length.
fn in_pages(address: u64, length: usize) -> impl Iterator<Item = (u64, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = address.wrapping_add(done as u64);
        let piece = (length - done).min((PAGE_SIZE - at % PAGE_SIZE) as usize);
        done += piece;
        (piece > 0).then_some((at, piece))
    })
}

fn whole(mdl: &Mdl, offset: u64, done: usize, wanted: usize) -> Result<(), MemoryError> {
    if done == wanted {
        Ok(())
    } else {
        Err(MemoryError::NotMemory { address: mdl.virtual_address.wrapping_add(offset), length: wanted })
    }
}

#[cfg(test)]
mod tests;
