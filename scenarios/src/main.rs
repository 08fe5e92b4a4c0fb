//! `rnic`: simulated RDMA clusters on the command line.

mod cli;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Frames are built at one node and used up at another, perhaps by another thread: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::answer().print()
}
