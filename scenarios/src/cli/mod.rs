//! Reads the command line, runs one command, says how it ended.
//!
//! Reading order: [`Arguments`] here, [`Answer`] (what a command gives back), [`run`], [`inspect`] (`list`, `check`,
//! `show`), [`conformance`], [`compare`], [`backend`] (where nodes run), [`calibrate`], [`gateway`], [`folder`] (what a run leaves on disk), [`progress`],
//! [`clock`] (the only one that reads a clock), [`usage`] (what
//! the process has used).
//!
//! Invariants:
//! * a command returns what is to be printed, and `main` prints it: with `--json`, standard output has the object alone;
//! * whatever the user got wrong ends with status 2 and one message, never with a panic.

mod answer;
mod backend;
mod calibrate;
mod clock;
mod compare;
mod conformance;
mod explain;
mod folder;
mod gateway;
mod inspect;
mod progress;
mod run;
mod shrink;
mod snapshot;
mod sweep;
mod target;
mod usage;
mod verify;

pub(crate) use answer::Answer;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  everything was as the scenario expects
  1  an expectation failed
  2  wrong usage, scenario or input
  3  a checker found a breach
  4  the same run was not the same twice

The last line of every failure is the command that repeats it.";

/// A simulated RDMA cluster, from NDK call to wire and back.
#[derive(Debug, Parser)]
#[command(name = "rnic", version, after_help = EXIT_STATUS, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and print what happened
    Run(run::RunArguments),
    /// Run what a run folder holds, and compare the trace hash
    Replay(verify::ReplayArguments),
    /// Repeat a run, alone and beside others, and find where it differs
    Verify(verify::VerifyArguments),
    /// Show what happened around a moment, and why a request took so long
    Explain(explain::ExplainArguments),
    /// Keep the state of a run at a moment
    Snapshot(snapshot::SnapshotArguments),
    /// Come back to a snapshot and go on, also with another plan
    Restore(snapshot::RestoreArguments),
    /// Run a scenario with many seeds and parameters, over all processors
    Sweep(Box<sweep::SweepArguments>),
    /// Join the results of a sweep's shards
    Merge(sweep::MergeArguments),
    /// Judge the provider by the conformance suite, and the suite by broken providers
    Conformance(conformance::ConformanceArguments),
    /// Repeat published experiments on the model, and print the error of every point
    Calibrate(calibrate::CalibrateArguments),
    /// Be a RoCEv2 peer on a real Ethernet, with faults on demand
    Gateway(Box<gateway::GatewayArguments>),
    /// Show where two runs differ in statuses, bytes and order: simulated against real NICs
    Compare(compare::CompareArguments),
    /// Make a failing run small: fewer fault rows, fewer nodes, less work
    Shrink(shrink::ShrinkArguments),
    /// Find every planted bug by a sweep of seeds, and make what finds it small
    Planted(shrink::PlantedArguments),
    /// List the scenarios of a folder
    List {
        /// The folder
        #[arg(default_value = "scenarios/library")]
        folder: PathBuf,
    },
    /// Check a scenario and the files that it names without running it
    Check {
        /// The scenario file
        file: PathBuf,
    },
    /// Print the JSON schema of scenario files, for editors
    Schema {
        /// Of plans instead
        #[arg(long)]
        plan: bool,
    },
    /// Print a scenario with every default written out
    Show {
        /// The scenario file
        file: PathBuf,
        /// Print the picture of its topology instead, as SVG
        #[arg(long)]
        svg: bool,
    },
}

/// Runs the command of this process's command line.
pub(crate) fn answer() -> Answer {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => verify::replay(&arguments),
        Command::Verify(arguments) => verify::all(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Snapshot(arguments) => snapshot::snapshot(&arguments),
        Command::Restore(arguments) => snapshot::restore(&arguments),
        Command::Sweep(arguments) => sweep::sweep(&arguments),
        Command::Merge(arguments) => sweep::merge(&arguments),
        Command::Conformance(arguments) => conformance::conformance(&arguments),
        Command::Calibrate(arguments) => calibrate::calibrate(&arguments),
        Command::Gateway(arguments) => gateway::gateway(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Shrink(arguments) => shrink::shrink(&arguments),
        Command::Planted(arguments) => shrink::planted(&arguments),
        Command::List { folder } => inspect::list(&folder),
        Command::Check { file } => inspect::check(&file),
        Command::Schema { plan } => Ok(inspect::schema(plan)),
        Command::Show { file, svg } => inspect::show(&file, svg),
    };
    result.unwrap_or_else(|error| Answer::refusal(&error))
}
