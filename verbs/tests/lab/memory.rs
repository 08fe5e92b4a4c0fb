//! Regions, windows and keys.

use crate::side::Connected;
use crate::{Case, Devices};
use host::Arena;
use provider::backend::{Command, CommandOutput, Execution, MwId, Resource, SendOperation};
use provider::ndk::{MrFlags, Status};

pub(crate) const CASES: &[Case] = &[
    ("only_buffers_of_the_backend_are_registered", only_buffers_of_the_backend_are_registered),
    ("a_buffer_outlives_its_return_while_registered", a_buffer_outlives_its_return_while_registered),
    ("keys_guard_what_the_peer_may_do", keys_guard_what_the_peer_may_do),
    ("a_window_opens_part_of_a_region", a_window_opens_part_of_a_region),
    ("a_send_takes_a_key_away", a_send_takes_a_key_away),
];

fn only_buffers_of_the_backend_are_registered(devices: &Devices) {
    let mut both = Connected::new(devices);
    let pd = both.at_a.pd;
    let mut mdl = both.a.backend.memory().allocate(100, 0);
    let register = |mdl: &host::Mdl, length_bytes| {
        both.a.run(Execution::Inline, Command::RegisterMr { pd, mdl, length_bytes, rights: MrFlags::ALLOW_LOCAL_WRITE })
    };
    let mut register = register;
    assert_eq!(register(&mdl, 101), Err(Status::INVALID_PARAMETER), "longer than the buffer");
    assert!(register(&mdl, 100).is_ok());
    mdl.virtual_address = 0x7f00_0000_0000;
    assert_eq!(register(&mdl, 100), Err(Status::INVALID_PARAMETER), "no memory of ours");
}

