//! Topologies at work: hosts that only send and receive, around real switches.

mod conservation;
mod hpcc_files;
mod lossless;
mod switching;
mod telemetry;
mod world;
