//! `[nic]`: the adapters.

use nic_model::profile::{self, Profile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[nic]`: the adapter of every node. What is absent is as the profile says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nic {
    /// Which adapter is modelled.
    pub profile: NicProfile,
    /// Whether the model's stages take time.
    pub time: NicTime,
    /// What is sent again after a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// How far ahead of the packet that is due others are kept, with selective repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder_packets: Option<u32>,
    /// How the transport timer runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
    /// Acknowledgements say how many receives are posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_to_end_credits: Option<bool>,
    /// Request packets of a queue pair that may be unacknowledged; schemes with a window of their own come before it. Studies
    /// without the key take as many as the longest way holds in two round trips, or the profile's if those are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_packets: Option<u32>,
    /// An acknowledgement is asked for every so many packets of a message; some schemes need each one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_every_packets: Option<u32>,
    /// What stands between the adapters and memory. Absent: costs what the profile says, which is nothing without an IOTLB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iommu: Option<Iommu>,
    /// Lanes of the slot, which are all the host's bandwidth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pcie_lanes: Option<u8>,
    /// Bytes received and not yet written to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer_bytes: Option<u32>,
    /// Bytes of it from which on the peer is paused, in priorities with flow control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xoff_bytes: Option<u32>,
    /// Bytes of it below which the peer may go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xon_bytes: Option<u32>,
}

impl Default for Nic {
    fn default() -> Self {
        Self {
            profile: NicProfile::Generic100g,
            time: NicTime::Timed,
            recovery: None,
            reorder_packets: None,
            timeout: None,
            end_to_end_credits: None,
            window_packets: None,
            ack_every_packets: None,
            iommu: None,
            pcie_lanes: None,
            receive_buffer_bytes: None,
            xoff_bytes: None,
            xon_bytes: None,
        }
    }
}

/// A modelled adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NicProfile {
    /// No product: the round numbers of a 100 Gb/s adapter.
    #[serde(rename = "generic-100g")]
    Generic100g,
    /// Connect-IB, PCIe 3.0 x16.
    #[serde(rename = "connect-ib")]
    ConnectIb,
    /// ConnectX-3, PCIe 3.0 x8.
    #[serde(rename = "connectx-3")]
    ConnectX3,
    /// ConnectX-5 Ex, 100 Gb/s, PCIe 4.0 x16.
    #[serde(rename = "connectx-5")]
    ConnectX5,
    /// ConnectX-6, 200 Gb/s, PCIe 3.0 x16.
    #[serde(rename = "connectx-6")]
    ConnectX6,
}

impl NicProfile {
    /// The name of its file of numbers, and in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic100g => "generic-100g",
            Self::ConnectIb => "connect-ib",
            Self::ConnectX3 => "connectx-3",
            Self::ConnectX5 => "connectx-5",
            Self::ConnectX6 => "connectx-6",
        }
    }

    /// Its numbers.
    pub(crate) fn numbers(self) -> Profile {
        profile::load(self.name()).unwrap_or_else(|error| panic!("a profile of the model is wrong: {error}"))
    }
}

/// Whether the stages of a NIC take time. What happens is the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NicTime {
    /// As long as the profile says.
    Timed,
    /// None.
    Zero,
}

/// What the hosts' IOMMUs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Iommu {
    /// Nothing: there is none.
    Off,
    /// Addresses lead to themselves; looking that up takes time.
    Identity,
    /// Adapters reach what their driver has mapped, by addresses of their own. Anything else is refused.
    Translate,
}

/// What is sent again after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Everything from the missing packet on.
    GoBackN,
    /// What is missing.
    SelectiveRepeat,
}

/// How the transport timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Timeout {
    /// For the time of its code.
    Nominal,
    /// In growing steps first, then at a floor of 0.5 s, as ConnectX-6 does by default.
    Adaptive,
    /// 320 us, or 100 us while fewer than three packets are unacknowledged, as IRN does.
    Irn,
}
