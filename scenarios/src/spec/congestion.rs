//! `[congestion]`: how senders react to congestion.

use nic_model::congestion::{ParameterSet, SETS, parameters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[congestion]`: a scheme, and one of the published parameter sets for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Congestion {
    /// What senders do.
    pub scheme: CongestionScheme,
    /// Name of a parameter set; the scheme's first if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// Round trip of the idle network, for schemes with windows; computed from the topology if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_rtt_ns: Option<u64>,
}

impl Default for Congestion {
    fn default() -> Self {
        Self { scheme: CongestionScheme::None, parameters: None, base_rtt_ns: None }
    }
}

/// A congestion control scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CongestionScheme {
    /// Senders do not react.
    None,
    /// Notifications cut the rate (SIGCOMM 2015).
    Dcqcn,
    /// Switches tell their load (SIGCOMM 2019).
    Hpcc,
    /// Round trips tell (SIGCOMM 2015).
    Timely,
    /// Marks come back in acknowledgements (SIGCOMM 2010).
    Dctcp,
}

impl CongestionScheme {
    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dcqcn => "dcqcn",
            Self::Hpcc => "hpcc",
            Self::Timely => "timely",
            Self::Dctcp => "dctcp",
        }
    }

    /// Names of the parameter sets for it.
    #[must_use]
    pub fn sets(self) -> Vec<&'static str> {
        SETS.iter().filter(|set| set.scheme == self.name()).map(|set| set.name).collect()
    }
}

impl Congestion {
    /// The parameter set that is meant; `None` without a scheme, or if there is no such set.
    #[must_use]
    pub fn set(&self) -> Option<&'static ParameterSet> {
        let scheme = self.scheme.name();
        match &self.parameters {
            Some(name) => parameters::named(scheme, name),
            None => parameters::usual(scheme),
        }
    }
}
