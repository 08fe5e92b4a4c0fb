//! `sweep` and `merge`: many seeds and parameters, over all processors and over machines.

mod print;

use super::answer::{Answer, CommandError};
use super::clock::Stopwatch;
use super::target::{self, words};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scenarios::RunOptions;
use scenarios::report::Versions;
use scenarios::spec::ScenarioFile;
use scenarios::sweep::{Case, Outcome, Seeds, Setting, Shard, Sweep, SweepReport, Values, junit, pool, summary, vary};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

#[derive(Debug, Args)]
pub(super) struct SweepArguments {
    /// The scenario file
    file: PathBuf,
    /// The seeds: 0..100 (without 100), 1..=100 or 7 [default: the scenario's]
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
    /// Another value for a key of the scenario in every case; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Values of a key to be tried, each with every seed; may be repeated
    #[arg(long = "range", value_name = "KEY=A,B,C")]
    ranges: Vec<Values>,
    /// The file that the workload works on, instead of the scenario's
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Cases side by side [default: one a processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// End with the first failure
    #[arg(long, conflicts_with = "collect")]
    fail_fast: bool,
    /// Run every case, whatever fails (the default)
    #[arg(long)]
    collect: bool,
    /// Run only this part of the cases, such as 1/4; `rnic merge` joins them
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Write sweep.json here, or sweep-I-of-N.json of a shard
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
pub(super) struct MergeArguments {
    /// The results of all shards, as `rnic sweep --shard --out` wrote them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the joined results to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

/// How results are given back.
#[derive(Debug, Args)]
struct Form {
    /// Print one JSON object and nothing else on standard output
    #[arg(long)]
    json: bool,
    /// Write JUnit XML to this file, for CI systems
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Runs the cases and tells what became of them.
pub(super) fn sweep(arguments: &SweepArguments) -> Result<Answer, CommandError> {
    let file = ScenarioFile::load(&arguments.file)?;
    let options = target::options(&file, arguments.input.as_deref())?;
    let sweep = Sweep {
        seeds: arguments.seeds.unwrap_or(Seeds::one(file.scenario.about.seed)),
        fixed: arguments.settings.clone(),
        ranges: arguments.ranges.clone(),
    };
    // What is wrong with a value of a range is said before anything runs.
    sweep.choices().try_for_each(|settings| vary::apply(&file, &settings).map(drop))?;
    let shard = arguments.shard.unwrap_or(Shard::WHOLE);
    let cases: Vec<Case> = sweep.cases(shard).collect();
    let stopwatch = Stopwatch::start();
    let outcomes = outcomes(arguments, &file, &options, &cases);
    let report = SweepReport {
        format: summary::FORMAT,
        versions: Versions::default(),
        scenario: file.scenario.about.name.clone(),
        fingerprint: fingerprint(&file, &options, &sweep),
        total: sweep.total(),
        shards: vec![shard.to_string()],
        wall_us: u64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX),
        outcomes,
    };
    if let Some(folder) = &arguments.out {
        fs::create_dir_all(folder).map_err(CommandError::writing(folder))?;
        let name = match arguments.shard {
            Some(Shard { index, of }) => format!("sweep-{index}-of-{of}.json"),
            None => "sweep.json".to_owned(),
        };
        write_json(&folder.join(name), &report)?;
    }
    present(&report, &arguments.form)
}

fn outcomes(arguments: &SweepArguments, file: &ScenarioFile, options: &RunOptions, cases: &[Case]) -> Vec<Outcome> {
    let jobs = arguments.jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN);
    let bar = ProgressBar::new(cases.len() as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} cases  {elapsed}  {msg}");
    bar.set_style(style.expect("the template's keys are indicatif's"));
    let work = |case: &Case| {
        let mut outcome = Outcome::of(case, vary::apply(file, &case.settings), options);
        outcome.command = words("run", &file.path, Some(case.seed), &outcome.settings, arguments.input.as_deref());
        if !outcome.passed() {
            bar.set_message(format!("seed {} failed", case.seed));
        }
        bar.inc(1);
        outcome
    };
    let outcomes = pool::for_each(cases, jobs, work, |outcome| arguments.fail_fast && !outcome.passed());
    bar.finish_and_clear();
    outcomes
}

/// What all shards of a sweep have in common.
fn fingerprint(file: &ScenarioFile, options: &RunOptions, sweep: &Sweep) -> String {
    let mut hash = Sha256::new();
    for part in
        [file.text.as_bytes(), &options.input, options.topology.text.as_bytes(), format!("{sweep:?}").as_bytes()]
    {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Joins the results of shards.
pub(super) fn merge(arguments: &MergeArguments) -> Result<Answer, CommandError> {
    let read = |path: &PathBuf| -> Result<(String, SweepReport), CommandError> {
        let text = fs::read(path).map_err(CommandError::reading(path))?;
        let report = serde_json::from_slice(&text).map_err(|error| CommandError::Option {
            message: format!("{} is not the result of a sweep: {error}", path.display()),
            remedy: "name the files that `rnic sweep --shard I/N --out FOLDER` wrote".to_owned(),
        })?;
        Ok((path.display().to_string(), report))
    };
    let shards = arguments.files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let report = SweepReport::merge(shards).map_err(|error| CommandError::Option {
        message: error.to_string(),
        remedy: "name each shard of one sweep once".to_owned(),
    })?;
    if let Some(path) = &arguments.out {
        write_json(path, &report)?;
    }
    present(&report, &arguments.form)
}

fn write_json(path: &Path, report: &SweepReport) -> Result<(), CommandError> {
    let text = serde_json::to_vec_pretty(report).expect("a report has string keys and integers");
    fs::write(path, text).map_err(CommandError::writing(path))
}

fn present(report: &SweepReport, form: &Form) -> Result<Answer, CommandError> {
    if let Some(path) = &form.junit {
        fs::write(path, junit::document(report)).map_err(CommandError::writing(path))?;
    }
    let out = if form.json {
        serde_json::to_string(report).expect("a report has string keys and integers") + "\n"
    } else {
        print::summary(report)
    };
    Ok(Answer { out, err: print::failures(report), status: report.exit_status() })
}
