//! `conformance`: the suite, on simulated or real devices, and what it makes of broken providers and consumers.

use super::answer::{Answer, CommandError, colour};
use super::backend::BackendArguments;
use clap::Args;
use scenarios::conformance::{self, Choice, SimLab, human, json};
use scenarios::real::RealLab;
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
    #[command(flatten)]
    backend: BackendArguments,
}

/// A breach of the contract, or something broken that was not noticed.
const BREACH: u8 = 3;

/// Runs the suite.
pub(super) fn conformance(arguments: &ConformanceArguments) -> Result<Answer, CommandError> {
    let choice = Choice { case: arguments.case.clone(), mutants: arguments.mutants };
    let summary = match arguments.backend.pair()? {
        None => conformance::run(&SimLab, &choice),
        Some(devices) => conformance::run(&RealLab::new(devices), &choice),
    };
    let summary = summary.map_err(|error| CommandError::Option {
        message: error.to_string(),
        remedy: "without --case, every case is run".to_owned(),
    })?;
    let out = if arguments.json { json::render(&summary) } else { human::render(&summary, colour(&io::stdout())) };
    Ok(Answer { out, status: if summary.passed() { 0 } else { BREACH }, ..Answer::default() })
}
