//! On-chip caches of what lies in host memory: contexts, keys, translations, WQEs.
//!
//! What happens does not depend on them: everything is known, a cache only says how long it takes until it is at hand. A miss
//! is a read of host memory, of which each cache makes a few at a time.

use crate::dma::Dma;
use crate::mem::Memory;
use crate::profile::{CacheProfile, CachesProfile};
use crate::regs::counters::Counters;
use crate::regs::wqe::Data;
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
}

impl Unit {
    fn new(profile: &CacheProfile) -> Option<Self> {
        let entries = profile.entries.value;
        (entries > 0).then(|| Self {
            kept: Cache::new(entries, profile.ways.value, profile.replacement.value),
            hit: profile.hit.value,
            entry_bytes: profile.entry_bytes.value,
            misses: Window::new(profile.misses_outstanding.value.max(1) as usize),
        })
    }
}

/// The caches of a device. If all are unlimited there is nothing to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caches {
    units: Option<Box<[Option<Unit>; KINDS]>>,
}

impl Caches {
    pub(crate) fn new(profile: &CachesProfile) -> Self {
        let CachesProfile { qp, cq, srq, mpt, mtt, wqe } = profile;
        let units = [qp, cq, srq, mpt, mtt, wqe].map(Unit::new);
        Self { units: units.iter().any(Option::is_some).then(|| Box::new(units)) }
    }

    /// When something that is wanted at `at` is at hand.
    pub(crate) fn access(&mut self, dma: &mut Dma, counters: &mut Counters, at: Time, kind: Kind, key: u64) -> Time {
        let Some(unit) = self.units.as_mut().and_then(|units| units[kind as usize].as_mut()) else { return at };
        let hit = unit.kept.access(key);
        count(counters, kind, hit);
        if hit {
            return at + unit.hit;
        }
        let start = unit.misses.open(at);
        let done = dma.fetch(counters, at, start, unit.entry_bytes);
        unit.misses.close(done);
        done
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

    /// When a range of a key is translated: its key, then each line of eight translations.
    pub(crate) fn translate(
        &mut self,
        dma: &mut Dma,
        counters: &mut Counters,
        at: Time,
        memory: &Memory,
        range: &Data,
    ) -> Time {
        let Some([.., mpt, mtt, _]) = self.units.as_deref() else { return at };
        if mpt.is_none() && mtt.is_none() {
            return at;
        }
        let index = u64::from(range.key >> 8);
        let mut done = self.access(dma, counters, at, Kind::Mpt, index);
        let line_shift = memory.page_shift(range.key) + TRANSLATIONS_LOG;
        let last = range.address.saturating_add(u64::from(range.length_bytes.max(1)) - 1);
        for line in range.address >> line_shift..=last >> line_shift {
            done = done.max(self.access(dma, counters, done, Kind::Mtt, index << 40 ^ line));
        }
        done
    }
}

/// Translations in a line, as a power of two.
const TRANSLATIONS_LOG: u8 = 3;

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
