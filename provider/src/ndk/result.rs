//! Scatter/gather entries and results of posted requests.

use super::status::Status;

/// `NDK_SGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sge {
    /// Virtual address in the region of the token, or logical address with the privileged token.
    pub address: u64,
    /// Bytes.
    pub length_bytes: u32,
    /// Memory region token; ignored by inline requests.
    pub token: u32,
}

/// `NDK_OPERATION_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum OperationType {
    /// A receive.
    Receive = 1,
    /// A send, with or without invalidation at the peer.
    Send = 2,
    /// A fast registration.
    FastRegister = 4,
    /// A window bind.
    Bind = 8,
    /// A local invalidation.
    Invalidate = 16,
    /// A read.
    Read = 32,
    /// A write.
    Write = 64,
    /// An atomic, of the [extension](super::extension::ATOMICS). Not of ndkpi.h.
    Atomic = 0x4000_0000,
    /// A receive whose send invalidated a token here.
    ReceiveAndInvalidate = 0x8001,
}

/// `NDK_RESULT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdkResult {
    /// How the request ended.
    pub status: Status,
    /// Bytes received; meaningless for all but receives.
    pub bytes_transferred: u32,
    /// The QP's context.
    pub qp_context: u64,
    /// The request's context.
    pub request_context: u64,
}

/// `NDK_RESULT_EX` (1.2; `provider_error_code` 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdkResultEx {
    /// The members of the plain result.
    pub base: NdkResult,
    /// What the request was.
    pub operation: OperationType,
    /// Zero on success, and where the provider says nothing.
    pub provider_error_code: u32,
    /// The token invalidated, for [`OperationType::ReceiveAndInvalidate`] only.
    pub type_specific: u64,
}

impl NdkResult {
    /// Fills arrays before a call.
    pub const EMPTY: Self = Self { status: Status::SUCCESS, bytes_transferred: 0, qp_context: 0, request_context: 0 };
}

impl NdkResultEx {
    /// Fills arrays before a call.
    pub const EMPTY: Self =
        Self { base: NdkResult::EMPTY, operation: OperationType::Receive, provider_error_code: 0, type_specific: 0 };
}
