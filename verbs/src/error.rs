//! What can keep a device from being opened, and the numbers of the operating system.

use std::fmt;

/// Why there is no backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerbsError {
    /// A library cannot be loaded.
    #[error("{file} cannot be loaded ({why}); on Debian: apt install ibverbs-providers librdmacm1")]
    NoLibrary {
        /// Its file.
        file: &'static str,
        /// What the loader says.
        why: String,
    },
    /// There is no RDMA device at all.
    #[error(
        "this machine has no RDMA device; for a soft one: modprobe rdma_rxe && rdma link add rxe0 type rxe netdev NIC"
    )]
    NoDevices,
    /// The device does not exist, others do.
    #[error("no RDMA device is named {wanted}; there are: {}", present.join(", "))]
    NoSuchDevice {
        /// The name that was asked for.
        wanted: String,
        /// The names that exist.
        present: Vec<String>,
    },
    /// A step of opening the device failed.
    #[error("{device}: {step} failed: {errno}")]
    Failed {
        /// The device.
        device: String,
        /// What was tried.
        step: &'static str,
        /// How it ended.
        errno: Errno,
    },
}

/// An error number of the operating system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// That of the last call which failed.
    pub(crate) fn last() -> Self {
        Self(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&std::io::Error::from_raw_os_error(self.0), f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
