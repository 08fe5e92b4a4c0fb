//! A consumer for tests: it calls, collects callbacks, and lets them return when the test says so.

use super::Script;
use crate::backend::{CqId, Event, QpId, Resource, WorkCompletion};
use crate::check::{Checked, Finding, Settings, Severity, Side};
use crate::engine::{Config, Engine};
use crate::ndk::{
    Answer, Call, CallSite, Callback, Completion, ConnectParams, CqNotify, DisconnectEvent, Irql, NdkProvider,
    NdkResult, NdkResultEx, NdkVersion, Object, OpFlags, Out, Return, Sge, Status, Upcall, UpcallBody,
};
use des::Time;
use std::net::SocketAddr;

/// A provider over the scripted backend, and its consumer.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Rig {
    checked: Checked<Engine<Script>>,
    /// The device behaves: what is wrong is the provider's doing.
    pub(in crate::engine) honest_device: bool,
}

/// An address of the adapter.
pub(in crate::engine) fn adapter_address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

/// An address of a peer.
pub(in crate::engine) fn peer_address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], port))
}

/// A completion callback with this context.
pub(in crate::engine) fn done(context: u64) -> Completion {
    Completion { callback: Some(Callback(1)), context }
}

impl Rig {
    pub(in crate::engine) fn new(config: Config) -> Self {
        let checked = Checked::new(Engine::new(Script::default(), config), Settings::default());
        Self { checked, honest_device: true }
    }

    pub(in crate::engine) fn engine(&self) -> &Engine<Script> {
        self.checked.inner()
    }

    pub(in crate::engine) fn engine_mut(&mut self) -> &mut Engine<Script> {
        self.checked.inner_mut()
    }

    pub(in crate::engine) fn device(&mut self) -> &mut Script {
        self.engine_mut().backend_mut()
    }

    pub(in crate::engine) fn answer(&mut self, call: Call<'_>) -> Answer {
        let site = CallSite { now: Time::ZERO, processor: 3, level: Irql::Passive, inside: None, inline: false };
        self.checked.call(&mut (), &site, call)
    }

    pub(in crate::engine) fn call(&mut self, call: Call<'_>) -> Return {
        match self.answer(call) {
            Answer::Returned(returned) => returned,
            Answer::Blocks(call) => panic!("{call:?} blocks"),
        }
    }

    pub(in crate::engine) fn status(&mut self, call: Call<'_>) -> Status {
        self.call(call).status
    }

    /// The callbacks that are due; they run until [`leave`](Self::leave).
    pub(in crate::engine) fn enter(&mut self) -> Vec<Upcall> {
        std::iter::from_fn(|| self.checked.next_upcall()).collect()
    }

    /// The only callback that is due.
    pub(in crate::engine) fn enter_one(&mut self) -> Upcall {
        let mut due = self.enter();
        assert_eq!(due.len(), 1, "one callback was expected: {due:?}");
        due.remove(0)
    }

    pub(in crate::engine) fn leave(&mut self, upcall: &Upcall) {
        self.checked.upcall_returned(&mut (), Time::ZERO, upcall.token);
    }

    /// Ends all that the device has to do now.
    pub(in crate::engine) fn finish(&mut self) {
        self.device().finish_queued();
        self.interrupt();
    }

    /// Lets the provider see the device's events.
    pub(in crate::engine) fn interrupt(&mut self) {
        self.checked.interrupt(&mut (), Time::ZERO, 0);
    }

    pub(in crate::engine) fn raise(&mut self, event: Event) {
        self.device().events.push_back(event);
        self.interrupt();
    }

    /// Lets the device and all callbacks run until nothing moves. Returns the callbacks.
    pub(in crate::engine) fn settle(&mut self) -> Vec<Upcall> {
        let mut seen = Vec::new();
        loop {
            self.finish();
            let due = self.enter();
            if due.is_empty() && self.device().queued.is_empty() {
                return seen;
            }
            due.iter().for_each(|upcall| self.leave(upcall));
            seen.extend(due);
        }
    }

    /// Runs a call to its end, whatever its style: its last status, and what it wrote.
    pub(in crate::engine) fn run(&mut self, call: Call<'_>) -> Return {
        let returned = self.call(call);
        if returned.status != Status::PENDING {
            return returned;
        }
        let seen = self.settle();
        match seen.first().map(|upcall| upcall.body.clone()) {
            Some(UpcallBody::CreateCompletion { status, object }) => {
                Return { status, out: object.map_or(Out::Untouched, Out::Object) }
            }
            Some(UpcallBody::RequestCompletion { status, out }) => Return { status, out },
            Some(UpcallBody::CloseCompletion) => Return::status(Status::SUCCESS),
            other => panic!("no completion came, but {other:?}"),
        }
    }

    pub(in crate::engine) fn create(&mut self, call: Call<'_>) -> Object {
        match self.run(call) {
            Return { status: Status::SUCCESS, out: Out::Object(object) } => object,
            other => panic!("a create failed: {other:?}"),
        }
    }

    pub(in crate::engine) fn ok(&mut self, call: Call<'_>) {
        let kind = call.kind();
        assert_eq!(self.run(call).status, Status::SUCCESS, "{kind:?}");
    }

    pub(in crate::engine) fn close(&mut self, object: Object) {
        self.ok(Call::Close { object, completion: done(99) });
    }

    pub(in crate::engine) fn open(&mut self, version: NdkVersion) -> Object {
        self.create(Call::OpenAdapter { version })
    }

