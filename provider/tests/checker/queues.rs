//! Providers that break one rule of queues each: posting, results, notifications.

use crate::broken_providers::{bind, fast, shared_qp_call};
use crate::tables::Row;
use crate::world::*;
use provider::ndk::{
    AdapterFlags, AdapterInfo, Answer, Call, CqNotify, MrFlags, NdkResultEx, Object, OpFlags, Out, Return, Status,
    UpcallBody,
};

pub(crate) fn send(w: &mut World, c: Connected, context: u64, flags: OpFlags) {
    w.call(Call::Send { qp: c.qp, context, sgl: &[c.sge()], flags });
}

pub(crate) fn receive(w: &mut World, c: Connected, context: u64) {
    w.call(Call::Receive { qp: c.qp, context, sgl: &[c.sge()] });
}

/// A set with an SRQ of threshold 2 (armed by modifying), and nothing queued.
fn shared(w: &mut World) -> (Object, Object) {
    let adapter = w.open();
    let (pd, cq) = (w.pd(adapter), w.cq(adapter));
    let srq = w.create(srq_call(pd, 8, 0));
    let qp = w.create(shared_qp_call(pd, cq, srq));
    let connector = w.connector(adapter);
    w.establish(connector, qp);
    (srq, cq)
}

fn low_water(w: &mut World, srq: Object) {
    w.run(srq, done(300), UpcallBody::SrqNotification { status: Status::SUCCESS });
}

