//! DCQCN: congestion notifications cut a rate, timer and byte counter raise it again (Zhu et al., "Congestion control for
//! large-scale RDMA deployments", SIGCOMM 2015, section 3).

use super::{Allowance, CongestionControl, Feedback, ONE, Step, scale};
use des::{Dur, Rate, Ratio, Time};

/// The parameters, by the names of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `N`: least time between two notifications of a flow at the notification point.
    pub cnp_interval: Dur,
    /// Least time between two cuts at the reaction point; a notification that comes earlier cuts when it is over.
    pub decrease_interval: Dur,
    /// `g`: weight of the newest observation in alpha.
    pub g: Ratio,
    /// `K`: alpha decays after so long without a notification, and again after every such time.
    pub alpha_timer: Dur,
    /// `T`: the rate is raised every so often.
    pub increase_timer: Dur,
    /// `B`: the rate is raised every so many bytes; not counted if `None`.
    pub byte_counter_bytes: Option<u64>,
    /// `F`: steps of fast recovery.
    pub fast_recovery: u32,
    /// `R_AI`: step of the target rate in additive increase.
    pub rai: Step,
    /// `R_HAI`: step of the target rate in hyper increase.
    pub rhai: Step,
    /// The rate is never lower.
    pub min_rate: Rate,
    /// A cut also lowers the target rate that later recovery aims at, even when no increase came since the last cut.
    pub clamp_target_rate: bool,
}

/// Which of the three ways of increase came last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The rate goes halfway to the target, which stays.
    #[default]
    FastRecovery,
    /// The target rises by `R_AI`.
    Additive,
    /// The target rises by a multiple of `R_HAI`.
    Hyper,
}

/// The reaction point of one flow.
#[derive(Clone, Copy, Debug)]
pub struct Dcqcn {
    parameters: Parameters,
    line_bps: u64,
    rai_bps: u64,
    rhai_bps: u64,
    /// `R_C`.
    current_bps: u64,
    /// `R_T`.
    target_bps: u64,
    /// In parts of [`ONE`].
    alpha: u64,
    /// Expiries of the timer, and of the byte counter, since the last cut.
    timer_count: u32,
    byte_count: u32,
    bytes: u64,
    next_alpha: Time,
    next_increase: Time,
    last_cut: Option<Time>,
    cut_is_due: bool,
    /// Something has been cut and the line rate not yet reached again; else timers do not run.
    limited: bool,
    stage: Stage,
    /// Nothing changes by itself before; asked by every packet.
    quiet_until: Time,
    /// `R_C` as a rate, as of when it was last asked for.
    rate: Rate,
}

impl Dcqcn {
    /// A flow that has met no congestion: it sends at the rate of the line.
    #[must_use]
    pub fn new(parameters: Parameters, line: Rate) -> Self {
        Self {
            line_bps: line.as_bps(),
            rai_bps: parameters.rai.on(line),
            rhai_bps: parameters.rhai.on(line),
            current_bps: line.as_bps(),
            target_bps: line.as_bps(),
            alpha: ONE,
            timer_count: 0,
            byte_count: 0,
            bytes: 0,
            next_alpha: Time::MAX,
            next_increase: Time::MAX,
            last_cut: None,
            cut_is_due: false,
            limited: false,
            stage: Stage::FastRecovery,
            quiet_until: Time::ZERO,
            rate: line,
            parameters,
        }
    }

    /// The parameters.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The way of the last increase.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// `R_C` in bits per second.
    #[must_use]
    pub const fn current_bps(&self) -> u64 {
        self.current_bps
    }

    /// Alpha in parts of [`ONE`].
    #[must_use]
    pub const fn alpha(&self) -> u64 {
        self.alpha
    }

    /// Lets pass what lies before `now`, in the order of its moments.
    #[inline]
    fn advance(&mut self, now: Time) {
        if self.limited && now >= self.quiet_until {
            self.pass(now);
        }
    }

