//! The host's IOMMU as a device feels it: translations that are at hand, and walks for those that are not.
//!
//! It lies on the host's side: here is only what it costs. What an address leads to the host knows, which answers what it forbids
//! with [`DmaError::Blocked`](crate::port::DmaError::Blocked), and says what is no longer at hand.

use crate::port::Segments;
use crate::profile::{HostProfile, Replacement};
use crate::units::{Cache, Window};
use des::{Dur, Time};

/// Pages of the host's table: no larger ones are used.
const PAGE_SHIFT: u32 = 12;

/// The translation cache and its walkers.
#[derive(Clone, Debug)]
pub(super) struct Iommu {
    kept: Cache,
    walks: Window,
    miss: Dur,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

impl Iommu {
    pub(super) fn new(profile: &HostProfile) -> Option<Box<Self>> {
        let entries = profile.iotlb_entries.value;
        (entries > 0).then(|| {
            Box::new(Self {
                kept: Cache::new(entries, profile.iotlb_ways.value, Replacement::Lru),
                walks: Window::new(profile.iotlb_walks.value.max(1) as usize),
                miss: profile.iotlb_miss.value,
                hits: 0,
                misses: 0,
            })
        })
    }

    /// Forgets the translations of pages.
    pub(super) fn invalidate(&mut self, address: u64, pages: u64) {
        let first = address >> PAGE_SHIFT;
        self.kept.forget_if(|page| page >= first && page - first < pages);
    }

    /// When all pages of an access that comes at `at` are translated.
    pub(super) fn translate(&mut self, at: Time, segments: &Segments) -> Time {
        let mut done = at;
        for segment in segments {
            let last = segment.address.saturating_add(u64::from(segment.length_bytes.max(1)) - 1);
            for page in segment.address >> PAGE_SHIFT..=last >> PAGE_SHIFT {
                if self.kept.access(page) {
                    self.hits += 1;
                    continue;
                }
                self.misses += 1;
                let end = self.walks.open(at) + self.miss;
                self.walks.close(end);
                done = done.max(end);
            }
        }
        done
    }
}
