//! All outcomes of a sweep, or of shards that are joined again.

use super::figures::{self, Choice};
use super::outcome::Outcome;
use crate::report::Versions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The layout of [`SweepReport`] as JSON.
pub const FORMAT: u32 = 1;

/// What a sweep, or a shard of one, found out: the file that `merge` reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// [`FORMAT`].
    pub format: u32,
    /// What produced it.
    pub versions: Versions,
    /// The scenario's name.
    pub scenario: String,
    /// Fingerprint of all that the cases have in common: file, input, seeds and ranges.
    pub fingerprint: String,
    /// Cases of the whole sweep.
    pub total: u64,
    /// The shards that are in here, as `1/4`.
    pub shards: Vec<String>,
    /// Wall time, in microseconds; of shards together, of each machine its own.
    pub wall_us: u64,
    /// Those that ran, by index.
    pub outcomes: Vec<Outcome>,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// The rule or expectation.
    pub what: &'a str,
    /// How many cases have it.
    pub cases: u64,
    /// The first of them, and what was seen there.
    pub first: (&'a Outcome, &'a str),
}

/// Why reports are not shards of one sweep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is nothing to merge")]
    Nothing,
    /// Another scenario, input, range or program.
    #[error("{0} is of another sweep: scenario, input, seeds, ranges and program must be the same")]
    Foreign(String),
    /// The same case stands in two of them.
    #[error("{0} repeats case {1}, which another shard has")]
    Repeated(String, u64),
}

impl SweepReport {
    /// The exit status: the worst of the cases, 3 before 1 before 2.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        let rank = |status: &u8| [0, 2, 1, 3, 4].iter().position(|known| known == status).unwrap_or(5);
        self.outcomes.iter().map(|outcome| outcome.status).max_by_key(rank).unwrap_or(0)
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| !outcome.passed())
    }

    /// Failures by what they break, the most frequent first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
        for outcome in self.failures() {
            let mut causes: Vec<_> = outcome.causes.iter().collect();
            causes.sort();
            causes.dedup_by(|next, first| next.what == first.what);
            for cause in causes {
                let first = (outcome, cause.seen.as_str());
                groups.entry(&cause.what).or_insert(Group { what: &cause.what, cases: 0, first }).cases += 1;
            }
        }
        let mut groups: Vec<Group<'_>> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.cases));
        groups
    }

    /// Fabric studies by their choice of parameters.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice<'_>> {
        figures::by_choice(&self.outcomes)
    }

    /// Simulated time of all cases together.
    #[must_use]
    pub fn simulated_ps(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.simulated_ps).sum()
    }

    /// Simulated seconds per wall second, in millionths.
    #[must_use]
    pub fn speed_ppm(&self) -> u64 {
        // Picoseconds per microsecond are millionths.
        self.simulated_ps() / self.wall_us.max(1)
    }

    /// Joins shards, each with the name that messages call it.
    ///
    /// # Errors
    /// They are not of one sweep, or overlap.
    pub fn merge(shards: Vec<(String, Self)>) -> Result<Self, MergeError> {
        let mut shards = shards.into_iter();
        let (_, mut all) = shards.next().ok_or(MergeError::Nothing)?;
        for (name, shard) in shards {
            let same = |one: &Self| (one.format, one.versions.clone(), one.fingerprint.clone(), one.total);
            if same(&shard) != same(&all) {
                return Err(MergeError::Foreign(name));
            }
            let known = |index| all.outcomes.iter().any(|outcome| outcome.index == index);
            if let Some(twice) = shard.outcomes.iter().find(|outcome| known(outcome.index)) {
                return Err(MergeError::Repeated(name, twice.index));
            }
            all.shards.extend(shard.shards);
            all.outcomes.extend(shard.outcomes);
            all.wall_us += shard.wall_us;
        }
        all.outcomes.sort_by_key(|outcome| outcome.index);
        Ok(all)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::outcome::Cause;
    use super::*;

    pub(in crate::sweep) fn report(shard: &str, indices: &[u64]) -> SweepReport {
        let outcome = |&index: &u64| {
            let failed = index % 3 == 1;
            let cause = Cause { what: "close-order (consumer)".to_owned(), seen: format!("node{index}: <late>") };
            Outcome {
                index,
                seed: index + 10,
                settings: vec!["cluster.nodes=4".to_owned()],
                status: if failed { 3 } else { 0 },
                trace_hash: "00c0ffee00c0ffee".to_owned(),
                events: 5,
                simulated_ps: 2_000_000,
                study: None,
                causes: failed.then_some(cause).into_iter().collect(),
                command: format!("rnic run a.toml --seed {}", index + 10),
            }
        };
        SweepReport {
            format: FORMAT,
            versions: Versions::default(),
            scenario: "a".to_owned(),
            fingerprint: "f".to_owned(),
            total: 6,
            shards: vec![shard.to_owned()],
            wall_us: 3,
            outcomes: indices.iter().map(outcome).collect(),
        }
    }

    #[test]
    fn shards_are_joined_whatever_their_order() {
        let (one, two) = (report("1/2", &[0, 2, 4]), report("2/2", &[1, 3, 5]));
        let named = |reports: &[&SweepReport]| -> Vec<(String, SweepReport)> {
            reports.iter().map(|&report| (report.shards[0].clone(), report.clone())).collect()
        };
        let whole = SweepReport::merge(named(&[&two, &one])).expect("two shards");
        assert_eq!(whole.outcomes, report("", &[0, 1, 2, 3, 4, 5]).outcomes);
        assert_eq!((whole.exit_status(), whole.groups()[0].cases, whole.groups()[0].first.0.index), (3, 2, 1));
        assert_eq!(whole.speed_ppm(), 2_000_000);
        assert_eq!(SweepReport::merge(named(&[&one, &one])), Err(MergeError::Repeated("1/2".to_owned(), 0)));
        let foreign = SweepReport { fingerprint: "g".to_owned(), ..two };
        assert_eq!(SweepReport::merge(named(&[&one, &foreign])), Err(MergeError::Foreign("2/2".to_owned())));
        assert_eq!(SweepReport::merge(vec![]), Err(MergeError::Nothing));
    }
}
