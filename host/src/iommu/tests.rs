use super::space::Space;
use super::*;
use proptest::prelude::*;

/// The first page that memory gives.
const ROOT: u64 = 17 * PAGE_SIZE;

fn unit() -> (Physical, Iommu) {
    let mut memory = Physical::default();
    let iommu = Iommu::new(&mut memory);
    (memory, iommu)
}

#[test]
fn rights_are_those_of_the_mapping() {
    let (mut memory, mut iommu) = unit();
    let table = [(Rights::Read, [true, false]), (Rights::Write, [false, true]), (Rights::ReadWrite, [true, true])];
    for (rights, allowed) in table {
        let address = iommu.map(&mut memory, [0x7000].into_iter(), rights);
        for (access, allowed) in [Access::Read, Access::Write].into_iter().zip(allowed) {
            let expected = if allowed { Ok(0x7123) } else { Err(Reason::NoRight) };
            let found = iommu.translate(&memory, address + 0x123, access).map_err(|fault| fault.reason);
            assert_eq!(found, expected, "{rights:?}, {access:?}");
        }
    }
    assert_eq!(iommu.faults(), 2);
}

#[test]
fn what_is_not_mapped_is_refused_with_a_reason_and_recorded() {
    let (mut memory, mut iommu) = unit();
    let address = iommu.map(&mut memory, [0x7000, 0x9000].into_iter(), Rights::ReadWrite);
    let found = iommu.look_up(&memory, address + PAGE_SIZE, Access::Write);
    assert_eq!(found, Ok(Walk { address: 0x9000, levels: LEVELS }));
    let refused = [
        (0, Reason::NotPresent),
        (0x7000, Reason::NotPresent),
        (address - 1, Reason::NotPresent),
        (address + 2 * PAGE_SIZE, Reason::NotPresent),
        (1 << 48, Reason::TooWide),
        (u64::MAX, Reason::TooWide),
    ];
    for (address, reason) in refused {
        let fault = Fault { address, access: Access::Read, reason };
        assert_eq!(iommu.translate(&memory, address, Access::Read), Err(fault));
        assert_eq!(iommu.records().last(), Some(&fault));
    }
    for _ in 0..100 {
        iommu.translate(&memory, 0, Access::Write).expect_err("nothing is mapped at zero");
    }
    assert_eq!((iommu.faults(), iommu.records().len()), (106, RECORDS_MAX));
}

#[test]
fn entries_are_those_of_vt_d() {
    let (mut memory, mut iommu) = unit();
    let address = iommu.map(&mut memory, [0x7000].into_iter(), Rights::Write);
    assert_eq!(memory.allocated_pages(), usize::from(LEVELS), "one table a level");
    let mut entry = ROOT;
    for shift in [39, 30, 21, 12] {
        let mut bytes = [0; 8];
        memory.read((entry & !0xfff) + (address >> shift & 0x1ff) * 8, &mut bytes).expect("a table");
        entry = u64::from_le_bytes(bytes);
        assert_eq!(entry & 0xfff, if shift == 12 { 0b10 } else { 0b11 }, "the level of bit {shift}");
    }
    assert_eq!(entry, 0x7002);
}

#[test]
fn a_table_that_is_no_memory_is_a_fault() {
    let (mut memory, mut iommu) = unit();
    let address = iommu.map(&mut memory, [0x7000].into_iter(), Rights::Read);
    memory.free_page(ROOT);
    assert_eq!(iommu.look_up(&memory, address, Access::Read), Err(Reason::Table));
}

#[test]
fn what_was_unmapped_is_told_once_and_its_addresses_rest() {
    let (mut memory, mut iommu) = unit();
    let first = iommu.map(&mut memory, [0x7000].into_iter(), Rights::Read);
    assert!(iommu.unmap(&mut memory, first) && !iommu.unmap(&mut memory, first) && !iommu.unmap(&mut memory, 0x7000));
    let second = iommu.map(&mut memory, [0x7000].into_iter(), Rights::Read);
    assert_ne!(first, second);
    let told = Remapping { mapped: 2, unmapped: vec![Range { address: first, pages: 1 }] };
    assert_eq!(iommu.take_remapping(), Some(told));
    assert_eq!(iommu.take_remapping(), None);
}

/// Pages mapped, and what of it the device may do, by its address.
type Model = BTreeMap<u64, (u64, Rights)>;

