//! What happens by itself.

use super::{CommandId, CommandResult, ConnectionId, ConnectionLimits, CqId, ListenerId, QpId, SrqId};
use bytes::Bytes;
use std::net::SocketAddr;

/// What happens by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A queued command has run.
    CommandDone {
        /// Which.
        command: CommandId,
        /// How it went.
        result: CommandResult,
    },
    /// An armed completion queue has something.
    CqReady(CqId),
    /// A completion queue is dead.
    CqError {
        /// Which.
        cq: CqId,
        /// It overflowed; otherwise the device failed.
        overrun: bool,
    },
    /// A queue pair is in error.
    QpError(QpId),
    /// A shared receive queue fell below its limit.
    SrqLimit(SrqId),
    /// A shared receive queue is dead.
    SrqError(SrqId),
    /// Somebody wants to connect.
    ConnectionRequest {
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
        /// What the peer's consumer sent.
        private_data: Bytes,
    },
    /// The peer ended a connection, or it broke.
    Disconnected {
        /// Which.
        connection: ConnectionId,
        /// By the peer's disconnect, not by a failure.
        graceful: bool,
    },
    /// A peer refused a connect and sent something along. Comes before the [`CommandDone`](Self::CommandDone) of the connect.
    ConnectRefused {
        /// The connect.
        command: CommandId,
        /// What the peer's consumer sent with its rejection.
        private_data: Bytes,
    },
    /// The peer gave up before the connection stood.
    ConnectionAborted(ConnectionId),
    /// The device is gone or failed.
    DeviceError,
}
