//! Protection and translation: keys, who may use them for what, and the bus addresses behind.
//!
//! Reading order: this module (the key table and access checks), `region` (pages), `lookup` (the tables of them), `message`
//! (data in several pieces), `change` (what WQEs and peers do to keys: fast registration, windows, invalidation).

mod change;
mod lookup;
mod message;
mod region;
#[cfg(test)]
mod tests;

pub(crate) use change::Invalidator;
pub(crate) use message::message_parts;
pub(crate) use region::{PAGE_SHIFTS, Pages, push_segment};

use crate::config::RESERVED_KEY;
use crate::dma::piece;
use crate::port::Segments;
use crate::regs::cmd::{KeyKind, Rights};
use crate::regs::cqe::VendorSyndrome;
use crate::transport::Remote;
use std::collections::VecDeque;

/// The first index of a key: lower ones are the reserved key and the key that ends a receive WQE.
const FIRST_INDEX: u32 = 3;

/// Why an access is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The key names nothing, or something that does not allow this use.
    Key,
    /// The range is not covered.
    Bounds,
    /// The right is missing.
    Rights,
    /// It belongs to another protection domain or queue pair.
    Domain,
}

impl From<Fault> for VendorSyndrome {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Key => Self::KEY,
            Fault::Bounds => Self::BOUNDS,
            Fault::Rights => Self::RIGHTS,
            Fault::Domain => Self::PROTECTION_DOMAIN,
        }
    }
}

/// A range of memory named by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) key: u32,
    pub(crate) address: u64,
    pub(crate) length_bytes: u32,
}

impl Remote {
    /// So many bytes from there on.
    pub(crate) const fn range(self, length_bytes: u32) -> Range {
        Range { key: self.rkey, address: self.address, length_bytes }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accessor {
    pub(crate) qpn: u32,
    pub(crate) pd: u32,
    /// May use the reserved key.
    pub(crate) privileged: bool,
}

/// What a key stands for now.
#[derive(Clone, Debug)]
pub(crate) enum Mapping {
    /// Nothing: not registered, not bound, or invalidated.
    Free,
    /// Pages.
    Region(Pages),
    /// A part of a region.
    Window {
        /// Index of the region's key.
        region: u32,
        /// First byte, as an address of the region.
        start: u64,
        length_bytes: u64,
        /// The queue pair that bound it (type 2).
        owner: Option<u32>,
    },
}

/// An entry of the key table.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) kind: KeyKind,
    pub(crate) variant: u8,
    pub(crate) pd: u32,
    pub(crate) rights: Rights,
    pub(crate) mapping: Mapping,
    /// Most pages of a fast registration.
    pub(crate) max_pages: u32,
    /// Windows bound to it.
    pub(crate) windows: u32,
}

/// Keys of which [`Nic::touch`](crate::Nic::touch) reads something.
const KEYS_TOUCHED: usize = 2;

/// The key table of a device.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    keys: Vec<Option<Key>>,
    free: VecDeque<u32>,
    limit: usize,
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Self {
        Self { keys: Vec::new(), free: VecDeque::new(), limit: limit.min(1 << 24) as usize - FIRST_INDEX as usize }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        self.keys.iter().take(KEYS_TOUCHED).flatten().fold(0, |sum, key| sum ^ u64::from(key.pd))
    }

    /// Puts a key in; gives the whole key, or `None` if the table is full.
    pub(crate) fn insert(&mut self, key: Key) -> Option<u32> {
        let variant = key.variant;
        let position = if self.keys.len() < self.limit {
            self.keys.push(Some(key));
            self.keys.len() as u32 - 1
        } else {
            let position = self.free.pop_front()?;
            self.keys[position as usize] = Some(key);
            position
        };
        Some((position + FIRST_INDEX) << 8 | u32::from(variant))
    }

    /// Ends a key, whatever its variant byte has become by fast registration or binding.
    pub(crate) fn remove(&mut self, key: u32) -> Option<Key> {
        let position = position(key)?;
        let removed = self.keys.get_mut(position)?.take()?;
        self.free.push_back(position as u32);
        self.release(&removed.mapping);
        Some(removed)
    }

