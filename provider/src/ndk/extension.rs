//! What this provider offers beyond NDKPI, by `NdkQueryExtension`: the way that the interface itself provides for.
//!
//! NDKPI has no atomics, adapters do. Who finds the interface [`ATOMICS`] at an adapter or a queue pair may call
//! [`Call::Atomic`](super::Call::Atomic). The target must be registered for remote reading and remote writing, and lie at a
//! multiple of eight bytes: NDKPI has no right of its own for atomics, and one does both.

use super::call::Guid;
use super::info::NdkVersion;

/// `{3A5C7E12-9B04-4D6F-8E21-52C0A71D94B6}`: atomics on the peer's memory.
pub const ATOMICS: Guid =
    Guid([0x12, 0x7e, 0x5c, 0x3a, 0x04, 0x9b, 0x6f, 0x4d, 0x8e, 0x21, 0x52, 0xc0, 0xa7, 0x1d, 0x94, 0xb6]);

/// The version of [`ATOMICS`]; another major number is another interface.
pub const ATOMICS_VERSION: NdkVersion = NdkVersion { major: 1, minor: 0 };

/// Bytes that an atomic works on, here and there.
pub const ATOMIC_BYTES: u32 = 8;

/// What becomes of eight bytes of the peer's memory in one step, no other atomic of the same adapter coming between. They
/// are a number in the byte order of their machine; what it was before comes back, in the byte order of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomicOperation {
    /// Adds, modulo 2^64.
    FetchAdd {
        /// What is added.
        add: u64,
    },
    /// Writes, if the number is the expected one.
    CompareSwap {
        /// The number expected.
        compare: u64,
        /// What is written then.
        swap: u64,
    },
}
