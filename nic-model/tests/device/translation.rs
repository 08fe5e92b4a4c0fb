//! Translation: trees of tables in host memory, of which a cache keeps lines.

use crate::support::{Connection, World};
use nic_model::Config;
use nic_model::regs::counters::Counters;
use nic_model::regs::cqe::Syndrome;
use nic_model::regs::wqe::{Body, DataList, Opcode, RemoteAddress};
use smallvec::smallvec;

const PAGE: u64 = 4096;

/// A small cache over tables of few entries, in lines of eight.
fn small(config: &mut Config, table_entries: u32) {
    let caches = &mut config.profile.caches;
    (caches.mtt.entries.value, caches.mtt.ways.value) = (64, 64);
    caches.table_entries.value = table_entries;
}

/// What READs of 8 bytes cost at the responder, each at the beginning of one of these pages of a region: lines read, misses
/// of the cache, and nanoseconds until the end.
fn reads(region_pages: u64, table_entries: u32, pages: &[u64]) -> Vec<(u64, u64, u64)> {
    let mut world = World::with(|config| small(config, table_entries));
    let [mut a, _] = world.reliable_pair(Connection::default());
    // The requester's own page needs no table.
    let sink = world.buffer(0, 8, 1);
    let source = world.buffer(1, region_pages * PAGE - 1000 - PAGE / 2, 2);
    let mut before = Counters::default();
    let mut costs = Vec::new();
    for page in pages {
        let remote = RemoteAddress { address: source.address() + page * PAGE, key: source.key };
        let list = DataList::Segments(smallvec![sink.at(0, 8)]);
        let start = world.now;
        world.send(&mut a, Opcode::READ, Body::Remote(remote, list));
        let done = loop {
            assert!(world.step(), "it ends");
            if let Some(cqe) = world.poll(&mut a) {
                assert_eq!(cqe.syndrome, Syndrome::NONE);
                break cqe.time_ns;
            }
        };
        world.run();
        let now = world.nodes[1].nic.counters();
        costs.push((
            now.mtt_levels_read - before.mtt_levels_read,
            now.mtt_cache_misses - before.mtt_cache_misses,
            done - start.as_ps() / 1000,
        ));
        before = now;
    }
    costs
}

#[test]
fn a_miss_reads_a_line_of_each_level_that_is_not_at_hand() {
    // Tables of 16 entries over 600 pages: 38 tables, 3 above them, and the root.
    let costs = reads(600, 16, &[0, 7, 8, 127, 128, 599, 1]);
    let lines: Vec<(u64, u64)> = costs.iter().map(|&(lines, misses, _)| (lines, misses)).collect();
    // Page 8 is in the next line of the same table; 128 and 599 are in other lines of the directory above, too.
    assert_eq!(lines, [(3, 1), (0, 0), (1, 1), (1, 1), (2, 1), (2, 1), (0, 0)]);
}

#[test]
fn each_level_takes_a_read() {
    let first = |pages, table_entries| {
        let (lines, _, took) = reads(pages, table_entries, &[0])[0];
        (lines, took)
    };
    let (none, flat) = first(1, 512);
    let (one, directory) = first(64, 512);
    let (three, deep) = first(600, 16);
    assert_eq!((none, one, three), (0, 1, 3), "one page needs no table");
    let read = directory - flat;
    assert!((500..600).contains(&read), "a read of host memory: {read} ns");
    assert!((deep - flat).abs_diff(3 * read) <= 3, "one after the other");
}
