//! Random consumers, devices and orders of return: no panic, each request completes once, all can be closed in the end.

mod arguments;

use crate::backend::{ConnectionId, ConnectionLimits, Event, QpId, Resource, WorkCompletion};
use crate::engine::testing::{Rig, adapter_address, done, peer_address};
use crate::engine::{Config, Policy, PostAfterEnd, SrqStart, Style};
use crate::ndk::{
    Answer, Call, CallKind, MrFlags, NdkResult, NdkResultEx, NdkVersion, Object, ObjectKind, Out, Return, Status,
    Upcall, UpcallBody,
};
use arguments::{Arguments, Handles};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Random numbers that say what happens next.
type Step = (u8, u8, u8, u8, u16);

pub(super) struct Chaos {
    rig: Rig,
    /// Every pointer that the consumer ever had.
    known: Vec<Object>,
    /// Those that it must close.
    open: Vec<Object>,
    running: Vec<Upcall>,
    /// Contexts of requests and closes that returned PENDING.
    pending: BTreeSet<u64>,
    /// Objects whose close has completed.
    gone: BTreeSet<u64>,
    blocked: usize,
    next_context: u64,
    /// What the device has ended of each queue.
    done: BTreeMap<(QpId, bool), u64>,
    /// Queue pairs in error.
    failed: BTreeSet<QpId>,
}

