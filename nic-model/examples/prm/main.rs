//! Prints the programmer's reference manual: `cargo run -p nic-model --example prm > docs/PRM.md`.

mod bytes;
mod tables;
mod text;

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(text::manual().as_bytes())
}
