//! Who holds which address and port: listeners and connections (endpoints, section 3.13 of the NDKPI reference).

use crate::backend::ListenerId;
use crate::ndk::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Ports handed out when none is asked for (RFC 6335: the dynamic ports).
pub const EPHEMERAL: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// A listening endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listener {
    address: SocketAddr,
    paused: bool,
}

/// The port space of one device, apart from that of TCP.
#[derive(Clone, Debug)]
pub struct Ports {
    addresses: Vec<IpAddr>,
    /// How many listeners and connections hold an address.
    holders: BTreeMap<SocketAddr, u32>,
    /// Own and peer's address of every connection.
    pairs: BTreeSet<(SocketAddr, SocketAddr)>,
    listeners: BTreeMap<ListenerId, Listener>,
    next_listener: u32,
    next_ephemeral: u16,
}

impl Ports {
    /// Free ports at these addresses.
    #[must_use]
    pub const fn new(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            holders: BTreeMap::new(),
            pairs: BTreeSet::new(),
            listeners: BTreeMap::new(),
            next_listener: 1,
            next_ephemeral: *EPHEMERAL.start(),
        }
    }

    /// Begins to listen; port zero takes a free one, and the unspecified address listens at all addresses of its family.
    ///
    /// # Errors
    /// INVALID_ADDRESS for an address that is not the device's, SHARING_VIOLATION for one in use, TOO_MANY_ADDRESSES when no
    /// port is left.
    pub fn listen(&mut self, address: SocketAddr) -> Result<(ListenerId, SocketAddr), Status> {
        if !address.ip().is_unspecified() && !self.addresses.contains(&address.ip()) {
            return Err(Status::INVALID_ADDRESS);
        }
        let address = self.pick(address)?;
        *self.holders.entry(address).or_default() += 1;
        let listener = ListenerId(self.next_listener);
        self.next_listener += 1;
        self.listeners.insert(listener, Listener { address, paused: false });
        Ok((listener, address))
    }

    /// Pauses or resumes.
    ///
    /// # Errors
    /// INVALID_PARAMETER for a listener that does not exist.
    pub fn pause(&mut self, listener: ListenerId, paused: bool) -> Result<(), Status> {
        self.listeners.get_mut(&listener).ok_or(Status::INVALID_PARAMETER)?.paused = paused;
        Ok(())
    }

    /// Ends a listener.
    ///
    /// # Errors
    /// INVALID_PARAMETER for a listener that does not exist.
    pub fn close(&mut self, listener: ListenerId) -> Result<(), Status> {
        let Listener { address, .. } = self.listeners.remove(&listener).ok_or(Status::INVALID_PARAMETER)?;
        self.drop_holder(address);
        Ok(())
    }

    /// Who hears a request for `address`.
    #[must_use]
    pub fn listener_at(&self, address: SocketAddr) -> Option<ListenerId> {
        let hears = |listener: &Listener| {
            let ip = listener.address.ip();
            let fits = ip == address.ip() || ip.is_unspecified() && ip.is_ipv4() == address.is_ipv4();
            fits && listener.address.port() == address.port() && !listener.paused
        };
        self.listeners.iter().find(|(_, listener)| hears(listener)).map(|(&id, _)| id)
    }

    /// Takes the own address of a new outgoing connection; `shared`: its holder is known and agrees.
    ///
    /// # Errors
    /// As [`listen`](Self::listen); NETWORK_UNREACHABLE for a peer of another family, ADDRESS_ALREADY_EXISTS for a pair of
    /// addresses that is connected.
    pub fn connect(&mut self, source: SocketAddr, peer: SocketAddr, shared: bool) -> Result<SocketAddr, Status> {
        if source.is_ipv4() != peer.is_ipv4() {
            return Err(Status::NETWORK_UNREACHABLE);
        }
        let mut source = source;
        if source.ip().is_unspecified() {
            let own = self.addresses.iter().find(|ip| ip.is_ipv4() == peer.is_ipv4());
            source.set_ip(*own.ok_or(Status::NETWORK_UNREACHABLE)?);
        } else if !self.addresses.contains(&source.ip()) {
            return Err(Status::INVALID_ADDRESS);
        }
        if self.pairs.contains(&(source, peer)) {
            return Err(Status::ADDRESS_ALREADY_EXISTS);
        }
        let source = if shared { source } else { self.pick(source)? };
        self.hold(source, peer);
        Ok(source)
    }

    /// Notes a connection's addresses.
    pub fn hold(&mut self, local: SocketAddr, peer: SocketAddr) {
        *self.holders.entry(local).or_default() += 1;
        self.pairs.insert((local, peer));
    }

    /// A connection is closed.
    pub fn release(&mut self, local: SocketAddr, peer: SocketAddr) {
        self.pairs.remove(&(local, peer));
        self.drop_holder(local);
    }

    /// How many addresses are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.holders.len()
    }

    fn pick(&mut self, address: SocketAddr) -> Result<SocketAddr, Status> {
        if address.port() != 0 {
            return if self.is_held(address) { Err(Status::SHARING_VIOLATION) } else { Ok(address) };
        }
        for _ in EPHEMERAL {
            let candidate = SocketAddr::new(address.ip(), self.next_ephemeral);
            self.next_ephemeral = self.next_ephemeral.checked_add(1).unwrap_or(*EPHEMERAL.start());
            if !self.is_held(candidate) {
                return Ok(candidate);
            }
        }
        Err(Status::TOO_MANY_ADDRESSES)
    }

    fn is_held(&self, address: SocketAddr) -> bool {
        self.holders.contains_key(&address)
    }

    fn drop_holder(&mut self, address: SocketAddr) {
        if let Some(count) = self.holders.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn ports() -> Ports {
        Ports::new(vec![address("10.0.0.1:0").ip(), address("[fd00::1]:0").ip()])
    }

    #[test]
    fn an_address_is_held_until_its_last_holder_goes() {
        let mut ports = ports();
        let (listener, at) = ports.listen(address("10.0.0.1:445")).expect("free");
        let peer = address("10.0.0.2:50000");
        ports.hold(at, peer);
        ports.close(listener).expect("open");
        assert_eq!(ports.listen(at), Err(Status::SHARING_VIOLATION));
        ports.release(at, peer);
        assert!(ports.listen(at).is_ok());
    }

    #[test]
    fn every_refusal_has_its_status() {
        let mut ports = ports();
        let peer = address("10.0.0.2:445");
        assert_eq!(ports.listen(address("10.0.0.9:1")), Err(Status::INVALID_ADDRESS));
        assert_eq!(ports.connect(address("10.0.0.9:0"), peer, false), Err(Status::INVALID_ADDRESS));
        assert_eq!(ports.connect(address("[fd00::1]:0"), peer, false), Err(Status::NETWORK_UNREACHABLE));
        let source = ports.connect(address("0.0.0.0:0"), peer, false).expect("free");
        assert_eq!(source, address("10.0.0.1:49152"));
        assert_eq!(ports.connect(source, address("10.0.0.3:445"), false), Err(Status::SHARING_VIOLATION));
        assert_eq!(ports.connect(source, peer, true), Err(Status::ADDRESS_ALREADY_EXISTS));
        assert_eq!(ports.connect(source, address("10.0.0.3:445"), true), Ok(source));
    }

    #[test]
    fn ephemeral_ports_run_out_and_come_back() {
        let mut ports = ports();
        let any = address("10.0.0.1:0");
        let listeners: Vec<_> = EPHEMERAL.map(|_| ports.listen(any).expect("free").0).collect();
        assert_eq!(ports.listen(any), Err(Status::TOO_MANY_ADDRESSES));
        ports.close(listeners[7]).expect("open");
        assert_eq!(ports.listen(any).expect("free").1.port(), EPHEMERAL.start() + 7);
    }

    #[test]
    fn paused_listeners_hear_nothing() {
        let mut ports = ports();
        let (listener, _) = ports.listen(address("0.0.0.0:445")).expect("free");
        assert_eq!(ports.listener_at(address("10.0.0.1:445")), Some(listener));
        assert_eq!(ports.listener_at(address("[fd00::1]:445")), None, "another family");
        assert_eq!(ports.listener_at(address("10.0.0.1:446")), None, "another port");
        ports.pause(listener, true).expect("open");
        assert_eq!(ports.listener_at(address("10.0.0.1:445")), None);
    }
}
