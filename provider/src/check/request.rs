//! Requests and their completions: R67, R68, R70 to R74, R88 (in part), and what a request changes.

use super::checker::Checker;
use super::create::{is_create, settled};
use super::fact::CallFact;
use super::model::{Request, fits};
use crate::ndk::{CallKind, Object, Out, Status, Upcall};

/// Statuses that any function may fail with.
const ANYWHERE: &[Status] = &[
    Status::SUCCESS,
    Status::UNSUCCESSFUL,
    Status::INVALID_PARAMETER,
    Status::NO_MEMORY,
    Status::INSUFFICIENT_RESOURCES,
    Status::NOT_SUPPORTED,
    Status::INTERNAL_ERROR,
    Status::INVALID_DEVICE_STATE,
    Status::INVALID_DEVICE_REQUEST,
    Status::CANCELLED,
    Status::DEVICE_REMOVED,
];

/// Further statuses that the pages of a function, or of its sibling, list.
const fn listed(kind: CallKind) -> &'static [Status] {
    use CallKind as K;
    match kind {
        K::OpenAdapter => &[Status::BAD_VERSION, Status::ADAPTER_NOT_READY],
        K::CreateSharedEndpoint | K::Listen => &[
            Status::SHARING_VIOLATION,
            Status::INVALID_ADDRESS,
            Status::TOO_MANY_ADDRESSES,
            Status::ADDRESS_ALREADY_EXISTS,
            Status::ADDRESS_ALREADY_ASSOCIATED,
        ],
        K::Connect | K::ConnectWithSharedEndpoint => &[
            Status::NETWORK_UNREACHABLE,
            Status::HOST_UNREACHABLE,
            Status::CONNECTION_REFUSED,
            Status::IO_TIMEOUT,
            Status::SHARING_VIOLATION,
            Status::INVALID_ADDRESS,
            Status::TOO_MANY_ADDRESSES,
            Status::ADDRESS_ALREADY_EXISTS,
            Status::ADDRESS_ALREADY_ASSOCIATED,
            Status::CONNECTION_ACTIVE,
            Status::CONNECTION_INVALID,
            Status::CONNECTION_ABORTED,
            Status::INVALID_BUFFER_SIZE,
        ],
        K::CompleteConnect | K::Accept | K::Reject | K::Disconnect | K::GetConnectionData | K::GetPeerAddress => &[
            Status::CONNECTION_INVALID,
            Status::CONNECTION_ABORTED,
            Status::CONNECTION_REFUSED,
            Status::CONNECTION_ACTIVE,
            Status::CONNECTION_DISCONNECTED,
            Status::IO_TIMEOUT,
            Status::INVALID_BUFFER_SIZE,
            Status::BUFFER_TOO_SMALL,
            Status::ADDRESS_ALREADY_ASSOCIATED,
        ],
        K::BuildLam | K::QueryAdapterInfo | K::GetLocalAddress => &[
            Status::BUFFER_TOO_SMALL,
            Status::INVALID_BUFFER_SIZE,
            Status::ACCESS_VIOLATION,
            Status::INVALID_ADDRESS,
            Status::CONNECTION_INVALID,
        ],
        K::ControlCqInterruptModeration => &[Status::INVALID_PARAMETER_MIX],
        K::ResizeCq | K::ModifySrq => &[Status::BUFFER_OVERFLOW],
        K::RegisterMr | K::DeregisterMr | K::InitializeFastRegisterMr => {
            &[Status::IMPLEMENTATION_LIMIT, Status::DEVICE_BUSY, Status::INVALID_BUFFER_SIZE, Status::ACCESS_VIOLATION]
        }
        _ => &[],
    }
}

/// Statuses of posts.
const POSTS: &[Status] = &[
    Status::CONNECTION_INVALID,
    Status::CONNECTION_DISCONNECTED,
    Status::ACCESS_VIOLATION,
    Status::REMOTE_RESOURCES,
    Status::NO_MORE_ENTRIES,
    Status::DATA_OVERRUN,
    Status::BUFFER_OVERFLOW,
    Status::INVALID_PARAMETER_4,
    Status::INVALID_PARAMETER_6,
    Status::IMPLEMENTATION_LIMIT,
    Status::INVALID_BUFFER_SIZE,
    Status::DEVICE_BUSY,
];

/// Whether the other end of the connection decides when a request ends.
pub(super) const fn waits_for_peer(kind: CallKind) -> bool {
    use CallKind as K;
    matches!(kind, K::Connect | K::ConnectWithSharedEndpoint | K::CompleteConnect | K::Accept | K::Disconnect)
}

impl Checker {
    /// R74: pages end with "other status codes", so a status that none lists is a warning only.
    pub(super) fn listed_status(&mut self, fact: &CallFact, status: Status) {
        let kind = fact.kind;
        let own_rules =
            matches!(kind, CallKind::Close | CallKind::CloseAdapter | CallKind::ControlCqInterruptModeration);
        if own_rules || fact.faulty {
            return;
        }
        let may_pend = is_create(kind) || kind.is_asynchronous_request();
        if status == Status::PENDING {
            if !may_pend {
                self.report(74, fact.object, format!("{} returned PENDING; it never pends", kind.name()));
            }
        } else if status.is_success_class() && status != Status::SUCCESS {
            let what = format!("{} returned {status}, a success that consumers do not know", kind.name());
            self.report(74, fact.object, what);
        } else {
            self.unlisted(kind, fact.object, status);
        }
    }

