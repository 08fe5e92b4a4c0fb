//! Addresses between Rust and C.

use crate::error::Errno;
use libc::{AF_INET, AF_INET6, sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage};
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An address as C has it.
pub(super) fn to_c(address: SocketAddr) -> sockaddr_storage {
    // SAFETY: all fields are integers.
    let mut storage: sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
    let place = &raw mut storage;
    match address {
        SocketAddr::V4(address) => {
            let inner = sockaddr_in {
                sin_family: AF_INET as sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                sin_zero: [0; 8],
            };
            const { assert!(size_of::<sockaddr_in>() <= size_of::<sockaddr_storage>()) };
            // SAFETY: it fits, and the storage is aligned for every kind of address.
            unsafe { place.cast::<sockaddr_in>().write(inner) };
        }
        SocketAddr::V6(address) => {
            let inner = sockaddr_in6 {
                sin6_family: AF_INET6 as sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: address.scope_id(),
            };
            const { assert!(size_of::<sockaddr_in6>() <= size_of::<sockaddr_storage>()) };
            // SAFETY: it fits, and the storage is aligned for every kind of address.
            unsafe { place.cast::<sockaddr_in6>().write(inner) };
        }
    }
    storage
}

/// An address from C, if it is one of the internet.
pub(super) fn from_c(storage: &sockaddr_storage) -> Option<SocketAddr> {
    let place = &raw const *storage;
    match i32::from(storage.ss_family) {
        AF_INET => {
            // SAFETY: the family says that the storage holds this.
            let inner = unsafe { place.cast::<sockaddr_in>().read() };
            let ip = Ipv4Addr::from(inner.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(inner.sin_port)).into())
        }
        AF_INET6 => {
            // SAFETY: the family says that the storage holds this.
            let inner = unsafe { place.cast::<sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(inner.sin6_addr.s6_addr);
            let port = u16::from_be(inner.sin6_port);
            Some(SocketAddrV6::new(ip, port, inner.sin6_flowinfo, inner.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Every address of this machine.
pub(crate) fn local_addresses() -> Result<Vec<SocketAddr>, Errno> {
    let mut first = std::ptr::null_mut();
    // SAFETY: `first` is valid for writing.
    super::check(unsafe { libc::getifaddrs(&mut first) })?;
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the list is live until it is freed below, and this is one of its entries.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        if let Some(address) = ip_of(entry.ifa_addr) {
            found.push(address);
        }
    }
    // SAFETY: the list came from getifaddrs and nothing of it is used any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

fn ip_of(address: *const sockaddr) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: a non-null address of getifaddrs begins with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        AF_INET => {
            // SAFETY: the family says so.
            let inner = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(inner.sin_addr.s_addr.to_ne_bytes())), 0))
        }
        AF_INET6 => {
            // SAFETY: the family says so.
            let inner = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(inner.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, 0, 0, inner.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_from_c() {
        for text in ["10.7.0.1:49152", "[::1]:1", "[fe80::1%3]:65535"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(from_c(&to_c(address)), Some(address));
        }
        // SAFETY: all fields are integers.
        let nothing: sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
        assert_eq!(from_c(&nothing), None);
    }

    #[test]
    fn this_machine_has_its_loopback_address() {
        let found = local_addresses().expect("addresses can be listed");
        assert!(found.iter().any(|address| address.ip().is_loopback()), "{found:?}");
    }
}
