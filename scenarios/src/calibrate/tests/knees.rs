//! Keys and translations: as fast as ever while they are at hand, then slower and slower, by reads of host memory.

use super::super::bench::{Load, Operation};
use super::super::bottlenecks::inbound;
use super::*;

/// Rate of READs and WRITEs that go anywhere in so many regions of so many pages.
fn rates(profile: &Profile, regions: u32, pages: u32) -> [Milli; 2] {
    [Operation::Read, Operation::Write].map(|operation| {
        let load = Load { regions: Some((regions, pages)), ..inbound(profile, operation, 3_000) };
        mops(load.rate())
    })
}

fn permille(rates: [Milli; 2], of: [Milli; 2]) -> [u64; 2] {
    [rates[0] * 1_000 / of[0], rates[1] * 1_000 / of[1]]
}

#[test]
fn registered_pages_beyond_the_translation_cache_slow_random_access() {
    let mut profile = load("connectx-3").expect("the model knows it");
    // 1024 translations: 4 MiB.
    assert_eq!(profile.caches.mtt.entries.value, 128);
    let few = rates(&profile, 1, 64);
    let fitting = permille(rates(&profile, 1, 900), few);
    let [more, most] = [2, 8].map(|regions| permille(rates(&profile, regions, 1000), few));
    for operation in 0..2 {
        let seen = (fitting[operation], more[operation], most[operation]);
        assert!(seen.0 > 950 && seen.1 < 900 && seen.2 < seen.1, "per mille of what a small region has: {seen:?}");
    }
    profile.caches.mtt.entries.value = 0;
    assert!(permille(rates(&profile, 8, 1000), few).into_iter().all(|rate| rate > 950), "it is the cache");
}

#[test]
fn regions_beyond_the_key_cache_slow_random_access() {
    let mut profile = load("connectx-3").expect("the model knows it");
    assert_eq!(profile.caches.mpt.entries.value, 1024);
    let few = rates(&profile, 16, 1);
    let fitting = permille(rates(&profile, 900, 1), few);
    let [more, most] = [1500, 4000].map(|regions| permille(rates(&profile, regions, 1), few));
    for operation in 0..2 {
        let seen = (fitting[operation], more[operation], most[operation]);
        assert!(seen.0 > 950 && seen.1 < 980 && seen.2 < seen.1, "per mille of what few regions have: {seen:?}");
    }
    profile.caches.mpt.entries.value = 0;
    assert!(permille(rates(&profile, 4000, 1), few).into_iter().all(|rate| rate > 950), "it is the cache");
}
