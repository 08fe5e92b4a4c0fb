//! Closing: in every order, from inside callbacks, with requests pending, in every style.

use crate::backend::{ConnectionId, ConnectionLimits};
use crate::backend::{Event, Resource};
use crate::engine::testing::{Rig, adapter_address, done, peer_address};
use crate::engine::{Config, Style};
use crate::ndk::{
    Answer, Call, CallKind, CqNotify, MrFlags, NdkVersion, Object, ObjectKind, OpFlags, Status, Upcall, UpcallBody,
};
use bytes::Bytes;
use host::Mdl;

/// One object of each kind, every edge between them present.
struct House {
    adapter: Object,
    pd: Object,
    cq: Object,
    srq: Object,
    mr: Object,
    mw: Object,
    qp: Object,
    endpoint: Object,
    listener: Object,
    /// Connected from the shared endpoint.
    active: Object,
    /// From the listener, not accepted.
    passive: Object,
}

fn mdl() -> Mdl {
    Mdl { virtual_address: 0x1000, length_bytes: 8192, pages: vec![0x10_000, 0x20_000] }
}

fn offer(rig: &mut Rig, listener: Object, connection: u32) -> Upcall {
    let listener = rig.engine().objects.listener(listener.id).id().expect("it listens");
    rig.raise(Event::ConnectionRequest {
        listener,
        connection: ConnectionId(connection),
        local: adapter_address(5000),
        peer: peer_address(u16::try_from(50_000 + connection).expect("a small number")),
        limits: ConnectionLimits { inbound_reads: 4, outbound_reads: 4 },
        private_data: Bytes::from_static(b"hello"),
    });
    rig.enter_one()
}

fn offered(upcall: &Upcall) -> Object {
    match upcall.body {
        UpcallBody::ConnectEvent { connector } => connector,
        ref other => panic!("no connect event: {other:?}"),
    }
}

fn house(rig: &mut Rig) -> House {
    let completion = done(1);
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let srq = rig.create(Call::CreateSrq {
        pd,
        depth: 8,
        max_receive_sge: 1,
        notify_threshold: 0,
        notification: done(2),
        affinity: None,
        completion,
    });
    let qp = rig.create(Call::CreateQpWithSrq {
        pd,
        receive_cq: cq,
        initiator_cq: cq,
        srq,
        qp_context: 0,
        initiator_depth: 8,
        max_initiator_sge: 1,
        inline_data_bytes: 0,
        completion,
    });
    let mr = rig.create(Call::CreateMr { pd, fast_register: false, completion });
    let flags = MrFlags::ALLOW_LOCAL_WRITE;
    rig.ok(Call::RegisterMr { mr, mdl: &mdl(), length_bytes: 8192, flags, completion });
    let mw = rig.create(Call::CreateMw { pd, completion });
    let endpoint = rig.create(Call::CreateSharedEndpoint { adapter, address: adapter_address(0), completion });
    let listener = rig.create(Call::CreateListener { adapter, connect_event: done(3), completion });
    rig.ok(Call::Listen { listener, address: adapter_address(5000), completion });
    let active = rig.connector(adapter);
    let (destination, params) = (peer_address(5000), Rig::params(qp));
    rig.ok(Call::ConnectWithSharedEndpoint { connector: active, endpoint, destination, params, completion });
    rig.ok(Call::CompleteConnect { connector: active, disconnect_event: Rig::event(4), completion });
    let bind = Call::Bind {
        qp,
        context: 0,
        mr,
        mw,
        virtual_address: 0x1000,
        length_bytes: 4096,
        flags: OpFlags::ALLOW_REMOTE_WRITE,
    };
    assert_eq!(rig.status(bind), Status::SUCCESS);
    let event = offer(rig, listener, 1);
    rig.leave(&event);
    House { adapter, pd, cq, srq, mr, mw, qp, endpoint, listener, active, passive: offered(&event) }
}

impl House {
    /// Antecedents and their successors (section 1.3 of the NDKPI reference).
    fn edges(&self) -> [(Object, Object); 10] {
        [
            (self.pd, self.mr),
            (self.pd, self.mw),
            (self.pd, self.srq),
            (self.pd, self.qp),
            (self.cq, self.qp),
            (self.srq, self.qp),
            (self.mr, self.mw),
            (self.qp, self.active),
            (self.endpoint, self.active),
            (self.listener, self.passive),
        ]
    }

