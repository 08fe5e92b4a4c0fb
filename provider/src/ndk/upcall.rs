//! Callbacks into the consumer, as data.

use super::answer::{BlockedCall, Out, Return};
use super::contract::Irql;
use super::object::Object;
use super::status::Status;
use des::Dur;

/// A consumer's callback: its address. The runtime that made it knows what to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Callback(pub u64);

/// Names one upcall from its start to its return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpcallToken(pub u64);

/// A callback that the consumer is to run.
///
/// Every upcall taken from [`next_upcall`](super::NdkProvider::next_upcall) is entered, and its return is reported by
/// [`upcall_returned`](super::NdkProvider::upcall_returned); what must wait for a running callback waits for that.
#[derive(Clone, Debug, PartialEq)]
pub struct Upcall {
    /// Names this upcall.
    pub token: UpcallToken,
    /// The object that it belongs to: the one a request was made on, an event comes from, or (create) the parent.
    pub object: Object,
    /// What to run.
    pub callback: Callback,
    /// The context that the consumer gave with the callback.
    pub context: u64,
    /// What it says.
    pub body: UpcallBody,
    /// The processor it runs on.
    pub processor: u8,
    /// The level it runs at.
    pub level: Irql,
    /// How long after now. `None`: right now, inside the call that is being made, before that call returns.
    pub after: Option<Dur>,
}

/// What an upcall says.
#[derive(Clone, Debug, PartialEq)]
pub enum UpcallBody {
    /// `NDK_FN_CREATE_COMPLETION`.
    CreateCompletion {
        /// How the creation ended.
        status: Status,
        /// The object, on success.
        object: Option<Object>,
    },
    /// `NDK_FN_REQUEST_COMPLETION`.
    RequestCompletion {
        /// How the request ended.
        status: Status,
        /// What the request writes into the caller's memory (`NdkBuildLAM` only).
        out: Out,
    },
    /// `NDK_FN_CLOSE_COMPLETION`: carries no status, a close cannot fail.
    CloseCompletion,
    /// `NDK_FN_CQ_NOTIFICATION_CALLBACK`.
    CqNotification {
        /// SUCCESS, BUFFER_OVERFLOW (overrun) or INTERNAL_ERROR.
        status: Status,
    },
    /// `NDK_FN_SRQ_NOTIFICATION_CALLBACK`.
    SrqNotification {
        /// SUCCESS (low water) or INTERNAL_ERROR.
        status: Status,
    },
    /// `NDK_FN_CONNECT_EVENT_CALLBACK`.
    ConnectEvent {
        /// The connector that the provider made; the consumer owns it now.
        connector: Object,
    },
    /// `NDK_FN_DISCONNECT_EVENT_CALLBACK`, and with a reason the `_EX` of 2.1 (zero: none given).
    DisconnectEvent {
        /// The provider's reason, for callbacks of the extended kind.
        reason: Option<u32>,
    },
    /// Not a callback: a call that blocked returns to its caller.
    CallReturns {
        /// The call.
        call: BlockedCall,
        /// What it returns.
        returned: Return,
    },
}
