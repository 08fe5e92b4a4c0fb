//! What types cannot say about a scenario: ranges, and keys that depend on each other.

mod fabric;
mod fault;
mod machine;
mod study;
mod workload;

use super::{CableDelay, Cluster, Scenario, Topology, Workload};
use crate::consumers::Work;
use ::fabric::topology::hpcc::RATE_GBPS_MAX;
use provider::ndk::ObjectKind;
use serde::Serialize;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;

/// Path MTUs of InfiniBand and RoCE (IBTA 1.7, section 9.4.3 PATH MTU).
pub const MTUS_BYTES: [u16; 5] = [256, 512, 1024, 2048, 4096];

/// Most packets of a queue pair on the way.
pub(crate) const WINDOW_PACKETS_MAX: u32 = 1 << 20;

/// Longest cable, in metres.
const CABLE_M_MAX: u32 = 100_000;
/// Most that the PHYs of a cable, or its error correction, may take.
const CABLE_END_NS_MAX: u64 = 1_000_000;

/// Something wrong with the value at `path`, or to be warned of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The key, such as `fault.create[1].status`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  = {}", self.message, self.remedy)
    }
}

/// Collects violations.
struct Checker {
    found: Vec<Violation>,
}

/// Every violation in `scenario`, in the order of the sections.
#[must_use]
pub fn violations(scenario: &Scenario) -> Vec<Violation> {
    let mut check = Checker { found: Vec::new() };
    check.about(scenario);
    check.cluster(scenario);
    check.fabric(&scenario.fabric);
    check.congestion(&scenario.congestion);
    check.nic(&scenario.nic);
    check.provider(scenario);
    check.workload(scenario);
    check.faults(scenario);
    check.fits_workload(scenario);
    check.expect(scenario);
    check.found
}

impl Checker {
    fn fail(&mut self, path: impl Display, message: impl Display, remedy: impl Display) {
        let (path, message, remedy) = (path.to_string(), message.to_string(), remedy.to_string());
        self.found.push(Violation { path, message, remedy });
    }

    /// Demands that the number at `path` lies in `allowed`.
    fn range<N: Copy + PartialOrd + Display>(&mut self, path: &str, number: N, allowed: RangeInclusive<N>) {
        if !allowed.contains(&number) {
            let key = path.rsplit('.').next().unwrap_or(path);
            let (from, to) = (allowed.start(), allowed.end());
            self.fail(path, format!("`{key}` is {number}"), format!("allowed: {from} to {to}"));
        }
    }

