//! Parameter sets of congestion control by name, as data, each with where it is from.
//!
//! Simulators and adapters differ by orders of magnitude (the byte counter alone by 9000), so that no set is "the default
//! of DCQCN": a scenario names one.

use super::{dcqcn, dctcp, hpcc, timely};
use des::{Dur, Rate, Ratio};

/// How senders react to congestion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Not at all.
    #[default]
    None,
    /// See [`dcqcn`].
    Dcqcn(dcqcn::Parameters),
    /// See [`hpcc`].
    Hpcc(hpcc::Parameters),
    /// See [`timely`].
    Timely(timely::Parameters),
    /// See [`dctcp`].
    Dctcp(dctcp::Parameters),
}

/// A step of a rate: fixed, or in proportion to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The same on every line.
    Fixed(Rate),
    /// So much on a line of that rate.
    Of {
        /// The step.
        step: Rate,
        /// On this line.
        line: Rate,
    },
}

/// Where switches mark, as a set's authors used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Up to this queue nothing is marked, in bytes.
    pub kmin_bytes: u32,
    /// Above this queue everything is marked, in bytes.
    pub kmax_bytes: u32,
    /// Probability at `kmax_bytes`.
    pub pmax: Ratio,
    /// The line that the thresholds are for, others in proportion; `None`: the same on every line.
    pub line: Option<Rate>,
}

/// Parameters by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterSet {
    /// Name of the scheme.
    pub scheme: &'static str,
    /// Name of the set; unique within its scheme.
    pub name: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// The parameters.
    pub parameters: Scheme,
    /// Where switches mark with it.
    pub marks: Option<Marks>,
}

impl Step {
    /// The step on a line, in bits per second.
    #[must_use]
    pub const fn on(self, line: Rate) -> u64 {
        match self {
            Self::Fixed(step) => step.as_bps(),
            Self::Of { step, line: known } => {
                (step.as_bps() as u128 * line.as_bps() as u128 / known.as_bps() as u128) as u64
            }
        }
    }
}

impl Scheme {
    /// Its name in scenario files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dcqcn(_) => "dcqcn",
            Self::Hpcc(_) => "hpcc",
            Self::Timely(_) => "timely",
            Self::Dctcp(_) => "dctcp",
        }
    }

    /// Whether each packet must be acknowledged: the scheme learns from acknowledgements.
    #[must_use]
    pub const fn needs_every_acknowledgement(&self) -> bool {
        matches!(self, Self::Hpcc(_) | Self::Timely(_) | Self::Dctcp(_))
    }

    /// The same with another round trip of the idle network.
    #[must_use]
    pub const fn with_base_rtt(self, base_rtt: Dur) -> Self {
        match self {
            Self::Hpcc(parameters) => Self::Hpcc(hpcc::Parameters { base_rtt, ..parameters }),
            Self::Dctcp(parameters) => Self::Dctcp(dctcp::Parameters { base_rtt, ..parameters }),
            Self::None | Self::Dcqcn(_) | Self::Timely(_) => self,
        }
    }
}

const fn mbps(mbps: u64) -> Rate {
    Rate::from_bps(mbps * 1_000_000)
}

const fn fixed(step_mbps: u64) -> Step {
    Step::Fixed(mbps(step_mbps))
}

/// So many Mb/s for each 25 Gb/s of the line.
const fn per_25g(step_mbps: u64) -> Step {
    Step::Of { step: mbps(step_mbps), line: Rate::from_gbps(25) }
}

const fn ratio(numerator: u32, denominator: u32) -> Ratio {
    Ratio { numerator, denominator }
}

/// The simulators of HPCC and ConWeave: what their sets have in common.
const SIMULATED: dcqcn::Parameters = dcqcn::Parameters {
    cnp_interval: Dur::from_us(4),
    decrease_interval: Dur::from_us(4),
    g: ratio(1, 256),
    alpha_timer: Dur::from_us(1),
    increase_timer: Dur::from_us(300),
    byte_counter_bytes: None,
    fast_recovery: 1,
    rai: per_25g(5),
    rhai: per_25g(50),
    min_rate: mbps(100),
    clamp_target_rate: false,
};

/// What ns-3 takes where no configuration says otherwise.
const HPCC_DEFAULTS: dcqcn::Parameters = dcqcn::Parameters {
    g: ratio(1, 16),
    alpha_timer: Dur::from_us(55),
    increase_timer: Dur::from_us(1_500),
    fast_recovery: 5,
    rai: fixed(5),
    rhai: fixed(50),
    ..SIMULATED
};

/// The paper's own numbers. It names no least rate; that of the simulators is taken.
const PAPER: dcqcn::Parameters = dcqcn::Parameters {
    cnp_interval: Dur::from_us(50),
    decrease_interval: Dur::from_us(50),
    g: ratio(1, 256),
    alpha_timer: Dur::from_us(55),
    increase_timer: Dur::from_us(55),
    byte_counter_bytes: Some(10_000_000),
    fast_recovery: 5,
    rai: fixed(40),
    rhai: fixed(100),
    min_rate: mbps(100),
    clamp_target_rate: true,
};

const NS3_RDMA: dcqcn::Parameters = dcqcn::Parameters {
    increase_timer: Dur::from_us(60),
    byte_counter_bytes: Some(300_000_000),
    rhai: fixed(200),
    ..PAPER
};

const MLX5: dcqcn::Parameters = dcqcn::Parameters {
    g: ratio(5, 1_024),
    byte_counter_bytes: Some(32_767),
    rai: fixed(5),
    rhai: fixed(50),
    min_rate: mbps(1),
    ..SIMULATED
};

