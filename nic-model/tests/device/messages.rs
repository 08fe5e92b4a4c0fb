//! Messages of every kind between two devices: bytes arrive, completions tell.

use crate::support::driver::{ip, pattern};
use crate::support::{Connection, World};
use nic_model::regs::cmd::{QpType, Rights};
use nic_model::regs::cqe::{CqeFlags, CqeOpcode, Syndrome};
use nic_model::regs::wqe::{AddressVector, Atomic, Body, DataList, Opcode, RemoteAddress, WqeFlags};
use smallvec::smallvec;
use wire::Qpn;

const LENGTHS: [u32; 7] = [0, 1, 255, 256, 4096, 4097, 50_001];

fn one(data: nic_model::regs::wqe::Data) -> DataList {
    DataList::Segments(smallvec![data])
}

/// Moves every length at every path MTU, in time and without.
fn for_all(mut test: impl FnMut(&mut World, Connection, u32)) {
    for zero_time in [false, true] {
        let mut world = World::new(zero_time);
        for path_mtu in [1, 3, 5] {
            for length in LENGTHS {
                test(&mut world, Connection { path_mtu, ..Connection::default() }, length);
            }
        }
    }
}

#[test]
fn writes_arrive() {
    for_all(|world, how, length| {
        let [mut a, _] = world.reliable_pair(how);
        let source = world.buffer(0, 60_000, 1);
        let sink = world.buffer(1, 60_000, 2);
        let remote = RemoteAddress { address: sink.address() + 7, key: sink.key };
        let list = smallvec![source.at(5, length / 3), source.at(5 + u64::from(length / 3), length - length / 3)];
        world.send(&mut a, Opcode::WRITE, Body::Remote(remote, DataList::Segments(list)));
        world.run();
        let completions = world.completions(&mut a);
        assert_eq!(completions.len(), 1);
        assert_eq!((completions[0].opcode, completions[0].byte_count), (CqeOpcode::REQUEST, length));
        let sent = world.bytes(0, &source, 5, length as usize);
        assert_eq!(world.bytes(1, &sink, 7, length as usize), sent);
        assert_eq!(world.bytes(1, &sink, 7 + u64::from(length), 100), pattern(60_000, 2)[7 + length as usize..][..100]);
    });
}

#[test]
fn reads_fetch() {
    for_all(|world, how, length| {
        let [mut a, _] = world.reliable_pair(how);
        let sink = world.buffer(0, 60_000, 3);
        let source = world.buffer(1, 60_000, 4);
        let remote = RemoteAddress { address: source.address() + 9, key: source.key };
        world.send(&mut a, Opcode::READ, Body::Remote(remote, one(sink.at(11, length))));
        world.run();
        let completions = world.completions(&mut a);
        assert_eq!(completions.len(), 1, "{length}");
        assert_eq!((completions[0].opcode, completions[0].operation), (CqeOpcode::REQUEST, Opcode::READ));
        assert_eq!(world.bytes(0, &sink, 11, length as usize), world.bytes(1, &source, 9, length as usize));
    });
}

#[test]
fn sends_fill_receives() {
    for_all(|world, how, length| {
        let [mut a, mut b] = world.reliable_pair(how);
        let source = world.buffer(0, 60_000, 5);
        let sink = world.buffer(1, 60_000, 6);
        world.post_receive(&mut b, &[sink.at(100, 20), sink.at(120, 55_000)]);
        world.send(&mut a, Opcode::SEND_IMMEDIATE, Body::Send(one(source.at(0, length))));
        world.run();
        let got = world.completions(&mut b);
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].opcode, got[0].immediate), (CqeOpcode::RECEIVED_SEND_IMMEDIATE, 0xaabb_ccdd));
        assert_eq!((got[0].byte_count, got[0].wqe_index, got[0].qpn.value()), (length, 0, b.number));
        assert_eq!(world.completions(&mut a).len(), 1);
        assert_eq!(world.bytes(1, &sink, 100, length as usize), world.bytes(0, &source, 0, length as usize));
    });
}

#[test]
fn many_requests_complete_in_order() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let source = world.buffer(0, 10_000, 7);
    let sink = world.buffer(1, 300_000, 8);
    for index in 0..30 {
        world.post_receive(&mut b, &[sink.at(index * 10_000, 10_000)]);
    }
    for index in 0..30_u32 {
        let flags = if index % 3 == 2 { WqeFlags::SIGNALLED } else { WqeFlags::empty() };
        world.post(&mut a, Opcode::SEND, flags, 0, Body::Send(one(source.at(0, 300 * index + 1))));
    }
    world.ring(&a);
    world.run();
    let sent: Vec<u32> = world.completions(&mut a).iter().map(|cqe| cqe.wqe_index).collect();
    assert_eq!(sent, (0..30).filter(|index| index % 3 == 2).collect::<Vec<u32>>());
    let got = world.completions(&mut b);
    let lengths: Vec<(u32, u32)> = got.iter().map(|cqe| (cqe.wqe_index, cqe.byte_count)).collect();
    assert_eq!(lengths, (0..30).map(|index| (index, 300 * index + 1)).collect::<Vec<_>>());
    for (index, length) in lengths {
        let bytes = world.bytes(1, &sink, u64::from(index) * 10_000, length as usize);
        assert_eq!(bytes, pattern(10_000, 7)[..length as usize], "message {index}");
    }
}

