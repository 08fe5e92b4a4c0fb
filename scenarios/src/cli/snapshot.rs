//! `snapshot` and `restore`: the state of a run at a moment, to come back to.
//!
//! Consumers are futures, which nobody can copy. So a snapshot is what determines the state (scenario, seed, plan, input, the
//! moment) and a hash of the state itself; restoring runs to the moment and proves that the state is the same.

use super::answer::{Answer, CommandError};
use super::folder;
use super::target::{self, Target, moment, quoted, words};
use clap::Args;
use des::Time;
use scenarios::record::{Moment, Watch};
use scenarios::spec::{Scenario, Workload};
use scenarios::{Plan, RunOptions, RunReport};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The layout of `snapshot.json`.
const FORMAT: u32 = 1;

#[derive(Debug, Args)]
pub(super) struct SnapshotArguments {
    #[command(flatten)]
    target: Target,
    /// The moment, such as 3ms
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Time,
    /// The folder to write
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The folder that `rnic snapshot` wrote
    folder: PathBuf,
    /// Go on with this plan of faults; no row of it may strike before the moment
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

/// `snapshot.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Snapshot {
    format: u32,
    rnic: String,
    moment: Moment,
    /// Of the run that was not interrupted.
    trace_hash: String,
}

/// Runs a scenario and keeps its state at a moment.
pub(super) fn snapshot(arguments: &SnapshotArguments) -> Result<Answer, CommandError> {
    let (scenario, options) = arguments.target.load()?;
    let (mut report, moment) = run_to(&scenario, &options, arguments.at)?;
    let snapshot =
        Snapshot { format: FORMAT, rnic: report.versions.rnic.clone(), moment, trace_hash: report.trace_hash.clone() };
    folder::write(&arguments.out, &scenario, &options, &mut report)?;
    let path = arguments.out.join("snapshot.json");
    let text = serde_json::to_vec_pretty(&snapshot).expect("a snapshot has string keys and integers");
    fs::write(&path, text).map_err(CommandError::writing(&path))?;
    Ok(Answer::text(format!(
        "{} at {}: {} events, {} to come, state {:016x}\n{}\n",
        scenario.about.name,
        arguments.at,
        moment.events,
        moment.pending,
        moment.hash,
        words("restore", &arguments.out, None, &[], None)
    )))
}

/// Comes back to a snapshot and goes on.
pub(super) fn restore(arguments: &RestoreArguments) -> Result<Answer, CommandError> {
    let place = &arguments.folder;
    let snapshot = read(place)?;
    let file = target::file(place)?;
    let options = target::options(&file, None)?;
    let mut scenario = file.scenario;
    if let Some(plan) = &arguments.plan {
        scenario.fault = Plan::load(plan, &scenario)?.fault;
    }
    let at = Time::from_ps(snapshot.moment.at_ps);
    let (report, moment) = run_to(&scenario, &options, at)?;
    let mut out = format!("{} at {at}: state {:016x}", scenario.about.name, moment.hash);
    let same = moment == snapshot.moment;
    let mut status = report.verdict(&scenario.expect).exit_status();
    if !same {
        out += &format!(", but {:016x} in the snapshot (written by rnic {})\n", snapshot.moment.hash, snapshot.rnic);
        out += match arguments.plan {
            Some(_) => "the plan changes what happens before the moment: give its rows a later time\n",
            None => "the run was not the same again\n",
        };
        // Another plan is a wrong argument; the same one is a run that is not the same twice.
        status = if arguments.plan.is_some() { 2 } else { 4 };
    } else {
        out += ", as in the snapshot\n";
        out += &format!("at the end: trace hash {}", report.trace_hash);
        let equal = report.trace_hash == snapshot.trace_hash;
        out += if equal { ", as without the interruption\n" } else { ", another than before\n" };
        if !equal && arguments.plan.is_none() {
            status = 4;
        }
    }
    let plan = arguments.plan.iter().map(|plan| format!(" --plan {}", quoted(plan))).collect::<String>();
    let err = if status == 0 { String::new() } else { words("restore", place, None, &[], None) + &plan + "\n" };
    Ok(Answer { out, err, status })
}

/// Runs a scenario to its end; returns its state at the moment too.
fn run_to(scenario: &Scenario, options: &RunOptions, at: Time) -> Result<(RunReport, Moment), CommandError> {
    if matches!(scenario.workload, Workload::Flows(_)) {
        let message = "[workload.flows] has no snapshots".to_owned();
        return Err(CommandError::Option { message, remedy: "use a workload over NDK".to_owned() });
    }
    let watch = Watch { moment: Some(at), ..Watch::default() };
    let report = scenarios::run(scenario, &RunOptions { watch, ..options.clone() })?;
    let moment = report.evidence.moment.ok_or_else(|| CommandError::Option {
        message: format!("the run ends before {at}"),
        remedy: format!("name a moment before {}", Time::from_ps(report.simulated_ps)),
    })?;
    Ok((report, moment))
}

fn read(place: &Path) -> Result<Snapshot, CommandError> {
    let path = place.join("snapshot.json");
    let text = fs::read(&path).map_err(CommandError::reading(&path))?;
    let snapshot: Result<Snapshot, _> = serde_json::from_slice(&text);
    let remedy = || "name a folder that this version's `rnic snapshot` wrote".to_owned();
    match snapshot {
        Ok(snapshot) if snapshot.format == FORMAT => Ok(snapshot),
        Ok(snapshot) => {
            let message = format!("{} has format {}, not {FORMAT}", path.display(), snapshot.format);
            Err(CommandError::Option { message, remedy: remedy() })
        }
        Err(error) => {
            let message = format!("{} is no snapshot: {error}", path.display());
            Err(CommandError::Option { message, remedy: remedy() })
        }
    }
}
