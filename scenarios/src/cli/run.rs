//! `run`: one scenario, one summary, one run folder.

use super::answer::{Answer, CommandError, colour};
use super::backend::BackendArguments;
use super::target::{self, quoted, words};
use super::{clock::Stopwatch, folder, progress, usage};
use clap::Args;
use scenarios::record::{Watch, Window};
use scenarios::report::{Verdict, human};
use scenarios::spec::{Pattern, SEED_MAX, Scenario, Workload};
use scenarios::sweep::{Setting, vary};
use scenarios::{Backend, Plan, Progress, RunOptions, RunReport, Threads};
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The scenario file
    file: PathBuf,
    /// The seed of every random stream, instead of the scenario's
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=SEED_MAX))]
    seed: Option<u64>,
    /// Another value for a key of the scenario, such as cluster.nodes=8; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// The file that the workload works on, instead of the scenario's
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Capture a cable such as node0-switch, or all, as pcapng; may be repeated
    #[arg(long, value_name = "CABLE")]
    capture: Vec<String>,
    /// Threads for a fabric study; the result is the same for every number of them
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZero<u16>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Keep what consumers are told in the run folder, for `rnic compare`; always kept with --backend verbs
    #[arg(long)]
    journal: bool,
    /// Carry out this plan of faults instead of the scenario's
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Write recording, timeline and the report's plots into the run folder
    #[arg(long)]
    record: bool,
    /// The run folder [default: runs/NAME-SEED]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print one JSON object and nothing else on standard output
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print one line
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the scenario and writes its run folder.
pub(super) fn run(arguments: &RunArguments) -> Result<Answer, CommandError> {
    let file = target::file(&arguments.file)?;
    let options = target::options(&file, arguments.input.as_deref())?;
    let scenario = &mut vary::apply(&file, &arguments.settings)?;
    scenario.about.seed = arguments.seed.unwrap_or(scenario.about.seed);
    let plan = arguments.plan.as_ref().map_or_else(|| Ok(Plan::of(scenario)), |path| Plan::load(path, scenario))?;
    *scenario = plan.applied_to(scenario, scenario.about.seed);
    let capture = chosen_cables(scenario, &arguments.capture)?;
    fits_study(scenario, arguments)?;

    let watched = Arc::new(Progress::default());
    let threads = chosen_threads(scenario, arguments.threads)?;
    let backend = arguments.backend.choose(scenario)?;
    let journal = arguments.journal || backend != Backend::Simulated;
    let watch = chosen_watch(scenario, arguments.record)?;
    let options = RunOptions { capture, threads, backend, journal, watch, progress: Some(watched.clone()), ..options };
    let stopwatch = Stopwatch::start();
    let mut report = progress::watch(&watched, || scenarios::run(scenario, &options))
        .map_err(|error| target::blame(&file, &arguments.settings, error))?;
    report.wall_s = stopwatch.elapsed().as_secs_f64();
    (report.cpu_s, report.peak_rss_bytes) = (usage::cpu_s(), usage::peak_rss_bytes());

    let place = arguments.out.clone().unwrap_or_else(|| folder::default_place(scenario));
    folder::write(&place, scenario, &options, &mut report)?;
    let warnings = target::warnings(&file, &arguments.settings, &report.warnings);
    let answer = present(arguments, scenario, &report);
    Ok(Answer { err: warnings + &answer.err, ..answer })
}

/// Studies have no consumers whose calls could be written down, and no input but a flow file.
fn fits_study(scenario: &Scenario, arguments: &RunArguments) -> Result<(), CommandError> {
    let Workload::Flows(flows) = &scenario.workload else { return Ok(()) };
    let from_file = matches!(flows.pattern, Pattern::File { .. });
    let (option, why) = match () {
        () if arguments.journal => ("--journal", "[workload.flows] has no consumers that are told anything"),
        () if arguments.input.is_some() && !from_file => ("--input", "the flows of this pattern are not from a file"),
        () => return Ok(()),
    };
    Err(CommandError::Option { message: format!("{option}: {why}"), remedy: format!("run without {option}") })
}

