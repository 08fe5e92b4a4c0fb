//! One page of physical memory.

use bytes::Bytes;

/// Bytes of a page, as on x86, x64 and ARM64 Windows and Linux.
pub const PAGE_SIZE: u64 = 4096;

/// A page: most of what drivers ask for is never written, and most of what devices write is whole pages.
#[derive(Clone, Debug, Default)]
pub(crate) enum Page {
    /// Only zeros so far.
    #[default]
    Untouched,
    Bytes(Box<[u8; PAGE_SIZE as usize]>),
    /// Written as a whole by a device, whose bytes they still are: copied when something else is written. In a box, so that
    /// the many pages that nobody touches stay small.
    Shared(Box<Bytes>),
}

impl Page {
    /// A page with the bytes of a device. What they are a part of stays as long as the page does.
    pub(crate) fn shared(data: Bytes) -> Self {
        assert_eq!(data.len() as u64, PAGE_SIZE, "a page is shared as a whole");
        Self::Shared(Box::new(data))
    }

    /// Appends what lies from `offset` on.
    pub(crate) fn append_to(&self, offset: usize, length: usize, into: &mut Vec<u8>) {
        match self {
            Self::Untouched => into.resize(into.len() + length, 0),
            Self::Bytes(bytes) => into.extend_from_slice(&bytes[offset..offset + length]),
            Self::Shared(bytes) => into.extend_from_slice(&bytes[offset..offset + length]),
        }
    }

    /// Copies what lies from `offset` on.
    pub(crate) fn copy_to(&self, offset: usize, into: &mut [u8]) {
        match self {
            Self::Untouched => into.fill(0),
            Self::Bytes(bytes) => into.copy_from_slice(&bytes[offset..offset + into.len()]),
            Self::Shared(bytes) => into.copy_from_slice(&bytes[offset..offset + into.len()]),
        }
    }

    pub(crate) fn copy_from(&mut self, offset: usize, data: &[u8]) {
        if !matches!(self, Self::Bytes(_)) {
            let mut own = Box::new([0; PAGE_SIZE as usize]);
            self.copy_to(0, own.as_mut_slice());
            *self = Self::Bytes(own);
        }
        if let Self::Bytes(bytes) = self {
            bytes[offset..offset + data.len()].copy_from_slice(data);
        }
    }
}
