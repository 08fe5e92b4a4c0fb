//! The cases of a sweep: every seed with every choice of parameters, numbered.

use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

/// Seeds in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    count: u64,
}

impl Seeds {
    /// One seed.
    #[must_use]
    pub const fn one(seed: u64) -> Self {
        Self { first: seed, count: 1 }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }
}

impl FromStr for Seeds {
    type Err = String;

    /// `7`, `0..100` (without 100) or `1..=100`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| word.trim().parse::<u64>().ok().filter(|&seed| seed <= crate::spec::SEED_MAX);
        let parsed = match text.split_once("..") {
            None => number(text).map(|seed| (seed, 1)),
            Some((first, last)) => {
                let (last, inclusive) = last.strip_prefix('=').map_or((last, 0), |last| (last, 1));
                number(first).zip(number(last)).map(|(first, last)| (first, (last + inclusive).saturating_sub(first)))
            }
        };
        match parsed {
            Some((first, count)) if count > 0 => Ok(Self { first, count }),
            _ => Err("write seeds as 0..100 (without 100), 1..=100 or 7".to_owned()),
        }
    }
}

/// One machine's part of a sweep: every `of`-th case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `of`.
    pub index: u64,
    /// How many there are.
    pub of: NonZero<u64>,
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Self = Self { index: 1, of: NonZero::<u64>::MIN };

    /// Whether the case is this shard's. Neighbours go to different shards, so that slow parameters are spread.
    #[must_use]
    pub const fn has(self, case: u64) -> bool {
        case % self.of.get() == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=NonZero::get(of)).contains(&index) => Ok(Self { index, of }),
            _ => Err("write a shard as 1/4: the first of four".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A key of the scenario with another value, `cluster.nodes=8`. The value is TOML, or else a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key's path from the top of the file; rows of lists by their number from 0.
    pub key: String,
    /// The value.
    pub value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
                Ok(Self { key: key.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("write a setting as KEY=VALUE, such as cluster.nodes=8".to_owned()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// A key with several values, `cluster.nodes=2,4,8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    key: String,
    values: Vec<String>,
}

impl FromStr for Values {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Setting { key, value } =
            text.parse().map_err(|_| "write a range as KEY=A,B,C, such as cluster.nodes=2,4,8".to_owned())?;
        Ok(Self { key, values: value.split(',').map(|value| value.trim().to_owned()).collect() })
    }
}

/// A run of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its number in the whole sweep, from 0.
    pub index: u64,
    /// Its seed.
    pub seed: u64,
    /// What differs from the scenario's file.
    pub settings: Vec<Setting>,
}

/// All cases: seeds run fastest, then the last range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Its seeds.
    pub seeds: Seeds,
    /// What differs from the scenario's file in every case.
    pub fixed: Vec<Setting>,
    /// What is tried.
    pub ranges: Vec<Values>,
}

impl Sweep {
    /// The number of cases.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.points().saturating_mul(self.seeds.count)
    }

    /// Choices of parameters.
    fn points(&self) -> u64 {
        self.ranges.iter().fold(1, |points: u64, range| points.saturating_mul(range.values.len() as u64))
    }

    /// A shard's cases, in their order.
    pub fn cases(&self, shard: Shard) -> impl Iterator<Item = Case> {
        (0..self.total()).filter(move |&index| shard.has(index)).map(|index| self.case(index))
    }

    /// Every choice of parameters once, whatever the shard.
    pub fn choices(&self) -> impl Iterator<Item = Vec<Setting>> {
        (0..self.points()).map(|point| self.case(point.saturating_mul(self.seeds.count)).settings)
    }

    /// The case with a number below [`total`](Self::total).
    fn case(&self, index: u64) -> Case {
        let mut point = index / self.seeds.count;
        let mut chosen = Vec::new();
        for range in self.ranges.iter().rev() {
            let values = range.values.len() as u64;
            let value = range.values[(point % values) as usize].clone();
            chosen.push(Setting { key: range.key.clone(), value });
            point /= values;
        }
        let settings = self.fixed.iter().cloned().chain(chosen.into_iter().rev()).collect();
        Case { index, seed: self.seeds.first + index % self.seeds.count, settings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_strictly() {
        assert_eq!("3..5".parse(), Ok(Seeds { first: 3, count: 2 }));
        assert_eq!("3..=5".parse(), Ok(Seeds { first: 3, count: 3 }));
        assert_eq!("3".parse(), Ok(Seeds::one(3)));
        for bad in ["", "5..5", "5..3", "-1..2", "a", "..", "0..9223372036854775808"] {
            assert!(bad.parse::<Seeds>().is_err(), "{bad}");
        }
        assert_eq!("2/4".parse::<Shard>().map(|shard| shard.to_string()), Ok("2/4".to_owned()));
        for bad in ["", "0/4", "5/4", "1/0", "1", "1/-1"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
        for bad in ["", "a", "=1", "a="] {
            assert!(bad.parse::<Setting>().is_err() && bad.parse::<Values>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shards_share_all_cases_and_no_case_is_twice() {
        let sweep = Sweep {
            seeds: "10..13".parse().expect("seeds"),
            fixed: vec!["x=1".parse().expect("a setting")],
            ranges: vec!["a=1,2".parse().expect("a range"), "b=p,q".parse().expect("a range")],
        };
        let whole: Vec<Case> = sweep.cases(Shard::WHOLE).collect();
        assert_eq!((whole.len(), sweep.total()), (12, 12));
        let mut joined: Vec<Case> = ["1/5", "2/5", "3/5", "4/5", "5/5"]
            .iter()
            .flat_map(|shard| sweep.cases(shard.parse().expect("a shard")))
            .collect();
        joined.sort_by_key(|case| case.index);
        assert_eq!(joined, whole);
        let words: Vec<String> = whole[4].settings.iter().map(Setting::to_string).collect();
        assert_eq!((whole[4].seed, words), (11, ["x=1", "a=1", "b=q"].map(str::to_owned).to_vec()));
        assert!(whole.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
