//! What the contract leaves open, one field a point, each with the default taken (section 9.2 of the NDKPI reference).
//!
//! Not here because only one answer can be expressed: an inline error writes nothing through the out-pointer, a failed
//! create completes without an object, addresses and private data are copied before a call returns, receives left in a
//! shared queue at its close are dropped, and a region closed while registered is deregistered on the way.

use crate::ndk::Status;

/// What a post to a queue pair gets that has been flushed or is in error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostAfterEnd {
    /// It is accepted, and completes CANCELLED.
    Flushed,
    /// CONNECTION_INVALID.
    Refused,
}

/// What a shared receive queue that is created with a threshold does before its first modify. It starts empty, so below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrqStart {
    /// Notifies once it was filled to the threshold and fell below.
    WhenFilled,
    /// Notifies at once.
    AtOnce,
    /// Does nothing until a modify arms it.
    NeedsModify,
}

/// How a connector that is closed while connected leaves its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseConnected {
    /// As by a disconnect, then a flush (`IND2Connector::Release` of the user-mode sibling).
    Disconnect,
    /// By a flush alone: the peer finds the connection broken.
    Abort,
}

/// The provider's choices where the contract has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A pointer to no live object of the right kind. Closing such a thing succeeds: a close cannot fail.
    pub no_such_object: Status,
    /// A request for an older major than the provider has is answered with the oldest that it has, as consumers that ask
    /// for 1.0 and look at what they got expect; otherwise with BAD_VERSION, as the rule's words are (5.3).
    pub older_major_opens: bool,
    /// A function or flag of a later version than the adapter's.
    pub later_version: Status,
    /// A request that its object's close cancelled.
    pub cancelled: Status,
    /// A post to a full queue.
    pub queue_full: Status,
    /// A post with too many scatter/gather entries.
    pub too_many_sges: Status,
    /// A post of too many bytes, inline or not.
    pub too_many_bytes: Status,
    /// A post with flags that its operation does not know; `None`: they are ignored.
    pub unknown_flags: Option<Status>,
    /// A write may be inline (the page's list of flags omits it, the parameter it obeys names it).
    pub inline_write: bool,
    /// A fast registration may start at address zero.
    pub zero_based_registration: bool,
    /// Posts after a flush, an error or the peer's disconnect.
    pub post_after_end: PostAfterEnd,
    /// Posts after the own disconnect.
    pub post_after_disconnect: PostAfterEnd,
    /// Results that were in a completion queue when their queue pair was closed can still be taken.
    pub results_after_qp_close: bool,
    /// A receive on a queue pair that has a shared receive queue.
    pub receive_beside_srq: Status,
    /// An arm is satisfied at once by entries that were there at the last notification too.
    pub old_entries_satisfy_arm: bool,
    /// An entry with an error satisfies an arm for ERRORS.
    pub error_entries_satisfy_errors: bool,
    /// Shrinking a queue below what it holds.
    pub does_not_fit: Status,
    /// What stands in `BytesTransferred` of all but receives.
    pub bytes_of_non_receives: u32,
    /// See [`SrqStart`].
    pub srq_start: SrqStart,
    /// One connect event of a listener at a time.
    pub serialise_connect_events: bool,
    /// Disconnect, or an address getter, of a connector without a connection.
    pub not_connected: Status,
    /// A second connect on a connector, a second listen on a listener.
    pub already_associated: Status,
    /// Connect or accept with a queue pair that another connector has.
    pub qp_in_use: Status,
    /// Any other call that the state of its object does not allow.
    pub wrong_state: Status,
    /// A connector may connect again after a failed connect.
    pub retry_connect: bool,
    /// `NdkGetConnectionData` outside its window answers what is known; otherwise with `wrong_state`.
    pub connection_data_any_time: bool,
    /// Private data beyond the limit.
    pub private_data_too_long: Status,
    /// A connect to an own address, without loopback.
    pub no_loopback: Status,
    /// See [`CloseConnected`].
    pub close_connected: CloseConnected,
    /// A registration beyond the limit.
    pub registration_too_long: Status,
    /// Deregistration with a bound window; `None`: it is let through.
    pub window_is_bound: Option<Status>,
    /// Each bind and fast registration makes a new token (its low byte counts up).
    pub new_token_per_use: bool,
    /// The token of what is not registered.
    pub token_of_nothing: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            no_such_object: Status::INVALID_PARAMETER,
            older_major_opens: false,
            later_version: Status::NOT_SUPPORTED,
            cancelled: Status::CANCELLED,
            queue_full: Status::NO_MORE_ENTRIES,
            too_many_sges: Status::DATA_OVERRUN,
            too_many_bytes: Status::BUFFER_OVERFLOW,
            unknown_flags: Some(Status::INVALID_PARAMETER),
            inline_write: true,
            zero_based_registration: true,
            post_after_end: PostAfterEnd::Flushed,
            post_after_disconnect: PostAfterEnd::Refused,
            results_after_qp_close: true,
            receive_beside_srq: Status::INVALID_PARAMETER,
            old_entries_satisfy_arm: true,
            error_entries_satisfy_errors: true,
            does_not_fit: Status::BUFFER_OVERFLOW,
            bytes_of_non_receives: 0,
            srq_start: SrqStart::WhenFilled,
            serialise_connect_events: false,
            not_connected: Status::CONNECTION_INVALID,
            already_associated: Status::ADDRESS_ALREADY_ASSOCIATED,
            qp_in_use: Status::CONNECTION_ACTIVE,
            wrong_state: Status::INVALID_DEVICE_STATE,
            retry_connect: true,
            connection_data_any_time: true,
            private_data_too_long: Status::INVALID_BUFFER_SIZE,
            no_loopback: Status::HOST_UNREACHABLE,
            close_connected: CloseConnected::Disconnect,
            registration_too_long: Status::INVALID_BUFFER_SIZE,
            window_is_bound: Some(Status::DEVICE_BUSY),
            new_token_per_use: true,
            token_of_nothing: 0,
        }
    }
}
