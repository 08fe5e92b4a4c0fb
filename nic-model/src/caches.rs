//! On-chip caches of what lies in host memory: contexts, keys, translations, WQEs.
//!
//! What happens does not depend on them: everything is known, a cache only says how long it takes until it is at hand. A miss
//! is a read of host memory, of which each cache makes a few at a time.

use crate::dma::Dma;
use crate::mem::{Memory, Range};
use crate::profile::{CacheProfile, CachesProfile};
use crate::regs::counters::Counters;
use crate::units::{Cache, Window};
use des::{Dur, Time};

/// The caches, by what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Qp,
    Cq,
    Srq,
    Mpt,
    Mtt,
    Wqe,
}

const KINDS: usize = Kind::Wqe as usize + 1;

#[derive(Clone, Debug)]
struct Unit {
    kept: Cache,
    hit: Dur,
    entry_bytes: u32,
    misses: Window,
    /// What is on its way from host memory, and when it is there.
    coming: Vec<(u64, Time)>,
}

impl Unit {
    fn new(profile: &CacheProfile) -> Option<Self> {
        let entries = profile.entries.value;
        (entries > 0).then(|| Self {
            kept: Cache::new(entries, profile.ways.value, profile.replacement.value),
            hit: profile.hit.value,
            entry_bytes: profile.entry_bytes.value,
            misses: Window::new(profile.misses_outstanding.value.max(1) as usize),
            coming: Vec::new(),
        })
    }

    /// When something that is kept can be used: it may be on its way.
    fn there(&self, at: Time, key: u64) -> Time {
        let coming = self.coming.iter().rev().find(|(known, _)| *known == key).map_or(at, |(_, end)| at.max(*end));
        coming + self.hit
    }

    /// A miss at `at` brings a thing in by so many reads, each of which waits for the one before; gives when it is there.
    fn bring(&mut self, dma: &mut Dma, counters: &mut Counters, at: Time, key: u64, reads: usize) -> Time {
        let start = self.misses.open(at);
        let done = (0..reads).fold(start, |from, _| dma.fetch(counters, at, from, self.entry_bytes));
        self.misses.close(done);
        self.coming.retain(|(_, end)| *end > at);
        self.coming.push((key, done));
        done
    }
}

/// The caches of a device. If all are unlimited there is nothing to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caches {
    units: Option<Box<[Option<Unit>; KINDS]>>,
    /// Entries of a translation table.
    table_entries: u64,
}

impl Caches {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        u64::from(self.units.is_some())
    }

    pub(crate) fn new(profile: &CachesProfile) -> Self {
        let CachesProfile { qp, cq, srq, mpt, mtt, wqe, table_entries } = profile;
        let units = [qp, cq, srq, mpt, mtt, wqe].map(Unit::new);
        let table_entries = table_entries.value.into();
        Self { units: units.iter().any(Option::is_some).then(|| Box::new(units)), table_entries }
    }

    /// Whether everything is at hand at once.
    pub(crate) const fn are_unlimited(&self) -> bool {
        self.units.is_none()
    }

    /// When something that is wanted at `at` is at hand.
    pub(crate) fn access(&mut self, dma: &mut Dma, counters: &mut Counters, at: Time, kind: Kind, key: u64) -> Time {
        let Some(unit) = self.units.as_mut().and_then(|units| units[kind as usize].as_mut()) else { return at };
        let hit = unit.kept.access(key);
        count(counters, kind, hit);
        if hit { unit.there(at, key) } else { unit.bring(dma, counters, at, key, 1) }
    }

    /// Something has been brought in for another reason.
    pub(crate) fn fill(&mut self, kind: Kind, key: u64) {
        if let Some(unit) = self.units.as_mut().and_then(|units| units[kind as usize].as_mut()) {
            unit.kept.access(key);
        }
    }

    /// Something is over, or has changed in memory.
    pub(crate) fn forget(&mut self, kind: Kind, key: u64) {
        if let Some(unit) = self.units.as_mut().and_then(|units| units[kind as usize].as_mut()) {
            unit.kept.forget(key);
        }
    }

    /// Whether translations take time.
    pub(crate) fn translate(&self) -> bool {
        self.units
            .as_ref()
            .is_some_and(|units| units[Kind::Mpt as usize].is_some() || units[Kind::Mtt as usize].is_some())
    }

    /// When a range of a key is translated: its key, then each line of translations, one after the other.
    pub(crate) fn translated(
        &mut self,
        dma: &mut Dma,
        counters: &mut Counters,
        at: Time,
        memory: &Memory,
        range: Range,
    ) -> Time {
        let Some(lookup) = memory.lookup(range) else { return at };
        let mut done = self.access(dma, counters, at, Kind::Mpt, u64::from(range.key >> 8));
        let Some(unit) = self.units.as_mut().and_then(|units| units[Kind::Mtt as usize].as_mut()) else { return done };
        let tree = Tree {
            table: lookup.table,
            levels: lookup.levels(self.table_entries),
            table_entries: self.table_entries,
            line_entries: u64::from(unit.entry_bytes / TRANSLATION_BYTES).max(1),
        };
        if tree.levels > 0 {
            for line in lookup.first / tree.line_entries..=lookup.last / tree.line_entries {
                done = unit.walk(dma, counters, done, tree, line * tree.line_entries);
            }
        }
        done
    }

    /// The pages of the region with this index are no longer what they were.
    pub(crate) fn forget_table(&mut self, table: u32) {
        if let Some(unit) = self.units.as_mut().and_then(|units| units[Kind::Mtt as usize].as_mut()) {
            unit.kept.forget_if(|key| key >> TABLE_SHIFT == u64::from(table));
        }
    }
}

