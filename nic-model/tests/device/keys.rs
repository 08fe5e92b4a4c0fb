//! Keys at work: fast registration, windows, invalidation by either side, bus addresses, fences.

use crate::support::driver::pattern;
use crate::support::{Connection, World};
use nic_model::config::RESERVED_KEY;
use nic_model::regs::cmd::{Command, CommandStatus, KeyKind, MkeyContext, Rights};
use nic_model::regs::cqe::{CqeOpcode, Syndrome};
use nic_model::regs::wqe::{Bind, Body, Data, DataList, FastRegister, Opcode, RemoteAddress, WqeFlags};
use smallvec::smallvec;

fn one(data: Data) -> DataList {
    DataList::Segments(smallvec![data])
}

fn empty_key(world: &mut World, node: usize, kind: KeyKind) -> u32 {
    let pd = world.nodes[node].driver.pd;
    let context = MkeyContext { kind, pd, page_count: 8, ..MkeyContext::default() };
    world.command(node, &Command::CreateMkey(context, Vec::new())).result
}

#[test]
fn fast_registered_memory_is_used_and_invalidated_by_the_peer() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let key = empty_key(&mut world, 1, KeyKind::FAST_REGISTER) | 0x55;
    let mdl = world.nodes[1].memory.allocate(10_000, 123);
    let list = world.nodes[1].memory.allocate_contiguous(1);
    let pages: Vec<u8> = mdl.pages.iter().flat_map(|page| page.to_be_bytes()).collect();
    world.nodes[1].memory.write(list, &pages).expect("memory");
    let request = FastRegister {
        key,
        rights: Rights::LOCAL_WRITE | Rights::REMOTE_WRITE,
        start: 0x7000_0000 + 123,
        length_bytes: 10_000,
        list_address: list,
        page_count: mdl.pages.len() as u32,
        page_shift: 12,
    };
    world.send(&mut b, Opcode::FAST_REGISTER, Body::FastRegister(request));
    world.run();
    assert_eq!(world.completions(&mut b)[0].syndrome, Syndrome::NONE);

    let source = world.buffer(0, 10_000, 1);
    let remote = RemoteAddress { address: request.start, key };
    world.post_receive(&mut b, &[]);
    world.post(&mut a, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, one(source.at(0, 10_000))));
    world.post(&mut a, Opcode::SEND_INVALIDATE, WqeFlags::SIGNALLED, key, Body::Send(DataList::default()));
    world.post(&mut a, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, one(source.at(0, 1))));
    world.ring(&a);
    world.run();
    let ends: Vec<Syndrome> = world.completions(&mut a).iter().map(|cqe| cqe.syndrome).collect();
    assert_eq!(ends, [Syndrome::NONE, Syndrome::NONE, Syndrome::REMOTE_ACCESS]);
    let got = world.completions(&mut b)[0];
    assert_eq!((got.opcode, got.immediate), (CqeOpcode::RECEIVED_SEND_INVALIDATE, key));
    let mut bytes = vec![0; 10_000];
    world.nodes[1].memory.read_buffer(&mdl, 0, &mut bytes).expect("memory");
    assert_eq!(bytes, pattern(10_000, 1));
}

#[test]
fn windows_open_a_part_until_invalidated() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let region = world.register(1, 8_000, 0, Rights::LOCAL_WRITE | Rights::WINDOW_BIND);
    let window = empty_key(&mut world, 1, KeyKind::WINDOW_2);
    let bind = Bind {
        window_key: window,
        new_key: window | 9,
        region_key: region.key,
        rights: Rights::REMOTE_WRITE,
        address: region.address() + 1_000,
        length_bytes: 500,
    };
    world.post(&mut b, Opcode::BIND_WINDOW, WqeFlags::SIGNALLED, 0, Body::Bind(bind));
    world.ring(&b);
    world.run();
    assert_eq!(world.completions(&mut b)[0].syndrome, Syndrome::NONE);
    assert_eq!(world.try_command(1, &Command::DestroyMkey(region.key)).status, CommandStatus::RESOURCE_BUSY);

    let source = world.buffer(0, 1_000, 1);
    let inside = RemoteAddress { address: region.address() + 1_400, key: bind.new_key };
    world.send(&mut a, Opcode::WRITE, Body::Remote(inside, one(source.at(0, 100))));
    world.run();
    assert_eq!(world.completions(&mut a)[0].syndrome, Syndrome::NONE);
    assert_eq!(world.bytes(1, &region, 1_400, 100), pattern(1_000, 1)[..100]);

    world.send(&mut b, Opcode::LOCAL_INVALIDATE, Body::Empty);
    world.run();
    assert_eq!(world.completions(&mut b)[0].syndrome, Syndrome::LOCAL_PROTECTION, "0xaabbccdd is no key");
}

