//! Calls of the consumer, one variant for each function of the ten dispatch tables, and one of an extension.

mod parts;
mod tables;

pub use parts::{Affinity, Completion, ConnectParams, DisconnectEvent, Guid};

use super::answer::LogicalAddressMapping;
use super::extension::AtomicOperation;
use super::flags::{CqNotify, MrFlags, OpFlags};
use super::info::NdkVersion;
use super::object::Object;
use super::result::{NdkResult, NdkResultEx, Sge};
use host::Mdl;
use std::net::SocketAddr;

/// A call of a provider function. The first object is the one whose table the function stands in.
///
/// Arguments keep the order and meaning of the C prototypes (section 2 of the NDKPI reference); an out-parameter is a
/// part of [`Out`](super::Out). Getters with a caller's buffer take its size.
#[derive(Debug)]
pub enum Call<'a> {
    /// `WskOpenNdkAdapter`. Opens the adapter; the provider answers with its highest minor of that major.
    OpenAdapter {
        /// Lowest version that the consumer can live with.
        version: NdkVersion,
    },
    /// `WskCloseNdkAdapter`. Closes the adapter; blocks until everything on it is gone.
    CloseAdapter {
        /// The adapter.
        adapter: Object,
    },
    /// `NdkQueryExtension`. Asks for an extension interface, of any object.
    QueryExtension {
        /// Any object.
        object: Object,
        /// Which.
        interface: Guid,
        /// Which version of it.
        version: NdkVersion,
    },
    /// `NdkQueryAdapterInfo`. Asks for the limits. PASSIVE level.
    QueryAdapterInfo {
        /// The adapter.
        adapter: Object,
        /// Size of the caller's buffer.
        buffer_bytes: u32,
    },
    /// `NdkCreateCq`. Creates a completion queue.
    CreateCq {
        /// The adapter.
        adapter: Object,
        /// Entries.
        depth: u32,
        /// The notification callback.
        notification: Completion,
        /// Where notifications should run.
        affinity: Option<Affinity>,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreatePd`. Creates a protection domain.
    CreatePd {
        /// The adapter.
        adapter: Object,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateSharedEndpoint`. Creates a local endpoint for many outgoing connections.
    CreateSharedEndpoint {
        /// The adapter.
        adapter: Object,
        /// Local address; port zero: any.
        address: SocketAddr,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateConnector`. Creates a connector.
    CreateConnector {
        /// The adapter.
        adapter: Object,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateListener`. Creates a listener.
    CreateListener {
        /// The adapter.
        adapter: Object,
        /// The connect event callback.
        connect_event: Completion,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkBuildLAM`. Gives logical addresses of a buffer's pages.
    BuildLam {
        /// The adapter.
        adapter: Object,
        /// The buffer.
        mdl: &'a Mdl,
        /// Bytes from its start.
        length_bytes: u64,
        /// Size of the caller's mapping buffer.
        lam_bytes: u32,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkReleaseLAM`. Gives a mapping back.
    ReleaseLam {
        /// The adapter.
        adapter: Object,
        /// The mapping.
        lam: &'a LogicalAddressMapping,
    },
    /// `NdkCreateMr`. Creates a memory region object.
    CreateMr {
        /// The protection domain.
        pd: Object,
        /// For fast registration only.
        fast_register: bool,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateMw`. Creates a memory window.
    CreateMw {
        /// The protection domain.
        pd: Object,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateSrq`. Creates a shared receive queue.
    CreateSrq {
        /// The protection domain.
        pd: Object,
        /// Entries.
        depth: u32,
        /// Entries of a receive's list.
        max_receive_sge: u32,
        /// Notify below this many receives; zero: never.
        notify_threshold: u32,
        /// The notification callback, optional.
        notification: Completion,
        /// Where notifications should run.
        affinity: Option<Affinity>,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateQp`. Creates a queue pair.
    CreateQp {
        /// The protection domain.
        pd: Object,
        /// Where receives complete.
        receive_cq: Object,
        /// Where all else completes.
        initiator_cq: Object,
        /// Echoed in every result.
        qp_context: u64,
        /// Entries of the receive queue.
        receive_depth: u32,
        /// Entries of the initiator queue.
        initiator_depth: u32,
        /// Entries of a receive's list.
        max_receive_sge: u32,
        /// Entries of an initiator request's list.
        max_initiator_sge: u32,
        /// Bytes of an inline request.
        inline_data_bytes: u32,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkCreateQpWithSrq`. Creates a queue pair that receives from a shared queue.
    CreateQpWithSrq {
        /// The protection domain.
        pd: Object,
        /// Where receives complete.
        receive_cq: Object,
        /// Where all else completes.
        initiator_cq: Object,
        /// The shared receive queue.
        srq: Object,
        /// Echoed in every result.
        qp_context: u64,
        /// Entries of the initiator queue.
        initiator_depth: u32,
        /// Entries of an initiator request's list.
        max_initiator_sge: u32,
        /// Bytes of an inline request.
        inline_data_bytes: u32,
        /// Create completion.
        completion: Completion,
    },
    /// `NdkGetPrivilegedMemoryRegionToken`. The token for logical addresses.
    GetPrivilegedToken {
        /// The protection domain.
        pd: Object,
    },
    /// `NdkResizeCq`. Changes a completion queue's depth.
    ResizeCq {
        /// The completion queue.
        cq: Object,
        /// Entries.
        depth: u32,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkArmCq`. Asks for one notification.
    ArmCq {
        /// The completion queue.
        cq: Object,
        /// Which entries count.
        notify: CqNotify,
    },
    /// `NdkGetCqResults`. Takes results.
    GetCqResults {
        /// The completion queue.
        cq: Object,
        /// The caller's array.
        results: &'a mut [NdkResult],
    },
    /// `NdkControlCqInterruptModeration`. Trades notification delay for fewer interrupts.
    ControlCqInterruptModeration {
        /// The completion queue.
        cq: Object,
        /// Longest delay in microseconds; u32::MAX: no bound.
        interval_us: u32,
        /// Most entries gathered; u32::MAX: no bound.
        count: u32,
    },
    /// `NdkGetCqResultsEx`. Takes extended results (1.2).
    GetCqResultsEx {
        /// The completion queue.
        cq: Object,
        /// The caller's array.
        results: &'a mut [NdkResultEx],
    },
    /// `NdkRegisterMr`. Registers a buffer.
    RegisterMr {
        /// The region.
        mr: Object,
        /// The buffer.
        mdl: &'a Mdl,
        /// Bytes from its start.
        length_bytes: u64,
        /// Rights.
        flags: MrFlags,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkDeregisterMr`. Ends a registration.
    DeregisterMr {
        /// The region.
        mr: Object,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkInitializeFastRegisterMr`. Prepares a region for fast registration.
    InitializeFastRegisterMr {
        /// The region.
        mr: Object,
        /// Most pages of a later registration.
        adapter_page_count: u32,
        /// Whether remote rights may be asked for.
        remote_access: bool,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkGetRemoteTokenFromMr`. The token for the peer.
    GetRemoteTokenFromMr {
        /// The region.
        mr: Object,
    },
    /// `NdkGetLocalTokenFromMr`. The token for local lists.
    GetLocalTokenFromMr {
        /// The region.
        mr: Object,
    },
    /// `NdkGetRemoteTokenFromMw`. The window's token for the peer.
    GetRemoteTokenFromMw {
        /// The window.
        mw: Object,
    },
    /// `NdkModifySrq`. Changes depth or threshold; zero keeps.
    ModifySrq {
        /// The shared receive queue.
        srq: Object,
        /// Entries.
        depth: u32,
        /// Notify below this many receives.
        notify_threshold: u32,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkSrqReceive`. Posts a receive to a shared queue.
    SrqReceive {
        /// The shared receive queue.
        srq: Object,
        /// Request context.
        context: u64,
        /// Where data goes.
        sgl: &'a [Sge],
    },
    /// `NdkFlush`. Cancels all that is posted.
    Flush {
        /// The queue pair.
        qp: Object,
    },
    /// `NdkSend`. Posts a send.
    Send {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// Where data comes from.
        sgl: &'a [Sge],
        /// Flags.
        flags: OpFlags,
    },
    /// `NdkSendAndInvalidate`. Posts a send that invalidates a token at the peer (1.2).
    SendAndInvalidate {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// Where data comes from.
        sgl: &'a [Sge],
        /// Flags.
        flags: OpFlags,
        /// The peer's token.
        remote_token: u32,
    },
    /// `NdkReceive`. Posts a receive.
    Receive {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// Where data goes.
        sgl: &'a [Sge],
    },
    /// `NdkBind`. Posts a window bind.
    Bind {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// The region.
        mr: Object,
        /// The window.
        mw: Object,
        /// Start in the region.
        virtual_address: u64,
        /// Bytes.
        length_bytes: u64,
        /// Flags and rights.
        flags: OpFlags,
    },
    /// `NdkFastRegister`. Posts a fast registration.
    FastRegister {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// The region.
        mr: Object,
        /// Logical page addresses.
        adapter_pages: &'a [u64],
        /// Offset in the first page.
        first_byte_offset: u32,
        /// Bytes.
        length_bytes: u64,
        /// Address of the first byte.
        base_virtual_address: u64,
        /// Flags and rights.
        flags: OpFlags,
    },
    /// `NdkInvalidate`. Posts a local invalidation.
    Invalidate {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// A fast-registered region or a window.
        target: Object,
        /// Flags.
        flags: OpFlags,
    },
    /// `NdkRead`. Posts a read of the peer's memory.
    Read {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// Where data goes.
        sgl: &'a [Sge],
        /// Address in the peer's region.
        remote_address: u64,
        /// The peer's token.
        remote_token: u32,
        /// Flags.
        flags: OpFlags,
    },
    /// `NdkWrite`. Posts a write to the peer's memory.
    Write {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// Where data comes from.
        sgl: &'a [Sge],
        /// Address in the peer's region.
        remote_address: u64,
        /// The peer's token.
        remote_token: u32,
        /// Flags.
        flags: OpFlags,
    },
    /// Of [`ATOMICS`](super::extension::ATOMICS): posts an atomic on the peer's memory.
    Atomic {
        /// The queue pair.
        qp: Object,
        /// Request context.
        context: u64,
        /// Where the number goes that was there before: one entry of eight bytes.
        sgl: &'a [Sge],
        /// Address in the peer's region, a multiple of eight.
        remote_address: u64,
        /// The peer's token.
        remote_token: u32,
        /// What to do.
        operation: AtomicOperation,
        /// Flags, as of a write.
        flags: OpFlags,
    },
    /// `NdkConnect`. Connects.
    Connect {
        /// The connector.
        connector: Object,
        /// Local address; port zero: any.
        source: SocketAddr,
        /// The peer's listener.
        destination: SocketAddr,
        /// QP, limits, private data.
        params: ConnectParams<'a>,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkConnectWithSharedEndpoint`. Connects from a shared endpoint.
    ConnectWithSharedEndpoint {
        /// The connector.
        connector: Object,
        /// The shared endpoint.
        endpoint: Object,
        /// The peer's listener.
        destination: SocketAddr,
        /// QP, limits, private data.
        params: ConnectParams<'a>,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkCompleteConnect`. Ends the handshake on the active side; with an extended event it is the `Ex` of 2.1.
    CompleteConnect {
        /// The connector.
        connector: Object,
        /// Who hears of the peer's disconnect.
        disconnect_event: DisconnectEvent,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkAccept`. Accepts on the passive side; with an extended event it is the `Ex` of 2.1.
    Accept {
        /// The connector.
        connector: Object,
        /// QP, limits, private data.
        params: ConnectParams<'a>,
        /// Who hears of the peer's disconnect.
        disconnect_event: DisconnectEvent,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkReject`. Refuses.
    Reject {
        /// The connector.
        connector: Object,
        /// Data for the peer's consumer.
        private_data: &'a [u8],
    },
    /// `NdkGetConnectionData`. Effective limits and the peer's private data.
    GetConnectionData {
        /// The connector.
        connector: Object,
        /// Size of the caller's buffer; none: a NULL buffer with length zero.
        buffer_bytes: Option<u32>,
    },
    /// `NdkGetLocalAddress`. Local address of a connector, a listener or a shared endpoint.
    GetLocalAddress {
        /// The object.
        object: Object,
        /// Size of the caller's buffer.
        buffer_bytes: u32,
    },
    /// `NdkGetPeerAddress`. Address of the peer.
    GetPeerAddress {
        /// The connector.
        connector: Object,
        /// Size of the caller's buffer.
        buffer_bytes: u32,
    },
    /// `NdkDisconnect`. Ends a connection gracefully.
    Disconnect {
        /// The connector.
        connector: Object,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkListen`. Starts listening.
    Listen {
        /// The listener.
        listener: Object,
        /// Local address; port zero: any.
        address: SocketAddr,
        /// Request completion.
        completion: Completion,
    },
    /// `NdkControlConnectEvents`. Pauses or resumes connect events.
    ControlConnectEvents {
        /// The listener.
        listener: Object,
        /// Pause, or resume.
        pause: bool,
    },
    /// `NdkCloseObject`. Closes any object but an adapter.
    Close {
        /// The object.
        object: Object,
        /// Close completion.
        completion: Completion,
    },
}
