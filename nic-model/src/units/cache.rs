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

/// Spreads keys over sets: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

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

    /// Looks a key up and keeps it from now on; true if it was there.
    pub(crate) fn access(&mut self, key: u64) -> bool {
        self.clock += 1;
        let sets = (self.entries.len() / self.ways) as u64;
        let set = (((key.wrapping_mul(SPREAD) >> 32) * sets) >> 32) as usize;
        let ways = &mut self.entries[set * self.ways..(set + 1) * self.ways];
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
        let sets = (self.entries.len() / self.ways) as u64;
        let set = (((key.wrapping_mul(SPREAD) >> 32) * sets) >> 32) as usize;
        let ways = &mut self.entries[set * self.ways..(set + 1) * self.ways];
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
    fn sets_share_evenly() {
        let mut cache = Cache::new(1024, 8, Replacement::Lru);
        let hits = hits(&mut cache, 512, 4);
        assert!(hits > 2_000, "half of what would fit: {hits} of 2048");
    }
}