/// Only studies have parts that cannot see each other.
fn chosen_threads(scenario: &Scenario, threads: NonZero<u16>) -> Result<Threads, CommandError> {
    if threads.get() > 1 && !matches!(scenario.workload, Workload::Flows(_)) {
        let message = format!("--threads {threads}: only [workload.flows] runs on several threads");
        return Err(CommandError::Option { message, remedy: "run without --threads".to_owned() });
    }
    Ok(Threads(threads))
}

/// What is written down beside the report.
fn chosen_watch(scenario: &Scenario, record: bool) -> Result<Watch, CommandError> {
    if record && matches!(scenario.workload, Workload::Flows(_)) {
        let message = "--record: [workload.flows] is not recorded".to_owned();
        let remedy = "run without --record: the pictures of a study are in its run folder at any time".to_owned();
        return Err(CommandError::Option { message, remedy });
    }
    Ok(Watch { record: record.then_some(Window::ALL), ..Watch::default() })
}

/// The cables to capture.
fn chosen_cables(scenario: &Scenario, chosen: &[String]) -> Result<Vec<String>, CommandError> {
    if !chosen.is_empty() && matches!(scenario.workload, Workload::Flows(_)) {
        let message = "--capture: [workload.flows] captures nothing".to_owned();
        return Err(CommandError::Option { message, remedy: "run without --capture".to_owned() });
    }
    let cables: Vec<String> = scenario.cluster.cables().iter().map(|cable| cable.name()).collect();
    if chosen.iter().any(|name| name == "all") {
        return Ok(cables);
    }
    if let Some(unknown) = chosen.iter().find(|name| !cables.contains(name)) {
        let message = format!("--capture {unknown}: there is no such cable");
        return Err(CommandError::Option { message, remedy: format!("allowed: all, {}", cables.join(", ")) });
    }
    // In the cables' order and each once, so that the report does not depend on how it was asked for.
    Ok(cables.into_iter().filter(|name| chosen.contains(name)).collect())
}

/// The answer in the form that was asked for.
fn present(arguments: &RunArguments, scenario: &Scenario, report: &RunReport) -> Answer {
    let colour = colour(&io::stdout());
    let out = if arguments.json {
        serde_json::to_string(report).expect("a report has string keys and finite numbers") + "\n"
    } else if arguments.quiet {
        human::one_line(scenario, report, colour) + "\n"
    } else {
        human::summary(scenario, report, colour)
    };
    let verdict = report.verdict(&scenario.expect);
    let err = match verdict {
        Verdict::Pass => String::new(),
        Verdict::Unexpected | Verdict::Findings => command(arguments, scenario.about.seed) + "\n",
    };
    Answer { out, err, status: verdict.exit_status() }
}

/// The command that repeats this run.
fn command(arguments: &RunArguments, seed: u64) -> String {
    let settings: Vec<String> = arguments.settings.iter().map(Setting::to_string).collect();
    let mut command = words("run", &arguments.file, Some(seed), &settings, arguments.input.as_deref());
    command.extend(arguments.plan.iter().map(|plan| format!(" --plan {}", quoted(plan))));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_chosen_by_cable() {
        let scenario = Scenario::named("a");
        let choose = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            chosen_cables(&scenario, &names)
        };
        assert_eq!(choose(&[]).ok(), Some(vec![]));
        assert_eq!(choose(&["all"]).ok().map(|all| all.len()), Some(2));
        assert_eq!(choose(&["node1-switch", "node1-switch"]).ok(), Some(vec!["node1-switch".to_owned()]));
        let error = choose(&["node7-switch"]).expect_err("there are two nodes").to_string();
        assert!(error.contains("node7-switch") && error.contains("node0-switch, node1-switch"), "{error}");
    }
}
