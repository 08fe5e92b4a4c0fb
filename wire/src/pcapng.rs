//! Writes captures that Wireshark opens: pcapng (draft-ietf-opsawg-pcapng), little-endian, one section.
//!
//! Times are nanoseconds: finer units are allowed by the format, but not read right by common tools.

use std::io::{self, Write};

/// Type of the section header block.
pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Type of an interface description block.
pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
/// Type of an enhanced packet block.
pub(crate) const ENHANCED_PACKET: u32 = 6;
/// First field of a section header, in the writer's byte order.
pub(crate) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Link type of Ethernet.
pub(crate) const LINKTYPE_ETHERNET: u16 = 1;
/// Option: ends a list of options.
pub(crate) const OPT_END: u16 = 0;
/// Option: a remark for people.
const OPT_COMMENT: u16 = 1;
/// Option of an interface: its name.
pub(crate) const IF_NAME: u16 = 2;
/// Option of an interface: its unit of time.
pub(crate) const IF_TSRESOL: u16 = 9;

/// Decimal places of a second in a time stamp.
const NANOSECONDS: u8 = 9;
const SECTION_LEN_UNKNOWN: u64 = u64::MAX;

/// An interface of the capture that [`Writer::add_interface`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(u32);

/// Writes one capture. Blocks go out whole and at once; buffering is the sink's affair.
#[derive(Clone, Debug)]
pub struct Writer<W> {
    out: W,
    interfaces: u32,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: 0, block: Vec::new() };
        writer.begin(SECTION_HEADER);
        writer.put(&BYTE_ORDER_MAGIC.to_le_bytes());
        writer.put(&1_u16.to_le_bytes()); // Version 1.0.
        writer.put(&0_u16.to_le_bytes());
        writer.put(&SECTION_LEN_UNKNOWN.to_le_bytes());
        writer.end()?;
        Ok(writer)
    }

    /// Adds an Ethernet interface, at any time before its first frame.
    ///
    /// # Errors
    /// `InvalidInput` for a name of 64 KiB or more; those of the sink.
    pub fn add_interface(&mut self, name: &str) -> io::Result<InterfaceId> {
        self.begin(INTERFACE_DESCRIPTION);
        self.put(&LINKTYPE_ETHERNET.to_le_bytes());
        self.put(&0_u16.to_le_bytes());
        self.put(&0_u32.to_le_bytes()); // Frames are never cut.
        self.option(IF_NAME, name.as_bytes())?;
        self.option(IF_TSRESOL, &[NANOSECONDS])?;
        self.option(OPT_END, &[])?;
        self.end()?;
        let id = InterfaceId(self.interfaces);
        self.interfaces += 1;
        Ok(id)
    }

    /// Writes a frame, from its Ethernet header on and without frame check sequence, as it passed at `time_ns`. A `comment`
    /// that is not empty is shown with it.
    ///
    /// # Errors
    /// `InvalidInput` for an interface of another capture, and for frames of 4 GiB and comments of 64 KiB; those of the
    /// sink.
    pub fn write_frame(&mut self, interface: InterfaceId, time_ns: u64, frame: &[u8], comment: &str) -> io::Result<()> {
        if interface.0 >= self.interfaces {
            let (id, count) = (interface.0, self.interfaces);
            return Err(invalid(format!("interface {id} of a capture that has {count}")));
        }
        let len = frame.len();
        let len = u32::try_from(len).map_err(|_| invalid(format!("a frame of {len} bytes; the limit is 4 GiB")))?;
        self.begin(ENHANCED_PACKET);
        self.put(&interface.0.to_le_bytes());
        self.put(&((time_ns >> 32) as u32).to_le_bytes());
        self.put(&(time_ns as u32).to_le_bytes());
        self.put(&len.to_le_bytes()); // Captured, and on the cable.
        self.put(&len.to_le_bytes());
        self.put(frame);
        self.pad();
        if !comment.is_empty() {
            self.option(OPT_COMMENT, comment.as_bytes())?;
            self.option(OPT_END, &[])?;
        }
        self.end()
    }

    /// Flushes and hands back the sink.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    /// Fills up to the next multiple of four.
    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn begin(&mut self, block_type: u32) {
        self.block.clear();
        self.put(&block_type.to_le_bytes());
        self.put(&[0; 4]); // The length, known at the end.
    }

    fn option(&mut self, code: u16, value: &[u8]) -> io::Result<()> {
        let len = value.len();
        let len = u16::try_from(len).map_err(|_| invalid(format!("text of {len} bytes; the limit is 64 KiB")))?;
        self.put(&code.to_le_bytes());
        self.put(&len.to_le_bytes());
        self.put(value);
        self.pad();
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let len = self.block.len() + 4;
        let len = u32::try_from(len).map_err(|_| invalid(format!("a block of {len} bytes; the limit is 4 GiB")))?;
        self.put(&len.to_le_bytes());
        self.block[4..8].copy_from_slice(&len.to_le_bytes());
        self.out.write_all(&self.block)
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_blocks() {
        let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
        let port = writer.add_interface("nic0").expect("a short name");
        writer.write_frame(port, 0x0001_0000_0002, &[0xaa; 5], "").expect("a good frame");
        let bytes = writer.finish().expect("a vector takes all");
        let section = [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
        assert_eq!(bytes[..16], section);
        assert_eq!(bytes[16..28], [255, 255, 255, 255, 255, 255, 255, 255, 28, 0, 0, 0]);
        let interface = [1, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 4, 0, b'n', b'i', b'c', b'0'];
        assert_eq!(bytes[28..52], interface);
        assert_eq!(bytes[52..68], [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0]);
        let packet = [6, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0];
        assert_eq!(bytes[68..96], packet);
        assert_eq!(bytes[96..], [0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0, 0, 0, 40, 0, 0, 0]);
    }

    #[test]
    fn limits_are_named() {
        let mut other = Writer::new(Vec::new()).expect("a vector takes all");
        let foreign = other.add_interface("x").expect("a short name");
        let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
        let refused = writer.write_frame(foreign, 0, &[], "").map_err(|error| error.to_string());
        assert_eq!(refused, Err("interface 0 of a capture that has 0".into()));
        let refused = writer.add_interface(&"x".repeat(65_536)).map_err(|error| error.to_string());
        assert_eq!(refused, Err("text of 65536 bytes; the limit is 64 KiB".into()));
    }
}