    fn all(&self) -> [Object; 10] {
        let Self { pd, cq, srq, mr, mw, qp, endpoint, listener, active, passive, .. } = *self;
        [active, passive, qp, mw, mr, srq, cq, endpoint, listener, pd]
    }
}

/// Closes with the object's id as context.
fn close(rig: &mut Rig, object: Object) -> Status {
    rig.status(Call::Close { object, completion: done(object.id) })
}

fn closed(upcalls: &[Upcall]) -> Vec<u64> {
    upcalls.iter().filter(|upcall| upcall.body == UpcallBody::CloseCompletion).map(|upcall| upcall.context).collect()
}

#[test]
fn an_antecedent_closed_first_waits_for_its_successor_and_for_that_callback() {
    for style in [Style::Inline, Style::InsideCall, Style::Beside, Style::Pending] {
        for edge in 0..10 {
            let mut rig = Rig::new(Config { style, ..Config::default() });
            let house = house(&mut rig);
            let (antecedent, successor) = house.edges()[edge];
            // What else would hold the two is closed first.
            let mut holders = vec![antecedent, successor];
            for object in house.all().into_iter().rev() {
                let needs = |known| house.edges().contains(&(known, object));
                if !holders.contains(&object) && holders.iter().any(|&known| needs(known)) {
                    holders.push(object);
                }
            }
            // What stands between them goes last.
            let (between, beside): (Vec<Object>, Vec<Object>) =
                holders[2..].iter().rev().partition(|&&object| house.edges().contains(&(object, successor)));
            beside.into_iter().for_each(|object| rig.close(object));
            assert_eq!(close(&mut rig, antecedent), Status::PENDING, "{antecedent:?} before {successor:?}");
            assert_eq!(rig.settle(), [], "{antecedent:?} waits for {successor:?}");
            let status = close(&mut rig, successor);
            if status == Status::PENDING {
                let last = loop {
                    let due = rig.enter();
                    match due.as_slice() {
                        [] => rig.finish(),
                        [last] => break last.clone(),
                        more => panic!("{antecedent:?} did not wait for {successor:?}: {more:?}"),
                    }
                };
                assert_eq!(closed(std::slice::from_ref(&last)), [successor.id]);
                assert_eq!(rig.settle(), [], "the close completion of {successor:?} runs");
                rig.leave(&last);
            }
            let mut ended = closed(&rig.settle());
            for object in between {
                assert_eq!(ended, [], "{object:?} holds {antecedent:?}");
                ended = if close(&mut rig, object) == Status::SUCCESS { vec![object.id] } else { vec![] };
                ended.extend(closed(&rig.settle()));
                assert_eq!(ended.remove(0), object.id);
            }
            assert_eq!(ended, [antecedent.id], "{antecedent:?} after {successor:?}, {style:?}");
        }
    }
}

#[test]
fn any_order_of_closes_ends_the_same() {
    for style in [Style::Inline, Style::Pending, Style::InsideCall] {
        // Three orders that between them put every pair of objects both ways round.
        for order in 0..3 {
            let mut rig = Rig::new(Config { style, ..Config::default() });
            let house = house(&mut rig);
            let mut all = house.all().to_vec();
            match order {
                0 => {}
                1 => all.reverse(),
                _ => all.rotate_left(5),
            }
            let mut ended = Vec::new();
            for object in all {
                if close(&mut rig, object) == Status::SUCCESS {
                    ended.push(object.id);
                }
                ended.extend(closed(&rig.settle()));
            }
            ended.sort_unstable();
            let mut expected = house.all().map(|object| object.id);
            expected.sort_unstable();
            assert_eq!(ended, expected, "each closed once, order {order}, {style:?}");
            rig.ok(Call::CloseAdapter { adapter: house.adapter });
            rig.assert_empty();
        }
    }
}

#[test]
fn the_device_ends_users_before_what_they_use() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    let (device_qp, device_cq) = (rig.device_qp(qp), rig.device_cq(cq));
    for object in [pd, cq] {
        assert_eq!(close(&mut rig, object), Status::PENDING);
    }
    rig.finish();
    assert!(!rig.destroyed(Resource::Cq(device_cq)));
    rig.close(qp);
    let log = &rig.engine().backend().log;
    let place = |resource: Resource| log.iter().position(|line| *line == format!("Destroy({resource:?})"));
    assert!(place(Resource::Qp(device_qp)) < place(Resource::Cq(device_cq)));
    assert!(place(Resource::Cq(device_cq)).is_some());
}

