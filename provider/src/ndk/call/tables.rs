//! Which function a call is of, the object whose table the function stands in, and the completion that was passed.

use super::{Call, Completion};
use crate::ndk::kind::CallKind;
use crate::ndk::object::Object;

/// Functions by the argument that names their object.
macro_rules! functions {
    ($($object:ident: $($function:ident)+;)+) => {
        impl Call<'_> {
            /// Which function.
            #[must_use]
            pub const fn kind(&self) -> CallKind {
                match self {
                    Self::OpenAdapter { .. } => CallKind::OpenAdapter,
                    $($(Self::$function { .. } => CallKind::$function,)+)+
                }
            }

            /// The object whose table the function stands in; none for opening an adapter.
            #[must_use]
            pub const fn object(&self) -> Option<Object> {
                match self {
                    Self::OpenAdapter { .. } => None,
                    $($(Self::$function { $object: object, .. } => Some(*object),)+)+
                }
            }
        }
    };
}

functions! {
    adapter: CloseAdapter QueryAdapterInfo CreateCq CreatePd CreateSharedEndpoint CreateConnector CreateListener
        BuildLam ReleaseLam;
    object: QueryExtension GetLocalAddress Close;
    pd: CreateMr CreateMw CreateSrq CreateQp CreateQpWithSrq GetPrivilegedToken;
    cq: ResizeCq ArmCq GetCqResults ControlCqInterruptModeration GetCqResultsEx;
    mr: RegisterMr DeregisterMr InitializeFastRegisterMr GetRemoteTokenFromMr GetLocalTokenFromMr;
    mw: GetRemoteTokenFromMw;
    srq: ModifySrq SrqReceive;
    qp: Flush Send SendAndInvalidate Receive Bind FastRegister Invalidate Read Write Atomic;
    connector: Connect ConnectWithSharedEndpoint CompleteConnect Accept Reject GetConnectionData GetPeerAddress
        Disconnect;
    listener: Listen ControlConnectEvents;
}

impl Call<'_> {
    /// The completion that was passed, if the function takes one.
    #[must_use]
    pub const fn completion(&self) -> Option<Completion> {
        match self {
            Self::CreateCq { completion, .. }
            | Self::CreatePd { completion, .. }
            | Self::CreateSharedEndpoint { completion, .. }
            | Self::CreateConnector { completion, .. }
            | Self::CreateListener { completion, .. }
            | Self::BuildLam { completion, .. }
            | Self::CreateMr { completion, .. }
            | Self::CreateMw { completion, .. }
            | Self::CreateSrq { completion, .. }
            | Self::CreateQp { completion, .. }
            | Self::CreateQpWithSrq { completion, .. }
            | Self::ResizeCq { completion, .. }
            | Self::RegisterMr { completion, .. }
            | Self::DeregisterMr { completion, .. }
            | Self::InitializeFastRegisterMr { completion, .. }
            | Self::ModifySrq { completion, .. }
            | Self::Connect { completion, .. }
            | Self::ConnectWithSharedEndpoint { completion, .. }
            | Self::CompleteConnect { completion, .. }
            | Self::Accept { completion, .. }
            | Self::Disconnect { completion, .. }
            | Self::Listen { completion, .. }
            | Self::Close { completion, .. } => Some(*completion),
            _ => None,
        }
    }
}
