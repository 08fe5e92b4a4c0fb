//! A provider that answers as it is told, under the checker, with a consumer that does as it is told.

use des::{Dur, Time};
use host::Mdl;
use provider::check::{Checked, Finding, Settings};
use provider::ndk::{
    AdapterFlags, AdapterInfo, Answer, BlockedCall, Call, CallSite, Callback, Completion, ConnectParams, CqNotify,
    DisconnectEvent, Irql, MrFlags, NdkProvider, NdkResult, NdkResultEx, NdkVersion, Object, ObjectKind, OperationType,
    Out, RdmaTechnology, Return, Sge, Status, Upcall, UpcallBody, UpcallToken,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// What the provider is to answer and to call.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    /// The next answer; SUCCESS with nothing written if there is none.
    answer: Option<Answer>,
    upcalls: VecDeque<Upcall>,
    /// What is in the CQs.
    results: BTreeMap<u64, VecDeque<NdkResultEx>>,
    /// The next poll writes this entry of the array, whatever it counts.
    stray: Option<usize>,
}

impl NdkProvider for Scripted {
    type Host = ();

    fn call(&mut self, (): &mut (), _: &CallSite, call: Call<'_>) -> Answer {
        let stray = NdkResultEx { type_specific: 1, ..result(9, 9, Status::SUCCESS) };
        let count = match call {
            Call::GetCqResults { cq, results } => {
                let count = self.take(cq, results.len()).zip(&mut *results).map(|(from, to)| *to = from.base).count();
                self.stray.take().into_iter().for_each(|index| results[index] = stray.base);
                count
            }
            Call::GetCqResultsEx { cq, results } => {
                let count = self.take(cq, results.len()).zip(&mut *results).map(|(from, to)| *to = from).count();
                self.stray.take().into_iter().for_each(|index| results[index] = stray);
                count
            }
            _ => return self.answer.take().unwrap_or(Answer::Returned(Return::status(Status::SUCCESS))),
        };
        let count = Out::Count(u32::try_from(count).expect("arrays are short"));
        self.answer.take().unwrap_or(Answer::Returned(Return::with(count)))
    }

    fn interrupt(&mut self, (): &mut (), _: Time, _: u16) {}

    fn wake(&mut self, (): &mut (), _: Time) {}

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        self.upcalls.pop_front()
    }

    fn upcall_returned(&mut self, (): &mut (), _: Time, _: UpcallToken) {}
}

impl Scripted {
    fn take(&mut self, cq: Object, most: usize) -> impl Iterator<Item = NdkResultEx> + '_ {
        let queue = self.results.entry(cq.id).or_default();
        let most = most.min(queue.len());
        queue.drain(..most)
    }
}

/// A completion callback with this context.
pub(crate) fn done(context: u64) -> Completion {
    Completion { callback: Some(Callback(1)), context }
}

/// A result of a send; see [`World::leave`].
pub(crate) fn result(qp_context: u64, request_context: u64, status: Status) -> NdkResultEx {
    let base = NdkResult { status, bytes_transferred: 0, qp_context, request_context };
    NdkResultEx { base, operation: OperationType::Send, provider_error_code: 0, type_specific: 0 }
}

/// An address of the adapter.
pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

/// An address of the peer.
pub(crate) fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], port))
}

/// Two pages.
pub(crate) fn mdl() -> Mdl {
    Mdl { virtual_address: 0x10_0000, length_bytes: 8192, pages: vec![0x4000, 0x9000] }
}

/// The limits of the adapter, with the numbers that tests exceed.
pub(crate) fn info() -> AdapterInfo {
    AdapterInfo {
        version: NdkVersion::V1_2,
        vendor_id: 1,
        device_id: 2,
        max_registration_bytes: 1 << 20,
        max_window_bytes: 1 << 20,
        frmr_page_count: 16,
        max_initiator_request_sge: 4,
        max_receive_request_sge: 4,
        max_read_request_sge: 1,
        max_transfer_bytes: 1 << 16,
        max_inline_data_bytes: 64,
        max_inbound_read_limit: 8,
        max_outbound_read_limit: 8,
        max_receive_queue_depth: 64,
        max_initiator_queue_depth: 64,
        max_srq_depth: 64,
        max_cq_depth: 256,
        large_request_threshold_bytes: 4096,
        max_caller_data_bytes: 56,
        max_callee_data_bytes: 196,
        flags: AdapterFlags::RDMA_READ_SINK_NOT_REQUIRED,
        technology: RdmaTechnology::RoceV2,
    }
}

