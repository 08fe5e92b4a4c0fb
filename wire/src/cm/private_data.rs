//! The bytes that a consumer sends along with a connection message.

use crate::cursor::Cursor;
use crate::error::ParseError;
use std::fmt;

/// Private data of `MAX` bytes. The wire has no length: shorter data is filled up with zeros, which a receiver cannot tell
/// from data.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrivateData<const MAX: usize>([u8; MAX]);

/// More private data than the message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes of private data, the message carries {max}")]
pub struct TooLong {
    /// Bytes given.
    pub len: usize,
    /// Bytes that fit.
    pub max: usize,
}

impl<const MAX: usize> PrivateData<MAX> {
    /// No data: zeros.
    pub const EMPTY: Self = Self([0; MAX]);

    /// Takes `data` and fills up with zeros.
    ///
    /// # Errors
    /// [`TooLong`] if `data` has more than `MAX` bytes.
    pub fn new(data: &[u8]) -> Result<Self, TooLong> {
        let mut filled = Self::EMPTY;
        let room = filled.0.get_mut(..data.len()).ok_or(TooLong { len: data.len(), max: MAX })?;
        room.copy_from_slice(data);
        Ok(filled)
    }

    /// All bytes, with the zeros at the end.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; MAX] {
        &self.0
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        cursor.array("private data").map(Self)
    }
}

impl<const MAX: usize> Default for PrivateData<MAX> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const MAX: usize> fmt::Debug for PrivateData<MAX> {
    /// Hexadecimal, without the zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        write!(f, "{MAX} bytes:")?;
        self.0[..len].iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}
