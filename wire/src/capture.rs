//! Reads captures: classic pcap in both byte orders and units, and pcapng as [`crate::pcapng`] and common tools write it.
//!
//! Only Ethernet frames are read; blocks of other kinds are skipped. A malformed file is an error that says where.

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::pcapng::{
    BYTE_ORDER_MAGIC, ENHANCED_PACKET, IF_NAME, IF_TSRESOL, INTERFACE_DESCRIPTION, LINKTYPE_ETHERNET, OPT_END,
    SECTION_HEADER,
};
use bytes::Bytes;

/// Magic number of classic pcap with microseconds.
const PCAP_MICROSECONDS: u32 = 0xa1b2_c3d4;
/// Magic number of classic pcap with nanoseconds.
const PCAP_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Decimal places of a second if an interface does not say.
const TSRESOL_DEFAULT: u8 = 6;
/// Type and both lengths of a pcapng block.
const BLOCK_FRAME_LEN: u32 = 12;
const NS_PER_S: u64 = 1_000_000_000;

/// What a capture holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Names of the interfaces; empty where the file gives none.
    pub interfaces: Vec<String>,
    /// Frames in the order of the file.
    pub records: Vec<Record>,
}

/// A captured frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Index into [`Capture::interfaces`].
    pub interface: usize,
    /// When it passed, in nanoseconds.
    pub time_ns: u64,
    /// Bytes of the frame on the cable; more than were captured if it was cut.
    pub original_len: usize,
    /// From the Ethernet header on. Shares the file's memory.
    pub frame: Bytes,
}

impl Capture {
    /// Reads a file. Offsets in errors count from its start.
    ///
    /// # Errors
    /// `Other` if it is neither format or not of Ethernet, `Truncated` and `Inconsistent` if its lengths are impossible.
    pub fn read(file: &Bytes) -> Result<Self, ParseError> {
        let magic = Cursor::new(file, 0).u32("magic number")?;
        match magic {
            SECTION_HEADER => Sections::new(file).read(),
            PCAP_MICROSECONDS | PCAP_NANOSECONDS => read_pcap(file, false, magic),
            _ if matches!(magic.swap_bytes(), PCAP_MICROSECONDS | PCAP_NANOSECONDS) => {
                read_pcap(file, true, magic.swap_bytes())
            }
            _ => Err(other("magic number", 0, SECTION_HEADER.into(), magic.into())),
        }
    }
}

fn other(field: &'static str, offset: usize, needed: u64, actual: u64) -> ParseError {
    ParseError::Other { field, offset, needed, actual }
}

/// Reads fields in the byte order of a file.
#[derive(Clone, Copy, Debug)]
struct Fields<'a> {
    cursor: Cursor<'a>,
    little_endian: bool,
}

impl<'a> Fields<'a> {
    fn u16(&mut self, field: &'static str) -> Result<u16, ParseError> {
        let number = self.cursor.u16(field)?;
        Ok(if self.little_endian { number.swap_bytes() } else { number })
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, ParseError> {
        let number = self.cursor.u32(field)?;
        Ok(if self.little_endian { number.swap_bytes() } else { number })
    }

    fn take(&mut self, field: &'static str, len: u32) -> Result<&'a [u8], ParseError> {
        self.cursor.take(field, len as usize)
    }
}

fn read_pcap(file: &Bytes, little_endian: bool, magic: u32) -> Result<Capture, ParseError> {
    let mut fields = Fields { cursor: Cursor::new(file, 4), little_endian };
    fields.take("pcap version, zone and limits", 16)?;
    let linktype_at = fields.cursor.at();
    let linktype = fields.u32("link type")?;
    if linktype != LINKTYPE_ETHERNET.into() {
        return Err(other("link type", linktype_at, LINKTYPE_ETHERNET.into(), linktype.into()));
    }
    let ns_per_unit = if magic == PCAP_NANOSECONDS { 1 } else { 1_000 };
    let mut capture = Capture { interfaces: vec![String::new()], records: Vec::new() };
    while fields.cursor.at() < file.len() {
        let seconds = u64::from(fields.u32("seconds")?);
        let fraction = u64::from(fields.u32("fraction of a second")?);
        let captured_len = fields.u32("captured length")?;
        let original_len = fields.u32("original length")? as usize;
        let frame = file.slice_ref(fields.take("frame", captured_len)?);
        let time_ns = seconds * NS_PER_S + fraction * ns_per_unit;
        capture.records.push(Record { interface: 0, time_ns, original_len, frame });
    }
    Ok(capture)
}

/// Reads the sections of a pcapng file.
#[derive(Debug)]
struct Sections<'a> {
    file: &'a Bytes,
    fields: Fields<'a>,
    /// Index of the section's first interface.
    first_interface: usize,
    /// Unit of time of every interface.
    resolutions: Vec<u8>,
    capture: Capture,
}

impl<'a> Sections<'a> {
    fn new(file: &'a Bytes) -> Self {
        let fields = Fields { cursor: Cursor::new(file, 0), little_endian: true };
        Self { file, fields, first_interface: 0, resolutions: Vec::new(), capture: Capture::default() }
    }

