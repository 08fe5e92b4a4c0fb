//! What one device is: its numbers, its identity, its limits.

use crate::congestion::Scheme;
use crate::profile::Profile;
use crate::regs::bar::{Features, Limits};
use des::Time;
use wire::Mac;

/// A port of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Names the port.
    pub guid: u64,
}

/// What one device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its numbers.
    pub profile: Profile,
    /// Nothing takes time (but transport timers, which are part of the protocol). What happens is the same.
    pub zero_time: bool,
    /// Names the device to its peers.
    pub node_guid: u64,
    /// IEEE OUI of the vendor.
    pub vendor_id: u32,
    /// Device number.
    pub device_id: u32,
    /// Its ports, 1 to [`PORTS_MAX`].
    pub ports: Vec<PortConfig>,
    /// Its limits.
    pub limits: Limits,
    /// What it can do.
    pub features: Features,
    /// How its connected queue pairs react to congestion. In zero time they do not.
    pub congestion: Scheme,
    /// Classes with priority flow control, one bit each: the peer is paused in them before the receive buffer is full.
    pub flow_control: u8,
    /// Message data is elided everywhere: reads of it take their time on the bus and are not asked for.
    pub elides_payload: bool,
    /// Queue pairs that room is made for at once; there may be fewer, and more up to the limit. Nothing but the simulator's own
    /// memory depends on it.
    pub expected_qps: u32,
}

/// Most ports of a device.
pub const PORTS_MAX: usize = 8;
/// The key whose addresses are bus addresses.
pub const RESERVED_KEY: u32 = 0x200;
/// Hop limit of packets whose path names none.
pub const DEFAULT_HOP_LIMIT: u8 = 64;
/// Largest power of two of a ring's entries that any limit may allow.
pub const LOG_ENTRIES_MAX: u8 = 22;

impl Config {
    /// A device of one port with the generic profile. `index` tells devices apart: MAC address 02:00:00 and its low 24 bits.
    #[must_use]
    pub fn generic(index: u32) -> Self {
        let [_, a, b, c] = index.to_be_bytes();
        let guid = 0x0200_00ff_fe00_0000 | u64::from(index);
        Self {
            profile: Profile::generic(),
            zero_time: false,
            node_guid: guid,
            vendor_id: 0x0000_0200,
            device_id: 1,
            ports: vec![PortConfig { mac: Mac([2, 0, 0, a, b, c]), guid: guid | 1 << 56 }],
            limits: default_limits(),
            features: Features::all(),
            congestion: Scheme::None,
            flow_control: 0,
            elides_payload: false,
            expected_qps: 0,
        }
    }

    /// The same with every latency zero.
    #[must_use]
    pub fn in_zero_time(mut self) -> Self {
        self.zero_time = true;
        self.congestion = Scheme::None;
        self
    }
}

/// Limits as of a ConnectX-5 where they are known (device query of a 100 Gb/s mlx5 adapter), smaller tables otherwise.
#[must_use]
pub fn default_limits() -> Limits {
    Limits {
        max_qps: 1 << 17,
        max_cqs: 1 << 16,
        max_eqs: 256,
        max_srqs: 1 << 16,
        max_mkeys: 1 << 20,
        max_pds: 1 << 16,
        max_sq_blocks: 1 << 15,
        max_rq_wqes: 1 << 15,
        max_srq_wqes: 1 << 15,
        max_cq_entries: 1 << LOG_ENTRIES_MAX,
        max_eq_entries: 1 << 16,
        max_send_sge: 28,
        max_receive_sge: 32,
        max_read_sge: 28,
        max_inline_bytes: 440,
        max_message_bytes: 1 << 30,
        max_inbound_reads: 16,
        max_outbound_reads: 16,
        max_fast_register_pages: 1 << 16,
        max_region_bytes: 1 << 46,
        max_mtu_bytes: 4096,
        uar_pages: 512,
        msix_vectors: 64,
        max_addresses: 16,
        max_mailbox_bytes: 8 << 20,
    }
}

/// Nanoseconds of the device's clock.
pub(crate) const fn clock_ns(now: Time) -> u64 {
    now.as_ps() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::wqe::{UNIT_BYTES, UNITS_MAX};

    #[test]
    fn limits_fit_the_wqe_format() {
        let limits = default_limits();
        let longest_head = 16 + 48;
        assert!(longest_head + limits.max_send_sge as usize * 16 <= UNITS_MAX * UNIT_BYTES);
        assert!(longest_head + 4 + limits.max_inline_bytes as usize <= UNITS_MAX * UNIT_BYTES);
        assert!(limits.max_receive_sge * 16 <= 1 << 9, "the largest stride");
        assert!(limits.max_qps <= 1 << 17 && limits.max_mkeys <= 1 << 24, "numbers have room for a generation");
    }

    #[test]
    fn devices_have_their_own_addresses() {
        assert_eq!(Config::generic(0x01_0203).ports[0].mac, Mac([2, 0, 0, 1, 2, 3]));
        assert_ne!(Config::generic(1).node_guid, Config::generic(2).node_guid);
    }
}
