//! Rings of lossless switches: what is said before, and what becomes of them.

use super::scenario;
use crate::options::{RunOptions, Threads};
use crate::report::RunReport;
use crate::spec::fabric::{EcnMarks, PfcWatchdog, WatchdogAction};
use crate::spec::files::TopologyFile;
use crate::spec::{Flow, Pattern, Scenario, Topology, Workload};
use std::num::NonZero;

/// Five switches in a ring, each with two hosts, as a file.
fn ring() -> TopologyFile {
    let switch = |number: u32| 10 + number % 5;
    let line = |from: u32, to: u32| format!("{from} {to} 100Gbps 1us 0\n");
    let hosts = (0..10).map(|host| line(host, switch(host / 2)));
    let around = (0..5).map(|number| line(switch(number), switch(number + 1)));
    let text = hosts.chain(around).fold("15 5 15\n10 11 12 13 14\n".to_owned(), |text, line| text + &line);
    TopologyFile { path: "ring".into(), text }
}

/// The first hosts of the ring send to the switch after the next one, and its switches have little memory.
fn around(hosts: u32, bytes: u64) -> (Scenario, RunOptions) {
    let list = (0..hosts).map(|from| Flow { from, to: (from + 4) % 10, bytes, start_ns: 0, priority: None }).collect();
    let mut scenario = scenario(Topology::File { path: "ring".into() }, 2, Pattern::List(list));
    let Workload::Flows(flows) = &mut scenario.workload else { unreachable!("it is a study") };
    (flows.message_bytes, scenario.cluster.mtu_bytes) = (1 << 20, 4_096);
    scenario.about.time_limit_ms = 20;
    scenario.fabric.ecn = EcnMarks::Off;
    scenario.fabric.reserved_bytes = 0;
    scenario.fabric.headroom_bytes = 60_000;
    scenario.fabric.buffer_bytes = 1_500_000;
    (scenario, RunOptions { topology: ring(), ..RunOptions::default() })
}

fn run(scenario: &Scenario, options: &RunOptions) -> RunReport {
    crate::run(scenario, options).expect("the study can be built")
}

#[test]
fn a_ring_that_stands_still_is_named() {
    let (scenario, options) = around(10, 4_000_000);
    let report = run(&scenario, &options);
    let [warning] = &report.warnings[..] else { panic!("{:?}", report.warnings) };
    assert_eq!(warning.path, "cluster.topology.file");
    let (first, others) = report.findings.split_first().expect("findings");
    assert_eq!((&*first.rule, others.len()), ("deadlock", 10), "and no flow has ended");
    for switch in 0..5 {
        let name = format!("switch {switch} port ");
        assert!(first.text.contains(&name) && warning.message.contains(&name), "{}", first.text);
    }
    assert!(others.iter().all(|flow| flow.text.ends_with("has not ended, and switches wait for each other")));
    let study = report.study.as_ref().expect("a study");
    let queues = &study.queue_history.bytes_max;
    assert_eq!(queues.len(), study.congestion_history.paused_ps.len());
    let standing = queues.last().expect("they stand to the end");
    assert!(*standing > 50_000 && queues[10..].iter().all(|queue| queue >= standing), "{queues:?}");
    let threads = NonZero::new(3).map(Threads).expect("three");
    assert_eq!(run(&scenario, &RunOptions { threads, ..options }), report);
}

#[test]
fn nobody_waits_for_a_standstill_to_end() {
    let (mut scenario, options) = around(10, 4_000_000);
    scenario.about.time_limit_ms = 60_000;
    let report = run(&scenario, &options);
    assert_eq!(&*report.findings[0].rule, "deadlock");
    assert!(report.simulated_ps < 3_000_000_000_000, "long before the limit: {}", report.simulated_ps);
}

#[test]
fn a_watchdog_lets_the_ring_go_on() {
    let (mut scenario, options) = around(10, 1_000_000);
    assert_eq!(&*run(&scenario, &options).findings[0].rule, "deadlock");
    scenario.about.time_limit_ms = 2_000;
    scenario.fabric.pfc_watchdog =
        Some(PfcWatchdog { detect_us: 200, restore_us: 200, action: WatchdogAction::Forward });
    let report = run(&scenario, &options);
    assert_eq!((report.findings, report.warnings), (vec![], vec![]));
    assert!(report.study.expect("a study").pause_storms > 0);
}

#[test]
fn a_ring_that_nobody_closes_is_no_reason_to_warn() {
    let (scenario, options) = around(8, 1_000_000);
    let report = run(&scenario, &options);
    assert_eq!((report.findings, report.warnings), (vec![], vec![]));
}
