//! Bytes from one device to the other, compared.

use crate::side::{Connected, Ends, Region, connect};
use crate::{Case, Devices};
use provider::backend::{Backend, Command, Event, Execution, Resource, SendOperation, SendRequest};
use provider::ndk::{AtomicOperation, MrFlags, Status};

pub(crate) const CASES: &[Case] = &[
    ("sends_arrive", sends_arrive),
    ("writes_and_reads_move_bytes", writes_and_reads_move_bytes),
    ("atomics_tell_what_was_there", atomics_tell_what_was_there),
    ("lists_are_gathered_and_scattered", lists_are_gathered_and_scattered),
    ("inline_data_need_no_region", inline_data_need_no_region),
    ("silent_requests_say_nothing", silent_requests_say_nothing),
    ("an_arm_is_satisfied_once", an_arm_is_satisfied_once),
    ("a_solicited_arm_waits_for_its_kind", a_solicited_arm_waits_for_its_kind),
    ("shared_receives_serve_every_queue_pair", shared_receives_serve_every_queue_pair),
    ("a_megabyte_each_way", a_megabyte_each_way),
];

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

/// A region on each side, readable and writable by the peer.
fn regions(connected: &mut Connected, length_bytes: u64) -> (Region, Region) {
    let rights = MrFlags::ALLOW_REMOTE_WRITE | MrFlags::ALLOW_REMOTE_READ;
    let at_a = connected.a.region(Execution::Inline, connected.at_a.pd, length_bytes, rights);
    let at_b = connected.b.region(Execution::Queued, connected.at_b.pd, length_bytes, rights);
    (at_a, at_b)
}

fn sends_arrive(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (from, to) = regions(&mut both, 70_000);
    let data = pattern(70_000, 1);
    both.a.fill(&from, &data);
    for (id, length) in [(1, 1), (2, 4096), (3, 65_536), (4, 0)] {
        both.b.receive(both.at_b.qp, id, &[to.sge(0, 70_000)]).expect("posted");
        let sent = both.a.send(both.at_a.qp, 100 + id, SendOperation::Send, &[from.sge(0, length)]);
        sent.expect("posted");
        let received = both.b.completion(both.at_b.cq);
        assert_eq!((received.id, received.status, received.bytes), (id, Status::SUCCESS, length));
        assert!(received.receive && received.qp == both.at_b.qp);
        assert_eq!(both.b.bytes(&to, 0, length as usize), data[..length as usize]);
        let done = both.a.completion(both.at_a.cq);
        assert_eq!((done.id, done.status, done.receive), (100 + id, Status::SUCCESS, false));
    }
}