fn check(memory: &Physical, iommu: &Iommu, model: &Model, address: u64) -> Result<(), TestCaseError> {
    for access in [Access::Read, Access::Write] {
        let expected = match model.get(&(address & !(PAGE_SIZE - 1))) {
            None => Err(Reason::NotPresent),
            Some((_, rights)) if !rights.allows(access) => Err(Reason::NoRight),
            Some((page, _)) => Ok(page + address % PAGE_SIZE),
        };
        let found = iommu.look_up(memory, address, access).map(|walk| walk.address);
        prop_assert_eq!(found, expected, "{:?} of {:#x}", access, address);
    }
    Ok(())
}

proptest! {
    #[test]
    fn tables_are_a_map(steps in proptest::collection::vec((any::<bool>(), 1..700_u64, 0..3_u8, any::<u16>()), 1..40)) {
        let (mut memory, mut iommu) = unit();
        let (mut model, mut ranges) = (Model::new(), Vec::<(u64, u64)>::new());
        let mut page = 0;
        for (unmap, count, rights, pick) in steps {
            if unmap && !ranges.is_empty() {
                let (first, count) = ranges.swap_remove(usize::from(pick) % ranges.len());
                prop_assert!(iommu.unmap(&mut memory, first));
                model.retain(|address, _| !(first..first + count * PAGE_SIZE).contains(address));
                check(&memory, &iommu, &model, first)?;
            } else {
                let rights = [Rights::Read, Rights::Write, Rights::ReadWrite][usize::from(rights)];
                // Any order of pages will do: the tables do not care.
                let pages: Vec<u64> = (0..count).map(|index| (page + (index ^ 1)) * PAGE_SIZE).collect();
                page += count + 1;
                let first = iommu.map(&mut memory, pages.iter().copied(), rights);
                for (index, page) in (0..).zip(pages) {
                    let other = model.insert(first + index * PAGE_SIZE, (page, rights));
                    prop_assert!(other.is_none(), "addresses in use are not given again");
                }
                ranges.push((first, count));
                check(&memory, &iommu, &model, first - 1)?;
                check(&memory, &iommu, &model, first + count * PAGE_SIZE)?;
            }
            for (address, at) in model.keys().zip([0, 1, 4095].into_iter().cycle()) {
                check(&memory, &iommu, &model, address + at)?;
            }
        }
        for (first, _) in ranges {
            prop_assert!(iommu.unmap(&mut memory, first));
        }
        prop_assert_eq!((iommu.table_pages(), memory.allocated_pages()), (1, 1), "only the root is left");
    }

    #[test]
    fn tables_that_somebody_has_overwritten_are_survived(
        words in proptest::collection::vec((0..8_u64, 0..512_u64, any::<u64>()), 1..60),
        counts in proptest::collection::vec(1..600_u64, 1..6),
    ) {
        let (mut memory, mut iommu) = unit();
        let page = memory.allocate_page();
        let mut ranges = Vec::new();
        for count in counts {
            ranges.push(iommu.map(&mut memory, vec![page; count as usize].into_iter(), Rights::ReadWrite));
            for (table, entry, word) in &words {
                // Every second page is memory: tables first.
                let written = memory.write(ROOT + table * 2 * PAGE_SIZE + entry * 8, &word.to_le_bytes());
                prop_assert!(written.is_ok() || *table > 0, "the root is memory");
            }
            let before = iommu.faults();
            let refused = ranges.iter().filter(|address| iommu.translate(&memory, **address, Access::Read).is_err());
            prop_assert_eq!(refused.count() as u64, iommu.faults() - before);
        }
        prop_assert!(ranges.into_iter().all(|address| iommu.unmap(&mut memory, address)));
    }

    #[test]
    fn addresses_are_given_once_and_found_again(steps in proptest::collection::vec((any::<bool>(), 1..20_u64, any::<u16>()), 1..200)) {
        let mut space = Space::new(100, 300);
        let mut taken = BTreeMap::<u64, u64>::new();
        for (give, count, pick) in steps {
            if give && !taken.is_empty() {
                let first = *taken.keys().nth(usize::from(pick) % taken.len()).expect("there is one");
                space.give(first, taken.remove(&first).expect("it was taken"));
            } else if let Some(first) = space.take(count) {
                prop_assert!(first >= 100 && first + count < 300);
                let before = taken.range(..first).next_back();
                prop_assert!(before.is_none_or(|(other, pages)| other + pages < first), "a page between");
                prop_assert!(taken.range(first..).next().is_none_or(|(other, _)| first + count < *other));
                taken.insert(first, count);
            }
            prop_assert_eq!(space.free_pages(), 200 - taken.values().map(|pages| pages + 1).sum::<u64>());
        }
        taken.into_iter().for_each(|(first, pages)| space.give(first, pages));
        prop_assert!(space.take(199).is_some(), "all is one range again");
    }
}
