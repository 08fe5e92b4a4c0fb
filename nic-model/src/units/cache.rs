//! A cache: which keys it keeps, and which of them gives way. It holds no data, only says whether data would be at hand.

use crate::profile::Replacement;

/// A set-associative cache of 64-bit keys.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    /// Ways of a set follow each other. An empty way has stamp 0.
    entries: Vec<(u64, u64)>,
    ways: usize,
    replacement: Replacement,
    clock: u64,
    random: u64,
}

/// Where owners begin among the sets: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bits of a key that number the things of one owner; the rest is the owner.
const NUMBER_BITS: u32 = 32;

impl Cache {
    /// A cache of at least one entry, in whole sets.
    pub(crate) fn new(entries: u32, ways: u32, replacement: Replacement) -> Self {
        let ways = ways.clamp(1, entries.max(1));
        let sets = (entries / ways).max(1);
        Self {
            entries: vec![(0, 0); (sets * ways) as usize],
            ways: ways as usize,
            replacement,
            clock: 0,
            random: SPREAD,
        }
    }

    /// The entries in which a key may be. What follows each other goes to sets that follow each other, so that as much as
    /// there are entries for has room; owners begin anywhere.
    fn set(&self, key: u64) -> std::ops::Range<usize> {
        let sets = (self.entries.len() / self.ways) as u64;
        let start = (key >> NUMBER_BITS).wrapping_mul(SPREAD) >> NUMBER_BITS;
        let set = (start + (key & ((1 << NUMBER_BITS) - 1))) % sets;
        let first = set as usize * self.ways;
        first..first + self.ways
    }

    /// Looks a key up and keeps it from now on; true if it was there.
    pub(crate) fn access(&mut self, key: u64) -> bool {
        self.clock += 1;
        let set = self.set(key);
        let ways = &mut self.entries[set];
        if let Some((_, stamp)) = ways.iter_mut().find(|(kept, stamp)| *kept == key && *stamp > 0) {
            *stamp = self.clock;
            return true;
        }
        let oldest = ways.iter().enumerate().min_by_key(|(_, (_, stamp))| *stamp).map_or(0, |(way, _)| way);
        let victim = match self.replacement {
            Replacement::Random if ways[oldest].1 > 0 => {
                // Xorshift, 64 bits (Marsaglia 2003).
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                (self.random % ways.len() as u64) as usize
            }
            _ => oldest,
        };
        ways[victim] = (key, self.clock);
        false
    }

    /// Forgets a key: what it stands for is over, or has changed.
    pub(crate) fn forget(&mut self, key: u64) {
        let set = self.set(key);
        let ways = &mut self.entries[set];
        if let Some(entry) = ways.iter_mut().find(|(kept, stamp)| *kept == key && *stamp > 0) {
            *entry = (0, 0);
        }
    }

    /// Forgets all keys of which `which` says so.
    pub(crate) fn forget_if(&mut self, which: impl Fn(u64) -> bool) {
        for entry in self.entries.iter_mut().filter(|(key, stamp)| *stamp > 0 && which(*key)) {
            *entry = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accesses that hit when `keys` are used in turn, after a first round.
    fn hits(cache: &mut Cache, keys: u64, rounds: u64) -> u64 {
        for key in 0..keys {
            cache.access(key);
        }
        (0..rounds * keys).filter(|number| cache.access(number % keys)).count() as u64
    }

    #[test]
    fn what_fits_stays_and_a_round_that_does_not_fit_defeats_lru() {
        assert_eq!(hits(&mut Cache::new(64, 64, Replacement::Lru), 64, 3), 192);
        assert_eq!(hits(&mut Cache::new(64, 64, Replacement::Lru), 65, 3), 0);
        let random = hits(&mut Cache::new(64, 64, Replacement::Random), 96, 100);
        assert!((3_000..7_000).contains(&random), "some of 9600 survive: {random}");
    }

    #[test]
    fn what_is_forgotten_misses_once() {
        let mut cache = Cache::new(8, 2, Replacement::Lru);
        assert!(!cache.access(5) && cache.access(5));
        cache.forget(5);
        assert!(!cache.access(5) && cache.access(5));
    }

    #[test]
    fn what_follows_each_other_fills_all_sets() {
        let mut cache = Cache::new(1024, 8, Replacement::Lru);
        assert_eq!(hits(&mut cache, 1024, 3), 3072);
        let mut owners = Cache::new(1024, 16, Replacement::Lru);
        let mut round = || {
            (0..48).flat_map(|owner| (0..16).map(move |n| owner << 32 | n)).filter(|&key| owners.access(key)).count()
        };
        round();
        let hits = round();
        assert!(hits > 700, "three quarters of what would fit, of owners that begin anywhere: {hits} of 768");
    }
}
