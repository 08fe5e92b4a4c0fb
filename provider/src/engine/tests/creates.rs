//! Every create in every style, good and bad.

use crate::backend::CommandOutput;
use crate::engine::testing::{Rig, adapter_address, done};
use crate::engine::{Config, Style};
use crate::ndk::{
    Call, CallKind, Completion, Irql, NdkVersion, Object, ObjectKind, Out, Return, Status, Upcall, UpcallBody,
};

/// What all creates need.
struct Ground {
    adapter: Object,
    pd: Object,
    cq: Object,
    srq: Object,
}

fn ground(rig: &mut Rig) -> Ground {
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    Ground {
        adapter,
        pd,
        cq,
        srq: rig.create(create(&Ground { adapter, pd, cq, srq: pd }, CallKind::CreateSrq, done(1))),
    }
}

fn create(ground: &Ground, kind: CallKind, completion: Completion) -> Call<'static> {
    let Ground { adapter, pd, cq, srq } = *ground;
    let event = done(7);
    match kind {
        CallKind::CreateCq => Call::CreateCq { adapter, depth: 8, notification: event, affinity: None, completion },
        CallKind::CreatePd => Call::CreatePd { adapter, completion },
        CallKind::CreateSharedEndpoint => {
            Call::CreateSharedEndpoint { adapter, address: adapter_address(0), completion }
        }
        CallKind::CreateConnector => Call::CreateConnector { adapter, completion },
        CallKind::CreateListener => Call::CreateListener { adapter, connect_event: event, completion },
        CallKind::CreateMr => Call::CreateMr { pd, fast_register: false, completion },
        CallKind::CreateMw => Call::CreateMw { pd, completion },
        CallKind::CreateSrq => Call::CreateSrq {
            pd,
            depth: 8,
            max_receive_sge: 1,
            notify_threshold: 0,
            notification: event,
            affinity: None,
            completion,
        },
        CallKind::CreateQp => Call::CreateQp {
            pd,
            receive_cq: cq,
            initiator_cq: cq,
            qp_context: 5,
            receive_depth: 8,
            initiator_depth: 8,
            max_receive_sge: 1,
            max_initiator_sge: 1,
            inline_data_bytes: 0,
            completion,
        },
        CallKind::CreateQpWithSrq => Call::CreateQpWithSrq {
            pd,
            receive_cq: cq,
            initiator_cq: cq,
            srq,
            qp_context: 5,
            initiator_depth: 8,
            max_initiator_sge: 1,
            inline_data_bytes: 0,
            completion,
        },
        other => panic!("{other:?} creates nothing"),
    }
}

fn creates() -> impl Iterator<Item = (CallKind, ObjectKind)> {
    CallKind::ALL.iter().filter_map(|&kind| Some((kind, kind.creates()?)))
}

/// Creates of objects that the device has a part in, and can fail at.
fn needs_device(kind: CallKind) -> bool {
    !matches!(
        kind,
        CallKind::CreateMr | CallKind::CreateConnector | CallKind::CreateListener | CallKind::CreateSharedEndpoint
    )
}

fn object_of(upcall: &Upcall) -> (Status, Option<Object>) {
    match upcall.body {
        UpcallBody::CreateCompletion { status, object } => (status, object),
        ref other => panic!("not a create completion: {other:?}"),
    }
}

#[test]
fn inline_success_returns_the_object_and_completes_nothing() {
    for (kind, makes) in creates() {
        let mut rig = Rig::new(Config { style: Style::Inline, ..Config::default() });
        let ground = ground(&mut rig);
        let Return { status, out: Out::Object(object) } = rig.call(create(&ground, kind, done(42))) else {
            panic!("{kind:?} returned no object");
        };
        assert_eq!((status, object.kind, object.version), (Status::SUCCESS, makes, NdkVersion::V1_2));
        assert_eq!(rig.settle(), [], "{kind:?}");
    }
}

#[test]
fn pending_success_completes_once_and_writes_nothing() {
    for (kind, makes) in creates() {
        let mut rig = Rig::new(Config::default());
        let ground = ground(&mut rig);
        let returned = rig.call(create(&ground, kind, done(42)));
        assert_eq!(returned, Return::status(Status::PENDING), "{kind:?} leaves the out-pointer alone");
        assert_eq!(rig.enter().len(), usize::from(!needs_device(kind)), "the device has not answered");
        let seen = rig.settle();
        if needs_device(kind) {
            assert_eq!(seen.len(), 1, "{kind:?} completes once");
            let (status, object) = object_of(&seen[0]);
            assert_eq!((status, object.map(|object| object.kind)), (Status::SUCCESS, Some(makes)));
            assert_eq!((seen[0].context, seen[0].level), (42, Irql::Dispatch));
            assert!(seen[0].after.is_some());
        }
        assert_eq!(rig.settle(), []);
    }
}