    fn about(&mut self, scenario: &Scenario) {
        let name = &scenario.about.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let remedy = "allowed: 1 to 64 lower-case letters, digits and hyphens; run folders are named after it";
            self.fail("scenario.name", format!("\"{name}\" cannot be a scenario's name"), remedy);
        }
        self.range("scenario.seed", scenario.about.seed, 0..=super::SEED_MAX);
        self.range("scenario.time_limit_ms", scenario.about.time_limit_ms, 1..=86_400_000);
    }

    fn cluster(&mut self, scenario: &Scenario) {
        let cluster = &scenario.cluster;
        match cluster.topology.nodes(matches!(scenario.workload, Workload::Flows(_))) {
            Some(allowed) => self.chosen_nodes(&cluster.topology, cluster.nodes, allowed),
            None => self.topology(cluster),
        }
        if matches!(cluster.topology, Topology::File { .. }) {
            self.of_the_file(cluster);
        }
        self.range("cluster.rate_gbps", cluster.rate_gbps, 1..=RATE_GBPS_MAX);
        if let Some(rate) = cluster.fabric_rate_gbps {
            self.range("cluster.fabric_rate_gbps", rate, 1..=RATE_GBPS_MAX);
        }
        self.range("cluster.link_latency_ns", cluster.link_latency_ns, 1..=1_000_000_000);
        self.cable("host_cable", cluster.host_cable, &cluster.topology);
        self.cable("fabric_cable", cluster.fabric_cable, &cluster.topology);
        self.range("cluster.processors", cluster.processors, 1..=64);
        if !MTUS_BYTES.contains(&cluster.mtu_bytes) {
            let remedy = format!("allowed: {}", MTUS_BYTES.map(|mtu| mtu.to_string()).join(", "));
            self.fail("cluster.mtu_bytes", format!("`mtu_bytes` is {}", cluster.mtu_bytes), remedy);
        }
    }

    /// Keys that say what the topology file says. A default may be written: `to_toml` writes it.
    fn of_the_file(&mut self, cluster: &Cluster) {
        let default = Cluster::default();
        for (key, is_written) in [
            ("nodes", cluster.nodes != default.nodes),
            ("rate_gbps", cluster.rate_gbps != default.rate_gbps),
            ("fabric_rate_gbps", cluster.fabric_rate_gbps.is_some()),
            ("link_latency_ns", cluster.link_latency_ns != default.link_latency_ns),
        ] {
            if is_written {
                let message =
                    format!("`{key}` would change nothing: nodes, rates and latencies are those of the topology file");
                self.fail(format!("cluster.{key}"), message, "remove the key, or choose a topology without a file");
            }
        }
    }

    fn cable(&mut self, key: &str, delay: Option<CableDelay>, topology: &Topology) {
        let Some(delay) = delay else { return };
        let path = format!("cluster.{key}");
        if matches!(topology, Topology::File { .. }) {
            let message = format!("`{key}` would change nothing: latencies are those of the topology file");
            return self.fail(path, message, "remove the table, or choose a topology without a file");
        }
        self.range(&format!("{path}.length_m"), delay.length_m, 0..=CABLE_M_MAX);
        self.range(&format!("{path}.phy_latency_ns"), delay.phy_latency_ns, 0..=CABLE_END_NS_MAX);
        self.range(&format!("{path}.fec_latency_ns"), delay.fec_latency_ns, 0..=CABLE_END_NS_MAX);
        if delay == CableDelay::default() {
            let remedy = format!(
                "allowed: length_m = 1 to {CABLE_M_MAX}, phy_latency_ns or fec_latency_ns = 1 to {CABLE_END_NS_MAX}"
            );
            self.fail(path, format!("the latency of `{key}` is 0"), remedy);
        }
    }

    fn chosen_nodes(&mut self, topology: &Topology, nodes: u16, allowed: RangeInclusive<u16>) {
        if allowed.contains(&nodes) {
            return;
        }
        let topology = topology.name();
        let count = match nodes {
            0 => "no nodes".to_owned(),
            1 => "1 node".to_owned(),
            many => format!("{many} nodes"),
        };
        let remedy = match (allowed.start(), allowed.end()) {
            (from, to) if from == to => format!("topology \"{topology}\" connects exactly {from} nodes"),
            (from, to) => format!("topology \"{topology}\" connects {from} to {to} nodes"),
        };
        self.fail("cluster.nodes", format!("a \"{topology}\" cluster of {count} cannot be built"), remedy);
    }

    fn provider(&mut self, scenario: &Scenario) {
        let provider = &scenario.provider;
        let lists =
            [("inline", &provider.inline), ("pending", &provider.pending), ("inside_call", &provider.inside_call)];
        let nodes = scenario.cluster.nodes;
        for (index, row) in provider.node.iter().enumerate().filter(|(_, row)| row.node >= nodes) {
            let remedy = format!("allowed: 0 to {}", nodes.saturating_sub(1));
            self.fail(format!("provider.node[{index}].node"), format!("there is no node {}", row.node), remedy);
        }
        let mut seen: Vec<(ObjectKind, &str)> = Vec::new();
        for (name, list) in lists {
            for (index, &kind) in list.iter().enumerate() {
                match seen.iter().find(|&&(other, _)| other == kind) {
                    Some((_, first)) => {
                        let message = format!("`{}` is in `{first}` and again in `{name}`", kind.name());
                        let remedy = "a kind is created in one way: leave it in one list, once";
                        self.fail(format!("provider.{name}[{index}]"), message, remedy);
                    }
                    None => seen.push((kind, name)),
                }
            }
        }
    }

    fn expect(&mut self, scenario: &Scenario) {
        let expect = &scenario.expect;
        if !expect.gave_up_with.is_empty() && expect.gave_up_max < expect.gave_up_with.len() as u64 {
            let message = format!("{} statuses, but at most {} tasks", expect.gave_up_with.len(), expect.gave_up_max);
            let remedy = format!("add gave_up_max = {} or more", expect.gave_up_with.len());
            self.fail("expect.gave_up_with", message, remedy);
        }
        let work = Work::of(&scenario.workload).filter(|_| scenario.cluster.nodes >= 2);
        if let (Some(least), Some(work)) = (expect.operations_min, work) {
            let planned = work.planned(usize::from(scenario.cluster.nodes));
            if least > planned {
                let message = format!("the workload does no {least} operations");
                self.fail("expect.operations_min", message, format!("allowed: 0 to {planned}"));
            }
        }
        let Some(least) = scenario.expect.goodput_gbps_min else { return };
        let rate = scenario.cluster.rate_gbps;
        if least > rate {
            let remedy = format!("allowed: 0 to {rate}, the `rate_gbps` of the links");
            self.fail("expect.goodput_gbps_min", format!("no link can carry {least} Gb/s"), remedy);
        }
    }
}
