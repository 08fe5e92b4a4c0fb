//! Hashes of blocks of events, for each node and switch: where two runs part is found by comparing them.

use des::{Time, TraceHash};

/// Some events in a row of one node or switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The trace hash after the last of them; it depends on all events before.
    pub hash: u64,
    /// When the first was.
    pub from: Time,
    /// When the last was.
    pub to: Time,
}

/// The blocks of one node or switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// All that are complete, and at the end of the run the last one.
    pub blocks: Vec<Block>,
    events: u64,
    from: Option<Time>,
    open: Option<Block>,
}

/// Where two runs part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The node or switch.
    pub place: usize,
    /// Its block, from 0.
    pub block: usize,
    /// The time of the block in either run, from the first event to the last.
    pub from: Time,
    /// See `from`.
    pub to: Time,
}

impl Chain {
    /// Takes in an event; a block has `size` of them.
    pub(crate) fn event(&mut self, size: u64, now: Time, hash: TraceHash) {
        let from = *self.from.get_or_insert(now);
        self.events += 1;
        let block = Block { hash: hash.value(), from, to: now };
        if self.events.is_multiple_of(size) {
            self.blocks.push(block);
            (self.from, self.open) = (None, None);
        } else {
            self.open = Some(block);
        }
    }

    /// Closes the last block.
    pub(crate) fn finish(mut self) -> Self {
        self.blocks.extend(self.open.take());
        self
    }
}

impl Divergence {
    /// Where two runs part first, by the time of their first unequal blocks; `None` if they are the same.
    #[must_use]
    pub fn between(one: &[Chain], other: &[Chain]) -> Option<Self> {
        let unequal = one.iter().zip(other).enumerate().filter_map(|(place, (one, other))| {
            let block = (0..one.blocks.len().max(other.blocks.len()))
                .find(|&block| one.blocks.get(block).map(|b| b.hash) != other.blocks.get(block).map(|b| b.hash))?;
            let either = || [one, other].into_iter().filter_map(|chain| chain.blocks.get(block));
            let from = either().map(|block| block.from).min()?;
            let to = either().map(|block| block.to).max()?;
            Some(Self { place, block, from, to })
        });
        unequal.min_by_key(|divergence| (divergence.from, divergence.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(words: impl IntoIterator<Item = u64>) -> Chain {
        let (mut chain, mut hash) = (Chain::default(), TraceHash::new());
        for (at, word) in words.into_iter().enumerate() {
            hash.mix(word);
            chain.event(4, Time::from_ps(at as u64), hash);
        }
        chain.finish()
    }

    #[test]
    fn the_first_unequal_block_is_found() {
        let same = || chain(0..10);
        assert_eq!(Divergence::between(&[same(), same()], &[same(), same()]), None);
        let other = chain((0..10).map(|word| if word == 6 { 60 } else { word }));
        let found = Divergence::between(&[same(), same()], &[same(), other]).expect("they differ");
        assert_eq!((found.place, found.block), (1, 1));
        assert_eq!((found.from, found.to), (Time::from_ps(4), Time::from_ps(7)));
        let shorter = Divergence::between(&[same()], &[chain(0..8)]).expect("one has a block less");
        assert_eq!(shorter.block, 2);
    }
}
