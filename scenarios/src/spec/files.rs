//! Reading scenarios and their inputs from disk.

use super::{Place, Problem, Scenario, ScenarioError, Topology, check::Violation};
use super::{diagnose, locate};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file of any kind; of an input, every node holds a copy of every node's.
pub const INPUT_BYTES_MAX: u64 = 64 << 20;

/// A scenario and the file that it comes from.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What the text says.
    pub scenario: Scenario,
}

/// The bytes that a workload works on.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where they come from.
    pub path: PathBuf,
    /// Never empty, unless the workload takes none.
    pub bytes: Vec<u8>,
}

/// A topology file; empty if the cluster has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyFile {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl ScenarioFile {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or is no scenario.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = read_text(path, "scenario", "name a scenario file or a run folder; `rnic list` shows the library")?;
        let scenario = Scenario::parse(&path.display().to_string(), &text)?;
        Ok(Self { path: path.to_owned(), text, scenario })
    }

    /// Reads the input: `instead`, or the file that the scenario names, relative to its own place.
    ///
    /// # Errors
    /// There is none, or it cannot be read, or its length is out of range.
    pub fn read_input(&self, instead: Option<&Path>) -> Result<Input, ScenarioError> {
        let Some((_, named)) = self.scenario.workload.input() else {
            return Ok(Input { path: PathBuf::new(), bytes: Vec::new() });
        };
        let path = match (instead, named) {
            (Some(path), _) => path.to_owned(),
            (None, Some(path)) => self.beside(path),
            (None, None) => {
                let remedy = "add input = \"FILE\", or run with --input FILE";
                return Err(self.input_problem(None, "the workload has no input".to_owned(), remedy.to_owned()));
            }
        };
        let remedy = "name a readable file";
        let bytes = read_some(&path).map_err(|error| {
            let message = format!("the input {} cannot be read: {error}", path.display());
            self.input_problem(instead, message, remedy.to_owned())
        })?;
        let length = bytes.len() as u64;
        if !(1..=INPUT_BYTES_MAX).contains(&length) {
            let more = if length > INPUT_BYTES_MAX { "more than " } else { "" };
            let message = format!("the input {} has {more}{} bytes", path.display(), length.min(INPUT_BYTES_MAX));
            let remedy = format!("allowed: 1 to {INPUT_BYTES_MAX} bytes");
            return Err(self.input_problem(instead, message, remedy));
        }
        Ok(Input { path, bytes })
    }

    /// Reads the topology file that the scenario names; empty if it names none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_topology(&self) -> Result<TopologyFile, ScenarioError> {
        let Topology::File { path } = &self.scenario.cluster.topology else { return Ok(TopologyFile::default()) };
        let path = self.beside(path);
        let bytes = read_some(&path).map_err(|error| {
            let message = format!("the topology file {} cannot be read: {error}", path.display());
            let (path, remedy) = ("cluster.topology.file.path".to_owned(), "name a readable text file".to_owned());
            diagnose::violation(&self.path.display().to_string(), &self.text, Violation { path, message, remedy })
        })?;
        let name = path.display().to_string();
        short_enough(&name, &bytes, "topology file")?;
        let text = utf8(&name, &bytes, "topology file")?.to_owned();
        Ok(TopologyFile { path, text })
    }

    /// Something that was found out about the scenario, at its place in the file if it has one.
    #[must_use]
    pub fn problem(&self, found: Violation) -> Problem {
        let is_written = locate::span_of(&self.text, &found.path).end > 0;
        let problem = diagnose::violation(&self.path.display().to_string(), &self.text, found);
        Problem { place: problem.place.filter(|_| is_written), ..problem }
    }

    /// A path that the scenario names.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// A problem with the input: at its key in the scenario, or with the option that stands for it.
    fn input_problem(&self, instead: Option<&Path>, message: String, remedy: String) -> ScenarioError {
        let file = self.path.display().to_string();
        match instead {
            Some(_) => Problem { file: "--input".to_owned(), place: None, message, remedy },
            None => {
                let path = self.scenario.workload.input().map_or("workload", |(key, _)| key).to_owned();
                diagnose::violation(&file, &self.text, Violation { path, message, remedy })
            }
        }
        .into()
    }
}

/// Reads a text file; `what` it is and the `remedy` are for the message if it cannot be read.
pub(crate) fn read_text(path: &Path, what: &str, remedy: &str) -> Result<String, Problem> {
    let bytes = read_some(path).map_err(|error| {
        let (file, message) = (path.display().to_string(), format!("the {what} cannot be read: {error}"));
        Problem { file, place: None, message, remedy: remedy.to_owned() }
    })?;
    let name = path.display().to_string();
    short_enough(&name, &bytes, what)?;
    utf8(&name, &bytes, what).map(str::to_owned)
}

/// Reads a file, but of one that is too long (as a device may be without end) only a byte too many.
fn read_some(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses what [`read_some`] has not read to its end.
fn short_enough(name: &str, bytes: &[u8], what: &str) -> Result<(), Problem> {
    if bytes.len() as u64 <= INPUT_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the {what} has more than {INPUT_BYTES_MAX} bytes");
    let remedy = format!("allowed: up to {INPUT_BYTES_MAX} bytes");
    Err(Problem { file: name.to_owned(), place: None, message, remedy })
}

/// The text of the file called `name`; `what` it is is for the message if it is none.
pub(crate) fn utf8<'b>(name: &str, bytes: &'b [u8], what: &str) -> Result<&'b str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        // What is replaced begins there: the place is the same.
        let place = Some(Place::of(&String::from_utf8_lossy(bytes), at..at + 1));
        let message = format!("the {what} is no text: here is a byte that is not UTF-8");
        Problem { file: name.to_owned(), place, message, remedy: "save it as UTF-8".to_owned() }
    })
}
