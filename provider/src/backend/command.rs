//! Commands and what they yield.

use super::{CommandId, ConnectionId, CqId, ListenerId, MrId, MwId, PdId, QpId, SrqId};
use crate::ndk::{MrFlags, Status};
use bytes::Bytes;
use host::Mdl;
use std::net::SocketAddr;

/// How a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// The caller waits: the result is there when `submit` returns.
    Inline,
    /// The result comes as [`Event::CommandDone`](super::Event::CommandDone).
    Queued,
}

/// What became of a submitted command.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// It has run.
    Done(CommandResult),
    /// It runs; [`Event::CommandDone`](super::Event::CommandDone) will tell.
    Queued(CommandId),
}

/// Result of a command: its output, or why it failed.
pub type CommandResult = Result<CommandOutput, Status>;

/// Names an object that a command made or is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A protection domain.
    Pd(PdId),
    /// A completion queue.
    Cq(CqId),
    /// A shared receive queue.
    Srq(SrqId),
    /// A queue pair.
    Qp(QpId),
    /// A memory region.
    Mr(MrId),
    /// A memory window.
    Mw(MwId),
    /// A listening endpoint.
    Listener(ListenerId),
    /// A connection.
    Connection(ConnectionId),
}

/// What a command yields.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandOutput {
    /// Nothing but that it is done.
    Done,
    /// An object.
    Created(Resource),
    /// A region or window with its keys.
    Keys {
        /// The object.
        resource: Resource,
        /// Key for local lists.
        local: u32,
        /// Key for the peer.
        remote: u32,
    },
    /// A listening endpoint with the address it got.
    Listening {
        /// The endpoint.
        listener: ListenerId,
        /// Its address.
        address: SocketAddr,
    },
    /// A connect or accept went through.
    Connected(Established),
}

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Established {
    /// The connection.
    pub connection: ConnectionId,
    /// Own address.
    pub local: SocketAddr,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Effective limit of incoming reads.
    pub inbound_reads: u32,
    /// Effective limit of outgoing reads.
    pub outbound_reads: u32,
    /// What the peer sent with its reply; empty on the passive side.
    pub private_data: Bytes,
}

/// Where a connection starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Incoming reads asked for.
    pub inbound_reads: u32,
    /// Outgoing reads asked for.
    pub outbound_reads: u32,
}

/// A command. Creation, destruction and connection management; each takes the device or the network some time.
#[derive(Clone, Debug)]
pub enum Command<'a> {
    /// → [`CommandOutput::Created`].
    CreatePd,
    /// → [`CommandOutput::Created`].
    CreateCq {
        /// Entries.
        depth: u32,
        /// Interrupt vector wanted.
        vector: u16,
    },
    /// Keeps all entries; fails with BUFFER_OVERFLOW if they do not fit.
    ResizeCq {
        /// Which.
        cq: CqId,
        /// Entries.
        depth: u32,
    },
    /// Interrupt moderation.
    ModerateCq {
        /// Which.
        cq: CqId,
        /// Longest delay in microseconds, zero for none.
        interval_us: u32,
        /// Most entries gathered, zero for no bound.
        count: u32,
    },
    /// → [`CommandOutput::Created`].
    CreateSrq {
        /// Owner.
        pd: PdId,
        /// Entries.
        depth: u32,
        /// List entries.
        max_sge: u32,
    },
    /// Arms [`Event::SrqLimit`](super::Event::SrqLimit); zero disarms.
    SetSrqLimit {
        /// Which.
        srq: SrqId,
        /// Event below this many receives.
        limit: u32,
    },
    /// More room in a shared receive queue; what is posted stays posted. Where
    /// [`Capabilities::resize_srq`](super::Capabilities::resize_srq) says so.
    ResizeSrq {
        /// Which.
        srq: SrqId,
        /// Entries, not fewer than before.
        depth: u32,
    },
    /// → [`CommandOutput::Created`].
    CreateQp {
        /// Owner.
        pd: PdId,
        /// Where sends complete.
        send_cq: CqId,
        /// Where receives complete.
        receive_cq: CqId,
        /// Shared receive queue instead of an own one.
        srq: Option<SrqId>,
        /// Entries of the send queue.
        send_depth: u32,
        /// Entries of the receive queue, zero with a shared one.
        receive_depth: u32,
        /// List entries of a send.
        max_send_sge: u32,
        /// List entries of a receive.
        max_receive_sge: u32,
        /// Bytes of an inline send.
        max_inline_bytes: u32,
    },
    /// To the error state: everything posted is flushed, each with a completion.
    FlushQp(QpId),
    /// → [`CommandOutput::Keys`].
    RegisterMr {
        /// Owner.
        pd: PdId,
        /// The buffer.
        mdl: &'a Mdl,
        /// Bytes from its start.
        length_bytes: u64,
        /// Rights.
        rights: MrFlags,
    },
    /// A region for fast registration → [`CommandOutput::Keys`].
    CreateFastRegisterMr {
        /// Owner.
        pd: PdId,
        /// Most pages of a registration.
        max_pages: u32,
    },
    /// → [`CommandOutput::Keys`].
    CreateMw {
        /// Owner.
        pd: PdId,
    },
    /// Ends an object; it has no users any more.
    Destroy(Resource),
    /// → [`CommandOutput::Listening`]; then [`Event::ConnectionRequest`](super::Event::ConnectionRequest)s.
    Listen {
        /// Own address; port zero: any.
        address: SocketAddr,
    },
    /// Requests meet "connection refused" while paused.
    PauseListener {
        /// Which.
        listener: ListenerId,
        /// Pause, or resume.
        pause: bool,
    },
    /// Asks the peer; done when it has accepted or refused → [`CommandOutput::Connected`]. The QP can then receive and is
    /// ready to send after [`Command::CompleteConnect`].
    Connect {
        /// The QP to connect.
        qp: QpId,
        /// Own address; port zero: any.
        source: SocketAddr,
        /// The source address belongs to a shared endpoint, which holds it already.
        shared_endpoint: bool,
        /// The peer's listener.
        destination: SocketAddr,
        /// Reads.
        limits: ConnectionLimits,
        /// For the peer's consumer.
        private_data: &'a [u8],
    },
    /// Active side: tells the peer that the connection stands.
    CompleteConnect(ConnectionId),
    /// Passive side: done when the active side has completed → [`CommandOutput::Connected`].
    Accept {
        /// From the request.
        connection: ConnectionId,
        /// The QP to connect.
        qp: QpId,
        /// Reads.
        limits: ConnectionLimits,
        /// For the peer's consumer.
        private_data: &'a [u8],
    },
    /// Either side, before the connection stands.
    Reject {
        /// Which.
        connection: ConnectionId,
        /// For the peer's consumer.
        private_data: &'a [u8],
    },
    /// Graceful end; done when the peer has answered (or never does: IO_TIMEOUT).
    Disconnect(ConnectionId),
}