#[test]
fn rings_go_around() {
    let mut world = World::new(true);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let source = world.buffer(0, 1_000, 9);
    let sink = world.buffer(1, 1_000, 10);
    for round in 0..400_u32 {
        world.post_receive(&mut b, &[sink.at(0, 1_000)]);
        let list = (0..=round % 5).map(|piece| source.at(piece.into(), 3)).collect();
        world.send(&mut a, Opcode::SEND, Body::Send(DataList::Segments(list)));
        world.run();
        assert_eq!(world.completions(&mut a).len(), 1, "round {round}");
        let got = world.completions(&mut b);
        assert_eq!((got.len(), got[0].wqe_index, got[0].byte_count), (1, round, 3 * (round % 5 + 1)));
    }
}

#[test]
fn inline_data_comes_from_the_wqe() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection { path_mtu: 1, ..Connection::default() });
    let sink = world.buffer(1, 1_000, 11);
    world.post_receive(&mut b, &[sink.at(0, 1_000)]);
    let data = pattern(400, 99);
    world.send(&mut a, Opcode::SEND, Body::Send(DataList::Inline(data.clone().into())));
    world.run();
    assert_eq!(world.bytes(1, &sink, 0, 400), data);
    assert_eq!(world.completions(&mut a).len(), 1);
}

#[test]
fn blueflame_needs_no_wqe_read() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    let sink = world.buffer(1, 1_000, 11);
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    for push in 0..3 {
        let body = Body::Remote(remote, DataList::Inline(pattern(20, push).into()));
        let bytes = world.post(&mut a, Opcode::WRITE, WqeFlags::SIGNALLED, 0, body);
        let reads = world.nodes[0].nic.counters().dma_reads;
        let line = nic_model::regs::bar::uar(0, nic_model::regs::bar::UAR_BLUEFLAME);
        world.mmio_write(0, line, &bytes);
        world.run();
        assert_eq!(world.nodes[0].nic.counters().dma_reads, reads, "neither WQE nor payload was read");
        assert_eq!(world.bytes(1, &sink, 0, 20), pattern(20, push));
    }
    assert_eq!(world.completions(&mut a).len(), 3);
    assert_eq!(world.nodes[0].nic.counters().blueflame_wqes, 3);
}

#[test]
fn writes_with_immediate_use_up_a_receive() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection { path_mtu: 1, ..Connection::default() });
    let source = world.buffer(0, 1_000, 12);
    let sink = world.buffer(1, 1_000, 13);
    world.post_receive(&mut b, &[]);
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    world.send(&mut a, Opcode::WRITE_IMMEDIATE, Body::Remote(remote, one(source.at(0, 600))));
    world.run();
    let got = world.completions(&mut b);
    assert_eq!((got.len(), got[0].opcode), (1, CqeOpcode::RECEIVED_WRITE_IMMEDIATE));
    assert_eq!((got[0].immediate, got[0].byte_count), (0xaabb_ccdd, 600));
    assert_eq!(world.bytes(1, &sink, 0, 600), pattern(1_000, 12)[..600]);
}

#[test]
fn atomics_change_and_return() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    let result = world.buffer(0, 64, 0);
    let cell = world.register(1, 4096, 0, Rights::LOCAL_WRITE | Rights::REMOTE_ATOMIC);
    world.nodes[1].memory.write_buffer(&cell.mdl, 8, &40_u64.to_le_bytes()).expect("memory");
    let remote = RemoteAddress { address: cell.address() + 8, key: cell.key };
    let add = Atomic { swap_or_add: 2, compare: 0 };
    world.send(&mut a, Opcode::FETCH_ADD, Body::Atomic(remote, add, result.at(0, 8)));
    let hit = Atomic { swap_or_add: 7, compare: 42 };
    world.send(&mut a, Opcode::COMPARE_SWAP, Body::Atomic(remote, hit, result.at(8, 8)));
    let miss = Atomic { swap_or_add: 8, compare: 42 };
    world.send(&mut a, Opcode::COMPARE_SWAP, Body::Atomic(remote, miss, result.at(16, 8)));
    world.run();
    let statuses: Vec<Syndrome> = world.completions(&mut a).iter().map(|cqe| cqe.syndrome).collect();
    assert_eq!(statuses, [Syndrome::NONE; 3]);
    let originals: Vec<u64> = (0..3)
        .map(|index| world.bytes(0, &result, index * 8, 8))
        .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
        .collect();
    assert_eq!(originals, [40, 42, 7]);
    assert_eq!(world.bytes(1, &cell, 8, 8), 7_u64.to_le_bytes());
}

