//! `verify` and `replay`: whether a run is the same again.

use super::answer::{Answer, CommandError, colour};
use super::clock::Stopwatch;
use super::target::{self, Target, words};
use super::{folder, progress};
use clap::Args;
use scenarios::record::{Record, Watch, Window};
use scenarios::repeat::{Parting, Repetition, repeat};
use scenarios::report::human;
use scenarios::report::table::{Table, Tone};
use scenarios::spec::{Scenario, Workload};
use scenarios::{Progress, RunOptions, Threads};
use std::fmt::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

/// A run was not the same twice.
const UNSTEADY: u8 = 4;
/// Records shown before and after the first difference.
const SHOWN: usize = 6;

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    target: Target,
    /// More scenario files or run folders
    #[arg(value_name = "FILE")]
    more: Vec<PathBuf>,
    /// Fabric studies: threads of each run. Others: runs side by side, each in a thread of its own
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values = ["1", "2", "4"])]
    threads: Vec<NonZero<u16>>,
    /// How often
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    repeat: u32,
    /// A flaw for the test of this command: from this time on, node 1 is not the same twice
    #[arg(long, hide = true, value_name = "TIME", value_parser = target::moment)]
    plant_flaw: Option<des::Time>,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The run folder
    folder: PathBuf,
    /// Write recording, timeline and the report's plots into the folder
    #[arg(long)]
    record: bool,
}

/// Repeats the runs of one file or more, and compares.
pub(super) fn all(arguments: &VerifyArguments) -> Result<Answer, CommandError> {
    let mut answer = verify(arguments, &arguments.target)?;
    for file in &arguments.more {
        let next = verify(arguments, &arguments.target.with_file(file))?;
        answer.out += &next.out;
        answer.err += &next.err;
        answer.status = answer.status.max(next.status);
    }
    Ok(answer)
}

fn verify(arguments: &VerifyArguments, target: &Target) -> Result<Answer, CommandError> {
    let (scenario, mut options) = target.load()?;
    let mut answer = if matches!(scenario.workload, Workload::Flows(_)) {
        study(arguments, &scenario, &options)?
    } else {
        options.watch.unsteady = arguments.plant_flaw;
        let repetition = repeat(&scenario, &options, &arguments.threads, arguments.repeat)?;
        tell(&scenario, &repetition)
    };
    if answer.status != 0 {
        answer.err = target.command("verify", scenario.about.seed) + "\n";
    }
    Ok(answer)
}

/// Fabric studies run on several threads themselves.
fn study(arguments: &VerifyArguments, scenario: &Scenario, options: &RunOptions) -> Result<Answer, CommandError> {
    let times = arguments.threads.len() * arguments.repeat as usize;
    let threads = arguments.threads.iter().cycle().take(times).map(|&threads| Threads(threads));
    let agreements = scenarios::verify(scenario, options, threads)?;
    let mut table = Table::new("Runs", &[">threads", "trace hash", "difference"]);
    for agreement in &agreements {
        let difference = agreement.difference.map_or_else(|| "none".to_owned(), |difference| difference.to_string());
        let threads = agreement.threads.0.to_string();
        table.row(vec![threads.into(), agreement.trace_hash.clone().into(), difference.into()]);
    }
    let mut answer = Answer::text(format!("{} seed {}\n", scenario.about.name, scenario.about.seed));
    table.write(&mut answer.out, colour(&io::stdout()));
    conclude(&mut answer, agreements.iter().all(|agreement| agreement.difference.is_none()));
    Ok(answer)
}

fn conclude(answer: &mut Answer, same: bool) {
    let (tone, word) = if same { (Tone::Good, "PASS") } else { (Tone::Bad, "FAIL") };
    let _ = writeln!(answer.out, "{}", colour(&io::stdout()).paint(tone, word));
    answer.status = if same { 0 } else { UNSTEADY };
}

