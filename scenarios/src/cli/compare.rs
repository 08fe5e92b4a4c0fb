//! `compare`: what consumers were told in two runs, side by side; never when.

use super::answer::{Answer, CommandError, colour};
use super::backend::BackendArguments;
use clap::Args;
use scenarios::report::journal::{self, Journal};
use scenarios::spec::ScenarioFile;
use scenarios::{Backend, RunOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Options of `rnic compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// A run folder with a journal, or a scenario file to be run on both backends
    first: PathBuf,
    /// Another run folder with a journal
    second: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArguments,
    /// The file that the workload works on, instead of the scenario's
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// The runs differ.
const DIFFERENT: u8 = 1;

/// Compares two runs.
pub(super) fn compare(arguments: &CompareArguments) -> Result<Answer, CommandError> {
    let (first, second) = match &arguments.second {
        Some(second) => (read(&arguments.first)?, read(second)?),
        None => run_both(arguments)?,
    };
    let found = journal::differences(&first, &second);
    let out = if arguments.json {
        let summary = serde_json::json!({
            "scenario": first.scenario, "first": first.backend, "second": second.backend, "differences": found,
        });
        summary.to_string() + "\n"
    } else {
        let mut out = String::new();
        journal::table(&first, &second, &found).write(&mut out, colour(&io::stdout()));
        let (count, runs) = (found.len(), [&first.backend, &second.backend]);
        out + &format!("{}: {count} differences between {} and {}\n", first.scenario, runs[0], runs[1])
    };
    Ok(Answer { out, status: if found.is_empty() { 0 } else { DIFFERENT }, ..Answer::default() })
}

/// The journal of a run folder.
fn read(folder: &Path) -> Result<Journal, CommandError> {
    let path = folder.join("journal.json");
    let text = std::fs::read(&path).map_err(CommandError::reading(&path))?;
    serde_json::from_slice(&text).map_err(|error| CommandError::Option {
        message: format!("{} is no journal: {error}", path.display()),
        remedy: "name a folder that `rnic run --journal` wrote".to_owned(),
    })
}

/// Runs a scenario on simulated NICs and on the backend that was chosen.
fn run_both(arguments: &CompareArguments) -> Result<(Journal, Journal), CommandError> {
    let file = ScenarioFile::load(&arguments.first)?;
    let input = file.read_input(arguments.input.as_deref())?;
    let chosen = arguments.backend.choose(&file.scenario)?;
    if chosen == Backend::Simulated {
        return Err(CommandError::Option {
            message: "a scenario alone is compared with itself".to_owned(),
            remedy: "add --backend verbs, or name two run folders".to_owned(),
        });
    }
    let options =
        RunOptions { input: input.bytes.into(), input_path: input.path, journal: true, ..RunOptions::default() };
    let run = |options: &RunOptions| -> Result<Journal, CommandError> {
        Ok(scenarios::run(&file.scenario, options)?.journal.unwrap_or_default())
    };
    Ok((run(&options)?, run(&RunOptions { backend: chosen, ..options.clone() })?))
}
