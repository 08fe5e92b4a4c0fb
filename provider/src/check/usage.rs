//! Which objects a call is given: R1, R2, R3, R14, R15.

use super::checker::Checker;
use super::fact::{Args, CallFact};
use super::model::Life;
use crate::ndk::{Call, CallKind, NdkVersion, Object, ObjectKind, OpFlags};

/// What an object argument may be.
#[derive(Clone, Copy)]
enum Wanted {
    One(ObjectKind),
    /// A getter of three tables.
    Addressed,
    /// What `NdkInvalidate` takes.
    Invalidable,
    /// Anything with the function in its table.
    AnyButAdapter,
    Any,
}

impl Wanted {
    fn allows(self, kind: ObjectKind) -> bool {
        match self {
            Self::One(wanted) => kind == wanted,
            Self::Addressed => {
                matches!(kind, ObjectKind::Connector | ObjectKind::Listener | ObjectKind::SharedEndpoint)
            }
            Self::Invalidable => matches!(kind, ObjectKind::Mr | ObjectKind::Mw),
            Self::AnyButAdapter => kind != ObjectKind::Adapter,
            Self::Any => true,
        }
    }
}

/// Whose table a function stands in.
const fn table(kind: CallKind) -> Wanted {
    use CallKind as K;
    match kind {
        K::OpenAdapter | K::QueryExtension => Wanted::Any,
        K::Close => Wanted::AnyButAdapter,
        K::CloseAdapter
        | K::QueryAdapterInfo
        | K::CreateCq
        | K::CreatePd
        | K::CreateSharedEndpoint
        | K::CreateConnector
        | K::CreateListener
        | K::BuildLam
        | K::ReleaseLam => Wanted::One(ObjectKind::Adapter),
        K::CreateMr | K::CreateMw | K::CreateSrq | K::CreateQp | K::CreateQpWithSrq | K::GetPrivilegedToken => {
            Wanted::One(ObjectKind::Pd)
        }
        K::ResizeCq | K::ArmCq | K::GetCqResults | K::ControlCqInterruptModeration | K::GetCqResultsEx => {
            Wanted::One(ObjectKind::Cq)
        }
        K::RegisterMr
        | K::DeregisterMr
        | K::InitializeFastRegisterMr
        | K::GetRemoteTokenFromMr
        | K::GetLocalTokenFromMr => Wanted::One(ObjectKind::Mr),
        K::GetRemoteTokenFromMw => Wanted::One(ObjectKind::Mw),
        K::ModifySrq | K::SrqReceive => Wanted::One(ObjectKind::Srq),
        K::Flush
        | K::Send
        | K::SendAndInvalidate
        | K::Receive
        | K::Bind
        | K::FastRegister
        | K::Invalidate
        | K::Read
        | K::Write
        | K::Atomic => Wanted::One(ObjectKind::Qp),
        K::Connect
        | K::ConnectWithSharedEndpoint
        | K::CompleteConnect
        | K::Accept
        | K::Reject
        | K::GetConnectionData
        | K::GetPeerAddress
        | K::Disconnect => Wanted::One(ObjectKind::Connector),
        K::GetLocalAddress => Wanted::Addressed,
        K::Listen | K::ControlConnectEvents => Wanted::One(ObjectKind::Listener),
    }
}

