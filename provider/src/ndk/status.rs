//! NTSTATUS values of the contract (section 6 of the NDKPI reference).

use std::fmt;

/// An NTSTATUS: any 32-bit value, the ones of the contract by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Every status with a name, with that name.
            pub const NAMED: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

statuses! {
    /// Done.
    SUCCESS = 0x0000_0000;
    /// A success-class code of the user-mode sibling.
    TIMEOUT = 0x0000_0102;
    /// The completion callback will tell. Never a completion's status.
    PENDING = 0x0000_0103;
    /// CQ overrun; receive shorter than the send.
    BUFFER_OVERFLOW = 0x8000_0005;
    /// A region with a bound window.
    DEVICE_BUSY = 0x8000_0011;
    /// Queue full on post.
    NO_MORE_ENTRIES = 0x8000_001a;
    /// Unspecific failure.
    UNSUCCESSFUL = 0xc000_0001;
    /// A right is missing.
    ACCESS_VIOLATION = 0xc000_0005;
    /// A parameter is out of its limits.
    INVALID_PARAMETER = 0xc000_000d;
    /// A malformed request.
    INVALID_DEVICE_REQUEST = 0xc000_0010;
    /// No memory.
    NO_MEMORY = 0xc000_0017;
    /// The buffer is too small; the length says what is needed.
    BUFFER_TOO_SMALL = 0xc000_0023;
    /// Parameters that exclude each other.
    INVALID_PARAMETER_MIX = 0xc000_0030;
    /// Too many scatter/gather entries or bytes.
    DATA_OVERRUN = 0xc000_003c;
    /// Data error.
    DATA_ERROR = 0xc000_003e;
    /// Local address in use.
    SHARING_VIOLATION = 0xc000_0043;
    /// Resources are exhausted.
    INSUFFICIENT_RESOURCES = 0xc000_009a;
    /// A time-out.
    IO_TIMEOUT = 0xc000_00b5;
    /// Not supported by this adapter.
    NOT_SUPPORTED = 0xc000_00bb;
    /// Fatal error of the device.
    INTERNAL_ERROR = 0xc000_00e5;
    /// Bad flags of a send (user-mode sibling).
    INVALID_PARAMETER_4 = 0xc000_00f2;
    /// Bad flags of a write (user-mode sibling).
    INVALID_PARAMETER_6 = 0xc000_00f4;
    /// Flushed or cancelled.
    CANCELLED = 0xc000_0120;
    /// Beyond the remote memory.
    REMOTE_RESOURCES = 0xc000_013d;
    /// Not an address of this adapter.
    INVALID_ADDRESS = 0xc000_0141;
    /// The object is not in a state for this.
    INVALID_DEVICE_STATE = 0xc000_0184;
    /// Private data or registration too long.
    INVALID_BUFFER_SIZE = 0xc000_0206;
    /// No ephemeral port is left.
    TOO_MANY_ADDRESSES = 0xc000_0209;
    /// The same pair of addresses is connected already.
    ADDRESS_ALREADY_EXISTS = 0xc000_020a;
    /// The connection has ended.
    CONNECTION_DISCONNECTED = 0xc000_020c;
    /// Nobody listens, or the peer rejected.
    CONNECTION_REFUSED = 0xc000_0236;
    /// The object has an address already.
    ADDRESS_ALREADY_ASSOCIATED = 0xc000_0238;
    /// Not connected.
    CONNECTION_INVALID = 0xc000_023a;
    /// Connected already.
    CONNECTION_ACTIVE = 0xc000_023b;
    /// No way to that network.
    NETWORK_UNREACHABLE = 0xc000_023c;
    /// No way to that host.
    HOST_UNREACHABLE = 0xc000_023d;
    /// The peer gave up.
    CONNECTION_ABORTED = 0xc000_0241;
    /// The adapter is gone.
    DEVICE_REMOVED = 0xc000_02b6;
    /// Beyond what the implementation can do.
    IMPLEMENTATION_LIMIT = 0xc000_042b;
    /// `NDIS_STATUS_BAD_VERSION`.
    BAD_VERSION = 0xc001_0004;
    /// `NDIS_STATUS_ADAPTER_NOT_READY`.
    ADAPTER_NOT_READY = 0xc001_0011;
}

impl Status {
    /// `NT_SUCCESS`: zero or positive as a signed number. PENDING counts, so test for that first.
    #[must_use]
    pub const fn is_success_class(self) -> bool {
        self.0 < 0x8000_0000
    }

    /// The name without `STATUS_`, if the contract has one for it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|&&(status, _)| status == self).map(|&(_, name)| name)
    }

    /// The status with this name, with or without `STATUS_`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let bare = name.strip_prefix("STATUS_").unwrap_or(name);
        Self::NAMED.iter().find(|&&(_, known)| known == bare).map(|&(status, _)| status)
    }

    /// `Ok` for SUCCESS, the status itself as the error otherwise.
    ///
    /// # Errors
    /// Every status but SUCCESS, PENDING too.
    pub const fn ok(self) -> Result<(), Self> {
        if self.0 == Self::SUCCESS.0 { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(&format!("STATUS_{name}")),
            None => f.pad(&format!("status {:#010x}", self.0)),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_unique_and_reversible() {
        for (index, &(status, name)) in Status::NAMED.iter().enumerate() {
            assert_eq!(Status::from_name(name), Some(status));
            assert_eq!(Status::from_name(&status.to_string()), Some(status));
            assert!(Status::NAMED[..index].iter().all(|&(other, _)| other != status), "{name} repeats a value");
        }
    }

    #[test]
    fn pending_is_success_class() {
        assert!(Status::PENDING.is_success_class());
        assert!(!Status::BUFFER_OVERFLOW.is_success_class());
        assert_eq!(Status::PENDING.ok(), Err(Status::PENDING));
    }
}
