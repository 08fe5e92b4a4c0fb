//! What a provider may do where a hasty checker would see a breach: the facts leave open what happened.

use crate::broken_providers::bind;
use crate::queues::{receive, send};
use crate::world::*;
use provider::ndk::{Call, CqNotify, MrFlags, NdkResultEx, Object, OpFlags, OperationType, Status, UpcallBody};

fn found(run: impl FnOnce(&mut World)) -> Vec<String> {
    let mut world = World::new();
    run(&mut world);
    world.findings().iter().map(ToString::to_string).collect()
}

fn window(w: &mut World, c: Connected) -> Object {
    w.create(Call::CreateMw { pd: c.pd, completion: done(1) })
}

fn of_type(operation: OperationType, context: u64) -> NdkResultEx {
    NdkResultEx { operation, ..result(7, context, Status::SUCCESS) }
}

/// The bind's result is taken, the invalidation's never: its queue pair is being closed.
#[test]
fn a_window_whose_invalidation_was_posted_may_hold_its_region_no_more() {
    for closing in [false, true] {
        let findings = found(|w| {
            let c = w.connected();
            let mw = window(w, c);
            w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ));
            w.call(Call::Invalidate { qp: c.qp, context: 6, target: mw, flags: OpFlags::empty() });
            if closing {
                w.pend(close(c.qp));
            }
            w.finish(c.cq, of_type(OperationType::Bind, 5));
            w.poll(c.cq);
            w.close(c.mr);
        });
        assert!(findings.is_empty(), "closing {closing}: {}", findings.join("\n"));
    }
}

/// The same if a close of the window is what still runs.
#[test]
fn an_invalidated_window_that_is_being_closed_holds_nobody() {
    let findings = found(|w| {
        let c = w.connected();
        let mw = window(w, c);
        w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ));
        w.call(Call::Invalidate { qp: c.qp, context: 6, target: mw, flags: OpFlags::empty() });
        w.finish(c.cq, of_type(OperationType::Bind, 5));
        w.poll(c.cq);
        w.pend(close(mw));
        let token = w.upcall(mw, done(99), UpcallBody::CloseCompletion);
        w.close(c.mr);
        w.leave(token);
    });
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The same if it was bound to another region meanwhile.
#[test]
fn a_window_that_was_bound_elsewhere_may_hold_its_first_region_no_more() {
    let findings = found(|w| {
        let c = w.connected();
        let (mw, other) = (window(w, c), w.mr(c.pd, MrFlags::ALLOW_LOCAL_WRITE));
        w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ));
        w.call(bind(Connected { mr: other, ..c }, mw, OpFlags::ALLOW_REMOTE_READ));
        w.finish(c.cq, of_type(OperationType::Bind, 5));
        w.poll(c.cq);
        w.close(c.mr);
    });
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// But a window that nothing invalidates does: an invalidation from before the bind says nothing of it.
#[test]
fn a_window_bound_after_its_invalidation_holds_its_region() {
    let findings = found(|w| {
        let c = w.connected();
        let mw = window(w, c);
        w.call(Call::Invalidate { qp: c.qp, context: 6, target: mw, flags: OpFlags::empty() });
        w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ));
        w.finish(c.cq, of_type(OperationType::Invalidate, 6));
        w.finish(c.cq, of_type(OperationType::Bind, 5));
        w.poll(c.cq);
        w.close(c.mr);
    });
    assert!(findings.len() == 1 && findings[0].starts_with("finding[R89]"), "{}", findings.join("\n"));
}

/// A queue pair that is closed takes its cancelled requests along, and one of them satisfied the arm.
#[test]
fn errors_of_a_closing_queue_pair_satisfy_an_arm_although_nobody_takes_them() {
    for notify in [CqNotify::ERRORS, CqNotify::SOLICITED] {
        let findings = found(|w| {
            let c = w.connected();
            send(w, c, 1, OpFlags::empty());
            receive(w, c, 2);
            w.arm(c.cq, notify);
            w.close(c.connector);
            w.pend(close(c.qp));
            let token = w.notified(c.cq);
            w.run(c.qp, done(99), UpcallBody::CloseCompletion);
            w.sent(c.cq, 1, Status::SUCCESS);
            w.poll(c.cq);
            w.leave(token);
        });
        assert!(findings.is_empty(), "{notify:?}: {}", findings.join("\n"));
    }
}

/// The same where the arm is made while the close is under way, and where the callback comes after its end.
#[test]
fn an_arm_made_during_the_close_is_satisfied_by_them_as_well() {
    let findings = found(|w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        receive(w, c, 2);
        w.close(c.connector);
        w.pend(close(c.qp));
        w.arm(c.cq, CqNotify::ERRORS);
        w.run(c.qp, done(99), UpcallBody::CloseCompletion);
        let token = w.notified(c.cq);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
        w.leave(token);
    });
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Entries of the first arm are taken after the second one was made; only they satisfied the first.
#[test]
fn a_callback_is_judged_by_no_results_that_a_later_arm_is_for() {
    let findings = found(|w| {
        let c = w.connected();
        (1..=3).for_each(|context| send(w, c, context, OpFlags::empty()));
        w.arm(c.cq, CqNotify::ERRORS);
        w.sent(c.cq, 1, Status::IO_TIMEOUT);
        let token = w.notified(c.cq);
        w.leave(token);
        w.call(Call::GetCqResultsEx { cq: c.cq, results: &mut [NdkResultEx::EMPTY; 1] });
        w.arm(c.cq, CqNotify::ERRORS);
        w.sent(c.cq, 2, Status::SUCCESS);
        w.poll(c.cq);
    });
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// A second Disconnect is refused while the first pends: the first one's flush is not over.
#[test]
fn a_refused_second_disconnect_is_not_the_end_of_the_first() {
    let findings = found(|w| {
        let c = w.connected();
        receive(w, c, 1);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.status(Call::Disconnect { connector: c.connector, completion: done(7) }, Status::INVALID_DEVICE_STATE);
        w.poll(c.cq);
        w.received(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
        w.completed(c.connector, 6, Status::SUCCESS);
    });
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// A Disconnect that the connector's close cancels has not waited for anything either.
#[test]
fn a_cancelled_disconnect_ends_no_request() {
    let findings = found(|w| {
        let c = w.connected();
        receive(w, c, 1);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.pend(close(c.connector));
        w.completed(c.connector, 6, Status::CANCELLED);
        w.poll(c.cq);
        w.received(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
        w.run(c.connector, done(99), UpcallBody::CloseCompletion);
    });
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The first one, completed, does: what succeeds later breaks the rule.
#[test]
fn the_first_disconnect_still_ends_the_connection() {
    let findings = found(|w| {
        let c = w.connected();
        receive(w, c, 1);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.completed(c.connector, 6, Status::SUCCESS);
        w.poll(c.cq);
        w.received(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    });
    assert!(findings.len() == 1 && findings[0].starts_with("finding[R134]"), "{}", findings.join("\n"));
}

/// The connector of a failed connect may hold its queue pair until it is closed: whose close then cannot end.
#[test]
fn a_queue_pair_waits_for_the_connector_that_it_was_given_to() {
    let findings = found(|w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let (qp, connector) = (w.qp(pd, cq, cq), w.connector(adapter));
        w.pend(connect(connector, qp));
        w.completed(connector, 3, Status::CONNECTION_REFUSED);
        w.pend(close(qp));
        w.end();
    });
    let provider = findings.iter().filter(|finding| finding.contains("the provider's side")).count();
    assert_eq!(provider, 0, "{}", findings.join("\n"));
}