#[test]
fn a_completion_inside_the_call_or_beside_it() {
    for (style, processor, inside) in [(Style::InsideCall, 3, true), (Style::Beside, 1, false)] {
        for (kind, makes) in creates() {
            let mut config = Config { style, ..Config::default() };
            config.completions.processor = 1;
            let mut rig = Rig::new(config);
            let ground = ground(&mut rig);
            let returned = rig.call(create(&ground, kind, done(42)));
            assert_eq!(returned, Return::status(Status::PENDING), "{kind:?}");
            let upcall = rig.enter_one();
            assert_eq!((upcall.after.is_none(), upcall.processor), (inside, processor), "{kind:?}");
            let object = object_of(&upcall).1.expect("an object");
            assert_eq!(object.kind, makes);
            // The consumer may close it at once, in the callback.
            rig.close(object);
            rig.leave(&upcall);
            assert_eq!(rig.settle(), []);
        }
    }
}

#[test]
fn a_failure_leaves_nothing_behind() {
    for style in [Style::Inline, Style::InsideCall, Style::Beside, Style::Pending] {
        for (kind, makes) in creates().filter(|&(kind, _)| needs_device(kind)) {
            let mut rig = Rig::new(Config { style, ..Config::default() });
            let ground = ground(&mut rig);
            let before = rig.engine().live_objects(makes);
            rig.device().results.push_back(Err(Status::INSUFFICIENT_RESOURCES));
            let returned = rig.call(create(&ground, kind, done(42)));
            let seen = rig.settle();
            if style == Style::Inline {
                assert_eq!(returned, Return::status(Status::INSUFFICIENT_RESOURCES), "{kind:?}");
                assert_eq!(seen, []);
            } else {
                assert_eq!(returned, Return::status(Status::PENDING), "{kind:?} {style:?}");
                assert_eq!(seen.len(), 1);
                assert_eq!(object_of(&seen[0]), (Status::INSUFFICIENT_RESOURCES, None));
            }
            assert_eq!(rig.engine().live_objects(makes), before, "{kind:?} {style:?}");
            for object in [ground.srq, ground.cq, ground.pd] {
                rig.close(object);
            }
            rig.ok(Call::CloseAdapter { adapter: ground.adapter });
            rig.assert_empty();
        }
    }
}

#[test]
fn a_backend_that_makes_something_else_has_failed() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    rig.device().results.push_back(Ok(CommandOutput::Done));
    let returned = rig.run(Call::CreatePd { adapter, completion: done(1) });
    assert_eq!(returned, Return::status(Status::INTERNAL_ERROR));
    rig.device().results.push_back(Err(Status::PENDING));
    let returned = rig.run(Call::CreatePd { adapter, completion: done(1) });
    assert_eq!(returned, Return::status(Status::INTERNAL_ERROR), "PENDING is never a completion's status");
}

#[test]
fn parameters_beyond_the_limits_are_refused_inline() {
    let mut rig = Rig::new(Config::default());
    let ground = ground(&mut rig);
    let Ground { adapter, pd, cq, .. } = ground;
    let completion = done(1);
    let notification = done(2);
    for depth in [0, 257] {
        let status = rig.status(Call::CreateCq { adapter, depth, notification, affinity: None, completion });
        assert_eq!(status, Status::INVALID_PARAMETER);
    }
    // Each of the five sizes, one beyond the limit.
    for beyond in 0..5 {
        let size = |index, limit| limit + u32::from(index == beyond);
        let status = rig.status(Call::CreateQp {
            pd,
            receive_cq: cq,
            initiator_cq: cq,
            qp_context: 0,
            receive_depth: size(0, 128),
            initiator_depth: size(1, 128),
            max_receive_sge: size(2, 4),
            max_initiator_sge: size(3, 4),
            inline_data_bytes: size(4, 64),
            completion,
        });
        assert_eq!(status, Status::INVALID_PARAMETER, "size {beyond}");
    }
    let nobody = Completion { callback: None, context: 0 };
    for (kind, _) in creates() {
        assert_eq!(rig.status(create(&ground, kind, nobody)), Status::INVALID_PARAMETER, "{kind:?} without completion");
    }
    assert_eq!(rig.settle(), []);
}

#[test]
fn objects_of_another_adapter_are_refused() {
    let mut rig = Rig::new(Config::default());
    let here = ground(&mut rig);
    let there = ground(&mut rig);
    for (cq, srq) in [(there.cq, here.srq), (here.cq, there.srq), (here.pd, here.srq)] {
        let mixed = Ground { cq, srq, ..here };
        assert_eq!(rig.status(create(&mixed, CallKind::CreateQpWithSrq, done(1))), Status::INVALID_PARAMETER);
    }
}
