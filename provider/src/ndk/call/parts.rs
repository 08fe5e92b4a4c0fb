//! Arguments that several functions share.

use crate::ndk::object::Object;
use crate::ndk::upcall::Callback;

/// An interface identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guid(pub [u8; 16]);

/// `GROUP_AFFINITY`: a hint where callbacks should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affinity {
    /// Processor group.
    pub group: u16,
    /// Bit n is processor n of the group.
    pub mask: u64,
}

/// A callback with the context that it gets back. `None` is the consumer's NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What to call.
    pub callback: Option<Callback>,
    /// What to pass.
    pub context: u64,
}

/// What `NdkConnect`, `NdkConnectWithSharedEndpoint` and `NdkAccept` have in common.
#[derive(Clone, Copy, Debug)]
pub struct ConnectParams<'a> {
    /// The QP to connect.
    pub qp: Object,
    /// Incoming reads asked for.
    pub inbound_read_limit: u32,
    /// Outgoing reads asked for.
    pub outbound_read_limit: u32,
    /// Data for the peer's consumer.
    pub private_data: &'a [u8],
}

/// The disconnect callback of an accept or complete-connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisconnectEvent {
    /// What to call; `None` for nobody.
    pub callback: Option<Callback>,
    /// What to pass.
    pub context: u64,
    /// Whether it is the kind with a reason (2.1, from the `Ex` functions).
    pub extended: bool,
}
