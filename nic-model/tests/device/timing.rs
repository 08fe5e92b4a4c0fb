//! Time: the same happens with and without it, rates are those of the line, waiting costs no events.

use crate::support::{Connection, World};
use des::{Dur, Rate, Time};
use nic_model::port::Input;
use nic_model::profile::Turn;
use nic_model::regs::cmd::{QpAttributes, QpMask, QpState};
use nic_model::regs::cqe::Cqe;
use nic_model::regs::wqe::{Body, DataList, Opcode, RemoteAddress, WqeFlags};
use smallvec::smallvec;

/// A mixed load; gives the completions of both sides without their time, and the memory of the receiver.
fn load(zero_time: bool) -> (Vec<Cqe>, Vec<Cqe>, Vec<u8>) {
    let mut world = World::new(zero_time);
    let [mut a, mut b] = world.reliable_pair(Connection { path_mtu: 3, ..Connection::default() });
    let source = world.buffer(0, 30_000, 1);
    let sink = world.buffer(1, 30_000, 2);
    for index in 0..10_u64 {
        world.post_receive(&mut b, &[sink.at(index * 1_000, 1_000)]);
        let list = DataList::Segments(smallvec![source.at(index * 10, 100 * index as u32)]);
        world.post(&mut a, Opcode::SEND, WqeFlags::SIGNALLED, 0, Body::Send(list.clone()));
        let remote = RemoteAddress { address: sink.address() + 10_000 + index * 2_000, key: sink.key };
        world.post(&mut a, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, list));
    }
    world.ring(&a);
    world.run();
    let timeless = |cqes: Vec<Cqe>| cqes.into_iter().map(|cqe| Cqe { time_ns: 0, ..cqe }).collect();
    let (sent, got) = (world.completions(&mut a), world.completions(&mut b));
    (timeless(sent), timeless(got), world.bytes(1, &sink, 0, 30_000))
}

/// When an entry was written.
fn written(cqe: &Cqe) -> Time {
    Time::from_ps(cqe.time_ns * 1_000)
}

#[test]
fn what_happens_does_not_depend_on_time() {
    assert_eq!(load(false), load(true));
}

#[test]
fn a_run_repeats_exactly() {
    assert_eq!(load(false), load(false));
}

#[test]
fn a_long_write_fills_the_line() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    let length = 4 << 20;
    let source = world.buffer(0, length, 1);
    let sink = world.buffer(1, length, 2);
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    let list = DataList::Segments(smallvec![source.at(0, length as u32)]);
    let start = world.now;
    world.send(&mut a, Opcode::WRITE, Body::Remote(remote, list));
    let mut events = 0;
    let done = loop {
        assert!(world.step(), "it ends");
        events += 1;
        if let Some(cqe) = world.poll(&mut a) {
            break written(&cqe);
        }
    };
    let took = done.since(start);
    let least = Rate::from_gbps(100).time_for(length);
    assert!(took > least && took.as_ps() < least.as_ps() * 106 / 100, "{took} for {least} of payload");
    let packets = length / 4096;
    assert!(
        events < packets * 5 / 2,
        "{events} events for {packets} packets: gather, frame, and some acknowledgements"
    );
}

#[test]
fn a_small_write_takes_about_two_microseconds() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    let (source, sink) = (world.buffer(0, 100, 1), world.buffer(1, 100, 2));
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    let list = DataList::Segments(smallvec![source.at(0, 8)]);
    let start = world.now;
    world.send(&mut a, Opcode::WRITE, Body::Remote(remote, list));
    world.run();
    let took = written(&world.completions(&mut a)[0]).since(start);
    assert!(took > Dur::from_ns(1_500) && took < Dur::from_ns(3_500), "{took}");
}

#[test]
fn a_paused_class_is_silent() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    let (source, sink) = (world.buffer(0, 100, 1), world.buffer(1, 100, 2));
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    let list = DataList::Segments(smallvec![source.at(0, 8)]);
    world.tell(0, Input::Pause { port: 0, classes: 1, length: Dur::from_us(50) });
    let start = world.now;
    world.send(&mut a, Opcode::WRITE, Body::Remote(remote, list));
    world.run_until(|world| world.frames > 0);
    assert!(world.now.since(start) >= Dur::from_us(50), "{}", world.now);
    world.run();
    assert_eq!(world.completions(&mut a).len(), 1);
}

