//! Shared receive queues (section 3.11 of the NDKPI reference).

use crate::backend::{Event, SrqId, WorkCompletion};
use crate::engine::testing::{Rig, done};
use crate::engine::{Config, Policy, SrqStart};
use crate::ndk::{Call, Completion, NdkVersion, Object, Sge, Status, UpcallBody};

const OK: Status = Status::SUCCESS;

struct Shared {
    rig: Rig,
    cq: Object,
    srq: Object,
    qp: Object,
}

fn shared(srq_start: SrqStart, notify_threshold: u32) -> Shared {
    let policy = Policy { srq_start, ..Policy::default() };
    let mut rig = Rig::new(Config { policy, ..Config::default() });
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let srq = rig.create(Call::CreateSrq {
        pd,
        depth: 4,
        max_receive_sge: 1,
        notify_threshold,
        notification: done(70),
        affinity: None,
        completion: done(1),
    });
    let qp = rig.create(Call::CreateQpWithSrq {
        pd,
        receive_cq: cq,
        initiator_cq: cq,
        srq,
        qp_context: 0x51,
        initiator_depth: 4,
        max_initiator_sge: 1,
        inline_data_bytes: 0,
        completion: done(1),
    });
    rig.connected(adapter, qp, Rig::no_event());
    Shared { rig, cq, srq, qp }
}

impl Shared {
    fn post(&mut self, context: u64) -> Status {
        let sgl = [Sge { address: 1, length_bytes: 64, token: 1 }];
        self.rig.status(Call::SrqReceive { srq: self.srq, context, sgl: &sgl })
    }

    fn device_srq(&self) -> SrqId {
        self.rig.engine().objects.srq(self.srq.id).id()
    }

    /// The device fell below its limit. Statuses of the notifications.
    fn below(&mut self) -> Vec<Status> {
        let srq = self.device_srq();
        self.rig.raise(Event::SrqLimit(srq));
        self.told()
    }

    fn told(&mut self) -> Vec<Status> {
        let seen = self.rig.settle();
        seen.iter()
            .filter_map(|upcall| match upcall.body {
                UpcallBody::SrqNotification { status } => Some(status),
                _ => None,
            })
            .collect()
    }

    fn modify(&mut self, depth: u32, notify_threshold: u32) -> (Status, Vec<Status>) {
        let call = Call::ModifySrq { srq: self.srq, depth, notify_threshold, completion: done(5) };
        let status = self.rig.status(call);
        (status, self.told())
    }
}

#[test]
fn receives_are_taken_in_any_order_and_free_their_slots() {
    let mut shared = shared(SrqStart::WhenFilled, 0);
    for context in 0..4 {
        assert_eq!(shared.post(context), OK);
    }
    assert_eq!(shared.post(4), Status::NO_MORE_ENTRIES);
    for id in [2, 0] {
        let completion = WorkCompletion { receive: true, ..shared.rig.completion(shared.qp, id, OK) };
        shared.rig.complete(shared.cq, completion);
    }
    assert_eq!(shared.rig.contexts(shared.cq), [(2, OK), (0, OK)]);
    assert_eq!((shared.post(5), shared.post(6), shared.post(7)), (OK, OK, Status::NO_MORE_ENTRIES));
    let sgl = [Sge { address: 1, length_bytes: 64, token: 1 }; 2];
    let call = Call::SrqReceive { srq: shared.srq, context: 0, sgl: &sgl };
    assert_eq!(shared.rig.status(call), Status::NO_MORE_ENTRIES);
    let own = Call::Receive { qp: shared.qp, context: 0, sgl: &sgl[..1] };
    assert_eq!(shared.rig.status(own), Status::INVALID_PARAMETER, "the queue pair has no queue of its own");
}

