//! What idle objects cost in memory of the simulator's own process. One test in a process of its own, as it looks at the
//! most that the process ever had; where the system does not tell that, it tests nothing.

use scenarios::spec::{Flow, Flows, Pattern, PayloadMode, Scenario, Topology, Workload};
use scenarios::{RunOptions, run};

/// The most memory that this process had at a time.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}

/// By how much the peak grows with a fabric of `leaves` times 32 nodes, and `flows` from node 0 to node 1 that would begin
/// after the end: each has two queue pairs, connected and idle.
fn growth(leaves: u32, flows: u32) -> Option<u64> {
    let before = peak_bytes()?;
    let mut scenario = Scenario::named("memory");
    scenario.about.time_limit_ms = 2;
    scenario.cluster.topology = Topology::LeafSpine { leaves, spines: 1, nodes_per_leaf: 32 };
    scenario.cluster.nodes = (leaves * 32) as u16;
    let flow = Flow { from: 0, to: 1, bytes: 64, start_ns: 5_000_000 };
    scenario.workload = Workload::Flows(Flows {
        message_bytes: 4_096,
        window_messages: 4,
        payload: PayloadMode::Elided,
        pattern: Pattern::List(vec![flow; flows as usize]),
    });
    let report = run(&scenario, &RunOptions::default()).expect("the study can be built");
    assert_eq!(report.findings.len(), flows as usize, "no flow has begun");
    Some(peak_bytes()? - before)
}

#[test]
fn idle_adapters_and_queue_pairs_are_small() {
    const SMALL: u32 = 8;
    const LARGE: u32 = 24;
    const FLOWS: u32 = 8_000;
    // What every run needs once is paid for by the first.
    if growth(SMALL, 1).is_none() {
        return;
    }
    let nodes = u64::from(LARGE - SMALL) * 32;
    let per_node = growth(LARGE, 1).expect("it was there before") / nodes;
    assert!(per_node < 64 << 10, "{per_node} bytes a node: adapter, driver, host memory, its switch port");
    // The nodes of the large fabric stay in the peak: queue pairs have to exceed them to show.
    let base = u64::from(LARGE - 1) * 32 * per_node;
    let per_pair = (growth(1, FLOWS).expect("it was there before") + base) / u64::from(FLOWS);
    // The devices' share is below 2 KiB each by an assertion in the NIC model; drivers, flow and report come on top.
    assert!(per_pair < 6 << 10, "{per_pair} bytes a pair: devices, drivers, the flow and its row of the report");
}
