//! Losses, damage, missing receives, errors and flush.

use crate::support::driver::pattern;
use crate::support::{Connection, Qp, World};
use des::Dur;
use nic_model::regs::bar;
use nic_model::regs::cmd::{Command, QpAttributes, QpState, QpStatus, Rights};
use nic_model::regs::cqe::{CqeOpcode, Syndrome, VendorSyndrome};
use nic_model::regs::eqe::EventType;
use nic_model::regs::wqe::{Body, Data, DataList, Opcode, RemoteAddress, WqeFlags};
use proptest::prelude::*;
use smallvec::smallvec;
use wire::Frame;

fn one(data: Data) -> DataList {
    DataList::Segments(smallvec![data])
}

fn syndromes(world: &mut World, qp: &mut Qp) -> Vec<Syndrome> {
    world.completions(qp).iter().map(|cqe| cqe.syndrome).collect()
}

fn state(world: &mut World, qp: &Qp) -> QpState {
    world.command(qp.node, &Command::QueryQp(qp.number));
    QpStatus::decode(&world.output(qp.node)).state
}

/// Moves messages of every kind while `fate` does what it does, and looks at every byte.
fn survives(mut fate: impl FnMut(usize, &Frame) -> Option<Box<Frame>> + 'static, zero_time: bool) {
    let mut world = World::new(zero_time);
    let how = Connection { path_mtu: 2, ack_timeout: 1, ..Connection::default() };
    let [mut a, mut b] = world.reliable_pair(how);
    world.fate = Box::new(move |index, frame| fate(index, frame).map(|frame| (Dur::ZERO, frame)).into_iter().collect());
    let source = world.buffer(0, 40_000, 1);
    let sink = world.buffer(1, 40_000, 2);
    let fetched = world.buffer(0, 40_000, 3);
    for index in 0..4_u64 {
        world.post_receive(&mut b, &[sink.at(index * 5_000, 5_000)]);
    }
    for index in 0..4_u64 {
        let length = 1_000 * index as u32 + 17;
        let from = source.at(index * 5_000, length);
        world.post(&mut a, Opcode::SEND, WqeFlags::SIGNALLED, 0, Body::Send(one(from)));
        let remote = RemoteAddress { address: sink.address() + 20_000 + index * 5_000, key: sink.key };
        world.post(&mut a, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, one(from)));
        let into = fetched.at(index * 5_000, length);
        world.post(&mut a, Opcode::READ, WqeFlags::SIGNALLED, 0, Body::Remote(remote, one(into)));
    }
    world.ring(&a);
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::NONE; 12]);
    let lengths: Vec<u32> = world.completions(&mut b).iter().map(|cqe| cqe.byte_count).collect();
    assert_eq!(lengths, [17, 1_017, 2_017, 3_017]);
    for (index, length) in lengths.into_iter().enumerate() {
        let expected = &pattern(40_000, 1)[index * 5_000..][..length as usize];
        let at = index as u64 * 5_000;
        assert_eq!(world.bytes(1, &sink, at, length as usize), expected, "send {index}");
        assert_eq!(world.bytes(1, &sink, 20_000 + at, length as usize), expected, "write {index}");
        assert_eq!(world.bytes(0, &fetched, at, length as usize), expected, "read {index}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn losses_are_made_good(lost in prop::collection::btree_set(1..90_usize, 0..12), zero_time: bool) {
        survives(move |index, frame| (!lost.contains(&index)).then(|| Box::new(frame.clone())), zero_time);
    }
}

#[test]
fn damaged_packets_are_dropped_and_sent_again() {
    let damage = |index: usize, frame: &Frame| {
        if index % 7 != 3 {
            return Some(Box::new(frame.clone()));
        }
        let mut bytes = frame.encode().to_vec();
        let last = bytes.len() - 5;
        bytes[last] ^= 0x10;
        Some(Box::new(Frame::raw(bytes.into())))
    };
    survives(damage, false);
}

#[test]
fn encoded_packets_are_as_good_as_values() {
    survives(|_, frame| Some(Box::new(Frame::raw(frame.encode()))), false);
}

