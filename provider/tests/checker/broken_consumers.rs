//! Consumers that break one rule each.

use crate::broken_providers::{bind, data, fast, lam_call, shared_qp_call};
use crate::queues::{fast_register, receive, send};
use crate::tables::Row;
use crate::world::*;
use des::Dur;
use provider::ndk::{
    AdapterFlags, AdapterInfo, Call, CallKind, Completion, CqNotify, DisconnectEvent, Irql, LogicalAddressMapping,
    MrFlags, NdkResult, NdkResultEx, NdkVersion, Object, ObjectKind, OpFlags, Out, Sge, Status, UpcallBody,
};

const NULL: Completion = Completion { callback: None, context: 0 };

fn mapping() -> LogicalAddressMapping {
    LogicalAddressMapping { adapter_context: 1, adapter_pages: vec![0x4000, 0x9000], first_byte_offset: 0 }
}

/// A region for fast registration of four pages.
fn fast_mr(w: &mut World, pd: Object, remote: bool) -> Object {
    let mr = w.create(Call::CreateMr { pd, fast_register: true, completion: done(1) });
    w.call(fast(mr, 4, remote));
    w.out(Call::GetLocalTokenFromMr { mr }, Out::Token(token_of(mr)));
    mr
}

/// A call on `object` runs a callback of the provider inside, which has not returned; the consumer is elsewhere now.
fn while_executing(w: &mut World, call: Call<'_>, object: Object) {
    let kind = call.kind();
    w.call(call);
    let (given, body) = match kind {
        CallKind::ArmCq => (done(100), UpcallBody::CqNotification { status: Status::SUCCESS }),
        _ => (event_completion(), UpcallBody::DisconnectEvent { reason: None }),
    };
    w.upcall_inside(object, given, body);
    w.site.processor = 2;
}

