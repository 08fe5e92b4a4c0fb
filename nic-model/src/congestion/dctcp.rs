//! DCTCP: the window shrinks with the part of packets that switches marked (Alizadeh et al., "Data center TCP", SIGCOMM
//! 2010, section 3.1). Marks come back in the acknowledgements, as BECN of their base header.

use super::{Allowance, CongestionControl, Feedback, ONE, Step, bytes_in, fraction, rate_of, scale};
use des::{Dur, Rate, Ratio, Time};

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `g`: weight of the newest round in alpha.
    pub g: Ratio,
    /// What the window grows by in a round, as a rate over the base round trip.
    pub additive: Step,
    /// Round trip on an idle network, which sizes the first window.
    pub base_rtt: Dur,
    /// The window is never smaller.
    pub min_window_bytes: u64,
}

/// The sender of one flow.
#[derive(Clone, Copy, Debug)]
pub struct Dctcp {
    parameters: Parameters,
    line_bps: u64,
    additive_bytes: u64,
    window_bytes: u64,
    most_bytes: u64,
    /// In parts of [`ONE`].
    alpha: u64,
    /// Bytes of this round, and those that were marked.
    acknowledged: u64,
    marked: u64,
}

impl Dctcp {
    /// A flow that begins with a window of a base round trip: RDMA has no slow start.
    #[must_use]
    pub fn new(parameters: Parameters, line: Rate) -> Self {
        let most_bytes = bytes_in(line.as_bps(), parameters.base_rtt).max(parameters.min_window_bytes);
        Self {
            line_bps: line.as_bps(),
            additive_bytes: bytes_in(parameters.additive.on(line), parameters.base_rtt),
            window_bytes: most_bytes,
            most_bytes,
            alpha: ONE,
            acknowledged: 0,
            marked: 0,
            parameters,
        }
    }

    /// The window in bytes.
    #[must_use]
    pub const fn window_bytes(&self) -> u64 {
        self.window_bytes
    }

    fn end_round(&mut self) {
        let Ratio { numerator, denominator } = self.parameters.g;
        let weight = fraction(numerator.into(), denominator.into());
        let share = fraction(self.marked, self.acknowledged);
        self.alpha = scale(self.alpha, ONE - weight) + scale(share, weight);
        let window = if self.marked > 0 {
            self.window_bytes - scale(self.window_bytes, self.alpha) / 2
        } else {
            self.window_bytes + self.additive_bytes
        };
        self.window_bytes = window.clamp(self.parameters.min_window_bytes, self.most_bytes);
        (self.acknowledged, self.marked) = (0, 0);
    }
}

impl CongestionControl for Dctcp {
    fn on_sent(&mut self, _now: Time, _cable_bytes: u64) {}

    fn on_feedback(&mut self, _now: Time, feedback: &Feedback<'_>) {
        self.acknowledged += feedback.acknowledged_bytes;
        if feedback.marked {
            self.marked += feedback.acknowledged_bytes;
        }
        if feedback.ends_round && self.acknowledged > 0 {
            self.end_round();
        }
    }

    fn on_notification(&mut self, _now: Time) {}

    fn allowance(&mut self, _now: Time) -> Allowance {
        // Paced over the base round trip, so that a window does not leave as one burst.
        let bps = rate_of(self.window_bytes, self.parameters.base_rtt).max(1);
        let rate = (bps < self.line_bps).then(|| Rate::from_bps(bps));
        Allowance { rate, window_bytes: Some(self.window_bytes) }
    }
}
