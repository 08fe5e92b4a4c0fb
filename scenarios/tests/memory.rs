//! What idle objects cost in memory of the simulator's own process. One test in a process of its own: it looks at the
//! most that the process ever had.

use scenarios::spec::{Flow, Flows, Pattern, PayloadMode, Scenario, Topology, Workload};
use scenarios::{RunOptions, run};

/// The most memory that this process had at a time; `None` where nobody tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}

/// Runs flows of one packet from node 0 to node 1, one after the other, in a fabric of `leaves` times 32 nodes; every flow
/// has two queue pairs, which are idle before and after.
fn grow(leaves: u32, flows: u32) -> Option<u64> {
    let before = peak_bytes()?;
    let mut scenario = Scenario::named("memory");
    scenario.cluster.topology = Topology::LeafSpine { leaves, spines: 1, nodes_per_leaf: 32 };
    scenario.cluster.nodes = (leaves * 32) as u16;
    let flow = |number: u32| Flow { from: 0, to: 1, bytes: 64, start_ns: u64::from(number) * 20_000 };
    scenario.workload = Workload::Flows(Flows {
        message_bytes: 4_096,
        window_messages: 4,
        payload: PayloadMode::Elided,
        pattern: Pattern::List((0..flows).map(flow).collect()),
    });
    let report = run(&scenario, &RunOptions::default()).expect("the study can be built");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    Some(peak_bytes()? - before)
}

#[test]
fn idle_nics_and_queue_pairs_are_small() {
    // The first run pays for what every run needs once.
    let Some(_) = grow(1, 1) else { return };
    let nodes = 32 * 32;
    let per_node = grow(32, 1).expect("it was there before") / nodes;
    println!("a node with NIC, driver, memory and its switch port: {per_node} bytes");
    assert!(per_node < 64 << 10, "{per_node} bytes");
}
