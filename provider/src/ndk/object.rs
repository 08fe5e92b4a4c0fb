//! Objects as the consumer sees them: a pointer to a header.

use super::info::NdkVersion;
use std::fmt;

/// `NDK_OBJECT_TYPE` (ndkpi.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum ObjectKind {
    /// `NDK_ADAPTER`.
    Adapter = 1,
    /// `NDK_QP`.
    Qp = 2,
    /// `NDK_CQ`.
    Cq = 3,
    /// `NDK_MR`.
    Mr = 4,
    /// `NDK_MW`.
    Mw = 5,
    /// `NDK_PD`.
    Pd = 6,
    /// `NDK_SHARED_ENDPOINT`.
    SharedEndpoint = 7,
    /// `NDK_CONNECTOR`.
    Connector = 8,
    /// `NDK_LISTENER`.
    Listener = 9,
    /// `NDK_SRQ`.
    Srq = 10,
}

impl ObjectKind {
    /// Every kind, in the order of the header's values.
    pub const ALL: [Self; 10] = [
        Self::Adapter,
        Self::Qp,
        Self::Cq,
        Self::Mr,
        Self::Mw,
        Self::Pd,
        Self::SharedEndpoint,
        Self::Connector,
        Self::Listener,
        Self::Srq,
    ];

    /// Short name, as in scenario files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adapter => "adapter",
            Self::Qp => "qp",
            Self::Cq => "cq",
            Self::Mr => "mr",
            Self::Mw => "mw",
            Self::Pd => "pd",
            Self::SharedEndpoint => "shared-endpoint",
            Self::Connector => "connector",
            Self::Listener => "listener",
            Self::Srq => "srq",
        }
    }
}

/// A pointer to an object: what `NDK_OBJECT_HEADER*` is in C. Made by the provider; the consumer may hand back anything.
///
/// `id` plays the part of the address and is never used again after the object is closed, so that a stale pointer is
/// told from a live one. The kind and the version are the header's members.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// `ObjectType` of the header.
    pub kind: ObjectKind,
    /// The address. Zero is NULL.
    pub id: u64,
    /// `Version` of the header.
    pub version: NdkVersion,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.id)
    }
}