#[test]
fn silence_ends_the_connection_and_flushes() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection { ack_timeout: 1, retry_count: 2, ..Connection::default() });
    world.fate = Box::new(|_, _| Vec::new());
    let buffer = world.buffer(0, 1_000, 1);
    world.post_receive(&mut a, &[buffer.at(0, 10)]);
    world.post_receive(&mut a, &[buffer.at(0, 10)]);
    for _ in 0..3 {
        world.post(&mut a, Opcode::SEND, WqeFlags::empty(), 0, Body::Send(one(buffer.at(0, 10))));
    }
    world.ring(&a);
    world.run();
    use Syndrome as S;
    let ends = syndromes(&mut world, &mut a);
    assert_eq!(ends, [S::TRANSPORT_RETRY_EXCEEDED, S::FLUSHED, S::FLUSHED, S::FLUSHED, S::FLUSHED]);
    assert_eq!(world.nodes[0].nic.counters().ack_timeouts, 3, "two retries, and the one that gives up");
    let events: Vec<(EventType, u32)> = world.take_events(0).iter().map(|event| (event.event, event.number)).collect();
    assert_eq!(events, [(EventType::QP_FATAL, a.number)]);
    assert_eq!(state(&mut world, &a), QpState::ERROR);
    // What is posted now is flushed too, once the device looks.
    world.send(&mut a, Opcode::SEND, Body::Send(one(buffer.at(0, 10))));
    world.post_receive(&mut a, &[buffer.at(0, 10)]);
    let look = u64::from(a.number) << 32;
    world.mmio_write(0, bar::uar(0, bar::UAR_RQ), &look.to_le_bytes());
    world.run();
    let late = world.completions(&mut a);
    assert_eq!(late.iter().map(|cqe| cqe.syndrome).collect::<Vec<_>>(), [S::FLUSHED; 2]);
    assert_eq!(late.iter().map(|cqe| (cqe.is_receive(), cqe.wqe_index)).max(), Some((true, 2)));
}

#[test]
fn a_receiver_that_is_not_ready_is_asked_again() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let source = world.buffer(0, 10_000, 1);
    let sink = world.buffer(1, 10_000, 2);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 10_000))));
    world.run_until(|world| world.nodes[1].nic.counters().rnr_naks_sent == 3);
    world.post_receive(&mut b, &[sink.at(0, 10_000)]);
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::NONE]);
    assert_eq!(world.bytes(1, &sink, 0, 10_000), pattern(10_000, 1));
    assert_eq!(world.nodes[0].nic.counters().rnr_naks_received, 3);
}

#[test]
fn patience_with_a_receiver_ends() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection { rnr_retry_count: 1, ..Connection::default() });
    let source = world.buffer(0, 100, 1);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 100))));
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::RNR_RETRY_EXCEEDED]);
    assert_eq!(world.nodes[1].nic.counters().rnr_naks_sent, 2);
}

#[test]
fn the_peer_refuses_what_it_did_not_allow() {
    for (opcode, rights) in [
        (Opcode::WRITE, Rights::LOCAL_WRITE | Rights::REMOTE_READ),
        (Opcode::READ, Rights::LOCAL_WRITE | Rights::REMOTE_WRITE),
    ] {
        let mut world = World::new(false);
        let [mut a, mut b] = world.reliable_pair(Connection::default());
        let own = world.buffer(0, 100, 1);
        let peers = world.register(1, 100, 0, rights);
        world.post_receive(&mut b, &[]);
        let remote = RemoteAddress { address: peers.address(), key: peers.key };
        world.send(&mut a, opcode, Body::Remote(remote, one(own.at(0, 100))));
        world.run();
        let end = world.completions(&mut a)[0];
        assert_eq!((end.syndrome, end.vendor_syndrome), (Syndrome::REMOTE_ACCESS, VendorSyndrome::NAK_ACCESS));
        assert_eq!(world.take_events(1)[0].event, EventType::QP_ACCESS);
        assert_eq!(syndromes(&mut world, &mut b), [Syndrome::FLUSHED], "its receive is flushed");
    }
}

#[test]
fn a_queue_pair_grants_what_its_access_flags_say() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection { access: Rights::REMOTE_READ, ..Connection::default() });
    let (own, peers) = (world.buffer(0, 100, 1), world.buffer(1, 100, 2));
    let remote = RemoteAddress { address: peers.address(), key: peers.key };
    world.send(&mut a, Opcode::READ, Body::Remote(remote, one(own.at(0, 100))));
    world.send(&mut a, Opcode::WRITE, Body::Remote(remote, one(own.at(0, 100))));
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::NONE, Syndrome::REMOTE_ACCESS]);
}