pub(crate) const ROWS: &[Row] = &[
    ("used after it was closed", 1, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.close(pd);
        w.call(Call::GetPrivilegedToken { pd });
    }),
    ("used while it is being closed", 1, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.pend(close(cq));
        w.arm(cq, CqNotify::ANY);
        w.run(cq, done(99), UpcallBody::CloseCompletion);
    }),
    ("a closed CQ for a new QP", 1, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        w.close(cq);
        w.status(qp_call(pd, cq, cq), Status::INVALID_PARAMETER);
    }),
    ("a pointer from nowhere", 1, |w| {
        let pd = w.object(ObjectKind::Pd);
        w.status(Call::GetPrivilegedToken { pd }, Status::SUCCESS);
    }),
    ("a PD for a CQ", 2, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        w.status(qp_call(pd, cq, pd), Status::INVALID_PARAMETER);
    }),
    ("another type's function", 2, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.call(Call::Flush { qp: cq });
    }),
    ("objects of two adapters", 2, |w| {
        let (first, second) = (w.open(), w.open());
        let (pd, cq) = (w.pd(first), w.cq(second));
        w.status(qp_call(pd, cq, cq), Status::INVALID_PARAMETER);
    }),
    ("no close completion", 3, |w| {
        let adapter = w.open();
        let object = w.pd(adapter);
        w.call(Call::Close { object, completion: NULL });
    }),
    ("no create completion", 3, |w| {
        let adapter = w.open();
        w.create(Call::CreatePd { adapter, completion: NULL });
    }),
    ("no notification callback", 3, |w| {
        let adapter = w.open();
        w.create(Call::CreateCq { adapter, depth: 8, notification: NULL, affinity: None, completion: done(1) });
    }),
    ("no connect event", 3, |w| {
        let adapter = w.open();
        w.create(Call::CreateListener { adapter, connect_event: NULL, completion: done(1) });
    }),
    ("limits asked for at DISPATCH", 4, |w| {
        let adapter = w.open();
        w.site.level = Irql::Dispatch;
        w.query(adapter, info());
    }),
    ("the token of a registration that pends", 8, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let mr = w.create(Call::CreateMr { pd, fast_register: false, completion: done(1) });
        let flags = MrFlags::empty();
        w.pend(Call::RegisterMr { mr, mdl: &mdl(), length_bytes: 8192, flags, completion: done(2) });
        w.out(Call::GetLocalTokenFromMr { mr }, Out::Token(1));
    }),
    ("closed while a call executes on it", 9, |w| {
        let c = w.connected();
        while_executing(w, Call::Disconnect { connector: c.connector, completion: done(6) }, c.connector);
        w.pend(close(c.connector));
    }),
    ("closed twice", 10, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.close(pd);
        w.close(pd);
    }),
    ("closed while it is being closed", 10, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.pend(close(pd));
        w.pend(close(pd));
        w.run(pd, done(99), UpcallBody::CloseCompletion);
    }),
    ("the adapter closed in a callback", 11, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.arm(cq, CqNotify::ANY);
        let token = w.notified(cq);
        w.pend(close(cq));
        w.site.inside = Some(token);
        w.answer(Call::CloseAdapter { adapter }, blocks(1));
    }),
    ("the adapter closed with a CQ open", 12, |w| {
        let adapter = w.open();
        w.cq(adapter);
        w.answer(Call::CloseAdapter { adapter }, blocks(1));
    }),
    ("a run that ends with a CQ open", 12, |w| {
        let adapter = w.open();
        w.cq(adapter);
        w.end();
    }),
    ("the adapter closed with a mapping", 13, |w| {
        let adapter = w.open();
        w.out(lam_call(adapter), Out::Lam(mapping()));
        w.status(Call::CloseAdapter { adapter }, Status::SUCCESS);
    }),
    ("a header that was written to", 14, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.call(Call::GetPrivilegedToken { pd: Object { version: NdkVersion::V2_1, ..pd } });
    }),
    ("deferral on version 1.1", 15, |w| {
        w.version = NdkVersion::V1_1;
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER);
        send(w, c, 2, OpFlags::empty());
    }),
    ("extended results on version 1.1", 15, |w| {
        w.version = NdkVersion::V1_1;
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.call(Call::GetCqResultsEx { cq, results: &mut [] });
    }),
    ("an extended event on version 1.2", 15, |w| {
        let adapter = w.open();
        let (pd, cq, listener) = (w.pd(adapter), w.cq(adapter), w.listener(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.offer(listener);
        let disconnect_event = DisconnectEvent { extended: true, ..event() };
        w.pend(Call::Accept { connector, params: params(qp), disconnect_event, completion: done(4) });
    }),
    ("a callback that never returns", 17, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.arm(cq, CqNotify::ANY);
        w.notified(cq);
        w.end();
    }),
    ("a CQ that is too deep", 18, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        w.status(cq_call(adapter, 257), Status::INVALID_PARAMETER);
    }),
    ("a QP that is too deep", 19, |w| {
        let adapter = w.open();
        w.query(adapter, AdapterInfo { max_receive_queue_depth: 3, ..info() });
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        w.status(qp_call(pd, cq, cq), Status::INVALID_PARAMETER);
    }),
    ("an SRQ that is too deep", 20, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        let pd = w.pd(adapter);
        w.status(srq_call(pd, 65, 0), Status::INVALID_PARAMETER);
    }),
    ("an SRQ where there is none", 21, |w| {
        let adapter = w.open();
        w.query(adapter, AdapterInfo { max_srq_depth: 0, ..info() });
        let pd = w.pd(adapter);
        w.status(srq_call(pd, 1, 0), Status::INVALID_PARAMETER);
    }),
    ("a resize where there is none", 22, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        let cq = w.cq(adapter);
        w.status(Call::ResizeCq { cq, depth: 128, completion: done(2) }, Status::NOT_SUPPORTED);
    }),
    ("moderation where there is none", 23, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        let cq = w.cq(adapter);
        w.status(Call::ControlCqInterruptModeration { cq, interval_us: 1, count: 1 }, Status::NOT_SUPPORTED);
    }),
    ("moderation without a bound", 23, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        let call = Call::ControlCqInterruptModeration { cq, interval_us: u32::MAX, count: u32::MAX };
        w.status(call, Status::INVALID_PARAMETER_MIX);
    }),
    ("too much private data", 24, |w| {
        let adapter = w.open();
        w.query(adapter, AdapterInfo { max_caller_data_bytes: 4, ..info() });
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.connector(adapter);
        w.status(connect(connector, qp), Status::INVALID_BUFFER_SIZE);
    }),
    ("a CQ that is too small for its queues", 25, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let cq = w.create(cq_call(adapter, 7));
        w.qp(pd, cq, cq);
    }),
    ("a CQ overrun", 25, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let cq = w.create(cq_call(adapter, 7));
        w.qp(pd, cq, cq);
        w.arm(cq, CqNotify::ERRORS);
        w.run(cq, done(100), UpcallBody::CqNotification { status: Status::BUFFER_OVERFLOW });
    }),
    ("connection data after CompleteConnect", 27, |w| {
        let c = w.connected();
        w.out(Call::GetConnectionData { connector: c.connector, buffer_bytes: None }, data(1, 0, 56));
    }),
    ("a registration beyond its buffer", 28, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let mr = w.create(Call::CreateMr { pd, fast_register: false, completion: done(1) });
        let call =
            Call::RegisterMr { mr, mdl: &mdl(), length_bytes: 8193, flags: MrFlags::empty(), completion: done(2) };
        w.status(call, Status::INVALID_PARAMETER);
    }),
    ("a mapping released under a send", 30, |w| {
        let c = w.connected();
        w.out(lam_call(c.adapter), Out::Lam(mapping()));
        w.out(Call::GetPrivilegedToken { pd: c.pd }, Out::Token(77));
        let sge = Sge { address: 0x9008, length_bytes: 8, token: 77 };
        w.call(Call::Send { qp: c.qp, context: 1, sgl: &[sge], flags: OpFlags::empty() });
        w.call(Call::ReleaseLam { adapter: c.adapter, lam: &mapping() });
    }),
    ("a mapping that was changed", 31, |w| {
        let adapter = w.open();
        w.out(lam_call(adapter), Out::Lam(mapping()));
        let lam = LogicalAddressMapping { adapter_context: 2, ..mapping() };
        w.call(Call::ReleaseLam { adapter, lam: &lam });
    }),
    ("a mapping released twice", 31, |w| {
        let adapter = w.open();
        w.out(lam_call(adapter), Out::Lam(mapping()));
        w.call(Call::ReleaseLam { adapter, lam: &mapping() });
        w.call(Call::ReleaseLam { adapter, lam: &mapping() });
    }),
    ("two posts at once", 32, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.upcall_inside(c.connector, event_completion(), UpcallBody::DisconnectEvent { reason: None });
        w.site.processor = 2;
        send(w, c, 2, OpFlags::empty());
    }),
    ("a poll and an arm at once", 33, |w| {
        let c = w.connected();
        w.arm(c.cq, CqNotify::ERRORS);
        while_executing(w, Call::ArmCq { cq: c.cq, notify: CqNotify::ANY }, c.cq);
        w.poll(c.cq);
    }),
    ("more receives than the queue holds", 34, |w| {
        let c = w.connected();
        (1..=4).for_each(|context| receive(w, c, context));
        let call = Call::Receive { qp: c.qp, context: 5, sgl: &[] };
        w.status(call, Status::NO_MORE_ENTRIES);
    }),
    ("too many entries", 35, |w| {
        let c = w.connected();
        let call = Call::Send { qp: c.qp, context: 1, sgl: &[c.sge(); 3], flags: OpFlags::empty() };
        w.status(call, Status::DATA_OVERRUN);
    }),
    ("too many entries for a read", 35, |w| {
        let c = w.connected();
        w.query(c.adapter, info());
        let sgl = &[c.sge(); 2];
        let flags = OpFlags::empty();
        w.call(Call::Read { qp: c.qp, context: 1, sgl, remote_address: 0, remote_token: 0, flags });
    }),
    ("too many inline bytes", 36, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::INLINE);
    }),
    ("a receive flag on a read", 37, |w| {
        let c = w.connected();
        let flags = OpFlags::SEND_AND_SOLICIT_EVENT;
        w.call(Call::Read { qp: c.qp, context: 1, sgl: &[], remote_address: 0, remote_token: 0, flags });
    }),
    ("half of a registration flag", 37, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.mr(pd, MrFlags::from_bits_retain(4));
    }),
    ("a send without a connection", 38, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        let call = Call::Send { qp, context: 1, sgl: &[], flags: OpFlags::empty() };
        w.status(call, Status::CONNECTION_INVALID);
    }),
    ("an entry beyond its region", 39, |w| {
        let c = w.connected();
        let sge = Sge { length_bytes: 8193, ..c.sge() };
        w.call(Call::Send { qp: c.qp, context: 1, sgl: &[sge], flags: OpFlags::empty() });
    }),
    ("a token from nowhere", 39, |w| {
        let c = w.connected();
        let sge = Sge { token: 4711, ..c.sge() };
        w.call(Call::Send { qp: c.qp, context: 1, sgl: &[sge], flags: OpFlags::empty() });
    }),
    ("a receive into what may only be read", 39, |w| {
        let c = w.connected();
        let mr = w.mr(c.pd, MrFlags::empty());
        receive(w, Connected { mr, ..c }, 1);
    }),
    ("a region of another PD", 39, |w| {
        let c = w.connected();
        let pd = w.pd(c.adapter);
        let mr = w.mr(pd, MrFlags::ALLOW_LOCAL_WRITE);
        receive(w, Connected { mr, ..c }, 1);
    }),
    ("a region that was deregistered", 39, |w| {
        let c = w.connected();
        w.call(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        receive(w, c, 1);
    }),
    ("a logical address of no mapping", 39, |w| {
        let c = w.connected();
        w.out(Call::GetPrivilegedToken { pd: c.pd }, Out::Token(77));
        let sge = Sge { address: 0x9008, length_bytes: 8, token: 77 };
        w.call(Call::Send { qp: c.qp, context: 1, sgl: &[sge], flags: OpFlags::empty() });
    }),
    ("a read into what is no sink", 40, |w| {
        let c = w.connected();
        w.query(c.adapter, AdapterInfo { flags: AdapterFlags::empty(), ..info() });
        let (sgl, flags) = (&[c.sge()], OpFlags::empty());
        w.call(Call::Read { qp: c.qp, context: 1, sgl, remote_address: 0, remote_token: 0, flags });
    }),
    ("a plain region prepared for fast registration", 41, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let mr = w.create(Call::CreateMr { pd, fast_register: false, completion: done(1) });
        w.status(fast(mr, 4, false), Status::INVALID_DEVICE_REQUEST);
    }),
    ("a fast registration before the initialisation", 41, |w| {
        let c = w.connected();
        let mr = w.create(Call::CreateMr { pd: c.pd, fast_register: true, completion: done(1) });
        w.call(fast_register(c, mr, OpFlags::empty()));
    }),
    ("more pages than were initialised", 42, |w| {
        let c = w.connected();
        let mr = w.create(Call::CreateMr { pd: c.pd, fast_register: true, completion: done(1) });
        w.call(fast(mr, 1, false));
        w.call(fast_register(c, mr, OpFlags::empty()));
    }),
    ("remote rights that were not initialised, and refused", 43, |w| {
        let c = w.connected();
        let mr = fast_mr(w, c.pd, false);
        w.status(fast_register(c, mr, OpFlags::ALLOW_REMOTE_READ), Status::ACCESS_VIOLATION);
    }),
    ("a plain region invalidated", 44, |w| {
        let c = w.connected();
        let call = Call::Invalidate { qp: c.qp, context: 1, target: c.mr, flags: OpFlags::empty() };
        w.status(call, Status::INVALID_DEVICE_REQUEST);
    }),
    ("a window that a region does not allow", 45, |w| {
        let c = w.connected();
        let mr = w.mr(c.pd, MrFlags::empty());
        let mw = w.create(Call::CreateMw { pd: c.pd, completion: done(1) });
        w.status(bind(Connected { mr, ..c }, mw, OpFlags::ALLOW_REMOTE_WRITE), Status::ACCESS_VIOLATION);
    }),
    ("deregistered twice", 46, |w| {
        let c = w.connected();
        w.call(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        w.status(Call::DeregisterMr { mr: c.mr, completion: done(8) }, Status::INVALID_DEVICE_STATE);
    }),
    ("the token of a region that is not registered", 47, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let mr = w.create(Call::CreateMr { pd, fast_register: false, completion: done(1) });
        w.out(Call::GetRemoteTokenFromMr { mr }, Out::Token(0));
    }),
    ("the token of a window that is not bound", 47, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let mw = w.create(Call::CreateMw { pd, completion: done(1) });
        w.out(Call::GetRemoteTokenFromMw { mw }, Out::Token(0));
    }),
    ("a chain that ends deferred", 48, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER);
        w.end();
    }),
    ("a chain left deferred at a disconnect", 48, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER | OpFlags::SILENT_SUCCESS);
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
    }),
    ("a chain left deferred for long", 48, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::DEFER);
        w.pass(Dur::from_ms(20_000));
        send(w, c, 2, OpFlags::empty());
    }),
    ("CompleteConnect before Connect has completed", 53, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.connector(adapter);
        w.pend(connect(connector, qp));
        w.status(complete_connect(connector), Status::CONNECTION_INVALID);
    }),
    ("CompleteConnect twice", 53, |w| {
        let c = w.connected();
        w.status(complete_connect(c.connector), Status::CONNECTION_INVALID);
    }),
    ("an offered connector that is forgotten", 54, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        w.offer(listener);
        w.pend(close(listener));
        w.answer(Call::CloseAdapter { adapter }, blocks(1));
    }),
    ("a connector used again", 56, |w| {
        let c = w.connected();
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.completed(c.connector, 6, Status::SUCCESS);
        let qp = w.qp(c.pd, c.cq, c.cq);
        w.status(connect(c.connector, qp), Status::ADDRESS_ALREADY_ASSOCIATED);
    }),
    ("a QP used again", 56, |w| {
        let c = w.connected();
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
        w.completed(c.connector, 6, Status::SUCCESS);
        let connector = w.connector(c.adapter);
        w.status(connect(connector, c.qp), Status::CONNECTION_ACTIVE);
    }),
    ("a disconnect before the results", 57, |w| {
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.pend(Call::Disconnect { connector: c.connector, completion: done(6) });
    }),
    ("a CQ closed with results to come", 59, |w| {
        let c = w.connected();
        receive(w, c, 1);
        w.pend(close(c.cq));
    }),
    ("a poll for receives of an SRQ's QP, and too few taken", 34, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let srq = w.create(srq_call(pd, 1, 0));
        w.create(shared_qp_call(pd, cq, srq));
        w.call(Call::SrqReceive { srq, context: 1, sgl: &[] });
        w.call(Call::GetCqResults { cq, results: &mut [NdkResult::EMPTY; 2] });
        w.status(Call::SrqReceive { srq, context: 2, sgl: &[] }, Status::NO_MORE_ENTRIES);
    }),
    ("results taken at once on two processors", 33, |w| {
        *w = World::with(provider::check::Settings { call_duration: Dur::from_ns(100), ..Default::default() });
        let c = w.connected();
        w.call(Call::GetCqResultsEx { cq: c.cq, results: &mut [NdkResultEx::EMPTY] });
        w.pass(Dur::from_ns(99));
        w.site.processor = 1;
        w.poll(c.cq);
    }),
    ("posts at once on two processors", 32, |w| {
        *w = World::with(provider::check::Settings { call_duration: Dur::from_ns(100), ..Default::default() });
        let c = w.connected();
        send(w, c, 1, OpFlags::empty());
        w.site.processor = 1;
        send(w, c, 2, OpFlags::empty());
    }),
];
