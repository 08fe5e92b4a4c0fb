use super::*;
use bytes::Bytes;
use nic_model::regs::wqe::{Body, Control, DataList, Opcode, WqeFlags, blocks, decode_receive};
use proptest::prelude::*;
use wire::Qpn;

fn wqe(index: u16, body: Body) -> SendWqe {
    let control =
        Control { index, opcode: Opcode::SEND, qpn: Qpn::new(5), flags: WqeFlags::SIGNALLED, ..Control::default() };
    SendWqe { control, body }
}

fn data(count: u32) -> Vec<Data> {
    (0..count)
        .map(|index| Data { length_bytes: index, key: (index + 2) << 8, address: u64::from(index) << 20 })
        .collect()
}

/// Reads the WQE at a free-running index, as the device would: block by block, around the end of the ring.
fn read_back(memory: &HostMemory, queue: &SendQueue, index: u32) -> SendWqe {
    let first: [u8; BLOCK_BYTES] = load(memory, queue.block_address(index));
    let units = Control::read(&first).expect("a block holds a control segment").units;
    let block = |offset: u32| load::<BLOCK_BYTES>(memory, queue.block_address(index.wrapping_add(offset)));
    let bytes: Vec<u8> = (0..blocks(units)).flat_map(block).collect();
    SendWqe::decode(&bytes, false).expect("the device can read what the driver writes")
}

#[test]
fn queues_have_room_for_the_longest_wqes() {
    assert_eq!(send_wqe_blocks(0, 0), 1);
    assert_eq!(send_wqe_blocks(2, 0), 1, "control, address, two pieces");
    assert_eq!(send_wqe_blocks(3, 0), 2);
    assert_eq!(send_wqe_blocks(2, 28), 1, "28 bytes and their length are two units");
    assert_eq!(send_wqe_blocks(2, 29), 2);
    for (count, log) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (u32::MAX, 32)] {
        assert_eq!(log2_ceil(count), log, "of {count}");
    }
}

proptest! {
    /// Whatever is posted reads back, in a ring much smaller than the number of requests.
    #[test]
    fn what_the_driver_writes_the_device_reads(lists in prop::collection::vec((0_u32..4, any::<bool>()), 1..60)) {
        let mut memory = HostMemory::new();
        let buffer = DmaBuffer::allocate(&mut memory, 1 << 12, Rights::Read);
        let mut queue = SendQueue::new(buffer.address, 3, send_wqe_blocks(3, 60));
        for (number, (pieces, inline)) in lists.into_iter().enumerate() {
            let list = match inline {
                true => DataList::Inline(Bytes::from(vec![number as u8; 20 * pieces as usize])),
                false => DataList::Segments(data(pieces).into()),
            };
            let wqe = wqe(queue.next_index(), Body::Send(list));
            let first = queue.producer;
            queue.push(&mut memory, number as u64, &wqe, None).expect("there is room");
            prop_assert_eq!(&read_back(&memory, &queue, first).body, &wqe.body);
            prop_assert_eq!(queue.retire(first), Some(Retired { id: number as u64, pages: Vec::new() }));
        }
    }
}

#[test]
fn a_doorbell_covers_all_that_was_posted_since_the_last() {
    let mut memory = HostMemory::new();
    let buffer = DmaBuffer::allocate(&mut memory, 1 << 12, Rights::Read);
    let mut queue = SendQueue::new(buffer.address, 8, 2);
    assert_eq!(queue.ring(&memory, true), None);
    for (id, pieces) in [(0, 1), (1, 6), (2, 0)] {
        let wqe = wqe(queue.next_index(), Body::Send(DataList::Segments(data(pieces).into())));
        queue.push(&mut memory, id, &wqe, None).expect("there is room");
    }
    assert_eq!(queue.ring(&memory, true), Some(Ring::Doorbell(4)));
    assert_eq!(queue.ring(&memory, true), None, "once");
    let lone = wqe(queue.next_index(), Body::Empty);
    queue.push(&mut memory, 3, &lone, None).expect("there is room");
    let Some(Ring::Push(block)) = queue.ring(&memory, true) else { panic!("a lone block is pushed") };
    assert_eq!(Control::read(&block).map(|control| control.index), Some(4));
}

#[test]
fn a_full_queue_refuses_and_a_completion_gives_back_all_before_it() {
    let mut memory = HostMemory::new();
    let buffer = DmaBuffer::allocate(&mut memory, 1 << 12, Rights::Read);
    let mut queue = SendQueue::new(buffer.address, 3, 1);
    for id in 0..3 {
        queue.push(&mut memory, id, &wqe(0, Body::Empty), None).expect("there is room");
    }
    let refused = queue.push(&mut memory, 3, &wqe(0, Body::Empty), None);
    assert_eq!(refused, Err((Status::NO_MORE_ENTRIES, None)));
    assert_eq!(queue.retire(7), None, "nothing of the kind was posted");
    assert_eq!(queue.retire(1).map(|retired| retired.id), Some(1));
    assert_eq!(queue.retire(0), None, "ended with the one after it");
    let long = wqe(0, Body::Send(DataList::Segments(data(9).into())));
    assert_eq!(queue.push(&mut memory, 3, &long, None), Err((Status::INVALID_PARAMETER, None)));
    queue.push(&mut memory, 3, &wqe(0, Body::Empty), None).expect("two places are free");
    queue.push(&mut memory, 4, &wqe(0, Body::Empty), None).expect("one place is free");
}

#[test]
fn receives_read_back_and_the_record_counts_them() {
    let mut memory = HostMemory::new();
    let buffer = DmaBuffer::allocate(&mut memory, 1 << 12, Rights::Read);
    let record = buffer.address + 2048;
    let mut queue = ReceiveQueue::new(buffer.address, record, 3, 2);
    assert_eq!((queue.log_wqes(), queue.log_stride()), (2, 6));
    for index in 0_u32..20 {
        queue.push(&mut memory, u64::from(index) + 100, &data(index % 3)).expect("there is room");
        let at = buffer.address + u64::from(index % 4) * 64;
        assert_eq!(decode_receive(&load::<64>(&memory, at)).to_vec(), data(index % 3));
        assert_eq!(ReceiveRecord::decode(&load(&memory, record)).producer, index + 1);
        assert_eq!(queue.retire(index), Some(u64::from(index) + 100));
        assert_eq!(queue.retire(index), None, "once");
    }
    assert_eq!(queue.push(&mut memory, 0, &data(3)), Err(Status::INVALID_PARAMETER));
}

#[test]
fn shared_receives_end_in_any_order_without_losing_an_id() {
    let mut memory = HostMemory::new();
    let buffer = DmaBuffer::allocate(&mut memory, 1 << 12, Rights::Read);
    let mut queue = ReceiveQueue::new(buffer.address, buffer.address + 2048, 4, 1);
    for id in 0..4 {
        queue.push(&mut memory, id, &[]).expect("there is room");
    }
    assert_eq!(queue.push(&mut memory, 4, &[]), Err(Status::NO_MORE_ENTRIES));
    // The device has read the first three, although two of them have not ended.
    assert_eq!(queue.retire(2), Some(2));
    queue.push(&mut memory, 4, &[]).expect("one is free, and its slot is read");
    assert_eq!(queue.push(&mut memory, 5, &[]), Err(Status::NO_MORE_ENTRIES), "four are under way");
    for (index, id) in [(1, 1), (4, 4), (0, 0), (3, 3)] {
        assert_eq!(queue.retire(index), Some(id));
    }
    for id in 10..14 {
        queue.push(&mut memory, id, &[]).expect("all are free");
    }
}
