//! Whether a run was what its scenario expected.

use super::summary::{Expectation, RunReport, WorkReport};
use super::units;
use crate::spec::{Expect, Scenario, Workload};
use des::Dur;
use std::collections::BTreeSet;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything expected was seen.
    Pass,
    /// Something else than the number of findings was not as expected.
    Unexpected,
    /// The checkers found more, or less, than the scenario expects.
    Findings,
}

impl Verdict {
    /// The exit status of the command line.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Unexpected => 1,
            Self::Findings => 3,
        }
    }
}

/// The lines of `[expect]` against what the run found out.
#[must_use]
pub fn judge(scenario: &Scenario, report: &RunReport) -> Vec<Expectation> {
    let expect = &scenario.expect;
    let mut lines = vec![exactly("findings", expect.findings, report.breaches())];
    if expect.all_closed {
        let open: u64 = report.nodes.iter().map(|node| node.objects_total().open()).sum();
        lines.push(line("every object is closed", open == 0, counted(open, "still open")));
    }
    if matches!(scenario.workload, Workload::Replicate(_)) {
        lines.extend(replicas(expect, report));
    } else {
        lines.extend(work(expect, report));
    }
    if expect.all_faults_fire {
        let idle = report.faults.iter().filter(|row| row.fired == 0).count() as u64;
        lines.push(line("every fault row fires", idle == 0, counted(idle, "did not")));
    }
    lines.extend(demanded(report));
    if let Some(most) = expect.drops_max {
        let drops = report.links.iter().flat_map(|link| link.drops.values()).sum();
        lines.push(line(format!("at most {} frames lost", units::count(most)), drops <= most, units::count(drops)));
    }
    if let Some(least) = expect.pauses_min {
        let pauses = report.links.iter().map(|link| link.pauses).sum();
        let text = format!("at least {} pause frames", units::count(least));
        lines.push(line(text, pauses >= least, units::count(pauses)));
    }
    if let Some(gbps) = expect.goodput_gbps_min {
        let least = report.nodes.iter().map(|node| node.goodput_mbps).min().unwrap_or(0);
        let ok = least >= u64::from(gbps) * 1_000;
        lines.push(line(format!("goodput at least {gbps} Gb/s on every node"), ok, units::gbps(least)));
    }
    lines.extend(in_time(expect, report));
    lines
}

/// The rows that must strike.
fn demanded(report: &RunReport) -> impl Iterator<Item = Expectation> {
    report.faults.iter().filter(|row| row.must_fire).map(|row| {
        line(format!("fault row {} fires", row.id), row.fired > 0, format!("{} times", units::count(row.fired)))
    })
}

fn replicas(expect: &Expect, report: &RunReport) -> Option<Expectation> {
    let replicas = || report.nodes.iter().flat_map(|node| &node.replicas);
    let broken = replicas().filter(|replica| !replica.ok).count() as u64;
    let ok = broken == 0 && replicas().next().is_some();
    let seen = if broken > 0 { counted(broken, "differ") } else { counted(replicas().count() as u64, "compared") };
    expect.replicas_intact.then(|| line("every copy equals its original", ok, seen))
}

/// The lines of a workload that is counted in operations.
fn work(expect: &Expect, report: &RunReport) -> Vec<Expectation> {
    let sum =
        |of: fn(&WorkReport) -> u64| report.nodes.iter().filter_map(|node| node.work.as_ref()).map(of).sum::<u64>();
    let mut lines = Vec::new();
    if expect.data_right {
        let (wrong, verified) = (sum(|work| work.wrong), sum(|work| work.verified));
        let seen = if wrong > 0 { counted(wrong, "wrong") } else { counted(verified, "compared") };
        lines.push(line("all data is right", wrong == 0, seen));
    }
    if let Some(least) = expect.operations_min {
        let done = sum(|work| work.operations);
        lines.push(line(format!("at least {} operations", units::count(least)), done >= least, units::count(done)));
    }
    let (most, gave_up) = (expect.gave_up_max, sum(|work| work.gave_up.values().sum()));
    let text = if most == 0 {
        "no task is given up".to_owned()
    } else {
        format!("at most {} tasks given up", units::count(most))
    };
    lines.push(line(text, gave_up <= most, units::count(gave_up)));
    lines.extend(gave_up_with(expect, report));
    lines
}

