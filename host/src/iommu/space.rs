//! Which pages of the device's address space are free.

use std::collections::BTreeMap;

/// Free pages as ranges. Searches go on where the last one ended, so that what has been given back rests for a while.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// Pages by the number of the first. Ranges never touch.
    free: BTreeMap<u64, u64>,
    next: u64,
}

/// Behind every range one page stays free.
const GUARD: u64 = 1;

impl Space {
    /// All pages from `first` to before `end` are free.
    pub(super) fn new(first: u64, end: u64) -> Self {
        Self { free: BTreeMap::from([(first, end - first)]), next: first }
    }

    /// Takes `count` pages one behind the other; `None` if there are not as many.
    pub(super) fn take(&mut self, count: u64) -> Option<u64> {
        let wanted = count.checked_add(GUARD)?;
        let here = self.free.range(..self.next).next_back().map(|(first, free)| (self.next, first + free));
        let later = self.free.range(self.next..).map(|(first, free)| (*first, first + free));
        let earlier = self.free.range(..self.next).map(|(first, free)| (*first, first + free));
        let mut ranges = here.into_iter().chain(later).chain(earlier);
        let (first, _) = ranges.find(|(first, end)| end.saturating_sub(*first) >= wanted)?;
        self.cut(first, wanted);
        self.next = first + wanted;
        Some(first)
    }

    /// Removes pages from the range that has them.
    fn cut(&mut self, first: u64, pages: u64) {
        let (&start, &free) = self.free.range(..=first).next_back().expect("a range that was found");
        let end = start + free;
        self.free.remove(&start);
        if start < first {
            self.free.insert(start, first - start);
        }
        if first + pages < end {
            self.free.insert(first + pages, end - first - pages);
        }
    }

    /// Gives back what [`take`](Self::take) gave.
    pub(super) fn give(&mut self, first: u64, count: u64) {
        let (mut first, mut pages) = (first, count + GUARD);
        if let Some(behind) = self.free.remove(&(first + pages)) {
            pages += behind;
        }
        if let Some((&before, &free)) = self.free.range(..first).next_back()
            && before + free == first
        {
            (first, pages) = (before, pages + free);
        }
        self.free.insert(first, pages);
    }

    /// Pages that are free.
    #[cfg(test)]
    pub(super) fn free_pages(&self) -> u64 {
        self.free.values().sum()
    }
}
