//! The conformance suite over the simulated NIC.
//!
//! Reading order: [`SimLab`] here (two nodes at a switch), [`summary`] (all of it as one report), [`human`] (as people read
//! it), [`json`] (as programs do), [`programs`] (random programs, over the ideal devices or the simulated NIC).

pub mod human;
pub mod json;
pub mod programs;
pub mod summary;

pub use summary::{Choice, Summary, run};

use crate::cluster::Cluster;
use crate::report::RunReport;
use crate::spec::Scenario;
use conformance::{Bench, Found, Lab, LabError, Ran, Setup};
use des::Dur;
use provider::check::{Rule, RuleId, Side};
use provider::consumer::Session;
use std::net::{IpAddr, Ipv6Addr};

/// How long a call executes, for the rules on concurrent calls: as long as the nodes' model lets it take.
const CALL: Dur = Dur::from_ns(100);
/// Simulated time after which a run ends, whatever is left. Longer than the driver's time-out of commands, the longest timer
/// of all: a case that hangs comes to rest before, and what is missing is missing for good.
const LIMIT_MS: u64 = 300_000;

/// The providers of a case.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// As the suite asks for them.
    pub(crate) setup: Setup,
    /// How long a call executes.
    pub(crate) call: Dur,
}

/// Sets up clusters of two nodes: our provider and driver over the simulated NIC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimLab;

/// Two nodes at a switch.
#[derive(Debug)]
pub struct SimBench {
    cluster: Cluster,
}

impl Lab for SimLab {
    type Bench = SimBench;

    fn bench(&self, setup: &Setup) -> Result<SimBench, LabError> {
        let mut scenario = Scenario::named("conformance");
        scenario.about.time_limit_ms = LIMIT_MS;
        let trial = Trial { setup: setup.clone(), call: CALL };
        let cluster = Cluster::on_trial(&scenario, &trial).map_err(|error| LabError(error.to_string()))?;
        Ok(SimBench { cluster })
    }
}

impl Bench for SimBench {
    fn session(&self, node: usize) -> Session {
        self.cluster.session(node)
    }

    fn address(&self, node: usize) -> IpAddr {
        self.cluster.address(node)
    }

    fn ipv6(&self, node: usize) -> Option<Ipv6Addr> {
        Some(self.cluster.ipv6(node))
    }

    fn run(&mut self) -> Ran {
        ran(self.cluster.run())
    }
}

/// What the report of a case's run says to the suite.
pub(crate) fn ran(report: RunReport) -> Ran {
    let mut ran = Ran::default();
    for finding in report.findings {
        match finding.rule.as_ref() {
            "progress" => ran.unfinished += 1,
            rule => {
                let rule = rule_id(rule);
                let node = usize::from(finding.node.ends_with('1'));
                let side = rule.map_or(Side::Consumer, |rule| Rule::of(rule).side);
                ran.found.push(Found { node, rule, side, text: finding.text });
            }
        }
    }
    ran
}

/// The rule of a report's label.
fn rule_id(label: &str) -> Option<RuleId> {
    let number: u8 = label.strip_prefix('R')?.parse().ok()?;
    Rule::all().map(|rule| rule.id).find(|id| id.0 == number)
}
