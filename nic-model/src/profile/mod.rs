//! Numbers of a device: how long things take and how wide they are, each with where it is from.
//!
//! Reading order: the kinds of numbers here, `load` (names and files; the files are in `profiles/`), `text` (their form).
//!
//! A number that nobody measured is marked assumed, and a report can say so beside its results.

mod load;
mod text;

pub use load::{load, names};
pub use text::ProfileError;

use crate::regs::cmd::CommandCode;
use crate::transport::requester::{Recovery, TimeoutPolicy};
use des::{Dur, Rate};
use std::sync::LazyLock;

/// Where a number is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Measured by the named source.
    Measured(&'static str),
    /// Published by the maker or a standard.
    Published(&'static str),
    /// Nobody has said; chosen for the reason given.
    Assumed(&'static str),
}

/// A number with its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The number.
    pub value: T,
    /// Where it is from.
    pub origin: Origin,
}

/// A pipeline stage: time through it, and time between two items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageProfile {
    /// From entering to leaving.
    pub latency: Sourced<Dur>,
    /// From one item to the next.
    pub interval: Sourced<Dur>,
}

/// The slot, and the link in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcieProfile {
    /// PCIe generation, 1 to 6.
    pub generation: Sourced<u8>,
    /// Lanes: 1, 2, 4, 8 or 16.
    pub lanes: Sourced<u8>,
    /// Largest payload of a packet in bytes (MPS).
    pub max_payload_bytes: Sourced<u32>,
    /// Largest read request in bytes (MRRS).
    pub max_read_request_bytes: Sourced<u32>,
    /// Bytes into which the root complex cuts the answer of a read (a multiple of RCB).
    pub read_completion_bytes: Sourced<u32>,
    /// Bytes on the link around the data of a write, and of a read request.
    pub request_header_bytes: Sourced<u32>,
    /// Bytes on the link around the data of a completion.
    pub completion_header_bytes: Sourced<u32>,
    /// DMA reads under way at once (tags).
    pub reads_outstanding: Sourced<u32>,
    /// From a read request at the root complex to its first data leaving it, if the last-level cache has it.
    pub read_latency: Sourced<Dur>,
    /// From a posted write at the root complex until it is visible.
    pub write_latency: Sourced<Dur>,
    /// From one write that the device makes to the next.
    pub write_interval: Sourced<Dur>,
    /// Posted writes under way at once (credits); 0 is any number.
    pub posted_writes: Sourced<u32>,
    /// Time that the device needs to move a byte between link and memory of its own before it goes on.
    pub staging_ps_per_byte: Sourced<u64>,
    /// Round trip of a register read.
    pub register_read: Sourced<Dur>,
    /// From one write-combined line of 64 bytes that the processor pushes to the next.
    pub mmio_line_interval: Sourced<Dur>,
}

/// The host's memory, as the device finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostProfile {
    /// Added to a read of which the last-level cache knows nothing.
    pub llc_miss: Sourced<Dur>,
    /// Added to a read of another socket's memory.
    pub remote_numa: Sourced<Dur>,
    /// Of 1000 reads, so many miss the last-level cache.
    pub cold_permille: Sourced<u32>,
    /// Of 1000 reads, so many are of another socket's memory.
    pub remote_permille: Sourced<u32>,
    /// Pages of 4 KiB whose translations the IOMMU keeps; 0 if there is none, or it does not translate.
    pub iotlb_entries: Sourced<u32>,
    /// Entries among which one page may be kept.
    pub iotlb_ways: Sourced<u32>,
    /// Added to an access whose translation is not kept.
    pub iotlb_miss: Sourced<Dur>,
    /// Translations that are looked up at once.
    pub iotlb_walks: Sourced<u32>,
}

/// Which entry of a cache gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The least recently used.
    Lru,
    /// Any, by a generator of the cache's own with a fixed seed.
    Random,
}

/// A cache of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheProfile {
    /// What it holds; 0 is everything, and then nothing is looked up.
    pub entries: Sourced<u32>,
    /// Entries among which one thing may be kept.
    pub ways: Sourced<u32>,
    /// Which entry gives way.
    pub replacement: Sourced<Replacement>,
    /// A miss reads so many bytes from host memory.
    pub entry_bytes: Sourced<u32>,
    /// Added to an access that hits.
    pub hit: Sourced<Dur>,
    /// Misses under way at once.
    pub misses_outstanding: Sourced<u32>,
}

