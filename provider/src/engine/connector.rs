//! Connectors: the state of one end of a connection (section 3.12 of the NDKPI reference).

use super::close::Step;
use super::endpoint::EndpointUse;
use super::lifetime::ObjectId;
use super::policy::{CloseConnected, Policy};
use crate::backend::{ConnectionId, ConnectionLimits, Established, QpId, Resource};
use crate::ndk::{DisconnectEvent, Status};
use bytes::Bytes;
use std::net::SocketAddr;

/// Where a connector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Connecting,
    /// The peer has accepted, the consumer has not completed.
    Connected,
    Completing,
    /// From a connect event, not accepted yet.
    Offered,
    Accepting,
    Established,
    /// The peer disconnected, or the connection broke.
    PeerGone {
        graceful: bool,
    },
    Disconnecting,
    /// The peer gave up before the connection stood.
    Aborted,
    /// The connect failed.
    Refused,
    /// Rejected, disconnected, or never completed.
    Ended,
}

/// What a consumer asks of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Connect,
    CompleteConnect,
    Accept,
    Reject,
    Disconnect,
}

impl State {
    /// The state that an operation leads to.
    pub(super) fn after(self, operation: Operation, policy: &Policy) -> Result<Self, Status> {
        match (self, operation) {
            (Self::Idle, Operation::Connect) => Ok(Self::Connecting),
            (Self::Refused, Operation::Connect) if policy.retry_connect => Ok(Self::Connecting),
            (_, Operation::Connect) => Err(policy.already_associated),
            (Self::Connected, Operation::CompleteConnect) => Ok(Self::Completing),
            (Self::Offered, Operation::Accept) => Ok(Self::Accepting),
            (Self::Offered | Self::Connected, Operation::Reject) => Ok(Self::Ended),
            (Self::Aborted, Operation::CompleteConnect | Operation::Accept | Operation::Reject) => {
                Err(Status::CONNECTION_ABORTED)
            }
            (_, Operation::CompleteConnect) => Err(Status::CONNECTION_INVALID),
            (_, Operation::Accept | Operation::Reject) => Err(policy.wrong_state),
            (Self::Established | Self::PeerGone { .. }, Operation::Disconnect) => Ok(Self::Disconnecting),
            (_, Operation::Disconnect) => Err(policy.not_connected),
        }
    }

    /// The state that the end of what is under way leads to.
    pub(super) const fn ended(self, succeeded: bool) -> Self {
        match (self, succeeded) {
            (Self::Connecting, true) => Self::Connected,
            (Self::Connecting, false) => Self::Refused,
            (Self::Completing | Self::Accepting, true) => Self::Established,
            (Self::Completing | Self::Accepting, false) | (Self::Disconnecting, _) => Self::Ended,
            (other, _) => other,
        }
    }

    /// The state that the peer's going leads to.
    pub(super) const fn left_by_peer(self, graceful: bool) -> Self {
        match self {
            Self::Established => Self::PeerGone { graceful },
            Self::Offered | Self::Connected => Self::Aborted,
            other => other,
        }
    }
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) state: State,
    /// The queue pair, while this connector has it.
    pub(super) qp: Option<ObjectId>,
    connection: Option<ConnectionId>,
    pub(super) endpoint: Option<EndpointUse>,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// Effective.
    pub(super) limits: ConnectionLimits,
    /// The peer's.
    pub(super) private_data: Bytes,
    pub(super) disconnect_event: Option<DisconnectEvent>,
    /// The peer left while the connection was being established: to be looked at when that has ended.
    pub(super) left_early: Option<bool>,
    /// The disconnect event is due.
    pub(super) event_due: bool,
    /// The completion that reports the connection has not returned: no disconnect event before.
    pub(super) reporting: bool,
}

impl Connector {
    pub(super) fn idle() -> Self {
        Self {
            state: State::Idle,
            qp: None,
            connection: None,
            endpoint: None,
            local: None,
            peer: None,
            limits: ConnectionLimits { inbound_reads: 0, outbound_reads: 0 },
            private_data: Bytes::new(),
            disconnect_event: None,
            left_early: None,
            event_due: false,
            reporting: false,
        }
    }

    /// The passive side of a connection request.
    pub(super) fn offered(connection: ConnectionId, endpoint: EndpointUse, private_data: Bytes) -> Self {
        Self {
            state: State::Offered,
            connection: Some(connection),
            endpoint: Some(endpoint),
            local: Some(endpoint.local),
            peer: endpoint.peer,
            private_data,
            ..Self::idle()
        }
    }