#[test]
fn unreliable_connections_send_and_write() {
    let mut world = World::new(false);
    let (mut a, mut b) = (world.create_qp(0, QpType::UC), world.create_qp(1, QpType::UC));
    world.connect([&a, &b], false, Connection { path_mtu: 2, ..Connection::default() });
    let source = world.buffer(0, 5_000, 14);
    let sink = world.buffer(1, 10_000, 15);
    world.post_receive(&mut b, &[sink.at(0, 5_000)]);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 5_000))));
    let remote = RemoteAddress { address: sink.address() + 5_000, key: sink.key };
    world.send(&mut a, Opcode::WRITE, Body::Remote(remote, one(source.at(0, 5_000))));
    world.run();
    assert_eq!(world.completions(&mut a).len(), 2);
    assert_eq!(world.completions(&mut b).len(), 1);
    let twice = [pattern(5_000, 14), pattern(5_000, 14)].concat();
    assert_eq!(world.bytes(1, &sink, 0, 10_000), twice);
}

fn datagrams(qp_type: QpType, qkey: u32) {
    let mut world = World::new(false);
    let (mut a, mut b) = (world.create_qp(0, qp_type), world.create_qp(1, qp_type));
    world.start_datagrams(&a, qkey);
    world.start_datagrams(&b, qkey);
    let source = world.buffer(0, 5_000, 16);
    let sink = world.buffer(1, 5_000, 17);
    world.post_receive(&mut b, &[sink.at(0, 5_000)]);
    let vector = AddressVector {
        dest_qpn: Qpn::new(b.number),
        qkey,
        dest_mac: world.nodes[1].nic.config().ports[0].mac.0,
        dest_gid: ip(1).into(),
        ..AddressVector::default()
    };
    world.send(&mut a, Opcode::SEND_IMMEDIATE, Body::Datagram(vector, one(source.at(0, 4_096))));
    let wrong = AddressVector { qkey: 0x123, ..vector };
    world.send(&mut a, Opcode::SEND, Body::Datagram(wrong, one(source.at(0, 10))));
    world.send(&mut a, Opcode::SEND, Body::Datagram(vector, one(source.at(0, 10))));
    world.run();
    let got = world.completions(&mut b);
    assert_eq!(got.len(), 1, "the second has another key, the third finds no receive");
    assert_eq!((got[0].byte_count, got[0].immediate), (40 + 4_096, 0xaabb_ccdd));
    assert!(got[0].flags.contains(CqeFlags::GRH));
    let header = world.bytes(1, &sink, 0, 40);
    assert_eq!((&header[..20], header[20], &header[32..36]), (&[0; 20][..], 0x45, &[10, 0, 0, 1][..]));
    assert_eq!((got[0].source_qpn.value(), got[0].source_gid.ip()), (a.number, ip(0)));
    assert_eq!(world.bytes(1, &sink, 40, 4_096), pattern(5_000, 16)[..4_096]);
    assert_eq!(world.completions(&mut a).len(), 3, "nobody tells the sender");
    let counters = world.nodes[1].nic.counters();
    assert_eq!((counters.rx_key_violations, counters.rx_no_receive), (1, 1));
}

#[test]
fn datagrams_arrive_with_their_sender() {
    datagrams(QpType::UD, 0x1111_1111);
}

#[test]
fn queue_pair_one_is_for_management() {
    datagrams(QpType::GSI, wire::cm::GSI_QKEY);
}

#[test]
fn a_datagram_longer_than_a_packet_fails_its_queue() {
    let mut world = World::new(false);
    let mut a = world.create_qp(0, QpType::UD);
    world.start_datagrams(&a, 1);
    let source = world.buffer(0, 5_000, 16);
    let vector = AddressVector { dest_gid: ip(1).into(), ..AddressVector::default() };
    for length in [10, 4_097, 10] {
        let body = Body::Datagram(vector, one(source.at(0, length)));
        world.post(&mut a, Opcode::SEND, WqeFlags::SIGNALLED, 0, body);
    }
    world.ring(&a);
    world.run();
    let ends: Vec<Syndrome> = world.completions(&mut a).iter().map(|cqe| cqe.syndrome).collect();
    assert_eq!(ends, [Syndrome::NONE, Syndrome::LOCAL_LENGTH, Syndrome::FLUSHED]);
}

#[test]
fn a_device_can_send_to_itself() {
    let mut world = World::new(false);
    let (mut a, mut b) = (world.create_qp(0, QpType::RC), world.create_qp(0, QpType::RC));
    b.node = 0;
    world.connect([&a, &b], true, Connection::default());
    // Both ends have the sequence numbers of one host.
    let source = world.buffer(0, 9_000, 18);
    let sink = world.buffer(0, 9_000, 19);
    world.post_receive(&mut b, &[sink.at(0, 9_000)]);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 9_000))));
    world.run();
    assert_eq!((world.completions(&mut a).len(), world.completions(&mut b).len()), (1, 1));
    assert_eq!(world.bytes(0, &sink, 0, 9_000), pattern(9_000, 18));
    assert_eq!(world.frames, 0, "nothing was on the cable");
}
