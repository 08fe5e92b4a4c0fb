//! What a consumer can ask of a connection: data, limits, addresses.

use super::Engine;
use super::connector::State;
use super::dispatch::Returned;
use super::objects::Body;
use crate::backend::Backend;
use crate::ndk::{Object, ObjectKind, Out, Return, Status};
use std::net::SocketAddr;

impl<B: Backend> Engine<B> {
    /// `NdkGetConnectionData`: the four rows of the table on its page, but the illegal one, which cannot be expressed.
    pub(super) fn connection_data(&self, connector: Object, buffer_bytes: Option<u32>) -> Returned {
        let id = self.live(connector, ObjectKind::Connector)?;
        let connector = self.objects.connector(id);
        let known = connector.connection().is_some() || connector.state == State::Refused;
        match connector.state {
            State::Offered | State::Connected | State::Refused => {}
            _ if self.config.policy.connection_data_any_time && known => {}
            _ => return Err(self.config.policy.wrong_state),
        }
        let all = &connector.private_data;
        let copied = all.len().min(buffer_bytes.unwrap_or(0) as usize);
        let short = buffer_bytes.is_some() && copied < all.len();
        let out = Out::ConnectionData {
            inbound_read_limit: connector.limits.inbound_reads,
            outbound_read_limit: connector.limits.outbound_reads,
            private_data: all[..copied].to_vec(),
            required_bytes: u32::try_from(all.len()).unwrap_or(u32::MAX),
        };
        Ok(Return { status: if short { Status::BUFFER_TOO_SMALL } else { Status::SUCCESS }, out })
    }

    /// `NdkGetLocalAddress` of three tables.
    pub(super) fn local_address(&self, object: Object, buffer_bytes: u32) -> Returned {
        let id = self.live(object, object.kind)?;
        let address = match self.objects.get(id).map(|entry| &entry.body) {
            Some(Body::Connector(connector)) => connector.local,
            Some(Body::Listener(listener)) => listener.address(),
            Some(Body::SharedEndpoint(used)) => Some(used.local),
            _ => return Err(self.config.policy.no_such_object),
        };
        Ok(address_out(address.ok_or(self.config.policy.not_connected)?, buffer_bytes))
    }

    pub(super) fn peer_address(&self, connector: Object, buffer_bytes: u32) -> Returned {
        let id = self.live(connector, ObjectKind::Connector)?;
        let peer = self.objects.connector(id).peer.ok_or(self.config.policy.not_connected)?;
        Ok(address_out(peer, buffer_bytes))
    }
}

/// Writes an address into a caller's buffer of that size (`SOCKADDR_IN` has 16 bytes, `SOCKADDR_IN6` 28).
fn address_out(address: SocketAddr, buffer_bytes: u32) -> Return {
    let needed = if address.is_ipv4() { 16 } else { 28 };
    if buffer_bytes < needed {
        Return { status: Status::BUFFER_TOO_SMALL, out: Out::NeededBytes(needed) }
    } else {
        Return::with(Out::Address(address))
    }
}
