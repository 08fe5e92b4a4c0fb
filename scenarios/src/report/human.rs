//! The printed summary of a run.

mod work;

use super::latency::Latency;
use super::study;
use super::summary::{NodeReport, ObjectCounts, Replica, RunReport, Severity};
use super::table::{Cell, Colour, Table, Tone};
use super::units::{bytes, count, gbps, percent};
use super::verdict::Verdict;
use crate::spec::{Scenario, Topology};
use des::Dur;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The summary of `report`, several tables and a verdict.
#[must_use]
pub fn summary(scenario: &Scenario, report: &RunReport, colour: Colour) -> String {
    let mut out = heading(scenario, report, colour);
    for table in report.study.iter().flat_map(study::tables) {
        table.write(&mut out, colour);
    }
    for table in [
        objects_by_node(report),
        objects_by_kind(report),
        transfer(report),
        latency(report),
        work::operations(report),
        work::latency(report),
        completions(report),
        iommus(report),
        replicas(report),
        links(report),
        faults(report),
        captures(report),
        expectations(report),
    ] {
        table.write(&mut out, colour);
    }
    findings(report, &mut out, colour);
    out + &footer(report, report.verdict(&scenario.expect), colour)
}

/// The summary in one line.
#[must_use]
pub fn one_line(scenario: &Scenario, report: &RunReport, colour: Colour) -> String {
    format!(
        "{} {} seed {} hash {} simulated {} findings {}",
        verdict(report.verdict(&scenario.expect), colour),
        report.scenario,
        report.seed,
        report.trace_hash,
        Dur::from_ps(report.simulated_ps),
        report.breaches(),
    )
}

fn verdict(verdict: Verdict, colour: Colour) -> String {
    match verdict {
        Verdict::Pass => colour.paint(Tone::Good, "PASS"),
        Verdict::Unexpected | Verdict::Findings => colour.paint(Tone::Bad, "FAIL"),
    }
}

fn heading(scenario: &Scenario, report: &RunReport, colour: Colour) -> String {
    let cluster = &scenario.cluster;
    let mut out = format!("{}  {}\n", colour.paint(Tone::Bold, &report.scenario), scenario.about.description);
    let network = if report.is_real() {
        format!("on {}", report.backend)
    } else {
        // The rates of a topology file are its own.
        let is_file = matches!(cluster.topology, Topology::File { .. });
        let rate = if is_file { String::new() } else { format!(", {} Gb/s", cluster.rate_gbps) };
        format!("{}{rate}, MTU {}", cluster.topology.name(), cluster.mtu_bytes)
    };
    let nodes = report.study.as_ref().map_or(cluster.nodes.into(), |study| study.nodes);
    let _ = writeln!(out, "{nodes} nodes, {network}, NDK {}\n", scenario.provider.version);
    out
}

fn footer(report: &RunReport, outcome: Verdict, colour: Colour) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        let _ = writeln!(out, "{} {text}", colour.paint(Tone::Dim, &format!("{label:<11}")));
    };
    line("seed", report.seed.to_string());
    if !report.is_real() {
        line("trace hash", report.trace_hash.clone());
        line("simulated", format!("{} in {} events", Dur::from_ps(report.simulated_ps), count(report.events)));
    }
    line("wall time", format!("{:.3} s", report.wall_s));
    if report.cpu_s > 0.0 {
        line("processors", format!("{:.3} s, {} at most", report.cpu_s, bytes(report.peak_rss_bytes)));
    }
    if let Some(folder) = &report.run_folder {
        line("run folder", folder.clone());
    }
    let _ = writeln!(out, "{}", verdict(outcome, colour));
    out
}

/// A count that stands back if it is zero and stands out in `tone` if it is not.
fn toned_count(number: u64, tone: Tone) -> Cell {
    Cell::toned(count(number), if number == 0 { Tone::Dim } else { tone })
}

fn object_cells(counts: ObjectCounts) -> [Cell; 5] {
    let closed = if counts.open() > 0 { Tone::Bad } else { Tone::Plain };
    [
        toned_count(counts.inline, Tone::Plain),
        toned_count(counts.pending, Tone::Plain),
        toned_count(counts.offered, Tone::Plain),
        toned_count(counts.failed, Tone::Notable),
        toned_count(counts.closed, closed),
    ]
}

fn objects_by_node(report: &RunReport) -> Table {
    let headings = ["node", "consumer", ">inline", ">pending", ">offered", ">failed", ">closed", ">retries"];
    let mut table = Table::new("Objects by node", &headings);
    for node in &report.nodes {
        let mut row = vec![node.name.as_str().into(), node.style.name().into()];
        row.extend(object_cells(node.objects_total()));
        row.push(toned_count(node.retries, Tone::Plain));
        table.row(row);
    }
    table
}

