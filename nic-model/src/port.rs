//! The port: all that a NIC hears and says. Small enough to memorise.

use crate::fault::Defect;
use bytes::Bytes;
use des::Dur;
use smallvec::SmallVec;
use wire::{Frame, Payload};

/// What the world tells the NIC.
#[derive(Clone, Debug)]
pub enum Input {
    /// A write to BAR 0, already arrived. 4 or 8 bytes for registers and doorbells, 64 for a BlueFlame line.
    MmioWrite {
        /// Byte offset in BAR 0.
        offset: u64,
        /// Bytes written.
        data: SmallVec<[u8; 8]>,
    },
    /// A 64-bit read of BAR 0; answered by [`Output::MmioReadDone`].
    MmioRead {
        /// Byte offset in BAR 0.
        offset: u64,
    },
    /// A read of host memory came back.
    DmaReadDone {
        /// The tag of the [`Output::DmaRead`].
        tag: DmaTag,
        /// The bytes, or why there are none.
        data: Result<Payload, DmaError>,
    },
    /// The host refused a posted write (it is reported later, and it is the only report).
    DmaWriteFailed(DmaError),
    /// A frame has arrived whole.
    Frame {
        /// Port that it came in by.
        port: u8,
        /// The frame.
        frame: Box<Frame>,
    },
    /// The peer of a port asks for silence in some classes (PFC), or ends it (zero length).
    Pause {
        /// Port that it came in by.
        port: u8,
        /// Bit n is traffic class n.
        classes: u8,
        /// For how long from now.
        length: Dur,
    },
    /// A port's cable works or not.
    LinkState {
        /// The port.
        port: u8,
        /// Whether it works.
        up: bool,
    },
    /// The moment of [`Nic::next_wakeup`](crate::Nic::next_wakeup) has come (or has passed, or the NIC was woken for nothing).
    Wake,
    /// The host's IOMMU has changed what it translates: from now on no translation of these pages is at hand.
    Invalidate {
        /// Bus address of the first page.
        address: u64,
        /// How many pages of 4 KiB.
        pages: u64,
    },
    /// Function-level reset: everything is as after power-on.
    Reset,
    /// Something breaks on purpose.
    Defect(Defect),
}

/// What the NIC tells the world. Each output carries a delay from now, see [`Outbox`].
#[derive(Clone, Debug)]
pub enum Output {
    /// Read host memory; the answer is expected right then as [`Input::DmaReadDone`]. The delay covers the whole round trip:
    /// the NIC's own PCIe model has priced it.
    DmaRead {
        /// Chosen by the NIC, returned with the answer.
        tag: DmaTag,
        /// Pieces in order; the answer is their concatenation.
        segments: Segments,
        /// Whether the bytes are message data (which a study may elide) or structure.
        kind: DmaKind,
    },
    /// Write host memory. Posted: visible after the delay, writes in the order of emission.
    DmaWrite {
        /// Pieces in order.
        segments: Segments,
        /// As many bytes as the pieces have.
        data: Payload,
    },
    /// Raise an interrupt.
    Msix {
        /// Index in the function's MSI-X table.
        vector: u16,
    },
    /// Put a frame on the cable: serialisation begins after the delay. The NIC keeps its own line free of overlaps.
    Tx {
        /// Port to send by.
        port: u8,
        /// The frame.
        frame: Box<Frame>,
    },
    /// Tell the peer of a port to be silent in some classes (PFC).
    Pause {
        /// Port to send by.
        port: u8,
        /// Bit n is traffic class n.
        classes: u8,
        /// For how long.
        length: Dur,
    },
    /// The answer of an [`Input::MmioRead`]; the delay is how long the processor stalls.
    MmioReadDone {
        /// The register's value; all ones where nothing is decoded.
        value: u64,
    },
}

/// Names a DMA read in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmaTag(pub u32);

/// What the bytes of a DMA are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmaKind {
    /// WQEs, contexts, page lists: always real.
    Control,
    /// Message data: may be elided.
    Message,
}

/// Bytes that are contiguous on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Bus address of the first byte.
    pub address: u64,
    /// Bytes.
    pub length_bytes: u32,
}

/// The pieces of one DMA, in order. Most transfers touch one or two pages.
pub type Segments = SmallVec<[Segment; 2]>;

/// Why the host did not serve a DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DmaError {
    /// The address is no memory (unsupported request).
    #[error("bus address {address:#x} is not memory")]
    NotMemory {
        /// First byte refused.
        address: u64,
    },
    /// The IOMMU forbids the access.
    #[error("the IOMMU blocks bus address {address:#x}")]
    Blocked {
        /// First byte refused.
        address: u64,
    },
    /// The completion was poisoned.
    #[error("the completion for bus address {address:#x} was poisoned")]
    Poisoned {
        /// First byte of the read.
        address: u64,
    },
}

/// Outputs of one call, each with its delay from now. Owned and reused by the caller.
pub type Outbox = Vec<(Dur, Output)>;

/// Data of a control write.
#[must_use]
pub fn control(data: impl Into<Bytes>) -> Payload {
    Payload::Bytes(data.into())
}
