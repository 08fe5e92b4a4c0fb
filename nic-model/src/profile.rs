//! Numbers of a device: how long things take and how wide they are, each with where it is from.
//!
//! A number that nobody measured is marked assumed, and a report can say so beside its results.

use crate::regs::cmd::CommandCode;
use crate::transport::requester::{Recovery, TimeoutPolicy};
use des::{Dur, Rate};

/// Where a number is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Measured by the named source.
    Measured(&'static str),
    /// Published by the maker or a standard.
    Published(&'static str),
    /// Nobody has said; chosen for the reason given.
    Assumed(&'static str),
}

/// A number with its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The number.
    pub value: T,
    /// Where it is from.
    pub origin: Origin,
}

const fn measured<T>(value: T, source: &'static str) -> Sourced<T>
where
    T: Copy,
{
    Sourced { value, origin: Origin::Measured(source) }
}

const fn published<T: Copy>(value: T, source: &'static str) -> Sourced<T> {
    Sourced { value, origin: Origin::Published(source) }
}

const fn assumed<T: Copy>(value: T, reason: &'static str) -> Sourced<T> {
    Sourced { value, origin: Origin::Assumed(reason) }
}

/// A pipeline stage: time through it, and time between two items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageProfile {
    /// From entering to leaving.
    pub latency: Sourced<Dur>,
    /// From one item to the next.
    pub interval: Sourced<Dur>,
}

/// The slot and the host behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcieProfile {
    /// PCIe generation, 1 to 5.
    pub generation: Sourced<u8>,
    /// Lanes: 1, 2, 4, 8 or 16.
    pub lanes: Sourced<u8>,
    /// Largest payload of a packet in bytes.
    pub max_payload_bytes: Sourced<u32>,
    /// Largest read request in bytes.
    pub max_read_request_bytes: Sourced<u32>,
    /// DMA reads under way at once.
    pub reads_outstanding: Sourced<u32>,
    /// From a read request at the root complex to its first data leaving it.
    pub read_latency: Sourced<Dur>,
    /// From a posted write at the root complex until it is visible.
    pub write_latency: Sourced<Dur>,
    /// Round trip of a register read.
    pub register_read: Sourced<Dur>,
}

/// Who goes on after a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next queue pair.
    Packet,
    /// The same queue pair until its message ends.
    Message,
}

/// Time of the firmware, which runs one command at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareProfile {
    /// Commands that no row names.
    pub other: Sourced<Dur>,
    /// Rows by command.
    pub by_command: &'static [(CommandCode, Sourced<Dur>)],
    /// MODIFY_QP from RESET to INIT.
    pub reset_to_init: Sourced<Dur>,
    /// MODIFY_QP from INIT to RTR.
    pub init_to_rtr: Sourced<Dur>,
    /// MODIFY_QP from RTR to RTS.
    pub rtr_to_rts: Sourced<Dur>,
    /// MODIFY_QP from ERROR to RESET.
    pub error_to_reset: Sourced<Dur>,
    /// CREATE_MKEY, for each page.
    pub per_page: Sourced<Dur>,
}

/// How a device recovers from loss, and keeps others from causing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryProfile {
    /// What is sent again after a loss.
    pub recovery: Sourced<Recovery>,
    /// How far ahead of the packet that is due others are kept, with selective repeat.
    pub reorder_packets: Sourced<u32>,
    /// How the transport timer follows its code.
    pub timeout: Sourced<TimeoutPolicy>,
    /// Acknowledgements say how many receives are posted (IBTA volume 1, 9.7.7.2).
    pub end_to_end_credits: Sourced<bool>,
    /// Bytes received and not yet written to the host above which the peer is paused, in classes with flow control.
    pub xoff_bytes: Sourced<u32>,
    /// Bytes below which it may go on.
    pub xon_bytes: Sourced<u32>,
}

/// The numbers of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// Rate of a port.
    pub port_rate: Sourced<Rate>,
    /// Slot and host.
    pub pcie: PcieProfile,
    /// Decoding of doorbells.
    pub doorbell: StageProfile,
    /// Building of packets.
    pub requester: StageProfile,
    /// Checking of packets received.
    pub responder: StageProfile,
    /// From a packet complete in the buffer to its first bit.
    pub transmit_latency: Sourced<Dur>,
    /// From an event to its interrupt message.
    pub interrupt_latency: Sourced<Dur>,
    /// Payload gathered and not yet sent, per port and direction of the dialogue.
    pub transmit_buffer_bytes: Sourced<u32>,
    /// Packets gathered and not yet sent, per port and direction of the dialogue.
    pub transmit_buffer_packets: Sourced<u32>,
    /// Bytes received and not yet written to the host.
    pub receive_buffer_bytes: Sourced<u32>,
    /// Who goes on after a packet.
    pub turn: Sourced<Turn>,
    /// Request packets of a queue pair that may be unacknowledged.
    pub window_packets: Sourced<u32>,
    /// Packets after which a requester asks for an acknowledgement inside a message.
    pub ack_every_packets: Sourced<u32>,
    /// Send WQEs of a queue pair that are decoded at once.
    pub send_wqes_held: Sourced<u32>,
    /// Receive WQEs read at once.
    pub receive_wqes_prefetched: Sourced<u32>,
    /// Addresses that atomics lock apart from each other.
    pub atomic_buckets: Sourced<u32>,
    /// Loss and flow control.
    pub recovery: RecoveryProfile,
    /// Firmware.
    pub firmware: FirmwareProfile,
}

