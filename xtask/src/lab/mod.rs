//! The soft-RoCE lab: a virtual machine with Debian's kernel and two rxe devices, for tests that need a real RDMA stack.
//!
//! Reading order: `image` (Debian packages become a kernel and an initial file system), with `modules` and `cpio`;
//! `machine` (boot, one command, its exit code).
//!
//! Everything is kept below `target/lab`. Emulated (no KVM), so that it runs wherever qemu does; never a benchmark.

mod cpio;
mod image;
mod machine;
mod modules;

use machine::{Machine, Network};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask lab build
       cargo xtask lab run [--add FILE] [--dgram OWN,PEER,ADDRESS/LENGTH] -- PROGRAM [ARGUMENT...]
       cargo xtask lab test [FILTER...]";

/// Why the lab gave no exit code of a program.
#[derive(Debug)]
enum LabError {
    /// This machine cannot run it.
    Unavailable(String),
    /// It should have worked.
    Failed(String),
}

impl LabError {
    fn io(what: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Failed(format!("{}: {error}", what.as_ref().display()))
    }
}

/// `cargo xtask lab ...`. Where the lab cannot run, one line says so and what was skipped, and that is no failure of
/// `build` and `test`.
#[must_use]
pub fn main(workspace: &Path, arguments: &[String]) -> ExitCode {
    let folder = workspace.join("target").join("lab");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (outcome, may_skip) = match words.as_slice() {
        ["build"] => (image::build(&folder).map(|_| 0), true),
        ["run", rest @ ..] => (run(&folder, rest), false),
        ["test", filters @ ..] => (test(workspace, &folder, filters), true),
        _ => (Err(LabError::Failed(USAGE.to_owned())), false),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(LabError::Unavailable(why)) => {
            say(&format!("0 passed, 0 failed, 1 skipped: no lab here: {why}"));
            if may_skip { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(LabError::Failed(why)) => {
            say(&why);
            ExitCode::FAILURE
        }
    }
}

/// Progress and complaints, for people. Nobody listens if this fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run(folder: &Path, words: &[&str]) -> Result<u8, LabError> {
    let image = image::build(folder)?;
    let mut machine = Machine::new(&image);
    let mut words = words.iter();
    loop {
        let mut value = || words.next().ok_or_else(|| LabError::Failed(USAGE.to_owned()));
        match *value()? {
            "--add" => machine.add(Path::new(value()?)),
            "--dgram" => machine.network = Network::parse(value()?).ok_or(LabError::Failed(USAGE.to_owned()))?,
            "--" => break,
            _ => return Err(LabError::Failed(USAGE.to_owned())),
        }
    }
    let command: Vec<String> = words.map(|&word| machine.carry(word)).collect();
    if command.is_empty() { Err(LabError::Failed(USAGE.to_owned())) } else { machine.run(&command) }
}

/// Runs the lab tests: those of the verbs crate in the machine, and the gateway on the other end of its cable.
fn test(workspace: &Path, folder: &Path, filters: &[&str]) -> Result<u8, LabError> {
    let image = image::build(folder)?;
    let mut worst = 0;
    for program in test_programs(workspace)? {
        let mut machine = Machine::new(&image);
        let mut command = vec![machine.carry(&program.to_string_lossy())];
        command.extend(filters.iter().map(|&filter| filter.to_owned()));
        worst = worst.max(machine.run(&command)?);
    }
    Ok(worst.max(test_gateway(workspace, filters)?))
}

/// The gateway's lab tests run here and boot machines of their own.
fn test_gateway(workspace: &Path, filters: &[&str]) -> Result<u8, LabError> {
    let mut tests = Command::new(cargo());
    tests.args(["test", "--quiet", "-p", "scenarios", "--test", "lab", "--"]).args(filters);
    // They need not ask cargo for it, who may be busy with a build.
    if let Ok(program) = std::env::current_exe() {
        tests.env("LAB_XTASK", program);
    }
    let ended = tests.current_dir(workspace).status().map_err(LabError::io("cargo"))?;
    Ok(u8::from(!ended.success()))
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds the integration tests named `lab*` of the verbs crate and returns their programs.
fn test_programs(workspace: &Path) -> Result<Vec<PathBuf>, LabError> {
    let mut build = Command::new(cargo());
    build.args(["test", "-p", "verbs", "--test", "lab*", "--no-run", "--message-format", "json-render-diagnostics"]);
    let text = output(build.current_dir(workspace))?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    Ok(messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect())
}

/// What a program prints; its complaints go where ours go.
fn output(command: &mut Command) -> Result<String, LabError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.stderr(std::process::Stdio::inherit()).output().map_err(LabError::io(&program))?;
    if !done.status.success() {
        return Err(LabError::Failed(format!("{program} ended with {}", done.status)));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Whether a program of this name can be found.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(OsStr::new(program)).is_file())
}
