//! What flows reach that nobody disturbs.

use super::scenario;
use crate::options::RunOptions;
use crate::report::study::FlowReport;
use crate::spec::congestion::CongestionScheme;
use crate::spec::fabric::Paths;
use crate::spec::files::TopologyFile;
use crate::spec::nic::Recovery;
use crate::spec::{Flow, Pattern, Scenario, Topology, Workload};

/// Two of three hosts have cables of 10 us.
const FAR: &str = "4 1 3\n3\n0 3 100Gbps 1us 0\n1 3 100Gbps 10us 0\n2 3 100Gbps 10us 0\n";

/// The slowdown of the slowest flow, in hundredths.
fn slowest_percent(scenario: &Scenario) -> u64 {
    let topology = TopologyFile { path: "far".into(), text: FAR.into() };
    let report = crate::run(scenario, &RunOptions { topology, ..RunOptions::default() }).expect("it runs");
    let flows = report.study.expect("a study").flows;
    flows.iter().map(|flow: &FlowReport| flow.slowdown_percent().expect("it completed")).max().expect("a flow")
}

fn flow(from: u32, to: u32, bytes: u64) -> Flow {
    Flow { from, to, bytes, start_ns: 0, priority: None }
}

/// Whatever the way and the scheme: HPCC leaves a twentieth of the line, the others nothing.
#[test]
fn a_flow_that_is_alone_has_the_line() {
    use CongestionScheme::{Dcqcn, Dctcp, Hpcc, None, Timely};
    for (shape, nodes, from, to) in [
        (Topology::BackToBack, 2, 0, 1),
        (Topology::Star, 3, 0, 2),
        (Topology::FatTree { k: 4 }, 16, 0, 15),
        (Topology::File { path: "far".into() }, 2, 1, 2),
    ] {
        let mut scenario = scenario(shape, nodes, Pattern::List(vec![flow(from, to, 20_000_000)]));
        if let Workload::Flows(flows) = &mut scenario.workload {
            (flows.message_bytes, flows.window_messages) = (1 << 20, 4);
        }
        let schemes = [(None, 102), (Dcqcn, 102), (Hpcc, 107), (Timely, 102), (Dctcp, 102)];
        for (mtu_bytes, (scheme, most)) in [1_024, 4_096].into_iter().flat_map(|mtu| schemes.map(|row| (mtu, row))) {
            (scenario.congestion.scheme, scenario.cluster.mtu_bytes) = (scheme, mtu_bytes);
            let percent = slowest_percent(&scenario);
            assert!(percent <= most, "{:?}, {scheme:?}, MTU {mtu_bytes}: {percent} %", scenario.cluster.topology);
        }
    }
}

/// Four flows by four ways each: what the switches of one way say is not compared with what those of another say.
#[test]
fn hpcc_tells_sprayed_ways_apart() {
    let list = (0..4).map(|from| flow(from, from + 4, 3_000_000)).collect();
    let shape = Topology::LeafSpine { leaves: 2, spines: 4, nodes_per_leaf: 4 };
    let mut scenario = scenario(shape, 8, Pattern::List(list));
    scenario.congestion.scheme = CongestionScheme::Hpcc;
    scenario.fabric.paths = Paths::Spray;
    scenario.nic.recovery = Some(Recovery::SelectiveRepeat);
    let percent = slowest_percent(&scenario);
    assert!(percent < 250, "{percent} %");
}
