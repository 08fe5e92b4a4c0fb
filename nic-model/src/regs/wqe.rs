//! Send and receive WQEs.
//!
//! A send queue is a ring of 64-byte blocks. A WQE begins with a [`Control`] segment at a block's start and takes as many
//! blocks as its segments fill; it may go around the end of the ring between two blocks. Segments are 16 bytes or a multiple:
//!
//! | operation | segments |
//! |---|---|
//! | NOP | control |
//! | SEND, SEND_IMMEDIATE, SEND_INVALIDATE | control, for datagrams [`AddressVector`], data |
//! | WRITE, WRITE_IMMEDIATE, READ | control, [`RemoteAddress`], data |
//! | COMPARE_SWAP, FETCH_ADD | control, [`RemoteAddress`], [`Atomic`], one data segment of 8 bytes |
//! | BIND_WINDOW | control, [`Bind`] |
//! | LOCAL_INVALIDATE | control with the key as immediate |
//! | FAST_REGISTER | control, [`FastRegister`] |
//!
//! Data is a list of [`Data`] segments, or one inline segment: a word with [`INLINE`] and the length, then the bytes, padded
//! to 16. A WQE of a receive queue is `2^log_stride` bytes of data segments; it ends early at a segment with [`END_KEY`].

use super::block::{block, flags, open_enum};
use super::cmd::Rights;
use bytes::{BufMut, Bytes};
use smallvec::SmallVec;
use wire::{Mac, Qpn};

/// Bytes of a block of a send queue.
pub const BLOCK_BYTES: usize = 64;
/// Bytes of the unit in which a WQE counts its length.
pub const UNIT_BYTES: usize = 16;
/// Units of the longest WQE: 512 bytes.
pub const UNITS_MAX: usize = 32;
/// Set in the first word of a data segment that holds the bytes themselves.
pub const INLINE: u32 = 0x8000_0000;
/// Key of the segment that ends a receive WQE early.
pub const END_KEY: u32 = 0x100;

open_enum! {
    /// What a send WQE does.
    pub struct Opcode(u8) {
        /// Nothing, in order.
        NOP = 0x00,
        /// To the peer's next receive; the peer's key is invalidated.
        SEND_INVALIDATE = 0x01,
        /// Into the peer's memory.
        WRITE = 0x08,
        /// Into the peer's memory; its next receive completes with the immediate.
        WRITE_IMMEDIATE = 0x09,
        /// To the peer's next receive.
        SEND = 0x0a,
        /// To the peer's next receive, with immediate.
        SEND_IMMEDIATE = 0x0b,
        /// Out of the peer's memory.
        READ = 0x10,
        /// 64-bit compare and swap.
        COMPARE_SWAP = 0x11,
        /// 64-bit fetch and add.
        FETCH_ADD = 0x12,
        /// Binds a memory window.
        BIND_WINDOW = 0x18,
        /// Invalidates a key of this side.
        LOCAL_INVALIDATE = 0x1b,
        /// Gives a key for fast registration its pages.
        FAST_REGISTER = 0x25,
    }
}

flags! {
    /// How a send WQE is treated.
    pub struct WqeFlags: u8 {
        /// A CQE on success too.
        const SIGNALLED = 0x08;
        /// The peer's completion is solicited.
        const SOLICITED = 0x02;
        /// Starts after all earlier reads and atomics of this queue are complete.
        const FENCE = 0x80;
    }
}

block! {
    /// First segment of every send WQE.
    pub struct Control[16] {
        /// Low 16 bits of the free-running index of the WQE's first block.
        0x00 index: u16,
        /// Operation.
        0x03 opcode: Opcode,
        /// The queue pair, in the low 24 bits.
        0x04 qpn: Qpn,
        /// Length of the WQE in units of 16 bytes, this segment included.
        0x08 units: u8,
        /// Flags.
        0x0b flags: WqeFlags,
        /// Immediate data, or the key to invalidate.
        0x0c immediate: u32,
    }
}

block! {
    /// The peer's memory.
    pub struct RemoteAddress[16] {
        /// Address in the peer's region.
        0x00 address: u64,
        /// The peer's key.
        0x08 key: u32,
    }
}

block! {
    /// A piece of this side's memory.
    pub struct Data[16] {
        /// Bytes; at most 2^31 - 1.
        0x00 length_bytes: u32,
        /// Key of the region.
        0x04 key: u32,
        /// Address in the region.
        0x08 address: u64,
    }
}

block! {
    /// Operands of an atomic.
    pub struct Atomic[16] {
        /// Value to swap in or to add.
        0x00 swap_or_add: u64,
        /// Value to compare with.
        0x08 compare: u64,
    }
}

