use super::*;
use crate::port::Segment;
use crate::regs::wqe::{Bind, FastRegister};
use proptest::prelude::*;
use std::sync::Arc;

const PD: u32 = 7;
const ME: Accessor = Accessor { qpn: 9, pd: PD, privileged: false };

fn pages(start: u64, length_bytes: u64, list: &[u64]) -> Pages {
    Pages::new(start, length_bytes, 12, false, Arc::from(list)).expect("the list covers the length")
}

fn region(memory: &mut Memory, rights: Rights, pages: Pages) -> u32 {
    let key = Key {
        kind: KeyKind::REGION,
        variant: 0x5a,
        pd: PD,
        rights,
        mapping: Mapping::Region(pages),
        max_pages: 0,
        windows: 0,
    };
    memory.insert(key).expect("there is room")
}

fn empty(memory: &mut Memory, kind: KeyKind) -> u32 {
    let key =
        Key { kind, variant: 1, pd: PD, rights: Rights::empty(), mapping: Mapping::Free, max_pages: 4, windows: 0 };
    memory.insert(key).expect("there is room")
}

const fn range(key: u32, address: u64, length_bytes: u32) -> Range {
    Range { key, address, length_bytes }
}

#[test]
fn scattered_pages_become_pieces() {
    let pages = pages(0x1234, 0x2000, &[0x8000, 0x9000, 0x3000]);
    let expected =
        [Segment { address: 0x8234, length_bytes: 0x2000 - 0x234 }, Segment { address: 0x3000, length_bytes: 0x234 }];
    assert_eq!(pages.segments(0x1234, 0x2000).expect("inside").as_slice(), expected);
    assert_eq!(pages.segments(0x1233, 1), Err(Fault::Bounds));
    assert_eq!(pages.segments(0x3234, 1), Err(Fault::Bounds));
    assert_eq!(pages.segments(0x3234, 0).map(|none| none.len()), Ok(0), "an empty range at the end is inside");
}

#[test]
fn lists_that_do_not_cover_are_refused() {
    let short = Pages::new(1, 4096, 12, false, Arc::from([0x1000]));
    assert_eq!(short, Err(Fault::Bounds));
    assert_eq!(Pages::new(0, 1, 12, false, Arc::from([0x1001])), Err(Fault::Bounds), "not a page");
    assert_eq!(Pages::new(u64::MAX, 1, 12, false, Arc::from([0])), Err(Fault::Bounds), "wraps");
    assert_eq!(Pages::new(0, 1, 64, false, Arc::from([0])), Err(Fault::Bounds), "no such page size");
}

#[test]
fn pages_of_every_size_translate_and_larger_ones_need_fewer_tables() {
    const LENGTH: u64 = 1 << 34;
    // 16 GiB by size of the page: levels of tables with 512 entries.
    for (shift, levels) in [(12, 3), (13, 3), (16, 2), (21, 2), (25, 1), (29, 1), (30, 1)] {
        let size = 1_u64 << shift;
        // From the highest page to the lowest.
        let list: Vec<u64> = (0..LENGTH / size).rev().map(|page| page * size).collect();
        let last = list.len() as u64 - 1;
        let pages = Pages::new(0, LENGTH, shift, false, list.into()).expect("they cover it");
        let piece = [Segment { address: LENGTH - size + 5, length_bytes: 8 }];
        assert_eq!(pages.segments(5, 8).expect("inside").as_slice(), piece, "{shift}");
        let mut memory = Memory::new(100);
        let key = region(&mut memory, Rights::all(), pages);
        let found = memory.lookup(range(key, LENGTH - size, 8)).expect("a region has pages");
        assert_eq!((found.first, found.last, found.pages), (last, last, last + 1), "{shift}");
        assert_eq!(found.levels(512), levels, "{shift}");
    }
}

