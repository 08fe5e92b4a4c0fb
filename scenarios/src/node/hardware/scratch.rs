//! What hardware of many nodes shares, and reads ahead: both so that a node's turn finds it in the nearest cache.

use super::{Hardware, Later, Outgoing};
use des::{Phase, Time};
use nic_model::port::Outbox;

/// What hardware works with while it has its turn: empty between turns, and as good as that of any other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    nic: nic_model::Scratch,
    outbox: Outbox,
    later: Vec<(Time, Phase, Later)>,
    outgoing: Vec<Outgoing>,
}

impl Hardware {
    /// Swaps what it works with for that of somebody else. See [`Nic::swap_scratch`](nic_model::Nic::swap_scratch).
    pub(crate) const fn swap_scratch(&mut self, scratch: &mut Scratch) {
        self.nic.swap_scratch(&mut scratch.nic);
        std::mem::swap(&mut self.outbox, &mut scratch.outbox);
        std::mem::swap(&mut self.later, &mut scratch.later);
        std::mem::swap(&mut self.outgoing, &mut scratch.outgoing);
    }

    /// See [`Nic::touch`](nic_model::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let lists = [self.outbox.len(), self.later.len(), self.outgoing.len(), self.posted.len()];
        let lists = lists.iter().fold(self.failed_writes.len(), |sum, length| sum ^ length);
        let ways = self.config.asks_wakes ^ self.config.mapping.is_some() ^ self.gone;
        self.nic.touch() ^ self.now.as_ps() ^ self.spent.as_ps() ^ lists as u64 ^ u64::from(ways)
    }
}
