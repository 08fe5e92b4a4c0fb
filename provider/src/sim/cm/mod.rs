//! Connection management as a value: datagrams, requests of the consumer and the passing of time go in; datagrams and
//! notices come out.
//!
//! Reading order: [`table`] (the protocol: states, events, actions), [`port`] (who holds which address), [`connection`]
//! (what is known about one connection), `message` (the datagrams it sends), [`connections`] (all of them), `execute` (does what the table
//! says; timers).
//!
//! Protocol: IBTA volume 1, chapter 12 (REQ, REP, RTU and their repeats, 12.9), annex A11 (IP addresses in REQ), as `rdma_cm`
//! and `ib_cm` of Linux speak it.
//!
//! Invariants:
//! * a message that was repeated on the way gets the answer that the first one got;
//! * every connection ends after a bounded time when its peer falls silent, but never because a consumer is slow;
//! * nothing here knows a device; queue pairs are numbers.

pub mod connection;
pub mod connections;
mod execute;
mod message;
pub mod port;
pub mod table;

pub use connection::{LocalEnd, RemoteEnd};
pub use connections::{Connect, Connections};
pub use table::Notice;

use crate::backend::{ConnectionId, ConnectionLimits, ListenerId};
use bytes::Bytes;
use des::Dur;
use std::net::{IpAddr, SocketAddr};
use wire::cm::Mad;

/// Bytes of private data that a consumer can send with a request.
pub const REQUEST_PRIVATE_BYTES: usize = wire::cm::ip::CONSUMER_PRIVATE_LEN;
/// Bytes of private data that a consumer can send with a reply.
pub const REPLY_PRIVATE_BYTES: usize = 196;
/// Bytes of private data that a consumer can send with a rejection.
pub const REJECT_PRIVATE_BYTES: usize = 148;

/// How connections are managed at one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses of the device.
    pub addresses: Vec<IpAddr>,
    /// Names the device to its peers.
    pub ca_guid: u64,
    /// First communication identifier. Two lives of one device are to differ in it, so that a peer does not take a new request
    /// for the repeat of an old one.
    pub first_id: u32,
    /// Code of the time after which an unanswered message is repeated, see [`wire::codes::timeout_ps`].
    pub response_timeout: u8,
    /// Times that a message is repeated, at most 15.
    pub retries: u8,
    /// Code of the time that a peer is asked to wait for a slow consumer.
    pub service_timeout: u8,
    /// How long an ended connection is remembered, to answer repeats.
    pub linger: Dur,
    /// Requests of one listener that its consumer has not answered; more are refused.
    pub backlog: usize,
    /// Incoming reads of a QP that the device can serve.
    pub max_inbound_reads: u32,
    /// Outgoing reads of a QP that the device can have under way.
    pub max_outbound_reads: u32,
    /// Largest path MTU, in bytes.
    pub path_mtu_bytes: u32,
    /// Transport: code of the time until a retransmission.
    pub ack_timeout: u8,
    /// Transport: retransmissions, at most 7.
    pub retry_count: u8,
    /// Transport: tries after "receiver not ready"; 7 is without end.
    pub rnr_retry_count: u8,
}

impl Default for Settings {
    /// Timeouts and retries of `rdma_cm` in Linux (`cma.c`: response timeout 20, 15 retries; `cm.c`: service timeout 24 at
    /// most); transport retries of its users; the rest assumed.
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            ca_guid: 0,
            first_id: 1,
            response_timeout: 20,
            retries: 15,
            service_timeout: 22,
            linger: Dur::from_ms(80_000),
            backlog: 128,
            max_inbound_reads: 16,
            max_outbound_reads: 16,
            path_mtu_bytes: 4096,
            ack_timeout: 14,
            retry_count: 7,
            rnr_retry_count: 7,
        }
    }
}

/// What happens to connections.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A datagram arrived.
    Datagram {
        /// Who sent it.
        from: IpAddr,
        /// What it says.
        mad: Box<Mad>,
    },
    /// The consumer accepts; the QP is ready to receive.
    Accept {
        /// Which.
        connection: ConnectionId,
        /// The QP.
        end: LocalEnd,
        /// Reads asked for.
        limits: ConnectionLimits,
        /// At most [`REPLY_PRIVATE_BYTES`].
        private_data: Bytes,
    },
    /// The consumer, having been accepted, completes; the QP is ready.
    Complete(ConnectionId),
    /// The consumer rejects.
    Reject {
        /// Which.
        connection: ConnectionId,
        /// At most [`REJECT_PRIVATE_BYTES`].
        private_data: Bytes,
    },
    /// The consumer disconnects.
    Disconnect(ConnectionId),
    /// The consumer gives up.
    Abandon(ConnectionId),
    /// The consumer gives up and forgets the connection: no more notices.
    Release(ConnectionId),
    /// The first packet arrived on the QP.
    Traffic(ConnectionId),
    /// The QP failed.
    Broken(ConnectionId),
    /// A deadline has come.
    Wake,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a datagram.
    Send {
        /// Own address.
        from: IpAddr,
        /// The peer's address.
        to: IpAddr,
        /// The datagram.
        mad: Box<Mad>,
    },
    /// Somebody wants to connect.
    Request {
        /// Where.
        listener: ListenerId,
        /// The new connection.
        connection: ConnectionId,
        /// Own address.
        local: SocketAddr,
        /// The peer's address.
        peer: SocketAddr,
        /// What the peer asks for, from this side's view.
        limits: ConnectionLimits,
        /// What the peer's consumer sent, [`REQUEST_PRIVATE_BYTES`].
        private_data: Bytes,
    },
    /// The consumer is to know.
    Tell {
        /// About which.
        connection: ConnectionId,
        /// What.
        notice: Notice,
    },
}

#[cfg(test)]
mod tests;