impl Checker {
    /// Whether all objects of the call can be spoken of; what is wrong with them is reported.
    pub(super) fn usage(&mut self, fact: &CallFact, call: &Call<'_>) -> bool {
        let Some(object) = fact.object else { return true };
        let mut sound = self.argument(fact, object, table(fact.kind), None);
        match *call {
            Call::CreateQp { receive_cq, initiator_cq, .. } => {
                sound &= self.argument(fact, receive_cq, Wanted::One(ObjectKind::Cq), Some("receive CQ"));
                sound &= self.argument(fact, initiator_cq, Wanted::One(ObjectKind::Cq), Some("initiator CQ"));
            }
            Call::CreateQpWithSrq { receive_cq, initiator_cq, srq, .. } => {
                sound &= self.argument(fact, receive_cq, Wanted::One(ObjectKind::Cq), Some("receive CQ"));
                sound &= self.argument(fact, initiator_cq, Wanted::One(ObjectKind::Cq), Some("initiator CQ"));
                sound &= self.argument(fact, srq, Wanted::One(ObjectKind::Srq), Some("SRQ"));
            }
            Call::Bind { mr, mw, .. } => {
                sound &= self.argument(fact, mr, Wanted::One(ObjectKind::Mr), Some("region"));
                sound &= self.argument(fact, mw, Wanted::One(ObjectKind::Mw), Some("window"));
            }
            Call::FastRegister { mr, .. } => {
                sound &= self.argument(fact, mr, Wanted::One(ObjectKind::Mr), Some("region"));
            }
            Call::Invalidate { target, .. } => {
                sound &= self.argument(fact, target, Wanted::Invalidable, Some("target"));
            }
            Call::Connect { params, .. } | Call::Accept { params, .. } => {
                sound &= self.argument(fact, params.qp, Wanted::One(ObjectKind::Qp), Some("QP"));
            }
            Call::ConnectWithSharedEndpoint { params, endpoint, .. } => {
                sound &= self.argument(fact, params.qp, Wanted::One(ObjectKind::Qp), Some("QP"));
                let wanted = Wanted::One(ObjectKind::SharedEndpoint);
                sound &= self.argument(fact, endpoint, wanted, Some("endpoint"));
            }
            _ => {}
        }
        if sound {
            self.callbacks(fact, object);
            self.version(fact, object);
        }
        sound
    }

    fn argument(&mut self, fact: &CallFact, given: Object, wanted: Wanted, role: Option<&str>) -> bool {
        let function = fact.kind.name();
        let role = role.map_or_else(String::new, |role| format!(" as its {role}"));
        let Some(entry) = self.model.entry(given.id) else {
            self.report(1, Some(given), format!("{function} was given {given:?}{role}, which is no object (any more)"));
            return false;
        };
        let known = entry.object;
        // A second close is R10, and is told there.
        let closes = role.is_empty() && matches!(fact.kind, CallKind::Close | CallKind::CloseAdapter);
        if !entry.is_live() && !closes {
            let state = match entry.life {
                Life::Closing { since, .. } => format!("whose close was called at {since}"),
                _ => "which is closed".into(),
            };
            self.report(1, Some(known), format!("{function} was given {known:?}{role}, {state}"));
            return false;
        }
        if known != given {
            let what = format!(
                "{function} was given {known:?}{role} with the header of a {} of version {}",
                given.kind.name(),
                given.version
            );
            self.report(14, Some(known), what);
            return false;
        }
        if !wanted.allows(known.kind) {
            self.report(2, Some(known), format!("{function} was given {known:?}{role}, which is of another type"));
            return false;
        }
        let adapter = fact.object.and_then(|object| self.model.entry(object.id)).map(|subject| subject.adapter);
        if adapter.is_some_and(|adapter| self.model.entry(known.id).is_some_and(|entry| entry.adapter != adapter)) {
            self.report(2, Some(known), format!("{function} was given {known:?}{role}, which is of another adapter"));
            return false;
        }
        true
    }

    fn callbacks(&mut self, fact: &CallFact, object: Object) {
        let null = |completion: crate::ndk::Completion| completion.callback.is_none();
        let function = fact.kind.name();
        if fact.kind != CallKind::BuildLam && fact.completion.is_some_and(null) {
            self.report(3, Some(object), format!("{function} was given no completion callback"));
        }
        match fact.args {
            Args::CreateCq { notification, .. } if null(notification) => {
                self.report(3, Some(object), format!("{function} was given no notification callback"));
            }
            Args::CreateListener(event) if null(event) => {
                self.report(3, Some(object), format!("{function} was given no connect event callback"));
            }
            _ => {}
        }
    }

    fn version(&mut self, fact: &CallFact, object: Object) {
        let function = fact.kind.name();
        let since = match (&fact.args, fact.kind) {
            (_, CallKind::SendAndInvalidate | CallKind::GetCqResultsEx) => NdkVersion::V1_2,
            (Args::Post(post), _)
                if post.flags.intersects(OpFlags::DEFER)
                    || post.kind == CallKind::Read && post.flags.intersects(OpFlags::RDMA_READ_LOCAL_INVALIDATE) =>
            {
                NdkVersion::V1_2
            }
            (Args::Accept { event, .. } | Args::CompleteConnect(event), _) if event.extended => NdkVersion::V2_1,
            _ => return,
        };
        if object.version < since {
            let has = object.version;
            self.report(
                15,
                Some(object),
                format!("{function} needs version {since} as it was called, {object:?} has {has}"),
            );
        }
    }
}