fn a_buffer_outlives_its_return_while_registered(devices: &Devices) {
    let mut both = Connected::new(devices);
    let own = both.a.region(Execution::Inline, both.at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    let peers = both.b.region(Execution::Inline, both.at_b.pd, 100, MrFlags::ALLOW_REMOTE_WRITE);
    let pages = both.b.backend.memory().allocated_pages();
    both.b.backend.memory().free(&peers.mdl);
    assert_eq!(both.b.backend.memory().allocated_pages(), pages - 1);
    let write = SendOperation::Write { remote_address: peers.mdl.virtual_address, key: peers.remote };
    both.a.send(both.at_a.qp, 1, write, &[own.sge(0, 100)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::SUCCESS, "the region keeps the bytes");
}

type Attempt = fn(u64, u32) -> SendOperation<'static>;

fn keys_guard_what_the_peer_may_do(devices: &Devices) {
    // The peer's rights, what is tried, and how far it reaches.
    let cases: [(MrFlags, Attempt, u32); 4] = [
        (MrFlags::ALLOW_REMOTE_READ, |remote_address, key| SendOperation::Write { remote_address, key }, 100),
        (MrFlags::ALLOW_REMOTE_WRITE, |remote_address, key| SendOperation::Read { remote_address, key }, 100),
        (MrFlags::ALLOW_REMOTE_WRITE, |remote_address, key| SendOperation::Write { remote_address, key }, 101),
        (
            MrFlags::ALLOW_REMOTE_WRITE,
            |remote_address, key| SendOperation::Write { remote_address, key: key ^ 0x55 },
            100,
        ),
    ];
    for (rights, operation, length) in cases {
        let mut both = Connected::new(devices);
        let own = both.a.region(Execution::Inline, both.at_a.pd, 200, MrFlags::ALLOW_LOCAL_WRITE);
        let peers = both.b.region(Execution::Inline, both.at_b.pd, 100, rights);
        both.a.fill(&own, &[0xaa; 200]);
        let operation = operation(peers.mdl.virtual_address, peers.remote);
        both.a.send(both.at_a.qp, 1, operation, &[own.sge(0, length)]).expect("posted");
        let failed = both.a.completion(both.at_a.cq);
        assert_eq!((failed.id, failed.status), (1, Status::ACCESS_VIOLATION), "{operation:?}");
        assert_eq!(both.b.bytes(&peers, 0, 100), [0; 100], "not a byte");
        both.a.wait(|event| (*event == provider::backend::Event::QpError(both.at_a.qp)).then_some(()));
    }
}

/// Binds a window of `b` over the middle of a region and returns its new key.
fn bind(both: &mut Connected, mr: &crate::side::Region, mw: MwId, before: u32, rights: MrFlags) -> u32 {
    // The consumer owns the low byte of a window's key.
    let key = before & !0xff | (before + 1) & 0xff;
    let address = mr.mdl.virtual_address + 100;
    let operation = SendOperation::Bind { mr: mr.mr, mw, key, address, length_bytes: 200, rights };
    both.b.send(both.at_b.qp, 77, operation, &[]).expect("posted");
    let bound = both.b.completion(both.at_b.cq);
    assert_eq!((bound.id, bound.status), (77, Status::SUCCESS));
    key
}

fn window(both: &mut Connected) -> (MwId, u32) {
    match both.b.run(Execution::Queued, Command::CreateMw { pd: both.at_b.pd }) {
        Ok(CommandOutput::Keys { resource: Resource::Mw(mw), remote, .. }) => (mw, remote),
        other => panic!("no window: {other:?}"),
    }
}

fn a_window_opens_part_of_a_region(devices: &Devices) {
    let mut both = Connected::new(devices);
    let own = both.a.region(Execution::Inline, both.at_a.pd, 400, MrFlags::ALLOW_LOCAL_WRITE);
    let peers = both.b.region(Execution::Inline, both.at_b.pd, 400, MrFlags::ALLOW_LOCAL_WRITE);
    let (mw, before) = window(&mut both);
    let key = bind(&mut both, &peers, mw, before, MrFlags::ALLOW_REMOTE_WRITE);
    both.a.fill(&own, &[0xbb; 400]);
    let remote_address = peers.mdl.virtual_address + 100;
    both.a.send(both.at_a.qp, 1, SendOperation::Write { remote_address, key }, &[own.sge(0, 200)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::SUCCESS);
    assert_eq!(both.b.bytes(&peers, 100, 200), [0xbb; 200]);
    both.b.send(both.at_b.qp, 2, SendOperation::Invalidate { key }, &[]).expect("posted");
    assert_eq!(both.b.completion(both.at_b.cq).status, Status::SUCCESS);
    both.a.send(both.at_a.qp, 3, SendOperation::Write { remote_address, key }, &[own.sge(0, 200)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::ACCESS_VIOLATION, "the window is closed");
    both.b.destroy(Execution::Queued, Resource::Mw(mw));
    both.b.destroy(Execution::Queued, Resource::Mr(peers.mr));
}

fn a_send_takes_a_key_away(devices: &Devices) {
    let mut both = Connected::new(devices);
    let own = both.a.region(Execution::Inline, both.at_a.pd, 400, MrFlags::ALLOW_LOCAL_WRITE);
    let peers = both.b.region(Execution::Inline, both.at_b.pd, 400, MrFlags::ALLOW_LOCAL_WRITE);
    let (mw, before) = window(&mut both);
    let key = bind(&mut both, &peers, mw, before, MrFlags::ALLOW_REMOTE_READ);
    both.b.receive(both.at_b.qp, 5, &[peers.sge(0, 10)]).expect("posted");
    both.a.send(both.at_a.qp, 1, SendOperation::SendInvalidate { key }, &[own.sge(0, 10)]).expect("posted");
    let received = both.b.completion(both.at_b.cq);
    assert_eq!((received.status, received.bytes, received.invalidated), (Status::SUCCESS, 10, Some(key)));
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::SUCCESS);
    let remote_address = peers.mdl.virtual_address + 100;
    both.a.send(both.at_a.qp, 2, SendOperation::Read { remote_address, key }, &[own.sge(0, 10)]).expect("posted");
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::ACCESS_VIOLATION);
}
