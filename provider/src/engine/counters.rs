//! What the provider counts (`OID_NDK_STATISTICS`, `NDIS_NDK_PERFORMANCE_COUNTERS`): the part that is not the device's.

use super::Engine;
use super::connector::State;
use super::objects::Body;
use crate::backend::Backend;

/// Events since the provider was made, and the connections of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections established from this side.
    pub connect: u64,
    /// Connections accepted.
    pub accept: u64,
    /// Connects, completions and accepts that failed.
    pub connect_failure: u64,
    /// Connections that ended by an error before the consumer disconnected.
    pub connection_error: u64,
    /// Connections that stand, or stood and are not closed yet by either side.
    pub active_connection: u64,
    /// Completion queues that died.
    pub cq_error: u64,
}

impl<B: Backend> Engine<B> {
    /// The counters of now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let active = |body: &Body| match body {
            Body::Connector(connector) => matches!(connector.state, State::Established | State::Disconnecting),
            _ => false,
        };
        let active_connection = self.objects.iter().filter(|(_, entry)| active(&entry.body)).count() as u64;
        Counters { active_connection, ..self.counters }
    }
}
