//! Why bytes are not what a parser was asked for: which field, at which byte, what was needed and what was there.

/// A parser's refusal. Offsets count from the first byte that the parser was given (for frames: the Ethernet header).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The bytes end before the field does.
    #[error("{field} at byte {offset} needs {needed} bytes, {actual} are there")]
    Truncated {
        /// What was to be read.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that are there.
        actual: usize,
    },
    /// A field that selects the format has another value: the bytes are something else, not a damaged whatever.
    #[error("{field} at byte {offset} is {actual:#x}, not {needed:#x}")]
    Other {
        /// Name of the field.
        field: &'static str,
        /// Where it is.
        offset: usize,
        /// The value that the format has.
        needed: u64,
        /// The value found.
        actual: u64,
    },
    /// A length, count or checksum contradicts the rest of the bytes.
    #[error("{field} at byte {offset} is {actual:#x} where the bytes make {needed:#x}")]
    Inconsistent {
        /// Name of the field.
        field: &'static str,
        /// Where it is.
        offset: usize,
        /// The value that the rest asks for; for a length, the smallest or greatest possible.
        needed: u64,
        /// The value found.
        actual: u64,
    },
    /// The invariant CRC does not match: the packet was damaged, and a NIC drops and counts it.
    #[error("ICRC at byte {offset} is {actual:#010x} where the bytes make {needed:#010x}")]
    Icrc {
        /// Where it is.
        offset: usize,
        /// Computed over the bytes.
        needed: u32,
        /// Found in the packet.
        actual: u32,
    },
    /// A good packet, but its value type has no place for this field, so it would not encode to the same bytes.
    #[error("{field} at byte {offset} has no place in the packet as a value")]
    Unrepresentable {
        /// Name of the field.
        field: &'static str,
        /// Where it is.
        offset: usize,
    },
}
