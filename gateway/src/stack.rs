//! What a host answers besides RDMA: ARP requests, neighbour solicitations, pings. The host shares its addresses with the
//! NIC, as a host does.

use crate::port::Identity;
use bytes::Bytes;
use des::Time;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use wire::Mac;

/// The stack of one host.
pub(crate) struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: Wire,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

impl Stack {
    pub(crate) fn new(identity: &Identity) -> Self {
        let mut wire = Wire::default();
        let config = Config::new(EthernetAddress(identity.mac.0).into());
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|list| {
            let local = (IpAddr::V6(link_local(identity.mac)), LINK_LOCAL_PREFIX);
            for &(address, prefix_len) in identity.addresses.iter().chain([&local]) {
                // The port has checked that they fit.
                let _ = list.push(IpCidr::new(address.into(), prefix_len));
            }
        });
        Self { interface, sockets: SocketSet::new(Vec::new()), wire }
    }

    /// Takes a frame; returns what follows.
    pub(crate) fn handle(&mut self, now: Time, frame: &[u8]) -> Vec<Bytes> {
        self.wire.inbox.push_back(frame.to_vec());
        self.interface.poll(moment(now), &mut self.wire, &mut self.sockets);
        std::mem::take(&mut self.wire.outbox)
    }
}

const LINK_LOCAL_PREFIX: u8 = 64;

/// The address that every host has on its link (RFC 4291, 2.5.6): Linux asks for neighbours from its own.
fn link_local(Mac([a, b, c, d, e, f]): Mac) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

fn moment(now: Time) -> Instant {
    Instant::from_micros((now.as_ps() / 1_000_000) as i64)
}

/// The stack's side of the Ethernet.
#[derive(Debug, Default)]
struct Wire {
    inbox: VecDeque<Vec<u8>>,
    outbox: Vec<Bytes>,
}

struct Arrived(Vec<u8>);

struct Leaving<'a>(&'a mut Vec<Bytes>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut frame = vec![0; len];
        let result = fill(&mut frame);
        self.0.push(frame.into());
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Arrived, Leaving<'_>)> {
        Some((Arrived(self.inbox.pop_front()?), Leaving(&mut self.outbox)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1_514;
        capabilities
    }
}
