//! Reads big-endian fields one after the other and says which one was cut off.

use crate::error::ParseError;

/// A position in bytes. Every read names its field, for the error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Reads `bytes` from the byte `at` on; errors count offsets from the start of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next field begins.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, field: &'static str, needed: usize) -> Result<&'a [u8], ParseError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(taken) = rest.get(..needed) else {
            return Err(ParseError::Truncated { field, offset: self.at, needed, actual: rest.len() });
        };
        self.at += needed;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, ParseError> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, ParseError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, ParseError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, ParseError> {
        self.array(field).map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_field_is_named_and_measured() {
        let mut cursor = Cursor::new(&[1, 2, 3, 4, 5], 1);
        assert_eq!(cursor.u16("first"), Ok(0x0203));
        let cut = ParseError::Truncated { field: "second", offset: 3, needed: 4, actual: 2 };
        assert_eq!(cursor.u32("second"), Err(cut));
        assert_eq!(cursor.u8("still there"), Ok(4), "a failed read consumes nothing");
        assert_eq!(cut.to_string(), "second at byte 3 needs 4 bytes, 2 are there");
    }

    #[test]
    fn a_start_past_the_end_is_an_error_too() {
        let past = ParseError::Truncated { field: "field", offset: 9, needed: 1, actual: 0 };
        assert_eq!(Cursor::new(&[0], 9).u8("field"), Err(past));
    }
}
