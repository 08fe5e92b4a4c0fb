//! Messages whose bytes lie in several pieces: the part that a packet carries.

use super::{Accessor, Fault, Memory, Range};
use crate::port::Segments;
use crate::regs::wqe::Data;

/// The parts of `list` that hold `length_bytes` bytes of a message from `offset_bytes` on; fewer if the message is shorter.
pub(crate) fn message_parts(list: &[Data], offset_bytes: u32, length_bytes: u32) -> impl Iterator<Item = Range> {
    let (mut skip, mut left) = (offset_bytes, length_bytes);
    list.iter().filter_map(move |piece| {
        let before = skip.min(piece.length_bytes);
        skip -= before;
        let length_bytes = left.min(piece.length_bytes - before);
        left -= length_bytes;
        // The last address is inside of no range.
        let address = piece.address.saturating_add(before.into());
        (length_bytes > 0).then_some(Range { key: piece.key, address, length_bytes })
    })
}

impl Memory {
    /// Bus addresses of the bytes of [`message_parts`], for this side's own work.
    pub(crate) fn message(
        &self,
        who: Accessor,
        list: &[Data],
        offset_bytes: u32,
        length_bytes: u32,
        write: bool,
    ) -> Result<Segments, Fault> {
        let (mut segments, mut left) = (Segments::new(), length_bytes);
        for range in message_parts(list, offset_bytes, length_bytes) {
            let here = self.local(who, range, write)?;
            if segments.is_empty() {
                segments = here;
            } else {
                segments.extend(here);
            }
            left -= range.length_bytes;
        }
        if left == 0 { Ok(segments) } else { Err(Fault::Bounds) }
    }
}
