//! The functions of the dispatch tables by name.

use super::object::ObjectKind;

/// A provider function, without its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// `WskOpenNdkAdapter`.
    OpenAdapter,
    /// `WskCloseNdkAdapter`.
    CloseAdapter,
    /// `NdkQueryExtension`.
    QueryExtension,
    /// `NdkQueryAdapterInfo`.
    QueryAdapterInfo,
    /// `NdkCreateCq`.
    CreateCq,
    /// `NdkCreatePd`.
    CreatePd,
    /// `NdkCreateSharedEndpoint`.
    CreateSharedEndpoint,
    /// `NdkCreateConnector`.
    CreateConnector,
    /// `NdkCreateListener`.
    CreateListener,
    /// `NdkBuildLAM`.
    BuildLam,
    /// `NdkReleaseLAM`.
    ReleaseLam,
    /// `NdkCreateMr`.
    CreateMr,
    /// `NdkCreateMw`.
    CreateMw,
    /// `NdkCreateSrq`.
    CreateSrq,
    /// `NdkCreateQp`.
    CreateQp,
    /// `NdkCreateQpWithSrq`.
    CreateQpWithSrq,
    /// `NdkGetPrivilegedMemoryRegionToken`.
    GetPrivilegedToken,
    /// `NdkResizeCq`.
    ResizeCq,
    /// `NdkArmCq`.
    ArmCq,
    /// `NdkGetCqResults`.
    GetCqResults,
    /// `NdkControlCqInterruptModeration`.
    ControlCqInterruptModeration,
    /// `NdkGetCqResultsEx`.
    GetCqResultsEx,
    /// `NdkRegisterMr`.
    RegisterMr,
    /// `NdkDeregisterMr`.
    DeregisterMr,
    /// `NdkInitializeFastRegisterMr`.
    InitializeFastRegisterMr,
    /// `NdkGetRemoteTokenFromMr`.
    GetRemoteTokenFromMr,
    /// `NdkGetLocalTokenFromMr`.
    GetLocalTokenFromMr,
    /// `NdkGetRemoteTokenFromMw`.
    GetRemoteTokenFromMw,
    /// `NdkModifySrq`.
    ModifySrq,
    /// `NdkSrqReceive`.
    SrqReceive,
    /// `NdkFlush`.
    Flush,
    /// `NdkSend`.
    Send,
    /// `NdkSendAndInvalidate`.
    SendAndInvalidate,
    /// `NdkReceive`.
    Receive,
    /// `NdkBind`.
    Bind,
    /// `NdkFastRegister`.
    FastRegister,
    /// `NdkInvalidate`.
    Invalidate,
    /// `NdkRead`.
    Read,
    /// `NdkWrite`.
    Write,
    /// The function of [`ATOMICS`](super::extension::ATOMICS).
    Atomic,
    /// `NdkConnect`.
    Connect,
    /// `NdkConnectWithSharedEndpoint`.
    ConnectWithSharedEndpoint,
    /// `NdkCompleteConnect`.
    CompleteConnect,
    /// `NdkAccept`.
    Accept,
    /// `NdkReject`.
    Reject,
    /// `NdkGetConnectionData`.
    GetConnectionData,
    /// `NdkGetLocalAddress`.
    GetLocalAddress,
    /// `NdkGetPeerAddress`.
    GetPeerAddress,
    /// `NdkDisconnect`.
    Disconnect,
    /// `NdkListen`.
    Listen,
    /// `NdkControlConnectEvents`.
    ControlConnectEvents,
    /// `NdkCloseObject`.
    Close,
}