    fn unlisted(&mut self, kind: CallKind, object: Option<Object>, status: Status) {
        let more = if kind.is_post() { POSTS } else { listed(kind) };
        if !ANYWHERE.contains(&status) && !more.contains(&status) {
            self.warn(74, object, format!("{} ended with {status}, which its page does not list", kind.name()));
        }
    }

    pub(super) fn request_returned(&mut self, fact: &CallFact, status: Status, out: &Out) {
        let Some(object) = fact.object else { return };
        if status == Status::PENDING {
            self.request_pends(fact);
            if let Some(entry) = self.model.entry_mut(object.id) {
                entry.requests.push(Request { fact: fact.clone(), running: None });
            }
            return;
        }
        if let (Some(entry), Some(settled)) = (self.model.entry_mut(object.id), settled(fact, status)) {
            entry.settle(settled);
        }
        self.request_done(fact, status, out);
    }

    pub(super) fn request_completed(&mut self, upcall: &Upcall, status: Status, out: &Out) {
        if let Some(fact) = self.completed(upcall, status, false) {
            self.request_done(&fact, status, out);
        }
    }

    /// Finds the request that an upcall completes, and judges whether it may. The request then runs.
    pub(super) fn completed(&mut self, upcall: &Upcall, status: Status, create: bool) -> Option<CallFact> {
        let fact = self.completes(upcall, create)?;
        if status == Status::PENDING {
            self.report(73, Some(upcall.object), format!("{} completed with PENDING", fact.kind.name()));
        } else {
            self.unlisted(fact.kind, Some(upcall.object), status);
        }
        self.limits_answered(&fact, status);
        Some(fact)
    }

    fn completes(&mut self, upcall: &Upcall, create: bool) -> Option<CallFact> {
        let what = if create { "create completion" } else { "request completion" };
        let Some(entry) = self.model.entry_mut(upcall.object.id) else {
            self.report(88, Some(upcall.object), format!("a {what} was called for what is no object"));
            return None;
        };
        let object = entry.object;
        let open = |request: &Request| request.running.is_none() && is_create(request.fact.kind) == create;
        let exact = |request: &Request| {
            request.fact.completion.is_some_and(|given| fits(given, upcall.callback, upcall.context))
        };
        let position = entry.requests.iter().position(|request| open(request) && exact(request));
        let near = || entry.requests.iter().position(open);
        let again = entry.settled.iter().rev().find(|settled| {
            is_create(settled.kind) == create && fits(settled.completion, upcall.callback, upcall.context)
        });
        if position.is_none()
            && let Some(settled) = again
        {
            let (settled, closed) = (*settled, entry.is_closed());
            self.completed_again(object, settled, closed);
            return None;
        }
        let Some(found) = position.or_else(near) else {
            let closed = entry.is_closed();
            let rule = if closed {
                88
            } else if create {
                68
            } else {
                72
            };
            self.report(rule, Some(object), format!("a {what} was called for {object:?}, and no request pends"));
            return None;
        };
        let request = entry.requests.get_mut(found)?;
        request.running = Some(upcall.token);
        let fact = request.fact.clone();
        entry.settled.extend(settled(&fact, Status::PENDING));
        if let Some(running) = self.model.running.get_mut(&upcall.token) {
            running.completes = Some(fact.number);
        }
        if position.is_none() {
            let function = fact.kind.name();
            let (number, context) = (fact.number, upcall.context);
            let what =
                format!("call {number}, {function}, was completed with another callback or context ({context:#x})");
            self.report(if create { 71 } else { 72 }, Some(object), what);
        }
        Some(fact)
    }

    fn completed_again(&mut self, object: Object, settled: super::model::Settled, closed: bool) {
        let (number, function, create) = (settled.number, settled.kind.name(), is_create(settled.kind));
        let (rule, how) = match settled.answer {
            _ if closed => (88, "was completed after the close of its object completed".to_owned()),
            Status::PENDING => (if create { 68 } else { 72 }, "was completed a second time".to_owned()),
            Status::SUCCESS => (if create { 67 } else { 72 }, "returned SUCCESS and was completed too".to_owned()),
            status => (if create { 70 } else { 72 }, format!("failed inline with {status} and was completed too")),
        };
        self.report(rule, Some(object), format!("call {number}, {function}, {how}"));
    }

    /// What changes when a request begins.
    fn request_pends(&mut self, fact: &CallFact) {
        match fact.kind {
            CallKind::RegisterMr | CallKind::DeregisterMr | CallKind::InitializeFastRegisterMr => {
                self.registration_pends(fact);
            }
            CallKind::ModifySrq => self.srq_modifying(fact),
            kind if waits_for_peer(kind) => self.connection_pends(fact),
            _ => {}
        }
    }

    /// What changes when a request ends, inline or by completion.
    fn request_done(&mut self, fact: &CallFact, status: Status, out: &Out) {
        match fact.kind {
            CallKind::BuildLam => self.lam_built(fact, status, out),
            CallKind::ResizeCq => self.cq_resized(fact, status),
            CallKind::RegisterMr | CallKind::DeregisterMr | CallKind::InitializeFastRegisterMr => {
                self.registration_done(fact, status);
            }
            CallKind::ModifySrq => self.srq_modified(fact, status),
            CallKind::Listen => self.listening(fact, status),
            _ => self.connection_done(fact, status),
        }
    }
}
