//! The mechanisms of breaking a provider, each small; a defect is one of them with its particulars.

use crate::bench::Creation;
use crate::entry::Entry;
use provider::ndk::{Call, CallKind, NdkResultEx, ObjectKind, Return, Status, Upcall, UpcallBody};

/// A broken provider: a healthy one with one mechanism.
#[derive(Clone, Copy, Debug)]
pub struct Defect {
    /// Its row.
    pub entry: Entry,
    /// The case of the suite that shows it.
    pub case: &'static str,
    /// How that case is to be set up.
    pub creation: Creation,
    /// What is broken.
    pub how: How,
}

/// Which upcalls a mechanism concerns.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// The completion of this create or request.
    Completion(CallKind),
    /// The close completion of this kind of object.
    Close(ObjectKind),
    /// Notifications of completion queues.
    Notification,
    /// Notifications of shared receive queues.
    LowWater,
    /// Connect events.
    ConnectEvent,
    /// Disconnect events.
    DisconnectEvent,
}

impl Which {
    /// Whether an upcall is meant; `completes` is the function that it completes.
    pub(super) fn fits(self, upcall: &Upcall, completes: Option<CallKind>) -> bool {
        match (self, &upcall.body) {
            (Self::Completion(kind), UpcallBody::CreateCompletion { .. } | UpcallBody::RequestCompletion { .. }) => {
                completes == Some(kind)
            }
            (Self::Close(kind), UpcallBody::CloseCompletion) => upcall.object.kind == kind,
            (Self::Notification, UpcallBody::CqNotification { .. })
            | (Self::LowWater, UpcallBody::SrqNotification { .. })
            | (Self::ConnectEvent, UpcallBody::ConnectEvent { .. })
            | (Self::DisconnectEvent, UpcallBody::DisconnectEvent { .. }) => true,
            _ => false,
        }
    }
}

/// What becomes of results.
#[derive(Clone, Copy, Debug)]
pub enum Skew {
    /// Each is changed.
    Each(fn(&mut NdkResultEx)),
    /// The first of all comes a second time.
    Twice,
    /// Those of one call come in reverse.
    Reversed,
    /// Failures are kept back.
    FailuresLost,
    /// The count is one too high.
    CountTooHigh,
    /// The entry after the last is overwritten.
    RestTouched,
}

/// A mechanism.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// The provider is asked for something else.
    Ask(fn(&mut Call<'_>)),
    /// Calls that this answers do not reach the provider.
    Refuse(fn(&Call<'_>) -> Option<Status>),
    /// Calls of this function do not reach the provider: they pend, and complete at once with this status.
    Fake(CallKind, Status),
    /// What a function returns is changed.
    Answer(CallKind, fn(&mut Return)),
    /// A function that has not returned PENDING completes all the same.
    CompletesToo(CallKind),
    /// An upcall is changed.
    Change(Which, fn(&mut Upcall)),
    /// An upcall comes twice.
    Twice(Which),
    /// An upcall does not come.
    Never(Which),
    /// An upcall comes again after its object was closed.
    AfterClose(Which),
    /// An upcall comes again when close is called for its object.
    DuringClose(Which),
    /// Results are changed.
    Results(Skew),
    /// The close of this kind of object completes at once.
    EarlyClose(ObjectKind),
    /// Closing the adapter returns when the next close completes.
    EarlyAdapter,
    /// Notifications of a queue that was armed twice are lost.
    MergedArmLost,
    /// An arm inside a notification is notified at once, before the callback has returned.
    NotifyInside,
    /// A queue notifies when it is armed, whatever is in it.
    NotifyAtArm,
    /// Notifications come when nobody has armed: after each call that takes results.
    NotifyUnarmed,
    /// A create completes with an object that exists already: the first of that kind.
    OldObject(CallKind),
    /// All endpoints are told the address of the first.
    SameAddress,
    /// Remote tokens are the privileged one.
    PrivilegedRemote,
    /// The disconnect event comes when Accept is called.
    DisconnectBeforeAccept,
    /// The disconnect event comes for the own disconnect.
    OwnDisconnect,
    /// The adapter does not say that it connects to itself, and does.
    Loops,
}
