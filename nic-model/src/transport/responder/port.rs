//! What a responder needs of its NIC, and what it says to it.

use crate::transport::mtu::Pmtu;
use crate::transport::packet::{AtomicOperation, Packet, Remote};
use wire::{NakCode, Psn, Transport};

/// The NIC's side of a responder: keys, receives, and the bytes of the packet just given.
///
/// Calls come in the order in which memory is to change. What takes time (translation, DMA) the NIC does afterwards;
/// what it finds out late it reports with [`Responder::fail`](super::Responder::fail).
pub trait ResponderPort {
    /// Whether the other side may use the range so: key, bounds, and the rights of region, window and queue pair. Asked
    /// once a message, never for an empty one.
    ///
    /// # Errors
    /// [`AccessFault`] if not; on RC it becomes a remote access error.
    fn check(&mut self, remote: Remote, length_bytes: u32, right: Right) -> Result<(), AccessFault>;

    /// Takes the next receive from the receive queue and gives its bytes; `None` if there is none.
    fn take_receive(&mut self) -> Option<u32>;

    /// Puts the payload of the packet into the receive taken last.
    ///
    /// # Errors
    /// [`AccessFault`] if its buffers may not be written.
    fn place_receive(&mut self, offset_bytes: u32, length_bytes: u32) -> Result<(), AccessFault>;

    /// Puts the payload of the packet into a range that was checked with its message.
    ///
    /// # Errors
    /// [`AccessFault`] if the key has been withdrawn meanwhile.
    fn place_write(&mut self, remote: Remote, length_bytes: u32) -> Result<(), AccessFault>;

    /// Keeps the packet, which has come too early, until `position` is due (see
    /// [`Responder::due_position`](super::Responder::due_position)); then it is given again. With a `target` its payload
    /// may go there at once: what has the bytes of the packet before it cannot overlap them.
    fn hold(&mut self, position: u64, target: Option<Remote>, length_bytes: u32);

    /// Begins an atomic that was checked; its end is told by
    /// [`Responder::on_atomic_done`](super::Responder::on_atomic_done).
    fn start_atomic(&mut self, psn: Psn, remote: Remote, operation: AtomicOperation);

    /// Invalidates a key for the other side.
    ///
    /// # Errors
    /// [`AccessFault`] if there is no such key, or it may not be invalidated so.
    fn invalidate(&mut self, rkey: u32) -> Result<(), AccessFault>;

    /// The receive taken last is over.
    fn complete_receive(&mut self, completion: ReceiveCompletion);
}

/// A key, range or right does not allow an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access is not allowed")]
pub struct AccessFault;

/// What the other side wants to do with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// RDMA READ.
    Read,
    /// RDMA WRITE.
    Write,
    /// Atomics.
    Atomic,
}

/// The end of a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveCompletion {
    /// How it ended.
    pub status: ReceiveStatus,
    /// Bytes of the message; of the WRITE, if it was consumed by a WRITE with immediate.
    pub length_bytes: u32,
    /// Whether a WRITE with immediate consumed it.
    pub by_write: bool,
    /// Immediate data.
    pub immediate: Option<u32>,
    /// Key that was invalidated.
    pub invalidated: Option<u32>,
    /// The sender asks to wake a solicited arm.
    pub solicited: bool,
}

/// How a receive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveStatus {
    /// The message is there.
    Ok,
    /// The message is longer than the receive.
    LocalLength,
    /// The receive's buffers may not be written.
    LocalProtection,
    /// The key to invalidate could not be.
    RemoteInvalidRequest,
}

/// What has become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Executed.
    Accepted,
    /// Seen before; answered again as far as an answer is kept.
    Duplicate,
    /// A packet before it is missing; reported once, then silence until it comes.
    OutOfSequence,
    /// A packet before it is missing; it has been given to [`ResponderPort::hold`] and both are reported.
    Early,
    /// No receive is posted; the other side tries again.
    ReceiverNotReady,
    /// Refused for good. The responder has stopped: the caller drains the replies, of which the last says so to the other
    /// side (RC), and moves the queue pair with [`QpEvent::Fatal`](crate::transport::QpEvent::Fatal).
    Refused(NakCode),
    /// Ignored: not for this transport, part of a broken message (UC), or the responder has stopped.
    Dropped,
}

/// What the responder is told once, when the queue pair becomes ready to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponderConfig {
    /// Transport service, RC or UC.
    pub transport: Transport,
    /// Path MTU.
    pub pmtu: Pmtu,
    /// Sequence number of the first packet to come.
    pub expected_psn: Psn,
    /// READs and atomics that may be unanswered, and atomics whose answers are kept for repetition.
    pub max_dest_rd_atomic: u8,
    /// Code of the time to wait that a receiver-not-ready answer names.
    pub min_rnr_timer: u8,
    /// Acknowledge unasked after so many packets; 0: only when asked.
    pub unasked_ack_packets: u32,
    /// How far ahead of the packet that is due others are kept (selective repeat); 0: they are dropped.
    pub reorder_packets: u32,
}

/// An answer to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its headers.
    pub packet: Packet,
    /// Where the payload of a READ response is; its length is `packet.payload_bytes`.
    pub source: Option<Remote>,
}