/// The caches of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachesProfile {
    /// Contexts of queue pairs.
    pub qp: CacheProfile,
    /// Contexts of completion queues.
    pub cq: CacheProfile,
    /// Contexts of shared receive queues.
    pub srq: CacheProfile,
    /// Entries of the key table (memory protection table).
    pub mpt: CacheProfile,
    /// Translations (memory translation table), a line of eight each.
    pub mtt: CacheProfile,
    /// Send WQEs whose requests are not complete.
    pub wqe: CacheProfile,
    /// Entries of a translation table: pages, or tables of the level below.
    pub table_entries: Sourced<u32>,
}

/// Who goes on after a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next queue pair.
    Packet,
    /// The same queue pair until its message ends.
    Message,
}

/// Time of the firmware, which runs one command at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareProfile {
    /// Commands that no row names.
    pub other: Sourced<Dur>,
    /// Rows by command.
    pub by_command: [(CommandCode, Sourced<Dur>); 6],
    /// MODIFY_QP from RESET to INIT.
    pub reset_to_init: Sourced<Dur>,
    /// MODIFY_QP from INIT to RTR.
    pub init_to_rtr: Sourced<Dur>,
    /// MODIFY_QP from RTR to RTS.
    pub rtr_to_rts: Sourced<Dur>,
    /// MODIFY_QP from ERROR to RESET.
    pub error_to_reset: Sourced<Dur>,
    /// CREATE_MKEY, for each page.
    pub per_page: Sourced<Dur>,
}

/// How a device recovers from loss, and keeps others from causing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryProfile {
    /// What is sent again after a loss.
    pub recovery: Sourced<Recovery>,
    /// How far ahead of the packet that is due others are kept, with selective repeat.
    pub reorder_packets: Sourced<u32>,
    /// How the transport timer follows its code.
    pub timeout: Sourced<TimeoutPolicy>,
    /// Acknowledgements say how many receives are posted (IBTA volume 1, 9.7.7.2).
    pub end_to_end_credits: Sourced<bool>,
    /// Bytes received and not yet written to the host above which the peer is paused, in classes with flow control.
    pub xoff_bytes: Sourced<u32>,
    /// Bytes below which it may go on.
    pub xon_bytes: Sourced<u32>,
}

/// The numbers of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// Rate of a port.
    pub port_rate: Sourced<Rate>,
    /// Bytes of every frame that this port's kind of cable does not carry: InfiniBand needs less header than Ethernet.
    pub port_bytes_not_sent: Sourced<u32>,
    /// Slot and link.
    pub pcie: PcieProfile,
    /// The host behind it.
    pub host: HostProfile,
    /// Decoding of doorbells.
    pub doorbell: StageProfile,
    /// Building of packets.
    pub requester: StageProfile,
    /// Engines that work WQEs off; a queue pair always has the same one.
    pub engines: Sourced<u32>,
    /// From one WQE of an engine to the next.
    pub engine_interval: Sourced<Dur>,
    /// Checking of packets received.
    pub responder: StageProfile,
    /// From a packet complete in the buffer to its first bit.
    pub transmit_latency: Sourced<Dur>,
    /// From an event to its interrupt message.
    pub interrupt_latency: Sourced<Dur>,
    /// Payload gathered and not yet sent, per port and direction of the dialogue.
    pub transmit_buffer_bytes: Sourced<u32>,
    /// Packets gathered and not yet sent, per port and direction of the dialogue.
    pub transmit_buffer_packets: Sourced<u32>,
    /// Bytes received and not yet written to the host.
    pub receive_buffer_bytes: Sourced<u32>,
    /// Who goes on after a packet.
    pub turn: Sourced<Turn>,
    /// Request packets of a queue pair that may be unacknowledged.
    pub window_packets: Sourced<u32>,
    /// Packets after which a requester asks for an acknowledgement inside a message.
    pub ack_every_packets: Sourced<u32>,
    /// Send WQEs of a queue pair that are decoded at once.
    pub send_wqes_held: Sourced<u32>,
    /// Receive WQEs read at once.
    pub receive_wqes_prefetched: Sourced<u32>,
    /// Addresses that atomics lock apart from each other.
    pub atomic_buckets: Sourced<u32>,
    /// Atomics of peers that are executed or wait for their lock; 0 is any number. Others wait for one of them to end.
    pub atomic_contexts: Sourced<u32>,
    /// Loss and flow control.
    pub recovery: RecoveryProfile,
    /// Caches.
    pub caches: CachesProfile,
    /// Firmware.
    pub firmware: FirmwareProfile,
}

static GENERIC: LazyLock<Profile> =
    LazyLock::new(|| load("generic-100g").unwrap_or_else(|error| panic!("a profile of this crate is wrong: {error}")));

impl Profile {
    /// An adapter of the 100 Gb/s class that is nobody's in particular.
    ///
    /// # Panics
    /// If the file in this crate is wrong, which its tests rule out.
    #[must_use]
    pub fn generic() -> Self {
        *GENERIC
    }
}
