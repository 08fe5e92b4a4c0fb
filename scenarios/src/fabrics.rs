//! The topology that a scenario's `[cluster]` describes.

use crate::cluster::ClusterError;
use crate::spec::files::TopologyFile;
use crate::spec::topology::NODES_MAX;
use crate::spec::{CableDelay, Cluster, Place, Problem, Scenario, Topology as Shape};
use des::{Dur, Rate};
use fabric::topology::Cabling;
use fabric::topology::hpcc::{self, HpccError, Imported};
use fabric::{LinkConfig, NodeId, Topology};

/// A topology, and which node each number of its file is.
#[derive(Debug)]
pub(crate) struct Fabric {
    pub(crate) topology: Topology,
    /// By number in the topology file; without a file, hosts in their order.
    pub(crate) nodes: Vec<NodeId>,
}

/// The picture of a scenario's topology, as SVG.
///
/// # Errors
/// If the topology is impossible.
pub fn topology_svg(scenario: &Scenario, file: &TopologyFile) -> Result<String, ClusterError> {
    Ok(build(&scenario.cluster, file)?.topology.to_svg(&scenario.about.name))
}

/// Builds the topology of a cluster.
pub(crate) fn build(cluster: &Cluster, file: &TopologyFile) -> Result<Fabric, ClusterError> {
    let line = |gbps: u32, delay: Option<CableDelay>| LinkConfig {
        rate: Rate::from_gbps(gbps.into()),
        latency: delay.map_or(Dur::from_ns(cluster.link_latency_ns), latency),
    };
    let fabric_gbps = cluster.fabric_rate_gbps.unwrap_or(cluster.rate_gbps);
    let cabling =
        Cabling { host: line(cluster.rate_gbps, cluster.host_cable), fabric: line(fabric_gbps, cluster.fabric_cable) };
    let topology = match cluster.topology {
        Shape::Star => Topology::star(cluster.nodes.into(), cabling),
        Shape::BackToBack => Topology::back_to_back(cabling),
        Shape::LeafSpine { leaves, spines, nodes_per_leaf } => {
            Topology::leaf_spine(leaves, spines, nodes_per_leaf, cabling)
        }
        Shape::FatTree { k } => Topology::fat_tree(k, cabling),
        Shape::ThreeLayer { pods, edges, aggregations, cores_per_aggregation, nodes_per_edge } => {
            Topology::three_layer(pods, edges, aggregations, cores_per_aggregation, nodes_per_edge, cabling)
        }
        Shape::Dragonfly { routers, nodes_per_router, globals } => {
            Topology::dragonfly(routers, nodes_per_router, globals, cabling)
        }
        Shape::RailOptimised { units, hosts_per_unit, rails, spines } => {
            Topology::rail_optimised(units, hosts_per_unit, rails, spines, cabling)
        }
        Shape::File { .. } => {
            return import(file).map_err(|problem| ClusterError::Input(Box::new(problem)));
        }
    }
    .map_err(|error| {
        let path = format!("cluster.topology.{}", cluster.topology.name());
        ClusterError::topology(&path, error, "choose other numbers of switches and nodes")
    })?;
    let nodes = (0..topology.host_count()).map(NodeId::Host).collect();
    Ok(Fabric { topology, nodes })
}

/// Reads a topology file.
fn import(file: &TopologyFile) -> Result<Fabric, Problem> {
    let problem = |at, message, remedy| {
        let place = Some(Place::of(&file.text, at));
        Problem { file: file.path.display().to_string(), place, message, remedy }
    };
    let Imported { topology, nodes } =
        hpcc::parse(&file.text).map_err(|HpccError { at, fault }| problem(at, fault.to_string(), fault.remedy()))?;
    let ports = u64::from(topology.endpoint_count());
    if ports > NODES_MAX {
        let message = format!("the hosts of the file have {ports} ports, and each is a node");
        return Err(problem(0..0, message, format!("allowed: up to {NODES_MAX} nodes")));
    }
    Ok(Fabric { topology, nodes })
}

fn latency(delay: CableDelay) -> Dur {
    let (phy, fec) = (Dur::from_ns(delay.phy_latency_ns), Dur::from_ns(delay.fec_latency_ns));
    fabric::CableDelay { length_m: delay.length_m, phy, fec }.latency()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cables_have_the_latency_of_their_parts() {
        let latencies = |cluster: &Cluster| {
            let topology = build(cluster, &TopologyFile::default()).expect("a small one").topology;
            let is_host = |node: NodeId| matches!(node, NodeId::Host(_));
            let ps = |host: bool| {
                let cables = topology.cables().iter();
                let ours = cables.filter(|cable| (is_host(cable.a.node) || is_host(cable.b.node)) == host);
                ours.map(|cable| cable.line.latency.as_ps()).collect::<std::collections::BTreeSet<_>>()
            };
            [ps(true), ps(false)]
        };
        let topology = Shape::LeafSpine { leaves: 2, spines: 2, nodes_per_leaf: 2 };
        let mut cluster = Cluster { topology, ..Cluster::default() };
        assert_eq!(latencies(&cluster), [[500_000].into(), [500_000].into()]);
        cluster.host_cable = Some(CableDelay { length_m: 3, phy_latency_ns: 60, fec_latency_ns: 90 });
        assert_eq!(latencies(&cluster), [[164_700].into(), [500_000].into()]);
        cluster.fabric_cable = Some(CableDelay { length_m: 100, phy_latency_ns: 60, fec_latency_ns: 180 });
        assert_eq!(latencies(&cluster), [[164_700].into(), [730_000].into()]);
        cluster.topology = Shape::BackToBack;
        assert_eq!(latencies(&cluster), [[164_700].into(), [].into()]);
    }
    #[test]
    fn a_topology_file_has_no_more_nodes_than_other_topologies() {
        let cluster = Cluster { topology: Shape::File { path: "t".into() }, ..Cluster::default() };
        // Two hosts and many cables between them.
        let text = "2 0 32768\n".to_owned() + &"0 1 1Gbps 1us 0\n".repeat(32_768);
        let error = build(&cluster, &TopologyFile { path: "t".into(), text }).expect_err("too many").to_string();
        assert!(error.contains("have 65536 ports") && error.contains("up to 65535 nodes"), "{error}");
    }

    #[test]
    fn an_error_of_a_topology_file_has_its_place() {
        let cluster = Cluster { topology: Shape::File { path: "t".into() }, ..Cluster::default() };
        let text = "2 0 1\n0 1 1Gbps 0ns 0\n".to_owned();
        let error = build(&cluster, &TopologyFile { path: "dir/t".into(), text }).expect_err("a cable takes no time");
        let text = error.to_string();
        for part in ["a link's delay cannot be `0ns`", "dir/t:2:11", "1ps to 1s"] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
