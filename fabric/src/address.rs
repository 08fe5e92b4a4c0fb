//! Who has which address. The ports of all hosts are numbered densely, and their addresses follow from the number, so a
//! switch finds the number of a destination by subtraction and its route by indexing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Mac;

/// A port of a host: where traffic begins and ends. Numbered by host, then by port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(pub u32);

/// The block 10.0.0.0/8 of private addresses (RFC 1918).
const IPV4_NETWORK: u32 = 10 << 24;
/// A unique local block (RFC 4193) of this project's choice, fd72:646d:6100::/48; the interface number is the low 32
/// bits.
const IPV6_NETWORK: u128 = 0xfd72_646d_6100 << 80;
const HOST_MASK: u32 = (1 << 24) - 1;

impl Endpoint {
    /// How many endpoints have an address: those of a /8 network without its own and its broadcast address.
    pub const LIMIT: u32 = HOST_MASK - 1;

    /// 10.0.0.1 and up.
    ///
    /// # Panics
    /// If the number is not below [`LIMIT`](Self::LIMIT), which [`Topology`](crate::Topology) sees to.
    #[must_use]
    pub fn ipv4(self) -> Ipv4Addr {
        Ipv4Addr::from(IPV4_NETWORK | self.interface())
    }

    /// fd72:646d:6100::1 and up, with the same last number as the IPv4 address.
    ///
    /// # Panics
    /// As [`ipv4`](Self::ipv4).
    #[must_use]
    pub fn ipv6(self) -> Ipv6Addr {
        Ipv6Addr::from(IPV6_NETWORK | u128::from(self.interface()))
    }

    /// 02:00:00:00:00:01 and up: locally administered, with the same last number as the IPv4 address.
    ///
    /// # Panics
    /// As [`ipv4`](Self::ipv4).
    #[must_use]
    pub fn mac(self) -> Mac {
        let [_, a, b, c] = self.interface().to_be_bytes();
        Mac([2, 0, 0, a, b, c])
    }

    /// Who has this address; `None` if it is of another network.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        let interface = match address {
            IpAddr::V4(address) => u32::from(address).checked_sub(IPV4_NETWORK)?,
            IpAddr::V6(address) => u32::try_from(u128::from(address).checked_sub(IPV6_NETWORK)?).ok()?,
        };
        interface.checked_sub(1).filter(|&number| number < Self::LIMIT).map(Self)
    }

    fn interface(self) -> u32 {
        assert!(self.0 < Self::LIMIT, "{self} has no address: there are {} of them", Self::LIMIT);
        self.0 + 1
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {}", self.0)
    }
}

/// The address of a port of a switch, 06:00:00:00:00:00 and up: switch number, then port number. Only pause frames
/// carry it.
#[must_use]
pub const fn switch_mac(switch: u32, port: u16) -> Mac {
    let [_, a, b, c] = switch.to_be_bytes();
    let [d, e] = port.to_be_bytes();
    Mac([6, a, b, c, d, e])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_number() {
        let endpoint = Endpoint(0x01_02_02);
        assert_eq!(endpoint.ipv4(), Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(endpoint.ipv6().to_string(), "fd72:646d:6100::1:203");
        assert_eq!(endpoint.mac(), Mac([2, 0, 0, 1, 2, 3]));
        assert_eq!(switch_mac(0x0102, 0x0304), Mac([6, 0, 1, 2, 3, 4]));
    }

    #[test]
    fn numbers_follow_the_address() {
        for endpoint in [0, 1, 254, 255, 65_535, Endpoint::LIMIT - 1].map(Endpoint) {
            assert_eq!(Endpoint::of(endpoint.ipv4().into()), Some(endpoint));
            assert_eq!(Endpoint::of(endpoint.ipv6().into()), Some(endpoint));
        }
        for foreign in ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.1", "192.168.0.1", "::1"] {
            assert_eq!(Endpoint::of(foreign.parse().expect("an address")), None, "{foreign}");
        }
        for foreign in ["fd72:646d:6100::", "fd72:646d:6100::1:0:1", "fd72:646d:6101::1", "ff02::1"] {
            assert_eq!(Endpoint::of(foreign.parse().expect("an address")), None, "{foreign}");
        }
    }
}