/// The provider under the checker, and where its consumer is.
#[derive(Debug)]
pub(crate) struct World {
    checked: Checked<Scripted>,
    pub(crate) site: CallSite,
    last_id: u64,
    last_token: u64,
    pub(crate) version: NdkVersion,
    /// Objects of a complete set, made by [`World::connected`].
    pub(crate) adapter: Option<Object>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let site = CallSite { now: Time::ZERO, processor: 0, level: Irql::Passive, inside: None, inline: false };
        let checked = Checked::new(Scripted::default(), settings);
        Self { checked, site, last_id: 0, last_token: 0, version: NdkVersion::V1_2, adapter: None }
    }

    pub(crate) fn findings(&self) -> &[Finding] {
        self.checked.findings()
    }

    pub(crate) fn pass(&mut self, time: Dur) {
        self.site.now += time;
    }

    /// Ends the run: nothing more will happen.
    pub(crate) fn end(&mut self) {
        self.checked.finish_quiescent(&mut (), self.site.now);
    }

    /// Ends the run by the watchdog.
    pub(crate) fn stop(&mut self) {
        self.checked.finish(self.site.now);
    }

    pub(crate) fn answer(&mut self, call: Call<'_>, answer: Answer) -> Answer {
        self.checked.inner_mut().answer = Some(answer);
        self.call(call)
    }

    /// A call with the usual answer: SUCCESS, or the results that are there.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Answer {
        self.checked.call(&mut (), &self.site, call)
    }

    pub(crate) fn status(&mut self, call: Call<'_>, status: Status) {
        self.answer(call, Answer::Returned(Return::status(status)));
    }

    pub(crate) fn pend(&mut self, call: Call<'_>) {
        self.status(call, Status::PENDING);
    }

    pub(crate) fn out(&mut self, call: Call<'_>, out: Out) {
        self.answer(call, Answer::Returned(Return::with(out)));
    }

    /// An object that the provider has not handed over yet.
    pub(crate) fn object(&mut self, kind: ObjectKind) -> Object {
        self.last_id += 1;
        Object { kind, id: self.last_id, version: self.version }
    }

    pub(crate) fn create(&mut self, call: Call<'_>) -> Object {
        let object = self.object(call.kind().creates().unwrap_or(ObjectKind::Adapter));
        self.out(call, Out::Object(object));
        object
    }

    /// The provider calls back; the callback runs until [`World::leave`].
    pub(crate) fn upcall(&mut self, object: Object, completion: Completion, body: UpcallBody) -> UpcallToken {
        self.upcall_after(object, completion, body, Some(Dur::ZERO))
    }

    /// The provider calls back inside the last call.
    pub(crate) fn upcall_inside(&mut self, object: Object, completion: Completion, body: UpcallBody) -> UpcallToken {
        self.upcall_after(object, completion, body, None)
    }

    fn upcall_after(&mut self, object: Object, given: Completion, body: UpcallBody, after: Option<Dur>) -> UpcallToken {
        self.last_token += 1;
        let token = UpcallToken(self.last_token);
        let callback = given.callback.unwrap_or(Callback(0));
        let (context, level) = (given.context, Irql::Dispatch);
        let upcall = Upcall { token, object, callback, context, body, processor: 1, level, after };
        self.checked.inner_mut().upcalls.push_back(upcall.clone());
        assert_eq!(self.checked.next_upcall(), Some(upcall), "the checker passes upcalls on");
        token
    }

    /// A callback returns.
    pub(crate) fn leave(&mut self, token: UpcallToken) {
        self.checked.upcall_returned(&mut (), self.site.now, token);
    }

    /// A callback that returns at once.
    pub(crate) fn run(&mut self, object: Object, completion: Completion, body: UpcallBody) {
        let token = self.upcall(object, completion, body);
        self.leave(token);
    }

    pub(crate) fn completed(&mut self, object: Object, context: u64, status: Status) {
        self.run(object, done(context), UpcallBody::RequestCompletion { status, out: Out::Untouched });
    }

    pub(crate) fn notified(&mut self, cq: Object) -> UpcallToken {
        self.upcall(cq, done(100), UpcallBody::CqNotification { status: Status::SUCCESS })
    }

    /// Puts a result into a CQ.
    pub(crate) fn finish(&mut self, cq: Object, result: NdkResultEx) {
        self.checked.inner_mut().results.entry(cq.id).or_default().push_back(result);
    }

    /// Puts a send's result into a CQ: QP context 7, as [`World::qp`] has it.
    pub(crate) fn sent(&mut self, cq: Object, context: u64, status: Status) {
        self.finish(cq, result(7, context, status));
    }

    /// Puts a receive's result into a CQ.
    pub(crate) fn received(&mut self, cq: Object, context: u64, status: Status) {
        self.finish(cq, NdkResultEx { operation: OperationType::Receive, ..result(7, context, status) });
    }

    /// Polls with room to spare.
    pub(crate) fn poll(&mut self, cq: Object) {
        self.call(Call::GetCqResultsEx { cq, results: &mut [NdkResultEx::EMPTY; 8] });
    }

    /// Polls; the provider writes one entry more than it counts.
    pub(crate) fn poll_with_stray(&mut self, cq: Object, index: usize) {
        self.checked.inner_mut().stray = Some(index);
        self.poll(cq);
    }

    pub(crate) fn arm(&mut self, cq: Object, notify: CqNotify) {
        self.call(Call::ArmCq { cq, notify });
    }

    pub(crate) fn close(&mut self, object: Object) {
        self.status(close(object), Status::SUCCESS);
    }

    pub(crate) fn open(&mut self) -> Object {
        let version = self.version;
        let adapter = self.create(Call::OpenAdapter { version });
        self.adapter = Some(adapter);
        adapter
    }

    /// Lets the consumer ask for the limits.
    pub(crate) fn query(&mut self, adapter: Object, info: AdapterInfo) {
        let buffer_bytes = AdapterInfo::SIZE_BYTES;
        self.out(Call::QueryAdapterInfo { adapter, buffer_bytes }, Out::Info(Box::new(info)));
    }

    pub(crate) fn pd(&mut self, adapter: Object) -> Object {
        self.create(Call::CreatePd { adapter, completion: done(1) })
    }

    pub(crate) fn cq(&mut self, adapter: Object) -> Object {
        self.create(cq_call(adapter, 64))
    }

    pub(crate) fn qp(&mut self, pd: Object, receive_cq: Object, initiator_cq: Object) -> Object {
        self.create(qp_call(pd, receive_cq, initiator_cq))
    }

    /// A region of [`mdl`] with these rights; its local token is its id.
    pub(crate) fn mr(&mut self, pd: Object, flags: MrFlags) -> Object {
        let mr = self.create(Call::CreateMr { pd, fast_register: false, completion: done(1) });
        self.call(Call::RegisterMr { mr, mdl: &mdl(), length_bytes: 8192, flags, completion: done(2) });
        self.out(Call::GetLocalTokenFromMr { mr }, Out::Token(token_of(mr)));
        mr
    }

    pub(crate) fn connector(&mut self, adapter: Object) -> Object {
        self.create(Call::CreateConnector { adapter, completion: done(1) })
    }

    pub(crate) fn listener(&mut self, adapter: Object) -> Object {
        let listener = self.create(Call::CreateListener { adapter, connect_event: done(200), completion: done(1) });
        self.call(Call::Listen { listener, address: address(5000), completion: done(2) });
        listener
    }

    /// The listener offers a connector; the callback returns at once.
    pub(crate) fn offer(&mut self, listener: Object) -> Object {
        let connector = self.object(ObjectKind::Connector);
        self.run(listener, done(200), UpcallBody::ConnectEvent { connector });
        connector
    }

    /// An established connection of a QP.
    pub(crate) fn establish(&mut self, connector: Object, qp: Object) {
        self.pend(connect(connector, qp));
        self.completed(connector, 3, Status::SUCCESS);
        self.pend(complete_connect(connector));
        self.completed(connector, 4, Status::SUCCESS);
    }

    /// All that posting needs: PD, one CQ, a connected QP of depth 4, its connector, a region with local write.
    pub(crate) fn connected(&mut self) -> Connected {
        let adapter = self.open();
        let (pd, cq) = (self.pd(adapter), self.cq(adapter));
        let qp = self.qp(pd, cq, cq);
        let connector = self.connector(adapter);
        self.establish(connector, qp);
        let mr = self.mr(pd, MrFlags::ALLOW_LOCAL_WRITE);
        Connected { adapter, pd, cq, qp, connector, mr }
    }
}

