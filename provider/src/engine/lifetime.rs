//! Who must outlive whom: the graph of antecedents and successors, and what holds a close back.
//!
//! Pure bookkeeping. A close may complete when nothing holds its object (`NdkCloseObject` page, NDKPI object lifetime
//! requirements): requests whose completions have not returned, event callbacks that have not, successors that are not
//! closed or whose close completions have not returned.

use std::collections::{BTreeMap, VecDeque};

/// An object's id: the address of its pointer. Never used twice; zero is NULL.
pub(super) type ObjectId = u64;

/// What keeps an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// A pending request, until its completion callback has returned.
    Request,
    /// An event callback, until it has returned.
    Callback,
    /// A successor, until its close completion has returned.
    Successor,
}

/// How far an object's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Creating,
    Live,
    Closing,
}

#[derive(Clone, Debug)]
struct Life {
    stage: Stage,
    /// Antecedents, one entry for each way of needing it.
    antecedents: Vec<ObjectId>,
    holds: [u32; 3],
}

/// The lives of all objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifetimes {
    lives: BTreeMap<ObjectId, Life>,
    last_id: ObjectId,
    /// Closing objects that lost their last hold.
    ready: VecDeque<ObjectId>,
}

impl Lifetimes {
    /// A new object over its antecedents, which it holds from now on.
    pub(super) fn create(&mut self, antecedents: Vec<ObjectId>) -> ObjectId {
        for &antecedent in &antecedents {
            self.hold(antecedent, Hold::Successor);
        }
        self.last_id += 1;
        self.lives.insert(self.last_id, Life { stage: Stage::Creating, antecedents, holds: [0; 3] });
        self.last_id
    }

    /// The creation succeeded.
    pub(super) fn made(&mut self, id: ObjectId) {
        self.life(id).stage = Stage::Live;
    }

    /// The object is no more. Its antecedents stay held until [`release_all`](Self::release_all).
    pub(super) fn remove(&mut self, id: ObjectId) -> Vec<ObjectId> {
        let life = self.lives.remove(&id).expect("an object is removed once");
        assert_eq!(life.holds, [0; 3], "object {id} is removed while it is needed");
        life.antecedents
    }

    /// Lets go of the antecedents of an object that is gone.
    pub(super) fn release_all(&mut self, antecedents: Vec<ObjectId>) {
        for antecedent in antecedents {
            self.release(antecedent, Hold::Successor);
        }
    }

    /// `id` comes to need `antecedent`.
    pub(super) fn link(&mut self, id: ObjectId, antecedent: ObjectId) {
        self.hold(antecedent, Hold::Successor);
        self.life(id).antecedents.push(antecedent);
    }

    /// `id` needs `antecedent` no more.
    pub(super) fn unlink(&mut self, id: ObjectId, antecedent: ObjectId) {
        let antecedents = &mut self.life(id).antecedents;
        let place =
            antecedents.iter().rposition(|&known| known == antecedent).expect("only what was linked is unlinked");
        antecedents.remove(place);
        self.release(antecedent, Hold::Successor);
    }

    pub(super) fn hold(&mut self, id: ObjectId, hold: Hold) {
        self.life(id).holds[hold as usize] += 1;
    }

    pub(super) fn release(&mut self, id: ObjectId, hold: Hold) {
        let life = self.life(id);
        let count = &mut life.holds[hold as usize];
        *count = count.checked_sub(1).expect("a hold is released once");
        if life.stage == Stage::Closing && life.holds == [0; 3] {
            self.ready.push_back(id);
        }
    }

    /// The consumer closed the object. Returns whether nothing holds it.
    pub(super) fn close(&mut self, id: ObjectId) -> bool {
        let life = self.life(id);
        life.stage = Stage::Closing;
        life.holds == [0; 3]
    }

    /// A closing object that has lost its last hold since the last call.
    pub(super) fn pop_ready(&mut self) -> Option<ObjectId> {
        self.ready.pop_front()
    }

    pub(super) fn stage(&self, id: ObjectId) -> Option<Stage> {
        self.lives.get(&id).map(|life| life.stage)
    }

    pub(super) fn is_live(&self, id: ObjectId) -> bool {
        self.stage(id) == Some(Stage::Live)
    }

    /// The object that created this one: by convention its first antecedent.
    pub(super) fn parent(&self, id: ObjectId) -> ObjectId {
        *self.lives[&id].antecedents.first().expect("only adapters have no parent")
    }

    /// How many successors hold an object.
    pub(super) fn successors(&self, id: ObjectId) -> u32 {
        self.lives.get(&id).map_or(0, |life| life.holds[Hold::Successor as usize])
    }

    fn life(&mut self, id: ObjectId) -> &mut Life {
        self.lives.get_mut(&id).expect("what is held or needed exists")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_antecedent_waits_for_its_successors_and_their_callbacks() {
        let mut lives = Lifetimes::default();
        let parent = lives.create(vec![]);
        let child = lives.create(vec![parent, parent]);
        lives.made(parent);
        lives.made(child);
        assert!(!lives.close(parent), "two successors hold it");
        assert!(lives.close(child));
        let antecedents = lives.remove(child);
        assert_eq!(lives.pop_ready(), None, "the close completion has not returned");
        lives.release_all(antecedents);
        assert_eq!(lives.pop_ready(), Some(parent));
        assert_eq!(lives.pop_ready(), None);
    }

    #[test]
    fn every_kind_of_hold_keeps_an_object() {
        for hold in [Hold::Request, Hold::Callback, Hold::Successor] {
            let mut lives = Lifetimes::default();
            let id = lives.create(vec![]);
            lives.made(id);
            lives.hold(id, hold);
            lives.release(id, hold);
            assert_eq!(lives.pop_ready(), None, "a live object is not ready to go");
            lives.hold(id, hold);
            assert!(!lives.close(id), "{hold:?} holds");
            lives.release(id, hold);
            assert_eq!(lives.pop_ready(), Some(id));
        }
    }

    #[test]
    fn a_later_edge_counts_until_it_is_cut() {
        let mut lives = Lifetimes::default();
        let (region, window) = (lives.create(vec![]), lives.create(vec![]));
        lives.made(region);
        lives.made(window);
        lives.link(window, region);
        assert!(!lives.close(region));
        lives.unlink(window, region);
        assert_eq!(lives.pop_ready(), Some(region));
    }

    #[test]
    fn ids_are_never_used_again() {
        let mut lives = Lifetimes::default();
        let first = lives.create(vec![]);
        lives.remove(first);
        assert_ne!(lives.create(vec![]), first);
        assert_eq!(lives.stage(first), None);
    }
}
