//! Keys: fast registration, invalidation by both sides, windows, the privileged key, and what is refused.

use crate::transfer::{pattern, post, request};
use crate::world::{Buffer, End, World, address};
use host::HostBus;
use host::iommu::{Access, Fault, Reason};
use provider::backend::{Backend, Command, CommandOutput, Event, Execution, MrId, MwId, Resource, SendOperation};
use provider::ndk::{MrFlags, Sge, Status};
use std::net::SocketAddr;

const HOW: Execution = Execution::Inline;

fn connected(rights: MrFlags) -> (World, [End; 2], [Buffer; 2]) {
    let mut world = World::new();
    let destination = SocketAddr::new(address(2), 445);
    world.listen(destination);
    let ends = [0, 1].map(|node| world.end(node, HOW, None));
    let buffers = [0, 1].map(|node| world.buffer(node, HOW, ends[node].pd, 10_000, rights));
    world.connect([ends[0].qp, ends[1].qp], destination);
    (world, ends, buffers)
}

#[test]
fn fast_registrations_come_and_go_by_requests() {
    let (mut world, ends, buffers) = connected(MrFlags::ALLOW_LOCAL_WRITE);
    let create = Command::CreateFastRegisterMr { pd: ends[1].pd, max_pages: 8 };
    let Ok(CommandOutput::Keys { resource: Resource::Mr(mr), local, .. }) = world.command(1, HOW, create) else {
        panic!("a region for fast registration")
    };
    let (target, pages) = world.step(1, |bus, driver| {
        let target = bus.memory().allocate(9_000, 300);
        let pages = driver.map(bus, &target.pages);
        (target, pages)
    });
    let data = pattern(9_000, 9);
    world.fill(0, &buffers[0], &data);
    // Twice without waiting: the second registration must not disturb the page list of the first.
    for round in 0..2_u64 {
        let (key, base_address) = (local & !0xff | (round as u32 + 1), 0x10_0000 * (round + 1) + 300);
        let register = SendOperation::FastRegister {
            mr,
            key,
            pages: &pages,
            first_byte_offset: 300,
            length_bytes: 9_000,
            base_address,
            rights: MrFlags::ALLOW_REMOTE_WRITE,
        };
        post(&mut world, 1, &ends[1], &request(round, register, &[]));
        if round == 0 {
            post(&mut world, 1, &ends[1], &request(50, SendOperation::Invalidate { key }, &[]));
        }
    }
    for id in [0, 50, 1] {
        world.success(1, ends[1].cq, id);
    }
    let write = SendOperation::Write { remote_address: 0x20_0000 + 300, key: local & !0xff | 2 };
    post(&mut world, 0, &ends[0], &request(3, write, &[buffers[0].sge(0, 9_000)]));
    world.success(0, ends[0].cq, 3);
    let mut bytes = vec![0; 9_000];
    world.step(1, |bus, _| bus.memory().read_buffer(&target, 0, &mut bytes)).expect("memory");
    assert_eq!(bytes, data);

    // The peer takes the key away.
    world.step(1, |bus, driver| driver.post_receive(bus, ends[1].qp, 60, &[])).expect("there is room");
    let key = local & !0xff | 2;
    post(&mut world, 0, &ends[0], &request(4, SendOperation::SendInvalidate { key }, &[]));
    world.success(0, ends[0].cq, 4);
    assert_eq!(world.success(1, ends[1].cq, 60).invalidated, Some(key));
    post(&mut world, 0, &ends[0], &request(5, write, &[buffers[0].sge(0, 1)]));
    assert_eq!(world.completion(0, ends[0].cq).status, Status::ACCESS_VIOLATION);
    world.destroy(1, HOW, Resource::Qp(ends[1].qp));
    world.destroy(1, HOW, Resource::Mr(mr));
}

#[test]
fn a_registration_that_the_device_cannot_express_is_refused_at_the_post() {
    let (mut world, ends, _) = connected(MrFlags::empty());
    let create = Command::CreateFastRegisterMr { pd: ends[0].pd, max_pages: 2 };
    let Ok(CommandOutput::Keys { resource: Resource::Mr(mr), local, .. }) = world.command(0, HOW, create) else {
        panic!("a region for fast registration")
    };
    let attempt = |mr, key, pages: &[u64], first_byte_offset, length_bytes, base_address| {
        let rights = MrFlags::empty();
        let operation =
            SendOperation::FastRegister { mr, key, pages, first_byte_offset, length_bytes, base_address, rights };
        world.step(0, |bus, driver| driver.post_send(bus, ends[0].qp, &request(0, operation, &[])))
    };
    let mut attempt = attempt;
    let pages = [0x1000, 0x2000, 0x3000];
    for refused in [
        attempt(mr, local, &pages, 0, 100, 0),
        attempt(mr, local, &pages[..2], 0, 8_193, 0),
        attempt(mr, local, &pages[..2], 8, 100, 0),
        attempt(mr, local ^ 0x100, &pages[..2], 0, 100, 0),
        attempt(MrId(77), local, &pages[..2], 0, 100, 0),
    ] {
        assert_eq!(refused, Err(Status::INVALID_PARAMETER));
    }
    assert_eq!(attempt(mr, local, &pages[..2], 8, 8_184, 0x7008), Ok(()));
}

