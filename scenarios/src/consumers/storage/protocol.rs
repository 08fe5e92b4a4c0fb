//! What hosts and the storage server say to each other: a command of 64 bytes, an answer of 16, as NVMe over Fabrics has them.

/// Bytes of a command; the longest message.
pub(super) const COMMAND_BYTES: u32 = 64;

/// Bytes of an answer.
const ANSWER_BYTES: usize = 16;

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the server, which READs it from the host.
    Store,
    /// To the host, where the server WRITEs it.
    Load,
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub direction: Direction,
    /// The host's number of it, below the queue's depth.
    pub id: u32,
    /// Where in the server's part for this queue.
    pub offset: u64,
    pub length_bytes: u32,
    /// The host's buffer.
    pub address: u64,
    pub token: u32,
}

impl Command {
    pub(super) fn encode(self) -> [u8; COMMAND_BYTES as usize] {
        let mut bytes = [0; COMMAND_BYTES as usize];
        bytes[0] = match self.direction {
            Direction::Store => 1,
            Direction::Load => 2,
        };
        bytes[4..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.address.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.length_bytes.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.token.to_le_bytes());
        bytes
    }

    /// `None` for what no host of ours sends.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let direction = match bytes.first()? {
            1 => Direction::Store,
            2 => Direction::Load,
            _ => return None,
        };
        Some(Self {
            direction,
            id: word(4)?,
            offset: long(8)?,
            length_bytes: word(24)?,
            address: long(16)?,
            token: word(28)?,
        })
    }
}

/// The answer: this command is done.
pub(super) fn encode_answer(id: u32) -> [u8; ANSWER_BYTES] {
    let mut bytes = [0; ANSWER_BYTES];
    bytes[..4].copy_from_slice(&id.to_le_bytes());
    bytes
}

/// Which command is done; `None` for what no server of ours sends.
pub(super) fn decode_answer(bytes: &[u8]) -> Option<u32> {
    (bytes.len() == ANSWER_BYTES).then(|| bytes[..4].try_into().ok().map(u32::from_le_bytes))?
}

/// How a host introduces itself, in the private data of its connection request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// Bytes of the server's memory that it wants for this queue.
    pub part_bytes: u64,
    /// Commands that it has under way.
    pub depth: u32,
    /// Whether an answer shall end the command's token.
    pub invalidate: bool,
}

impl Hello {
    pub(super) fn encode(self) -> [u8; 13] {
        let mut bytes = [0; 13];
        bytes[..8].copy_from_slice(&self.part_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.depth.to_le_bytes());
        bytes[12] = u8::from(self.invalidate);
        bytes
    }

    /// `None` for what no host of ours sends, and for more than a server gives.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        const PART_BYTES_MAX: u64 = 1 << 30;
        const DEPTH_MAX: u32 = 256;
        let hello = Self {
            part_bytes: u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?),
            depth: u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?),
            invalidate: *bytes.get(12)? == 1,
        };
        let fits = (1..=PART_BYTES_MAX).contains(&hello.part_bytes) && (1..=DEPTH_MAX).contains(&hello.depth);
        fits.then_some(hello)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_and_nonsense_does_not() {
        for direction in [Direction::Store, Direction::Load] {
            let command = Command { direction, id: 7, offset: 1 << 33, length_bytes: 9, address: u64::MAX, token: 3 };
            assert_eq!(Command::decode(&command.encode()), Some(command));
        }
        assert_eq!(Command::decode(&[3; 64]), None);
        assert_eq!(Command::decode(&[1; 20]), None);
        assert_eq!(decode_answer(&encode_answer(77)), Some(77));
        assert_eq!(decode_answer(&[0; 64]), None);
        let hello = Hello { part_bytes: 1 << 30, depth: 256, invalidate: true };
        assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        assert_eq!(Hello::decode(&Hello { depth: 0, ..hello }.encode()), None);
        assert_eq!(Hello::decode(&[1; 12]), None);
    }
}
