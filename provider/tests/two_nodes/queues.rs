//! Arming, shared receive queues, resizing, flushing.

use crate::transfer::{post, request};
use crate::world::{Buffer, End, World, address};
use des::Dur;
use provider::backend::{
    Backend, Command, CommandOutput, CqId, Event, Execution, Resource, SendOperation, SendRequest, Submitted,
};
use provider::ndk::{MrFlags, Status};
use std::net::SocketAddr;

const HOW: Execution = Execution::Queued;

fn connected() -> (World, [End; 2], [Buffer; 2]) {
    let mut world = World::new();
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let ends = [0, 1].map(|node| world.end(node, HOW, None));
    let buffers = [0, 1].map(|node| world.buffer(node, HOW, ends[node].pd, 4096, MrFlags::ALLOW_REMOTE_WRITE));
    world.connect([ends[0].qp, ends[1].qp], destination);
    (world, ends, buffers)
}

fn ready(world: &mut World, node: usize, cq: CqId) -> bool {
    world.take_event(node, |event| (*event == Event::CqReady(cq)).then_some(())).is_some()
}

fn write(world: &mut World, id: u64, ends: &[End; 2], buffers: &[Buffer; 2]) {
    let (remote_address, key) = (buffers[1].mdl.virtual_address, buffers[1].key);
    let sgl = [buffers[0].sge(0, 100)];
    post(world, 0, &ends[0], &request(id, SendOperation::Write { remote_address, key }, &sgl));
}

fn arm(world: &mut World, node: usize, cq: CqId, solicited_only: bool) {
    world.step(node, |bus, driver| driver.arm(bus, cq, solicited_only));
}

#[test]
fn an_arm_gives_one_event_and_sees_what_came_before_it() {
    let (mut world, ends, buffers) = connected();
    let cq = ends[0].cq;
    write(&mut world, 1, &ends, &buffers);
    world.run(Dur::from_us(100));
    assert!(!ready(&mut world, 0, cq), "not armed");
    arm(&mut world, 0, cq, false);
    world.run(Dur::from_us(100));
    assert!(ready(&mut world, 0, cq), "the entry came before the arm, and since the last poll");
    world.success(0, cq, 1);
    for round in 2..12 {
        arm(&mut world, 0, cq, false);
        world.run(Dur::from_us(100));
        assert!(!ready(&mut world, 0, cq), "nothing new in round {round}");
        write(&mut world, round, &ends, &buffers);
        write(&mut world, round + 100, &ends, &buffers);
        world.run(Dur::from_us(100));
        assert!(ready(&mut world, 0, cq) && !ready(&mut world, 0, cq), "one event in round {round}");
        world.success(0, cq, round);
        world.success(0, cq, round + 100);
    }
}

#[test]
fn a_solicited_arm_waits_for_a_solicited_entry() {
    let (mut world, ends, buffers) = connected();
    let cq = ends[1].cq;
    let receive = [buffers[1].sge(0, 100)];
    for id in 0..2 {
        world.step(1, |bus, driver| driver.post_receive(bus, ends[1].qp, id, &receive)).expect("there is room");
    }
    arm(&mut world, 1, cq, true);
    let sgl = [buffers[0].sge(0, 50)];
    let send = request(0, SendOperation::Send, &sgl);
    post(&mut world, 0, &ends[0], &send);
    world.run(Dur::from_us(100));
    assert!(!ready(&mut world, 1, cq));
    post(&mut world, 0, &ends[0], &SendRequest { id: 1, solicited: true, ..send });
    world.run(Dur::from_us(100));
    assert!(ready(&mut world, 1, cq));
    assert!(!world.success(1, cq, 0).solicited);
    assert!(world.success(1, cq, 1).solicited);
}

