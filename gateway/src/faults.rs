//! Which RoCE packets are lost, damaged, repeated, overtaken or late: rates, as rules on both directions.

use des::{Dur, Ratio, Rng};
use fabric::rule::Loss;
use fabric::{Link, Matcher, Pick, Rule, RuleSpec, Verdict};

/// How far a packet falls back to be overtaken: a burst of a slow peer is behind it by then. Assumed.
const REORDER_BY: Dur = Dur::from_ms(1);

/// Rates of faults, of RoCE packets in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Lost.
    pub drop: Ratio,
    /// One bit flipped, somewhere in the frame.
    pub corrupt: Ratio,
    /// Sent twice.
    pub duplicate: Ratio,
    /// Held back for a millisecond, so that later ones overtake it.
    pub reorder: Ratio,
    /// Held back for [`delay_by`](Self::delay_by).
    pub delay: Ratio,
    /// See [`delay`](Self::delay).
    pub delay_by: Dur,
    /// Of the random streams, one for each kind and direction.
    pub seed: u64,
}

impl Default for Faults {
    /// None.
    fn default() -> Self {
        Self {
            drop: Ratio::ZERO,
            corrupt: Ratio::ZERO,
            duplicate: Ratio::ZERO,
            reorder: Ratio::ZERO,
            delay: Ratio::ZERO,
            delay_by: Dur::from_ms(10),
            seed: 1,
        }
    }
}

/// What one kind of fault has done in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// "sent" or "received".
    pub direction: &'static str,
    /// Its name, as in [`Faults`].
    pub kind: &'static str,
    /// Packets that passed by.
    pub seen: u64,
    /// Packets that it hit.
    pub fired: u64,
}

/// The names of the kinds, in the order of their rules.
const KINDS: [&str; 5] = ["drop", "corrupt", "duplicate", "reorder", "delay"];

impl Faults {
    /// Puts the rules onto a link. All of them are there, those of rate zero included, so that reports have all rows.
    pub(crate) fn put_on(&self, link: &mut Link, direction: &str) {
        let Self { drop, corrupt, duplicate, reorder, delay, delay_by, seed } = *self;
        let rows = [
            (drop, Verdict::Drop(Loss::Rule)),
            (corrupt, Verdict::Corrupt { bit: None }),
            (duplicate, Verdict::Duplicate),
            (reorder, Verdict::Deliver { delay: REORDER_BY }),
            (delay, Verdict::Deliver { delay: delay_by }),
        ];
        for (kind, (rate, verdict)) in KINDS.iter().zip(rows) {
            let spec = RuleSpec::always(Matcher::Any, Pick::Chance(rate), verdict);
            link.add_rule(Rule::new(spec, Rng::stream(seed, &format!("gateway.{direction}.{kind}"))));
        }
    }
}

/// What the rules of a link have done.
pub(crate) fn reports(link: &Link, direction: &'static str) -> impl Iterator<Item = FaultReport> {
    link.rules().iter().zip(KINDS).map(move |(rule, kind)| {
        let report = rule.report();
        FaultReport { direction, kind, seen: report.matched, fired: report.fired }
    })
}