#[test]
fn a_request_completion_that_runs_holds_the_close() {
    for style in [Style::InsideCall, Style::Beside, Style::Pending] {
        let mut config = Config::default();
        config.styles.insert(CallKind::ResizeCq, style);
        let mut rig = Rig::new(config);
        let adapter = rig.open(NdkVersion::V1_2);
        let cq = rig.cq(adapter);
        assert_eq!(rig.status(Call::ResizeCq { cq, depth: 8, completion: done(5) }), Status::PENDING);
        rig.finish();
        let completion = rig.enter_one();
        assert_eq!(close(&mut rig, cq), Status::PENDING, "inside the callback of its own request");
        assert_eq!(rig.settle(), []);
        rig.leave(&completion);
        assert_eq!(closed(&rig.settle()), [cq.id]);
    }
}

#[test]
fn an_event_callback_that_runs_holds_the_close_and_is_the_last() {
    let mut rig = Rig::new(Config::default());
    let house = house(&mut rig);
    rig.arm(house.cq, CqNotify::ANY);
    let connection = rig.engine().objects.connector(house.active.id).connection().expect("connected");
    let notice = {
        rig.complete(house.cq, rig.completion(house.qp, 0, Status::SUCCESS));
        rig.enter_one()
    };
    rig.arm(house.cq, CqNotify::ANY);
    rig.raise(Event::Disconnected { connection, graceful: true });
    let gone = rig.enter_one();
    let wanted = offer(&mut rig, house.listener, 2);
    for connector in [offered(&wanted), house.passive] {
        rig.close(connector);
    }
    for (object, running) in [(house.cq, &notice), (house.active, &gone), (house.listener, &wanted)] {
        assert_eq!(close(&mut rig, object), Status::PENDING);
        assert_eq!(rig.settle(), [], "{object:?}: its callback runs");
        rig.leave(running);
        let ended = if object == house.cq { vec![] } else { vec![object.id] };
        assert_eq!(closed(&rig.settle()), ended, "the completion queue waits for its queue pair");
    }
    assert_eq!(close(&mut rig, house.qp), Status::PENDING);
    let seen = rig.settle();
    assert_eq!((closed(&seen), seen.len()), (vec![house.qp.id, house.cq.id], 2), "a closing queue notifies no more");
}

#[test]
fn closing_cancels_what_is_pending() {
    let mut rig = Rig::new(Config::default());
    let house = house(&mut rig);
    let accept_qp = rig.qp(house.pd, house.cq);
    let listening =
        rig.create(Call::CreateListener { adapter: house.adapter, connect_event: done(3), completion: done(1) });
    let completion = done(6);
    let another = rig.connector(house.adapter);
    let third = rig.qp(house.pd, house.cq);
    let calls = [
        (another, Rig::connect_call(another, third)),
        (
            house.passive,
            Call::Accept {
                connector: house.passive,
                params: Rig::params(accept_qp),
                disconnect_event: Rig::no_event(),
                completion,
            },
        ),
        (listening, Call::Listen { listener: listening, address: adapter_address(7000), completion }),
        (house.active, Call::Disconnect { connector: house.active, completion }),
    ];
    for (object, call) in calls {
        let kind = call.kind();
        assert_eq!(rig.status(call), Status::PENDING, "{kind:?}");
        assert_eq!(close(&mut rig, object), Status::PENDING);
        let mut statuses = Vec::new();
        let seen = rig.settle();
        for upcall in &seen {
            match upcall.body {
                UpcallBody::RequestCompletion { status, .. } => statuses.push(status),
                ref other => assert_eq!(*other, UpcallBody::CloseCompletion),
            }
        }
        assert_eq!(statuses, [Status::CANCELLED], "{kind:?}");
        assert_eq!(seen.last().map(|upcall| &upcall.body), Some(&UpcallBody::CloseCompletion), "the last of all");
    }
}

#[test]
fn a_registration_under_way_ends_before_its_region_does() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    let mr = rig.create(Call::CreateMr { pd, fast_register: false, completion: done(1) });
    let flags = MrFlags::ALLOW_LOCAL_WRITE;
    let register = Call::RegisterMr { mr, mdl: &mdl(), length_bytes: 8192, flags, completion: done(5) };
    assert_eq!(rig.status(register), Status::PENDING);
    assert_eq!(close(&mut rig, mr), Status::PENDING);
    let contexts: Vec<u64> = rig.settle().iter().map(|upcall| upcall.context).collect();
    assert_eq!(contexts, [5, mr.id]);
    assert!(rig.engine().backend().was_told("Destroy(Mr("), "what was registered on the way is deregistered");
}