block! {
    /// Where a datagram goes.
    pub struct AddressVector[48] {
        /// Queue pair of the receiver.
        0x00 dest_qpn: Qpn,
        /// Queue key of the receiver.
        0x04 qkey: u32,
        /// Ethernet address of the receiver or of the next router.
        0x08 dest_mac: [u8; 6],
        /// Differentiated services code point.
        0x0e dscp: u8,
        /// Hops until the datagram dies; zero for the device's default.
        0x0f hop_limit: u8,
        /// IP address of the receiver.
        0x10 dest_gid: super::block::Gid,
        /// Entry of the port's source address table.
        0x20 source_index: u8,
        /// Flow label, 20 bits: enters the UDP source port.
        0x24 flow_label: u32,
    }
}

block! {
    /// What a window is bound to.
    pub struct Bind[48] {
        /// The window; its variant byte is that of the key which it has had so far.
        0x00 window_key: u32,
        /// The window's new key: the same index, another variant byte.
        0x04 new_key: u32,
        /// The region.
        0x08 region_key: u32,
        /// Remote rights.
        0x0c rights: Rights,
        /// First byte, as an address of the region.
        0x10 address: u64,
        /// Bytes; zero unbinds.
        0x18 length_bytes: u64,
    }
}

block! {
    /// The pages of a fast registration.
    pub struct FastRegister[48] {
        /// The region's new key: the index of a key for fast registration, any variant byte.
        0x00 key: u32,
        /// Rights.
        0x04 rights: Rights,
        /// Address of the first byte; the part below the page size is its offset in the first page.
        0x08 start: u64,
        /// Bytes.
        0x10 length_bytes: u64,
        /// Bus address of the page list: 64-bit bus addresses, contiguous, unchanged until the WQE is complete.
        0x18 list_address: u64,
        /// Pages in the list.
        0x20 page_count: u32,
        /// Page size as a power of two, 12 to 30.
        0x24 page_shift: u8,
    }
}

/// Message data of a WQE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataList {
    /// Pieces of memory.
    Segments(SmallVec<[Data; 4]>),
    /// The bytes themselves.
    Inline(Bytes),
}

impl Default for DataList {
    fn default() -> Self {
        Self::Segments(SmallVec::new())
    }
}

/// What follows the control segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// SEND of a connected queue pair.
    Send(DataList),
    /// SEND of a datagram queue pair.
    Datagram(AddressVector, DataList),
    /// WRITE, WRITE_IMMEDIATE, READ.
    Remote(RemoteAddress, DataList),
    /// COMPARE_SWAP, FETCH_ADD.
    Atomic(RemoteAddress, Atomic, Data),
    /// BIND_WINDOW.
    Bind(Bind),
    /// FAST_REGISTER.
    FastRegister(FastRegister),
}

/// A send WQE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendWqe {
    /// Control segment. [`SendWqe::encode`] fills in `units`.
    pub control: Control,
    /// The rest.
    pub body: Body,
}

/// Why bytes are not a WQE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WqeError {
    /// No such operation, or not on this kind of queue pair.
    #[error("operation {0:?} is unknown here")]
    Opcode(Opcode),
    /// The length does not fit the operation, or is above [`UNITS_MAX`], or the bytes end before.
    #[error("{units} units of 16 bytes do not hold the segments")]
    Length {
        /// As the control segment says.
        units: u8,
    },
    /// An inline segment where the operation needs memory, or beside others.
    #[error("inline data where memory is needed")]
    Inline,
}