const FAULT_STUDY: &str = "RDMA fault characterisation, CX-6 fw 20.40, experiment 3 (means)";
const PCIE_BENCH: &str = "pcie-bench, Neugebauer et al., SIGCOMM 2018, NFP6000 on Haswell";
const GUIDELINES: &str = "Kalia et al., Design Guidelines, ATC 2016, Connect-IB";

/// An adapter of the 100 Gb/s class that is nobody's in particular.
pub const GENERIC_100G: Profile = Profile {
    name: "generic-100g",
    port_rate: published(Rate::from_gbps(100), "IEEE 802.3"),
    pcie: PcieProfile {
        generation: published(3, "adapters of this class"),
        lanes: published(16, "adapters of this class"),
        max_payload_bytes: measured(256, PCIE_BENCH),
        max_read_request_bytes: measured(512, PCIE_BENCH),
        reads_outstanding: assumed(64, "about 34 explain the 64-byte read rate of a x8 device; twice that for x16"),
        read_latency: measured(Dur::from_ns(500), "pcie-bench: 506 to 520 ns less device overhead"),
        write_latency: measured(Dur::from_ns(200), "pcie-bench: 786 ns write then read, less 586 ns read"),
        register_read: assumed(Dur::from_ns(700), "a read in the other direction"),
    },
    doorbell: StageProfile {
        latency: assumed(Dur::from_ns(30), "a few cycles at the clock of this class"),
        interval: assumed(Dur::from_ns(5), "doorbells have not been seen to be the bottleneck"),
    },
    requester: StageProfile {
        latency: assumed(Dur::from_ns(100), "context and WQE at hand"),
        interval: measured(Dur::from_ps(6_370), "157 M header-only sends/s: ATC 2016, table 5"),
    },
    responder: StageProfile {
        latency: assumed(Dur::from_ns(100), "context at hand"),
        interval: measured(Dur::from_ps(8_200), "122 M header-only receives/s: ATC 2016, table 5"),
    },
    transmit_latency: assumed(Dur::from_ns(100), "MAC and PHY"),
    interrupt_latency: assumed(Dur::from_ns(300), "message write and interrupt controller"),
    transmit_buffer_bytes: assumed(64 << 10, "bandwidth times latency, several times over"),
    transmit_buffer_packets: assumed(64, "as many as reads outstanding"),
    receive_buffer_bytes: measured(262_016, "CX-5: ingress pool, lossy"),
    turn: measured(Turn::Message, "CX-5: queue pairs of unlike message sizes get equal message rates"),
    window_packets: assumed(64, "CX-5 replays about 64 KiB at 4 KiB: 16; more for small packets"),
    ack_every_packets: assumed(16, "a fraction of the window"),
    send_wqes_held: measured(64, GUIDELINES),
    receive_wqes_prefetched: assumed(16, "two reads of 512 bytes with one segment each"),
    atomic_buckets: measured(4096, GUIDELINES),
    recovery: RecoveryProfile {
        recovery: measured(Recovery::GoBackN, "CX-5: ConWeave, SIGCOMM 2023, section 2"),
        reorder_packets: published(512, "ConnectX-7 as another simulator has it; used with selective repeat only"),
        timeout: assumed(TimeoutPolicy::Nominal, "as specified; mlx5 adapters add a floor by default"),
        end_to_end_credits: assumed(false, "RoCE adapters announce no limit"),
        xoff_bytes: assumed(131_072, "half of the buffer: the rest holds what is under way for 10 us"),
        xon_bytes: assumed(65_536, "a quarter of the buffer"),
    },
    firmware: FirmwareProfile {
        other: assumed(Dur::from_us(20), "a short command"),
        by_command: &[
            (CommandCode::QUERY_DEVICE, assumed(Dur::from_us(10), "a copy")),
            (CommandCode::QUERY_COUNTERS, measured(Dur::from_us(190), FAULT_STUDY)),
            (CommandCode::CREATE_QP, assumed(Dur::from_us(100), "0.9 ms a connection, less the three modifications")),
            (CommandCode::DESTROY_QP, assumed(Dur::from_us(100), "as CREATE_QP")),
            (CommandCode::CREATE_CQ, assumed(Dur::from_us(60), "less than a queue pair")),
            (CommandCode::CREATE_MKEY, assumed(Dur::from_us(30), "besides its pages")),
        ],
        reset_to_init: measured(Dur::from_us(431), FAULT_STUDY),
        init_to_rtr: measured(Dur::from_us(371), FAULT_STUDY),
        rtr_to_rts: measured(Dur::from_us(222), FAULT_STUDY),
        error_to_reset: measured(Dur::from_us(1_695), FAULT_STUDY),
        per_page: measured(Dur::from_ns(375), "memory registration of 500 GB in 4 KiB pages, sequential"),
    },
};

/// All profiles.
pub const PROFILES: &[Profile] = &[GENERIC_100G];

/// The profile of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_by_name() {
        assert_eq!(named("generic-100g"), Some(&GENERIC_100G));
        assert_eq!(named("none"), None);
    }

    #[test]
    fn buffers_hold_a_window() {
        for profile in PROFILES {
            assert!(profile.transmit_buffer_bytes.value >= 2 * 4096, "{}", profile.name);
            assert!(profile.window_packets.value >= profile.ack_every_packets.value, "{}", profile.name);
            let RecoveryProfile { xoff_bytes, xon_bytes, .. } = profile.recovery;
            assert!(xon_bytes.value < xoff_bytes.value && xoff_bytes.value < profile.receive_buffer_bytes.value);
            assert!(profile.atomic_buckets.value > 0 && profile.receive_wqes_prefetched.value > 0);
        }
    }
}
