//! The host's IOMMU: what a device may reach, by addresses of the device's own.
//!
//! Reading order: [`Rights`], [`Access`] and [`Fault`], [`Iommu`] (maps, unmaps and translates for the one device of a host),
//! `space` (which addresses are in use), `table` (the tables in memory, as the hardware walks them).
//!
//! Invariants:
//! * a device reaches exactly what is mapped at that moment, with exactly the rights of the mapping;
//! * an address that is unmapped is not soon used again, and every mapping is followed by a page that never is: what comes
//!   late or runs over faults;
//! * what is unmapped is invalidated before the next thing that the device hears of, so caches never show;
//! * no address panics, whatever a device makes of it.

mod space;
mod table;
#[cfg(test)]
mod tests;

pub use table::{LEVELS, Walk};

use crate::page::PAGE_SIZE;
use crate::physical::Physical;
use space::Space;
use std::collections::BTreeMap;
use std::fmt;
use table::Table;

/// First I/O address: far from physical and from consumers' addresses, so that one taken for the other faults.
const FIRST_ADDRESS: u64 = 0x40_0000_0000;
/// Addresses end at 47 bits; the tables translate 48.
const END_ADDRESS: u64 = 1 << 47;
/// Faults that are kept; all are counted.
const RECORDS_MAX: usize = 16;

/// What a mapping allows the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// DMA reads.
    Read,
    /// DMA writes.
    Write,
    /// Both.
    ReadWrite,
}

impl Rights {
    /// Whether an access is allowed.
    #[must_use]
    pub const fn allows(self, access: Access) -> bool {
        matches!((self, access), (Self::ReadWrite, _) | (Self::Read, Access::Read) | (Self::Write, Access::Write))
    }
}

/// What a device wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A DMA read.
    Read,
    /// A posted write.
    Write,
}

/// Why an access is refused. VT-d's fault codes (specification 3.x, appendix A) in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The address is wider than the tables translate (4h).
    TooWide,
    /// Nothing is mapped there (5h, 6h).
    NotPresent,
    /// What is mapped there does not allow this access (5h, 6h).
    NoRight,
    /// A table is no memory (7h).
    Table,
}

/// An access that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The device's address.
    pub address: u64,
    /// What it wanted.
    pub access: Access,
    /// Why it was refused.
    pub reason: Reason,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "read",
            Access::Write => "write",
        };
        let reason = match self.reason {
            Reason::TooWide => "the address has more bits than the tables",
            Reason::NotPresent => "nothing is mapped there",
            Reason::NoRight => "the mapping does not allow it",
            Reason::Table => "a table is no memory",
        };
        write!(f, "DMA {access} of {:#x}: {reason}", self.address)
    }
}

/// Pages one behind the other in the device's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Address of the first.
    pub address: u64,
    /// How many.
    pub pages: u64,
}

/// What drivers have had the unit do since somebody last asked: it costs them time, and caches must forget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remapping {
    /// Ranges mapped.
    pub mapped: u64,
    /// Ranges unmapped, each with an invalidation that the driver waited for.
    pub unmapped: Vec<Range>,
}

impl Remapping {
    const fn is_empty(&self) -> bool {
        self.mapped == 0 && self.unmapped.is_empty()
    }
}

/// The remapping unit with the domain of the host's device.
#[derive(Clone, Debug)]
pub struct Iommu {
    table: Table,
    space: Space,
    /// Pages by the address of the first.
    mappings: BTreeMap<u64, u64>,
    remapping: Remapping,
    faults: u64,
    records: Vec<Fault>,
}

impl Iommu {
    /// A unit with an empty domain, whose tables lie in `memory`.
    pub(crate) fn new(memory: &mut Physical) -> Self {
        Self {
            table: Table::new(memory),
            space: Space::new(FIRST_ADDRESS / PAGE_SIZE, END_ADDRESS / PAGE_SIZE),
            mappings: BTreeMap::new(),
            remapping: Remapping::default(),
            faults: 0,
            records: Vec::new(),
        }
    }

    /// Maps pages one behind the other; the address of the first. `pages` are physical addresses.
    pub(crate) fn map(
        &mut self,
        memory: &mut Physical,
        pages: impl ExactSizeIterator<Item = u64>,
        rights: Rights,
    ) -> u64 {
        let count = pages.len() as u64;
        let first = self.space.take(count.max(1)).expect("lists of pages end before 2^35 of them are mapped");
        let address = first * PAGE_SIZE;
        for (page, at) in pages.zip((address..).step_by(PAGE_SIZE as usize)) {
            self.table.set(memory, at, page, rights);
        }
        self.mappings.insert(address, count);
        self.remapping.mapped += 1;
        address
    }

    /// Takes back what [`map`](Self::map) gave; false if it did not, or has been taken back.
    pub(crate) fn unmap(&mut self, memory: &mut Physical, address: u64) -> bool {
        let Some(pages) = self.mappings.remove(&address) else { return false };
        for page in 0..pages {
            self.table.clear(memory, address + page * PAGE_SIZE);
        }
        self.space.give(address / PAGE_SIZE, pages.max(1));
        self.remapping.unmapped.push(Range { address, pages });
        true
    }

    /// Where an access goes to.
    pub(crate) fn translate(&mut self, memory: &Physical, address: u64, access: Access) -> Result<u64, Fault> {
        self.look_up(memory, address, access).map(|walk| walk.address).map_err(|reason| {
            let fault = Fault { address, access, reason };
            self.faults += 1;
            if self.records.len() < RECORDS_MAX {
                self.records.push(fault);
            }
            fault
        })
    }

    /// What a walk for an access finds. Nothing is counted.
    pub(crate) fn look_up(&self, memory: &Physical, address: u64, access: Access) -> Result<Walk, Reason> {
        self.table.walk(memory, address, access)
    }

    /// Accesses refused so far.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.faults
    }

    /// The first accesses that were refused, in order.
    #[must_use]
    pub fn records(&self) -> &[Fault] {
        &self.records
    }

    /// Ranges that are mapped now.
    #[must_use]
    pub fn mapped_ranges(&self) -> usize {
        self.mappings.len()
    }

    /// Pages of memory that tables take.
    #[must_use]
    pub fn table_pages(&self) -> usize {
        self.table.pages()
    }

    /// What has been mapped and unmapped since the last time, if anything.
    pub(crate) fn take_remapping(&mut self) -> Option<Remapping> {
        (!self.remapping.is_empty()).then(|| std::mem::take(&mut self.remapping))
    }
}