#[test]
fn own_buffers_are_checked_too() {
    let mut world = World::new(false);
    let read_only = |world: &mut World| world.register(0, 9_000, 0, Rights::empty());
    // Beyond the region; a wrong key; a read into memory that must not be written.
    for case in 0..3 {
        let [mut a, _] = world.reliable_pair(Connection { path_mtu: 1, ..Connection::default() });
        let (own, peers) = (read_only(&mut world), world.buffer(1, 20_000, 2));
        let remote = RemoteAddress { address: peers.address(), key: peers.key };
        let (opcode, data, vendor) = match case {
            0 => (Opcode::WRITE, own.at(0, 9_001), VendorSyndrome::BOUNDS),
            1 => (Opcode::WRITE, Data { key: own.key ^ 1, ..own.at(0, 5) }, VendorSyndrome::KEY),
            _ => (Opcode::READ, own.at(0, 5_000), VendorSyndrome::RIGHTS),
        };
        world.send(&mut a, opcode, Body::Remote(remote, one(data)));
        world.run();
        let ends = world.completions(&mut a);
        assert_eq!(ends.len(), 1, "case {case}");
        let found = (ends[0].opcode, ends[0].syndrome, ends[0].vendor_syndrome);
        assert_eq!(found, (CqeOpcode::REQUEST_ERROR, Syndrome::LOCAL_PROTECTION, vendor), "case {case}");
        assert_eq!(state(&mut world, &a), QpState::ERROR);
    }
}

#[test]
fn messages_longer_than_their_receive_end_both_sides() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection { path_mtu: 1, ..Connection::default() });
    let (source, sink) = (world.buffer(0, 1_000, 1), world.buffer(1, 1_000, 2));
    world.post_receive(&mut b, &[sink.at(0, 300)]);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 301))));
    world.run();
    assert_eq!(syndromes(&mut world, &mut b), [Syndrome::LOCAL_LENGTH]);
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::REMOTE_INVALID_REQUEST]);
    assert_eq!(world.bytes(1, &sink, 300, 100), pattern(1_000, 2)[300..400], "nothing beyond was touched");
}

#[test]
fn a_reset_queue_pair_starts_again() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let (source, sink) = (world.buffer(0, 1_000, 1), world.buffer(1, 1_000, 2));
    for qp in [&a, &b] {
        world.modify(qp, QpAttributes { state: QpState::ERROR, ..QpAttributes::default() });
        world.modify(qp, QpAttributes { state: QpState::RESET, ..QpAttributes::default() });
    }
    world.run();
    (a.producer, b.receives) = (0, 0);
    world.connect([&a, &b], true, Connection::default());
    world.post_receive(&mut b, &[sink.at(0, 1_000)]);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 1_000))));
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::NONE]);
    assert_eq!(world.bytes(1, &sink, 0, 1_000), pattern(1_000, 1));
}

#[test]
fn a_drained_queue_holds_new_requests_back() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let (source, sink) = (world.buffer(0, 50_000, 1), world.buffer(1, 50_000, 2));
    world.post_receive(&mut b, &[sink.at(0, 50_000)]);
    world.post_receive(&mut b, &[sink.at(0, 10)]);
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 50_000))));
    world.run_until(|world| world.frames > 2);
    world.modify(&a, QpAttributes { state: QpState::SQD, ..QpAttributes::default() });
    world.send(&mut a, Opcode::SEND, Body::Send(one(source.at(0, 10))));
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::NONE], "the first is finished, the second not begun");
    let events: Vec<EventType> = world.take_events(0).iter().map(|event| event.event).collect();
    assert_eq!(events, [EventType::SQ_DRAINED]);
    world.modify(&a, QpAttributes { state: QpState::RTS, ..QpAttributes::default() });
    world.run();
    assert_eq!(syndromes(&mut world, &mut a), [Syndrome::NONE]);
}

#[test]
fn a_malformed_wqe_ends_its_queue() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    a.producer += 1;
    world.ring(&a);
    world.run();
    let end = world.completions(&mut a)[0];
    assert_eq!(end.syndrome, Syndrome::LOCAL_QP_OPERATION);
    assert_eq!(end.vendor_syndrome, VendorSyndrome::MALFORMED_WQE);
}
