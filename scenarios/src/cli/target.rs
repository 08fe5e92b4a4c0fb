//! What a command works on: a scenario file or a run folder, with the settings and the seed of the command line.

use super::answer::{CommandError, colour};
use scenarios::report::table::Tone;
use scenarios::spec::check::Violation;
use scenarios::spec::files::Input;
use scenarios::spec::{Problem, SEED_MAX, Scenario, ScenarioFile};
use scenarios::sweep::{Setting, vary};
use scenarios::{RunError, RunOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Arguments of every command that runs one scenario.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// The scenario file, or a run folder
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
}

impl Target {
    /// Reads it.
    pub(super) fn load(&self) -> Result<(Scenario, RunOptions), CommandError> {
        let file = file(&self.file)?;
        let mut scenario = vary::apply(&file, &self.settings)?;
        scenario.about.seed = self.seed.unwrap_or(scenario.about.seed);
        Ok((scenario, options(&file, self.input.as_deref())?))
    }

    /// The same settings with another file.
    pub(super) fn with_file(&self, file: &Path) -> Self {
        Self { file: file.to_owned(), ..self.clone() }
    }

    /// The run folder, if it is one and nothing of it is changed.
    pub(super) fn folder(&self) -> Option<&Path> {
        let as_it_is = self.seed.is_none() && self.settings.is_empty() && self.input.is_none();
        (as_it_is && self.file.is_dir()).then_some(&*self.file)
    }

    /// The words of a command line that name the same, with `command` before them.
    pub(super) fn command(&self, command: &str, seed: u64) -> String {
        let settings = self.settings.iter().map(Setting::to_string).collect::<Vec<_>>();
        words(command, &self.file, Some(seed), &settings, self.input.as_deref())
    }
}

/// The scenario at a path: a file, or the one in a run folder.
pub(super) fn file(path: &Path) -> Result<ScenarioFile, CommandError> {
    let inside = path.join("scenario.toml");
    Ok(ScenarioFile::load(if path.is_dir() { &inside } else { path })?)
}

/// What a run needs besides its scenario.
pub(super) fn options(file: &ScenarioFile, input: Option<&Path>) -> Result<RunOptions, CommandError> {
    let Input { path, bytes } = file.read_input(input)?;
    let topology = file.read_topology()?;
    Ok(RunOptions { input: bytes.into(), input_path: path, topology, ..RunOptions::default() })
}

/// A scenario that cannot be run, with the place in its file that is to blame.
pub(super) fn blame(file: &ScenarioFile, settings: &[Setting], error: RunError) -> CommandError {
    match error {
        RunError::Topology(found) | RunError::Flows(found) => {
            CommandError::Scenario(problem(file, settings, *found).into())
        }
        error => error.into(),
    }
}

/// What was found out about a scenario, at its place in the file; with settings of the command line, the file is another.
fn problem(file: &ScenarioFile, settings: &[Setting], found: Violation) -> Problem {
    let problem = file.problem(found);
    if settings.is_empty() {
        return problem;
    }
    let words: Vec<String> = settings.iter().map(|setting| format!(" --set {setting}")).collect();
    Problem { file: problem.file + &words.concat(), place: None, ..problem }
}

/// Warnings for standard error.
pub(super) fn warnings(file: &ScenarioFile, settings: &[Setting], warnings: &[Violation]) -> String {
    let label = colour(&io::stderr()).paint(Tone::Notable, "warning:");
    warnings.iter().map(|found| format!("{label} {}\n", problem(file, settings, found.clone()))).collect()
}

/// A moment of the run: a number with `ps`, `ns`, `us`, `ms` or `s`, such as `812.5us`.
pub(super) fn moment(text: &str) -> Result<des::Time, String> {
    const UNITS: [(&str, u32); 5] = [("ps", 0), ("ns", 3), ("us", 6), ("ms", 9), ("s", 12)];
    let read = || {
        let (number, digits) = UNITS.iter().find_map(|(unit, digits)| Some((text.strip_suffix(unit)?, *digits)))?;
        let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
        let part_ps = match part {
            "" => 0,
            part => part.parse::<u64>().ok()?.checked_mul(10_u64.pow(digits.checked_sub(part.len() as u32)?))?,
        };
        whole.parse::<u64>().ok()?.checked_mul(10_u64.pow(digits))?.checked_add(part_ps)
    };
    read().map(des::Time::from_ps).ok_or_else(|| "write a time as 812.5us, 3ms or 100ns".to_owned())
}

/// A command line that a shell takes as it is.
pub(super) fn words(
    command: &str,
    file: &Path,
    seed: Option<u64>,
    settings: &[String],
    input: Option<&Path>,
) -> String {
    let program = std::env::args_os().next().map_or_else(|| "rnic".into(), PathBuf::from);
    let mut words = vec![quoted(&program), command.to_owned(), quoted(file)];
    words.extend(seed.map(|seed| format!("--seed {seed}")));
    words.extend(settings.iter().map(|setting| format!("--set {}", quoted(Path::new(setting)))));
    words.extend(input.map(|input| format!("--input {}", quoted(input))));
    words.join(" ")
}

/// A path as a POSIX shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_exact() {
        for (text, ps) in
            [("3ms", 3_000_000_000), ("812.5us", 812_500_000), ("0.25ns", 250), ("7ps", 7), ("1s", 1_000_000_000_000)]
        {
            assert_eq!(moment(text), Ok(des::Time::from_ps(ps)), "{text}");
        }
        for bad in ["", "3", "us", "-1us", "1.5ps", "1e3us", "99999999999s"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        let word = |text: &str| quoted(Path::new(text));
        assert_eq!(word("scenarios/library/a.toml"), "scenarios/library/a.toml");
        assert_eq!(word("my file"), "'my file'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
    }
}