    pub(in crate::engine) fn pd(&mut self, adapter: Object) -> Object {
        self.create(Call::CreatePd { adapter, completion: done(1) })
    }

    pub(in crate::engine) fn cq(&mut self, adapter: Object) -> Object {
        let notification = done(1000);
        self.create(Call::CreateCq { adapter, depth: 64, notification, affinity: None, completion: done(1) })
    }

    pub(in crate::engine) fn qp(&mut self, pd: Object, cq: Object) -> Object {
        self.create(Call::CreateQp {
            pd,
            receive_cq: cq,
            initiator_cq: cq,
            qp_context: 0x51,
            receive_depth: 4,
            initiator_depth: 4,
            max_receive_sge: 2,
            max_initiator_sge: 3,
            inline_data_bytes: 32,
            completion: done(1),
        })
    }

    pub(in crate::engine) fn connector(&mut self, adapter: Object) -> Object {
        self.create(Call::CreateConnector { adapter, completion: done(1) })
    }

    pub(in crate::engine) fn params(qp: Object) -> ConnectParams<'static> {
        ConnectParams { qp, inbound_read_limit: 100, outbound_read_limit: 100, private_data: b"hello" }
    }

    pub(in crate::engine) fn no_event() -> DisconnectEvent {
        DisconnectEvent { callback: None, context: 0, extended: false }
    }

    pub(in crate::engine) fn event(context: u64) -> DisconnectEvent {
        DisconnectEvent { callback: Some(Callback(2)), context, extended: false }
    }

    pub(in crate::engine) fn connect_call(connector: Object, qp: Object) -> Call<'static> {
        let (source, destination) = (adapter_address(0), peer_address(5000));
        Call::Connect { connector, source, destination, params: Self::params(qp), completion: done(2) }
    }

    /// An established connection.
    pub(in crate::engine) fn connected(&mut self, adapter: Object, qp: Object, event: DisconnectEvent) -> Object {
        let connector = self.connector(adapter);
        self.ok(Self::connect_call(connector, qp));
        self.ok(Call::CompleteConnect { connector, disconnect_event: event, completion: done(3) });
        connector
    }

    pub(in crate::engine) fn send(&mut self, qp: Object, context: u64, flags: OpFlags) -> Status {
        self.status(Call::Send { qp, context, sgl: &[Sge { address: 4096, length_bytes: 8, token: 1 }], flags })
    }

    pub(in crate::engine) fn arm(&mut self, cq: Object, notify: CqNotify) {
        self.call(Call::ArmCq { cq, notify });
    }

    pub(in crate::engine) fn results(&mut self, cq: Object) -> Vec<NdkResultEx> {
        let mut results = [NdkResultEx::EMPTY; 16];
        match self.call(Call::GetCqResultsEx { cq, results: &mut results }).out {
            Out::Count(count) => results[..count as usize].to_vec(),
            other => panic!("no count: {other:?}"),
        }
    }

    /// Request contexts and statuses of what is in a completion queue, by the plain getter.
    pub(in crate::engine) fn contexts(&mut self, cq: Object) -> Vec<(u64, Status)> {
        let mut results = [NdkResult::EMPTY; 16];
        match self.call(Call::GetCqResults { cq, results: &mut results }).out {
            Out::Count(count) => {
                results[..count as usize].iter().map(|result| (result.request_context, result.status)).collect()
            }
            other => panic!("no count: {other:?}"),
        }
    }

    pub(in crate::engine) fn device_cq(&self, cq: Object) -> CqId {
        self.engine().objects.cq(cq.id).id()
    }

    pub(in crate::engine) fn device_qp(&self, qp: Object) -> QpId {
        self.engine().objects.qp(qp.id).id()
    }

    /// The device ends request `id` of a queue pair.
    pub(in crate::engine) fn completion(&self, qp: Object, id: u64, status: Status) -> WorkCompletion {
        WorkCompletion {
            qp: self.device_qp(qp),
            id,
            receive: false,
            status,
            bytes: 0,
            invalidated: None,
            vendor_error: 0,
            solicited: false,
        }
    }

    pub(in crate::engine) fn complete(&mut self, cq: Object, completion: WorkCompletion) {
        let cq = self.device_cq(cq);
        self.device().complete(cq, completion);
        self.interrupt();
    }

    /// Whether the device knows nothing and the provider holds nothing.
    pub(in crate::engine) fn assert_empty(&self) {
        assert_eq!(self.engine().objects.iter().count(), 0, "{:?}", self.engine().objects);
        assert_eq!(self.engine().local_endpoints(), 0);
        assert_eq!(self.engine().unfinished_upcalls(), 0);
        assert!(self.engine().resources.is_empty(), "{:?}", self.engine().resources);
        assert!(self.engine().tokens.is_empty(), "{:?}", self.engine().tokens);
        assert!(self.engine().closes.is_empty() && self.engine().commands.is_empty());
    }

    /// What the device was told to destroy, in order.
    pub(in crate::engine) fn destroyed(&self, resource: Resource) -> bool {
        self.engine().backend().was_told(&format!("Destroy({resource:?})"))
    }
}

/// What the contract checker has against the provider fails the test.
impl Drop for Rig {
    fn drop(&mut self) {
        let broken = |finding: &&Finding| finding.side() == Side::Provider && finding.severity == Severity::Error;
        let findings: Vec<String> = self.checked.findings().iter().filter(broken).map(ToString::to_string).collect();
        let excused = std::thread::panicking() || !self.honest_device;
        assert!(excused || findings.is_empty(), "{}", findings.join("\n"));
    }
}
