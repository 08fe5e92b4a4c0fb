//! IOMMUs change what is reached and how long it takes, and nothing else.

use scenarios::report::{RunReport, Verdict};
use scenarios::spec::nic::Iommu;
use scenarios::spec::{NicTime, ScenarioFile};
use scenarios::{RunOptions, run};
use std::path::Path;

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/library");

/// The library's scenario with IOMMUs that do this.
fn report(iommu: Iommu) -> RunReport {
    let path = Path::new(LIBRARY).join("iommu.toml");
    let mut scenario = ScenarioFile::load(&path).expect("the library's scenario").scenario;
    scenario.nic.iommu = Some(iommu);
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
    let [off, identity, translate] = [Iommu::Off, Iommu::Identity, Iommu::Translate].map(report);
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

/// Without time mappings cost nothing. Then all else must be the same, event by event, in every scenario of the library.
#[test]
fn in_zero_time_not_even_the_order_of_events_differs() {
    let folder = std::fs::read_dir(LIBRARY).expect("the library is a folder");
    let paths = folder.map(|entry| entry.expect("the folder can be read").path());
    let files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(files.len() >= 15, "{files:?}");
    for path in files {
        let file = ScenarioFile::load(&path).expect("a scenario of the library");
        let input: bytes::Bytes = file.read_input(None).expect("its input").bytes.into();
        let [off, translate] = [Iommu::Off, Iommu::Translate].map(|iommu| {
            let mut scenario = file.scenario.clone();
            (scenario.nic.iommu, scenario.nic.time) = (Some(iommu), NicTime::Zero);
            let options = RunOptions { input: input.clone(), ..RunOptions::default() };
            run(&scenario, &options).expect("the cluster").trace_hash
        });
        assert_eq!(off, translate, "{}", path.display());
    }
}
