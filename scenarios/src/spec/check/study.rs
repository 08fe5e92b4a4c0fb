//! What types cannot say about larger fabrics and their flows.

use super::Checker;
use crate::spec::fabric::PRIORITIES;
use crate::spec::flows::{FLOW_BYTES_MAX, FLOWS_MAX, START_NS_MAX};
use crate::spec::topology::NODES_MAX;
use crate::spec::{Cluster, Flows, Pattern, Scenario, Topology, Workload};

/// Latest epoch of a flow file: a day of the simulator's clock.
const EPOCH_MS_MAX: u64 = 86_400_000;

impl Checker {
    pub(super) fn topology(&mut self, cluster: &Cluster) {
        let Some(nodes) = cluster.topology.derived_nodes() else { return };
        let name = cluster.topology.name();
        if !(2..=NODES_MAX).contains(&nodes) {
            let remedy = format!("allowed: 2 to {NODES_MAX} nodes");
            self.fail(format!("cluster.topology.{name}"), format!("it would have {nodes} nodes"), remedy);
        }
        let default = Cluster::default().nodes;
        if u64::from(cluster.nodes) != nodes && cluster.nodes != default {
            let message = format!("a \"{name}\" of these numbers has {nodes} nodes, not {}", cluster.nodes);
            self.fail("cluster.nodes", message, "remove the key: the number follows from the topology");
        }
        match cluster.topology {
            Topology::FatTree { k } if k % 2 == 1 => {
                self.fail("cluster.topology.fat-tree.k", format!("`k` is {k}"), "allowed: even numbers");
            }
            _ => {}
        }
    }

    pub(super) fn flows(&mut self, scenario: &Scenario, flows: &Flows) {
        let path = |key: &str| format!("workload.flows.{key}");
        self.range(&path("message_bytes"), flows.message_bytes, 1..=1 << 30);
        self.range(&path("window_messages"), flows.window_messages, 1..=64);
        self.range(&path("priority"), flows.priority, PRIORITIES);
        for (key, expected) in [
            ("operations_min", scenario.expect.operations_min.is_some()),
            ("goodput_gbps_min", scenario.expect.goodput_gbps_min.is_some()),
            ("gave_up_with", !scenario.expect.gave_up_with.is_empty()),
            ("all_faults_fire", scenario.expect.all_faults_fire),
        ] {
            if expected {
                let message = format!("[workload.flows] cannot be judged by `{key}`");
                let remedy = "remove the key: a study has findings, drops_max, pauses_min and simulated_us_max";
                self.fail(format!("expect.{key}"), message, remedy);
            }
        }
        if !scenario.fault.is_empty() {
            let remedy = "remove the rows: links of a [cluster.topology.file] lose packets by its last column; or choose another \
                          workload";
            self.fail("fault", "[workload.flows] takes no fault plan", remedy);
        }
        match &flows.pattern {
            Pattern::List(list) => self.flow_list(scenario, list),
            Pattern::File { epoch_ms, .. } => self.range(&path("pattern.file.epoch_ms"), *epoch_ms, 0..=EPOCH_MS_MAX),
            Pattern::Incast { bytes } => self.range(&path("pattern.incast.bytes"), *bytes, 1..=FLOW_BYTES_MAX),
            Pattern::Permutation { bytes } => {
                self.range(&path("pattern.permutation.bytes"), *bytes, 1..=FLOW_BYTES_MAX);
            }
            Pattern::AllToAll { bytes } => self.range(&path("pattern.all-to-all.bytes"), *bytes, 1..=FLOW_BYTES_MAX),
            Pattern::RingAllReduce { bytes } => {
                self.range(&path("pattern.ring-all-reduce.bytes"), *bytes, 1..=FLOW_BYTES_MAX);
            }
            Pattern::TreeAllReduce { bytes } => {
                self.range(&path("pattern.tree-all-reduce.bytes"), *bytes, 1..=FLOW_BYTES_MAX);
            }
            Pattern::Poisson { load_permille, duration_us, .. } => {
                self.range(&path("pattern.poisson.load_permille"), *load_permille, 1..=1_000);
                self.range(&path("pattern.poisson.duration_us"), *duration_us, 1..=60_000_000);
            }
        }
    }

    fn flow_list(&mut self, scenario: &Scenario, list: &[crate::spec::Flow]) {
        if list.is_empty() || list.len() > FLOWS_MAX {
            let remedy = format!("allowed: 1 to {FLOWS_MAX} rows");
            self.fail("workload.flows.pattern.list", format!("there are {} flows", list.len()), remedy);
        }
        // How many nodes a file has is known when it has been read.
        let nodes = match scenario.cluster.topology {
            Topology::File { .. } => NODES_MAX,
            ref topology => topology.derived_nodes().unwrap_or(scenario.cluster.nodes.into()),
        };
        for (row, flow) in list.iter().enumerate() {
            let path = |key: &str| format!("workload.flows.pattern.list[{row}].{key}");
            for (key, node) in [("from", flow.from), ("to", flow.to)] {
                if u64::from(node) >= nodes {
                    let remedy = format!("nodes are counted from 0: allowed 0 to {}", nodes.saturating_sub(1));
                    self.fail(path(key), format!("there is no node {node}"), remedy);
                }
            }
            if flow.from == flow.to {
                self.fail(path("to"), format!("node {} sends to itself", flow.to), "name another node");
            }
            self.range(&path("bytes"), flow.bytes, 1..=FLOW_BYTES_MAX);
            self.range(&path("start_ns"), flow.start_ns, 0..=START_NS_MAX);
            if let Some(priority) = flow.priority {
                self.range(&path("priority"), priority, PRIORITIES);
            }
        }
    }

    /// What only one of the workloads can do.
    pub(super) fn fits_workload(&mut self, scenario: &Scenario) {
        let is_study = matches!(scenario.workload, Workload::Flows(_));
        if !is_study && matches!(scenario.cluster.topology, Topology::File { .. } | Topology::RailOptimised { .. }) {
            let message = format!("\"{}\" is for [workload.flows]", scenario.cluster.topology.name());
            self.fail("cluster.topology", message, "choose another topology or workload");
        }
    }
}
