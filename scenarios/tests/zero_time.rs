//! What happens does not depend on how long it takes: the whole library, with the adapters' times and without.
//!
//! Consumers may react to time: they try again when they were too early, and answer whoever comes first. What they end up with
//! is the same (unless a row of the plan stops a machine in the middle): bytes, statuses, objects and operations, what was tried again left out. That results come in the order of
//! the requests is a rule that the checker watches in both runs. Where a consumer's requests do not depend on time, the order
//! of all results on every queue pair is compared too.

use scenarios::report::{Expectation, NodeReport, RunReport, Severity, WorkReport};
use scenarios::spec::{NicTime, ScenarioFile};
use scenarios::{RunOptions, run};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/library");

/// Scenarios with consumers that post the same requests on every queue pair, whoever is early, and the first node of these.
/// The nodes before are servers, which answer in the order in which they are asked.
const SAME_ORDER: [(&str, usize); 3] = [("connection-storm", 1), ("creation-storm", 0), ("nvme-of", 1)];

/// The library's scenarios; those of folders are for measuring.
fn library() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(LIBRARY).expect("the library is a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml") && !stops_machines(path));
    files.sort();
    files
}

/// Whether rows of the plan are about machines: what their failures interrupt is a matter of time.
fn stops_machines(path: &Path) -> bool {
    let fault = ScenarioFile::load(path).expect("a scenario of the library").scenario.fault;
    !fault.device.is_empty() || !fault.host.is_empty()
}

fn report(path: &Path, time: NicTime) -> RunReport {
    let file = ScenarioFile::load(path).expect("a scenario of the library");
    let input = file.read_input(None).expect("its input").bytes.into();
    let mut scenario = file.scenario;
    scenario.nic.time = time;
    run(&scenario, &RunOptions { input, ..RunOptions::default() }).expect("the cluster")
}

/// What a node ends up with.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    copies: Vec<(String, String, bool)>,
    statuses: BTreeSet<String>,
    /// Queue pairs made and closed, without those tried again.
    balanced: bool,
    /// Operations, their bytes, comparisons right and wrong, tasks given up by status.
    work: Option<WorkReport>,
}

fn outcome(node: &NodeReport) -> Outcome {
    let objects = node.objects.values();
    Outcome {
        copies: node.replicas.iter().map(|copy| (copy.of.clone(), copy.sha256.clone(), copy.ok)).collect(),
        statuses: node.completions.keys().cloned().collect(),
        balanced: objects.into_iter().all(|made| made.inline + made.pending + made.offered == made.closed),
        work: node.work.as_ref().map(|work| WorkReport { latency: BTreeMap::new(), ..work.clone() }),
    }
}

#[test]
fn the_same_bytes_statuses_and_order_in_zero_time() {
    let files = library();
    let names: Vec<&str> = files.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    assert!(SAME_ORDER.iter().all(|(name, _)| names.contains(name)), "{names:?}");
    for (path, name) in files.iter().zip(&names) {
        let [timed, zero] = [NicTime::Timed, NicTime::Zero].map(|time| report(path, time));
        assert_ne!(timed.simulated_ps, zero.simulated_ps, "{name}: time differs");
        assert!(
            timed.expectations.iter().all(|expectation| expectation.ok || !expectation.text.ends_with("lost")),
            "{name}"
        );
        for run in [&timed, &zero] {
            let error = run.findings.iter().find(|finding| finding.severity == Severity::Error);
            assert!(error.is_none(), "{name}: {error:?}");
            // What a row with a time meets is a matter of time; and adapters that take none send faster than any line, so
            // that a pause comes too late for the switch's headroom.
            let timeless = |text: &str| text.starts_with("fault row ") || text.ends_with("frames lost");
            let met = |expectation: &Expectation| expectation.ok || timeless(&expectation.text);
            assert!(run.expectations.iter().all(met), "{name}: {:?}", run.expectations);
        }
        let same_from = SAME_ORDER.iter().find(|(known, _)| known == name).map_or(usize::MAX, |(_, node)| *node);
        for (index, (one, other)) in timed.nodes.iter().zip(&zero.nodes).enumerate() {
            assert_eq!(outcome(one), outcome(other), "{name}: {}", one.name);
            if index >= same_from {
                assert_eq!(one.order, other.order, "{name}: order of the results of {}", one.name);
            }
        }
    }
}
