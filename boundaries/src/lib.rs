//! What every boundary must survive: one function for each, which takes any bytes and returns.
//!
//! Reading order: [`TARGETS`] (the boundaries by name), [`files`] (bytes that are parsed), [`device`] (bytes that a driver or
//! a peer gives to a device), `rig` (a device that talks to itself).
//!
//! `fuzz/` has a cargo-fuzz target for each; on a stable toolchain the tests here run the same functions on arbitrary bytes
//! and on `corpus/`, where inputs that have failed once are kept: `corpus/<name>/<anything>`.
//!
//! Invariants:
//! * no input makes a function panic or run for ever: a device comes to rest within a bound of events;
//! * what a parser accepts, it writes again as the same bytes.

pub mod device;
pub mod files;
mod rig;

/// A boundary: its name, and what gives it bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All boundaries.
pub const TARGETS: &[Target] = &[
    ("frames", files::frames),
    ("pcapng", files::pcapng),
    ("mads", files::mads),
    ("scenarios", files::scenarios),
    ("registers", device::registers),
    ("commands", device::commands),
    ("wqes", device::wqes),
    ("receives", device::receives),
    ("records", device::records),
    ("packets", device::packets),
];
