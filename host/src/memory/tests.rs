use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_buffer_reads_back_what_was_written(length in 1..20_000_u64, offset in 0..5_000_u64, fill in any::<u8>()) {
        let mut memory = HostMemory::new();
        let mdl = memory.allocate(length, offset);
        prop_assert_eq!(mdl.first_byte_offset(), offset % PAGE_SIZE);
        let data: Vec<u8> = (0..length).map(|index| (index as u8).wrapping_mul(31) ^ fill).collect();
        memory.write_buffer(&mdl, 0, &data).expect("the buffer is memory");
        let mut back = vec![0; data.len()];
        memory.read_buffer(&mdl, 0, &mut back).expect("the buffer is memory");
        prop_assert_eq!(&back, &data);
        prop_assert!(memory.read_buffer(&mdl, 1, &mut back).is_err(), "one byte past the end is refused");
        back.fill(0);
        memory.read_virtual(mdl.virtual_address, &mut back).expect("the buffer is mapped");
        prop_assert_eq!(&back, &data);
        prop_assert!(memory.read_virtual(mdl.virtual_address + length, &mut [0]).is_err());
    }
}

#[test]
fn posted_writes_appear_at_their_moment_and_in_order() {
    let mut memory = HostMemory::new();
    let address = memory.allocate_contiguous(1);
    memory.post_write(Time::from_ps(10), address, Bytes::from_static(&[1]));
    memory.post_write(Time::from_ps(20), address, Bytes::from_static(&[2]));
    let mut byte = [9];
    for (now, expected) in [(9, 0), (10, 1), (19, 1), (20, 2)] {
        memory.settle(Time::from_ps(now)).expect("all writes hit memory");
        memory.read(address, &mut byte).expect("memory");
        assert_eq!(byte[0], expected, "at {now} ps");
    }
}

#[test]
fn a_page_that_a_device_wrote_is_copied_when_it_changes() {
    let mut memory = HostMemory::new();
    let address = memory.allocate_contiguous(1);
    let page = Bytes::from(vec![7; PAGE_SIZE as usize]);
    memory.post_write(Time::ZERO, address, page.clone());
    memory.settle(Time::ZERO).expect("it is memory");
    memory.write(address + 1, &[9]).expect("it is memory");
    let (mut read, mut appended) = ([0; 3], Vec::new());
    memory.read(address, &mut read).expect("it is memory");
    memory.read_to(address, 3, &mut appended).expect("it is memory");
    assert_eq!((read, appended), ([7, 9, 7], vec![7, 9, 7]));
    assert!(page.iter().all(|byte| *byte == 7), "the packet is what it was");
}

#[test]
fn what_is_freed_or_never_was_is_refused() {
    let mut memory = HostMemory::new();
    let mdl = memory.allocate(10, 0);
    memory.free(&mdl);
    assert_eq!(memory.allocated_pages(), 0);
    assert!(memory.write_buffer(&mdl, 0, &[1]).is_err());
    assert!(memory.read(0, &mut [0]).is_err());
    assert!(memory.read(u64::MAX, &mut [0, 0]).is_err());
}

#[test]
fn a_device_behind_an_iommu_reaches_what_is_mapped_page_by_page() {
    let mut memory = HostMemory::behind_iommu();
    let mdl = memory.allocate(3 * PAGE_SIZE, 0);
    let bus = memory.map(&mdl.pages, Rights::ReadWrite);
    let data: Vec<u8> = (0..2 * PAGE_SIZE).map(|index| index as u8).collect();
    memory.post_write(Time::ZERO, bus[0] + 100, data.clone().into());
    memory.settle(Time::ZERO).expect("it is mapped");
    let (mut own, mut devices) = (vec![0; data.len()], Vec::new());
    memory.read_buffer(&mdl, 100, &mut own).expect("it is memory");
    memory.device_read(bus[0] + 100, data.len(), &mut devices).expect("it is mapped");
    assert_eq!((&own, &devices), (&data, &data), "pages that are scattered are one behind the other");
    let beyond = memory.device_read(bus[2], PAGE_SIZE as usize + 1, &mut devices);
    assert!(matches!(beyond, Err(MemoryError::Blocked(fault)) if fault.address == bus[2] + PAGE_SIZE), "{beyond:?}");
    // A write on its way when its page is unmapped does not arrive.
    memory.post_write(Time::from_ps(1), bus[0], data.into());
    memory.unmap(bus[0]);
    assert!(matches!(memory.settle(Time::from_ps(1)), Err(MemoryError::Blocked(fault)) if fault.address == bus[0]));
    // Of a page that is no memory and one that is not mapped, the latter is told.
    let other = memory.allocate(1, 0);
    let gone = memory.map(&other.pages, Rights::Write)[0];
    memory.free(&other);
    memory.post_write(Time::from_ps(2), gone, Bytes::from_static(&[1]));
    memory.post_write(Time::from_ps(2), 0, Bytes::from_static(&[1]));
    assert!(matches!(memory.settle(Time::from_ps(2)), Err(MemoryError::Blocked(fault)) if fault.address == 0));
    assert!(memory.device_read(u64::MAX, 8, &mut devices).is_err());
    assert_eq!(memory.iommu().map(Iommu::faults), Some(4));
    memory.free(&mdl);
    assert_eq!(memory.allocated_pages(), 0, "tables are not counted");
}