#[test]
fn invalidation_by_wqe_closes_a_window() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let region = world.register(1, 8_000, 0, Rights::LOCAL_WRITE | Rights::WINDOW_BIND);
    let window = empty_key(&mut world, 1, KeyKind::WINDOW_2);
    let bind = Bind {
        window_key: window,
        new_key: window | 9,
        region_key: region.key,
        rights: Rights::REMOTE_WRITE,
        address: region.address(),
        length_bytes: 500,
    };
    world.post(&mut b, Opcode::BIND_WINDOW, WqeFlags::SIGNALLED, 0, Body::Bind(bind));
    world.post(&mut b, Opcode::LOCAL_INVALIDATE, WqeFlags::SIGNALLED, bind.new_key, Body::Empty);
    world.ring(&b);
    world.run();
    let ends: Vec<Syndrome> = world.completions(&mut b).iter().map(|cqe| cqe.syndrome).collect();
    assert_eq!(ends, [Syndrome::NONE; 2]);
    let source = world.buffer(0, 1_000, 1);
    let inside = RemoteAddress { address: region.address(), key: bind.new_key };
    world.send(&mut a, Opcode::WRITE, Body::Remote(inside, one(source.at(0, 100))));
    world.run();
    assert_eq!(world.completions(&mut a)[0].syndrome, Syndrome::REMOTE_ACCESS);
}

#[test]
fn a_window_that_cannot_be_bound_fails_its_queue() {
    let mut world = World::new(false);
    let [_, mut b] = world.reliable_pair(Connection::default());
    let region = world.register(1, 8_000, 0, Rights::LOCAL_WRITE);
    let window = empty_key(&mut world, 1, KeyKind::WINDOW_2);
    let bind = Bind {
        window_key: window,
        new_key: window | 9,
        region_key: region.key,
        address: region.address(),
        length_bytes: 500,
        ..Bind::default()
    };
    world.send(&mut b, Opcode::BIND_WINDOW, Body::Bind(bind));
    world.run();
    assert_eq!(world.completions(&mut b)[0].syndrome, Syndrome::BIND);
}

#[test]
fn privileged_queue_pairs_use_bus_addresses() {
    let mut world = World::new(false);
    let [mut a, mut b] = world.reliable_pair(Connection::default());
    let (from, to) = (world.nodes[0].memory.allocate_contiguous(1), world.nodes[1].memory.allocate_contiguous(1));
    world.nodes[0].memory.write(from, b"by bus address").expect("memory");
    world.post_receive(&mut b, &[Data { length_bytes: 4096, key: RESERVED_KEY, address: to }]);
    let data = Data { length_bytes: 14, key: RESERVED_KEY, address: from };
    world.send(&mut a, Opcode::SEND, Body::Send(one(data)));
    world.run();
    let mut bytes = [0; 14];
    world.nodes[1].memory.read(to, &mut bytes).expect("memory");
    assert_eq!(&bytes, b"by bus address");
}

#[test]
fn a_fence_waits_for_reads() {
    let mut world = World::new(false);
    let [mut a, _] = world.reliable_pair(Connection::default());
    let (own, peers) = (world.buffer(0, 20_000, 1), world.buffer(1, 20_000, 2));
    let remote = RemoteAddress { address: peers.address(), key: peers.key };
    // The WRITE sends what the READ has fetched: without the fence it would send what was there before.
    world.post(&mut a, Opcode::READ, WqeFlags::SIGNALLED, 0, Body::Remote(remote, one(own.at(0, 9_000))));
    let back = RemoteAddress { address: peers.address() + 10_000, key: peers.key };
    let flags = WqeFlags::SIGNALLED | WqeFlags::FENCE;
    world.post(&mut a, Opcode::WRITE, flags, 0, Body::Remote(back, one(own.at(0, 9_000))));
    world.ring(&a);
    world.run();
    assert_eq!(world.completions(&mut a).len(), 2);
    assert_eq!(world.bytes(1, &peers, 10_000, 9_000), pattern(20_000, 2)[..9_000]);
}
