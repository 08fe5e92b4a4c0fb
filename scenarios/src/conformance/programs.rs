//! Random programs: what they did, and what they found of the healthy provider and of the broken ones.

use super::SimLab;
use crate::options::{Milestone, Progress};
use crate::report::Colour;
use crate::report::table::{Cell, Table, Tone};
use conformance::consumer::random::strength::{self, Sight};
use conformance::consumer::random::{Density, Series, run_many};
use conformance::ideal::IdealLab;
use conformance::{LabError, mutant};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the programs run over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Devices that do at once what they are told.
    #[default]
    Ideal,
    /// The simulated NIC with its driver.
    Simulated,
}

/// Which programs to run.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// How many.
    pub programs: u64,
    /// The seed of all.
    pub seed: u64,
    /// Over what.
    pub over: Over,
    /// Programs that each broken provider is given until its rule fires; zero: none is tried.
    pub against_each: u64,
}

/// What they came to.
#[derive(Debug)]
pub struct Report {
    order: Order,
    series: Series,
    sights: Vec<Sight>,
}

impl Report {
    /// Whether nothing was found of the healthy provider.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.series.failure.is_none()
    }

    /// Broken providers that a program found out, and those found by the rule that they name.
    fn found_out(&self) -> (usize, usize) {
        let count = |seen: fn(&Sight) -> bool| self.sights.iter().filter(|sight| seen(sight)).count();
        (count(|sight| sight.seen.is_some()), count(|sight| sight.named.is_some()))
    }
}

/// Runs them. The milestone's events are programs.
///
/// # Errors
/// If there is no bench.
pub fn run(order: Order, progress: &Progress) -> Result<Report, LabError> {
    let defects = if order.against_each > 0 { mutant::defects().collect::<Vec<_>>() } else { Vec::new() };
    // A broken provider is worth some programs of the bar.
    let worth = order.against_each.min(64);
    let whole = (order.programs + worth * defects.len() as u64).max(1);
    let tell = |done: u64| {
        progress.set(Milestone { events: done, simulated_ps: 0, permille: done * 1_000 / whole });
    };
    let series = match order.over {
        Over::Ideal => run_many(&IdealLab, order.seed, order.programs, tell)?,
        Over::Simulated => run_many(&SimLab, order.seed, order.programs, tell)?,
    };
    let mut sights = Vec::new();
    for (index, &defect) in defects.iter().enumerate() {
        tell(order.programs + worth * index as u64);
        sights.push(match order.over {
            Over::Ideal => strength::look(&IdealLab, defect, order.seed, order.against_each)?,
            Over::Simulated => strength::look(&SimLab, defect, order.seed, order.against_each)?,
        });
    }
    Ok(Report { order, series, sights })
}

/// A count, and how many that is for each program.
fn counted(count: u64, density: &Density) -> [Cell; 2] {
    let per_program = count as u128 * 100 / u128::from(density.programs.max(1));
    [count.to_string().into(), format!("{}.{:02}", per_program / 100, per_program % 100).into()]
}

/// Tables of what the programs did, and a line that says how it ended.
#[must_use]
pub fn human(report: &Report, colour: Colour) -> String {
    let mut out = String::new();
    functions(&report.series.density, &mut out, colour);
    kinds(&report.series.density, &mut out, colour);
    broken(report, &mut out, colour);
    let Density { programs, results, established, messages, .. } = report.series.density;
    let over = match report.order.over {
        Over::Ideal => "ideal devices",
        Over::Simulated => "the simulated NIC",
    };
    let _ = writeln!(
        out,
        "{programs} programs over {over}: {} calls, {results} results, {established} sides connected, {messages} messages \
         that arrived as sent",
        report.series.density.calls(),
    );
    match &report.series.failure {
        None => out.push_str("nothing found, by checker or model\n"),
        Some((number, program, outcome)) => {
            let seed = report.order.seed;
            let headline = format!("program {number} of seed {seed} went wrong; what is left of it:");
            let _ = writeln!(out, "{}\n{program}\n{}", colour.paint(Tone::Bad, &headline), outcome.wrong());
        }
    }
    if !report.sights.is_empty() {
        let (seen, named) = report.found_out();
        let _ = writeln!(
            out,
            "{seen} of {} broken providers found out without the suite, {named} by the rule that they name",
            report.sights.len(),
        );
    }
    out
}