/// Bytes of a translation (mlx5: `MTT`), and of the address of a table.
const TRANSLATION_BYTES: u32 = 8;
/// Where the region is in the key of a line.
const TABLE_SHIFT: u32 = 40;
/// Where the level is in the key of a line.
const LEVEL_SHIFT: u32 = 36;

/// The translation tables of a region.
#[derive(Clone, Copy, Debug)]
struct Tree {
    table: u32,
    levels: u8,
    table_entries: u64,
    line_entries: u64,
}

impl Tree {
    /// The line of a level that leads to a page; level 0 is that of the pages.
    fn line(&self, level: u8, page: u64) -> u64 {
        let entry = (0..level).fold(page, |entry, _| entry / self.table_entries.max(2));
        u64::from(self.table) << TABLE_SHIFT | u64::from(level) << LEVEL_SHIFT | (entry / self.line_entries)
    }
}

impl Unit {
    /// When the line with a page's translation is at hand. From the lowest level of which the line is kept, the way goes down
    /// again by reads of host memory, each of which says where the next one is.
    fn walk(&mut self, dma: &mut Dma, counters: &mut Counters, at: Time, tree: Tree, page: u64) -> Time {
        let missing = (0..tree.levels).take_while(|&level| !self.kept.access(tree.line(level, page))).count();
        count(counters, Kind::Mtt, missing == 0);
        let line = tree.line(0, page);
        if missing == 0 {
            return self.there(at, line);
        }
        counters.mtt_levels_read += missing as u64;
        self.bring(dma, counters, at, line, missing)
    }
}

/// The key of a WQE: queue pair and index.
pub(crate) const fn wqe_key(qpn: u32, id: u32) -> u64 {
    (qpn as u64) << 32 | id as u64
}

const fn count(counters: &mut Counters, kind: Kind, hit: bool) {
    let (hits, misses) = match kind {
        Kind::Qp => (&mut counters.qp_cache_hits, &mut counters.qp_cache_misses),
        Kind::Cq => (&mut counters.cq_cache_hits, &mut counters.cq_cache_misses),
        Kind::Srq => (&mut counters.srq_cache_hits, &mut counters.srq_cache_misses),
        Kind::Mpt => (&mut counters.mpt_cache_hits, &mut counters.mpt_cache_misses),
        Kind::Mtt => (&mut counters.mtt_cache_hits, &mut counters.mtt_cache_misses),
        Kind::Wqe => (&mut counters.wqe_cache_hits, &mut counters.wqe_cache_misses),
    };
    *if hit { hits } else { misses } += 1;
}
