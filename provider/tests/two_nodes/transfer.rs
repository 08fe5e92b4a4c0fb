//! Objects made, a connection, bytes moved and compared, everything destroyed, and no page left.

use crate::world::{Buffer, End, World, address, address_6, is_datagram};
use des::Dur;
use host::{HostBus, HostMemory};
use provider::backend::{
    Backend, Command, CommandOutput, ConnectionLimits, Event, Execution, Resource, SendOperation, SendRequest,
    Submitted,
};
use provider::ndk::{MrFlags, Sge, Status};
use std::net::SocketAddr;

pub(crate) fn request<'a>(id: u64, operation: SendOperation<'a>, sgl: &'a [Sge]) -> SendRequest<'a> {
    SendRequest { id, operation, sgl, inline_data: None, signalled: true, solicited: false, fence: false }
}

pub(crate) fn post(world: &mut World, node: usize, end: &End, request: &SendRequest<'_>) {
    world.step(node, |bus, driver| {
        driver.post_send(bus, end.qp, request).expect("there is room");
        driver.ring(bus, end.qp);
    });
}

pub(crate) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|index| (index as u8).wrapping_mul(7) ^ (index >> 8) as u8 ^ seed).collect()
}

const ALL: MrFlags = MrFlags::from_bits_retain(0x7);
const LENGTH: usize = 20_000;

fn everything(how: Execution, destination: SocketAddr) {
    let mut world = World::new();
    let before = [0, 1].map(|node| held(&world.nodes[node].bus.memory));
    let listener = world.listen(destination);
    let ends = [0, 1].map(|node| world.end(node, how, None));
    let buffers = [0, 1].map(|node| world.buffer(node, how, ends[node].pd, LENGTH as u64, ALL));
    let connections = world.connect([ends[0].qp, ends[1].qp], destination);

    move_bytes(&mut world, &ends, &buffers);

    let ended = world.command(0, Execution::Queued, Command::Disconnect(connections[0]));
    assert_eq!(ended, Ok(CommandOutput::Done));
    world.until("the peer's disconnect", |world| {
        world.take_event(1, |event| {
            (*event == Event::Disconnected { connection: connections[1], graceful: true }).then_some(())
        })
    });
    let ended = world.command(1, Execution::Queued, Command::Disconnect(connections[1]));
    assert_eq!(ended, Ok(CommandOutput::Done));
    for node in 0..2 {
        let End { pd, cq, qp } = ends[node];
        world.destroy(node, how, Resource::Connection(connections[node]));
        world.destroy(node, how, Resource::Qp(qp));
        world.destroy(node, how, Resource::Cq(cq));
        world.destroy(node, how, Resource::Mr(buffers[node].mr));
        world.destroy(node, how, Resource::Pd(pd));
    }
    world.destroy(1, how, Resource::Listener(listener));
    world.run(Dur::from_ms(500));
    for node in 0..2 {
        let world_node = &world.nodes[node];
        assert!(world_node.driver.connections().is_empty());
        assert_eq!(world_node.events, [], "node {node}");
        assert_eq!(world_node.bus.refused, 0, "the device wrote where it may not");
        let mdl = &buffers[node].mdl;
        world.step(node, |bus, _| bus.memory().free(mdl));
        assert_eq!(held(&world.nodes[node].bus.memory), before[node], "node {node}");
    }
    let [first, second] = world.nodes;
    for mut node in [first, second] {
        node.driver.remove(&mut node.bus);
        assert_eq!(held(&node.bus.memory), (0, 0));
    }
}

/// Pages that are allocated, and ranges that are mapped.
fn held(memory: &HostMemory) -> (usize, usize) {
    (memory.allocated_pages(), memory.iommu().map_or(0, |iommu| iommu.mapped_ranges()))
}

/// SEND, WRITE, READ, and an inline WRITE: each is compared byte by byte.
fn move_bytes(world: &mut World, ends: &[End; 2], buffers: &[Buffer; 2]) {
    let whole = |buffer: &Buffer| [buffer.sge(0, 7_001), buffer.sge(7_001, LENGTH as u32 - 7_001)];
    let data = pattern(LENGTH, 1);
    world.fill(0, &buffers[0], &data);
    let receive = whole(&buffers[1]);
    world.step(1, |bus, driver| driver.post_receive(bus, ends[1].qp, 50, &receive)).expect("there is room");
    post(world, 0, &ends[0], &request(1, SendOperation::Send, &whole(&buffers[0])));
    world.success(0, ends[0].cq, 1);
    let received = world.success(1, ends[1].cq, 50);
    assert_eq!((received.receive, received.bytes as usize), (true, LENGTH));
    assert_eq!(world.bytes(1, &buffers[1], LENGTH), data);

    let data = pattern(LENGTH, 2);
    world.fill(0, &buffers[0], &data);
    let (remote_address, key) = (buffers[1].mdl.virtual_address, buffers[1].key);
    post(world, 0, &ends[0], &request(2, SendOperation::Write { remote_address, key }, &whole(&buffers[0])));
    world.success(0, ends[0].cq, 2);
    assert_eq!(world.bytes(1, &buffers[1], LENGTH), data);

    let data = pattern(LENGTH, 3);
    world.fill(1, &buffers[1], &data);
    post(world, 0, &ends[0], &request(3, SendOperation::Read { remote_address, key }, &whole(&buffers[0])));
    world.success(0, ends[0].cq, 3);
    assert_eq!(world.bytes(0, &buffers[0], LENGTH), data);

    let inline = pattern(64, 4);
    let (remote_address, key) = (buffers[0].mdl.virtual_address, buffers[0].key);
    let write = request(4, SendOperation::Write { remote_address, key }, &[]);
    post(world, 1, &ends[1], &SendRequest { inline_data: Some(&inline), ..write });
    world.success(1, ends[1].cq, 4);
    assert_eq!(world.bytes(0, &buffers[0], 64), inline);
}