#[test]
fn styles_of_a_close() {
    for style in [Style::Inline, Style::InsideCall, Style::Beside, Style::Pending] {
        let mut config = Config::default();
        config.close_styles.insert(ObjectKind::Pd, style);
        let mut rig = Rig::new(config);
        let adapter = rig.open(NdkVersion::V1_2);
        let pd = rig.pd(adapter);
        let status = close(&mut rig, pd);
        let due = rig.enter();
        match style {
            Style::Inline => assert_eq!((status, due.len()), (Status::SUCCESS, 0)),
            Style::InsideCall | Style::Beside => {
                assert_eq!((status, closed(&due)), (Status::PENDING, vec![pd.id]));
                assert_eq!(due[0].after.is_none(), style == Style::InsideCall);
            }
            Style::Pending => assert_eq!((status, due.len()), (Status::PENDING, 0), "the device takes its time"),
        }
        due.iter().for_each(|upcall| rig.leave(upcall));
        assert_eq!(closed(&rig.settle()).len(), usize::from(style == Style::Pending));
        rig.ok(Call::CloseAdapter { adapter });
    }
}

#[test]
fn an_adapter_closes_when_the_last_callback_has_returned() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    let Answer::Blocks(call) = rig.answer(Call::CloseAdapter { adapter }) else { panic!("a child lives") };
    assert_eq!(rig.settle(), []);
    assert_eq!(close(&mut rig, pd), Status::PENDING, "children of a closing adapter can be closed");
    rig.finish();
    let last = rig.enter_one();
    assert_eq!((closed(std::slice::from_ref(&last)), rig.settle().len()), (vec![pd.id], 0));
    assert_eq!(rig.engine().open_adapters(), 1);
    rig.leave(&last);
    let returns = rig.enter_one();
    assert!(matches!(returns.body, UpcallBody::CallReturns { call: returned, .. } if returned == call));
    rig.leave(&returns);
    rig.assert_empty();
}

#[test]
fn a_create_that_is_pending_holds_its_parent() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    assert_eq!(rig.status(Call::CreateMw { pd, completion: done(8) }), Status::PENDING);
    assert_eq!(close(&mut rig, pd), Status::PENDING);
    let seen = rig.settle();
    let [Upcall { body: UpcallBody::CreateCompletion { object: Some(mw), .. }, .. }] = seen.as_slice() else {
        panic!("only the window was made: {seen:?}");
    };
    assert_eq!(close(&mut rig, *mw), Status::PENDING);
    assert_eq!(closed(&rig.settle()), [mw.id, pd.id]);
}

#[test]
fn what_is_no_object_closes_without_more() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    rig.close(pd);
    assert_eq!(close(&mut rig, pd), Status::SUCCESS, "twice");
    assert_eq!(close(&mut rig, Object { id: 0, ..pd }), Status::SUCCESS);
    assert_eq!(close(&mut rig, Object { id: adapter.id, ..pd }), Status::SUCCESS, "another kind");
    assert_eq!(close(&mut rig, adapter), Status::INVALID_PARAMETER, "its table has no such function");
    assert_eq!(rig.status(Call::CloseAdapter { adapter: pd }), Status::INVALID_PARAMETER);
    let cq = rig.cq(adapter);
    let nobody = crate::ndk::Completion { callback: None, context: 0 };
    assert_eq!(rig.status(Call::Close { object: cq, completion: nobody }), Status::PENDING);
    assert_eq!(rig.settle(), []);
    rig.ok(Call::CloseAdapter { adapter });
    rig.assert_empty();
}

#[test]
fn a_lost_device_can_still_be_closed() {
    let mut rig = Rig::new(Config::default());
    let house = house(&mut rig);
    rig.arm(house.cq, CqNotify::ERRORS);
    assert_eq!(rig.status(Call::CreatePd { adapter: house.adapter, completion: done(5) }), Status::PENDING);
    rig.raise(Event::DeviceError);
    let mut told: Vec<String> = rig.settle().iter().map(|upcall| format!("{:?}", upcall.body)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "CqNotification { status: STATUS_INTERNAL_ERROR }",
            "CreateCompletion { status: STATUS_DEVICE_REMOVED, object: None }",
            "DisconnectEvent { reason: None }",
            "SrqNotification { status: STATUS_INTERNAL_ERROR }",
        ]
    );
    for object in house.all() {
        rig.close(object);
    }
    rig.ok(Call::CloseAdapter { adapter: house.adapter });
    rig.assert_empty();
}