#[test]
fn what_is_not_translated_looks_nothing_up() {
    let mut memory = Memory::new(100);
    let window = empty(&mut memory, KeyKind::WINDOW_2);
    let source = region(&mut memory, Rights::WINDOW_BIND, pages(0x1000, 0x2000, &[0x8000, 0x4000]));
    assert_eq!(memory.lookup(range(RESERVED_KEY, 0x1000, 8)), None);
    assert_eq!(memory.lookup(range(window, 0x1000, 8)), None, "not bound");
    assert_eq!(memory.lookup(range(source, 0x1000, 0)), None, "empty");
    assert_eq!(memory.lookup(range(source, 0x2fff, 2)), None, "outside");
    let rights = Rights::REMOTE_READ | Rights::ZERO_BASED;
    let (address, length_bytes) = (0x1800, 0x1000);
    let bind = Bind { window_key: window, new_key: window, region_key: source, rights, address, length_bytes };
    assert_eq!(memory.bind(ME, &bind), Ok(()));
    let found = memory.lookup(range(window, 0x7ff, 2)).expect("bound");
    assert_eq!((found.table, found.first, found.last), (source >> 8, 0, 1), "pages of its region");
}

#[test]
fn every_check_has_its_fault() {
    let mut memory = Memory::new(100);
    let key = region(&mut memory, Rights::REMOTE_READ, pages(0, 100, &[0x1000]));
    assert!(memory.local(ME, range(key, 0, 100), false).is_ok());
    assert_eq!(memory.local(ME, range(key, 0, 100), true), Err(Fault::Rights));
    assert_eq!(memory.local(ME, range(key, 1, 100), false), Err(Fault::Bounds));
    assert_eq!(memory.local(ME, range(key ^ 1, 0, 1), false), Err(Fault::Key), "another variant");
    assert_eq!(memory.local(Accessor { pd: 8, ..ME }, range(key, 0, 1), false), Err(Fault::Domain));
    assert!(memory.remote(ME, range(key, 0, 1), Rights::REMOTE_READ).is_ok());
    assert_eq!(memory.remote(ME, range(key, 0, 1), Rights::REMOTE_WRITE), Err(Fault::Rights));
    assert!(memory.remove(key).is_some());
    assert_eq!(memory.local(ME, range(key, 0, 1), false), Err(Fault::Key));
}

#[test]
fn the_reserved_key_is_for_privileged_local_work() {
    let memory = Memory::new(100);
    let bus = range(RESERVED_KEY, 0x1_2345, 10_000);
    let privileged = Accessor { privileged: true, ..ME };
    let piece = [Segment { address: 0x1_2345, length_bytes: 10_000 }];
    assert_eq!(memory.local(privileged, bus, true).expect("allowed").as_slice(), piece);
    assert_eq!(memory.local(ME, bus, false), Err(Fault::Key));
    assert_eq!(memory.remote(privileged, bus, Rights::REMOTE_READ), Err(Fault::Key));
    let wraps = range(RESERVED_KEY, u64::MAX, 2);
    assert_eq!(memory.local(privileged, wraps, false), Err(Fault::Bounds));
}

#[test]
fn fast_registration_lives_until_invalidated() {
    let mut memory = Memory::new(100);
    let key = empty(&mut memory, KeyKind::FAST_REGISTER);
    let new_key = key & !0xff | 0x77;
    let rights = Rights::LOCAL_WRITE | Rights::REMOTE_WRITE;
    let request = FastRegister {
        key: new_key,
        rights,
        start: 0x5010,
        length_bytes: 20,
        page_shift: 12,
        ..FastRegister::default()
    };
    assert_eq!(memory.local(ME, range(key, 0, 0), false), Err(Fault::Key), "not registered yet");
    assert_eq!(memory.fast_register(ME, &request, Arc::from([0x1000; 5])), Err(Fault::Bounds), "too many pages");
    assert_eq!(memory.fast_register(ME, &request, Arc::from([0xa000])), Ok(()));
    let expected = [Segment { address: 0xa010, length_bytes: 20 }];
    let found = memory.remote(ME, range(new_key, 0x5010, 20), Rights::REMOTE_WRITE).expect("registered");
    assert_eq!(found.as_slice(), expected);
    assert_eq!(memory.fast_register(ME, &request, Arc::from([0xa000])), Err(Fault::Key), "in use");
    assert_eq!(memory.invalidate(ME, key, Invalidator::Local), Err(Fault::Key), "the old variant");
    assert_eq!(memory.invalidate(ME, new_key, Invalidator::Peer), Ok(()));
    assert_eq!(memory.local(ME, range(new_key, 0x5010, 1), false), Err(Fault::Key));
}

