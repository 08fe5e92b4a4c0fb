//! The seam below the semantics: what a device with its driver can do, at verbs height.
//!
//! A backend knows nothing of NDK's objects, arms, deferral or close order. It posts, rings, polls, arms, runs commands and
//! reports events; the simulated NIC's driver and real verbs devices both fit.

use crate::ndk::{MrFlags, Sge, Status};
use bytes::Bytes;
use des::Time;
use host::Mdl;
use std::net::SocketAddr;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);)*
    };
}

ids! {
    /// A protection domain.
    PdId;
    /// A completion queue.
    CqId;
    /// A shared receive queue.
    SrqId;
    /// A queue pair.
    QpId;
    /// A memory region, registered or ready for fast registration.
    MrId;
    /// A memory window.
    MwId;
    /// A listening endpoint.
    ListenerId;
    /// A connection, from its request on, on either side.
    ConnectionId;
    /// A command that has been submitted.
    CommandId;
}

/// What a device can do and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// IEEE OUI.
    pub vendor_id: u32,
    /// The vendor's number for the device.
    pub device_id: u32,
    /// Largest registration.
    pub max_registration_bytes: u64,
    /// Pages of a fast registration; zero: fast registration must be emulated or refused.
    pub max_fast_register_pages: u32,
    /// Scatter/gather entries of a send or write.
    pub max_send_sge: u32,
    /// Scatter/gather entries of a receive.
    pub max_receive_sge: u32,
    /// Scatter/gather entries of a read.
    pub max_read_sge: u32,
    /// Bytes of one message.
    pub max_message_bytes: u32,
    /// Bytes of an inline message.
    pub max_inline_bytes: u32,
    /// Reads and atomics of a QP under way, as responder.
    pub max_inbound_reads: u32,
    /// Reads and atomics of a QP under way, as requester.
    pub max_outbound_reads: u32,
    /// Entries of a send queue.
    pub max_send_depth: u32,
    /// Entries of a receive queue.
    pub max_receive_depth: u32,
    /// Entries of a shared receive queue; zero: none.
    pub max_srq_depth: u32,
    /// Entries of a completion queue.
    pub max_cq_depth: u32,
    /// Private data of a connection request.
    pub max_request_private_bytes: u32,
    /// Private data of a reply or a rejection.
    pub max_reply_private_bytes: u32,
    /// Type 2 memory windows.
    pub memory_windows: bool,
    /// Local invalidation and send with invalidate.
    pub invalidate: bool,
    /// Resizing of completion queues.
    pub resize_cq: bool,
    /// Growing of shared receive queues.
    pub resize_srq: bool,
    /// Interrupt moderation of completion queues.
    pub moderate_cq: bool,
    /// The device writes the bytes of a message in ascending order.
    pub in_order_dma: bool,
    /// A key for bus addresses, local access only.
    pub privileged_key: Option<u32>,
    /// The device can connect to itself.
    pub loopback: bool,
    /// Addresses of the device's ports.
    pub addresses: Vec<std::net::IpAddr>,
}

/// How a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// The caller waits: the result is there when `submit` returns.
    Inline,
    /// The result comes as [`Event::CommandDone`].
    Queued,
}

/// What became of a submitted command.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// It has run.
    Done(CommandResult),
    /// It runs; [`Event::CommandDone`] will tell.
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
    /// Arms [`Event::SrqLimit`]; zero disarms.
    SetSrqLimit {
        /// Which.
        srq: SrqId,
        /// Event below this many receives.
        limit: u32,
    },
    /// More room in a shared receive queue; what is posted stays posted. Where [`Capabilities::resize_srq`] says so.
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
    /// → [`CommandOutput::Listening`]; then [`Event::ConnectionRequest`]s.
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

/// What a send queue request does.
#[derive(Clone, Copy, Debug)]
pub enum SendOperation<'a> {
    /// To the peer's next receive.
    Send,
    /// The same, and the peer's key is invalidated.
    SendInvalidate {
        /// The peer's key.
        key: u32,
    },
    /// Into the peer's memory.
    Write {
        /// Where.
        remote_address: u64,
        /// The peer's key.
        key: u32,
    },
    /// Out of the peer's memory.
    Read {
        /// Where.
        remote_address: u64,
        /// The peer's key.
        key: u32,
    },
    /// Binds a window.
    Bind {
        /// The region.
        mr: MrId,
        /// The window.
        mw: MwId,
        /// The window's new key.
        key: u32,
        /// Start in the region.
        address: u64,
        /// Bytes.
        length_bytes: u64,
        /// Remote rights.
        rights: MrFlags,
    },
    /// Registers pages.
    FastRegister {
        /// The region.
        mr: MrId,
        /// The region's new key.
        key: u32,
        /// Bus addresses.
        pages: &'a [u64],
        /// Offset in the first page.
        first_byte_offset: u32,
        /// Bytes.
        length_bytes: u64,
        /// Address of the first byte.
        base_address: u64,
        /// Rights.
        rights: MrFlags,
    },
    /// Invalidates a key of this side.
    Invalidate {
        /// The key.
        key: u32,
    },
}

