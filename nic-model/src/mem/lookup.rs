//! What an access asks of translation tables: trees of tables in host memory, one for each region.
//!
//! A table has so many entries of eight bytes: at the lowest level pages, above addresses of tables. A region of one page needs
//! no table, as its key says where that is. So a region of larger pages needs fewer levels, or none.

use super::{FIRST_INDEX, Mapping, Memory, Range, position};
use crate::config::RESERVED_KEY;
use crate::regs::cmd::Rights;

/// The pages of a range, and the tree that translates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// Index of the key whose pages they are: a window's are those of its region.
    pub(crate) table: u32,
    /// Pages of the whole region.
    pub(crate) pages: u64,
    /// First page of the range.
    pub(crate) first: u64,
    /// Last page of the range.
    pub(crate) last: u64,
}

impl Lookup {
    /// Levels of the tree, if a table has so many entries.
    pub(crate) fn levels(&self, table_entries: u64) -> u8 {
        let (mut levels, mut tables) = (0, self.pages);
        while tables > 1 {
            tables = tables.div_ceil(table_entries.max(2));
            levels += 1;
        }
        levels
    }
}

impl Memory {
    /// What an access to a range looks up; nothing for bus addresses, and where it is refused anyway.
    pub(crate) fn lookup(&self, range: Range) -> Option<Lookup> {
        if range.key == RESERVED_KEY {
            return None;
        }
        let entry = self.entry(range.key)?;
        let (position, address) = match &entry.mapping {
            Mapping::Free => return None,
            Mapping::Region(_) => (position(range.key)?, range.address),
            Mapping::Window { region, start, .. } if entry.rights.contains(Rights::ZERO_BASED) => {
                (*region as usize, start.checked_add(range.address)?)
            }
            Mapping::Window { region, .. } => (*region as usize, range.address),
        };
        let Mapping::Region(pages) = &self.keys.get(position)?.as_ref()?.mapping else { return None };
        let (first, last) = pages.numbers(address, range.length_bytes)?;
        let table = position as u32 + FIRST_INDEX;
        Some(Lookup { table, pages: pages.count() as u64, first, last })
    }
}
