//! What a step of a random program can be.

/// What a step does. Which object it takes, and how large things are, its two numbers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Creates a protection domain.
    Pd,
    /// Creates a completion queue.
    Cq,
    /// Creates a region.
    Mr,
    /// Creates a region for fast registration.
    Fast,
    /// Creates a window.
    Mw,
    /// Creates a shared receive queue.
    Srq,
    /// Creates a queue pair, with a shared receive queue or without.
    Qp,
    /// Creates a connector.
    Connector,
    /// Creates a listener.
    Listener,
    /// Creates a shared endpoint.
    Endpoint,
    /// Registers a region.
    Register,
    /// Ends a registration.
    Deregister,
    /// Prepares a region for fast registration.
    Initialize,
    /// Listens.
    Listen,
    /// Connects.
    Connect,
    /// Completes a connection.
    Complete,
    /// Accepts a connection.
    Accept,
    /// Rejects a connection.
    Reject,
    /// Posts a receive.
    Receive,
    /// Posts a receive to a shared queue.
    SrqReceive,
    /// Posts a send, or a chain of two.
    Send,
    /// Posts a write.
    Write,
    /// Posts a read.
    Read,
    /// Posts a bind of a window.
    Bind,
    /// Posts a fast registration of a mapping.
    FastRegister,
    /// Posts the invalidation of a window or of a fast registration.
    Invalidate,
    /// Arms a completion queue.
    Arm,
    /// Takes results.
    Poll,
    /// Flushes a queue pair.
    Flush,
    /// Disconnects.
    Disconnect,
    /// Changes the depth of a completion queue.
    Resize,
    /// Moderates a completion queue.
    Moderate,
    /// Arms a shared receive queue for low water.
    Modify,
    /// Maps a buffer.
    Map,
    /// Releases a mapping.
    Release,
    /// Pauses or resumes a listener.
    Pause,
    /// Asks for addresses.
    Address,
    /// Asks for the adapter's limits, an extension and tokens.
    Query,
    /// Closes an object.
    Close,
}

impl Verb {
    /// Every verb, those that programs need most more than once.
    pub const ALL: &'static [Self] = &[
        Self::Pd,
        Self::Cq,
        Self::Cq,
        Self::Mr,
        Self::Mr,
        Self::Fast,
        Self::Mw,
        Self::Mw,
        Self::Srq,
        Self::Qp,
        Self::Qp,
        Self::Qp,
        Self::Connector,
        Self::Connector,
        Self::Listener,
        Self::Listener,
        Self::Endpoint,
        Self::Register,
        Self::Register,
        Self::Register,
        Self::Deregister,
        Self::Initialize,
        Self::Initialize,
        Self::Listen,
        Self::Listen,
        Self::Connect,
        Self::Connect,
        Self::Connect,
        Self::Complete,
        Self::Complete,
        Self::Accept,
        Self::Accept,
        Self::Accept,
        Self::Reject,
        Self::Receive,
        Self::Receive,
        Self::Receive,
        Self::SrqReceive,
        Self::Send,
        Self::Send,
        Self::Send,
        Self::Write,
        Self::Read,
        Self::Bind,
        Self::Bind,
        Self::FastRegister,
        Self::FastRegister,
        Self::Invalidate,
        Self::Invalidate,
        Self::Arm,
        Self::Arm,
        Self::Poll,
        Self::Poll,
        Self::Flush,
        Self::Disconnect,
        Self::Resize,
        Self::Moderate,
        Self::Modify,
        Self::Map,
        Self::Map,
        Self::Release,
        Self::Pause,
        Self::Address,
        Self::Query,
        Self::Close,
    ];

    /// What the nodes begin with, as a rule, so that connections come about: the one that listens, and the other.
    pub(super) const OPENINGS: [&'static [Self]; 2] = [
        &[
            Self::Pd,
            Self::Listener,
            Self::Listen,
            Self::Cq,
            Self::Mr,
            Self::Register,
            Self::Qp,
            Self::Receive,
            Self::Receive,
            Self::Arm,
            Self::Accept,
            Self::Accept,
            Self::Accept,
            Self::Poll,
            Self::Accept,
            Self::Send,
            Self::Poll,
        ],
        &[
            Self::Pd,
            Self::Cq,
            Self::Mr,
            Self::Register,
            Self::Qp,
            Self::Connector,
            Self::Receive,
            Self::Connect,
            Self::Complete,
            Self::Complete,
            Self::Poll,
            Self::Complete,
            Self::Send,
            Self::Send,
            Self::Poll,
        ],
    ];
}
