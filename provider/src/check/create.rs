//! Opening and creating: R62, R66 to R71, R73, R144, and the pictures of new objects.

use super::checker::Checker;
use super::fact::{Args, CallFact};
use super::model::connection::{Connector, Listener, Phase};
use super::model::memory::{MemoryRegion, Registration};
use super::model::queue::{CompletionQueue, PostQueue, QueuePair, SharedReceiveQueue, SrqArm};
use super::model::{Detail, Request, Settled};
use crate::ndk::{CallKind, Completion, Object, ObjectKind, Out, Status, Upcall, extension};

/// What is known of an object from the arguments it was created with.
fn detail(args: &Args, kind: ObjectKind) -> Detail {
    match (args, kind) {
        (_, ObjectKind::Adapter) => Detail::Adapter(Box::default()),
        (_, ObjectKind::Pd) => Detail::Pd { privileged_token: None },
        (&Args::CreateCq { depth, notification }, _) => Detail::Cq(Box::new(CompletionQueue::new(depth, notification))),
        (&Args::CreateQp(args), _) => Detail::Qp(Box::new(QueuePair::new(args))),
        (&Args::CreateSrq(args), _) => Detail::Srq(Box::new(SharedReceiveQueue {
            depth: args.depth,
            max_sge: args.max_sge,
            threshold: args.threshold,
            notification: args.notification,
            arm: if args.threshold > 0 { SrqArm::Either } else { SrqArm::Disarmed },
            modifying: false,
            below: None,
            dead: false,
            queue: PostQueue::default(),
        })),
        (&Args::CreateMr { fast }, _) => {
            Detail::Mr(MemoryRegion { fast, registration: Registration::None, region: None })
        }
        (_, ObjectKind::Mw) => Detail::Mw { bound_to: None, token_valid: false, changed: None },
        (_, ObjectKind::Connector) => Detail::Connector(Box::new(connector(false))),
        (&Args::CreateSharedEndpoint(address), _) => Detail::Endpoint(address),
        (&Args::CreateListener(event), _) => Detail::Listener(Listener { event, address: None, paused: false }),
        _ => Detail::Plain,
    }
}

/// A connector that nothing has been done with.
fn connector(offered: bool) -> Connector {
    let phase = if offered { Phase::Offered } else { Phase::Idle };
    Connector { offered, phase, connect: None, event: None, events_seen: 0, established: false }
}

impl Checker {
    pub(super) fn adapter_opened(&mut self, fact: &CallFact, status: Status, out: &Out) {
        if status != Status::SUCCESS {
            return;
        }
        let (Out::Object(object), Args::Open(asked)) = (out, &fact.args) else {
            self.report(67, None, format!("{} succeeded without an adapter", fact.kind.name()));
            return;
        };
        let got = object.version;
        // Whether an older major opens a newer one is an open point (9.2).
        if got < *asked {
            self.report(144, Some(*object), format!("version {asked} was asked for, the adapter has {got}"));
        }
        self.hand_over(*object, ObjectKind::Adapter, None, &fact.args);
    }

    pub(super) fn create_returned(&mut self, fact: &CallFact, status: Status, out: &Out) {
        let function = fact.kind.name();
        let (Some(parent), Some(kind), Some(completion)) = (fact.object, fact.kind.creates(), fact.completion) else {
            return;
        };
        match (status, out) {
            (Status::PENDING, _) => {
                if *out != Out::Untouched {
                    let what = format!("{function} returned PENDING and wrote {} to the out-parameter", written(out));
                    self.report(69, Some(parent), what);
                }
                if let Some(entry) = self.model.entry_mut(parent.id) {
                    entry.requests.push(Request { fact: fact.clone(), running: None });
                }
                return;
            }
            (Status::SUCCESS, Out::Object(object)) => {
                self.hand_over(*object, kind, Some(parent), &fact.args);
            }
            (Status::SUCCESS, _) => {
                self.report(67, Some(parent), format!("{function} returned SUCCESS and wrote no object"));
            }
            _ => {}
        }
        if let Some(entry) = self.model.entry_mut(parent.id) {
            entry.settle(Settled { number: fact.number, kind: fact.kind, completion, answer: status });
        }
    }

    pub(super) fn create_completed(&mut self, upcall: &Upcall, status: Status, object: Option<Object>) {
        let parent = upcall.object;
        let Some(request) = self.completed(upcall, status, true) else { return };
        let function = request.kind.name();
        let Some(kind) = request.kind.creates() else { return };
        if status != Status::SUCCESS {
            return;
        }
        let Some(object) = object else {
            self.report(71, Some(parent), format!("{function} completed with SUCCESS and no object"));
            return;
        };
        if object.kind != kind {
            self.report(71, Some(parent), format!("{function} completed with {object:?}, which is of another type"));
            return;
        }
        if self.model.entry(object.id).is_some() {
            self.report(71, Some(object), format!("{function} completed with {object:?}, which is not new"));
            return;
        }
        self.hand_over(object, kind, Some(parent), &request.args);
    }

    /// A connect event hands a connector over.
    pub(super) fn connector_offered(&mut self, listener: Object, object: Object) {
        let adapter = self.model.entry(listener.id).map(|entry| entry.adapter);
        let Some(adapter) = adapter.and_then(|id| self.model.object(id)) else { return };
        self.hand_over(object, ObjectKind::Connector, Some(adapter), &Args::None);
        if let Some(state) = self.model.connector_mut(object.id) {
            *state = connector(true);
        }
        self.model.relate(listener.id, object.id);
    }

    fn hand_over(&mut self, object: Object, kind: ObjectKind, parent: Option<Object>, args: &Args) {
        if object.kind != kind {
            let what = format!("a {} was handed over with the header of a {}", kind.name(), object.kind.name());
            self.report(62, Some(object), what);
        }
        let adapter = parent.and_then(|parent| self.model.entry(parent.id)).map(|parent| parent.adapter);
        if let Some(adapter) = adapter.and_then(|id| self.model.object(id))
            && adapter.version != object.version
        {
            let (has, wanted) = (object.version, adapter.version);
            self.report(62, Some(object), format!("{object:?} has version {has} in its header, its adapter {wanted}"));
        }
        if self.model.entry(object.id).is_some() {
            self.report(62, Some(object), format!("{object:?} was handed over, and exists already"));
            return;
        }
        self.model.adopt(object, parent.map(|parent| parent.id), detail(args, kind));
        match args {
            Args::CreateQp(args) => self.qp_created(object.id, args),
            Args::CreateSharedEndpoint(address) => self.hold_address(object, *address),
            _ => {}
        }
    }

    /// R66: there is no standard extension to be known, and one of this provider's.
    pub(super) fn extension_queried(&mut self, fact: &CallFact, status: Status) {
        let known = matches!(fact.args, Args::Extension(extension::ATOMICS)) && status == Status::SUCCESS;
        if status != Status::NOT_SUPPORTED && !known && !fact.faulty {
            let function = fact.kind.name();
            self.report(66, fact.object, format!("{function} answered {status} for an interface that nobody defined"));
        }
    }
}

fn written(out: &Out) -> String {
    match out {
        Out::Object(object) => format!("{object:?}"),
        _ => "something else".into(),
    }
}

/// The completion that a settled request was given.
pub(super) fn settled(fact: &CallFact, answer: Status) -> Option<Settled> {
    let completion: Completion = fact.completion?;
    Some(Settled { number: fact.number, kind: fact.kind, completion, answer })
}

/// Whether a function makes an object.
pub(super) const fn is_create(kind: CallKind) -> bool {
    kind.creates().is_some()
}
