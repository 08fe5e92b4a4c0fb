//! What types cannot say about a scenario: ranges, and keys that depend on each other.

mod fabric;
mod study;
mod workload;

use super::fault::{CreateEffect, CreateFault, WireEffect, WireFault};
use super::{Scenario, Topology};
use provider::ndk::ObjectKind;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Path MTUs of InfiniBand and RoCE (IBTA 1.7, section 9.4.3 PATH MTU).
pub const MTUS_BYTES: [u16; 5] = [256, 512, 1024, 2048, 4096];

/// Something wrong with the value at `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The key, such as `fault.create[1].status`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
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
    let nodes = scenario.cluster.nodes;
    for (row, fault) in scenario.fault.create.iter().enumerate() {
        check.create_fault(&format!("fault.create[{row}]"), fault, nodes);
    }
    let links: Vec<String> = scenario.cluster.cables().iter().flat_map(|cable| cable.links()).collect();
    for (row, fault) in scenario.fault.wire.iter().enumerate() {
        check.wire_fault(&format!("fault.wire[{row}]"), fault, &links);
    }
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
        match cluster.topology.nodes() {
            Some(allowed) => self.chosen_nodes(&cluster.topology, cluster.nodes, allowed),
            None => self.topology(cluster),
        }
        self.range("cluster.rate_gbps", cluster.rate_gbps, 1..=1_600);
        if let Some(rate) = cluster.fabric_rate_gbps {
            self.range("cluster.fabric_rate_gbps", rate, 1..=1_600);
        }
        self.range("cluster.link_latency_ns", cluster.link_latency_ns, 1..=1_000_000_000);
        self.range("cluster.processors", cluster.processors, 1..=64);
        if !MTUS_BYTES.contains(&cluster.mtu_bytes) {
            let remedy = format!("allowed: {}", MTUS_BYTES.map(|mtu| mtu.to_string()).join(", "));
            self.fail("cluster.mtu_bytes", format!("`mtu_bytes` is {}", cluster.mtu_bytes), remedy);
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

    fn create_fault(&mut self, row: &str, fault: &CreateFault, nodes: u16) {
        if let Some(node) = fault.node.filter(|&node| node >= nodes) {
            let remedy = format!("nodes are counted from 0: allowed 0 to {}", nodes.saturating_sub(1));
            self.fail(format!("{row}.node"), format!("there is no node {node}"), remedy);
        }
        self.range(&format!("{row}.nth"), fault.nth, 1..=u32::MAX);
        self.range(&format!("{row}.times"), fault.times, 1..=u32::MAX);
        let effect = fault.effect.name();
        match (fault.effect.has_status(), fault.status) {
            (true, None) => {
                let remedy = "add a key such as status = \"STATUS_INSUFFICIENT_RESOURCES\"";
                self.fail(format!("{row}.status"), format!("effect \"{effect}\" has no status"), remedy);
            }
            (true, Some(status)) if status.is_success_class() => {
                let remedy = "name a failure, such as STATUS_INSUFFICIENT_RESOURCES";
                self.fail(format!("{row}.status"), format!("{status} is no failure"), remedy);
            }
            (false, Some(_)) => {
                let message = format!("effect \"{effect}\" takes no status");
                self.fail(format!("{row}.status"), message, "only \"fail\" and \"pend-fail\" do: remove the key");
            }
            (true, Some(_)) | (false, None) => {}
        }
        let pends = matches!(fault.effect, CreateEffect::Pend | CreateEffect::PendFail | CreateEffect::Late);
        if fault.effect == CreateEffect::Late && fault.delay_us.is_none() {
            self.fail(format!("{row}.delay_us"), "effect \"late\" has no delay", "add a key such as delay_us = 500");
        } else if fault.delay_us.is_some() && !pends {
            let remedy = "only \"pend\", \"pend-fail\" and \"late\" do: remove the key";
            self.fail(format!("{row}.delay_us"), format!("effect \"{effect}\" takes no delay"), remedy);
        }
        self.range(&format!("{row}.delay_us"), fault.delay_us.unwrap_or(0), 0..=60_000_000);
    }

    fn wire_fault(&mut self, row: &str, fault: &WireFault, links: &[String]) {
        if !links.contains(&fault.link) {
            let remedy = format!("links of this cluster: {}", abridged(links));
            self.fail(format!("{row}.link"), format!("there is no link \"{}\"", fault.link), remedy);
        }
        match (fault.nth, fault.probability) {
            (None, None) => {
                let remedy = "add nth = 3 or probability = \"1/1000\"";
                self.fail(format!("{row}.nth"), "the row says no frame", remedy);
            }
            (Some(_), Some(_)) => {
                let remedy = "leave one of them";
                self.fail(format!("{row}.probability"), "`nth` and `probability` exclude each other", remedy);
            }
            (Some(nth), None) => self.range(&format!("{row}.nth"), nth, 1..=u64::MAX),
            (None, Some(_)) => {}
        }
        match (fault.effect, fault.delay_ns) {
            (WireEffect::Delay, None) => {
                self.fail(
                    format!("{row}.delay_ns"),
                    "effect \"delay\" has no delay",
                    "add a key such as delay_ns = 5000",
                );
            }
            (WireEffect::Delay, Some(delay)) => self.range(&format!("{row}.delay_ns"), delay, 1..=60_000_000_000),
            (_, Some(_)) => {
                let message = format!("effect \"{}\" takes no delay", fault.effect.name());
                self.fail(format!("{row}.delay_ns"), message, "only \"delay\" does: remove the key");
            }
            (_, None) => {}
        }
    }

    fn expect(&mut self, scenario: &Scenario) {
        let Some(least) = scenario.expect.goodput_gbps_min else { return };
        let rate = scenario.cluster.rate_gbps;
        if least > rate {
            let remedy = format!("allowed: 0 to {rate}, the `rate_gbps` of the links");
            self.fail("expect.goodput_gbps_min", format!("no link can carry {least} Gb/s"), remedy);
        }
    }
}

/// The first few names.
fn abridged(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown}, and {} more", names.len() - SHOWN) } else { shown }
}