pub(crate) const ROWS: &[Row] = &[
    ("a notification without an arm", 97, |w| {
        let c = w.connected();
        w.notified(c.cq);
    }),
    ("two notifications for two arms", 97, |w| {
        let c = w.connected();
        w.arm(c.cq, CqNotify::ANY);
        w.arm(c.cq, CqNotify::SOLICITED);
        let token = w.notified(c.cq);
        w.leave(token);
        w.notified(c.cq);
    }),
    ("a notification with another context", 97, |w| {
        let c = w.connected();
        w.arm(c.cq, CqNotify::ANY);
        w.run(c.cq, done(101), UpcallBody::CqNotification { status: Status::SUCCESS });
    }),
    ("successes that satisfy an arm for errors", 97, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify::ERRORS);
        w.sent(c.cq, 1, Status::SUCCESS);
        let token = w.notified(c.cq);
        w.leave(token);
        w.poll(c.cq);
    }),
    ("an entry before the arm, and no notification", 98, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.poll(c.cq);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.arm(c.cq, CqNotify::ANY);
        w.end();
    }),
    ("an entry during the callback, and no notification", 98, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify::ANY);
        let token = w.notified(c.cq);
        w.site.inside = Some(token);
        w.poll(c.cq);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.arm(c.cq, CqNotify::ANY);
        w.site.inside = None;
        w.leave(token);
        w.end();
    }),
    ("notifications that overlap", 99, |w| {
        let c = w.connected();
        w.arm(c.cq, CqNotify::ANY);
        w.site.inside = Some(w.notified(c.cq));
        w.arm(c.cq, CqNotify::ANY);
        w.notified(c.cq);
    }),
    ("a second arm that weakens the first", 100, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify::ANY);
        w.arm(c.cq, CqNotify::ERRORS);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.end();
    }),
    ("sends that satisfy SOLICITED", 101, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify::SOLICITED);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.notified(c.cq);
        w.poll(c.cq);
    }),
    ("a notification with a post's status", 103, |w| {
        let c = w.connected();
        w.arm(c.cq, CqNotify::ANY);
        w.run(c.cq, done(100), UpcallBody::CqNotification { status: Status::CANCELLED });
    }),
    ("a result from a dead CQ", 103, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.arm(c.cq, CqNotify::ANY);
        w.run(c.cq, done(100), UpcallBody::CqNotification { status: Status::INTERNAL_ERROR });
        w.sent(c.cq, 1, Status::CANCELLED);
        w.poll(c.cq);
    }),
    ("more results than asked for", 104, |w| {
        let c = w.connected();
        let answer = Answer::Returned(Return::with(Out::Count(2)));
        send(w, c, 0, OpFlags::empty());
        w.finish(c.cq, result(7, 0, Status::SUCCESS));
        w.answer(Call::GetCqResultsEx { cq: c.cq, results: &mut [NdkResultEx::EMPTY] }, answer);
    }),
    ("an entry that is not counted", 104, |w| {
        let c = w.connected();
        w.poll_with_stray(c.cq, 3);
    }),
    ("no count", 104, |w| {
        let c = w.connected();
        w.status(Call::GetCqResultsEx { cq: c.cq, results: &mut [NdkResultEx::EMPTY] }, Status::SUCCESS);
    }),
    ("another request context", 105, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.sent(c.cq, 2, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("another QP context", 105, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.finish(c.cq, result(8, 1, Status::SUCCESS));
        w.poll(c.cq);
    }),
    ("two results for one post", 106, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.sent(c.cq, 1, Status::SUCCESS);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("a result for a failed post", 106, |w| {
        let c = w.connected();
        let sgl = &[c.sge()];
        let call = Call::Send { qp: c.qp, context: 1, sgl, flags: OpFlags::empty() };
        w.status(call, Status::INSUFFICIENT_RESOURCES);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("a silent success with a result", 106, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::SILENT_SUCCESS);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("a post without a result", 106, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.end();
    }),
    ("results out of order", 107, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        send(w, c, 2, OpFlags::empty());
        w.sent(c.cq, 2, Status::SUCCESS);
        w.sent(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("a result of another type", 108, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.received(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("a success with an error code", 108, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.finish(c.cq, NdkResultEx { provider_error_code: 5, ..result(7, 1, Status::SUCCESS) });
        w.poll(c.cq);
    }),
    ("moderation that pends", 110, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.pend(Call::ControlCqInterruptModeration { cq, interval_us: 10, count: 4 });
    }),
    ("moderation refused although supported", 110, |w| {
        let adapter = w.open();
        w.query(adapter, AdapterInfo { flags: AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED, ..info() });
        let cq = w.cq(adapter);
        let call = Call::ControlCqInterruptModeration { cq, interval_us: 10, count: 4 };
        w.status(call, Status::NOT_SUPPORTED);
    }),
    ("a flush that forgets a receive", 112, |w| {
        let c = w.connected();
        receive(w, c, 1);
        w.call(Call::Flush { qp: c.qp });
        w.end();
    }),
    ("a flush that forgets a send", 112, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.call(Call::Flush { qp: c.qp });
        w.end();
    }),
    ("deferred requests left behind by a failure", 113, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER);
        let sgl = &[c.sge()];
        let call = Call::Send { qp: c.qp, context: 2, sgl, flags: OpFlags::empty() };
        w.status(call, Status::INSUFFICIENT_RESOURCES);
        w.end();
    }),
    ("deferred requests left behind by the last one", 114, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER);
        send(w, c, 2, OpFlags::SILENT_SUCCESS);
        w.end();
    }),
    ("a receive refused for want of a connection", 115, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        w.status(Call::Receive { qp, context: 1, sgl: &[] }, Status::CONNECTION_INVALID);
    }),
    ("inline bytes refused for too many entries", 116, |w| {
        let c = w.connected();
        let sge = provider::ndk::Sge { length_bytes: 4, ..c.sge() };
        let call = Call::Send { qp: c.qp, context: 1, sgl: &[sge; 4], flags: OpFlags::INLINE };
        w.status(call, Status::DATA_OVERRUN);
    }),
    ("a send that succeeds after Disconnect", 134, |w| {
        let c = w.connected();
        receive(w, c, 1);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.completed(c.connector, 6, Status::SUCCESS);
        w.poll(c.cq);
        w.received(c.cq, 1, Status::SUCCESS);
        w.poll(c.cq);
    }),
    ("a Disconnect that forgets a receive", 135, |w| {
        let c = w.connected();
        receive(w, c, 1);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.completed(c.connector, 6, Status::SUCCESS);
        w.end();
    }),
    ("low water without an arm", 141, |w| {
        let (srq, _) = shared(w);
        low_water(w, srq);
    }),
    ("low water twice", 141, |w| {
        let (srq, _) = shared(w);
        w.call(Call::ModifySrq { srq, depth: 0, notify_threshold: 2, completion: done(6) });
        low_water(w, srq);
        low_water(w, srq);
    }),
    ("low water, and no notification", 141, |w| {
        let (srq, cq) = shared(w);
        for context in [1, 2] {
            w.call(Call::SrqReceive { srq, context, sgl: &[] });
        }
        w.call(Call::ModifySrq { srq, depth: 0, notify_threshold: 2, completion: done(6) });
        w.received(cq, 1, Status::SUCCESS);
        w.poll(cq);
        w.end();
    }),
    ("an SRQ notification with a CQ's status", 142, |w| {
        let (srq, _) = shared(w);
        w.run(srq, done(300), UpcallBody::SrqNotification { status: Status::BUFFER_OVERFLOW });
    }),
    ("an SRQ notification after the close", 143, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let srq = w.create(srq_call(pd, 8, 4));
        w.close(srq);
        low_water(w, srq);
    }),
    ("rights that a region does not have", 118, |w| {
        let c = w.connected();
        let mr = w.mr(c.pd, MrFlags::ALLOW_REMOTE_READ);
        let mw = w.create(Call::CreateMw { pd: c.pd, completion: done(1) });
        w.call(bind(Connected { mr, ..c }, mw, OpFlags::ALLOW_REMOTE_WRITE));
    }),
    ("remote rights that were not initialised", 118, |w| {
        let c = w.connected();
        let mr = w.create(Call::CreateMr { pd: c.pd, fast_register: true, completion: done(1) });
        w.call(fast(mr, 4, false));
        w.call(fast_register(c, mr, OpFlags::ALLOW_REMOTE_READ));
    }),
    ("a send before any connection", 115, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        w.call(Call::Send { qp, context: 1, sgl: &[], flags: OpFlags::empty() });
    }),
];

pub(crate) fn fast_register(c: Connected, mr: Object, flags: OpFlags) -> Call<'static> {
    Call::FastRegister {
        qp: c.qp,
        context: 6,
        mr,
        adapter_pages: &[0x4000, 0x9000],
        first_byte_offset: 0,
        length_bytes: 8192,
        base_virtual_address: 0x10_0000,
        flags,
    }
}
