//! A call as the checker remembers it: an owned, short copy of what the rules need.

use crate::ndk::{
    Call, CallKind, CallSite, Completion, CqNotify, DisconnectEvent, Guid, MrFlags, NdkVersion, Object, OpFlags,
};
use std::net::SocketAddr;

/// A call that executes, or a request that pends.
#[derive(Clone, Debug)]
pub(super) struct CallFact {
    /// Counts the calls seen.
    pub(super) number: u64,
    /// Where it was made from.
    pub(super) site: CallSite,
    /// The function.
    pub(super) kind: CallKind,
    /// The object whose function it is.
    pub(super) object: Option<Object>,
    /// Its completion.
    pub(super) completion: Option<Completion>,
    /// What else the rules need.
    pub(super) args: Args,
    /// Whether the consumer broke a rule with it: then the provider may answer as it likes.
    pub(super) faulty: bool,
}

/// Arguments of a call, as far as rules need them after its return.
#[derive(Clone, Debug)]
pub(super) enum Args {
    None,
    Open(NdkVersion),
    Extension(Guid),
    CreateCq {
        depth: u32,
        notification: Completion,
    },
    CreateSharedEndpoint(SocketAddr),
    CreateListener(Completion),
    CreateMr {
        fast: bool,
    },
    CreateSrq(SrqArgs),
    CreateQp(QpArgs),
    BuildLam {
        length_bytes: u64,
        buffer_bytes: u32,
    },
    ResizeCq(u32),
    Arm(CqNotify),
    Moderation {
        interval_us: u32,
        count: u32,
    },
    RegisterMr(Region),
    InitializeFast {
        pages: u32,
        remote: bool,
    },
    ModifySrq {
        depth: u32,
        threshold: u32,
    },
    Post(Post),
    Connect(ConnectArgs),
    Accept {
        connect: ConnectArgs,
        event: DisconnectEvent,
    },
    CompleteConnect(DisconnectEvent),
    /// Size of a getter's buffer; none for a NULL one.
    Buffer(Option<u32>),
    Listen(SocketAddr),
    Pause(bool),
}

/// What a shared receive queue was created with.
#[derive(Clone, Copy, Debug)]
pub(super) struct SrqArgs {
    pub(super) depth: u32,
    pub(super) max_sge: u32,
    pub(super) threshold: u32,
    pub(super) notification: Completion,
}

/// What a QP was created with.
#[derive(Clone, Copy, Debug)]
pub(super) struct QpArgs {
    pub(super) receive_cq: Object,
    pub(super) initiator_cq: Object,
    pub(super) srq: Option<Object>,
    pub(super) context: u64,
    pub(super) receive_depth: u32,
    pub(super) initiator_depth: u32,
    pub(super) max_receive_sge: u32,
    pub(super) max_initiator_sge: u32,
    pub(super) inline_bytes: u32,
}

/// Virtual addresses with the rights that a registration gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) length_bytes: u64,
    pub(super) local_write: bool,
    pub(super) read_sink: bool,
}

impl Region {
    /// The region of `NdkRegisterMr`.
    pub(super) const fn registered(start: u64, length_bytes: u64, flags: MrFlags) -> Self {
        let local_write = flags.contains(MrFlags::ALLOW_LOCAL_WRITE);
        Self { start, length_bytes, local_write, read_sink: flags.contains(MrFlags::RDMA_READ_SINK) }
    }

    /// The region of `NdkFastRegister`.
    pub(super) const fn fast(start: u64, length_bytes: u64, flags: OpFlags) -> Self {
        let local_write = flags.contains(OpFlags::ALLOW_LOCAL_WRITE);
        Self { start, length_bytes, local_write, read_sink: flags.contains(OpFlags::RDMA_READ_SINK) }
    }

    /// Whether it contains all of `start..start + length_bytes`.
    pub(super) const fn contains(&self, start: u64, length_bytes: u64) -> bool {
        match (start.checked_sub(self.start), self.length_bytes.checked_sub(length_bytes)) {
            (Some(offset), Some(room)) => offset <= room,
            _ => false,
        }
    }
}

