//! Objects by number. A number carries a generation, so that a stale one does not find a later object.

use std::collections::VecDeque;

/// A table of at most `limit` objects, whose numbers have 24 bits.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    entries: Vec<Entry<T>>,
    /// Used before and free again, longest first.
    free: VecDeque<u32>,
    limit: u32,
    /// The first index given out; lower numbers have a meaning of their own.
    first: u32,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// Bits of a number that are the index; the rest up to 24 is the generation.
const INDEX_BITS: u32 = 17;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = (1 << (24 - INDEX_BITS)) - 1;

impl<T> Table<T> {
    /// An empty table of at most `limit` objects, with numbers from `first` on.
    pub(crate) fn new(limit: u64, first: u32) -> Self {
        let room = u64::from(INDEX_MASK + 1 - first);
        Self { entries: Vec::new(), free: VecDeque::new(), limit: limit.min(room) as u32, first }
    }

    /// Makes room for `count` objects, as far as the limit allows, and for not one more.
    pub(crate) fn make_room(&mut self, count: u32) {
        self.entries.reserve_exact(count.min(self.limit) as usize);
    }

    /// Puts an object in; gives its number, or `None` if the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        self.insert_with(|_| value)
    }

    /// Puts in what `make` makes of its number. Indices that were never used come first.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(u32) -> T) -> Option<u32> {
        if (self.entries.len() as u32) < self.limit {
            let number = self.first + self.entries.len() as u32;
            self.entries.push(Entry { generation: 0, value: Some(make(number)) });
            return Some(number);
        }
        let position = self.free.pop_front()?;
        let entry = &mut self.entries[position as usize];
        entry.generation = (entry.generation + 1) & GENERATION_MASK;
        let number = (entry.generation << INDEX_BITS) | (self.first + position);
        entry.value = Some(make(number));
        Some(number)
    }

    /// All objects, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Where an object is, if its number is of that index and generation. Below the first index it wraps, beyond the end.
    const fn position(&self, number: u32) -> usize {
        (number & INDEX_MASK).wrapping_sub(self.first) as usize
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let entry = self.entries.get(self.position(number))?;
        if entry.generation == number >> INDEX_BITS { entry.value.as_ref() } else { None }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let position = self.position(number);
        let entry = self.entries.get_mut(position)?;
        if entry.generation == number >> INDEX_BITS { entry.value.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        self.get_mut(number)?;
        let position = self.position(number);
        self.free.push_back(position as u32);
        self.entries[position].value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_numbers_find_nothing() {
        let mut table = Table::new(1, 2);
        let first = table.insert('a').expect("there is room");
        assert_eq!(first, 2);
        assert_eq!(table.insert('b'), None, "the table is full");
        assert_eq!(table.remove(first), Some('a'));
        let second = table.insert('b').expect("there is room again");
        assert_ne!(first, second);
        assert_eq!((table.get(first), table.get(second)), (None, Some(&'b')));
        assert_eq!(table.remove(first), None);
        assert!(second < 1 << 24 && table.get_mut(second).is_some());
    }

    #[test]
    fn numbers_outside_find_nothing() {
        let mut table = Table::new(4, 1);
        table.insert(());
        for number in [0, 2, INDEX_MASK, u32::MAX] {
            assert_eq!(table.get(number), None, "{number:#x}");
        }
    }
}