fn writes_and_reads_move_bytes(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (own, peers) = regions(&mut both, 20_000);
    let data = pattern(20_000, 2);
    both.a.fill(&own, &data);
    let (at, key) = (peers.mdl.virtual_address, peers.remote);
    let write = SendOperation::Write { remote_address: at + 3, key };
    both.a.send(both.at_a.qp, 1, write, &[own.sge(0, 10_000)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::SUCCESS);
    assert_eq!(both.b.bytes(&peers, 3, 10_000), data[..10_000]);
    assert_eq!(both.b.bytes(&peers, 0, 3), [0; 3], "not one byte before it");
    assert_eq!(both.b.bytes(&peers, 10_003, 9_997), vec![0; 9_997], "nor after it");
    let answer = pattern(20_000, 3);
    both.b.fill(&peers, &answer);
    let read = SendOperation::Read { remote_address: at, key };
    both.a.send(both.at_a.qp, 2, read, &[own.sge(0, 20_000)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::SUCCESS);
    assert_eq!(both.a.bytes(&own, 0, 20_000), answer);
}

fn atomics_tell_what_was_there(devices: &Devices) {
    use AtomicOperation::{CompareSwap, FetchAdd};
    let mut both = Connected::new(devices);
    assert!(both.a.backend.capabilities().atomics, "soft RoCE has them");
    let (own, peers) = regions(&mut both, 64);
    let (remote_address, key) = (peers.mdl.virtual_address + 8, peers.remote);
    both.b.fill(&peers, &[[0xee; 8], (u64::MAX - 1).to_ne_bytes(), [0xee; 8]].concat());
    let steps = [
        (FetchAdd { add: 5 }, u64::MAX - 1),
        (CompareSwap { compare: 3, swap: 1 << 40 }, 3),
        (CompareSwap { compare: 3, swap: 9 }, 1 << 40),
        (FetchAdd { add: 1 }, 1 << 40),
    ];
    for (id, (operation, before)) in (0..).zip(steps) {
        let atomic = SendOperation::Atomic { remote_address, key, operation };
        both.a.send(both.at_a.qp, id, atomic, &[own.sge(16, 8)]).expect("posted");
        let done = both.a.completion(both.at_a.cq);
        assert_eq!((done.id, done.status), (id, Status::SUCCESS));
        assert_eq!(both.a.bytes(&own, 16, 8), before.to_ne_bytes(), "{operation:?}");
    }
    let after = [[0xee; 8], ((1u64 << 40) + 1).to_ne_bytes(), [0xee; 8]].concat();
    assert_eq!(both.b.bytes(&peers, 0, 24), after, "and nothing beside it");
    // Reading alone is not enough for an atomic.
    let poor = both.b.region(Execution::Inline, both.at_b.pd, 64, MrFlags::ALLOW_REMOTE_READ);
    let (remote_address, key) = (poor.mdl.virtual_address, poor.remote);
    let refused = SendOperation::Atomic { remote_address, key, operation: FetchAdd { add: 1 } };
    both.a.send(both.at_a.qp, 9, refused, &[own.sge(16, 8)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::ACCESS_VIOLATION);
    assert_eq!(both.b.bytes(&poor, 0, 8), [0; 8]);
}

fn lists_are_gathered_and_scattered(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (from, to) = regions(&mut both, 300);
    let data = pattern(300, 4);
    both.a.fill(&from, &data);
    let places = [to.sge(200, 10), to.sge(0, 5), to.sge(100, 50)];
    both.b.receive(both.at_b.qp, 1, &places).expect("posted");
    let pieces = [from.sge(7, 8), from.sge(150, 20), from.sge(40, 2)];
    both.a.send(both.at_a.qp, 1, SendOperation::Send, &pieces).expect("posted");
    assert_eq!(both.b.completion(both.at_b.cq).bytes, 30);
    let sent = [&data[7..15], &data[150..170], &data[40..42]].concat();
    let received = [both.b.bytes(&to, 200, 10), both.b.bytes(&to, 0, 5), both.b.bytes(&to, 100, 15)].concat();
    assert_eq!(received, sent);
    let one_too_many = vec![from.sge(0, 1); 33];
    let refused = both.a.send(both.at_a.qp, 2, SendOperation::Send, &one_too_many);
    assert_eq!(refused, Err(Status::INVALID_PARAMETER));
}

/// A send of bytes that are taken at the call.
fn inline(data: &[u8]) -> SendRequest<'_> {
    let (operation, inline_data) = (SendOperation::Send, Some(data));
    SendRequest { id: 1, operation, sgl: &[], inline_data, signalled: true, solicited: false, fence: false }
}

fn inline_data_need_no_region(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (_, to) = regions(&mut both, 100);
    both.b.receive(both.at_b.qp, 1, &[to.sge(0, 100)]).expect("posted");
    let mut bytes = pattern(64, 5);
    both.a.post(both.at_a.qp, &inline(&bytes)).expect("posted");
    let sent = bytes.clone();
    bytes.fill(0);
    assert_eq!(both.b.completion(both.at_b.cq).bytes, 64);
    assert_eq!(both.b.bytes(&to, 0, 64), sent, "taken at the call");
    assert_eq!(both.a.post(both.at_a.qp, &inline(&[0; 4096])), Err(Status::INVALID_PARAMETER), "too long");
    let (buffer, mut read) = (to.mdl.virtual_address, [0; 4]);
    both.b.read_local(buffer, &mut read).expect("the buffer is memory");
    assert_eq!(read, sent[..4]);
    assert_eq!(both.b.read_local(16, &mut read), Err(Status::ACCESS_VIOLATION));
}

fn silent_requests_say_nothing(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (own, peers) = regions(&mut both, 100);
    let operation = SendOperation::Write { remote_address: peers.mdl.virtual_address, key: peers.remote };
    // More than the queue holds: a signalled request frees the slots of the silent ones before it.
    for id in 0..64 {
        let signalled = id % 8 == 7;
        let sgl = [own.sge(0, 10)];
        let request = SendRequest {
            id,
            operation,
            sgl: &sgl,
            inline_data: None,
            signalled,
            solicited: false,
            fence: id % 2 == 0,
        };
        both.a.post(both.at_a.qp, &request).expect("a slot is free");
        if signalled {
            assert_eq!(both.a.completion(both.at_a.cq).id, id);
        }
    }
    assert_eq!(both.a.poll(both.at_a.cq), None);
}

fn an_arm_is_satisfied_once(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (from, to) = regions(&mut both, 100);
    let (cq, qp) = (both.at_b.cq, both.at_b.qp);
    for id in 0..3 {
        both.b.receive(qp, id, &[to.sge(0, 100)]).expect("posted");
    }
    both.b.arm(cq, false);
    assert_eq!(both.b.unwaited(), [], "nothing is there");
    both.a.send(both.at_a.qp, 1, SendOperation::Send, &[from.sge(0, 1)]).expect("posted");
    both.b.wait(|event| (*event == Event::CqReady(cq)).then_some(()));
    both.a.send(both.at_a.qp, 2, SendOperation::Send, &[from.sge(0, 1)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).id, 1);
    assert_eq!(both.a.completion(both.at_a.cq).id, 2);
    assert_eq!(both.b.unwaited(), [], "not armed again");
    both.b.arm(cq, false);
    assert_eq!(both.b.unwaited(), [Event::CqReady(cq)], "at once: two entries nobody has polled");
    assert_eq!((both.b.completion(cq).id, both.b.completion(cq).id), (0, 1));
    both.b.arm(cq, false);
    assert_eq!(both.b.unwaited(), [], "they have been polled");
}

fn a_solicited_arm_waits_for_its_kind(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (from, to) = regions(&mut both, 100);
    let (cq, qp) = (both.at_b.cq, both.at_b.qp);
    for id in 0..2 {
        both.b.receive(qp, id, &[to.sge(0, 100)]).expect("posted");
    }
    both.b.arm(cq, true);
    for (id, solicited) in [(1, false), (2, true)] {
        assert_eq!(both.b.unwaited(), [], "an unsolicited message satisfies no such arm");
        let (operation, sgl) = (SendOperation::Send, [from.sge(0, 1)]);
        let request =
            SendRequest { id, operation, sgl: &sgl, inline_data: None, signalled: true, solicited, fence: false };
        both.a.post(both.at_a.qp, &request).expect("posted");
        assert_eq!(both.a.completion(both.at_a.cq).id, id, "acknowledged, so it has arrived");
    }
    // The provider takes entries while it is armed: the arm is satisfied all the same.
    assert_eq!((both.b.poll(cq).map(|entry| entry.id), both.b.poll(cq).map(|entry| entry.id)), (Some(0), Some(1)));
    both.b.wait(|event| (*event == Event::CqReady(cq)).then_some(()));
}

fn shared_receives_serve_every_queue_pair(devices: &Devices) {
    let mut both = Connected::new(devices);
    let (from, to) = regions(&mut both, 100);
    let pd = both.at_b.pd;
    let srq = both.b.create(Execution::Queued, Command::CreateSrq { pd, depth: 8, max_sge: 2 });
    let Resource::Srq(srq) = srq else { panic!("{srq:?}") };
    let mut at_b = both.at_b;
    let create = Command::CreateQp {
        pd,
        send_cq: at_b.cq,
        receive_cq: at_b.cq,
        srq: Some(srq),
        send_depth: 4,
        receive_depth: 0,
        max_send_sge: 1,
        max_receive_sge: 0,
        max_inline_bytes: 0,
    };
    let Resource::Qp(qp) = both.b.create(Execution::Inline, create) else { panic!("no queue pair") };
    at_b.qp = qp;
    // The regions' domain and queue, another pair.
    let at_a = Ends { qp: both.a.qp(Execution::Inline, both.at_a.pd, both.at_a.cq), ..both.at_a };
    connect(&mut both.a, at_a, &mut both.b, at_b);
    for id in 0..4 {
        both.b.receive_shared(srq, id, &[to.sge(0, 50), to.sge(50, 50)]).expect("posted");
    }
    both.b.run(Execution::Queued, Command::SetSrqLimit { srq, limit: 3 }).expect("limits can be set");
    for id in 0..2 {
        both.a.send(at_a.qp, id, SendOperation::Send, &[from.sge(0, 60)]).expect("posted");
        let received = both.b.completion(at_b.cq);
        assert_eq!((received.id, received.qp, received.bytes), (id, qp, 60), "in their order");
    }
    both.b.wait(|event| (*event == Event::SrqLimit(srq)).then_some(()));
    assert_eq!(both.b.run(Execution::Inline, Command::FlushQp(qp)), Ok(provider::backend::CommandOutput::Done));
    for resource in [Resource::Qp(qp), Resource::Srq(srq)] {
        both.b.destroy(Execution::Queued, resource);
    }
}

fn a_megabyte_each_way(devices: &Devices) {
    const CHUNK: u32 = 65_536;
    const CHUNKS: u64 = 16;
    let mut both = Connected::new(devices);
    let (at_a, at_b) = regions(&mut both, CHUNKS * u64::from(CHUNK));
    let (to_b, to_a) = (pattern(CHUNKS as usize * CHUNK as usize, 6), pattern(CHUNKS as usize * CHUNK as usize, 7));
    both.a.fill(&at_a, &to_b);
    for id in 0..CHUNKS {
        let remote_address = at_b.mdl.virtual_address + id * u64::from(CHUNK);
        let write = SendOperation::Write { remote_address, key: at_b.remote };
        both.a.send(both.at_a.qp, id, write, &[at_a.sge(id * u64::from(CHUNK), CHUNK)]).expect("posted");
    }
    for id in 0..CHUNKS {
        let done = both.a.completion(both.at_a.cq);
        assert_eq!((done.id, done.status), (id, Status::SUCCESS), "in their order");
    }
    assert!(both.b.bytes(&at_b, 0, to_b.len()) == to_b, "bytes to b");
    both.b.fill(&at_b, &to_a);
    for id in 0..CHUNKS {
        let remote_address = at_a.mdl.virtual_address + id * u64::from(CHUNK);
        let write = SendOperation::Write { remote_address, key: at_a.remote };
        both.b.send(both.at_b.qp, id, write, &[at_b.sge(id * u64::from(CHUNK), CHUNK)]).expect("posted");
    }
    for id in 0..CHUNKS {
        assert_eq!(both.b.completion(both.at_b.cq).id, id);
    }
    assert!(both.a.bytes(&at_a, 0, to_a.len()) == to_a, "bytes to a");
}