impl CallKind {
    /// Every function, in the order of the dispatch tables.
    pub const ALL: &'static [Self] = &[
        Self::OpenAdapter,
        Self::CloseAdapter,
        Self::QueryExtension,
        Self::QueryAdapterInfo,
        Self::CreateCq,
        Self::CreatePd,
        Self::CreateSharedEndpoint,
        Self::CreateConnector,
        Self::CreateListener,
        Self::BuildLam,
        Self::ReleaseLam,
        Self::CreateMr,
        Self::CreateMw,
        Self::CreateSrq,
        Self::CreateQp,
        Self::CreateQpWithSrq,
        Self::GetPrivilegedToken,
        Self::ResizeCq,
        Self::ArmCq,
        Self::GetCqResults,
        Self::ControlCqInterruptModeration,
        Self::GetCqResultsEx,
        Self::RegisterMr,
        Self::DeregisterMr,
        Self::InitializeFastRegisterMr,
        Self::GetRemoteTokenFromMr,
        Self::GetLocalTokenFromMr,
        Self::GetRemoteTokenFromMw,
        Self::ModifySrq,
        Self::SrqReceive,
        Self::Flush,
        Self::Send,
        Self::SendAndInvalidate,
        Self::Receive,
        Self::Bind,
        Self::FastRegister,
        Self::Invalidate,
        Self::Read,
        Self::Write,
        Self::Atomic,
        Self::Connect,
        Self::ConnectWithSharedEndpoint,
        Self::CompleteConnect,
        Self::Accept,
        Self::Reject,
        Self::GetConnectionData,
        Self::GetLocalAddress,
        Self::GetPeerAddress,
        Self::Disconnect,
        Self::Listen,
        Self::ControlConnectEvents,
        Self::Close,
    ];

    /// The function's name in ndkpi.h (functions that several tables share have one name), or in the extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAdapter => "WskOpenNdkAdapter",
            Self::CloseAdapter => "WskCloseNdkAdapter",
            Self::QueryExtension => "NdkQueryExtension",
            Self::QueryAdapterInfo => "NdkQueryAdapterInfo",
            Self::CreateCq => "NdkCreateCq",
            Self::CreatePd => "NdkCreatePd",
            Self::CreateSharedEndpoint => "NdkCreateSharedEndpoint",
            Self::CreateConnector => "NdkCreateConnector",
            Self::CreateListener => "NdkCreateListener",
            Self::BuildLam => "NdkBuildLAM",
            Self::ReleaseLam => "NdkReleaseLAM",
            Self::CreateMr => "NdkCreateMr",
            Self::CreateMw => "NdkCreateMw",
            Self::CreateSrq => "NdkCreateSrq",
            Self::CreateQp => "NdkCreateQp",
            Self::CreateQpWithSrq => "NdkCreateQpWithSrq",
            Self::GetPrivilegedToken => "NdkGetPrivilegedMemoryRegionToken",
            Self::ResizeCq => "NdkResizeCq",
            Self::ArmCq => "NdkArmCq",
            Self::GetCqResults => "NdkGetCqResults",
            Self::ControlCqInterruptModeration => "NdkControlCqInterruptModeration",
            Self::GetCqResultsEx => "NdkGetCqResultsEx",
            Self::RegisterMr => "NdkRegisterMr",
            Self::DeregisterMr => "NdkDeregisterMr",
            Self::InitializeFastRegisterMr => "NdkInitializeFastRegisterMr",
            Self::GetRemoteTokenFromMr => "NdkGetRemoteTokenFromMr",
            Self::GetLocalTokenFromMr => "NdkGetLocalTokenFromMr",
            Self::GetRemoteTokenFromMw => "NdkGetRemoteTokenFromMw",
            Self::ModifySrq => "NdkModifySrq",
            Self::SrqReceive => "NdkSrqReceive",
            Self::Flush => "NdkFlush",
            Self::Send => "NdkSend",
            Self::SendAndInvalidate => "NdkSendAndInvalidate",
            Self::Receive => "NdkReceive",
            Self::Bind => "NdkBind",
            Self::FastRegister => "NdkFastRegister",
            Self::Invalidate => "NdkInvalidate",
            Self::Read => "NdkRead",
            Self::Write => "NdkWrite",
            Self::Atomic => "RnicAtomic",
            Self::Connect => "NdkConnect",
            Self::ConnectWithSharedEndpoint => "NdkConnectWithSharedEndpoint",
            Self::CompleteConnect => "NdkCompleteConnect",
            Self::Accept => "NdkAccept",
            Self::Reject => "NdkReject",
            Self::GetConnectionData => "NdkGetConnectionData",
            Self::GetLocalAddress => "NdkGetLocalAddress",
            Self::GetPeerAddress => "NdkGetPeerAddress",
            Self::Disconnect => "NdkDisconnect",
            Self::Listen => "NdkListen",
            Self::ControlConnectEvents => "NdkControlConnectEvents",
            Self::Close => "NdkCloseObject",
        }
    }

    /// The kind of object that a create function makes.
    #[must_use]
    pub const fn creates(self) -> Option<ObjectKind> {
        match self {
            Self::CreateCq => Some(ObjectKind::Cq),
            Self::CreatePd => Some(ObjectKind::Pd),
            Self::CreateSharedEndpoint => Some(ObjectKind::SharedEndpoint),
            Self::CreateConnector => Some(ObjectKind::Connector),
            Self::CreateListener => Some(ObjectKind::Listener),
            Self::CreateMr => Some(ObjectKind::Mr),
            Self::CreateMw => Some(ObjectKind::Mw),
            Self::CreateSrq => Some(ObjectKind::Srq),
            Self::CreateQp => Some(ObjectKind::Qp),
            Self::CreateQpWithSrq => Some(ObjectKind::Qp),
            _ => None,
        }
    }

    /// Whether the function may return PENDING and complete by a request completion.
    #[must_use]
    pub const fn is_asynchronous_request(self) -> bool {
        matches!(
            self,
            Self::BuildLam
                | Self::ResizeCq
                | Self::RegisterMr
                | Self::DeregisterMr
                | Self::InitializeFastRegisterMr
                | Self::ModifySrq
                | Self::Connect
                | Self::ConnectWithSharedEndpoint
                | Self::CompleteConnect
                | Self::Accept
                | Self::Disconnect
                | Self::Listen
        )
    }

    /// Whether the function posts a work request.
    #[must_use]
    pub const fn is_post(self) -> bool {
        matches!(
            self,
            Self::SrqReceive
                | Self::Send
                | Self::SendAndInvalidate
                | Self::Receive
                | Self::Bind
                | Self::FastRegister
                | Self::Invalidate
                | Self::Read
                | Self::Write
                | Self::Atomic
        )
    }
}
