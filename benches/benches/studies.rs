//! Fabric studies: short versions of the workloads that speed is measured with, and what one pair of NICs does without a
//! fabric between them. Rates are packet-hops, packets or messages per second of wall time.
//!
//! Whole processes on the full workloads are what `docs/SPEED.md` quotes; these show where a change has its effect.

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use scenarios::spec::{Flows, Pattern, PayloadMode, Scenario, Workload};
use scenarios::{RunOptions, RunReport, Threads};
use std::num::NonZero;

/// A workload of the library, as it is there.
macro_rules! library {
    ($name:literal) => {
        ($name, include_str!(concat!("../../scenarios/library/speed/", $name, ".toml")))
    };
}

const WORKLOADS: [(&str, &str); 7] = [
    library!("w1"),
    library!("w2-1mb"),
    library!("w2-10mb"),
    library!("w3-k4"),
    library!("w3-k8"),
    library!("w3-k16"),
    library!("w4"),
];

/// Flows of the short versions have a part of their bytes, and begin for a part of the time.
const SHORTER: u64 = 20;

fn flows(scenario: &mut Scenario) -> &mut Flows {
    match &mut scenario.workload {
        Workload::Flows(flows) => flows,
        _ => panic!("the library's speed scenarios are fabric studies"),
    }
}

fn short(name: &str, text: &str) -> Scenario {
    let mut scenario = Scenario::parse(name, text).expect("the library is in order");
    match &mut flows(&mut scenario).pattern {
        Pattern::Incast { bytes } | Pattern::Permutation { bytes } => *bytes /= SHORTER,
        Pattern::Poisson { duration_us, .. } => *duration_us /= SHORTER,
        _ => panic!("{name} has a pattern"),
    }
    scenario
}

fn run(scenario: &Scenario, threads: u16) -> RunReport {
    let threads = NonZero::new(threads).map(Threads).unwrap_or_default();
    scenarios::run(scenario, &RunOptions { threads, ..RunOptions::default() }).expect("the study can be built")
}

fn packet_hops(report: &RunReport) -> u64 {
    report.study.as_ref().expect("a study").packet_hops
}

fn workloads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("study");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, text) in WORKLOADS {
        let mut scenario = short(name, text);
        group.throughput(Throughput::Elements(packet_hops(&run(&scenario, 1))));
        group.bench_function(BenchmarkId::new("elided", name), |bencher| bencher.iter(|| run(&scenario, 1)));
        flows(&mut scenario).payload = PayloadMode::Real;
        group.bench_function(BenchmarkId::new("real", name), |bencher| bencher.iter(|| run(&scenario, 1)));
    }
    let scenario = short("w3-k8", include_str!("../../scenarios/library/speed/w3-k8.toml"));
    group.throughput(Throughput::Elements(packet_hops(&run(&scenario, 1))));
    group.bench_function(BenchmarkId::new("two_threads", "w3-k8"), |bencher| bencher.iter(|| run(&scenario, 2)));
    group.finish();
}

/// Two NICs on one cable: no switch, so that all cost is the NICs', their bus and their drivers.
fn nics(criterion: &mut Criterion) {
    const MESSAGES: u64 = 20_000;
    const PACKETS: u64 = 4_096;
    let mut group = criterion.benchmark_group("nic");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let mut scenario = Scenario::parse("w1", include_str!("../../scenarios/library/speed/w1.toml")).expect("in order");
    let mut set = |message_bytes: u32, window_messages: u32, bytes: u64| {
        let pattern = Pattern::Incast { bytes };
        let flows = flows(&mut scenario);
        *flows = Flows { message_bytes, window_messages, pattern, ..flows.clone() };
        scenario.clone()
    };
    for (name, message_bytes) in [("write_8_bytes", 8), ("write_1_packet", 4_096)] {
        let small = set(message_bytes, 128, MESSAGES * u64::from(message_bytes));
        group.throughput(Throughput::Elements(MESSAGES));
        group.bench_function(BenchmarkId::new("messages", name), |bencher| bencher.iter(|| run(&small, 1)));
    }
    let large = set(1 << 20, 4, PACKETS * 4_096);
    group.throughput(Throughput::Elements(PACKETS));
    group.bench_function(BenchmarkId::new("packets", "write_1_mib"), |bencher| bencher.iter(|| run(&large, 1)));
    group.finish();
}

criterion_group!(benches, workloads, nics);
criterion_main!(benches);