/// What [`World::connected`] makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connected {
    pub(crate) adapter: Object,
    pub(crate) pd: Object,
    pub(crate) cq: Object,
    pub(crate) qp: Object,
    pub(crate) connector: Object,
    pub(crate) mr: Object,
}

impl Connected {
    /// An entry inside the region.
    pub(crate) fn sge(&self) -> Sge {
        Sge { address: 0x10_0000, length_bytes: 64, token: token_of(self.mr) }
    }
}

pub(crate) fn token_of(mr: Object) -> u32 {
    u32::try_from(mr.id).expect("few objects")
}

pub(crate) fn close(object: Object) -> Call<'static> {
    Call::Close { object, completion: done(99) }
}

pub(crate) fn cq_call(adapter: Object, depth: u32) -> Call<'static> {
    Call::CreateCq { adapter, depth, notification: done(100), affinity: None, completion: done(1) }
}

/// QP context 7, four entries each way, two list entries, 32 inline bytes.
pub(crate) fn qp_call(pd: Object, receive_cq: Object, initiator_cq: Object) -> Call<'static> {
    Call::CreateQp {
        pd,
        receive_cq,
        initiator_cq,
        qp_context: 7,
        receive_depth: 4,
        initiator_depth: 4,
        max_receive_sge: 2,
        max_initiator_sge: 2,
        inline_data_bytes: 32,
        completion: done(1),
    }
}