/// Which statuses tasks are given up with.
fn gave_up_with(expect: &Expect, report: &RunReport) -> Option<Expectation> {
    let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
    let expected: BTreeSet<String> = expect.gave_up_with.iter().map(ToString::to_string).collect();
    let work = report.nodes.iter().filter_map(|node| node.work.as_ref());
    let met: BTreeSet<String> = work.flat_map(|work| work.gave_up.keys().cloned()).collect();
    let seen = if met.is_empty() { "none is given up".to_owned() } else { names(&met) };
    (!expected.is_empty()).then(|| line(format!("tasks are given up with {}", names(&expected)), met == expected, seen))
}

/// The same for a fabric study: the lines that it can have.
#[must_use]
pub fn judge_study(expect: &Expect, report: &RunReport) -> Vec<Expectation> {
    let mut lines = vec![exactly("findings", expect.findings, report.breaches())];
    if let (Some(most), Some(study)) = (expect.drops_max, &report.study) {
        let (ok, seen) = (study.drops <= most, units::count(study.drops));
        lines.push(line(format!("at most {} frames lost", units::count(most)), ok, seen));
    }
    if let (Some(least), Some(study)) = (expect.pauses_min, &report.study) {
        let pauses = study.pauses_sent + study.adapter_pauses_sent;
        lines.push(line(format!("at least {} pauses", units::count(least)), pauses >= least, units::count(pauses)));
    }
    lines.extend(in_time(expect, report));
    lines
}

fn in_time(expect: &Expect, report: &RunReport) -> Option<Expectation> {
    let (most, took) = (Dur::from_us(expect.simulated_us_max?), Dur::from_ps(report.simulated_ps));
    Some(line(format!("done within {most}"), took <= most, took.to_string()))
}

impl RunReport {
    /// How the run ends, given what `judge` said of it.
    #[must_use]
    pub fn verdict(&self, expect: &Expect) -> Verdict {
        if self.breaches() != expect.findings {
            Verdict::Findings
        } else if self.expectations.iter().all(|expectation| expectation.ok) {
            Verdict::Pass
        } else {
            Verdict::Unexpected
        }
    }
}

fn line(text: impl Into<String>, ok: bool, seen: impl Into<String>) -> Expectation {
    Expectation { text: text.into(), seen: seen.into(), ok }
}

fn exactly(what: &str, expected: u64, seen: u64) -> Expectation {
    let text = if expected == 0 { format!("no {what}") } else { format!("exactly {} {what}", units::count(expected)) };
    line(text, seen == expected, units::count(seen))
}

fn counted(number: u64, what: &str) -> String {
    format!("{} {what}", units::count(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The verdict on the sample after `change`.
    fn after(expect: &Expect, change: impl FnOnce(&mut RunReport)) -> Verdict {
        let mut report = sample::report();
        change(&mut report);
        let scenario = Scenario { expect: expect.clone(), ..Scenario::named("sample") };
        report.expectations = judge(&scenario, &report);
        report.verdict(expect)
    }

    #[test]
    fn each_expectation_can_fail() {
        let expect = Expect {
            all_faults_fire: true,
            drops_max: Some(1),
            goodput_gbps_min: Some(10),
            simulated_us_max: Some(10_000),
            ..Expect::default()
        };
        assert_eq!(after(&expect, |_| ()), Verdict::Pass);
        let changes: [fn(&mut RunReport); 7] = [
            |report| report.nodes[1].objects.get_mut("qp").expect("in the sample").closed -= 1,
            |report| report.nodes[1].replicas[0].ok = false,
            |report| report.nodes.iter_mut().for_each(|node| node.replicas.clear()),
            |report| report.faults[0].fired = 0,
            |report| report.links[0].drops.values_mut().for_each(|drops| *drops += 1),
            |report| report.nodes[2].goodput_mbps = 9_999,
            |report| report.simulated_ps = Dur::from_ms(11).as_ps(),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_eq!(after(&expect, change), Verdict::Unexpected, "change {index}");
        }
    }

    #[test]
    fn findings_come_before_everything_else() {
        let finding = sample::finding();
        let breach = |report: &mut RunReport| {
            report.findings.push(finding.clone());
            report.nodes[0].replicas[0].ok = false;
        };
        assert_eq!(after(&Expect::default(), breach), Verdict::Findings);
        let planted = Expect { findings: 1, ..Expect::default() };
        assert_eq!(after(&planted, |report| report.findings.push(finding.clone())), Verdict::Pass);
        assert_eq!(after(&planted, |_| ()), Verdict::Findings, "an expected breach that is not found is a failure");
    }
}
