//! The suite over the ideal devices: our engine conforms, and every broken provider is killed by the rule that it names.

use conformance::ideal::{BareLab, IdealLab};
use conformance::{Lab, mutant, verdict};

fn assert_conforms<L: Lab>(lab: &L) {
    let mut failed = Vec::new();
    for report in verdict::conforms(lab).expect("the lab has a bench") {
        if !report.passed() {
            let texts: Vec<&str> = report.found.iter().map(|found| found.text.as_str()).collect();
            let (name, creation, left) = (report.case.name, report.creation, report.unfinished);
            failed.push(format!("{name} ({creation:?}), {left} tasks left:\n{}", texts.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{} runs failed\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn our_engine_conforms() {
    assert_conforms(&IdealLab);
}

/// What an adapter lacks is refused as documented, and what needs it is left out.
#[test]
fn our_engine_conforms_where_the_devices_can_do_little() {
    assert_conforms(&BareLab);
}

#[test]
fn every_broken_provider_is_killed_by_its_rule() {
    let mut survived = Vec::new();
    for defect in mutant::defects() {
        let report = verdict::try_defect(&IdealLab, defect).expect("the ideal lab has a bench");
        if !report.killed() {
            survived.push(format!("{} ({}): {}", defect.entry.name, defect.entry.rule, report.labels().join(" ")));
        }
    }
    assert!(survived.is_empty(), "{} survived\n{}", survived.len(), survived.join("\n"));
}