#[test]
fn unsignalled_requests_end_with_a_later_one_and_a_full_queue_refuses() {
    let (mut world, ends, buffers) = connected();
    let (remote_address, key) = (buffers[1].mdl.virtual_address, buffers[1].key);
    let sgl = [buffers[0].sge(0, 10)];
    let write = request(0, SendOperation::Write { remote_address, key }, &sgl);
    for round in 0..5 {
        for id in 0..8 {
            let request = SendRequest { id: round * 10 + id, signalled: id == 7, ..write };
            world.step(0, |bus, driver| driver.post_send(bus, ends[0].qp, &request)).expect("depth is eight");
        }
        let ninth = world.step(0, |bus, driver| driver.post_send(bus, ends[0].qp, &write));
        assert_eq!(ninth, Err(Status::NO_MORE_ENTRIES));
        world.step(0, |bus, driver| driver.ring(bus, ends[0].qp));
        world.success(0, ends[0].cq, round * 10 + 7);
        assert_eq!(world.poll(0, ends[0].cq), None);
    }
}

#[test]
fn a_resize_keeps_all_entries() {
    let (mut world, ends, buffers) = connected();
    let cq = ends[0].cq;
    for (round, depth) in [200, 8, 64].into_iter().enumerate() {
        let base = round as u64 * 10;
        (0..4).for_each(|id| write(&mut world, base + id, &ends, &buffers));
        world.run(Dur::from_us(200));
        assert_eq!(world.command(0, HOW, Command::ResizeCq { cq, depth }), Ok(CommandOutput::Done));
        (4..8).for_each(|id| write(&mut world, base + id, &ends, &buffers));
        for id in 0..8 {
            world.success(0, cq, base + id);
        }
    }
    (0..8).for_each(|id| write(&mut world, id, &ends, &buffers));
    world.run(Dur::from_us(200));
    let too_small = world.command(0, HOW, Command::ResizeCq { cq, depth: 4 });
    assert_eq!(too_small, Err(Status::BUFFER_OVERFLOW));
    for id in 0..8 {
        world.success(0, cq, id);
    }
}

#[test]
fn a_shared_queue_feeds_two_connections_and_tells_when_it_runs_low() {
    let mut world = World::new();
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let Resource::Pd(pd) = world.create(1, HOW, Command::CreatePd) else { panic!("a protection domain") };
    let Resource::Srq(srq) = world.create(1, HOW, Command::CreateSrq { pd, depth: 6, max_sge: 2 }) else {
        panic!("a shared receive queue")
    };
    let passive = [(); 2].map(|()| world.end_in(1, HOW, pd, Some(srq)));
    let active = [(); 2].map(|()| world.end(0, HOW, None));
    for index in 0..2 {
        world.connect([active[index].qp, passive[index].qp], destination);
    }
    let sink = world.buffer(1, HOW, pd, 4096, MrFlags::ALLOW_LOCAL_WRITE);
    for id in 0..6 {
        let sgl = [sink.sge(id * 100, 100)];
        world.step(1, |bus, driver| driver.post_srq_receive(bus, srq, id, &sgl)).expect("depth is six");
    }
    let seventh = world.step(1, |bus, driver| driver.post_srq_receive(bus, srq, 6, &[]));
    assert_eq!(seventh, Err(Status::NO_MORE_ENTRIES));
    assert_eq!(world.command(1, HOW, Command::SetSrqLimit { srq, limit: 3 }), Ok(CommandOutput::Done));
    for index in [0, 1, 1, 0] {
        let source = active[index];
        let buffer = world.buffer(0, HOW, source.pd, 64, MrFlags::empty());
        post(&mut world, 0, &source, &request(9, SendOperation::Send, &[buffer.sge(0, 64)]));
        world.success(0, source.cq, 9);
    }
    for (index, id) in [(0, 0), (1, 1), (1, 2), (0, 3)] {
        let received = world.success(1, passive[index].cq, id);
        assert_eq!((received.qp, received.bytes), (passive[index].qp, 64));
    }
    world.until("the limit", |world| world.take_event(1, |event| (*event == Event::SrqLimit(srq)).then_some(())));
}