fn objects_by_kind(report: &RunReport) -> Table {
    let mut kinds: BTreeMap<&str, ObjectCounts> = BTreeMap::new();
    for (kind, &counts) in report.nodes.iter().flat_map(|node| &node.objects) {
        let sum = kinds.entry(kind).or_default();
        *sum = sum.plus(counts);
    }
    let mut table = Table::new("Objects by kind", &["kind", ">inline", ">pending", ">offered", ">failed", ">closed"]);
    for (kind, counts) in kinds {
        let mut row = vec![kind.into()];
        row.extend(object_cells(counts));
        table.row(row);
    }
    table
}

fn transfer(report: &RunReport) -> Table {
    let mut table = Table::new("Transfer", &["node", ">messages", ">sent", ">received", ">goodput"]);
    for node in &report.nodes {
        table.row(vec![
            node.name.as_str().into(),
            count(node.messages).into(),
            bytes(node.bytes_sent).into(),
            bytes(node.bytes_received).into(),
            gbps(node.goodput_mbps).into(),
        ]);
    }
    table
}

fn latency(report: &RunReport) -> Table {
    let nodes = report.nodes.iter().map(|node| (node.name.as_str(), &node.latency));
    latencies("Latency, post to completion", "request", nodes)
}

/// A row for each kind of thing that was measured on each node.
fn latencies<'a>(
    title: &str,
    kind: &str,
    nodes: impl Iterator<Item = (&'a str, &'a BTreeMap<String, Latency>)>,
) -> Table {
    let mut table = Table::new(title, &["node", kind, ">count", ">min", ">p50", ">p90", ">p99", ">max"]);
    for (mut name, kinds) in nodes {
        for (kind, latency) in kinds.iter().filter(|(_, latency)| latency.count > 0) {
            let mut row: Vec<Cell> = vec![name.into(), kind.as_str().into(), count(latency.count).into()];
            let times = [latency.min_ps, latency.p50_ps, latency.p90_ps, latency.p99_ps, latency.max_ps];
            row.extend(times.map(|ps| Dur::from_ps(ps).to_string().into()));
            table.row(row);
            name = "";
        }
    }
    table
}

fn completions(report: &RunReport) -> Table {
    let statuses: BTreeMap<&str, ()> =
        report.nodes.iter().flat_map(|node| node.completions.keys()).map(|status| (status.as_str(), ())).collect();
    let mut headings = vec!["node".to_owned()];
    headings.extend(statuses.keys().map(|status| format!(">{status}")));
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new("Completions", &headings);
    let number = |node: &NodeReport, status: &str| {
        let tone = if status.ends_with("SUCCESS") { Tone::Plain } else { Tone::Notable };
        toned_count(node.completions.get(status).copied().unwrap_or(0), tone)
    };
    for node in report.nodes.iter().filter(|_| !statuses.is_empty()) {
        let mut row = vec![node.name.as_str().into()];
        row.extend(statuses.keys().map(|status| number(node, status)));
        table.row(row);
    }
    table
}

/// What lay between adapters and memory, where translations were looked up.
fn iommus(report: &RunReport) -> Table {
    let mut table = Table::new("IOMMU", &["node", ">pages at hand", ">looked up", ">DMA refused"]);
    for NodeReport { name, counters, .. } in &report.nodes {
        let number = |counter: &str| counters.get(counter).copied().unwrap_or(0);
        let [hits, misses, faults] = ["iotlb_hits", "iotlb_misses", "iommu_faults"].map(number);
        if hits + misses > 0 {
            table.row(vec![
                name.as_str().into(),
                count(hits).into(),
                count(misses).into(),
                toned_count(faults, Tone::Notable),
            ]);
        }
    }
    table
}

/// One row for each original; a copy that differs gets a row of its own.
fn replicas(report: &RunReport) -> Table {
    let mut originals: BTreeMap<&str, Vec<(&NodeReport, &Replica)>> = BTreeMap::new();
    for node in &report.nodes {
        for replica in &node.replicas {
            originals.entry(&replica.of).or_default().push((node, replica));
        }
    }
    let mut table = Table::new("Replicas", &["data of", ">bytes", "SHA-256", "copies on"]);
    for (of, copies) in originals {
        let (good, bad): (Vec<_>, Vec<_>) = copies.into_iter().partition(|(_, replica)| replica.ok);
        let row = |replica: &Replica, on: String, tone: Tone| {
            vec![of.into(), count(replica.bytes).into(), replica.sha256.as_str().into(), Cell::toned(on, tone)]
        };
        if let Some((_, replica)) = good.first() {
            let names: Vec<&str> = good.iter().map(|(node, _)| node.name.as_str()).collect();
            table.row(row(replica, format!("{} equal", names.join(" ")), Tone::Good));
        }
        for (node, replica) in bad {
            table.row(row(replica, format!("{} DIFFERS", node.name), Tone::Bad));
        }
    }
    table
}

