//! What makes a program: one line that any failure prints.

use proptest::prelude::*;
use std::fmt;
use std::str::FromStr;

/// Frames may be lost.
pub(super) const LOSS: u8 = 1;
/// Bits of frames may turn.
pub(super) const DAMAGE: u8 = 2;
/// Frames may come twice.
pub(super) const TWICE: u8 = 4;
/// Frames may be overtaken.
pub(super) const LATE: u8 = 8;

/// A random program: everything is drawn from the seed, within these bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) seed: u64,
    /// After each the devices come to rest and everything is compared.
    pub(super) rounds: u8,
    /// Requests in a round.
    pub(super) posts: u8,
    /// What may happen to frames, see the bits above.
    pub(super) mischief: u8,
    /// The last round has a request that must fail, and what follows it is flushed.
    pub(super) fails: bool,
    pub(super) zero_time: bool,
    /// Losses are repaired by selective repeat.
    pub(super) selective: bool,
    /// Every on-chip memory has a few entries: caches miss, atomics and translations wait.
    pub(super) small: bool,
    /// The devices lie behind IOMMUs.
    pub(super) translate: bool,
}

/// All recipes; smaller ones are smaller programs.
pub(super) fn recipes() -> impl Strategy<Value = Recipe> {
    let mischief = prop_oneof![1 => Just(0_u8), 4 => 0..16_u8];
    let device = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (any::<u64>(), 1..4_u8, 1..28_u8, mischief, any::<bool>(), device).prop_map(
        |(seed, rounds, posts, mischief, fails, (zero_time, selective, small, translate))| Recipe {
            seed,
            rounds,
            posts,
            mischief,
            fails,
            zero_time,
            selective,
            small,
            translate,
        },
    )
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, rounds, posts, mischief, .. } = self;
        let [fails, zero_time, selective, small, translate] =
            [self.fails, self.zero_time, self.selective, self.small, self.translate].map(u8::from);
        write!(
            f,
            "seed={seed} rounds={rounds} posts={posts} mischief={mischief} fails={fails} zero_time={zero_time} \
             selective={selective} small={small} translate={translate}"
        )
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let field = |name: &str| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            let word = word.ok_or_else(|| format!("\"{line}\" lacks {name}"))?;
            word.parse::<u64>().map_err(|error| format!("{name}: {error}"))
        };
        Ok(Self {
            seed: field("seed")?,
            rounds: field("rounds")? as u8,
            posts: field("posts")? as u8,
            mischief: field("mischief")? as u8,
            fails: field("fails")? != 0,
            zero_time: field("zero_time")? != 0,
            selective: field("selective")? != 0,
            small: field("small")? != 0,
            translate: field("translate")? != 0,
        })
    }
}
