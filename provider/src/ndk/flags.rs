//! Flag words, with the values of ndkpi.h and ndkinfo.h.

use bitflags::bitflags;

bitflags! {
    /// `NDK_ADAPTER_FLAG_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AdapterFlags: u32 {
        /// The last byte of a buffer is never written before an earlier one.
        const IN_ORDER_DMA_SUPPORTED = 0x1;
        /// Sink flags are unnecessary; logical addresses may be a read sink.
        const RDMA_READ_SINK_NOT_REQUIRED = 0x2;
        /// `NdkControlCqInterruptModeration` works.
        const CQ_INTERRUPT_MODERATION_SUPPORTED = 0x4;
        /// Several connections may run faster than one.
        const MULTI_ENGINE_SUPPORTED = 0x8;
        /// A read can invalidate its sink (1.2).
        const RDMA_READ_LOCAL_INVALIDATE_SUPPORTED = 0x10;
        /// `NdkResizeCq` works.
        const CQ_RESIZE_SUPPORTED = 0x100;
        /// The adapter can connect to itself.
        const LOOPBACK_CONNECTIONS_SUPPORTED = 0x1_0000;
    }

    /// `NDK_MR_FLAG_*`. Local read needs no flag.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MrFlags: u32 {
        /// Receives and read sinks.
        const ALLOW_LOCAL_WRITE = 0x1;
        /// The peer may read.
        const ALLOW_REMOTE_READ = 0x2;
        /// The peer may write; contains local write.
        const ALLOW_REMOTE_WRITE = 0x5;
        /// Read sink, where the adapter asks for it.
        const RDMA_READ_SINK = 0x8;
        /// Bits without a name are the consumer's mistake and are kept.
        const _ = !0;
    }

    /// `NDK_OP_FLAG_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpFlags: u32 {
        /// No result if the request succeeds.
        const SILENT_SUCCESS = 0x1;
        /// Starts after all earlier reads.
        const READ_FENCE = 0x2;
        /// The peer's receive satisfies a solicited arm.
        const SEND_AND_SOLICIT_EVENT = 0x4;
        /// Bind, fast register: the peer may read.
        const ALLOW_REMOTE_READ = 0x8;
        /// Fast register: receives and read sinks.
        const ALLOW_LOCAL_WRITE = 0x10;
        /// Bind, fast register: the peer may write; contains local write.
        const ALLOW_REMOTE_WRITE = 0x30;
        /// The bytes are taken at the call.
        const INLINE = 0x40;
        /// Fast register: read sink.
        const RDMA_READ_SINK = 0x80;
        /// Read: invalidate the first entry's token (1.2).
        const RDMA_READ_LOCAL_INVALIDATE = 0x100;
        /// The doorbell may wait for a later request (1.2).
        const DEFER = 0x200;
        /// Bits without a name are the consumer's mistake and are kept.
        const _ = !0;
    }
}

/// `NDK_CQ_NOTIFY_*`, the types of an arm.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CqNotify(pub u32);

impl CqNotify {
    /// Errors of the CQ only.
    pub const ERRORS: Self = Self(0);
    /// Any new entry.
    pub const ANY: Self = Self(1);
    /// Solicited receives and errors.
    pub const SOLICITED: Self = Self(2);
}

impl std::fmt::Debug for CqNotify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::ERRORS => f.write_str("ERRORS"),
            Self::ANY => f.write_str("ANY"),
            Self::SOLICITED => f.write_str("SOLICITED"),
            Self(other) => write!(f, "arm type {other}"),
        }
    }
}
