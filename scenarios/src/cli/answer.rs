//! What a command gives back: text for both streams, and the exit status.

use scenarios::RunError;
use scenarios::report::Colour;
use scenarios::spec::ScenarioError;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The end of a command.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// For standard output.
    pub(crate) out: String,
    /// For standard error, after that.
    pub(crate) err: String,
    /// The exit status.
    pub(crate) status: u8,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// Its scenario or input is wrong.
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    /// The cluster cannot be run.
    #[error("the scenario cannot be run: {0}")]
    Run(RunError),
    /// An option has a wrong value.
    #[error("{message}\n  = {remedy}")]
    Option {
        /// What is wrong.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{} cannot be {action}: {error}\n  = {remedy}", path.display())]
    File {
        /// "read" or "written".
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Input(problem) => Self::Scenario((*problem).into()),
            error => Self::Run(error),
        }
    }
}

impl CommandError {
    /// For `map_err` on reading `path`.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { action: "read", path, error, remedy: "name a file or folder that can be read" }
    }

    /// For `map_err` on writing `path`.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File {
            action: "written",
            path,
            error,
            remedy: "name a place that can be written, such as --out FOLDER",
        }
    }
}

impl Answer {
    /// Text for standard output and success.
    pub(crate) fn text(out: String) -> Self {
        Self { out, ..Self::default() }
    }

    /// Usage or configuration: status 2 and the message.
    pub(crate) fn refusal(error: &CommandError) -> Self {
        let colour = colour(&io::stderr());
        let label = colour.paint(scenarios::report::table::Tone::Bad, "error:");
        Self { err: format!("{label} {error}\n"), status: 2, ..Self::default() }
    }

    /// Prints both texts.
    pub(crate) fn print(self) -> ExitCode {
        // Who closed the pipe has read enough.
        let _ = io::stdout().write_all(self.out.as_bytes()).and_then(|()| io::stdout().flush());
        let _ = io::stderr().write_all(self.err.as_bytes());
        ExitCode::from(self.status)
    }
}

/// Whether a stream's reader sees colours.
pub(crate) fn colour(stream: &impl IsTerminal) -> Colour {
    // https://no-color.org
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stream.is_terminal() && !unwanted { Colour::On } else { Colour::Off }
}