    pub(super) fn qp(&self) -> Option<ObjectId> {
        self.qp
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    pub(super) fn endpoint(&self) -> Option<EndpointUse> {
        self.endpoint
    }

    /// The connection has come to be, or to stand.
    pub(super) fn learn(&mut self, established: Established) {
        self.connection = Some(established.connection);
        (self.local, self.peer) = (Some(established.local), Some(established.peer));
        let Established { inbound_reads, outbound_reads, .. } = established;
        self.limits = ConnectionLimits { inbound_reads, outbound_reads };
        // Passive connectors keep the data of the request.
        if !established.private_data.is_empty() {
            self.private_data = established.private_data;
        }
    }

    /// The end of an attempt.
    pub(super) fn ended(&mut self, succeeded: bool) {
        self.state = self.state.ended(succeeded);
        if let Some(graceful) = self.left_early.take() {
            self.left_by_peer(graceful);
        }
    }

    pub(super) fn left_by_peer(&mut self, graceful: bool) {
        match self.state {
            State::Accepting | State::Completing => self.left_early = Some(graceful),
            State::Established => {
                self.event_due = self.disconnect_event.is_some_and(|event| event.callback.is_some());
                self.state = self.state.left_by_peer(graceful);
            }
            other => self.state = other.left_by_peer(graceful),
        }
    }

    /// What the device must do when a connector in this state is closed.
    pub(super) fn ending(&self, qp: Option<QpId>, connected: CloseConnected) -> Vec<Step> {
        let Some(connection) = self.connection else { return Vec::new() };
        let flush = qp.map(Step::Flush);
        let first: Vec<Step> = match self.state {
            State::Offered | State::Connected => vec![Step::Reject(connection)],
            State::Established | State::PeerGone { graceful: true } if connected == CloseConnected::Disconnect => {
                [Step::Disconnect(connection)].into_iter().chain(flush).collect()
            }
            State::Established | State::PeerGone { .. } => flush.into_iter().collect(),
            _ => Vec::new(),
        };
        first.into_iter().chain([Step::Destroy(Resource::Connection(connection))]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Operation::{Accept, CompleteConnect, Connect, Disconnect, Reject};
    use super::*;

    const STATES: [State; 13] = [
        State::Idle,
        State::Connecting,
        State::Connected,
        State::Completing,
        State::Offered,
        State::Accepting,
        State::Established,
        State::PeerGone { graceful: true },
        State::PeerGone { graceful: false },
        State::Disconnecting,
        State::Aborted,
        State::Refused,
        State::Ended,
    ];

    #[test]
    fn every_operation_in_every_state() {
        let policy = Policy::default();
        let (invalid, aborted) = (Status::CONNECTION_INVALID, Status::CONNECTION_ABORTED);
        let (wrong, twice) = (policy.wrong_state, policy.already_associated);
        for state in STATES {
            let gone = matches!(state, State::PeerGone { .. });
            let expected = [
                (
                    Connect,
                    if matches!(state, State::Idle | State::Refused) { Ok(State::Connecting) } else { Err(twice) },
                ),
                (
                    CompleteConnect,
                    match state {
                        State::Connected => Ok(State::Completing),
                        State::Aborted => Err(aborted),
                        _ => Err(invalid),
                    },
                ),
                (
                    Accept,
                    match state {
                        State::Offered => Ok(State::Accepting),
                        State::Aborted => Err(aborted),
                        _ => Err(wrong),
                    },
                ),
                (
                    Reject,
                    match state {
                        State::Offered | State::Connected => Ok(State::Ended),
                        State::Aborted => Err(aborted),
                        _ => Err(wrong),
                    },
                ),
                (Disconnect, if gone || state == State::Established { Ok(State::Disconnecting) } else { Err(invalid) }),
            ];
            for (operation, after) in expected {
                assert_eq!(state.after(operation, &policy), after, "{operation:?} when {state:?}");
            }
        }
        let strict = Policy { retry_connect: false, ..policy };
        assert_eq!(State::Refused.after(Connect, &strict), Err(twice));
    }

    #[test]
    fn what_is_under_way_ends() {
        for state in STATES {
            let (succeeded, failed) = match state {
                State::Connecting => (State::Connected, State::Refused),
                State::Completing | State::Accepting => (State::Established, State::Ended),
                State::Disconnecting => (State::Ended, State::Ended),
                other => (other, other),
            };
            assert_eq!((state.ended(true), state.ended(false)), (succeeded, failed), "{state:?}");
        }
    }

    #[test]
    fn the_peer_goes_in_every_state() {
        for (state, graceful) in STATES.into_iter().flat_map(|state| [(state, true), (state, false)]) {
            let expected = match state {
                State::Established => State::PeerGone { graceful },
                State::Offered | State::Connected => State::Aborted,
                other => other,
            };
            assert_eq!(state.left_by_peer(graceful), expected, "{state:?}");
        }
    }

    #[test]
    fn a_peer_that_left_while_accepting_is_seen_afterwards() {
        let mut connector = Connector { state: State::Accepting, ..Connector::idle() };
        connector.left_by_peer(true);
        assert_eq!(connector.state, State::Accepting);
        connector.ended(true);
        assert_eq!(connector.state, State::PeerGone { graceful: true });
    }
}
