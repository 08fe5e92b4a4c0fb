//! `cargo xtask CHECK`, `cargo xtask lab ...`.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let workspace = xtask::workspace();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let complaints = match arguments.first().map(String::as_str) {
        Some("lab") => return xtask::lab::main(&workspace, &arguments[1..]),
        Some("arrows") => xtask::arrows::complaints(&workspace),
        Some("tidy") => xtask::tidy::complaints(&workspace),
        _ => vec!["usage: cargo xtask arrows | tidy | lab".to_owned()],
    };
    for complaint in &complaints {
        // Nobody listens if this fails, and the exit status says the rest.
        let _ = writeln!(std::io::stderr(), "{complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
