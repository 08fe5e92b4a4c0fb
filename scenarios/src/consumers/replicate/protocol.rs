//! What the two sides of a replication say to each other.

/// Bytes of every control message.
pub(super) const CONTROL_BYTES: u32 = 64;

/// A control message, sent by SEND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Receiver: put the file here.
    Ready {
        /// Address in the region.
        address: u64,
        /// The region's token.
        token: u32,
    },
    /// Sender: it is all there.
    Done {
        /// SHA-256 of the file.
        digest: [u8; 32],
    },
    /// Receiver: and it is the same.
    Verified {
        /// Whether it is.
        same: bool,
    },
}

impl Control {
    pub(super) fn encode(self) -> [u8; CONTROL_BYTES as usize] {
        let mut bytes = [0; CONTROL_BYTES as usize];
        match self {
            Self::Ready { address, token } => {
                bytes[0] = 1;
                bytes[8..16].copy_from_slice(&address.to_be_bytes());
                bytes[16..20].copy_from_slice(&token.to_be_bytes());
            }
            Self::Done { digest } => {
                bytes[0] = 2;
                bytes[8..40].copy_from_slice(&digest);
            }
            Self::Verified { same } => {
                bytes[0] = 3;
                bytes[1] = u8::from(same);
            }
        }
        bytes
    }

    /// `None` for what no version of this program sends.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |from: usize| bytes.get(from..from + 8)?.try_into().ok().map(u64::from_be_bytes);
        match bytes.first()? {
            1 => Some(Self::Ready { address: word(8)?, token: (word(16)? >> 32) as u32 }),
            2 => Some(Self::Done { digest: bytes.get(8..40)?.try_into().ok()? }),
            3 => Some(Self::Verified { same: *bytes.get(1)? == 1 }),
            _ => None,
        }
    }
}

/// Private data of the connection request: who pushes, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub node: u32,
    pub file_bytes: u64,
}

impl Hello {
    pub(super) fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.node.to_be_bytes());
        bytes[4..].copy_from_slice(&self.file_bytes.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            node: u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?),
            file_bytes: u64::from_be_bytes(bytes.get(4..12)?.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive() {
        for message in [
            Control::Ready { address: 0x1122_3344_5566_7788, token: 0x99aa_bbcc },
            Control::Done { digest: [7; 32] },
            Control::Verified { same: true },
            Control::Verified { same: false },
        ] {
            assert_eq!(Control::decode(&message.encode()), Some(message));
        }
        assert_eq!(Control::decode(&[9; 64]), None);
        assert_eq!(Control::decode(&[1, 2]), None);
        let hello = Hello { node: 3, file_bytes: 1 << 40 };
        assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        assert_eq!(Hello::decode(&[0; 11]), None);
    }
}
