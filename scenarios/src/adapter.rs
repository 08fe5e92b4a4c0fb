//! The adapter that a scenario's `[nic]`, `[congestion]` and `[fabric]` describe.

use crate::spec::check::WINDOW_PACKETS_MAX;
use crate::spec::nic::{Iommu, Recovery, Timeout};
use crate::spec::{Nic, NicTime, Scenario};
use crate::switches;
use des::{Dur, Rate};
use fabric::address::Endpoint;
use nic_model::config::{Config, PortConfig};
use nic_model::congestion::Scheme;
use nic_model::profile::{Origin, Profile, Sourced};
use nic_model::transport::requester;

/// The priority of connections that are given no other: usual for RoCE, and lossless by default.
pub(crate) const PRIORITY: u8 = 3;

/// The code point that switches and adapters make this priority of (its upper three bits, RFC 2474 section 4.2.2): 26 of 3,
/// as is usual for RoCE.
pub(crate) const fn dscp(priority: u8) -> u8 {
    (priority & 7) << 3 | 2
}

/// Where the number of translations that an IOMMU has at hand is from, with a profile without one.
const IOTLB: Origin = Origin::Measured("pcie-bench on Broadwell: no misses up to 64 pages of 4 KiB");

/// The adapter with these addresses; `index` tells adapters apart.
pub(crate) fn config(scenario: &Scenario, own: Endpoint, index: u32, congestion: Scheme) -> Config {
    let generic = Config::generic(index);
    let ports = vec![PortConfig { mac: own.mac(), guid: generic.ports[0].guid }];
    let profile = profile(&scenario.nic);
    let flow_control = switches::mask(&scenario.fabric.pfc);
    let config = Config { ports, congestion, flow_control, profile, ..generic };
    match scenario.nic.time {
        NicTime::Timed => config,
        NicTime::Zero => config.in_zero_time(),
    }
}

/// What adapters take of a round trip: the fetch of the payload, a stage on each way out, another on each way in, and the
/// ports.
pub(crate) fn round_trip(nic: &Nic) -> Dur {
    let profile = nic.profile.numbers();
    let stages = profile.requester.latency.value * 2 + profile.responder.latency.value;
    match nic.time {
        NicTime::Timed => profile.pcie.read_latency.value + stages + profile.transmit_latency.value * 2,
        NicTime::Zero => Dur::ZERO,
    }
}

/// Lets a study's queue pairs have as many packets on the way as two round trips hold, unless the scenario says how many: a flow
/// that is alone has the whole line.
pub(crate) fn widen(config: &mut Config, scenario: &Scenario, line: Rate, round_trip: Dur) {
    let packet = line.time_for(scenario.cluster.mtu_bytes.into()).as_ps().max(1);
    let packets = (round_trip * 2).as_ps().div_ceil(packet).min(WINDOW_PACKETS_MAX.into()) as u32;
    let window = &mut config.profile.window_packets;
    if scenario.nic.window_packets.is_none() && packets > window.value {
        *window = Sourced { value: packets, origin: Origin::Assumed("two round trips") };
    }
}

/// The profile with what the scenario says otherwise.
pub(crate) fn profile(nic: &Nic) -> Profile {
    let mut profile = nic.profile.numbers();
    let recovery = &mut profile.recovery;
    change(
        &mut recovery.recovery,
        nic.recovery.map(|recovery| match recovery {
            Recovery::GoBackN => requester::Recovery::GoBackN,
            Recovery::SelectiveRepeat => requester::Recovery::SelectiveRepeat,
        }),
    );
    change(
        &mut recovery.timeout,
        nic.timeout.map(|timeout| match timeout {
            Timeout::Nominal => requester::TimeoutPolicy::Nominal,
            Timeout::Adaptive => requester::TimeoutPolicy::Adaptive,
            Timeout::Irn => requester::TimeoutPolicy::IRN,
        }),
    );
    change(&mut recovery.reorder_packets, nic.reorder_packets);
    change(&mut recovery.end_to_end_credits, nic.end_to_end_credits);
    change(&mut recovery.xoff_bytes, nic.xoff_bytes);
    change(&mut recovery.xon_bytes, nic.xon_bytes);
    change(&mut profile.window_packets, nic.window_packets);
    change(&mut profile.ack_every_packets, nic.ack_every_packets);
    change(&mut profile.receive_buffer_bytes, nic.receive_buffer_bytes);
    change(&mut profile.pcie.lanes, nic.pcie_lanes);
    match nic.iommu {
        Some(Iommu::Off) => change(&mut profile.host.iotlb_entries, Some(0)),
        Some(Iommu::Identity | Iommu::Translate) if profile.host.iotlb_entries.value == 0 => {
            profile.host.iotlb_entries = Sourced { value: 64, origin: IOTLB };
        }
        _ => {}
    }
    profile
}

fn change<T>(number: &mut Sourced<T>, to: Option<T>) {
    if let Some(value) = to {
        *number = Sourced { value, origin: Origin::Assumed("the scenario") };
    }
}
