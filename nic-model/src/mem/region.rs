//! A region's pages: from an address in the region to bus addresses.

use super::Fault;
use crate::dma::piece;
use crate::port::{Segment, Segments};
use std::sync::Arc;

/// The pages of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Address of the first byte, as the users of the key name it.
    start: u64,
    length_bytes: u64,
    /// Offset of the first byte in the first page.
    offset: u64,
    page_shift: u8,
    list: Arc<[u64]>,
}

/// Page sizes of 4 KiB to 1 GiB.
pub(crate) const PAGE_SHIFTS: std::ops::RangeInclusive<u8> = 12..=30;

impl Pages {
    /// A region of `length_bytes` at `start`; with `zero_based`, `start` is only the offset in the first page.
    ///
    /// # Errors
    /// [`Fault::Bounds`] if the list is too short for the length, the range wraps, or a page is not a multiple of its size.
    pub(crate) fn new(
        start: u64,
        length_bytes: u64,
        page_shift: u8,
        zero_based: bool,
        list: Arc<[u64]>,
    ) -> Result<Self, Fault> {
        if !PAGE_SHIFTS.contains(&page_shift) {
            return Err(Fault::Bounds);
        }
        let page_mask = (1 << page_shift) - 1;
        let offset = start & page_mask;
        let covered = (list.len() as u64) << page_shift;
        let end = offset.checked_add(length_bytes).ok_or(Fault::Bounds)?;
        let aligned = list.iter().all(|page| page & page_mask == 0);
        if end > covered || start.checked_add(length_bytes).is_none() || !aligned {
            return Err(Fault::Bounds);
        }
        let start = if zero_based { 0 } else { start };
        Ok(Self { start, length_bytes, offset, page_shift, list })
    }

    pub(crate) const fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    pub(crate) const fn start(&self) -> u64 {
        self.start
    }

    pub(crate) const fn page_shift(&self) -> u8 {
        self.page_shift
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// First and last page of a range, from 0; `None` if it lies outside or is empty.
    pub(crate) fn numbers(&self, address: u64, length_bytes: u32) -> Option<(u64, u64)> {
        let inside = length_bytes > 0 && self.contains(address, length_bytes.into());
        inside.then(|| {
            let from = address - self.start + self.offset;
            let last = from + u64::from(length_bytes) - 1;
            (from >> self.page_shift, last >> self.page_shift)
        })
    }

    /// Whether `length_bytes` from `address` on are inside.
    #[inline]
    pub(crate) const fn contains(&self, address: u64, length_bytes: u64) -> bool {
        // Before the start, the difference is larger than any region.
        let from_start = address.wrapping_sub(self.start);
        from_start <= self.length_bytes && length_bytes <= self.length_bytes - from_start
    }

    /// The bus addresses of a range; pages that follow each other are one piece.
    #[inline(always)]
    pub(crate) fn segments(&self, address: u64, length_bytes: u32) -> Result<Segments, Fault> {
        if !self.contains(address, length_bytes.into()) {
            return Err(Fault::Bounds);
        }
        let at = address - self.start + self.offset;
        let in_page = at & ((1 << self.page_shift) - 1);
        if in_page + u64::from(length_bytes) <= 1 << self.page_shift
            && let Some(page) = self.list.get((at >> self.page_shift) as usize)
            && length_bytes > 0
        {
            return Ok(piece(page + in_page, length_bytes));
        }
        self.pieces(at, length_bytes)
    }

    /// Several pages from an offset in the first on.
    #[inline(never)]
    fn pieces(&self, mut at: u64, mut left: u32) -> Result<Segments, Fault> {
        let mut segments = Segments::new();
        while left > 0 {
            let in_page = at & ((1 << self.page_shift) - 1);
            let room = (1_u64 << self.page_shift) - in_page;
            let length_bytes = u64::from(left).min(room) as u32;
            let page = self.list.get((at >> self.page_shift) as usize).ok_or(Fault::Bounds)?;
            push_segment(&mut segments, Segment { address: page + in_page, length_bytes });
            at += u64::from(length_bytes);
            left -= length_bytes;
        }
        Ok(segments)
    }
}

/// Appends a piece, to the last one if it follows it.
pub(crate) fn push_segment(segments: &mut Segments, next: Segment) {
    match segments.last_mut() {
        Some(last) if last.address.checked_add(last.length_bytes.into()) == Some(next.address) => {
            last.length_bytes += next.length_bytes;
        }
        _ => segments.push(next),
    }
}
