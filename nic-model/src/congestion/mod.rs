//! Congestion control: what makes a sender slow down, behind one small trait.
//!
//! Reading order: this file (the trait, and what it is told), [`parameters`] (sets by name, each with its source),
//! [`dcqcn`], [`hpcc`], [`timely`], [`dctcp`] (the schemes), `flow` (a queue pair's controller, pacer and echo).
//!
//! A scheme is a value: it is told what was sent and what came back, and answers with a rate and a window. Timers are
//! caught up with when somebody asks, in the order of their moments, so that they cost no events.
//!
//! Invariants:
//! * integers only; a fraction is so many parts of [`ONE`];
//! * no scheme knows packets, queue pairs or the cable; the NIC does what all schemes need in one place;
//! * without a scheme a queue pair has no controller, and nothing is asked.

pub mod dcqcn;
pub mod dctcp;
pub(crate) mod flow;
pub mod hpcc;
pub mod parameters;
#[cfg(test)]
mod tests;
pub mod timely;

pub use parameters::{ParameterSet, SETS, Scheme, Step, named, usual};

use des::{Dur, Rate, Time};
use wire::Telemetry;

/// One in the fixed-point fractions of the schemes.
pub const ONE: u64 = 1 << 20;

/// What a sender may do at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bits on the cable per second; `None` is the rate of the line.
    pub rate: Option<Rate>,
    /// Message bytes that may be unacknowledged; `None` leaves it to the profile.
    pub window_bytes: Option<u64>,
}

impl Allowance {
    /// Everything.
    pub const FULL: Self = Self { rate: None, window_bytes: None };
}

/// What an acknowledgement tells.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// Message bytes newly acknowledged.
    pub acknowledged_bytes: u64,
    /// All that had been sent when the last such feedback had been given is acknowledged: a round trip is over.
    pub ends_round: bool,
    /// A switch marked what is acknowledged.
    pub marked: bool,
    /// From the packet's departure to its acknowledgement, where it was measured.
    pub round_trip: Option<Dur>,
    /// What the switches said.
    pub telemetry: Option<&'a Telemetry>,
}

/// A congestion control scheme at a sender.
pub trait CongestionControl {
    /// A packet of so many bytes on the cable has been sent.
    fn on_sent(&mut self, now: Time, cable_bytes: u64);

    /// An acknowledgement has come.
    fn on_feedback(&mut self, now: Time, feedback: &Feedback<'_>);

    /// A congestion notification packet has come.
    fn on_notification(&mut self, now: Time);

    /// What may be sent now.
    fn allowance(&mut self, now: Time) -> Allowance;
}

/// `value` times a fraction in parts of [`ONE`], rounded down.
const fn scale(value: u64, parts: u64) -> u64 {
    ((value as u128 * parts as u128) >> 20) as u64
}

/// `numerator / denominator` in parts of [`ONE`], rounded down.
const fn fraction(numerator: u64, denominator: u64) -> u64 {
    let denominator = if denominator == 0 { 1 } else { denominator };
    (((numerator as u128) << 20) / denominator as u128) as u64
}

/// Bytes that a line carries in a time, at least one.
const fn bytes_in(bps: u64, time: Dur) -> u64 {
    const PS_BITS_PER_BYTE: u128 = 8_000_000_000_000;
    let bytes = (bps as u128 * time.as_ps() as u128 / PS_BITS_PER_BYTE) as u64;
    if bytes == 0 { 1 } else { bytes }
}

/// The rate at which a window is sent in a time.
const fn rate_of(window_bytes: u64, time: Dur) -> u64 {
    const PS_BITS_PER_BYTE: u128 = 8_000_000_000_000;
    let ps = if time.as_ps() == 0 { 1 } else { time.as_ps() };
    (window_bytes as u128 * PS_BITS_PER_BYTE / ps as u128) as u64
}
