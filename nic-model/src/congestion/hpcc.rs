//! HPCC: the window follows what switches say about their lines (Li et al., "HPCC: High precision congestion control",
//! SIGCOMM 2019, algorithm 1).

use super::{Allowance, CongestionControl, Feedback, ONE, Step, bytes_in, fraction, rate_of, scale};
use des::{Dur, Rate, Ratio, Time};
use wire::telemetry::{Hop, Telemetry};

/// The parameters, by the names of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `eta`: utilisation aimed at.
    pub eta: Ratio,
    /// `maxStage`: additive steps between two multiplicative ones.
    pub max_stage: u32,
    /// `W_AI` as a rate: what the window grows by in a base round trip.
    pub additive: Step,
    /// `T`: round trip on an idle network; a scenario may know it better.
    pub base_rtt: Dur,
    /// The rate is never lower.
    pub min_rate: Rate,
}

/// The sender of one flow.
#[derive(Clone, Copy, Debug)]
pub struct Hpcc {
    parameters: Parameters,
    line_bps: u64,
    additive_bytes: u64,
    /// `W`.
    window_bytes: u64,
    /// `W_c`: the window that the steps of a round trip start from.
    reference_bytes: u64,
    most_bytes: u64,
    least_bytes: u64,
    /// `U` in parts of [`ONE`].
    utilisation: u64,
    stage: u32,
    /// `L`: what was said last.
    last: Option<Telemetry>,
}

impl Hpcc {
    /// A flow that begins at the rate of the line.
    #[must_use]
    pub fn new(parameters: Parameters, line: Rate) -> Self {
        let line_bps = line.as_bps();
        let most_bytes = bytes_in(line_bps, parameters.base_rtt);
        Self {
            additive_bytes: bytes_in(parameters.additive.on(line), parameters.base_rtt),
            window_bytes: most_bytes,
            reference_bytes: most_bytes,
            most_bytes,
            least_bytes: bytes_in(parameters.min_rate.as_bps(), parameters.base_rtt),
            utilisation: ONE,
            stage: 0,
            last: None,
            line_bps,
            parameters,
        }
    }

    /// `W` in bytes.
    #[must_use]
    pub const fn window_bytes(&self) -> u64 {
        self.window_bytes
    }

    /// `MeasureInflight`: the fullest line, averaged over a base round trip.
    fn measure(&mut self, before: &Telemetry, now: &Telemetry) {
        let base_ps = self.parameters.base_rtt.as_ps().max(1);
        let mut fullest = 0;
        let mut elapsed_ps = base_ps;
        for (before, now) in before.hops().iter().zip(now.hops()) {
            let Some((load, between_ps)) = self.load(before, now) else { continue };
            if load > fullest {
                (fullest, elapsed_ps) = (load, between_ps);
            }
        }
        let weight = fraction(elapsed_ps.min(base_ps), base_ps);
        self.utilisation = scale(self.utilisation, ONE - weight) + scale(fullest, weight);
    }

    /// Bytes in flight on one line over what it holds in a base round trip, and the time between the two packets.
    fn load(&self, before: &Hop, now: &Hop) -> Option<(u64, u64)> {
        let between_ps = now.time_ps.checked_sub(before.time_ps).filter(|&ps| ps > 0)?;
        let sent_bytes = now.sent_bytes.checked_sub(before.sent_bytes)?;
        let queue_bytes = now.queue_bytes.min(before.queue_bytes);
        let waiting = fraction(queue_bytes, bytes_in(now.rate_bps, self.parameters.base_rtt));
        let flowing = fraction(sent_bytes, bytes_in(now.rate_bps, Dur::from_ps(between_ps)));
        Some((waiting + flowing, between_ps))
    }

    /// `ComputeWind`.
    fn follow(&mut self, ends_round: bool) {
        let Ratio { numerator, denominator } = self.parameters.eta;
        let eta = fraction(numerator.into(), denominator.into());
        let full = self.utilisation >= eta;
        let window = if full || self.stage >= self.parameters.max_stage {
            let ratio = fraction(eta, self.utilisation.max(1));
            scale(self.reference_bytes, ratio).saturating_add(self.additive_bytes)
        } else {
            self.reference_bytes + self.additive_bytes
        };
        self.window_bytes = window.clamp(self.least_bytes, self.most_bytes);
        if ends_round {
            let multiplicative = full || self.stage >= self.parameters.max_stage;
            self.stage = if multiplicative { 0 } else { self.stage + 1 };
            self.reference_bytes = self.window_bytes;
        }
    }
}

impl CongestionControl for Hpcc {
    fn on_sent(&mut self, _now: Time, _cable_bytes: u64) {}

    fn on_feedback(&mut self, _now: Time, feedback: &Feedback<'_>) {
        let Some(telemetry) = feedback.telemetry else { return };
        // Another path says nothing about this one.
        let before = self.last.replace(*telemetry);
        let Some(before) = before.filter(|before| before.path() == telemetry.path()) else { return };
        self.measure(&before, telemetry);
        self.follow(feedback.ends_round);
    }

    fn on_notification(&mut self, _now: Time) {}

    fn allowance(&mut self, _now: Time) -> Allowance {
        let bps = rate_of(self.window_bytes, self.parameters.base_rtt).max(1);
        let rate = (bps < self.line_bps).then(|| Rate::from_bps(bps));
        Allowance { rate, window_bytes: Some(self.window_bytes) }
    }
}
