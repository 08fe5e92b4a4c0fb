//! Objects without a peer: made inline and queued, ended in every order.

use crate::side::Side;
use crate::{Case, Devices};
use provider::backend::{Backend, Command, CommandOutput, Execution, QpId, Resource};
use provider::ndk::{MrFlags, Status};
use verbs::{Options, VerbsBackend, VerbsError};

pub(crate) const CASES: &[Case] = &[
    ("the_device_says_what_it_can_do", the_device_says_what_it_can_do),
    ("a_device_that_is_not_there_is_named", a_device_that_is_not_there_is_named),
    ("objects_are_made_inline_and_queued", objects_are_made_inline_and_queued),
    ("objects_end_in_every_order", objects_end_in_every_order),
    ("what_the_device_cannot_do_is_refused", what_the_device_cannot_do_is_refused),
    ("handles_of_nothing_are_refused", handles_of_nothing_are_refused),
    ("queues_change_their_size", queues_change_their_size),
];

fn the_device_says_what_it_can_do(devices: &Devices) {
    let side = Side::open(devices, 0);
    let can = side.backend.capabilities();
    crate::say(&format!("     {}: {can:?}", side.backend.name()));
    assert!(!can.addresses.is_empty() && can.max_cq_depth > 0 && can.max_send_depth > 0);
    assert_eq!((can.max_fast_register_pages, can.privileged_key), (0, None), "not in user space");
}

fn a_device_that_is_not_there_is_named(devices: &Devices) {
    match VerbsBackend::open("rxe99", Options::default()) {
        Err(VerbsError::NoSuchDevice { wanted, present }) => {
            assert_eq!(wanted, "rxe99");
            assert!(devices.names.iter().all(|name| present.contains(name)), "{present:?}");
        }
        other => panic!("{other:?}"),
    }
}

fn objects_are_made_inline_and_queued(devices: &Devices) {
    let mut side = Side::open(devices, 0);
    for how in [Execution::Inline, Execution::Queued] {
        let pd = side.pd(how);
        let cq = side.cq(how, 8);
        let qp = side.qp(how, pd, cq);
        let region = side.region(how, pd, 5000, MrFlags::ALLOW_REMOTE_WRITE);
        assert_ne!(region.remote, 0);
        let srq = side.create(how, Command::CreateSrq { pd, depth: 8, max_sge: 1 });
        let mw = side.create(how, Command::CreateMw { pd });
        assert_eq!(
            side.run(how, Command::FlushQp(qp)),
            Ok(CommandOutput::Done),
            "never connected, flushed all the same"
        );
        let all = [Resource::Qp(qp), mw, srq, Resource::Mr(region.mr), Resource::Cq(cq), Resource::Pd(pd)];
        all.into_iter().for_each(|resource| side.destroy(how, resource));
        assert_eq!(side.unwaited(), []);
    }
}

/// The provider ends children before parents; a backend that is told otherwise must not break either.
fn objects_end_in_every_order(devices: &Devices) {
    for order in permutations(4) {
        let mut side = Side::open(devices, 0);
        let pd = side.pd(Execution::Inline);
        let cq = side.cq(Execution::Inline, 8);
        let qp = side.qp(Execution::Inline, pd, cq);
        let region = side.region(Execution::Inline, pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
        let all = [Resource::Qp(qp), Resource::Mr(region.mr), Resource::Cq(cq), Resource::Pd(pd)];
        for (step, &index) in order.iter().enumerate() {
            let how = if step % 2 == 0 { Execution::Inline } else { Execution::Queued };
            side.destroy(how, all[index]);
            let again = side.run(how, Command::Destroy(all[index]));
            assert_eq!(again, Err(Status::INVALID_PARAMETER), "{:?} is gone", all[index]);
        }
    }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    let inserted = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, count - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..count).map(move |at| inserted(order, at))).collect()
}

fn what_the_device_cannot_do_is_refused(devices: &Devices) {
    let mut side = Side::open(devices, 0);
    let (pd, cq) = (side.pd(Execution::Inline), side.cq(Execution::Inline, 8));
    for how in [Execution::Inline, Execution::Queued] {
        let refused = Err(Status::NOT_SUPPORTED);
        assert_eq!(side.run(how, Command::CreateFastRegisterMr { pd, max_pages: 16 }), refused);
        assert_eq!(side.run(how, Command::ModerateCq { cq, interval_us: 10, count: 4 }), refused);
    }
    let depth = side.backend.capabilities().max_cq_depth;
    let too_deep = side.run(Execution::Queued, Command::CreateCq { depth: depth + 1, vector: 0 });
    assert_eq!(too_deep, Err(Status::INVALID_PARAMETER));
}

fn handles_of_nothing_are_refused(devices: &Devices) {
    let mut side = Side::open(devices, 0);
    let nothing = QpId(4711);
    assert_eq!(side.run(Execution::Queued, Command::FlushQp(nothing)), Err(Status::INVALID_PARAMETER));
    assert_eq!(side.receive(nothing, 1, &[]), Err(Status::INVALID_PARAMETER));
    let unknown = provider::backend::ConnectionId(4711);
    assert_eq!(side.run(Execution::Queued, Command::Disconnect(unknown)), Err(Status::CONNECTION_INVALID));
    let address = "203.0.113.7:0".parse().expect("an address");
    let elsewhere = side.run(Execution::Inline, Command::Listen { address });
    assert_eq!(elsewhere, Err(Status::INVALID_ADDRESS), "not an address of this machine");
}

fn queues_change_their_size(devices: &Devices) {
    let mut side = Side::open(devices, 0);
    assert!(side.backend.capabilities().resize_cq, "rxe can");
    let cq = side.cq(Execution::Inline, 8);
    for depth in [100, 9] {
        assert_eq!(side.run(Execution::Queued, Command::ResizeCq { cq, depth }), Ok(CommandOutput::Done));
    }
}