impl SendWqe {
    /// The blocks of the WQE, padded with zeros. The driver checks the list lengths against the limits before.
    ///
    /// # Panics
    /// If the segments are longer than [`UNITS_MAX`] units.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; Control::BYTES];
        match &self.body {
            Body::Empty => {}
            Body::Send(data) => put_data(data, &mut out),
            Body::Datagram(vector, data) => {
                out.put_slice(&vector.encode());
                put_data(data, &mut out);
            }
            Body::Remote(remote, data) => {
                out.put_slice(&remote.encode());
                put_data(data, &mut out);
            }
            Body::Atomic(remote, atomic, data) => {
                out.put_slice(&remote.encode());
                out.put_slice(&atomic.encode());
                out.put_slice(&data.encode());
            }
            Body::Bind(bind) => out.put_slice(&bind.encode()),
            Body::FastRegister(register) => out.put_slice(&register.encode()),
        }
        let units = out.len() / UNIT_BYTES;
        assert!(units <= UNITS_MAX, "the driver keeps to max_send_sge and max_inline_bytes");
        let control = Control { units: units as u8, ..self.control };
        out[..Control::BYTES].copy_from_slice(&control.encode());
        out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
        out
    }

    /// The WQE at the start of `bytes`; `datagram` is the kind of the queue pair.
    ///
    /// # Errors
    /// See [`WqeError`].
    pub fn decode(bytes: &[u8], datagram: bool) -> Result<Self, WqeError> {
        let control = Control::read(bytes).ok_or(WqeError::Length { units: 0 })?;
        let length = WqeError::Length { units: control.units };
        let end = usize::from(control.units) * UNIT_BYTES;
        if usize::from(control.units) > UNITS_MAX {
            return Err(length);
        }
        let rest = bytes.get(Control::BYTES..end).ok_or(length)?;
        let body = match control.opcode {
            Opcode::NOP | Opcode::LOCAL_INVALIDATE => Body::Empty,
            Opcode::SEND | Opcode::SEND_IMMEDIATE if datagram => {
                let vector = AddressVector::read(rest).ok_or(length)?;
                Body::Datagram(vector, data_list(&rest[AddressVector::BYTES..], length)?)
            }
            other if datagram => return Err(WqeError::Opcode(other)),
            Opcode::SEND | Opcode::SEND_IMMEDIATE | Opcode::SEND_INVALIDATE => Body::Send(data_list(rest, length)?),
            Opcode::WRITE | Opcode::WRITE_IMMEDIATE | Opcode::READ => {
                let remote = RemoteAddress::read(rest).ok_or(length)?;
                let data = data_list(&rest[RemoteAddress::BYTES..], length)?;
                if control.opcode == Opcode::READ && matches!(data, DataList::Inline(_)) {
                    return Err(WqeError::Inline);
                }
                Body::Remote(remote, data)
            }
            Opcode::COMPARE_SWAP | Opcode::FETCH_ADD => {
                let remote = RemoteAddress::read(rest).ok_or(length)?;
                let atomic = Atomic::read(&rest[RemoteAddress::BYTES..]).ok_or(length)?;
                let data = Data::read(&rest[RemoteAddress::BYTES + Atomic::BYTES..]).ok_or(length)?;
                Body::Atomic(remote, atomic, data)
            }
            Opcode::BIND_WINDOW => Body::Bind(Bind::read(rest).ok_or(length)?),
            Opcode::FAST_REGISTER => Body::FastRegister(FastRegister::read(rest).ok_or(length)?),
            other => return Err(WqeError::Opcode(other)),
        };
        Ok(Self { control, body })
    }
}

/// Blocks that a WQE of `units` takes.
#[must_use]
pub const fn blocks(units: u8) -> u32 {
    (units as u32 * UNIT_BYTES as u32).div_ceil(BLOCK_BYTES as u32)
}

fn put_data(list: &DataList, out: &mut Vec<u8>) {
    match list {
        DataList::Segments(segments) => segments.iter().for_each(|segment| out.put_slice(&segment.encode())),
        DataList::Inline(bytes) => {
            out.put_u32(INLINE | bytes.len() as u32);
            out.put_slice(bytes);
            out.resize(out.len().next_multiple_of(UNIT_BYTES), 0);
        }
    }
}

fn data_list(bytes: &[u8], length: WqeError) -> Result<DataList, WqeError> {
    let mut segments = SmallVec::new();
    for (index, unit) in bytes.chunks_exact(Data::BYTES).enumerate() {
        let segment = Data::read(unit).ok_or(length)?;
        if segment.length_bytes & INLINE == 0 {
            segments.push(segment);
            continue;
        }
        if index != 0 {
            return Err(WqeError::Inline);
        }
        let end = 4 + (segment.length_bytes & !INLINE) as usize;
        return bytes.get(4..end).map(|data| DataList::Inline(Bytes::copy_from_slice(data))).ok_or(length);
    }
    Ok(DataList::Segments(segments))
}

/// The receive WQE of `stride_bytes` for `segments`; those that do not fit are left out.
#[must_use]
pub fn encode_receive(segments: &[Data], stride_bytes: usize) -> Vec<u8> {
    let end = Data { key: END_KEY, ..Data::default() };
    let mut out: Vec<u8> = segments.iter().chain(std::iter::once(&end)).flat_map(Data::encode).collect();
    out.resize(stride_bytes, 0);
    out
}

/// The data segments of a receive WQE.
#[must_use]
pub fn decode_receive(bytes: &[u8]) -> SmallVec<[Data; 4]> {
    let segments = bytes.chunks_exact(Data::BYTES).filter_map(Data::read);
    segments.take_while(|segment| segment.key != END_KEY).collect()
}

/// MAC address of an address vector.
impl AddressVector {
    /// Ethernet address of the receiver.
    #[must_use]
    pub const fn mac(&self) -> Mac {
        Mac(self.dest_mac)
    }
}

#[cfg(test)]
mod tests;
