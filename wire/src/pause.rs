//! Frames that stop a sender: link pause (IEEE 802.3 annex 31B) and priority flow control (annex 31D, 802.1Qbb).

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::frame::FRAME_LEN_MIN;
use crate::layout::ETHERTYPE_AT;
use crate::packet::{Frame, Mac};
use bytes::{BufMut, Bytes, BytesMut};

/// Where all pause frames go. Bridges never forward it: a pause reaches the other end of the cable and no further.
pub const DESTINATION: Mac = Mac([0x01, 0x80, 0xc2, 0x00, 0x00, 0x01]);

/// Bit times in one unit of a pause.
pub const QUANTUM_BITS: u64 = 512;

/// Number of priorities.
pub const PRIORITIES: usize = 8;

/// Ethernet type of MAC control frames.
const ETHERTYPE_MAC_CONTROL: u16 = 0x8808;
const OPCODE_LINK: u16 = 0x0001;
const OPCODE_PRIORITY: u16 = 0x0101;

/// What is to pause, and for how many quanta of [`QUANTUM_BITS`] bit times. Zero quanta let it go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The whole link.
    Link(u16),
    /// Each priority on its own; `None` leaves one as it is.
    Priorities([Option<u16>; PRIORITIES]),
}

/// A pause frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseFrame {
    /// The port that asks.
    pub source_mac: Mac,
    /// What it asks for.
    pub pause: Pause,
}

impl PauseFrame {
    /// The frame in bytes, padded to the shortest length that Ethernet allows.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(FRAME_LEN_MIN);
        out.put_slice(&DESTINATION.0);
        out.put_slice(&self.source_mac.0);
        out.put_u16(ETHERTYPE_MAC_CONTROL);
        match self.pause {
            Pause::Link(quanta) => {
                out.put_u16(OPCODE_LINK);
                out.put_u16(quanta);
            }
            Pause::Priorities(priorities) => {
                out.put_u16(OPCODE_PRIORITY);
                let enabled = (0..PRIORITIES).filter(|&priority| priorities[priority].is_some());
                out.put_u16(enabled.fold(0, |vector, priority| vector | 1 << priority));
                priorities.iter().for_each(|quanta| out.put_u16(quanta.unwrap_or(0)));
            }
        }
        out.resize(FRAME_LEN_MIN, 0);
        out.freeze()
    }

    /// Reads a pause frame; padding, and timers of priorities that are not enabled, are ignored.
    ///
    /// # Errors
    /// `Other` for frames that are not for this link's MAC control or ask for something else, `Truncated` if cut short.
    pub fn parse(frame: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(frame, 0);
        let destination = Mac(cursor.array("destination MAC address")?);
        let source_mac = Mac(cursor.array("source MAC address")?);
        let ethertype = cursor.u16("Ethernet type")?;
        let other = |field, offset, needed, actual| Err(ParseError::Other { field, offset, needed, actual });
        if ethertype != ETHERTYPE_MAC_CONTROL {
            return other("Ethernet type", ETHERTYPE_AT, ETHERTYPE_MAC_CONTROL.into(), ethertype.into());
        }
        if destination != DESTINATION {
            return other("destination MAC address", 0, number(DESTINATION), number(destination));
        }
        let opcode_at = cursor.at();
        let pause = match cursor.u16("MAC control opcode")? {
            OPCODE_LINK => Pause::Link(cursor.u16("pause quanta")?),
            OPCODE_PRIORITY => {
                let enabled = cursor.u16("class enable vector")?;
                let mut priorities = [None; PRIORITIES];
                for (priority, slot) in priorities.iter_mut().enumerate() {
                    let quanta = cursor.u16("priority quanta")?;
                    *slot = (enabled >> priority & 1 != 0).then_some(quanta);
                }
                Pause::Priorities(priorities)
            }
            unknown => return other("MAC control opcode", opcode_at, OPCODE_PRIORITY.into(), unknown.into()),
        };
        Ok(Self { source_mac, pause })
    }
}

impl From<PauseFrame> for Frame {
    fn from(pause: PauseFrame) -> Self {
        Self::raw(pause.encode())
    }
}

/// An address as a number, for errors.
fn number(mac: Mac) -> u64 {
    mac.0.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Mac = Mac([2, 0, 0, 0, 0, 7]);

    #[test]
    fn golden_priority_pause() {
        let mut priorities = [None; PRIORITIES];
        (priorities[3], priorities[0]) = (Some(0xffff), Some(0));
        let frame = PauseFrame { source_mac: SOURCE, pause: Pause::Priorities(priorities) };
        let mut golden = vec![0x01, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 7, 0x88, 0x08, 0x01, 0x01, 0x00, 0b1001];
        golden.extend([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        golden.resize(60, 0);
        assert_eq!(frame.encode(), golden);
        assert_eq!(PauseFrame::parse(&golden), Ok(frame));
        assert_eq!(Frame::from(frame).dest_mac(), Some(DESTINATION));
    }

    #[test]
    fn golden_link_pause() {
        let frame = PauseFrame { source_mac: SOURCE, pause: Pause::Link(0x1234) };
        let bytes = frame.encode();
        assert_eq!(bytes[12..18], [0x88, 0x08, 0x00, 0x01, 0x12, 0x34]);
        assert_eq!(bytes.len(), 60);
        assert_eq!(PauseFrame::parse(&bytes), Ok(frame));
    }

    #[test]
    fn refusals_name_the_field() {
        let bytes = PauseFrame { source_mac: SOURCE, pause: Pause::Priorities([Some(1); PRIORITIES]) }.encode();
        let changed = |at: usize, value| {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            PauseFrame::parse(&changed).map_err(|error| error.to_string())
        };
        assert_eq!(changed(12, 0x08), Err("Ethernet type at byte 12 is 0x808, not 0x8808".into()));
        let elsewhere = "destination MAC address at byte 0 is 0x180c2000002, not 0x180c2000001";
        assert_eq!(changed(5, 2), Err(elsewhere.into()));
        assert_eq!(changed(15, 2), Err("MAC control opcode at byte 14 is 0x102, not 0x101".into()));
        let cut = ParseError::Truncated { field: "priority quanta", offset: 32, needed: 2, actual: 1 };
        assert_eq!(PauseFrame::parse(&bytes[..33]), Err(cut));
    }
}
