//! Runs that are legal, freedoms of the contract among them: nothing is found.

use crate::broken_providers::{bind, shared_qp_call};
use crate::queues::{receive, send};
use crate::world::*;
use provider::ndk::{
    BlockedCall, Call, CallKind, CqNotify, NdkResult, NdkResultEx, ObjectKind, OpFlags, OperationType, Out, Return,
    Status, UpcallBody,
};

type Run = (&'static str, fn(&mut World));

/// Closes everything in the robust order, all inline.
fn close_all(w: &mut World, c: Connected) {
    for object in [c.connector, c.qp, c.cq, c.mr, c.pd] {
        w.close(object);
    }
    w.status(Call::CloseAdapter { adapter: c.adapter }, Status::SUCCESS);
    w.end();
}

const RUNS: &[Run] = &[
    ("a life", |w| {
        let c = w.connected();
        w.query(c.adapter, info());
        receive(w, c, 1);
        send(w, c, 2, OpFlags::DEFER);
        send(w, c, 3, OpFlags::SILENT_SUCCESS);
        send(w, c, 4, OpFlags::empty());
        w.arm(c.cq, CqNotify::ANY);
        w.sent(c.cq, 2, Status::SUCCESS);
        let token = w.notified(c.cq);
        w.site.inside = Some(token);
        w.poll(c.cq);
        w.sent(c.cq, 4, Status::SUCCESS);
        w.arm(c.cq, CqNotify::ANY);
        w.site.inside = None;
        w.leave(token);
        let token = w.notified(c.cq);
        w.poll(c.cq);
        w.leave(token);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.completed(c.connector, 6, Status::SUCCESS);
        w.received(c.cq, 1, Status::CANCELLED);
        w.poll(c.cq);
        close_all(w, c);
    }),
    ("closing from the root, all pending, ends from the leaves", |w| {
        let c = w.connected();
        for object in [c.pd, c.cq, c.qp, c.mr, c.connector] {
            w.pend(close(object));
        }
        w.answer(Call::CloseAdapter { adapter: c.adapter }, blocks(1));
        for object in [c.connector, c.qp, c.mr, c.cq, c.pd] {
            w.run(object, done(99), UpcallBody::CloseCompletion);
        }
        let body = UpcallBody::CallReturns { call: BlockedCall(1), returned: Return::status(Status::SUCCESS) };
        w.run(c.adapter, done(0), body);
        w.end();
    }),
    ("a create completed inside the call, used and closed before the return", |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        let pd = w.object(ObjectKind::Pd);
        let body = UpcallBody::CreateCompletion { status: Status::SUCCESS, object: Some(pd) };
        let token = w.upcall_inside(adapter, done(1), body);
        w.site.inside = Some(token);
        w.out(Call::GetPrivilegedToken { pd }, Out::Token(7));
        w.close(pd);
        w.site.inside = None;
        w.leave(token);
        w.status(Call::CloseAdapter { adapter }, Status::SUCCESS);
        w.end();
    }),
    ("a connect that fails inside the call, its connector closed there", |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.connector(adapter);
        w.pend(connect(connector, qp));
        let body = UpcallBody::RequestCompletion { status: Status::CONNECTION_REFUSED, out: Out::Untouched };
        let token = w.upcall_inside(connector, done(3), body);
        w.site.inside = Some(token);
        w.pend(close(connector));
        w.site.inside = None;
        w.leave(token);
        w.run(connector, done(99), UpcallBody::CloseCompletion);
        for object in [qp, cq, pd] {
            w.close(object);
        }
        w.status(Call::CloseAdapter { adapter }, Status::SUCCESS);
        w.end();
    }),
    ("pending creates that fail, and one completion for each of two with one context", |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        for _ in 0..2 {
            let body = UpcallBody::CreateCompletion { status: Status::INSUFFICIENT_RESOURCES, object: None };
            w.run(adapter, done(1), body);
        }
        w.status(Call::CloseAdapter { adapter }, Status::SUCCESS);
        w.end();
    }),
    ("a close cancels what pends", |w| {
        let adapter = w.open();
        let listener = w.create(Call::CreateListener { adapter, connect_event: done(200), completion: done(1) });
        w.pend(Call::Listen { listener, address: address(1), completion: done(5) });
        w.pend(close(listener));
        w.completed(listener, 5, Status::CANCELLED);
        w.run(listener, done(99), UpcallBody::CloseCompletion);
        w.status(Call::CloseAdapter { adapter }, Status::SUCCESS);
        w.end();
    }),
    ("arms that merge, and one callback", |w| {
        let c = w.connected();
        receive(w, c, 1);
        w.arm(c.cq, CqNotify::ERRORS);
        w.arm(c.cq, CqNotify::SOLICITED);
        w.received(c.cq, 1, Status::SUCCESS);
        let token = w.notified(c.cq);
        w.poll(c.cq);
        w.leave(token);
        close_all(w, c);
    }),
    ("entries that were there at the last callback need no second one", |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify::ANY);
        w.sent(c.cq, 1, Status::SUCCESS);
        let token = w.notified(c.cq);
        w.leave(token);
        w.arm(c.cq, CqNotify::ANY);
        w.poll(c.cq);
        close_all(w, c);
    }),
    ("a callback for nothing", |w| {
        let c = w.connected();
        w.arm(c.cq, CqNotify::SOLICITED);
        let token = w.notified(c.cq);
        w.poll(c.cq);
        w.leave(token);
        close_all(w, c);
    }),
    ("an error satisfies an arm for errors", |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::SILENT_SUCCESS);
        w.arm(c.cq, CqNotify::ERRORS);
        w.sent(c.cq, 1, Status::ACCESS_VIOLATION);
        let token = w.notified(c.cq);
        w.poll(c.cq);
        w.leave(token);
        close_all(w, c);
    }),
    ("results in either order of two queues, and equal contexts", |w| {
        let c = w.connected();
        receive(w, c, 0);
        send(w, c, 0, OpFlags::empty());
        receive(w, c, 0);
        send(w, c, 0, OpFlags::empty());
        w.received(c.cq, 0, Status::SUCCESS);
        w.sent(c.cq, 0, Status::SUCCESS);
        w.poll(c.cq);
        w.sent(c.cq, 0, Status::SUCCESS);
        w.received(c.cq, 0, Status::SUCCESS);
        w.poll(c.cq);
        close_all(w, c);
    }),
    ("a QP closed with work outstanding yields no more results", |w| {
        let c = w.connected();
        receive(w, c, 1);
        send(w, c, 2, OpFlags::empty());
        w.close(c.connector);
        w.close(c.qp);
        w.poll(c.cq);
        for object in [c.cq, c.mr, c.pd] {
            w.close(object);
        }
        w.status(Call::CloseAdapter { adapter: c.adapter }, Status::SUCCESS);
        w.end();
    }),
    ("or yields them after the close", |w| {
        let c = w.connected();
        receive(w, c, 1);
        w.close(c.connector);
        w.close(c.qp);
        w.received(c.cq, 1, Status::CANCELLED);
        w.poll(c.cq);
        for object in [c.cq, c.mr, c.pd] {
            w.close(object);
        }
        w.status(Call::CloseAdapter { adapter: c.adapter }, Status::SUCCESS);
        w.end();
    }),
    ("a disconnect event after the own Disconnect", |w| {
        let c = w.connected();
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.run(c.connector, event_completion(), UpcallBody::DisconnectEvent { reason: None });
        w.completed(c.connector, 6, Status::IO_TIMEOUT);
        close_all(w, c);
    }),
    ("flushed requests, cancelled or done", |w| {
        let c = w.connected();
        receive(w, c, 1);
        send(w, c, 2, OpFlags::DEFER);
        w.call(Call::Flush { qp: c.qp });
        w.sent(c.cq, 2, Status::SUCCESS);
        w.received(c.cq, 1, Status::CANCELLED);
        w.poll(c.cq);
        close_all(w, c);
    }),
    ("a failed post sends the chain on its way", |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER);
        let call = Call::Send { qp: c.qp, context: 2, sgl: &[], flags: OpFlags::empty() };
        w.status(call, Status::NO_MORE_ENTRIES);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
        close_all(w, c);
    }),
    ("a window that the peer invalidated holds no region", |w| {
        let c = w.connected();
        let mw = w.create(Call::CreateMw { pd: c.pd, completion: done(1) });
        w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ | OpFlags::SILENT_SUCCESS));
        receive(w, c, 6);
        w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ));
        w.finish(c.cq, NdkResultEx { operation: OperationType::Bind, ..result(7, 5, Status::SUCCESS) });
        let operation = OperationType::ReceiveAndInvalidate;
        w.finish(c.cq, NdkResultEx { operation, ..result(7, 6, Status::SUCCESS) });
        w.poll(c.cq);
        w.close(c.mr);
        for object in [mw, c.connector, c.qp, c.cq, c.pd] {
            w.close(object);
        }
        w.status(Call::CloseAdapter { adapter: c.adapter }, Status::SUCCESS);
        w.end();
    }),
    ("low water before the change that asked for it completes, and receives of a closed QP", |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let srq = w.create(srq_call(pd, 8, 0));
        let qp = w.create(shared_qp_call(pd, cq, srq));
        w.call(Call::SrqReceive { srq, context: 1, sgl: &[] });
        w.pend(Call::ModifySrq { srq, depth: 0, notify_threshold: 2, completion: done(6) });
        w.run(srq, done(300), UpcallBody::SrqNotification { status: Status::SUCCESS });
        w.completed(srq, 6, Status::SUCCESS);
        w.close(qp);
        w.received(cq, 1, Status::CANCELLED);
        w.poll(cq);
        for object in [srq, cq, pd] {
            w.close(object);
        }
        w.status(Call::CloseAdapter { adapter }, Status::SUCCESS);
        w.end();
    }),
    ("equal contexts in both queues, and plain results", |w| {
        let c = w.connected();
        for _ in 0..3 {
            for _ in 0..4 {
                receive(w, c, 0);
                send(w, c, 0, OpFlags::empty());
            }
            (0..4).for_each(|_| w.received(c.cq, 0, Status::SUCCESS));
            w.call(Call::GetCqResults { cq: c.cq, results: &mut [NdkResult::EMPTY; 5] });
            (0..4).for_each(|_| w.sent(c.cq, 0, Status::SUCCESS));
            w.call(Call::GetCqResults { cq: c.cq, results: &mut [NdkResult::EMPTY; 5] });
        }
        receive(w, c, 0);
        close_all(w, c);
    }),
    ("equal contexts, silent or not", |w| {
        let c = w.connected();
        for flags in [OpFlags::SILENT_SUCCESS, OpFlags::empty(), OpFlags::SILENT_SUCCESS, OpFlags::empty()] {
            send(w, c, 0, flags);
        }
        w.sent(c.cq, 0, Status::SUCCESS);
        w.poll(c.cq);
        w.sent(c.cq, 0, Status::IO_TIMEOUT);
        w.poll(c.cq);
        w.call(Call::Flush { qp: c.qp });
        w.poll(c.cq);
        close_all(w, c);
    }),
    ("an arm of a type that no page lists", |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify(77));
        w.sent(c.cq, 1, Status::SUCCESS);
        let token = w.notified(c.cq);
        w.poll(c.cq);
        w.leave(token);
        close_all(w, c);
    }),
    ("an offered connector that is rejected and closed", |w| {
        let c = w.connected();
        let listener = w.listener(c.adapter);
        let connector = w.offer(listener);
        w.status(Call::Reject { connector, private_data: &[] }, Status::SUCCESS);
        w.pend(close(listener));
        w.close(connector);
        w.run(listener, done(99), UpcallBody::CloseCompletion);
        close_all(w, c);
    }),
];

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    for (name, run) in RUNS {
        let mut world = World::new();
        run(&mut world);
        let findings: Vec<String> = world.findings().iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{name}: {}", findings.join("\n"));
    }
}

/// The checker must not change what passes through it.
#[test]
fn calls_are_answered_as_below() {
    let mut world = World::new();
    let adapter = world.open();
    let answer = world.answer(cq_call(adapter, 8), blocks(3));
    assert_eq!(answer, blocks(3), "{:?}", CallKind::CreateCq);
}

/// A provider may answer a mistaken call as it likes: the mistake is reported, the answer is not.
#[test]
fn the_answer_to_a_mistake_is_not_judged() {
    let mut world = World::new();
    let w = &mut world;
    let c = w.connected();
    w.status(close(c.adapter), Status::INVALID_DEVICE_REQUEST);
    w.status(qp_call(c.pd, c.cq, c.pd), Status::HOST_UNREACHABLE);
    w.status(complete_connect(c.connector), Status::TIMEOUT);
    let rules: Vec<u8> = world.findings().iter().map(|finding| finding.rule.0).collect();
    assert_eq!(rules, [2, 2, 53]);
}
