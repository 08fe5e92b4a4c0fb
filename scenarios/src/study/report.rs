//! A study becomes a report.

use super::counted;
use super::ideal::Ideal;
use super::sending::Ended;
use super::traffic::Planned;
use super::world::World;
use crate::report::study::{FlowReport, PrioritySlowdown, Slowdown, StudyReport};
use crate::report::{Finding, RunReport, Severity, Versions, judge_study};
use crate::spec::{Cluster, Flows, Scenario};
use crate::{standstill, switches};
use des::Time;
use fabric::Topology;
use provider::ndk::Status;

pub(super) fn report(
    scenario: &Scenario,
    flows: &Flows,
    topology: &Topology,
    planned: &[Planned],
    world: World,
) -> RunReport {
    let tally = world.tally();
    let study = counted::devices(topology, &world, tally);
    let trace_hash = world.trace_hash().to_string();
    let World { parts, ended, timed_out, standstill, .. } = world;
    // Nobody has anything left to ask of the devices: the flows' rows take their place in memory.
    drop(parts);
    let why = match (&standstill, timed_out) {
        (Some(_), _) => "switches wait for each other",
        (None, true) => "the time limit was reached",
        (None, false) => "nothing is left to happen",
    };
    let deadlock = standstill.map(|standstill| standstill::finding(&standstill, tally.last));
    let findings = deadlock.into_iter().chain(findings(planned, &ended, why, tally.last)).collect();
    let rows = flow_reports(scenario, flows, topology, planned, &ended);
    let mut report = RunReport {
        scenario: scenario.about.name.clone(),
        versions: Versions::default(),
        seed: scenario.about.seed,
        trace_hash,
        simulated_ps: tally.last.since(Time::ZERO).as_ps(),
        events: tally.events,
        findings,
        study: Some(StudyReport {
            slowdown: Slowdown::by_size(&rows),
            slowdown_by_priority: PrioritySlowdown::by_priority(&rows),
            flows: rows,
            ..study
        }),
        ..RunReport::default()
    };
    report.expectations = judge_study(&scenario.expect, &report);
    report
}

/// What became of each flow, in the order of the plan.
fn flow_reports(
    scenario: &Scenario,
    flows: &Flows,
    topology: &Topology,
    planned: &[Planned],
    ended: &[Option<Ended>],
) -> Vec<FlowReport> {
    let ideal = Ideal::new(
        topology,
        switches::config(scenario).forwarding_latency,
        scenario.cluster.mtu_bytes,
        flows.message_bytes,
    );
    let row = |(flow, ended): (&Planned, &Option<Ended>)| FlowReport {
        from: flow.from,
        to: flow.to,
        bytes: flow.bytes,
        priority: flow.priority,
        start_ps: ended.map_or(flow.start, |ended| ended.began).as_ps(),
        ideal_ps: ideal.completion(flow).as_ps(),
        completion_ps: ended
            .filter(|ended| ended.status == Status::SUCCESS)
            .map(|ended| ended.at.since(ended.began).as_ps()),
    };
    planned.iter().zip(ended).map(row).collect()
}

/// Most flows that have a finding each: a run of millions that ends early has millions.
const FINDINGS_MAX: usize = 1_000;

/// Flows that failed, and flows that never ended.
fn findings(planned: &[Planned], ended: &[Option<Ended>], why: &str, last: Time) -> Vec<Finding> {
    let finding = |rule: &'static str, flow: &Planned, time: Time, text: String| Finding {
        rule: rule.into(),
        severity: Severity::Error,
        side: "nic".into(),
        node: Cluster::node_name(flow.from as u16),
        object: String::new(),
        time_ps: time.as_ps(),
        text,
    };
    let mut judged = (0..).zip(planned.iter().zip(ended)).filter_map(|(number, (flow, ended)): (u32, _)| match ended {
        Some(ended) if ended.status == Status::SUCCESS => None,
        Some(ended) => Some(finding("flow", flow, ended.at, format!("flow {number} ended with {}", ended.status))),
        None => Some(finding("progress", flow, last, format!("flow {number} has not ended, and {why}"))),
    });
    let mut findings: Vec<Finding> = judged.by_ref().take(FINDINGS_MAX).collect();
    if let Some(next) = judged.next() {
        let text = format!("{} more flows have failed or have not ended", judged.count() + 1);
        findings.push(Finding { text, ..next });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_beyond_the_limit_are_counted() {
        let flow = Planned { from: 0, to: 1, bytes: 1, priority: 3, start: Time::ZERO, step: None };
        let texts = |flows: usize| {
            let found = findings(&vec![flow; flows], &vec![None; flows], "time is up", Time::ZERO);
            (found.len(), found.last().map(|finding| finding.text.clone()).unwrap_or_default())
        };
        assert_eq!(texts(FINDINGS_MAX), (FINDINGS_MAX, "flow 999 has not ended, and time is up".to_owned()));
        let more = "2 more flows have failed or have not ended".to_owned();
        assert_eq!(texts(FINDINGS_MAX + 2), (FINDINGS_MAX + 1, more));
    }
}