    fn read(mut self) -> Result<Capture, ParseError> {
        while self.fields.cursor.at() < self.file.len() {
            self.block()?;
        }
        Ok(self.capture)
    }

    fn block(&mut self) -> Result<(), ParseError> {
        let block_type = self.fields.u32("block type")?;
        if block_type == SECTION_HEADER {
            self.begin_section()?;
        }
        let len_at = self.fields.cursor.at();
        let len = self.fields.u32("block length")?;
        if len < BLOCK_FRAME_LEN || len % 4 != 0 {
            let (needed, actual) = (BLOCK_FRAME_LEN.into(), len.into());
            return Err(ParseError::Inconsistent { field: "block length", offset: len_at, needed, actual });
        }
        let body = self.fields;
        self.fields.take("block", len - BLOCK_FRAME_LEN)?;
        let end = self.fields.cursor.at();
        let repeated = self.fields.u32("block length, repeated")?;
        if repeated != len {
            let (needed, actual) = (len.into(), repeated.into());
            return Err(ParseError::Inconsistent { field: "block length, repeated", offset: end, needed, actual });
        }
        let body = Fields { cursor: Cursor::new(&self.file.as_ref()[..end], body.cursor.at()), ..body };
        match block_type {
            INTERFACE_DESCRIPTION => self.interface(body, end),
            ENHANCED_PACKET => self.packet(body),
            _ => Ok(()),
        }
    }

    /// Looks ahead at the byte order, which the length before it is already written in.
    fn begin_section(&mut self) -> Result<(), ParseError> {
        let offset = self.fields.cursor.at() + 4;
        let magic = Cursor::new(self.file, offset).u32("byte order magic")?;
        self.fields.little_endian = magic.swap_bytes() == BYTE_ORDER_MAGIC;
        if !self.fields.little_endian && magic != BYTE_ORDER_MAGIC {
            return Err(other("byte order magic", offset, BYTE_ORDER_MAGIC.into(), magic.into()));
        }
        self.first_interface = self.capture.interfaces.len();
        Ok(())
    }

    fn interface(&mut self, mut body: Fields<'_>, end: usize) -> Result<(), ParseError> {
        let offset = body.cursor.at();
        let linktype = body.u16("link type")?;
        if linktype != LINKTYPE_ETHERNET {
            return Err(other("link type", offset, LINKTYPE_ETHERNET.into(), linktype.into()));
        }
        body.take("reserved field and snapshot length", 6)?;
        let (mut name, mut resolution) = (String::new(), TSRESOL_DEFAULT);
        while body.cursor.at() < end {
            let code = body.u16("option code")?;
            let len = body.u16("option length")?;
            let value = body.take("option", len.into())?;
            body.take("option padding", u32::from(len).next_multiple_of(4) - u32::from(len))?;
            match (code, value) {
                (OPT_END, _) => break,
                (IF_NAME, name_bytes) => name = String::from_utf8_lossy(name_bytes).into_owned(),
                (IF_TSRESOL, &[unit]) => resolution = unit,
                _ => {}
            }
        }
        self.capture.interfaces.push(name);
        self.resolutions.push(resolution);
        Ok(())
    }

    fn packet(&mut self, mut body: Fields<'a>) -> Result<(), ParseError> {
        let offset = body.cursor.at();
        let number = body.u32("interface number")?;
        let interface = self.first_interface.saturating_add(number as usize);
        let Some(&resolution) = self.resolutions.get(interface) else {
            let needed = (self.resolutions.len() - self.first_interface) as u64;
            return Err(ParseError::Inconsistent { field: "interface number", offset, needed, actual: number.into() });
        };
        let high = u64::from(body.u32("time stamp")?);
        let low = u64::from(body.u32("time stamp")?);
        let captured_len = body.u32("captured length")?;
        let original_len = body.u32("original length")? as usize;
        let frame = self.file.slice_ref(body.take("frame", captured_len)?);
        let time_ns = nanoseconds(high << 32 | low, resolution);
        self.capture.records.push(Record { interface, time_ns, original_len, frame });
        Ok(())
    }
}

/// A time stamp whose unit is 10^-n seconds, or 2^-n if bit 7 of `resolution` is set. What no `u64` holds becomes the
/// greatest one.
fn nanoseconds(units: u64, resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let scaled = u128::from(units) * u128::from(NS_PER_S);
    let ns = if resolution & 0x80 != 0 {
        scaled >> exponent
    } else {
        10_u128.checked_pow(exponent).map_or(0, |units_per_second| scaled / units_per_second)
    };
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