/// A posted request.
#[derive(Clone, Debug)]
pub(super) struct Post {
    /// The call that posted it.
    pub(super) call: u64,
    /// When.
    pub(super) time: des::Time,
    /// The function.
    pub(super) kind: CallKind,
    /// Its context.
    pub(super) context: u64,
    /// Its flags; none for receives.
    pub(super) flags: OpFlags,
    /// The region of a bind or fast registration, or what is invalidated.
    pub(super) target: Option<Object>,
    /// The window of a bind.
    pub(super) window: Option<Object>,
    /// The region that a fast registration makes.
    pub(super) region: Option<Region>,
    /// Numbers of the mappings that its list reaches into.
    pub(super) mappings: Vec<u64>,
}

impl Post {
    pub(super) const fn is_silent(&self) -> bool {
        self.flags.contains(OpFlags::SILENT_SUCCESS)
    }

    pub(super) const fn is_deferred(&self) -> bool {
        self.flags.contains(OpFlags::DEFER)
    }

    pub(super) const fn is_receive(&self) -> bool {
        matches!(self.kind, CallKind::Receive | CallKind::SrqReceive)
    }
}

/// What a connection was asked for with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectArgs {
    pub(super) qp: Object,
    pub(super) endpoint: Option<Object>,
    /// Source and destination, on the active side; the source only without a shared endpoint.
    pub(super) source: Option<SocketAddr>,
    pub(super) destination: Option<SocketAddr>,
    pub(super) inbound_read_limit: u32,
    pub(super) outbound_read_limit: u32,
}

impl CallFact {
    /// The short copy of a call.
    pub(super) fn new(number: u64, site: &CallSite, call: &Call<'_>) -> Self {
        let args = match call {
            Call::SrqReceive { .. }
            | Call::Send { .. }
            | Call::SendAndInvalidate { .. }
            | Call::Receive { .. }
            | Call::Bind { .. }
            | Call::FastRegister { .. }
            | Call::Invalidate { .. }
            | Call::Read { .. }
            | Call::Write { .. }
            | Call::Atomic { .. } => post_args(number, site, call),
            Call::Connect { .. }
            | Call::ConnectWithSharedEndpoint { .. }
            | Call::Accept { .. }
            | Call::CompleteConnect { .. } => connect_args(call),
            Call::CreateQp { .. } | Call::CreateQpWithSrq { .. } => qp_args(call),
            _ => plain_args(call),
        };
        Self {
            number,
            site: *site,
            kind: call.kind(),
            object: call.object(),
            completion: call.completion(),
            args,
            faulty: false,
        }
    }

    /// The context that a line of history shows.
    pub(super) fn context(&self) -> Option<u64> {
        match &self.args {
            Args::Post(post) => Some(post.context),
            _ => self.completion.map(|completion| completion.context),
        }
    }

    /// The posted request.
    pub(super) const fn post(&self) -> Option<&Post> {
        match &self.args {
            Args::Post(post) => Some(post),
            _ => None,
        }
    }
}

fn plain_args(call: &Call<'_>) -> Args {
    match *call {
        Call::OpenAdapter { version } => Args::Open(version),
        Call::QueryExtension { interface, .. } => Args::Extension(interface),
        Call::CreateCq { depth, notification, .. } => Args::CreateCq { depth, notification },
        Call::CreateSharedEndpoint { address, .. } => Args::CreateSharedEndpoint(address),
        Call::CreateListener { connect_event, .. } => Args::CreateListener(connect_event),
        Call::CreateMr { fast_register, .. } => Args::CreateMr { fast: fast_register },
        Call::CreateSrq { depth, max_receive_sge, notify_threshold, notification, .. } => {
            Args::CreateSrq(SrqArgs { depth, max_sge: max_receive_sge, threshold: notify_threshold, notification })
        }
        Call::BuildLam { length_bytes, lam_bytes, .. } => Args::BuildLam { length_bytes, buffer_bytes: lam_bytes },
        Call::ResizeCq { depth, .. } => Args::ResizeCq(depth),
        Call::ArmCq { notify, .. } => Args::Arm(notify),
        Call::ControlCqInterruptModeration { interval_us, count, .. } => Args::Moderation { interval_us, count },
        Call::RegisterMr { mdl, length_bytes, flags, .. } => {
            Args::RegisterMr(Region::registered(mdl.virtual_address, length_bytes, flags))
        }
        Call::InitializeFastRegisterMr { adapter_page_count, remote_access, .. } => {
            Args::InitializeFast { pages: adapter_page_count, remote: remote_access }
        }
        Call::ModifySrq { depth, notify_threshold, .. } => Args::ModifySrq { depth, threshold: notify_threshold },
        Call::QueryAdapterInfo { buffer_bytes, .. }
        | Call::GetLocalAddress { buffer_bytes, .. }
        | Call::GetPeerAddress { buffer_bytes, .. } => Args::Buffer(Some(buffer_bytes)),
        Call::GetConnectionData { buffer_bytes, .. } => Args::Buffer(buffer_bytes),
        Call::Listen { address, .. } => Args::Listen(address),
        Call::ControlConnectEvents { pause, .. } => Args::Pause(pause),
        _ => Args::None,
    }
}

