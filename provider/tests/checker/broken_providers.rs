//! Providers that break one rule each: creating, requests, closing, connections, memory.

use crate::tables::Row;
use crate::world::*;
use des::Dur;
use provider::ndk::{
    AdapterFlags, AdapterInfo, Answer, BlockedCall, Call, Guid, LogicalAddressMapping, MrFlags, NdkVersion, ObjectKind,
    OpFlags, Out, Return, Sge, Status, UpcallBody,
};

fn created(object: Option<provider::ndk::Object>, status: Status) -> UpcallBody {
    UpcallBody::CreateCompletion { status, object }
}

pub(crate) const ROWS: &[Row] = &[
    ("header of another type", 62, |w| {
        let adapter = w.open();
        let cq = w.object(ObjectKind::Cq);
        w.out(Call::CreatePd { adapter, completion: done(1) }, Out::Object(cq));
    }),
    ("header of another version", 62, |w| {
        let adapter = w.open();
        w.version = NdkVersion::V1_1;
        w.pd(adapter);
    }),
    ("the same object twice", 62, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.out(Call::CreatePd { adapter, completion: done(1) }, Out::Object(pd));
    }),
    ("an extension that nobody defined", 66, |w| {
        let object = w.open();
        w.call(Call::QueryExtension { object, interface: Guid([1; 16]), version: NdkVersion::V1_1 });
    }),
    ("create: SUCCESS without an object", 67, |w| {
        let adapter = w.open();
        w.call(Call::CreatePd { adapter, completion: done(1) });
    }),
    ("create: SUCCESS and a completion", 67, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.run(adapter, done(1), created(Some(pd), Status::SUCCESS));
    }),
    ("create: completed twice", 68, |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        let (pd, again) = (w.object(ObjectKind::Pd), w.object(ObjectKind::Pd));
        w.run(adapter, done(1), created(Some(pd), Status::SUCCESS));
        w.run(adapter, done(1), created(Some(again), Status::SUCCESS));
    }),
    ("create: never completed", 68, |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        w.end();
    }),
    ("create: never completed within the watchdog's time", 68, |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        w.pass(Dur::from_ms(20_000));
        w.stop();
    }),
    ("create: completion without a call", 68, |w| {
        let adapter = w.open();
        let pd = w.object(ObjectKind::Pd);
        w.run(adapter, done(1), created(Some(pd), Status::SUCCESS));
    }),
    ("create: PENDING and an object", 69, |w| {
        let adapter = w.open();
        let pd = w.object(ObjectKind::Pd);
        let answer = Return { status: Status::PENDING, out: Out::Object(pd) };
        w.answer(Call::CreatePd { adapter, completion: done(1) }, Answer::Returned(answer));
    }),
    ("create: inline failure and a completion", 70, |w| {
        let adapter = w.open();
        w.status(Call::CreatePd { adapter, completion: done(1) }, Status::INSUFFICIENT_RESOURCES);
        w.run(adapter, done(1), created(None, Status::INSUFFICIENT_RESOURCES));
    }),
    ("create: completion with another context", 71, |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        let pd = w.object(ObjectKind::Pd);
        w.run(adapter, done(2), created(Some(pd), Status::SUCCESS));
    }),
    ("create: successful completion without an object", 71, |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        w.run(adapter, done(1), created(None, Status::SUCCESS));
    }),
    ("create: completion with an object of another type", 71, |w| {
        let adapter = w.open();
        w.pend(Call::CreatePd { adapter, completion: done(1) });
        let cq = w.object(ObjectKind::Cq);
        w.run(adapter, done(1), created(Some(cq), Status::SUCCESS));
    }),
    ("create: completion with an object that exists", 71, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.pend(Call::CreatePd { adapter, completion: done(5) });
        w.run(adapter, done(5), created(Some(pd), Status::SUCCESS));
    }),
    ("request: SUCCESS and a completion", 72, |w| {
        let c = w.connected();
        w.completed(c.mr, 2, Status::SUCCESS);
    }),
    ("request: completed twice", 72, |w| {
        let c = w.connected();
        w.completed(c.connector, 3, Status::SUCCESS);
    }),
    ("request: never completed", 72, |w| {
        let c = w.connected();
        w.pend(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        w.end();
    }),
    ("request: completion with another context", 72, |w| {
        let c = w.connected();
        w.pend(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        w.completed(c.mr, 9, Status::SUCCESS);
    }),
    ("request: completed with PENDING", 73, |w| {
        let c = w.connected();
        w.pend(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        w.completed(c.mr, 8, Status::PENDING);
    }),
    ("a post that pends", 74, |w| {
        let c = w.connected();
        w.pend(Call::Receive { qp: c.qp, context: 1, sgl: &[] });
    }),
    ("a status from another world", 74, |w| {
        let adapter = w.open();
        w.status(Call::CreatePd { adapter, completion: done(1) }, Status::HOST_UNREACHABLE);
    }),
    ("a second success", 74, |w| {
        let c = w.connected();
        w.status(Call::DeregisterMr { mr: c.mr, completion: done(8) }, Status::TIMEOUT);
    }),
    ("a create that blocks", 74, |w| {
        let adapter = w.open();
        w.answer(Call::CreatePd { adapter, completion: done(1) }, blocks(1));
    }),
    ("a failed mapping that is there", 77, |w| {
        let adapter = w.open();
        let out = Out::Lam(LogicalAddressMapping { adapter_context: 1, adapter_pages: vec![], first_byte_offset: 0 });
        let answer = Return { status: Status::INSUFFICIENT_RESOURCES, out };
        w.answer(lam_call(adapter), Answer::Returned(answer));
    }),
    ("a mapping of too few pages", 79, |w| {
        let adapter = w.open();
        let adapter_pages = vec![0x4000];
        let lam = LogicalAddressMapping { adapter_context: 1, adapter_pages, first_byte_offset: 0 };
        w.out(lam_call(adapter), Out::Lam(lam));
    }),
    ("too small, and not told how much is needed", 80, |w| {
        let adapter = w.open();
        w.status(Call::QueryAdapterInfo { adapter, buffer_bytes: 8 }, Status::BUFFER_TOO_SMALL);
    }),
    ("too small, and less is needed", 80, |w| {
        let adapter = w.open();
        let answer = Return { status: Status::BUFFER_TOO_SMALL, out: Out::NeededBytes(4) };
        w.answer(Call::QueryAdapterInfo { adapter, buffer_bytes: 8 }, Answer::Returned(answer));
    }),
    ("too small, twice", 80, |w| {
        let adapter = w.open();
        for (buffer_bytes, needed) in [(8, 96), (96, 104)] {
            let answer = Return { status: Status::BUFFER_TOO_SMALL, out: Out::NeededBytes(needed) };
            w.answer(Call::QueryAdapterInfo { adapter, buffer_bytes }, Answer::Returned(answer));
        }
    }),
    ("refused within the limits", 81, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        w.status(cq_call(adapter, 256), Status::INVALID_PARAMETER);
    }),
    ("granted above the limits", 81, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        w.create(cq_call(adapter, 257));
    }),
    ("granted above the limits, by completion", 81, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        w.pend(cq_call(adapter, 257));
        let cq = w.object(ObjectKind::Cq);
        w.run(adapter, done(1), created(Some(cq), Status::SUCCESS));
    }),
    ("a page count that was promised", 82, |w| {
        let adapter = w.open();
        w.query(adapter, info());
        let pd = w.pd(adapter);
        let mr = w.create(Call::CreateMr { pd, fast_register: true, completion: done(1) });
        w.status(fast(mr, 16, true), Status::IMPLEMENTATION_LIMIT);
    }),
    ("a close that fails", 84, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.status(close(pd), Status::DEVICE_BUSY);
    }),
    ("a close completion after SUCCESS", 85, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.close(pd);
        w.run(pd, done(99), UpcallBody::CloseCompletion);
    }),
    ("a close completed twice", 85, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.pend(close(pd));
        w.run(pd, done(99), UpcallBody::CloseCompletion);
        w.run(pd, done(99), UpcallBody::CloseCompletion);
    }),
    ("a close never completed", 85, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.pend(close(pd));
        w.end();
    }),
    ("a close completed with another context", 85, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.pend(close(pd));
        w.run(pd, done(98), UpcallBody::CloseCompletion);
    }),
    ("a close completion without a close", 85, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.run(pd, done(99), UpcallBody::CloseCompletion);
    }),
    ("closed with a request pending", 86, |w| {
        let c = w.connected();
        w.pend(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        w.close(c.mr);
    }),
    ("closed while a request's completion runs", 86, |w| {
        let c = w.connected();
        w.pend(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        let body = UpcallBody::RequestCompletion { status: Status::SUCCESS, out: Out::Untouched };
        w.upcall(c.mr, done(8), body);
        w.close(c.mr);
    }),
    ("closed while a notification runs", 87, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.arm(cq, provider::ndk::CqNotify::ANY);
        w.notified(cq);
        w.close(cq);
    }),
    ("a notification after the close", 88, |w| {
        let adapter = w.open();
        let cq = w.cq(adapter);
        w.arm(cq, provider::ndk::CqNotify::ANY);
        w.close(cq);
        w.notified(cq);
    }),
    ("a create completion for what is no object", 88, |w| {
        w.open();
        let stranger = w.object(ObjectKind::Pd);
        w.run(stranger, done(1), created(None, Status::CANCELLED));
    }),
    ("a request completed again after the close", 88, |w| {
        let c = w.connected();
        w.close(c.mr);
        w.completed(c.mr, 2, Status::CANCELLED);
    }),
    ("a CQ closed under its QP", 89, |w| {
        let c = w.connected();
        w.close(c.cq);
    }),
    ("a PD closed under its region", 89, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.mr(pd, MrFlags::empty());
        w.close(pd);
    }),
    ("an SRQ closed under its QP", 89, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let srq = w.create(srq_call(pd, 8, 0));
        w.create(shared_qp_call(pd, cq, srq));
        w.close(srq);
    }),
    ("a QP closed under its connector", 89, |w| {
        let c = w.connected();
        w.close(c.qp);
    }),
    ("a listener closed under a connector", 89, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        w.offer(listener);
        w.close(listener);
    }),
    ("a region closed under a bound window", 89, |w| {
        let c = w.connected();
        let mw = w.create(Call::CreateMw { pd: c.pd, completion: done(1) });
        w.call(bind(c, mw, OpFlags::ALLOW_REMOTE_READ));
        let bound = provider::ndk::OperationType::Bind;
        w.finish(c.cq, provider::ndk::NdkResultEx { operation: bound, ..result(7, 5, Status::SUCCESS) });
        w.poll(c.cq);
        w.close(c.mr);
    }),
    ("closed while a successor's close completion runs", 90, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        let mr = w.mr(pd, MrFlags::empty());
        w.pend(close(mr));
        w.pend(close(pd));
        w.upcall(mr, done(99), UpcallBody::CloseCompletion);
        w.upcall(pd, done(99), UpcallBody::CloseCompletion);
    }),
    ("a close that waits for a request for ever", 91, |w| {
        let adapter = w.open();
        let listener = w.create(Call::CreateListener { adapter, connect_event: done(200), completion: done(1) });
        w.pend(Call::Listen { listener, address: address(1), completion: done(5) });
        w.pend(close(listener));
        w.end();
    }),
    ("a closing listener that offers", 93, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        w.pend(close(listener));
        w.offer(listener);
    }),
    ("an adapter closed while a close completion runs", 94, |w| {
        let adapter = w.open();
        let pd = w.pd(adapter);
        w.pend(close(pd));
        w.answer(Call::CloseAdapter { adapter }, blocks(1));
        w.upcall(pd, done(99), UpcallBody::CloseCompletion);
        let body = UpcallBody::CallReturns { call: BlockedCall(1), returned: Return::status(Status::SUCCESS) };
        w.run(adapter, done(0), body);
    }),
    ("closed inside a request's completion", 95, |w| {
        let c = w.connected();
        w.pend(Call::DeregisterMr { mr: c.mr, completion: done(8) });
        let body = UpcallBody::RequestCompletion { status: Status::SUCCESS, out: Out::Untouched };
        w.site.inside = Some(w.upcall(c.mr, done(8), body));
        w.close(c.mr);
    }),
    ("a privileged token that the peer gets", 117, |w| {
        let c = w.connected();
        w.out(Call::GetPrivilegedToken { pd: c.pd }, Out::Token(77));
        w.out(Call::GetRemoteTokenFromMr { mr: c.mr }, Out::Token(77));
    }),
    ("read limits above what was asked for", 126, |w| {
        let adapter = w.open();
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.connector(adapter);
        w.pend(connect(connector, qp));
        w.completed(connector, 3, Status::SUCCESS);
        w.out(Call::GetConnectionData { connector, buffer_bytes: None }, data(5, 0, 56));
    }),
    ("a NULL buffer that is too small", 127, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        let connector = w.offer(listener);
        let answer = Return { status: Status::BUFFER_TOO_SMALL, out: data(1, 0, 56) };
        w.answer(Call::GetConnectionData { connector, buffer_bytes: None }, Answer::Returned(answer));
    }),
    ("a large buffer and no data", 127, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        let connector = w.offer(listener);
        w.out(Call::GetConnectionData { connector, buffer_bytes: Some(256) }, data(1, 0, 56));
    }),
    ("a short buffer and SUCCESS", 127, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        let connector = w.offer(listener);
        w.out(Call::GetConnectionData { connector, buffer_bytes: Some(16) }, data(1, 16, 56));
    }),
    ("connection data and no size", 127, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        let connector = w.offer(listener);
        w.call(Call::GetConnectionData { connector, buffer_bytes: None });
    }),
    ("two listeners at one address", 128, |w| {
        let adapter = w.open();
        w.listener(adapter);
        w.listener(adapter);
    }),
    ("a port that is not ephemeral", 129, |w| {
        let adapter = w.open();
        let endpoint = w.create(Call::CreateSharedEndpoint { adapter, address: address(0), completion: done(1) });
        w.out(Call::GetLocalAddress { object: endpoint, buffer_bytes: 28 }, Out::Address(address(80)));
    }),
    ("a paused listener that offers", 130, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        w.call(Call::ControlConnectEvents { listener, pause: true });
        w.offer(listener);
    }),
    ("a connect event with another context", 71, |w| {
        let adapter = w.open();
        let listener = w.listener(adapter);
        let connector = w.object(ObjectKind::Connector);
        w.run(listener, done(201), UpcallBody::ConnectEvent { connector });
    }),
    ("a CompleteConnect without a Connect", 133, |w| {
        let adapter = w.open();
        let connector = w.connector(adapter);
        w.call(complete_connect(connector));
    }),
    ("two disconnect events", 136, |w| {
        let c = w.connected();
        w.run(c.connector, event_completion(), UpcallBody::DisconnectEvent { reason: None });
        w.run(c.connector, event_completion(), UpcallBody::DisconnectEvent { reason: None });
    }),
    ("a disconnect event with another context", 136, |w| {
        let c = w.connected();
        w.run(c.connector, done(400), UpcallBody::DisconnectEvent { reason: None });
    }),
    ("a disconnect event of the other kind", 136, |w| {
        let c = w.connected();
        w.run(c.connector, event_completion(), UpcallBody::DisconnectEvent { reason: Some(0) });
    }),
    ("a disconnect event that nobody asked for", 136, |w| {
        let adapter = w.open();
        let connector = w.connector(adapter);
        w.run(connector, event_completion(), UpcallBody::DisconnectEvent { reason: None });
    }),
    ("a disconnect event before the connection", 138, |w| {
        let adapter = w.open();
        let (pd, cq, listener) = (w.pd(adapter), w.cq(adapter), w.listener(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.offer(listener);
        w.pend(accept(connector, qp));
        w.run(connector, event_completion(), UpcallBody::DisconnectEvent { reason: None });
    }),
    ("a connection to itself", 140, |w| {
        let adapter = w.open();
        w.query(adapter, AdapterInfo { flags: AdapterFlags::empty(), ..info() });
        let (pd, cq) = (w.pd(adapter), w.cq(adapter));
        let qp = w.qp(pd, cq, cq);
        let connector = w.connector(adapter);
        w.call(Call::Connect {
            connector,
            source: address(0),
            destination: address(5000),
            params: params(qp),
            completion: done(3),
        });
    }),
    ("a lower version than asked for", 144, |w| {
        let adapter = w.object(ObjectKind::Adapter);
        w.out(Call::OpenAdapter { version: NdkVersion::V2_0 }, Out::Object(adapter));
    }),
];

pub(crate) fn lam_call(adapter: provider::ndk::Object) -> Call<'static> {
    use std::sync::LazyLock;
    static MDL: LazyLock<host::Mdl> = LazyLock::new(mdl);
    Call::BuildLam { adapter, mdl: &MDL, length_bytes: 8192, lam_bytes: 64, completion: done(6) }
}

pub(crate) fn fast(mr: provider::ndk::Object, adapter_page_count: u32, remote_access: bool) -> Call<'static> {
    Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access, completion: done(2) }
}

pub(crate) fn bind(c: Connected, mw: provider::ndk::Object, flags: OpFlags) -> Call<'static> {
    let Sge { address: virtual_address, .. } = c.sge();
    Call::Bind { qp: c.qp, context: 5, mr: c.mr, mw, virtual_address, length_bytes: 64, flags }
}

pub(crate) fn shared_qp_call(
    pd: provider::ndk::Object,
    cq: provider::ndk::Object,
    srq: provider::ndk::Object,
) -> Call<'static> {
    Call::CreateQpWithSrq {
        pd,
        receive_cq: cq,
        initiator_cq: cq,
        srq,
        qp_context: 7,
        initiator_depth: 4,
        max_initiator_sge: 2,
        inline_data_bytes: 32,
        completion: done(1),
    }
}

pub(crate) fn data(read_limit: u32, bytes: usize, required_bytes: u32) -> Out {
    let private_data = vec![0; bytes];
    Out::ConnectionData { inbound_read_limit: read_limit, outbound_read_limit: 1, private_data, required_bytes }
}
