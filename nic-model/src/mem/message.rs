//! Messages whose bytes lie in several pieces: the part that a packet carries.

use super::{Accessor, Fault, Memory, Pages, Range};
use crate::config::RESERVED_KEY;
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
        (length_bytes > 0).then(|| part(piece, before, length_bytes))
    })
}

/// Part of a piece.
const fn part(piece: &Data, offset_bytes: u32, length_bytes: u32) -> Range {
    // The last address is inside of no range.
    Range { key: piece.key, address: piece.address.saturating_add(offset_bytes as u64), length_bytes }
}

/// The data of a message that is sent packet by packet: its key is looked up once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    memory: &'a Memory,
    who: Accessor,
    list: &'a [Data],
    /// The pages of a message in one piece.
    pages: Option<(&'a Pages, &'a Data)>,
}

impl Source<'_> {
    /// See [`Memory::message`].
    #[inline]
    pub(crate) fn segments(&self, offset_bytes: u32, length_bytes: u32) -> Result<Segments, Fault> {
        match self.pages {
            Some((pages, whole)) if is_inside(whole, offset_bytes, length_bytes) => {
                pages.segments(whole.address.saturating_add(offset_bytes.into()), length_bytes)
            }
            _ => self.memory.message(self.who, self.list, offset_bytes, length_bytes, false),
        }
    }
}

/// Whether the bytes of a packet, of which there are some, lie in this piece of a message that has no other.
#[inline]
fn is_inside(whole: &Data, offset_bytes: u32, length_bytes: u32) -> bool {
    length_bytes > 0 && offset_bytes.checked_add(length_bytes).is_some_and(|end| end <= whole.length_bytes)
}

impl Memory {
    /// The data of a message that this side sends.
    pub(crate) fn source<'a>(&'a self, who: Accessor, list: &'a [Data]) -> Source<'a> {
        let pages = match list {
            [whole] if whole.key != RESERVED_KEY => self.pages(who, whole.key, false).ok().map(|pages| (pages, whole)),
            _ => None,
        };
        Source { memory: self, who, list, pages }
    }

    /// Bus addresses of the bytes of [`message_parts`], for this side's own work.
    #[inline]
    pub(crate) fn message(
        &self,
        who: Accessor,
        list: &[Data],
        offset_bytes: u32,
        length_bytes: u32,
        write: bool,
    ) -> Result<Segments, Fault> {
        if let [whole] = list
            && is_inside(whole, offset_bytes, length_bytes)
        {
            return self.local(who, part(whole, offset_bytes, length_bytes), write);
        }
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