fn functions(density: &Density, out: &mut String, colour: Colour) {
    let headings = &["function", ">calls", ">a program", ">pended", ">failed", ">hit by a fault"];
    let mut table = Table::new("Calls", headings).whole();
    for (kind, calls) in &density.functions {
        let mut row: Vec<Cell> = vec![kind.name().into()];
        row.extend(counted(calls.made, density));
        row.extend([calls.pended, calls.failed, calls.faulted].map(|count| match count {
            0 => Cell::toned("0", Tone::Dim),
            count => count.to_string().into(),
        }));
        table.row(row);
    }
    table.write(out, colour);
}

fn kinds(density: &Density, out: &mut String, colour: Colour) {
    for (title, rows) in [("Objects", &density.objects), ("Faults that fired", &density.faults)] {
        let mut table = Table::new(title, &["kind", ">count", ">a program"]);
        for (name, &count) in rows {
            let mut row: Vec<Cell> = vec![(*name).into()];
            row.extend(counted(count, density));
            table.row(row);
        }
        table.write(out, colour);
    }
    let _ = writeln!(out, "{} of {} planned faults fired\n", density.fired(), density.planned);
}

fn broken(report: &Report, out: &mut String, colour: Colour) {
    let headings = &["name", "rule", ">found by program", ">named by program", "model too"];
    let mut table = Table::new("Broken providers, random programs alone", headings).whole();
    for sight in &report.sights {
        let by = |number: Option<u64>| match number {
            Some(number) => Cell::toned(number.to_string(), Tone::Good),
            None => Cell::toned("-", Tone::Dim),
        };
        let entry = sight.defect.entry;
        let modelled = if sight.modelled { "yes" } else { "" };
        table.row(vec![
            entry.name.into(),
            entry.rule.to_string().into(),
            by(sight.seen),
            by(sight.named),
            modelled.into(),
        ]);
    }
    table.write(out, colour);
}

#[derive(Debug, Serialize)]
struct Object<'a> {
    programs: u64,
    seed: u64,
    over: Over,
    functions: BTreeMap<&'static str, [u64; 4]>,
    objects: &'a BTreeMap<&'static str, u64>,
    faults: &'a BTreeMap<&'static str, u64>,
    faults_planned: u64,
    results: u64,
    established: u64,
    messages: u64,
    failure: Option<Failure>,
    mutants: Vec<SightRow<'a>>,
    passed: bool,
}

#[derive(Debug, Serialize)]
struct Failure {
    number: u64,
    program: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct SightRow<'a> {
    name: &'a str,
    rule: String,
    found_by_program: Option<u64>,
    named_by_program: Option<u64>,
    modelled: bool,
}

/// The same as one JSON object, with a newline at its end. A function's four numbers: calls, pended, failed, hit by a fault.
///
/// # Panics
/// Never: all keys are strings.
#[must_use]
pub fn json(report: &Report) -> String {
    let density = &report.series.density;
    let mut functions = BTreeMap::new();
    for (kind, calls) in &density.functions {
        let row: &mut [u64; 4] = functions.entry(kind.name()).or_default();
        let more = [calls.made, calls.pended, calls.failed, calls.faulted];
        row.iter_mut().zip(more).for_each(|(own, more)| *own += more);
    }
    let object = Object {
        programs: density.programs,
        seed: report.order.seed,
        over: report.order.over,
        functions,
        objects: &density.objects,
        faults: &density.faults,
        faults_planned: density.planned,
        results: density.results,
        established: density.established,
        messages: density.messages,
        failure: report.series.failure.as_ref().map(|(number, program, outcome)| Failure {
            number: *number,
            program: program.to_string(),
            what: outcome.wrong(),
        }),
        mutants: report
            .sights
            .iter()
            .map(|sight| SightRow {
                name: sight.defect.entry.name,
                rule: sight.defect.entry.rule.to_string(),
                found_by_program: sight.seen,
                named_by_program: sight.named,
                modelled: sight.modelled,
            })
            .collect(),
        passed: report.passed(),
    };
    serde_json::to_string_pretty(&object).expect("all keys are strings") + "\n"
}