#[test]
fn windows_narrow_a_region() {
    let mut memory = Memory::new(100);
    let all = Rights::LOCAL_WRITE | Rights::WINDOW_BIND;
    let source = region(&mut memory, all, pages(0x1000, 0x2000, &[0x8000, 0x4000]));
    let window = empty(&mut memory, KeyKind::WINDOW_2);
    let new_key = window & !0xff | 2;
    let bind = Bind {
        window_key: window,
        new_key,
        region_key: source,
        rights: Rights::REMOTE_WRITE,
        address: 0x1800,
        length_bytes: 0x1000,
    };
    assert_eq!(memory.bind(ME, &Bind { length_bytes: 0x1801, ..bind }), Err(Fault::Bounds));
    assert_eq!(memory.bind(ME, &bind), Ok(()));
    assert_eq!(memory.bind(ME, &Bind { window_key: new_key, ..bind }), Err(Fault::Key), "type 2 is bound once");
    let expected = [Segment { address: 0x8800, length_bytes: 0x800 }, Segment { address: 0x4000, length_bytes: 0x800 }];
    let found = memory.remote(ME, range(new_key, 0x1800, 0x1000), Rights::REMOTE_WRITE).expect("bound");
    assert_eq!(found.as_slice(), expected);
    for (address, length) in [(0x17ff, 1), (0x2800, 1), (0x1800, 0x1001)] {
        assert_eq!(memory.remote(ME, range(new_key, address, length), Rights::REMOTE_WRITE), Err(Fault::Bounds));
    }
    let other = Accessor { qpn: 10, ..ME };
    assert_eq!(memory.remote(other, range(new_key, 0x1800, 1), Rights::REMOTE_WRITE), Err(Fault::Domain));
    assert_eq!(memory.entry(source).map(|key| key.windows), Some(1));
    assert_eq!(memory.invalidate(other, new_key, Invalidator::Peer), Err(Fault::Domain));
    assert_eq!(memory.invalidate(ME, new_key, Invalidator::Peer), Ok(()));
    assert_eq!(memory.entry(source).map(|key| key.windows), Some(0));
}

#[test]
fn plain_regions_cannot_be_invalidated() {
    let mut memory = Memory::new(100);
    let key = region(&mut memory, Rights::REMOTE_READ, pages(0, 1, &[0]));
    assert_eq!(memory.invalidate(ME, key, Invalidator::Local), Err(Fault::Key));
}

proptest! {
    #[test]
    fn pieces_have_the_length_asked_for(start in 0..10_000_u64, length in 1..30_000_u64, from: u64, count: u32) {
        let list: Vec<u64> = (0..12).map(|page| (page * 37 % 12) << 12).collect();
        let pages = Pages::new(start, length, 12, false, Arc::from(list)).expect("twelve pages are enough");
        let (address, count) = (start + from % length, count % 40_000);
        match pages.segments(address, count) {
            Ok(pieces) => {
                prop_assert!(address + u64::from(count) <= start + length);
                prop_assert_eq!(pieces.iter().map(|piece| piece.length_bytes).sum::<u32>(), count);
            }
            Err(fault) => {
                prop_assert_eq!(fault, Fault::Bounds);
                prop_assert!(address + u64::from(count) > start + length);
            }
        }
    }
}
