//! Memory regions and the tokens that name them.

use super::super::fact::Region;
use super::{Detail, Model};
use std::collections::{BTreeMap, BTreeSet};

/// What a region is registered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    None,
    /// A register, deregister or initialise request pends.
    Pending,
    /// By `NdkRegisterMr`.
    Registered,
    /// Ready for fast registration of so many pages.
    Initialized {
        pages: u32,
        remote: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryRegion {
    /// Created for fast registration.
    pub(crate) fast: bool,
    pub(crate) registration: Registration,
    /// What its token reaches, if anything.
    pub(crate) region: Option<Region>,
}

/// Which region a local token names. Learned when the consumer asks for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    local: BTreeMap<u32, u64>,
    /// The last token of each region.
    regions: BTreeMap<u64, u32>,
    /// With the PD; a device may give all of them the same.
    privileged: BTreeSet<(u32, u64)>,
}

impl Tokens {
    pub(crate) fn learn_local(&mut self, token: u32, mr: u64) {
        self.local.insert(token, mr);
        self.regions.insert(mr, token);
    }

    pub(crate) fn learn_privileged(&mut self, token: u32, pd: u64) {
        self.privileged.insert((token, pd));
    }

    pub(crate) fn region_of(&self, token: u32) -> Option<u64> {
        self.local.get(&token).copied()
    }

    pub(crate) fn is_privileged(&self, token: u32) -> bool {
        self.privileged.range((token, 0)..=(token, u64::MAX)).next().is_some()
    }

    /// The region was forgotten.
    pub(crate) fn forget_region(&mut self, id: u64) {
        if let Some(token) = self.regions.remove(&id)
            && self.region_of(token) == Some(id)
        {
            self.local.remove(&token);
        }
    }

    /// The PD is closed; its token names nothing any more, or something new.
    pub(crate) fn forget_pd(&mut self, id: u64) {
        self.privileged.retain(|&(_, pd)| pd != id);
    }
}

impl Model {
    pub(crate) fn mr(&self, id: u64) -> Option<&MemoryRegion> {
        match &self.entry(id)?.detail {
            Detail::Mr(mr) => Some(mr),
            _ => None,
        }
    }

    pub(crate) fn mr_mut(&mut self, id: u64) -> Option<&mut MemoryRegion> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Mr(mr) => Some(mr),
            _ => None,
        }
    }
}
