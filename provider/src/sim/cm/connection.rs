//! What is known about one connection.

use super::table::State;
use super::{REPLY_PRIVATE_BYTES, REQUEST_PRIVATE_BYTES};
use crate::backend::{ConnectionId, ConnectionLimits, Established, ListenerId};
use bytes::Bytes;
use des::Time;
use std::net::SocketAddr;
use wire::cm::{CommId, Mad, PathMtu, Rep, Req};
use wire::{Psn, Qpn};

/// The own queue pair of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalEnd {
    /// Its number.
    pub qpn: Qpn,
    /// First sequence number that it expects.
    pub starting_psn: Psn,
    /// Its receives come from a shared queue.
    pub shared_receive_queue: bool,
}

/// What the own queue pair must know of its peer to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteEnd {
    /// The peer's address.
    pub address: SocketAddr,
    /// Own address.
    pub local: SocketAddr,
    /// The peer's queue pair.
    pub qpn: Qpn,
    /// First sequence number that it expects, so that the own queue pair begins with it.
    pub starting_psn: Psn,
    /// Largest payload of a packet.
    pub path_mtu: PathMtu,
    /// What both sides can do.
    pub limits: ConnectionLimits,
    /// Code of the time until a retransmission.
    pub ack_timeout: u8,
    /// Retransmissions.
    pub retry_count: u8,
    /// Tries after "receiver not ready".
    pub rnr_retry_count: u8,
}

/// Which side asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Active,
    Passive { listener: ListenerId },
}

/// One connection, on either side.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) role: Role,
    pub(super) state: State,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) remote_id: CommId,
    pub(super) transaction_id: u64,
    /// What both sides can do; before the answer, what this side asks for.
    pub(super) limits: ConnectionLimits,
    pub(super) end: Option<LocalEnd>,
    /// Sent by the active, received by the passive side.
    pub(super) req: Box<Req>,
    /// Received by the active side.
    pub(super) rep: Option<Box<Rep>>,
    /// What the peer's consumer sent with its rejection.
    pub(super) refusal: Option<Bytes>,
    /// What is repeated.
    pub(super) last: Option<Box<Mad>>,
    pub(super) repeats_left: u8,
    pub(super) deadline: Option<Time>,
    /// The consumer has forgotten it.
    pub(super) released: bool,
}

impl Connection {
    /// The peer's queue pair, if it has said which.
    pub(super) fn remote_qpn(&self) -> Option<Qpn> {
        match self.role {
            Role::Active => self.rep.as_ref().map(|rep| rep.qpn),
            Role::Passive { .. } => Some(self.req.qpn),
        }
    }

    /// What the QP must know, once the peer has said it.
    pub(super) fn remote_end(&self) -> Option<RemoteEnd> {
        let (qpn, starting_psn, rnr_retry_count) = match self.role {
            Role::Active => {
                let rep = self.rep.as_ref()?;
                (rep.qpn, rep.starting_psn, rep.rnr_retry_count)
            }
            Role::Passive { .. } => (self.req.qpn, self.req.starting_psn, self.req.rnr_retry_count),
        };
        Some(RemoteEnd {
            address: self.peer,
            local: self.local,
            qpn,
            starting_psn,
            path_mtu: self.req.path_mtu,
            limits: self.limits,
            ack_timeout: self.req.primary.ack_timeout,
            retry_count: self.req.retry_count,
            rnr_retry_count,
        })
    }

    pub(super) fn established(&self, connection: ConnectionId) -> Established {
        let private_data = match (self.role, &self.rep) {
            (Role::Active, Some(rep)) => Bytes::copy_from_slice(rep.private_data.as_bytes()),
            _ => Bytes::new(),
        };
        debug_assert!(private_data.len() <= REPLY_PRIVATE_BYTES);
        Established {
            connection,
            local: self.local,
            peer: self.peer,
            inbound_reads: self.limits.inbound_reads,
            outbound_reads: self.limits.outbound_reads,
            private_data,
        }
    }
}

/// A request's limits as the other side sees them.
pub(super) fn mirrored(responder_resources: u8, initiator_depth: u8) -> ConnectionLimits {
    ConnectionLimits { inbound_reads: initiator_depth.into(), outbound_reads: responder_resources.into() }
}

/// Limits as they fit into a message.
pub(super) fn capped(limits: ConnectionLimits, most: ConnectionLimits) -> ConnectionLimits {
    let cap = |wanted: u32, most: u32| wanted.min(most).min(u8::MAX.into());
    ConnectionLimits {
        inbound_reads: cap(limits.inbound_reads, most.inbound_reads),
        outbound_reads: cap(limits.outbound_reads, most.outbound_reads),
    }
}

/// The code of the largest path MTU within `bytes`.
pub(super) fn path_mtu(bytes: u32) -> PathMtu {
    (1..=5).rev().map(PathMtu).find(|mtu| mtu.bytes().is_some_and(|size| size <= bytes)).unwrap_or(PathMtu(1))
}

const _: () = assert!(REQUEST_PRIVATE_BYTES == 56, "what rdma_cm and the mlx4 provider leave to a consumer");
