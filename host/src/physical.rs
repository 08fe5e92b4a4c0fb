//! Pages at physical addresses, made on demand.

use crate::memory::MemoryError;
use crate::page::{PAGE_SIZE, Page};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The first address handed out: page zero stays unused, so that a null address is an error.
const FIRST_PAGE: u64 = 16;

/// All pages of a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Physical {
    /// Indexed by page number; `None` is no memory.
    pages: Vec<Option<Page>>,
    free: BTreeMap<u64, ()>,
}

impl Physical {
    /// Zeroed pages one behind the other; the address of the first.
    pub(crate) fn allocate_run(&mut self, count: usize) -> u64 {
        let first = (self.pages.len() as u64).max(FIRST_PAGE);
        self.pages.resize_with(first as usize, || None);
        self.pages.extend((0..count).map(|_| Some(Page::default())));
        first * PAGE_SIZE
    }

    /// A zeroed page; its address.
    pub(crate) fn allocate_page(&mut self) -> u64 {
        if let Some((page, ())) = self.free.pop_first() {
            self.pages[page as usize] = Some(Page::default());
            return page * PAGE_SIZE;
        }
        // Every second page stays a hole: an overrun of one page then hits nothing.
        let page = (self.pages.len() as u64).max(FIRST_PAGE) + 1;
        self.pages.resize_with(page as usize, || None);
        self.pages.push(Some(Page::default()));
        page * PAGE_SIZE
    }

    /// Frees the page at `address`. Later accesses fail.
    pub(crate) fn free_page(&mut self, address: u64) {
        let page = address / PAGE_SIZE;
        if let Some(slot) = self.pages.get_mut(page as usize)
            && slot.take().is_some()
        {
            self.free.insert(page, ());
        }
    }

    /// How many pages exist.
    pub(crate) fn allocated_pages(&self) -> usize {
        self.pages.iter().flatten().count()
    }

    /// Writes what a device has posted. A whole page is not copied: memory keeps the device's bytes.
    pub(crate) fn place(&mut self, address: u64, data: Bytes) -> Result<(), MemoryError> {
        let whole = data.len() as u64 == PAGE_SIZE && address.is_multiple_of(PAGE_SIZE);
        match self.pages.get_mut((address / PAGE_SIZE) as usize).and_then(Option::as_mut) {
            Some(page) if whole => {
                *page = Page::shared(data);
                Ok(())
            }
            _ => self.write(address, &data),
        }
    }

    /// See [`HostMemory::read`](crate::HostMemory::read).
    pub(crate) fn read(&self, address: u64, into: &mut [u8]) -> Result<(), MemoryError> {
        let refused = MemoryError::NotMemory { address, length: into.len() };
        let mut at = address;
        let mut rest = into;
        while !rest.is_empty() {
            let (page, offset) = ((at / PAGE_SIZE) as usize, (at % PAGE_SIZE) as usize);
            let length = rest.len().min(PAGE_SIZE as usize - offset);
            let source = self.pages.get(page).and_then(Option::as_ref).ok_or(refused)?;
            let (piece, tail) = rest.split_at_mut(length);
            source.copy_to(offset, piece);
            rest = tail;
            at = at.checked_add(length as u64).ok_or(refused)?;
        }
        Ok(())
    }

    /// See [`HostMemory::read_to`](crate::HostMemory::read_to).
    pub(crate) fn read_to(&self, address: u64, length: usize, into: &mut Vec<u8>) -> Result<(), MemoryError> {
        let refused = MemoryError::NotMemory { address, length };
        let (mut at, mut left) = (address, length);
        while left > 0 {
            let (page, offset) = ((at / PAGE_SIZE) as usize, (at % PAGE_SIZE) as usize);
            let piece = left.min(PAGE_SIZE as usize - offset);
            let source = self.pages.get(page).and_then(Option::as_ref).ok_or(refused)?;
            source.append_to(offset, piece, into);
            left -= piece;
            at = at.checked_add(piece as u64).ok_or(refused)?;
        }
        Ok(())
    }

    /// See [`HostMemory::write`](crate::HostMemory::write).
    pub(crate) fn write(&mut self, address: u64, data: &[u8]) -> Result<(), MemoryError> {
        let refused = MemoryError::NotMemory { address, length: data.len() };
        let mut at = address;
        let mut rest = data;
        while !rest.is_empty() {
            let (page, offset) = ((at / PAGE_SIZE) as usize, (at % PAGE_SIZE) as usize);
            let length = rest.len().min(PAGE_SIZE as usize - offset);
            let target = self.pages.get_mut(page).and_then(Option::as_mut).ok_or(refused)?;
            target.copy_from(offset, &rest[..length]);
            rest = &rest[length..];
            at = at.checked_add(length as u64).ok_or(refused)?;
        }
        Ok(())
    }
}
