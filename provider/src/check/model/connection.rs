//! Connectors and listeners.

use super::super::fact::ConnectArgs;
use super::{Detail, Model};
use crate::ndk::{Completion, DisconnectEvent};
use std::net::SocketAddr;

/// Where a connector is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    /// Connect pends.
    Connecting,
    /// Connect succeeded; CompleteConnect is to come.
    Connected,
    /// CompleteConnect pends.
    Completing,
    /// A connect event brought it.
    Offered,
    /// Accept pends.
    Accepting,
    Established,
    Rejected,
    /// An attempt failed.
    Failed,
    /// Disconnect was called.
    Disconnecting,
    Disconnected,
}

impl Phase {
    /// Whether the connection was there and has ended, or is ending, by the local consumer's wish.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Disconnecting | Self::Disconnected)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Connector {
    /// Whether a connect event brought it.
    pub(crate) offered: bool,
    pub(crate) phase: Phase,
    pub(crate) connect: Option<ConnectArgs>,
    pub(crate) event: Option<DisconnectEvent>,
    pub(crate) events_seen: u32,
    /// Whether Accept or CompleteConnect has reported success.
    pub(crate) established: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(crate) event: Completion,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) paused: bool,
}

impl Model {
    pub(crate) fn connector(&self, id: u64) -> Option<&Connector> {
        match &self.entry(id)?.detail {
            Detail::Connector(connector) => Some(connector),
            _ => None,
        }
    }

    pub(crate) fn connector_mut(&mut self, id: u64) -> Option<&mut Connector> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Connector(connector) => Some(connector),
            _ => None,
        }
    }

    /// Whether a connector that is not closed was given this queue pair or endpoint: one whose attempt failed may hold it
    /// or not, as far as anybody says.
    pub(crate) fn may_be_held(&self, id: u64) -> bool {
        let given = |connect: &ConnectArgs| connect.qp.id == id || connect.endpoint.is_some_and(|held| held.id == id);
        let open = self.objects.values().filter(|entry| !entry.is_closed());
        open.filter_map(|entry| match &entry.detail {
            Detail::Connector(connector) => connector.connect,
            _ => None,
        })
        .any(|connect| given(&connect))
    }

    pub(crate) fn listener(&self, id: u64) -> Option<&Listener> {
        match &self.entry(id)?.detail {
            Detail::Listener(listener) => Some(listener),
            _ => None,
        }
    }

    pub(crate) fn listener_mut(&mut self, id: u64) -> Option<&mut Listener> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Listener(listener) => Some(listener),
            _ => None,
        }
    }
}
