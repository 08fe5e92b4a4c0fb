//! `rnic`: simulated RDMA clusters on the command line.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::answer().print()
}
