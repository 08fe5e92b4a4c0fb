//! Entries of lists: R39, R40.

use super::checker::Checker;
use super::fact::{Post, Region};
use super::model::Detail;
use crate::ndk::{AdapterFlags, CallKind, LogicalAddressMapping, Object, OpFlags, Sge};
use host::PAGE_SIZE;

impl Checker {
    /// R39, R40: each entry of a list. Tells which mappings the list reaches into.
    pub(super) fn entries(&mut self, object: Object, post: &Post, sgl: &[Sge]) -> Vec<u64> {
        let mut mappings = Vec::new();
        if post.flags.contains(OpFlags::INLINE) {
            return mappings;
        }
        let writes = post.is_receive() || matches!(post.kind, CallKind::Read | CallKind::Atomic);
        let parent = self.model.entry(object.id).and_then(|entry| entry.parent);
        let sinks_marked = self
            .model
            .info(object.id)
            .is_some_and(|info| !info.flags.contains(AdapterFlags::RDMA_READ_SINK_NOT_REQUIRED));
        let sink = post.kind == CallKind::Read && sinks_marked;
        for sge in sgl.iter().filter(|sge| sge.length_bytes > 0) {
            if self.model.tokens.is_privileged(sge.token) {
                match self.mapping_of(object, sge) {
                    Some(mapping) => mappings.push(mapping),
                    None => self.entry_wrong(39, object, post, sge, "is in no mapping"),
                }
                if sink {
                    self.entry_wrong(40, object, post, sge, "is privileged, and read sinks must be registered");
                }
                continue;
            }
            let mr = self.model.tokens.region_of(sge.token);
            let Some((mr, entry)) = mr.and_then(|id| Some((self.model.mr(id)?, self.model.entry(id)?))) else {
                self.entry_wrong(39, object, post, sge, "has a token that no region has");
                continue;
            };
            let contains = |region: &Region| region.contains(sge.address, u64::from(sge.length_bytes));
            let wrong = match mr.region {
                _ if entry.parent != parent => Some("is in a region of another PD"),
                _ if !entry.is_live() => Some("is in a region that is closed"),
                None => Some("is in a region that is not registered"),
                Some(region) if !contains(&region) => Some("reaches out of its region"),
                Some(region) if writes && !region.local_write => {
                    Some("is to be written, in a region without local write")
                }
                Some(region) if sink && !region.read_sink => {
                    self.entry_wrong(40, object, post, sge, "is in a region that is no read sink");
                    None
                }
                Some(_) => None,
            };
            if let Some(wrong) = wrong {
                self.entry_wrong(39, object, post, sge, wrong);
            }
        }
        mappings
    }

    fn entry_wrong(&mut self, rule: u8, object: Object, post: &Post, sge: &Sge, how: &str) {
        let Sge { address, length_bytes, token } = *sge;
        let function = post.kind.name();
        let what = format!("{function}: the entry of {length_bytes} bytes at {address:#x}, token {token:#x}, {how}");
        self.report(rule, Some(object), what);
    }

    fn mapping_of(&self, object: Object, sge: &Sge) -> Option<u64> {
        let adapter = self.model.entry(self.model.entry(object.id)?.adapter)?;
        let Detail::Adapter(adapter) = &adapter.detail else { return None };
        let (first, last) = (sge.address, sge.address.checked_add(u64::from(sge.length_bytes) - 1)?);
        let within = |lam: &LogicalAddressMapping| {
            let page_in = |address: u64| lam.adapter_pages.contains(&(address - address % PAGE_SIZE));
            page_in(first) && page_in(last)
        };
        adapter.mappings.iter().find(|(_, lam)| within(lam)).map(|(number, _)| *number)
    }
}