fn window(world: &mut World, node: usize, end: &End) -> (MwId, u32) {
    match world.command(node, HOW, Command::CreateMw { pd: end.pd }) {
        Ok(CommandOutput::Keys { resource: Resource::Mw(mw), remote, .. }) => (mw, remote),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_window_opens_a_part_of_a_region() {
    let (mut world, ends, buffers) = connected(MrFlags::ALLOW_REMOTE_WRITE);
    let (mw, first) = window(&mut world, 1, &ends[1]);
    let key = first & !0xff | (first + 1) & 0xff;
    let address = buffers[1].mdl.virtual_address + 1_000;
    let rights = MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE;
    let bind = SendOperation::Bind { mr: buffers[1].mr, mw, key, address, length_bytes: 500, rights };
    post(&mut world, 1, &ends[1], &request(1, bind, &[]));
    world.success(1, ends[1].cq, 1);
    let data = pattern(500, 5);
    world.fill(0, &buffers[0], &data);
    let write = SendOperation::Write { remote_address: address, key };
    post(&mut world, 0, &ends[0], &request(2, write, &[buffers[0].sge(0, 500)]));
    world.success(0, ends[0].cq, 2);
    assert_eq!(&world.bytes(1, &buffers[1], 1_500)[1_000..], data);
    let beyond = SendOperation::Write { remote_address: address + 1, key };
    post(&mut world, 0, &ends[0], &request(3, beyond, &[buffers[0].sge(0, 500)]));
    assert_eq!(world.completion(0, ends[0].cq).status, Status::ACCESS_VIOLATION);
    world.destroy(1, HOW, Resource::Qp(ends[1].qp));
    world.destroy(1, HOW, Resource::Mw(mw));
}

#[test]
fn the_privileged_key_reaches_bus_addresses() {
    let (mut world, ends, buffers) = connected(MrFlags::ALLOW_REMOTE_WRITE);
    let token = world.nodes[0].driver.capabilities().privileged_key.expect("the device has one");
    let page = world.step(0, |bus, driver| {
        let page = bus.memory().allocate_contiguous(1);
        bus.memory().write(page, &pattern(300, 7)).expect("memory");
        driver.map(bus, &[page])[0]
    });
    let (remote_address, key) = (buffers[1].mdl.virtual_address, buffers[1].key);
    let source = [Sge { address: page, length_bytes: 300, token }];
    post(&mut world, 0, &ends[0], &request(1, SendOperation::Write { remote_address, key }, &source));
    world.success(0, ends[0].cq, 1);
    assert_eq!(world.bytes(1, &buffers[1], 300), pattern(300, 7));
}

#[test]
fn pages_that_were_unmapped_are_out_of_reach_of_the_privileged_key() {
    let (mut world, ends, buffers) = connected(MrFlags::ALLOW_REMOTE_WRITE);
    let token = world.nodes[0].driver.capabilities().privileged_key.expect("the device has one");
    let page = world.step(0, |bus, driver| {
        let page = bus.memory().allocate_contiguous(1);
        driver.map(bus, &[page])[0]
    });
    let (remote_address, key) = (buffers[1].mdl.virtual_address, buffers[1].key);
    let write = SendOperation::Write { remote_address, key };
    let source = [Sge { address: page, length_bytes: 300, token }];
    post(&mut world, 0, &ends[0], &request(1, write, &source));
    world.success(0, ends[0].cq, 1);
    world.step(0, |bus, driver| driver.unmap(bus, &[page]));
    post(&mut world, 0, &ends[0], &request(2, write, &source));
    assert_eq!(world.completion(0, ends[0].cq).status, Status::ACCESS_VIOLATION);
    let iommu = world.nodes[0].bus.memory.iommu().expect("the bus has one");
    assert_eq!(iommu.records(), [Fault { address: page, access: Access::Read, reason: Reason::NotPresent }]);
}

#[test]
fn a_missing_right_breaks_the_connection_on_both_sides() {
    let (mut world, ends, buffers) = connected(MrFlags::ALLOW_REMOTE_READ);
    let (remote_address, key) = (buffers[1].mdl.virtual_address, buffers[1].key);
    let sgl = [buffers[0].sge(0, 100)];
    let write = SendOperation::Write { remote_address, key };
    for id in 0..3 {
        post(&mut world, 0, &ends[0], &request(id, write, &sgl));
    }
    let refused = world.completion(0, ends[0].cq);
    assert_eq!((refused.id, refused.status), (0, Status::ACCESS_VIOLATION));
    assert_ne!(refused.vendor_error, 0);
    for id in 1..3 {
        let flushed = world.completion(0, ends[0].cq);
        assert_eq!((flushed.id, flushed.status), (id, Status::CANCELLED));
    }
    for node in 0..2 {
        let broken = |event: &Event| matches!(event, Event::Disconnected { .. }).then_some(());
        world.until("the loss of the connection", |world| world.take_event(node, broken));
    }
    world.take_event(0, |event| (*event == Event::QpError(ends[0].qp)).then_some(())).expect("told");
}