#[test]
fn a_threshold_is_told_once_an_arm() {
    let mut shared = shared(SrqStart::NeedsModify, 3);
    assert_eq!(shared.below(), [], "created, not armed");
    assert_eq!(shared.modify(0, 2), (Status::PENDING, vec![OK]), "empty: below already");
    assert_eq!(shared.below(), [], "disarmed");
    for context in 0..3 {
        assert_eq!(shared.post(context), OK);
    }
    assert_eq!(shared.modify(0, 2), (Status::PENDING, vec![]));
    assert!(shared.rig.engine().backend().was_told("SetSrqLimit"));
    assert_eq!(shared.modify(0, 0), (Status::PENDING, vec![]), "zero keeps the arm");
    assert_eq!(shared.below(), [OK]);
    assert_eq!(shared.below(), []);
}

#[test]
fn a_queue_created_with_a_threshold_starts_as_the_policy_has_it() {
    for (start, at_once, when_filled) in
        [(SrqStart::AtOnce, 1, 0), (SrqStart::WhenFilled, 0, 1), (SrqStart::NeedsModify, 0, 0)]
    {
        let mut shared = shared(start, 2);
        assert_eq!(shared.below().len(), at_once, "{start:?}");
        assert_eq!((shared.post(0), shared.post(1)), (OK, OK));
        assert_eq!(shared.below().len(), when_filled, "{start:?}");
    }
}

#[test]
fn the_depth_grows_where_the_device_can() {
    let mut shared = shared(SrqStart::WhenFilled, 0);
    let post = |shared: &mut Shared, contexts: std::ops::Range<u64>| {
        contexts.map(|context| shared.post(context)).filter(|status| *status == OK).count()
    };
    assert_eq!(post(&mut shared, 0..5), 4);
    assert_eq!(shared.modify(6, 3), (Status::PENDING, vec![]));
    let told = |shared: &mut Shared, what| shared.rig.engine().backend().was_told(what);
    assert!(told(&mut shared, "ResizeSrq") && told(&mut shared, "SetSrqLimit"), "room, then the limit");
    assert_eq!(post(&mut shared, 4..9), 2);
    assert_eq!(shared.below(), [OK], "the limit was armed with it");
    assert_eq!(shared.modify(4, 0).0, Status::BUFFER_OVERFLOW, "six are posted");
}

#[test]
fn the_depth_can_be_changed_within_what_was_made() {
    let mut shared = shared(SrqStart::WhenFilled, 0);
    shared.rig.device().capabilities.resize_srq = false;
    assert_eq!(shared.modify(65, 0).0, Status::INVALID_PARAMETER);
    assert_eq!(shared.modify(5, 0).0, Status::INSUFFICIENT_RESOURCES);
    assert_eq!((shared.post(0), shared.post(1)), (OK, OK));
    assert_eq!(shared.modify(1, 0).0, Status::BUFFER_OVERFLOW);
    assert_eq!(shared.modify(2, 0).0, Status::PENDING);
    assert_eq!(shared.post(2), Status::NO_MORE_ENTRIES);
}

#[test]
fn a_dead_queue_is_told_without_an_arm() {
    let mut shared = shared(SrqStart::WhenFilled, 0);
    let srq = shared.device_srq();
    shared.rig.raise(Event::SrqError(srq));
    assert_eq!(shared.told(), [Status::INTERNAL_ERROR]);
}

#[test]
fn limits_of_a_create() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    let notification = Completion { callback: None, context: 0 };
    for (depth, max_receive_sge, expected) in [
        (65, 1, Status::INVALID_PARAMETER),
        (0, 1, Status::INVALID_PARAMETER),
        (64, 5, Status::INVALID_PARAMETER),
        (64, 4, OK),
    ] {
        let call = Call::CreateSrq {
            pd,
            depth,
            max_receive_sge,
            notify_threshold: 0,
            notification,
            affinity: None,
            completion: done(1),
        };
        assert_eq!(rig.run(call).status, expected, "{depth} entries of {max_receive_sge}");
    }
}
