//! Who is next: round robin within a traffic class, round robin among classes that may send. Whoever has turns left stays in
//! front of its class, which makes the round robin a weighted one.

use std::collections::VecDeque;

/// Traffic classes of an Ethernet port (IEEE 802.1Q).
pub(crate) const CLASSES: usize = 8;

/// A round-robin arbiter over classes.
#[derive(Clone, Debug)]
pub(crate) struct Arbiter<T> {
    queues: [VecDeque<T>; CLASSES],
    /// Classes with members, one bit each.
    occupied: u8,
    next_class: usize,
}

impl<T> Arbiter<T> {
    pub(crate) fn new() -> Self {
        Self { queues: std::array::from_fn(|_| VecDeque::new()), occupied: 0, next_class: 0 }
    }

    /// Puts `item` at the end of its class.
    pub(crate) fn push(&mut self, class: u8, item: T) {
        let class = usize::from(class) % CLASSES;
        self.queues[class].push_back(item);
        self.occupied |= 1 << class;
    }

    /// Puts `item` in front of its class: it has turns left. Other classes go on.
    pub(crate) fn push_again(&mut self, class: u8, item: T) {
        let class = usize::from(class) % CLASSES;
        self.queues[class].push_front(item);
        self.occupied |= 1 << class;
    }

    /// Puts `item` back: it has not finished its turn.
    pub(crate) fn push_front(&mut self, class: u8, item: T) {
        let class = usize::from(class) % CLASSES;
        self.queues[class].push_front(item);
        self.occupied |= 1 << class;
        self.next_class = class;
    }

    /// Takes the next one of a class that is not in the set `paused` (bit n is class n).
    pub(crate) fn pick(&mut self, paused: u8) -> Option<T> {
        let ready = self.occupied & !paused;
        if ready == 0 {
            return None;
        }
        // The first ready class from `next_class` on, around the end.
        let class = (self.next_class + ready.rotate_right(self.next_class as u32).trailing_zeros() as usize) % CLASSES;
        let item = self.queues[class].pop_front();
        self.occupied &= !(u8::from(self.queues[class].is_empty()) << class);
        self.next_class = (class + 1) % CLASSES;
        item
    }

    /// Whether [`pick`](Self::pick) has somebody.
    pub(crate) const fn has_work(&self, paused: u8) -> bool {
        self.occupied & !paused != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_members_take_turns() {
        let mut arbiter = Arbiter::new();
        for (class, item) in [(0, 'a'), (0, 'b'), (3, 'c'), (3, 'd')] {
            arbiter.push(class, item);
        }
        let order: Vec<char> = std::iter::from_fn(|| arbiter.pick(0)).collect();
        assert_eq!(order, ['a', 'c', 'b', 'd']);
    }

    #[test]
    fn who_has_turns_left_goes_before_its_class_and_not_before_others() {
        let mut arbiter = Arbiter::new();
        for (class, item) in [(0, 'a'), (0, 'b'), (3, 'c')] {
            arbiter.push(class, item);
        }
        assert_eq!(arbiter.pick(0), Some('a'));
        arbiter.push_again(0, 'a');
        let order: Vec<char> = std::iter::from_fn(|| arbiter.pick(0)).collect();
        assert_eq!(order, ['c', 'a', 'b']);
    }

    #[test]
    fn paused_classes_wait_and_turns_can_be_kept() {
        let mut arbiter = Arbiter::new();
        arbiter.push(0, 'a');
        arbiter.push(5, 'b');
        assert_eq!(arbiter.pick(1), Some('b'));
        assert_eq!(arbiter.pick(1), None);
        assert!(!arbiter.has_work(1) && arbiter.has_work(0));
        arbiter.push_front(5, 'b');
        assert_eq!(arbiter.pick(0), Some('b'), "it goes on before others");
    }
}
