//! Local addresses in use, with their references (NDKPI listeners, connectors and endpoints page).

use crate::ndk::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

#[derive(Clone, Debug, Default)]
struct Endpoint {
    references: u32,
    /// Peers connected from here: the other half of the 4-tuples.
    peers: BTreeSet<SocketAddr>,
}

/// The device's endpoints. Each is free again when its last reference is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    used: BTreeMap<(IpAddr, u16), Endpoint>,
    next_port: BTreeMap<IpAddr, u16>,
}

/// An endpoint, and the peer if it is that of a connection. Worth one reference, to be dropped once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndpointUse {
    pub(super) local: SocketAddr,
    pub(super) peer: Option<SocketAddr>,
}

impl Endpoints {
    /// A new endpoint with one reference. Port zero: any free one of `ephemeral`, in turn.
    ///
    /// # Errors
    /// SHARING_VIOLATION, TOO_MANY_ADDRESSES.
    pub(super) fn reserve(
        &mut self,
        mut address: SocketAddr,
        ephemeral: &RangeInclusive<u16>,
    ) -> Result<EndpointUse, Status> {
        if address.port() == 0 {
            address.set_port(self.free_port(address.ip(), ephemeral).ok_or(Status::TOO_MANY_ADDRESSES)?);
        }
        let endpoint = self.used.entry((address.ip(), address.port())).or_default();
        if endpoint.references > 0 {
            return Err(Status::SHARING_VIOLATION);
        }
        endpoint.references = 1;
        Ok(EndpointUse { local: address, peer: None })
    }

    /// One more reference, for a connection.
    ///
    /// # Errors
    /// ADDRESS_ALREADY_EXISTS if the two addresses are connected already.
    pub(super) fn join(&mut self, local: SocketAddr, peer: SocketAddr) -> Result<EndpointUse, Status> {
        let endpoint = self.used.entry((local.ip(), local.port())).or_default();
        if !endpoint.peers.insert(peer) {
            return Err(Status::ADDRESS_ALREADY_EXISTS);
        }
        endpoint.references += 1;
        Ok(EndpointUse { local, peer: Some(peer) })
    }

    /// Drops a reference.
    pub(super) fn leave(&mut self, used: EndpointUse) {
        let key = (used.local.ip(), used.local.port());
        let endpoint = self.used.get_mut(&key).expect("an endpoint in use is known");
        endpoint.references -= 1;
        if let Some(peer) = used.peer {
            endpoint.peers.remove(&peer);
        }
        if endpoint.references == 0 {
            self.used.remove(&key);
        }
    }

    /// How many endpoints are in use.
    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    fn free_port(&mut self, ip: IpAddr, ephemeral: &RangeInclusive<u16>) -> Option<u16> {
        let (first, last) = (*ephemeral.start(), *ephemeral.end());
        let start = self.next_port.get(&ip).copied().unwrap_or(first).clamp(first, last);
        let port = (start..=last).chain(first..start).find(|&port| !self.used.contains_key(&(ip, port)))?;
        self.next_port.insert(ip, if port == last { first } else { port + 1 });
        Some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_is_free_again_after_the_last_reference() {
        let (mut endpoints, ports) = (Endpoints::default(), 50_000..=50_001);
        let local = address("10.0.0.1:445");
        let listener = endpoints.reserve(local, &ports).expect("free");
        let first = endpoints.join(local, address("10.0.0.2:50000")).expect("first of this peer");
        assert_eq!(endpoints.join(local, address("10.0.0.2:50000")), Err(Status::ADDRESS_ALREADY_EXISTS));
        endpoints.leave(listener);
        assert_eq!(endpoints.reserve(local, &ports), Err(Status::SHARING_VIOLATION), "a connection is left");
        endpoints.leave(first);
        assert!(endpoints.reserve(local, &ports).is_ok());
    }

    #[test]
    fn any_port_is_of_the_range_until_none_is_left() {
        let (mut endpoints, ports) = (Endpoints::default(), 50_000..=50_001);
        let any = address("[fe80::1]:0");
        let first = endpoints.reserve(any, &ports).expect("free");
        assert_eq!(first.local, address("[fe80::1]:50000"));
        let second = endpoints.reserve(any, &ports).expect("free");
        assert_eq!(second.local.port(), 50_001);
        assert_eq!(endpoints.reserve(any, &ports), Err(Status::TOO_MANY_ADDRESSES));
        assert!(endpoints.reserve(address("[fe80::2]:0"), &ports).is_ok(), "each address has its own ports");
        endpoints.leave(second);
        assert_eq!(endpoints.reserve(any, &ports).map(|used| used.local.port()), Ok(50_001));
        assert_eq!(endpoints.len(), 3);
    }
}
