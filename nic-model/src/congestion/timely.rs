//! TIMELY: the rate follows the gradient of the round trip (Mittal et al., "TIMELY: RTT-based congestion control for the
//! datacenter", SIGCOMM 2015, algorithm 1).

use super::{Allowance, CongestionControl, Feedback, ONE, Step, fraction, scale};
use des::{Dur, Rate, Ratio, Time};

/// The parameters, by the names of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `alpha`: weight of the newest difference of round trips.
    pub alpha: Ratio,
    /// `beta`: factor of the multiplicative decrease.
    pub beta: Ratio,
    /// `T_low`: below, the rate grows whatever the gradient.
    pub t_low: Dur,
    /// `T_high`: above, the rate falls whatever the gradient.
    pub t_high: Dur,
    /// `D_minRTT`: what gradients are measured in.
    pub min_rtt: Dur,
    /// `delta`: the additive step.
    pub delta: Step,
    /// Step of hyperactive increase.
    pub hyper: Step,
    /// `N`: rounds of growth after which increase is hyperactive.
    pub hyper_after: u32,
    /// The rate is never lower.
    pub min_rate: Rate,
}

/// The sender of one flow.
#[derive(Clone, Copy, Debug)]
pub struct Timely {
    parameters: Parameters,
    line_bps: u64,
    rate_bps: u64,
    delta_bps: u64,
    hyper_bps: u64,
    last_rtt: Option<Dur>,
    /// Smoothed difference between two round trips, in picoseconds.
    difference_ps: i64,
    /// Rounds of growth in a row.
    growing: u32,
}

impl Timely {
    /// A flow that begins at the rate of the line.
    #[must_use]
    pub fn new(parameters: Parameters, line: Rate) -> Self {
        Self {
            line_bps: line.as_bps(),
            rate_bps: line.as_bps(),
            delta_bps: parameters.delta.on(line),
            hyper_bps: parameters.hyper.on(line),
            last_rtt: None,
            difference_ps: 0,
            growing: 0,
            parameters,
        }
    }

    /// The rate in bits per second.
    #[must_use]
    pub const fn rate_bps(&self) -> u64 {
        self.rate_bps
    }

    fn smooth(&mut self, rtt: Dur) {
        let Some(last) = self.last_rtt.replace(rtt) else { return };
        let newest = rtt.as_ps() as i64 - last.as_ps() as i64;
        let Ratio { numerator, denominator } = self.parameters.alpha;
        let (weight, all) = (i128::from(numerator), i128::from(denominator));
        let mixed = i128::from(self.difference_ps) * (all - weight) + i128::from(newest) * weight;
        self.difference_ps = (mixed / all) as i64;
    }

    fn follow(&mut self, rtt: Dur) {
        let Parameters { beta, t_low, t_high, min_rtt, .. } = self.parameters;
        let beta = fraction(beta.numerator.into(), beta.denominator.into());
        let cut = if rtt < t_low {
            None
        } else if rtt > t_high {
            Some(scale(beta, ONE - fraction(t_high.as_ps(), rtt.as_ps())))
        } else if self.difference_ps <= 0 {
            None
        } else {
            let gradient = fraction(self.difference_ps.unsigned_abs(), min_rtt.as_ps());
            Some(scale(beta, gradient))
        };
        match cut {
            Some(part) => {
                self.growing = 0;
                let left = scale(self.rate_bps, ONE - part.min(ONE));
                self.rate_bps = left.max(self.parameters.min_rate.as_bps()).min(self.line_bps);
            }
            None => {
                self.growing += 1;
                let hyperactive = rtt >= t_low && self.growing >= self.parameters.hyper_after;
                let step = if hyperactive { self.hyper_bps } else { self.delta_bps };
                self.rate_bps = (self.rate_bps + step).min(self.line_bps);
            }
        }
    }
}

impl CongestionControl for Timely {
    fn on_sent(&mut self, _now: Time, _cable_bytes: u64) {}

    fn on_feedback(&mut self, _now: Time, feedback: &Feedback<'_>) {
        let Some(rtt) = feedback.round_trip.filter(|_| feedback.ends_round) else { return };
        self.smooth(rtt);
        self.follow(rtt);
    }

    fn on_notification(&mut self, _now: Time) {}

    fn allowance(&mut self, _now: Time) -> Allowance {
        let rate = (self.rate_bps < self.line_bps).then(|| Rate::from_bps(self.rate_bps.max(1)));
        Allowance { rate, window_bytes: None }
    }
}
