//! The scenario file: TOML, strict, with units in its keys.
//!
//! Reading order: [`Scenario`] here, then its sections [`cluster`] with [`topology`], [`fabric`],
//! [`congestion`], [`nic`], [`workload`] with [`flows`], [`fault`], [`swarm`], [`planted`], [`policy`], [`expect`]; [`check`] (what
//! types cannot say), [`problem`] (how a mistake is shown), [`files`] (reading from disk),
//! [`schema`] (the same for editors).
//!
//! Invariants:
//! * parsing is a function of the text: whether files exist is asked by [`files`] alone;
//! * a scenario that parsed has passed [`check::violations`], and `to_toml` writes every default out;
//! * every mistake is reported with its line, column and remedy, and none panics.

pub mod check;
pub mod cluster;
pub mod congestion;
pub(crate) mod diagnose;
pub mod expect;
pub mod fabric;
pub mod fault;
pub mod files;
pub mod flows;
mod locate;
pub mod nic;
pub mod planted;
pub mod policy;
pub mod problem;
pub mod schema;
pub mod swarm;
mod text;
pub mod topology;
pub mod workload;

#[cfg(test)]
mod tests;

pub use cluster::{Cable, CableDelay, Cluster, Creation, Provider};
pub use congestion::{Congestion, CongestionScheme};
pub use expect::Expect;
pub use fabric::Fabric;
pub use fault::{CallEffect, CreateFault, FaultPlan, RequestFault, RowSummary, WireEffect, WireFault};
pub use files::ScenarioFile;
pub use flows::{Flow, Flows, Pattern, PayloadMode, Sizes};
pub use nic::{Nic, NicProfile, NicTime};
pub use problem::{Place, Problem, ScenarioError};
pub use swarm::Swarm;
pub use topology::Topology;
pub use workload::{
    AllReduce, BlockStorage, ConnectionStorm, CreationStorm, FileTransfer, KeyValue, Replicate, Teardown, Workload,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest seed: TOML has signed integers.
pub const SEED_MAX: u64 = i64::MAX as u64;

/// One scenario: plain data, nothing read from anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// `[scenario]`.
    #[serde(rename = "scenario")]
    pub about: About,
    /// `[cluster]`.
    #[serde(default)]
    pub cluster: Cluster,
    /// `[fabric]`.
    #[serde(default)]
    pub fabric: Fabric,
    /// `[congestion]`.
    #[serde(default)]
    pub congestion: Congestion,
    /// `[nic]`.
    #[serde(default)]
    pub nic: Nic,
    /// `[provider]`.
    #[serde(default)]
    pub provider: Provider,
    /// `[workload]`.
    #[serde(default)]
    pub workload: Workload,
    /// `[expect]`.
    #[serde(default)]
    pub expect: Expect,
    /// `[[fault.create]]`, `[[fault.request]]`, `[[fault.wire]]`.
    #[serde(default, skip_serializing_if = "FaultPlan::is_empty")]
    pub fault: FaultPlan,
    /// `[swarm]`: rows that the seed draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swarm: Option<Swarm>,
    /// `[planted]`: a bug on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<planted::Planted>,
}

/// `[scenario]`: its name, and the seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Lower-case letters, digits and hyphens.
    pub name: String,
    /// One sentence, for `rnic list`.
    #[serde(default)]
    pub description: String,
    /// The seed of every random stream.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Simulated time after which a run that has not come to its end is stopped.
    #[serde(default = "default_time_limit_ms")]
    pub time_limit_ms: u64,
}

const fn default_seed() -> u64 {
    1
}

const fn default_time_limit_ms() -> u64 {
    60_000
}

impl Scenario {
    /// A scenario of this name with every default: two nodes at one switch.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            about: About {
                name: name.to_owned(),
                description: String::new(),
                seed: default_seed(),
                time_limit_ms: default_time_limit_ms(),
            },
            cluster: Cluster::default(),
            fabric: Fabric::default(),
            congestion: Congestion::default(),
            nic: Nic::default(),
            provider: Provider::default(),
            workload: Workload::default(),
            expect: Expect::default(),
            fault: FaultPlan::default(),
            swarm: None,
            planted: None,
        }
    }

    /// Reads a scenario from `text`; `file` is what messages call it.
    ///
    /// # Errors
    /// What is wrong with it: the first mistake of form, or every mistake of substance.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self = toml::from_str(text).map_err(|error| diagnose::toml_error(file, text, &error))?;
        let problems = diagnose::violations(file, text, &scenario);
        if !problems.is_empty() {
            return Err(ScenarioError { problems });
        }
        scenario.cluster.fill_in();
        scenario.provider.fill_in();
        scenario.fault.fill_in();
        Ok(scenario)
    }

    /// The scenario as a file, defaults written out. Parsing it gives the same scenario.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers are within TOML's range once a scenario is checked")
    }
}
