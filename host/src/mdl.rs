//! A locked buffer, described by its pages: the counterpart of a Windows memory descriptor list.

use crate::page::PAGE_SIZE;

/// A virtually contiguous, locked buffer.
///
/// The virtual address is an index only: device and provider reach the bytes through [`pages`](Self::pages) alone
/// (`NdkRegisterMr` and `NdkBuildLAM` pages of the NDKPI reference).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mdl {
    /// Address of the first byte in the consumer's address space.
    pub virtual_address: u64,
    /// Bytes described.
    pub length_bytes: u64,
    /// Bus addresses of the pages, each a multiple of [`PAGE_SIZE`].
    pub pages: Vec<u64>,
}

impl Mdl {
    /// Offset of the first byte in the first page.
    #[must_use]
    pub const fn first_byte_offset(&self) -> u64 {
        self.virtual_address % PAGE_SIZE
    }

    /// The bus address of the byte `offset` bytes into the buffer, if it lies inside and its page is listed.
    #[must_use]
    pub fn bus_address(&self, offset: u64) -> Option<u64> {
        if offset >= self.length_bytes {
            return None;
        }
        let from_first_page = self.first_byte_offset() + offset;
        let page = self.pages.get(usize::try_from(from_first_page / PAGE_SIZE).ok()?)?;
        Some(page + from_first_page % PAGE_SIZE)
    }

    /// The pieces of `offset..offset + length` that are contiguous on the bus: address and length of each, in order.
    /// Ends early where the buffer ends.
    pub fn pieces(&self, offset: u64, length: u64) -> impl Iterator<Item = (u64, usize)> {
        let end = offset.saturating_add(length).min(self.length_bytes);
        let mut at = offset;
        std::iter::from_fn(move || {
            let address = if at < end { self.bus_address(at)? } else { return None };
            let piece = (PAGE_SIZE - address % PAGE_SIZE).min(end - at);
            at += piece;
            Some((address, piece as usize))
        })
    }
}
