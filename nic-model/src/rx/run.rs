//! Packets from the middle of a WRITE, of which nothing but the payload is news: most packets are.

use crate::dma::Cx;
use crate::interface::Interface;
use crate::mem::Memory;
use crate::qp::QueuePair;
use crate::regs::cmd::Rights;
use des::Time;
use wire::{Payload, RocePacket};

/// Executes a packet from the middle of a WRITE if it is due, allowed, and calls for no answer. If not, nothing has happened,
/// and it is left to the usual way.
#[inline]
pub(super) fn write_on(
    host: &mut Interface,
    memory: &Memory,
    qp: &mut QueuePair,
    cx: &mut Cx<'_>,
    at: Time,
    packet: &RocePacket,
) -> bool {
    let who = qp.accessor();
    let waits = !qp.inbox.is_empty() || !qp.held.is_empty();
    if waits || !qp.state.responds() || !qp.grants(Rights::REMOTE_WRITE) {
        return false;
    }
    let Some(responder) = qp.responder.as_mut() else { return false };
    let length_bytes = packet.payload.len() as u32;
    let Some(remote) = responder.target(&packet.bth, length_bytes) else { return false };
    let range = remote.range(length_bytes);
    let Ok(segments) = memory.remote(who, range, Rights::REMOTE_WRITE) else { return false };
    let at = host.translated(at, memory, range);
    match &packet.payload {
        Payload::Elided(_) => host.book_write(at, &segments),
        data @ Payload::Bytes(_) => host.write(cx, at, segments, data.clone()),
    };
    responder.write_on(length_bytes);
    // What is read for answers sees what was written before (IBTA volume 1, table 79).
    qp.replies_from = qp.replies_from.max(at);
    true
}
