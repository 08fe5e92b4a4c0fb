//! `cargo xtask CHECK`.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let workspace = xtask::workspace();
    let complaints = match std::env::args().nth(1).as_deref() {
        Some("arrows") => xtask::arrows::complaints(&workspace),
        Some("tidy") => xtask::tidy::complaints(&workspace),
        _ => vec!["usage: cargo xtask arrows | tidy".to_owned()],
    };
    for complaint in &complaints {
        // Nobody listens if this fails, and the exit status says the rest.
        let _ = writeln!(std::io::stderr(), "{complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