    fn pass(&mut self, now: Time) {
        while self.limited {
            let due = self.cut_moment().min(self.next_alpha).min(self.next_increase);
            if due > now {
                self.quiet_until = due;
                return;
            }
            if due == self.cut_moment() {
                self.cut(due);
            } else if due == self.next_alpha {
                self.alpha -= self.weighted(self.alpha);
                self.next_alpha = due + self.parameters.alpha_timer;
            } else {
                self.timer_count += 1;
                self.next_increase = due + self.parameters.increase_timer;
                self.increase();
            }
        }
    }

    fn cut_moment(&self) -> Time {
        match self.last_cut {
            Some(last) if self.cut_is_due => last + self.parameters.decrease_interval,
            _ => Time::MAX,
        }
    }

    /// `g` times `alpha`, rounded up so that it decays to nothing.
    fn weighted(&self, alpha: u64) -> u64 {
        let Ratio { numerator, denominator } = self.parameters.g;
        (alpha * u64::from(numerator)).div_ceil(denominator.into())
    }

    /// Equation 1 of the paper: the present rate becomes the target.
    fn cut(&mut self, now: Time) {
        let grown = self.timer_count > 0 || self.byte_count > 0;
        if grown || self.parameters.clamp_target_rate || !self.limited {
            self.target_bps = self.current_bps;
        }
        let least = self.parameters.min_rate.as_bps().min(self.line_bps);
        self.current_bps = (self.current_bps - scale(self.current_bps, self.alpha) / 2).max(least);
        self.alpha = self.alpha - self.weighted(self.alpha) + self.weighted(ONE);
        self.alpha = self.alpha.min(ONE);
        (self.timer_count, self.byte_count, self.bytes) = (0, 0, 0);
        self.next_alpha = now + self.parameters.alpha_timer;
        self.next_increase = now + self.parameters.increase_timer;
        self.last_cut = Some(now);
        self.cut_is_due = false;
        self.quiet_until = Time::ZERO;
        self.limited = true;
        self.stage = Stage::FastRecovery;
    }

    /// Figure 7 of the paper: `F` halvings of the distance, then steps, then larger steps.
    fn increase(&mut self) {
        let (timer, bytes, threshold) = (self.timer_count, self.byte_count, self.parameters.fast_recovery);
        // Without a byte counter the timer alone decides.
        let (most, least) = match self.parameters.byte_counter_bytes {
            Some(_) => (timer.max(bytes), timer.min(bytes)),
            None => (timer, timer),
        };
        self.stage = if most < threshold {
            Stage::FastRecovery
        } else if least > threshold {
            Stage::Hyper
        } else {
            Stage::Additive
        };
        let step_bps = match self.stage {
            Stage::FastRecovery => 0,
            Stage::Additive => self.rai_bps,
            Stage::Hyper => self.rhai_bps * u64::from(least - threshold),
        };
        self.target_bps = (self.target_bps + step_bps).min(self.line_bps);
        // Rounded up, so that the target is reached.
        self.current_bps = (self.current_bps + self.target_bps).div_ceil(2);
        if self.current_bps >= self.line_bps && !self.cut_is_due && self.alpha == 0 {
            self.limited = false;
        }
    }
}

impl CongestionControl for Dcqcn {
    fn on_sent(&mut self, now: Time, cable_bytes: u64) {
        if !self.limited {
            return;
        }
        self.advance(now);
        let Some(limit) = self.parameters.byte_counter_bytes else { return };
        self.bytes += cable_bytes;
        while self.limited && self.bytes >= limit {
            self.bytes -= limit;
            self.byte_count += 1;
            self.increase();
        }
    }

    fn on_feedback(&mut self, _now: Time, _feedback: &Feedback<'_>) {}

    fn on_notification(&mut self, now: Time) {
        self.advance(now);
        let waits = self.last_cut.is_some_and(|last| now.since(last) < self.parameters.decrease_interval);
        if waits && self.limited {
            self.cut_is_due = true;
            self.quiet_until = Time::ZERO;
        } else {
            self.cut(now);
        }
    }

    fn allowance(&mut self, now: Time) -> Allowance {
        self.advance(now);
        let free = !self.limited || self.current_bps >= self.line_bps;
        if self.rate.as_bps() != self.current_bps {
            self.rate = Rate::from_bps(self.current_bps);
        }
        Allowance { rate: (!free).then_some(self.rate), window_bytes: None }
    }
}
