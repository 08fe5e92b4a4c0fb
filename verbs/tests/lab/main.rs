//! What a backend does on two real devices: `cargo xtask lab test` runs this on soft RoCE.
//!
//! A machine without two RDMA devices skips all of it and says so. Devices are taken in their order, or as the environment
//! variable `VERBS_DEVICES=one,other` names them. Arguments select cases by parts of their names.

mod connections;
mod failures;
mod memory;
mod objects;
mod side;
mod transfers;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A case, by its name.
type Case = (&'static str, fn(&Devices));

/// The two devices that cases run on.
#[derive(Clone, Debug)]
struct Devices {
    names: [String; 2],
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = [objects::CASES, memory::CASES, connections::CASES, transfers::CASES, failures::CASES].concat();
    let chosen = |case: &&Case| filters.is_empty() || filters.iter().any(|filter| case.0.contains(filter.as_str()));
    let cases: Vec<&Case> = all.iter().filter(chosen).collect();
    let devices = match find_devices() {
        Ok(devices) => devices,
        Err(why) => {
            say(&format!("0 passed, 0 failed, {} skipped: {why}", cases.len()));
            return ExitCode::SUCCESS;
        }
    };
    if std::env::var_os(failures::VICTIM).is_some() {
        failures::be_killed(&devices);
        return ExitCode::SUCCESS;
    }
    say(&format!("{} and {}", devices.names[0], devices.names[1]));
    let mut failed = 0;
    for (name, case) in &cases {
        let passed = catch_unwind(AssertUnwindSafe(|| case(&devices))).is_ok();
        failed += usize::from(!passed);
        say(&format!("{} {name}", if passed { "ok  " } else { "FAIL" }));
    }
    say(&format!("{} passed, {failed} failed, 0 skipped", cases.len() - failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn find_devices() -> Result<Devices, String> {
    let found = match std::env::var("VERBS_DEVICES") {
        Ok(named) => named.split(',').map(str::to_owned).collect(),
        Err(_) => verbs::devices().map_err(|error| error.to_string())?,
    };
    match <[String; 2]>::try_from(found.into_iter().take(2).collect::<Vec<_>>()) {
        Ok(names) => Ok(Devices { names }),
        Err(found) => Err(format!("two RDMA devices are needed, there are {}", found.len())),
    }
}

/// A line of the result. Nobody listens if this fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