pub(crate) fn srq_call(pd: Object, depth: u32, notify_threshold: u32) -> Call<'static> {
    let notification = done(300);
    Call::CreateSrq {
        pd,
        depth,
        max_receive_sge: 1,
        notify_threshold,
        notification,
        affinity: None,
        completion: done(1),
    }
}

pub(crate) fn params(qp: Object) -> ConnectParams<'static> {
    ConnectParams { qp, inbound_read_limit: 4, outbound_read_limit: 4, private_data: b"hello" }
}

pub(crate) fn connect(connector: Object, qp: Object) -> Call<'static> {
    let (source, destination) = (address(0), peer(5000));
    Call::Connect { connector, source, destination, params: params(qp), completion: done(3) }
}

/// The disconnect event that tests ask for.
pub(crate) fn event() -> DisconnectEvent {
    DisconnectEvent { callback: Some(Callback(2)), context: 400, extended: false }
}

/// The same as what an upcall is given.
pub(crate) fn event_completion() -> Completion {
    Completion { callback: Some(Callback(2)), context: 400 }
}

pub(crate) fn complete_connect(connector: Object) -> Call<'static> {
    Call::CompleteConnect { connector, disconnect_event: event(), completion: done(4) }
}

pub(crate) fn accept(connector: Object, qp: Object) -> Call<'static> {
    Call::Accept { connector, params: params(qp), disconnect_event: event(), completion: done(4) }
}

/// The name of a blocked call.
pub(crate) fn blocks(number: u64) -> Answer {
    Answer::Blocks(BlockedCall(number))
}