/// A send queue request.
#[derive(Clone, Copy, Debug)]
pub struct SendRequest<'a> {
    /// Comes back with the completion.
    pub id: u64,
    /// What to do.
    pub operation: SendOperation<'a>,
    /// Data; with `inline`, the bytes are in `inline_data` and this is empty.
    pub sgl: &'a [Sge],
    /// The bytes of an inline request.
    pub inline_data: Option<&'a [u8]>,
    /// A completion on success too.
    pub signalled: bool,
    /// Mark the peer's completion as solicited.
    pub solicited: bool,
    /// Start after all earlier reads.
    pub fence: bool,
}

/// The end of a request, as polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkCompletion {
    /// Whose.
    pub qp: QpId,
    /// Of the request.
    pub id: u64,
    /// A receive, or a send queue request.
    pub receive: bool,
    /// How it ended.
    pub status: Status,
    /// Bytes received.
    pub bytes: u32,
    /// The key that the peer's send invalidated here.
    pub invalidated: Option<u32>,
    /// The device's own error code, zero if none.
    pub vendor_error: u32,
    /// The peer's send asked for an event.
    pub solicited: bool,
}

/// What happens by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A queued command has run.
    CommandDone {
        /// Which.
        command: CommandId,
        /// How it went.
        result: CommandResult,
    },
    /// An armed completion queue has something.
    CqReady(CqId),
    /// A completion queue is dead.
    CqError {
        /// Which.
        cq: CqId,
        /// It overflowed; otherwise the device failed.
        overrun: bool,
    },
    /// A queue pair is in error.
    QpError(QpId),
    /// A shared receive queue fell below its limit.
    SrqLimit(SrqId),
    /// A shared receive queue is dead.
    SrqError(SrqId),
    /// Somebody wants to connect.
    ConnectionRequest {
        /// Where.
        listener: ListenerId,
        /// The new connection.
        connection: ConnectionId,
        /// Own address.
        local: SocketAddr,
        /// The peer's address.
        peer: SocketAddr,
        /// What the peer asks for, from this side's view.
        limits: ConnectionLimits,
        /// What the peer's consumer sent.
        private_data: Bytes,
    },
    /// The peer ended a connection, or it broke.
    Disconnected {
        /// Which.
        connection: ConnectionId,
        /// By the peer's disconnect, not by a failure.
        graceful: bool,
    },
    /// A peer refused a connect and sent something along. Comes before the [`CommandDone`](Self::CommandDone) of the connect.
    ConnectRefused {
        /// The connect.
        command: CommandId,
        /// What the peer's consumer sent with its rejection.
        private_data: Bytes,
    },
    /// The peer gave up before the connection stood.
    ConnectionAborted(ConnectionId),
    /// The device is gone or failed.
    DeviceError,
}

/// A device with its driver.
pub trait Backend {
    /// What the driver borrows for one step.
    type Host: ?Sized;

    /// What the device can do.
    fn capabilities(&self) -> &Capabilities;

    /// Runs or queues a command. A result that could not even be queued comes as `Done(Err(..))`.
    fn submit(&mut self, host: &mut Self::Host, how: Execution, command: Command<'_>) -> Submitted;

    /// Gives up on a queued command (connect, accept, disconnect, listen): it ends soon, with CANCELLED unless it was faster.
    fn cancel(&mut self, host: &mut Self::Host, command: CommandId);

    /// Puts a request on a send queue, without telling the device.
    ///
    /// # Errors
    /// NO_MORE_ENTRIES when the ring is full, INVALID_PARAMETER for a QP that does not exist. Nothing is queued then.
    fn post_send(&mut self, host: &mut Self::Host, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status>;

    /// Tells the device of all that was posted on a send queue.
    fn ring(&mut self, host: &mut Self::Host, qp: QpId);

    /// Posts a receive and tells the device.
    ///
    /// # Errors
    /// As [`post_send`](Self::post_send).
    fn post_receive(&mut self, host: &mut Self::Host, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status>;

    /// Posts a receive on a shared queue and tells the device.
    ///
    /// # Errors
    /// As [`post_send`](Self::post_send).
    fn post_srq_receive(&mut self, host: &mut Self::Host, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status>;

    /// Copies bytes of the consumer's memory: the processor's share of an inline request. No key guards the `address`.
    ///
    /// # Errors
    /// ACCESS_VIOLATION where the consumer has no memory; NOT_SUPPORTED by a backend that cannot tell.
    fn read_local(&mut self, _host: &mut Self::Host, _address: u64, _into: &mut [u8]) -> Result<(), Status> {
        Err(Status::NOT_SUPPORTED)
    }

    /// Takes the next completion of a queue.
    fn poll(&mut self, host: &mut Self::Host, cq: CqId) -> Option<WorkCompletion>;

    /// Asks for one [`Event::CqReady`] at the next entry, or at once if entries came since the last poll.
    fn arm(&mut self, host: &mut Self::Host, cq: CqId, solicited_only: bool);

    /// The device raised an interrupt: read its event queues.
    fn interrupt(&mut self, host: &mut Self::Host, now: Time, vector: u16);

    /// The next event.
    fn next_event(&mut self) -> Option<Event>;

    /// When the driver wants to be woken (connection management timers).
    fn next_deadline(&self) -> Option<Time>;

    /// That moment has come.
    fn wake(&mut self, host: &mut Self::Host, now: Time);
}