/// Completions of a queue pair with short messages when one with long messages, beside it, has forty.
fn share(turn: Turn) -> usize {
    let mut world = World::with(|config| config.profile.turn.value = turn);
    let (source, sink) = (world.buffer(0, 100_000, 1), world.buffer(1, 100_000, 2));
    let mut ends: Vec<_> = (0..2).map(|_| world.reliable_pair(Connection::default())[0]).collect();
    for _ in 0..100 {
        for (end, length) in ends.iter_mut().zip([4_096, 65_536]) {
            let remote = RemoteAddress { address: sink.address(), key: sink.key };
            let list = DataList::Segments(smallvec![source.at(0, length)]);
            world.post(end, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, list));
        }
    }
    for end in &ends {
        world.ring(end);
    }
    let mut done = [0, 0];
    while done[1] < 40 && world.step() {
        for (end, count) in ends.iter_mut().zip(&mut done) {
            *count += usize::from(world.poll(end).is_some());
        }
    }
    done[0]
}

#[test]
fn queue_pairs_share_the_line_by_message_or_by_packet() {
    // The first one had the line for itself until the second one's WQEs were read: a buffer full of messages.
    let by_message = share(Turn::Message);
    assert!((40..=60).contains(&by_message), "equal message rates: {by_message}");
    assert_eq!(share(Turn::Packet), 100, "equal byte rates: the short ones are long done");
}

#[test]
fn weights_share_the_line() {
    for turn in [Turn::Message, Turn::Packet] {
        let mut world = World::with(|config| config.profile.turn.value = turn);
        let (source, sink) = (world.buffer(0, 16_384, 1), world.buffer(1, 16_384, 2));
        let mut ends: Vec<_> = (0..3).map(|_| world.reliable_pair(Connection::default())[0]).collect();
        for (end, weight) in ends.iter().zip([1, 2, 4]) {
            let attributes =
                QpAttributes { state: QpState::RTS, mask: QpMask::WEIGHT, weight, ..QpAttributes::default() };
            world.modify(end, attributes);
        }
        for end in &mut ends {
            for _ in 0..120 {
                let remote = RemoteAddress { address: sink.address(), key: sink.key };
                let list = DataList::Segments(smallvec![source.at(0, 16_384)]);
                world.post(end, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, list));
            }
        }
        for end in &ends {
            world.ring(end);
        }
        let mut done = [0_i32; 3];
        while done[2] < 100 && world.step() {
            for (end, count) in ends.iter_mut().zip(&mut done) {
                *count += i32::from(world.poll(end).is_some());
            }
        }
        // The first ones had the line for themselves until the last one's WQEs were read.
        let fair = done[0].abs_diff(25) < 6 && done[1].abs_diff(50) < 6;
        assert!(fair, "one to two to four by {turn:?}: {done:?}");
    }
}

#[test]
fn a_queue_pair_keeps_its_rate_and_the_others_have_the_rest() {
    const LENGTH: u32 = 1 << 20;
    let mut world = World::new(false);
    let (source, sink) = (world.buffer(0, LENGTH.into(), 1), world.buffer(1, LENGTH.into(), 2));
    let mut ends = [0; 2].map(|_| world.reliable_pair(Connection::default())[0]);
    let limit =
        QpAttributes { state: QpState::RTS, mask: QpMask::MAX_RATE, max_rate_mbps: 5_000, ..QpAttributes::default() };
    world.modify(&ends[0], limit);
    let start = world.now;
    for end in &mut ends {
        let remote = RemoteAddress { address: sink.address(), key: sink.key };
        let list = DataList::Segments(smallvec![source.at(0, LENGTH)]);
        world.send(end, Opcode::WRITE, Body::Remote(remote, list));
    }
    world.run();
    let took = ends.each_mut().map(|end| written(&world.completions(end)[0]).since(start));
    // Headers take their share of the rate too.
    let least = [5, 100].map(|gbps| Rate::from_gbps(gbps).time_for(LENGTH.into()));
    for (took, least) in took.into_iter().zip(least) {
        assert!(took > least && took.as_ps() < least.as_ps() * 110 / 100, "{took} for {least}");
    }
}