    /// The entry with this index, whatever its variant byte.
    pub(crate) fn entry(&self, key: u32) -> Option<&Key> {
        self.keys.get(position(key)?)?.as_ref()
    }

    fn entry_mut(&mut self, key: u32) -> Option<&mut Key> {
        self.keys.get_mut(position(key)?)?.as_mut()
    }

    /// The bus addresses of a range that this side's own work uses.
    #[inline]
    pub(crate) fn local(&self, who: Accessor, range: Range, write: bool) -> Result<Segments, Fault> {
        if range.key == RESERVED_KEY {
            let end = range.address.checked_add(u64::from(range.length_bytes));
            return if !who.privileged {
                Err(Fault::Key)
            } else if end.is_none() {
                Err(Fault::Bounds)
            } else {
                Ok(piece(range.address, range.length_bytes))
            };
        }
        self.pages(who, range.key, write)?.segments(range.address, range.length_bytes)
    }

    /// The pages behind a key that this side's own work uses.
    #[inline]
    fn pages(&self, who: Accessor, key: u32, write: bool) -> Result<&Pages, Fault> {
        let key = self.valid(key, who)?;
        let Mapping::Region(pages) = &key.mapping else { return Err(Fault::Key) };
        if write && !key.rights.contains(Rights::LOCAL_WRITE) { Err(Fault::Rights) } else { Ok(pages) }
    }

    /// The bus addresses of a range that the peer uses.
    #[inline]
    pub(crate) fn remote(&self, who: Accessor, range: Range, right: Rights) -> Result<Segments, Fault> {
        let (pages, address) = self.reach(who, range, right)?;
        pages.segments(address, range.length_bytes)
    }

    /// Whether the peer may use a range.
    pub(crate) fn check(&self, who: Accessor, range: Range, right: Rights) -> Result<(), Fault> {
        let (pages, address) = self.reach(who, range, right)?;
        if pages.contains(address, range.length_bytes.into()) { Ok(()) } else { Err(Fault::Bounds) }
    }

    /// The pages that a range of the peer is of, and where it begins there.
    #[inline]
    fn reach(&self, who: Accessor, range: Range, right: Rights) -> Result<(&Pages, u64), Fault> {
        let key = self.valid(range.key, who)?;
        if !key.rights.contains(right) {
            return Err(Fault::Rights);
        }
        match &key.mapping {
            Mapping::Free => Err(Fault::Key),
            Mapping::Region(pages) => Ok((pages, range.address)),
            Mapping::Window { region, start, length_bytes, owner } => {
                if owner.is_some_and(|owner| owner != who.qpn) {
                    return Err(Fault::Domain);
                }
                let first = if key.rights.contains(Rights::ZERO_BASED) { 0 } else { *start };
                let offset = range.address.checked_sub(first).ok_or(Fault::Bounds)?;
                let end = offset.checked_add(u64::from(range.length_bytes)).ok_or(Fault::Bounds)?;
                if end > *length_bytes {
                    return Err(Fault::Bounds);
                }
                let region = self.keys.get(*region as usize).and_then(Option::as_ref).ok_or(Fault::Key)?;
                let Mapping::Region(pages) = &region.mapping else { return Err(Fault::Key) };
                Ok((pages, start + offset))
            }
        }
    }

    /// The entry of exactly this key, if `who` is of its protection domain.
    #[inline]
    fn valid(&self, key: u32, who: Accessor) -> Result<&Key, Fault> {
        let entry = self.entry(key).filter(|entry| entry.variant == key as u8).ok_or(Fault::Key)?;
        if entry.pd == who.pd { Ok(entry) } else { Err(Fault::Domain) }
    }

    /// A mapping goes away: a window no longer counts at its region.
    fn release(&mut self, mapping: &Mapping) {
        if let Mapping::Window { region, .. } = mapping
            && let Some(region) = self.keys.get_mut(*region as usize).and_then(Option::as_mut)
        {
            region.windows = region.windows.saturating_sub(1);
        }
    }
}

/// Where the entry of a key is.
fn position(key: u32) -> Option<usize> {
    (key >> 8).checked_sub(FIRST_INDEX).map(|position| position as usize)
}
