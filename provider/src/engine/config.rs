//! How a provider answers where the contract lets it choose the moment: inline, inside the call, beside it, or later.

use super::policy::Policy;
use crate::backend::Execution;
use crate::ndk::{AdapterFlags, CallKind, Irql, NdkVersion, ObjectKind, RdmaTechnology};
use des::Dur;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How the result of a create, an asynchronous request or a close gets to the consumer.
///
/// Commands that wait for the peer (connect, accept, complete, disconnect) are always queued; what fails before the
/// device is asked follows the style, except that parameter checks are answered inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The device is waited for; its result is returned.
    Inline,
    /// The device is waited for; the completion runs inside the call, which then returns PENDING.
    InsideCall,
    /// The device is waited for; the completion starts on the completions' processor while the call returns PENDING.
    Beside,
    /// The device is not waited for: PENDING, and the completion follows the device's own.
    Pending,
}

impl Style {
    pub(super) const fn execution(self) -> Execution {
        match self {
            Self::Inline | Self::InsideCall | Self::Beside => Execution::Inline,
            Self::Pending => Execution::Queued,
        }
    }
}

/// Where and when a callback runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// On which processor; of a completion queue with an affinity, its lowest processor instead.
    pub processor: u8,
    /// At which level.
    pub level: Irql,
    /// How long after it is due.
    pub delay: Dur,
}

/// A provider's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Highest minor of each major that can be opened.
    pub versions: Vec<NdkVersion>,
    /// The style of everything not named below.
    pub style: Style,
    /// Styles of creates and asynchronous requests.
    pub styles: BTreeMap<CallKind, Style>,
    /// Styles of closes.
    pub close_styles: BTreeMap<ObjectKind, Style>,
    /// Where create, request and close completions run.
    pub completions: Delivery,
    /// Where notifications, connect and disconnect events run.
    pub events: Delivery,
    /// Adapter flags beside those that follow from the device's capabilities.
    pub flags: AdapterFlags,
    /// What `NDK_ADAPTER_INFO` says of the transport.
    pub technology: RdmaTechnology,
    /// `FRMRPageCount`, as far as the device reaches.
    pub frmr_page_count: u32,
    /// `LargeRequestThreshold`.
    pub large_request_threshold_bytes: u32,
    /// Ports for those who ask for any (NdkListen page: 49152 to 65535).
    pub ephemeral_ports: RangeInclusive<u16>,
    /// What the contract leaves open.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        let delivery = Delivery { processor: 0, level: Irql::Dispatch, delay: Dur::ZERO };
        Self {
            versions: vec![NdkVersion::V1_2, NdkVersion::V2_1],
            style: Style::Pending,
            styles: BTreeMap::new(),
            close_styles: BTreeMap::new(),
            completions: delivery,
            events: delivery,
            flags: AdapterFlags::RDMA_READ_SINK_NOT_REQUIRED
                .union(AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED)
                .union(AdapterFlags::MULTI_ENGINE_SUPPORTED),
            technology: RdmaTechnology::RoceV2,
            frmr_page_count: 256,
            large_request_threshold_bytes: 8192,
            ephemeral_ports: 49152..=65535,
            policy: Policy::default(),
        }
    }
}

impl Config {
    pub(super) fn style(&self, kind: CallKind) -> Style {
        self.styles.get(&kind).copied().unwrap_or(self.style)
    }

    pub(super) fn close_style(&self, kind: ObjectKind) -> Style {
        self.close_styles.get(&kind).copied().unwrap_or(self.style)
    }

    /// The version of an adapter opened with `asked` (OPEN_NDK_ADAPTER_HANDLER page): the highest minor of that major,
    /// if it is high enough.
    pub(super) fn negotiate(&self, asked: NdkVersion) -> Option<NdkVersion> {
        let best = |major| self.versions.iter().copied().filter(|version| version.major == major).max();
        let oldest = self.versions.iter().map(|version| version.major).min()?;
        let major = if self.policy.older_major_opens { asked.major.max(oldest) } else { asked.major };
        best(major).filter(|&version| version >= asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_minor_of_the_major_is_used() {
        let config =
            Config { versions: vec![NdkVersion::V1_1, NdkVersion::V1_2, NdkVersion::V2_0], ..Config::default() };
        let v = |major, minor| NdkVersion { major, minor };
        for (asked, answer) in [
            (v(1, 0), Some(v(1, 2))),
            (v(1, 2), Some(v(1, 2))),
            (v(1, 3), None),
            (v(2, 0), Some(v(2, 0))),
            (v(2, 1), None),
            (v(3, 0), None),
            (v(0, 9), None),
        ] {
            assert_eq!(config.negotiate(asked), answer, "asked for {asked}");
        }
    }

    #[test]
    fn an_older_major_is_refused_or_answered_with_the_oldest_there_is() {
        let v1_0 = NdkVersion { major: 1, minor: 0 };
        for (older_major_opens, answer) in [(false, None), (true, Some(NdkVersion::V2_1))] {
            let policy = Policy { older_major_opens, ..Policy::default() };
            let versions = vec![NdkVersion::V2_0, NdkVersion::V2_1];
            let config = Config { versions, policy, ..Config::default() };
            assert_eq!(config.negotiate(v1_0), answer);
            assert_eq!(config.negotiate(NdkVersion { major: 3, minor: 0 }), None, "a newer one never");
        }
    }
}
