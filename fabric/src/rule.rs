//! Faults on a link as data: which frames, how many of them, when, and what becomes of them.
//!
//! A [`RuleSpec`] is a row of a fault plan. The rules of a link stand in a chain; a frame passes along it, each rule
//! sees it as the earlier ones left it, and a rule that drops it ends its way. A frame is judged as its first bit
//! leaves.

mod corrupt;
mod matcher;

pub use matcher::Matcher;

use des::{Dur, Ratio, Rng, Time};
use std::ops::Range;
use wire::Frame;

/// What a rule does to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing; a rule that only counts.
    Pass,
    /// Delivers it later than it should be, behind frames sent after it. Delays of several rules add up.
    Deliver {
        /// How much later.
        delay: Dur,
    },
    /// Drops it.
    Drop(Loss),
    /// Flips one bit. The frame travels on as encoded bytes, as if it was damaged inside a device, where the check
    /// sequence of Ethernet does not help.
    Corrupt {
        /// Which bit from the start of the Ethernet header, modulo the bits there are; `None` draws one.
        bit: Option<u32>,
    },
    /// Sends it twice, the copy right behind the original.
    Duplicate,
    /// Marks it as a congested switch would; no effect if its sender does not take marks.
    MarkEcn,
}

/// Why a link lost a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A rule said so.
    Rule,
    /// The cable did not work.
    LinkDown,
}

/// Which of the frames that match are meant. Counting begins with the rule's time window, from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// All.
    Every,
    /// The n-th.
    Nth(u64),
    /// As many as `count`, from the `first` on.
    Burst {
        /// Number of the first one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Every n-th.
    EveryNth(u64),
    /// Each with this probability, drawn from the rule's own stream.
    Chance(Ratio),
}

/// A row of a fault plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSpec {
    /// Which frames it is about.
    pub matcher: Matcher,
    /// When it looks at frames, by the time at which they leave.
    pub window: Range<Time>,
    /// Which of them it means.
    pub pick: Pick,
    /// What becomes of those.
    pub verdict: Verdict,
}

impl RuleSpec {
    /// A rule that holds during the whole run.
    #[must_use]
    pub const fn always(matcher: Matcher, pick: Pick, verdict: Verdict) -> Self {
        Self { matcher, window: Time::ZERO..Time::MAX, pick, verdict }
    }

    /// The link does not work in `window`: all that is sent is lost, pause frames included.
    #[must_use]
    pub const fn link_down(window: Range<Time>) -> Self {
        Self { matcher: Matcher::Any, window, pick: Pick::Every, verdict: Verdict::Drop(Loss::LinkDown) }
    }
}

/// A rule at work on one link.
#[derive(Clone, Debug)]
pub struct Rule {
    spec: RuleSpec,
    rng: Rng,
    report: RuleReport,
    /// It looks at nothing until it is opened.
    shut: bool,
}

/// What a rule has done: a plan's row is reported as fired or not fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleReport {
    /// Frames that matched in the window.
    pub matched: u64,
    /// Those that it passed its verdict on.
    pub fired: u64,
    /// When it did so first.
    pub first_fired: Option<Time>,
}

impl Rule {
    /// A rule that draws from `rng`, a stream of its own.
    #[must_use]
    pub const fn new(spec: RuleSpec, rng: Rng) -> Self {
        Self { spec, rng, report: RuleReport { matched: 0, fired: 0, first_fired: None }, shut: false }
    }

    /// The same, to be opened later.
    #[must_use]
    pub fn shut(self) -> Self {
        Self { shut: true, ..self }
    }

    /// Looks at frames from `at` on, or from the start of its window on if that is later.
    pub fn open(&mut self, at: Time) {
        self.spec.window.start = self.spec.window.start.max(at);
        self.shut = false;
    }

    /// What it was made from.
    #[must_use]
    pub const fn spec(&self) -> &RuleSpec {
        &self.spec
    }

    /// What it has done.
    #[must_use]
    pub const fn report(&self) -> RuleReport {
        self.report
    }

    /// The verdict on a frame that leaves at `at`.
    fn judge(&mut self, at: Time, frame: &Frame) -> Verdict {
        if self.shut || !self.spec.window.contains(&at) || !self.spec.matcher.matches(frame) {
            return Verdict::Pass;
        }
        self.report.matched += 1;
        let number = self.report.matched;
        let picked = match self.spec.pick {
            Pick::Every => true,
            Pick::Nth(nth) => number == nth,
            Pick::Burst { first, count } => number >= first && number - first < count,
            Pick::EveryNth(interval) => number.is_multiple_of(interval),
            Pick::Chance(probability) => self.rng.chance(probability),
        };
        if !picked {
            return Verdict::Pass;
        }
        self.report.fired += 1;
        self.report.first_fired.get_or_insert(at);
        self.spec.verdict
    }
}

/// What the rules of a link made of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Delivered {
        /// Later than it should.
        delay: Dur,
        /// Twice.
        duplicated: bool,
    },
    /// It does not.
    Lost {
        /// Why.
        loss: Loss,
        /// Index of the rule that dropped it, in the order in which they were added.
        rule: usize,
    },
}

/// The rules of a link, in their order.
#[derive(Clone, Debug)]
pub(crate) struct RuleChain(Vec<Rule>);

impl RuleChain {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(crate) fn as_slice(&self) -> &[Rule] {
        &self.0
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Rule> {
        self.0.get_mut(index)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends `frame`, which leaves at `at`, past all rules, which may change it.
    pub(crate) fn judge(&mut self, at: Time, frame: &mut Frame) -> Fate {
        let mut total_delay = Dur::ZERO;
        let mut duplicated = false;
        for (index, rule) in self.0.iter_mut().enumerate() {
            match rule.judge(at, frame) {
                Verdict::Pass => {}
                Verdict::Deliver { delay } => total_delay += delay,
                Verdict::Drop(loss) => return Fate::Lost { loss, rule: index },
                Verdict::Corrupt { bit } => {
                    let bit = bit.map_or_else(|| rule.rng.next_u64(), u64::from);
                    corrupt::flip_bit(frame, bit);
                }
                Verdict::Duplicate => duplicated = true,
                Verdict::MarkEcn => {
                    frame.mark_congested();
                }
            }
        }
        Fate::Delivered { delay: total_delay, duplicated }
    }
}

#[cfg(test)]
mod tests;