impl Chaos {
    fn new(config: Config) -> Self {
        let mut rig = Rig::new(config);
        rig.device().capabilities.loopback = true;
        Self {
            rig,
            known: Vec::new(),
            open: Vec::new(),
            running: Vec::new(),
            pending: BTreeSet::new(),
            gone: BTreeSet::new(),
            blocked: 0,
            next_context: 1,
            done: BTreeMap::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Something to begin with, so that deep states are reached.
    fn furnish(&mut self) {
        let adapter = self.rig.open(NdkVersion::V1_2);
        let (pd, cq) = (self.rig.pd(adapter), self.rig.cq(adapter));
        let completion = done(0);
        let listener = self.rig.create(Call::CreateListener { adapter, connect_event: completion, completion });
        self.rig.ok(Call::Listen { listener, address: adapter_address(5000), completion });
        let mut all = vec![adapter, pd, cq, listener];
        for fast_register in [true, false] {
            let mr = self.rig.create(Call::CreateMr { pd, fast_register, completion });
            let mw = self.rig.create(Call::CreateMw { pd, completion });
            let (qp, idle) = (self.rig.qp(pd, cq), self.rig.qp(pd, cq));
            let connector = self.rig.connected(adapter, qp, Rig::event(1));
            if fast_register {
                let adapter_page_count = 3;
                self.rig.ok(Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access: true, completion });
            } else {
                let mdl = Arguments::new(0).mdl;
                let flags = MrFlags::ALLOW_LOCAL_WRITE;
                self.rig.ok(Call::RegisterMr { mr, mdl: &mdl, length_bytes: 8192, flags, completion });
            }
            all.extend([mr, mw, qp, idle, connector]);
        }
        all.into_iter().for_each(|object| self.learn(object));
    }

    fn step(&mut self, (what, a, b, c, d): Step) {
        match what % 32 {
            0..20 => self.call((what / 32) ^ a, (a, b, c), d),
            20..23 => self.rig.finish(),
            23..26 => self.leave(a),
            26 => self.event(a, b, d),
            27..30 => self.complete(a, d),
            30 if d.is_multiple_of(4) => {
                let status = [Status::INSUFFICIENT_RESOURCES, Status::CONNECTION_REFUSED, Status::PENDING];
                self.rig.device().results.push_back(Err(status[usize::from(a % 3)]));
            }
            _ => self.close(a),
        }
        self.enter();
    }

    /// A pointer of this kind if there is one; now and then a stale, a wrong or a made-up one.
    fn object(&self, kind: ObjectKind, choice: u8) -> Object {
        let made_up = Object { kind, id: u64::from(choice), version: NdkVersion::V1_2 };
        if choice % 16 == 15 {
            return self.known.get(usize::from(choice)).copied().unwrap_or(made_up);
        }
        let fit: Vec<Object> = self.open.iter().copied().filter(|object| object.kind == kind).collect();
        fit.get(usize::from(choice) % fit.len().max(1)).copied().unwrap_or(made_up)
    }

    fn call(&mut self, which: u8, (a, b, c): (u8, u8, u8), d: u16) {
        let kind = CallKind::ALL[usize::from(which) % CallKind::ALL.len()];
        self.next_context += 1;
        let context = self.next_context;
        let arguments = Arguments::new(d);
        let (mut results, mut extended) = ([NdkResult::EMPTY; 3], [NdkResultEx::EMPTY; 3]);
        let handles = Handles::choose(self, (a, b, c));
        let call = match kind {
            CallKind::GetCqResults => Call::GetCqResults { cq: handles.cq, results: &mut results },
            CallKind::GetCqResultsEx => Call::GetCqResultsEx { cq: handles.cq, results: &mut extended },
            _ if kind.is_post() => arguments.post(kind, &handles, context),
            _ => arguments.call(kind, &handles, context),
        };
        let adapter = if let Call::CloseAdapter { adapter } = call { Some(adapter) } else { None };
        let answer = self.rig.answer(call);
        match answer {
            Answer::Blocks(_) => self.blocked += 1,
            Answer::Returned(Return { status: Status::PENDING, out }) => {
                assert_eq!(out, Out::Untouched, "{kind:?}");
                self.pending.insert(context);
            }
            Answer::Returned(Return { status: Status::SUCCESS, out: Out::Object(object) }) => self.learn(object),
            Answer::Returned(Return { status: Status::SUCCESS, .. }) => {}
            Answer::Returned(_) => return,
        }
        self.open.retain(|&open| Some(open) != adapter);
    }

    fn close(&mut self, choice: u8) {
        let Some(&object) = self.open.get(usize::from(choice) % self.open.len().max(1)) else { return };
        // Adapters go last, or there is soon nothing to play with.
        if object.kind != ObjectKind::Adapter {
            self.close_object(object);
        }
    }

    fn close_object(&mut self, object: Object) {
        self.open.retain(|&open| open != object);
        if object.kind == ObjectKind::Adapter {
            if let Answer::Blocks(_) = self.rig.answer(Call::CloseAdapter { adapter: object }) {
                self.blocked += 1;
            }
            return;
        }
        self.next_context += 1;
        let completion = done(self.next_context);
        match self.rig.status(Call::Close { object, completion }) {
            Status::PENDING => drop(self.pending.insert(self.next_context)),
            Status::SUCCESS => drop(self.gone.insert(object.id)),
            other => panic!("a close returned {other}"),
        }
    }

    fn learn(&mut self, object: Object) {
        self.known.push(object);
        self.open.push(object);
    }

    fn enter(&mut self) {
        for upcall in self.rig.enter() {
            assert!(!self.gone.contains(&upcall.object.id), "{upcall:?} of a closed object");
            match upcall.body {
                UpcallBody::CreateCompletion { status, object } => {
                    assert!(self.pending.remove(&upcall.context), "{upcall:?} was not pending");
                    assert_eq!(status == Status::SUCCESS, object.is_some());
                    assert_ne!(status, Status::PENDING);
                    object.into_iter().for_each(|object| self.learn(object));
                }
                UpcallBody::RequestCompletion { status, .. } => {
                    assert!(self.pending.remove(&upcall.context), "{upcall:?} was not pending");
                    assert_ne!(status, Status::PENDING);
                }
                UpcallBody::CloseCompletion => {
                    assert!(self.pending.remove(&upcall.context), "{upcall:?} was not pending");
                    let of_object = |running: &&Upcall| running.object == upcall.object;
                    let creates = |running: &&Upcall| matches!(running.body, UpcallBody::CreateCompletion { .. });
                    let others = self.running.iter().filter(of_object).filter(|running| !creates(running)).count();
                    assert_eq!(others, 0, "{upcall:?}: another callback runs");
                    self.gone.insert(upcall.object.id);
                }
                UpcallBody::CqNotification { .. } => {
                    let overlap = self.running.iter().any(|running| {
                        running.object == upcall.object && matches!(running.body, UpcallBody::CqNotification { .. })
                    });
                    assert!(!overlap, "{upcall:?} overlaps");
                }
                UpcallBody::ConnectEvent { connector } => self.learn(connector),
                UpcallBody::CallReturns { .. } => self.blocked -= 1,
                UpcallBody::SrqNotification { .. } | UpcallBody::DisconnectEvent { .. } => {}
            }
            self.running.push(upcall);
        }
    }

    fn leave(&mut self, choice: u8) {
        if !self.running.is_empty() {
            let upcall = self.running.remove(usize::from(choice) % self.running.len());
            self.rig.leave(&upcall);
        }
    }

    /// Something of the device's, most often of an object that is there.
    fn event(&mut self, what: u8, choice: u8, d: u16) {
        let resources: Vec<Resource> = self.rig.engine().resources.keys().copied().collect();
        let Some(&resource) = resources.get(usize::from(choice) % resources.len().max(1)) else { return };
        let event = match (resource, what % 8) {
            (_, 7) if d.is_multiple_of(64) => Event::DeviceError,
            (Resource::Cq(cq), 0) => Event::CqError { cq, overrun: d.is_multiple_of(2) },
            (Resource::Cq(cq), _) => Event::CqReady(cq),
            (Resource::Qp(qp), _) => Event::QpError(qp),
            (Resource::Srq(srq), 0) => Event::SrqError(srq),
            (Resource::Srq(srq), _) => Event::SrqLimit(srq),
            (Resource::Listener(listener), _) => Event::ConnectionRequest {
                listener,
                connection: ConnectionId(100_000 + u32::from(d)),
                local: adapter_address(5000),
                peer: peer_address(d),
                limits: ConnectionLimits { inbound_reads: 1, outbound_reads: 1 },
                private_data: Bytes::new(),
            },
            (Resource::Connection(connection), 0..4) => {
                Event::Disconnected { connection, graceful: d.is_multiple_of(2) }
            }
            (Resource::Connection(connection), _) => Event::ConnectionAborted(connection),
            _ => return,
        };
        self.rig.raise(event);
    }

    /// The device ends a request: the next of its queue, or with a device that does not behave, any.
    fn complete(&mut self, choice: u8, d: u16) {
        let qps: Vec<(QpId, u64)> = self
            .rig
            .engine()
            .resources
            .iter()
            .filter_map(|(resource, &id)| match resource {
                Resource::Qp(qp) => Some((*qp, id)),
                _ => None,
            })
            .collect();
        let Some(&(qp, object)) = qps.get(usize::from(choice) % qps.len().max(1)) else { return };
        let receive = d & 4 != 0;
        let status = [Status::SUCCESS, Status::SUCCESS, Status::CANCELLED, Status::IO_TIMEOUT][usize::from(d % 4)];
        let (id, status) = if self.rig.honest_device {
            let Some(next) = self.next_request(qp, receive, status) else { return };
            next
        } else {
            (u64::from(d >> 4) % 6, status)
        };
        let (receive_cq, initiator_cq) = self.rig.engine().objects.qp(object).spec().cqs();
        let cq = self.rig.engine().objects.cq(if receive { receive_cq } else { initiator_cq }).id();
        let invalidated = (!self.rig.honest_device && d & 16 != 0).then_some(u32::from(d) << 4);
        let solicited = d & 8 != 0;
        let completion = WorkCompletion { qp, id, receive, status, bytes: 1, invalidated, vendor_error: 0, solicited };
        self.rig.device().complete(cq, completion);
        self.rig.interrupt();
    }

    /// The next request of a queue that a device would report, and how it would if it wanted to end it with `status`.
    fn next_request(&mut self, qp: QpId, receive: bool, status: Status) -> Option<(u64, Status)> {
        let next = self.done.get(&(qp, receive)).copied().unwrap_or(0);
        let flushed = self.rig.engine().backend().was_told(&format!("FlushQp({qp:?})"));
        let failed = flushed || self.failed.contains(&qp);
        let device = self.rig.device();
        let (id, status) = if receive {
            (device.receives.iter().find(|&&(of, id)| of == qp && id >= next)?.1, status)
        } else {
            let silent_passes = !failed && status == Status::SUCCESS;
            let mut posted = device.sends.iter().filter(|send| send.0 == qp && send.1 >= next);
            (posted.find(|send| send.2 || !silent_passes)?.1, status)
        };
        let status = if failed { Status::CANCELLED } else { status };
        if status != Status::SUCCESS {
            self.failed.insert(qp);
        }
        self.done.insert((qp, receive), id + 1);
        Some((id, status))
    }

    /// Closes all that is left, in the order given by `first`, and looks whether anything stayed.
    fn end(&mut self, first: u8) {
        self.rig.device().results.clear();
        self.settle();
        let mut rest = std::mem::take(&mut self.open);
        rest.sort_by_key(|object| object.id.wrapping_mul(u64::from(first) | 1) % 64);
        for object in rest {
            self.close_object(object);
            self.enter();
        }
        self.settle();
        // Creates and connect events that came late.
        while let Some(object) = self.open.pop() {
            self.close_object(object);
            self.settle();
        }
        assert_eq!((self.pending.len(), self.blocked), (0, 0), "{:?} never completed", self.pending);
        self.rig.assert_empty();
    }

    fn settle(&mut self) {
        loop {
            self.rig.finish();
            self.enter();
            if self.running.is_empty() && self.rig.device().queued.is_empty() {
                return;
            }
            while !self.running.is_empty() {
                self.leave(0);
            }
        }
    }
}

fn config(style: u8, policy: u8) -> Config {
    let styles = [Style::Inline, Style::InsideCall, Style::Beside, Style::Pending];
    let style_of = |index: usize| styles[(usize::from(style) + index * usize::from(policy)) % 4];
    let bit = |index: u8| policy >> index & 1 == 1;
    let policy = Policy {
        old_entries_satisfy_arm: bit(0),
        results_after_qp_close: bit(1),
        serialise_connect_events: bit(2),
        post_after_end: if bit(3) { PostAfterEnd::Flushed } else { PostAfterEnd::Refused },
        srq_start: if bit(4) { SrqStart::AtOnce } else { SrqStart::WhenFilled },
        unknown_flags: if bit(5) { None } else { Some(Status::INVALID_PARAMETER) },
        window_is_bound: if bit(6) { None } else { Some(Status::DEVICE_BUSY) },
        ..Policy::default()
    };
    Config {
        versions: vec![NdkVersion::V1_2, NdkVersion::V2_1],
        style: style_of(0),
        styles: CallKind::ALL.iter().enumerate().map(|(index, &kind)| (kind, style_of(index))).collect(),
        close_styles: ObjectKind::ALL.iter().enumerate().map(|(index, &kind)| (kind, style_of(index))).collect(),
        policy,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_consumer_does_breaks_the_provider(
        steps in proptest::collection::vec(any::<Step>(), 1..400),
        style in any::<u8>(),
        policy in any::<u8>(),
        end in any::<u8>(),
        honest_device in any::<bool>(),
    ) {
        let mut chaos = Chaos::new(config(style, policy));
        chaos.rig.honest_device = honest_device;
        chaos.furnish();
        for step in steps {
            chaos.step(step);
        }
        chaos.end(end);
    }
}
