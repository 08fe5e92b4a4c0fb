//! `NDK_ADAPTER_INFO` and versions.

use super::flags::AdapterFlags;
use std::fmt;

/// `NDK_VERSION`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NdkVersion {
    /// Major number: an adapter opened with one major knows no other.
    pub major: u16,
    /// Minor number: each contains all lower ones.
    pub minor: u16,
}

impl NdkVersion {
    /// Windows Server 2012.
    pub const V1_1: Self = Self { major: 1, minor: 1 };
    /// Windows Server 2012 R2: deferral, send-and-invalidate, extended results.
    pub const V1_2: Self = Self { major: 1, minor: 2 };
    /// Windows Server 2016.
    pub const V2_0: Self = Self { major: 2, minor: 0 };
    /// Windows Server 2022: `NdkAcceptEx`, `NdkCompleteConnectEx`, provider error codes.
    pub const V2_1: Self = Self { major: 2, minor: 1 };
}

impl fmt::Debug for NdkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for NdkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// `NDK_RDMA_TECHNOLOGY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum RdmaTechnology {
    /// Not said.
    Undefined = 0,
    /// iWARP.
    Iwarp = 1,
    /// InfiniBand.
    InfiniBand = 2,
    /// RoCE version 1.
    Roce = 3,
    /// RoCE version 2.
    RoceV2 = 4,
}

/// `NDK_ADAPTER_INFO`: the limits of an adapter. Member order and meaning as in ndkinfo.h; counts unless named bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Version in use.
    pub version: NdkVersion,
    /// IEEE OUI.
    pub vendor_id: u32,
    /// The vendor's number for the device.
    pub device_id: u32,
    /// Largest registration.
    pub max_registration_bytes: u64,
    /// Largest memory window; zero: no windows.
    pub max_window_bytes: u64,
    /// Page count for which the most fast-register regions exist, at least 16.
    pub frmr_page_count: u32,
    /// Entries of an initiator request's list.
    pub max_initiator_request_sge: u32,
    /// Entries of a receive's list.
    pub max_receive_request_sge: u32,
    /// Entries of a read's list.
    pub max_read_request_sge: u32,
    /// Bytes of one request.
    pub max_transfer_bytes: u32,
    /// Bytes of one inline request.
    pub max_inline_data_bytes: u32,
    /// Incoming reads of a QP under way.
    pub max_inbound_read_limit: u32,
    /// Outgoing reads of a QP under way.
    pub max_outbound_read_limit: u32,
    /// Entries of a receive queue.
    pub max_receive_queue_depth: u32,
    /// Entries of an initiator queue.
    pub max_initiator_queue_depth: u32,
    /// Entries of a shared receive queue; zero: none.
    pub max_srq_depth: u32,
    /// Entries of a completion queue.
    pub max_cq_depth: u32,
    /// Above this many bytes, read and write beat send and receive.
    pub large_request_threshold_bytes: u32,
    /// Private data of a connect.
    pub max_caller_data_bytes: u32,
    /// Private data of an accept or a reject.
    pub max_callee_data_bytes: u32,
    /// What the adapter can do.
    pub flags: AdapterFlags,
    /// Transport.
    pub technology: RdmaTechnology,
}

impl AdapterInfo {
    /// `sizeof(NDK_ADAPTER_INFO)` on x64, with `RdmaTechnology`.
    pub const SIZE_BYTES: u32 = 104;
    /// The size that consumers built with the oldest headers pass, without `RdmaTechnology`.
    pub const SIZE_BYTES_1_1: u32 = 96;
}