fn tell(scenario: &Scenario, repetition: &Repetition) -> Answer {
    let mut answer = Answer::default();
    let Repetition { runs, trace_hash, parting } = repetition;
    let _ = write!(answer.out, "{} seed {}: {runs} runs", scenario.about.name, scenario.about.seed);
    match parting {
        None => {
            let _ = writeln!(answer.out, ", each with trace hash {trace_hash} and the same report");
        }
        Some(parting) => {
            let _ = writeln!(answer.out, "; the first has trace hash {trace_hash}, the last {}", parting.trace_hash);
            answer.out += &parted(scenario, parting);
        }
    }
    conclude(&mut answer, parting.is_none());
    answer
}

/// The first block that differs, and what happened there in both runs.
fn parted(scenario: &Scenario, parting: &Parting) -> String {
    let Some(block) = parting.block else {
        return "all events are equal: only the reports differ\n".to_owned();
    };
    let nodes = usize::from(scenario.cluster.nodes);
    let place = match block.place.checked_sub(nodes) {
        None => format!("node{}", block.place),
        Some(switch) => format!("switch{switch}"),
    };
    let mut out =
        format!("{place} differs first, in block {}, between {} and {}\n\n", block.block, block.from, block.to);
    let (Some(records), Some(at)) = (&parting.records, parting.first_unequal()) else {
        out += "the difference did not show again while it was recorded\n";
        return out;
    };
    for (title, records) in ["One run", "The other run"].into_iter().zip(records) {
        let mut table = Table::new(title, &["", ">time", "event"]);
        let begin = at.saturating_sub(SHOWN);
        for (index, record) in records.iter().enumerate().skip(begin).take(2 * SHOWN) {
            let mark = if index == at { "=>" } else { "" };
            let Record { time_ps, kind, .. } = record;
            // To the picosecond: two runs may part by less than their lists' other times show.
            let time = format!("{}.{:06} us", time_ps / 1_000_000, time_ps % 1_000_000);
            table.row(vec![mark.into(), time.into(), kind.to_string().into()]);
        }
        table.write(&mut out, colour(&io::stdout()));
    }
    out
}

/// Runs what a run folder holds, and compares the trace hash.
pub(super) fn replay(arguments: &ReplayArguments) -> Result<Answer, CommandError> {
    let place = &arguments.folder;
    let file = target::file(place)?;
    let mut options = target::options(&file, None)?;
    let before = summary(place)?;
    let watched = Arc::new(Progress::default());
    options.progress = Some(watched.clone());
    if arguments.record {
        options.watch = Watch { record: Some(Window::ALL), ..Watch::default() };
    }
    let scenario = &file.scenario;
    let stopwatch = Stopwatch::start();
    let mut report = progress::watch(&watched, || scenarios::run(scenario, &options))?;
    report.wall_s = stopwatch.elapsed().as_secs_f64();
    if arguments.record {
        folder::write_evidence(place, scenario, &report)?;
    }
    let colour = colour(&io::stdout());
    let mut answer = Answer::text(human::summary(scenario, &report, colour));
    answer.status = report.verdict(&scenario.expect).exit_status();
    let known = before["trace_hash"].as_str().unwrap_or_default();
    if known == report.trace_hash {
        let _ = writeln!(answer.out, "replayed: trace hash {known}, as in the folder");
    } else {
        let by = before["versions"]["rnic"].as_str().unwrap_or("?");
        let _ =
            writeln!(answer.out, "trace hash {}, but {known} in the folder (written by rnic {by})", report.trace_hash);
        answer.status = UNSTEADY;
    }
    if answer.status != 0 {
        answer.err = words("replay", place, None, &[], None) + "\n";
    }
    Ok(answer)
}

/// `summary.json` of a run folder.
pub(super) fn summary(place: &std::path::Path) -> Result<serde_json::Value, CommandError> {
    let path = place.join("summary.json");
    let text = fs::read(&path).map_err(CommandError::reading(&path))?;
    serde_json::from_slice(&text).map_err(|error| CommandError::Option {
        message: format!("{} is no summary: {error}", path.display()),
        remedy: "name a folder that `rnic run` wrote".to_owned(),
    })
}