/// Receives are posted before the command, while it runs and after it; messages arrive all the time.
#[test]
fn a_shared_queue_grows_under_load() {
    let mut world = World::new();
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let Resource::Pd(pd) = world.create(1, HOW, Command::CreatePd) else { panic!("a protection domain") };
    let Resource::Srq(srq) = world.create(1, HOW, Command::CreateSrq { pd, depth: 4, max_sge: 1 }) else {
        panic!("a shared receive queue")
    };
    let (passive, active) = (world.end_in(1, HOW, pd, Some(srq)), world.end(0, HOW, None));
    world.connect([active.qp, passive.qp], destination);
    let sink = world.buffer(1, HOW, pd, 8192, MrFlags::ALLOW_LOCAL_WRITE);
    let source = world.buffer(0, HOW, active.pd, 64, MrFlags::empty());
    let (mut posted, mut taken) = (0, 0);
    let room = |world: &mut World, posted: &mut u64| {
        let sgl = [sink.sge(*posted % 100 * 64, 64)];
        let result = world.step(1, |bus, driver| driver.post_srq_receive(bus, srq, *posted, &sgl));
        *posted += u64::from(result.is_ok());
        result
    };
    let send = |world: &mut World| post(world, 0, &active, &request(9, SendOperation::Send, &[source.sge(0, 64)]));
    let receive = |world: &mut World, taken: &mut u64| {
        world.success(1, passive.cq, *taken);
        world.success(0, active.cq, 9);
        *taken += 1;
    };
    for depth in [10, 11, 40, 100] {
        while room(&mut world, &mut posted).is_ok() {}
        send(&mut world);
        receive(&mut world, &mut taken);
        // The device reads ahead for the next message while it is told of the new ring.
        send(&mut world);
        let grow = Command::ResizeSrq { srq, depth };
        let begun = world.step(1, |bus, driver| driver.submit(bus, HOW, grow));
        assert_eq!(room(&mut world, &mut posted), Ok(()), "one was taken");
        receive(&mut world, &mut taken);
        if let Submitted::Queued(command) = begun {
            assert_eq!(world.ended(1, command), Ok(CommandOutput::Done));
        }
        while room(&mut world, &mut posted).is_ok() {}
        assert_eq!(posted - taken, u64::from(depth), "the new depth");
    }
    while taken < posted {
        send(&mut world);
        receive(&mut world, &mut taken);
    }
}

#[test]
fn a_flush_ends_all_that_is_posted() {
    let mut world = World::new();
    let end = world.end(0, HOW, None);
    for id in 0..3 {
        world.step(0, |bus, driver| driver.post_receive(bus, end.qp, id, &[])).expect("there is room");
    }
    assert_eq!(world.command(0, HOW, Command::FlushQp(end.qp)), Ok(CommandOutput::Done));
    for id in 0..3 {
        let flushed = world.completion(0, end.cq);
        assert_eq!((flushed.id, flushed.status, flushed.receive), (id, Status::CANCELLED, true));
    }
    assert_eq!(world.command(0, HOW, Command::FlushQp(end.qp)), Ok(CommandOutput::Done), "again");
    assert_eq!(world.nodes[0].events, [], "nobody but the consumer broke it");
}

#[test]
fn receives_posted_after_the_flush_end_too() {
    let (mut world, ends, buffers) = connected();
    let [near, far] = ends;
    world.command(0, HOW, Command::FlushQp(near.qp)).expect("it exists");
    // The far end learns of it by silence, when its own request finds nobody; both then post receives.
    let (remote_address, key) = (buffers[0].mdl.virtual_address, buffers[0].key);
    let sgl = [buffers[1].sge(0, 8)];
    post(&mut world, 1, &far, &request(7, SendOperation::Write { remote_address, key }, &sgl));
    assert_eq!(world.completion(1, far.cq).id, 7);
    for (node, end) in [near, far].into_iter().enumerate() {
        let sgl = [buffers[node].sge(0, 64)];
        let posted = world.step(node, |bus, driver| driver.post_receive(bus, end.qp, 9, &sgl));
        assert_eq!(posted, Ok(()));
        let flushed = world.completion(node, end.cq);
        assert_eq!((flushed.id, flushed.status, flushed.receive), (9, Status::CANCELLED, true));
    }
}