#[test]
fn everything_works_and_nothing_is_left_with_queued_commands() {
    everything(Execution::Queued, SocketAddr::new(address(2), 445));
}

#[test]
fn everything_works_and_nothing_is_left_with_polled_commands() {
    everything(Execution::Inline, SocketAddr::new(address_6(2), 445));
}

#[test]
fn lost_and_repeated_datagrams_delay_a_connection_and_no_more() {
    let mut world = World::new();
    // Two of five: a rhythm that repeats and their answers, two at a time, do not fall into.
    world.loss = |frame, number| is_datagram(frame) && number % 5 < 2;
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let ends = [0, 1].map(|node| world.end(node, Execution::Inline, None));
    let connections = world.connect([ends[0].qp, ends[1].qp], destination);
    let ended = world.command(1, Execution::Queued, Command::Disconnect(connections[1]));
    assert_eq!(ended, Ok(CommandOutput::Done));
}

#[test]
fn nobody_there_and_nobody_listening_are_told_apart() {
    let mut world = World::new();
    let end = world.end(0, Execution::Inline, None);
    let asked = world.ask(end.qp, SocketAddr::new(address(2), 445));
    assert_eq!(world.ended(0, asked), Err(Status::CONNECTION_REFUSED));
    world.loss = |_, _| true;
    let asked = world.ask(end.qp, SocketAddr::new(address(2), 445));
    assert_eq!(world.ended(0, asked), Err(Status::IO_TIMEOUT));
    let asked = world.ask(end.qp, SocketAddr::new(address(2), 445));
    world.run(Dur::from_us(100));
    world.step(0, |bus, driver| driver.cancel(bus, asked));
    assert_eq!(world.ended(0, asked), Err(Status::CANCELLED));
}

#[test]
fn of_two_accepts_at_once_one_is_refused() {
    let mut world = World::new();
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let active = world.end(0, Execution::Inline, None);
    let passive = [(); 2].map(|()| world.end(1, Execution::Inline, None));
    let asked = world.ask(active.qp, destination);
    let connection = world.request();
    let limits = ConnectionLimits { inbound_reads: 1, outbound_reads: 1 };
    let accept = |qp| Command::Accept { connection, qp, limits, private_data: &[] };
    let Submitted::Queued(accepted) = world.start(1, Execution::Queued, accept(passive[0].qp)) else {
        panic!("an accept waits")
    };
    let second = world.start(1, Execution::Queued, accept(passive[1].qp));
    assert_eq!(second, Submitted::Done(Err(Status::CONNECTION_INVALID)));
    let Ok(CommandOutput::Connected(active)) = world.ended(0, asked) else { panic!("the peer accepts") };
    // The active consumer changes its mind.
    let reject = Command::Reject { connection: active.connection, private_data: b"no" };
    assert_eq!(world.command(0, Execution::Inline, reject), Ok(CommandOutput::Done));
    assert_eq!(world.ended(1, accepted), Err(Status::CONNECTION_ABORTED));
}

#[test]
fn a_device_connects_to_itself() {
    let mut world = World::new();
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let ends = [(); 2].map(|()| world.end(1, Execution::Queued, None));
    let limits = ConnectionLimits { inbound_reads: 1, outbound_reads: 1 };
    let connect = Command::Connect {
        qp: ends[0].qp,
        source: SocketAddr::new(address(2), 0),
        shared_endpoint: false,
        destination,
        limits,
        private_data: b"question",
    };
    let Submitted::Queued(asked) = world.start(1, Execution::Queued, connect) else { panic!("a connect waits") };
    let connection = world.request();
    let accept = Command::Accept { connection, qp: ends[1].qp, limits, private_data: &[] };
    let Submitted::Queued(accepted) = world.start(1, Execution::Queued, accept) else { panic!("an accept waits") };
    let Ok(CommandOutput::Connected(active)) = world.ended(1, asked) else { panic!("it accepts itself") };
    let complete = Command::CompleteConnect(active.connection);
    assert_eq!(world.command(1, Execution::Queued, complete), Ok(CommandOutput::Done));
    assert!(matches!(world.ended(1, accepted), Ok(CommandOutput::Connected(_))));
    let buffer = world.buffer(1, Execution::Queued, ends[0].pd, 4_096, ALL);
    world.fill(1, &buffer, &pattern(2_000, 6));
    let sink = world.buffer(1, Execution::Queued, ends[1].pd, 4_096, ALL);
    let write = SendOperation::Write { remote_address: sink.mdl.virtual_address, key: sink.key };
    post(&mut world, 1, &ends[0], &request(1, write, &[buffer.sge(0, 2_000)]));
    world.success(1, ends[0].cq, 1);
    assert_eq!(world.bytes(1, &sink, 2_000), pattern(2_000, 6));
}