fn qp_args(call: &Call<'_>) -> Args {
    match *call {
        Call::CreateQp {
            receive_cq,
            initiator_cq,
            qp_context,
            receive_depth,
            initiator_depth,
            max_receive_sge,
            max_initiator_sge,
            inline_data_bytes,
            ..
        } => Args::CreateQp(QpArgs {
            receive_cq,
            initiator_cq,
            srq: None,
            context: qp_context,
            receive_depth,
            initiator_depth,
            max_receive_sge,
            max_initiator_sge,
            inline_bytes: inline_data_bytes,
        }),
        Call::CreateQpWithSrq {
            receive_cq,
            initiator_cq,
            srq,
            qp_context,
            initiator_depth,
            max_initiator_sge,
            inline_data_bytes,
            ..
        } => Args::CreateQp(QpArgs {
            receive_cq,
            initiator_cq,
            srq: Some(srq),
            context: qp_context,
            receive_depth: 0,
            initiator_depth,
            max_receive_sge: 0,
            max_initiator_sge,
            inline_bytes: inline_data_bytes,
        }),
        _ => Args::None,
    }
}

fn post_args(number: u64, site: &CallSite, call: &Call<'_>) -> Args {
    let (context, flags) = match *call {
        Call::SrqReceive { context, .. } | Call::Receive { context, .. } => (context, OpFlags::empty()),
        Call::Send { context, flags, .. }
        | Call::SendAndInvalidate { context, flags, .. }
        | Call::Bind { context, flags, .. }
        | Call::FastRegister { context, flags, .. }
        | Call::Invalidate { context, flags, .. }
        | Call::Read { context, flags, .. }
        | Call::Write { context, flags, .. }
        | Call::Atomic { context, flags, .. } => (context, flags),
        _ => return Args::None,
    };
    let (target, window, region) = match *call {
        Call::Bind { mr, mw, .. } => (Some(mr), Some(mw), None),
        Call::FastRegister { mr, base_virtual_address, length_bytes, flags, .. } => {
            (Some(mr), None, Some(Region::fast(base_virtual_address, length_bytes, flags)))
        }
        Call::Invalidate { target, .. } => (Some(target), None, None),
        _ => (None, None, None),
    };
    let (call, time, kind) = (number, site.now, call.kind());
    Args::Post(Post { call, time, kind, context, flags, target, window, region, mappings: Vec::new() })
}

fn connect_args(call: &Call<'_>) -> Args {
    let (params, endpoint, source, destination) = match *call {
        Call::Connect { params, source, destination, .. } => (params, None, Some(source), Some(destination)),
        Call::ConnectWithSharedEndpoint { params, endpoint, destination, .. } => {
            (params, Some(endpoint), None, Some(destination))
        }
        Call::Accept { params, .. } => (params, None, None, None),
        Call::CompleteConnect { disconnect_event, .. } => return Args::CompleteConnect(disconnect_event),
        _ => return Args::None,
    };
    let connect = ConnectArgs {
        qp: params.qp,
        endpoint,
        source,
        destination,
        inbound_read_limit: params.inbound_read_limit,
        outbound_read_limit: params.outbound_read_limit,
    };
    match *call {
        Call::Accept { disconnect_event, .. } => Args::Accept { connect, event: disconnect_event },
        _ => Args::Connect(connect),
    }
}