fn links(report: &RunReport) -> Table {
    let mut table = Table::new("Links", &["link", ">frames", ">bytes", ">utilisation", ">drops", "reasons"]);
    for link in &report.links {
        let reasons: Vec<String> = link.drops.iter().map(|(reason, drops)| format!("{reason} {drops}")).collect();
        table.row(vec![
            link.name.as_str().into(),
            count(link.frames).into(),
            bytes(link.bytes).into(),
            percent(link.utilisation_permille).into(),
            toned_count(link.drops.values().sum(), Tone::Notable),
            reasons.join(", ").into(),
        ]);
    }
    table
}

fn faults(report: &RunReport) -> Table {
    let mut table = Table::new("Faults", &["row", ">fired", ">first at", "first hit"]);
    for fault in &report.faults {
        let first = fault.first_ps.map_or("-".to_owned(), |ps| Dur::from_ps(ps).to_string());
        let fired = Cell::toned(count(fault.fired), if fault.fired > 0 { Tone::Notable } else { Tone::Dim });
        let hit = fault.hit.as_deref().unwrap_or("not fired");
        table.row(vec![fault.text.as_str().into(), fired, first.into(), hit.into()]);
    }
    table
}

fn captures(report: &RunReport) -> Table {
    let mut table = Table::new("Captures", &["cable", ">frames", "file"]);
    for capture in &report.captures {
        table.row(vec![capture.link.as_str().into(), count(capture.frames).into(), capture.file.as_str().into()]);
    }
    table
}

fn expectations(report: &RunReport) -> Table {
    let mut table = Table::new("Expectations", &["", "expected", "seen"]);
    for expectation in &report.expectations {
        let mark = if expectation.ok { Cell::toned("ok", Tone::Good) } else { Cell::toned("FAILED", Tone::Bad) };
        table.row(vec![mark, expectation.text.as_str().into(), expectation.seen.as_str().into()]);
    }
    table
}

/// Findings as a compiler prints errors: what happened, where, and what led to it.
fn findings(report: &RunReport, out: &mut String, colour: Colour) {
    for finding in &report.findings {
        let tone = if finding.severity == Severity::Error { Tone::Bad } else { Tone::Bold };
        let head = format!("{}, {} at {}", finding.rule, finding.node, Dur::from_ps(finding.time_ps));
        let _ = writeln!(out, "{}", colour.paint(tone, &head));
        let _ = writeln!(out, "{}\n", finding.text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{judge, sample};

    fn sample_summary(colour: Colour) -> String {
        let (scenario, mut report) = (sample::scenario(), sample::report());
        report.expectations = judge(&scenario, &report);
        summary(&scenario, &report, colour)
    }

    #[test]
    fn the_summary_says_everything_and_ends_with_the_verdict() {
        let text = sample_summary(Colour::Off);
        for part in
            ["Objects by node", "Latency", "Replicas", "Links", "Faults", "seed", "00c0ffee00c0ffee", "93.45 Gb/s"]
        {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        assert!(text.ends_with("PASS\n"), "{text}");
        assert!(!text.contains('\x1b'));
        assert!(text.lines().all(|line| line.trim_end() == line), "blanks at the end of a line");
    }

    #[test]
    fn colour_changes_nothing_else() {
        let mut text = sample_summary(Colour::On);
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[1;31m"] {
            text = text.replace(code, "");
        }
        let trimmed: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        assert_eq!(trimmed, sample_summary(Colour::Off));
    }

    #[test]
    fn a_bad_copy_and_a_finding_are_shown() {
        let (scenario, mut report) = (sample::scenario(), sample::report());
        report.findings.push(sample::finding());
        report.nodes[1].replicas[0].ok = false;
        report.expectations = judge(&scenario, &report);
        let text = summary(&scenario, &report, Colour::Off);
        assert!(text.contains("node1 DIFFERS") && text.contains("R87, node2"), "{text}");
        assert!(text.ends_with("FAIL\n"));
        assert!(one_line(&scenario, &report, Colour::Off).starts_with("FAIL first-cluster seed 7 hash 00c0ffee"));
    }
}
