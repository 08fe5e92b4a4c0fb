//! Tables of four levels in memory: VT-d's second-level paging (specification 3.x, section 9.8).

use super::{Access, Reason, Rights};
use crate::page::PAGE_SIZE;
use crate::physical::Physical;
use std::collections::BTreeMap;

/// Levels of a walk: 9 bits of the address each, above the 12 of a page.
pub const LEVELS: u8 = 4;
const LEVEL_BITS: u32 = 9;
const PAGE_BITS: u32 = PAGE_SIZE.trailing_zeros();
/// Bits of an address that is translated.
const ADDRESS_BITS: u32 = PAGE_BITS + LEVEL_BITS * LEVELS as u32;

/// Bits of an entry.
const READ: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
/// Bits 51:12 are the address of a page or of the next table.
const FRAME: u64 = ((1 << 52) - 1) & !(PAGE_SIZE - 1);

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The physical address.
    pub address: u64,
    /// Entries that were read.
    pub levels: u8,
}

/// The tables of a domain.
#[derive(Clone, Debug)]
pub(super) struct Table {
    root: u64,
    /// Entries in use, by the address of the table: one without any is freed. The root stays.
    used: BTreeMap<u64, u16>,
}

/// Where the entry for `address` is, in a table of a level (1 is that of the pages).
const fn entry_at(table: u64, address: u64, level: u8) -> u64 {
    let shift = PAGE_BITS + LEVEL_BITS * (level as u32 - 1);
    let index = address >> shift & ((1 << LEVEL_BITS) - 1);
    table + index * size_of::<u64>() as u64
}

fn load(memory: &Physical, at: u64) -> Option<u64> {
    let mut entry = [0; size_of::<u64>()];
    memory.read(at, &mut entry).ok().map(|()| u64::from_le_bytes(entry))
}

fn store(memory: &mut Physical, at: u64, entry: u64) {
    memory.write(at, &entry.to_le_bytes()).expect("nobody but the unit frees its tables");
}

const fn bit_of(access: Access) -> u64 {
    match access {
        Access::Read => READ,
        Access::Write => WRITE,
    }
}

impl Table {
    pub(super) fn new(memory: &mut Physical) -> Self {
        let root = memory.allocate_page();
        Self { root, used: BTreeMap::from([(root, 0)]) }
    }

    pub(super) fn pages(&self) -> usize {
        self.used.len()
    }

    /// Makes `address` lead to a page. Tables on the way are made where there are none.
    pub(super) fn set(&mut self, memory: &mut Physical, address: u64, page: u64, rights: Rights) {
        let mut table = self.root;
        for level in (2..=LEVELS).rev() {
            let at = entry_at(table, address, level);
            table = self.next(memory, at).unwrap_or_else(|| {
                let next = memory.allocate_page();
                self.used.insert(next, 0);
                self.put(memory, table, at, next | READ | WRITE);
                next
            });
        }
        let bits = [Access::Read, Access::Write].into_iter().filter(|access| rights.allows(*access)).map(bit_of);
        self.put(memory, table, entry_at(table, address, 1), page & FRAME | bits.sum::<u64>());
    }

    /// Makes `address` lead nowhere, and frees tables that are empty then.
    pub(super) fn clear(&mut self, memory: &mut Physical, address: u64) {
        let mut path = [self.root; LEVELS as usize];
        for level in (2..=LEVELS).rev() {
            let at = entry_at(path[usize::from(level) - 1], address, level);
            let Some(next) = self.next(memory, at) else { return };
            path[usize::from(level) - 2] = next;
        }
        for (table, level) in path.into_iter().zip(1..) {
            self.put(memory, table, entry_at(table, address, level), 0);
            if table == self.root || self.used.get(&table).is_some_and(|used| *used > 0) {
                return;
            }
            self.used.remove(&table);
            memory.free_page(table);
        }
    }

    /// The table that the entry at `at` leads to. Software may have written anything there: only tables of the unit count.
    fn next(&self, memory: &Physical, at: u64) -> Option<u64> {
        let next = load(memory, at)? & FRAME;
        self.used.contains_key(&next).then_some(next)
    }

    fn put(&mut self, memory: &mut Physical, table: u64, at: u64, entry: u64) {
        let before = load(memory, at).unwrap_or(0);
        store(memory, at, entry);
        if let Some(used) = self.used.get_mut(&table) {
            *used = (*used + u16::from(entry != 0)).saturating_sub(u16::from(before != 0));
        }
    }

    /// What the hardware does: every level must allow the access.
    pub(super) fn walk(&self, memory: &Physical, address: u64, access: Access) -> Result<Walk, Reason> {
        if address >> ADDRESS_BITS != 0 {
            return Err(Reason::TooWide);
        }
        let mut table = self.root;
        for level in (1..=LEVELS).rev() {
            let entry = load(memory, entry_at(table, address, level)).ok_or(Reason::Table)?;
            if entry & (READ | WRITE) == 0 {
                return Err(Reason::NotPresent);
            }
            if entry & bit_of(access) == 0 {
                return Err(Reason::NoRight);
            }
            table = entry & FRAME;
        }
        Ok(Walk { address: table + address % PAGE_SIZE, levels: LEVELS })
    }
}