const HPCC: hpcc::Parameters = hpcc::Parameters {
    eta: ratio(95, 100),
    max_stage: 5,
    additive: per_25g(10),
    base_rtt: Dur::from_us(13),
    min_rate: mbps(100),
};

const TIMELY: timely::Parameters = timely::Parameters {
    alpha: ratio(875, 1_000),
    beta: ratio(8, 10),
    t_low: Dur::from_us(50),
    t_high: Dur::from_us(500),
    min_rtt: Dur::from_us(20),
    delta: per_25g(25),
    hyper: per_25g(125),
    hyper_after: 5,
    min_rate: mbps(100),
};

const DCTCP: dctcp::Parameters =
    dctcp::Parameters { g: ratio(1, 16), additive: fixed(1_000), base_rtt: Dur::from_us(13), min_window_bytes: 1_000 };

const HPCC_MARKS: Marks =
    Marks { kmin_bytes: 100_000, kmax_bytes: 400_000, pmax: ratio(1, 5), line: Some(Rate::from_gbps(25)) };

/// All sets.
pub const SETS: &[ParameterSet] = &[
    ParameterSet {
        scheme: "dcqcn",
        name: "sigcomm-2015",
        source: "Zhu et al., SIGCOMM 2015; least rate assumed",
        parameters: Scheme::Dcqcn(PAPER),
        marks: Some(Marks { kmin_bytes: 5_000, kmax_bytes: 200_000, pmax: ratio(1, 100), line: None }),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "ns3-rdma",
        source: "bobzhuyb/ns3-rdma e8a27d02, mix/config.txt",
        parameters: Scheme::Dcqcn(NS3_RDMA),
        marks: Some(Marks { kmin_bytes: 40_000, kmax_bytes: 1_000_000, pmax: ratio(1, 1), line: None }),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "hpcc-config",
        source: "alibaba-edu/HPCC 9f4be2a9, simulation/mix/config.txt",
        parameters: Scheme::Dcqcn(dcqcn::Parameters {
            increase_timer: Dur::from_us(900),
            rai: fixed(50),
            rhai: fixed(100),
            ..SIMULATED
        }),
        marks: Some(HPCC_MARKS),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "hpcc-run",
        source: "alibaba-edu/HPCC 9f4be2a9, simulation/run.py, cc=dcqcn",
        parameters: Scheme::Dcqcn(SIMULATED),
        marks: Some(HPCC_MARKS),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "hpcc-run-paper",
        source: "alibaba-edu/HPCC 9f4be2a9, simulation/run.py, cc=dcqcn_paper",
        parameters: Scheme::Dcqcn(dcqcn::Parameters {
            cnp_interval: Dur::from_us(50),
            decrease_interval: Dur::from_us(50),
            alpha_timer: Dur::from_us(50),
            increase_timer: Dur::from_us(55),
            ..SIMULATED
        }),
        marks: Some(HPCC_MARKS),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "hpcc-defaults",
        source: "alibaba-edu/HPCC 9f4be2a9, rdma-hw.cc, attributes that no file sets; marks those of config.txt",
        parameters: Scheme::Dcqcn(HPCC_DEFAULTS),
        marks: Some(HPCC_MARKS),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "conweave",
        source: "conweave-ns3 236a801a, run.py",
        parameters: Scheme::Dcqcn(dcqcn::Parameters { rai: per_25g(10), rhai: per_25g(25), ..SIMULATED }),
        marks: Some(Marks { kmin_bytes: 100_000, kmax_bytes: 400_000, pmax: ratio(1, 5), line: None }),
    },
    ParameterSet {
        scheme: "dcqcn",
        name: "mlx5",
        source: "NVIDIA DOC-2790 and doca dcqcn-cc-parameters; marks are the switch's, those of conweave taken",
        parameters: Scheme::Dcqcn(MLX5),
        marks: Some(Marks { kmin_bytes: 100_000, kmax_bytes: 400_000, pmax: ratio(1, 5), line: None }),
    },
    ParameterSet {
        scheme: "hpcc",
        name: "sigcomm-2019",
        source: "Li et al., SIGCOMM 2019, and alibaba-edu/HPCC 9f4be2a9, simulation/run.py",
        parameters: Scheme::Hpcc(HPCC),
        marks: None,
    },
    ParameterSet {
        scheme: "hpcc",
        name: "published-results",
        source: "hpcc-group.github.io 212fbf5a, results.md: eta 99 %, maxStage 0",
        parameters: Scheme::Hpcc(hpcc::Parameters { eta: ratio(99, 100), max_stage: 0, ..HPCC }),
        marks: None,
    },
    ParameterSet {
        scheme: "timely",
        name: "hpcc-run",
        source: "alibaba-edu/HPCC 9f4be2a9, rdma-hw.cc and run.py, cc=timely",
        parameters: Scheme::Timely(TIMELY),
        marks: None,
    },
    ParameterSet {
        scheme: "dctcp",
        name: "hpcc-run",
        source: "alibaba-edu/HPCC 9f4be2a9, rdma-hw.cc and run.py, cc=dctcp; g as in SIGCOMM 2010",
        parameters: Scheme::Dctcp(DCTCP),
        marks: Some(Marks {
            kmin_bytes: 30_000,
            kmax_bytes: 30_000,
            pmax: ratio(1, 1),
            line: Some(Rate::from_gbps(10)),
        }),
    },
];

/// The set of this name for this scheme.
#[must_use]
pub fn named(scheme: &str, name: &str) -> Option<&'static ParameterSet> {
    SETS.iter().find(|set| set.scheme == scheme && set.name == name)
}

/// The first set of a scheme.
#[must_use]
pub fn usual(scheme: &str) -> Option<&'static ParameterSet> {
    SETS.iter().find(|set| set.scheme == scheme)
}

#[cfg(test)]
mod tests;
