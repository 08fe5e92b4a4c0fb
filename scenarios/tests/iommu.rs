//! IOMMUs change what is reached and how long it takes, and nothing else.

use scenarios::report::{RunReport, Verdict};
use scenarios::spec::nic::Iommu;
use scenarios::spec::{NicTime, ScenarioFile};
use scenarios::{RunOptions, run};
use std::path::Path;

/// The library's scenario with IOMMUs that do this.
fn report(iommu: Iommu, time: NicTime) -> RunReport {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/iommu.toml");
    let mut scenario = ScenarioFile::load(&path).expect("the library's scenario").scenario;
    scenario.nic.iommu = Some(iommu);
    scenario.nic.time = time;
    let report = run(&scenario, &RunOptions::default()).expect("the cluster");
    let missed: Vec<_> = report.expectations.iter().filter(|line| !line.ok).collect();
    assert_eq!(report.verdict(&scenario.expect), Verdict::Pass, "{iommu:?}: {missed:#?}\n{:#?}", report.findings);
    report
}

fn total(report: &RunReport, counter: &str) -> u64 {
    report.nodes.iter().filter_map(|node| node.counters.get(counter)).sum()
}

#[test]
fn what_happens_is_the_same_with_and_without() {
    let [off, identity, translate] =
        [Iommu::Off, Iommu::Identity, Iommu::Translate].map(|iommu| report(iommu, NicTime::Timed));
    for other in [&identity, &translate] {
        for (one, node) in off.nodes.iter().zip(&other.nodes) {
            assert_eq!((&one.completions, &one.objects), (&node.completions, &node.objects), "{}", one.name);
            let counted = |node: &scenarios::report::NodeReport| {
                node.work.as_ref().map(|work| (work.operations, work.bytes, work.verified, work.wrong))
            };
            assert_eq!(counted(one), counted(node), "{}", one.name);
        }
        assert!(other.simulated_ps > off.simulated_ps, "walks take time");
        assert!(total(other, "iotlb_misses") > 0 && total(other, "iotlb_hits") > 0);
    }
    assert_eq!(total(&off, "iotlb_hits") + total(&off, "iotlb_misses"), 0);
    assert_eq!(total(&translate, "iommu_faults"), 0, "the driver maps all that its adapter uses");
    assert!(translate.simulated_ps > identity.simulated_ps, "drivers pay for mappings");
}

#[test]
fn adapters_without_time_reach_the_same() {
    let [off, translate] = [Iommu::Off, Iommu::Translate].map(|iommu| report(iommu, NicTime::Zero));
    assert_eq!(off.trace_hash, translate.trace_hash, "mappings cost nothing, and all else is the same");
}
