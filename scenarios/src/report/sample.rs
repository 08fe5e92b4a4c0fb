//! A report as a run of four nodes might give it, for the tests of this folder.

use super::*;
use crate::spec::{Cluster, Scenario};
use des::Dur;
use std::collections::BTreeMap;

pub(super) fn scenario() -> Scenario {
    let mut scenario = Scenario::named("first-cluster");
    scenario.about.description = "Four nodes replicate a file to each other".to_owned();
    scenario.cluster.nodes = 4;
    scenario
}

pub(super) fn finding() -> Finding {
    Finding {
        rule: "R87".into(),
        severity: Severity::Error,
        side: "provider".into(),
        node: "node2".to_owned(),
        object: "cq 14".to_owned(),
        time_ps: Dur::from_us(412).as_ps(),
        text: "the close completed while the notification callback of 411.200 us was running".to_owned(),
    }
}

pub(super) fn report() -> RunReport {
    let scenario = scenario();
    RunReport {
        scenario: scenario.about.name.clone(),
        seed: 7,
        trace_hash: "00c0ffee00c0ffee".to_owned(),
        simulated_ps: Dur::from_us(2_345).as_ps(),
        wall_s: 0.123_456,
        events: 234_567,
        nodes: (0..4).map(node).collect(),
        links: scenario.cluster.cables().iter().flat_map(|cable| cable.links()).map(link).collect(),
        faults: vec![
            FaultRow {
                id: "create-1".to_owned(),
                must_fire: false,
                text: "node1: qp create 2 fail INSUFFICIENT_RESOURCES".to_owned(),
                fired: 1,
                first_ps: Some(Dur::from_us(12).as_ps()),
                hit: Some("NdkCreateQp on pd 3".to_owned()),
            },
            FaultRow {
                id: "wire-1".to_owned(),
                must_fire: false,
                text: "node0->switch: drop frame 40".to_owned(),
                fired: 1,
                first_ps: Some(Dur::from_us(812).as_ps()),
                hit: Some("RC WRITE MIDDLE psn 1204".to_owned()),
            },
        ],
        run_folder: Some("runs/first-cluster-7".to_owned()),
        ..RunReport::default()
    }
}

fn node(index: u16) -> NodeReport {
    let name = Cluster::node_name(index);
    let style = if index.is_multiple_of(2) { ConsumerStyle::Async } else { ConsumerStyle::Callbacks };
    let mut latencies = LatencyRecorder::new();
    (0..1_000).for_each(|us| latencies.record(Dur::from_us(us % 97 + 12)));
    let counts = |inline, pending, failed| {
        let created = ObjectCounts { inline, pending, failed, ..ObjectCounts::default() };
        ObjectCounts { closed: created.created(), ..created }
    };
    NodeReport {
        style,
        objects: BTreeMap::from([
            ("pd".to_owned(), counts(1, 0, 0)),
            ("cq".to_owned(), counts(0, 3, 0)),
            ("qp".to_owned(), counts(0, 6, u64::from(index == 1))),
        ]),
        retries: u64::from(index == 1),
        messages: 1_234 + u64::from(index),
        bytes_sent: 3 << 20,
        bytes_received: 3 << 20,
        goodput_mbps: 93_456,
        latency: ["read", "send", "write"].map(|kind| (kind.to_owned(), latencies.report())).into(),
        counters: BTreeMap::new(),
        order: "0123456789abcdef".to_owned(),
        completions: BTreeMap::from([("STATUS_SUCCESS".to_owned(), 1_234), ("STATUS_CANCELLED".to_owned(), 16)]),
        replicas: (0..4).filter(|&of| of != index).map(replica).collect(),
        work: None,
        name,
    }
}

fn replica(of: u16) -> Replica {
    Replica { of: Cluster::node_name(of), bytes: 1 << 20, sha256: format!("{of:x}").repeat(64), ok: true }
}

fn link(name: String) -> LinkReport {
    let drops = if name == "node0->switch" { BTreeMap::from([("fault".to_owned(), 1)]) } else { BTreeMap::new() };
    LinkReport { name, utilisation_permille: 934, frames: 1_544, bytes: 3_333_333, drops, ..LinkReport::default() }
}
