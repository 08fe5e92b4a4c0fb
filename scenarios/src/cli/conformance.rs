//! `conformance`: the suite, on simulated or real devices, and what it makes of broken providers and consumers.

use super::answer::{Answer, CommandError, colour};
use super::backend::BackendArguments;
use super::progress;
use clap::{Args, ValueEnum};
use scenarios::conformance::programs::{self, Order};
use scenarios::conformance::{self, Choice, SimLab, human, json};
use scenarios::real::RealLab;
use scenarios::{Progress, report::units};
use std::io;

/// Options of `rnic conformance`.
#[derive(Debug, Args)]
pub(super) struct ConformanceArguments {
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Run broken providers and consumers too; each must be killed by the rule that it names
    #[arg(long)]
    mutants: bool,
    /// Run this case alone, and with --mutants the broken providers that it shows
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Leave these cases out; the summary counts them
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    except: Vec<String>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Run this many random programs instead of the suite; with --mutants on each broken provider too
    #[arg(long, value_name = "N", conflicts_with = "case")]
    programs: Option<u64>,
    /// The seed of the random programs
    #[arg(long, value_name = "S", default_value_t = 1, requires = "programs")]
    seed: u64,
    /// What the random programs run over
    #[arg(long, value_enum, default_value_t = Over::Ideal, requires = "programs")]
    over: Over,
}

/// What random programs run over.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Over {
    /// Devices that do at once what they are told: the provider's own logic, quickly
    Ideal,
    /// The simulated NIC with its driver
    Simulated,
}

/// Programs that each broken provider is given to be found out by.
const AGAINST_EACH: u64 = 200;

/// A breach of the contract, or something broken that was not noticed.
const BREACH: u8 = 3;

/// Runs the suite.
pub(super) fn conformance(arguments: &ConformanceArguments) -> Result<Answer, CommandError> {
    if let Some(count) = arguments.programs {
        return random(arguments, count);
    }
    let choice = Choice { case: arguments.case.clone(), except: arguments.except.clone(), mutants: arguments.mutants };
    let summary = match arguments.backend.pair()? {
        None => conformance::run(&SimLab, &choice),
        Some(devices) => conformance::run(&RealLab::new(devices), &choice),
    };
    let summary = summary.map_err(|error| CommandError::Option {
        message: error.to_string(),
        remedy: "without --case and --except, every case is run".to_owned(),
    })?;
    let out = if arguments.json { json::render(&summary) } else { human::render(&summary, colour(&io::stdout())) };
    Ok(Answer { out, status: if summary.passed() { 0 } else { BREACH }, ..Answer::default() })
}

/// Runs random programs.
fn random(arguments: &ConformanceArguments, count: u64) -> Result<Answer, CommandError> {
    let over = match arguments.over {
        Over::Ideal => programs::Over::Ideal,
        Over::Simulated => programs::Over::Simulated,
    };
    let against_each = if arguments.mutants { AGAINST_EACH } else { 0 };
    let order = Order { programs: count, seed: arguments.seed, over, against_each };
    let watched = Progress::default();
    let words = |milestone: scenarios::Milestone| format!("{} programs", units::count(milestone.events));
    let report = progress::watch_as(&watched, words, || programs::run(order, &watched)).map_err(|error| {
        CommandError::Option { message: error.to_string(), remedy: "without --over, ideal devices are used".to_owned() }
    })?;
    let out = if arguments.json { programs::json(&report) } else { programs::human(&report, colour(&io::stdout())) };
    Ok(Answer { out, status: if report.passed() { 0 } else { BREACH }, ..Answer::default() })
}
