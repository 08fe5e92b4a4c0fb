//! Logical address mappings: the addresses by which the device reaches pages of the consumer. Without an IOMMU they are those of
//! memory.

use super::Engine;
use super::adapter::Adapter;
use super::dispatch::Returned;
use super::lifetime::ObjectId;
use super::requests::{Request, Work};
use crate::backend::Backend;
use crate::ndk::{CallKind, CallSite, Completion, LogicalAddressMapping, Object, ObjectKind, Out, Return, Status};
use host::{Mdl, PAGE_SIZE};

/// How many pages the first `length_bytes` of a buffer touch, if the buffer describes that many.
pub(super) fn pages_of(mdl: &Mdl, length_bytes: u64) -> Option<usize> {
    if length_bytes > mdl.length_bytes {
        return None;
    }
    let count = mdl.first_byte_offset().checked_add(length_bytes)?.div_ceil(PAGE_SIZE);
    usize::try_from(count).ok().filter(|&count| count <= mdl.pages.len())
}

impl<B: Backend> Engine<B> {
    /// `wanted`: the buffer, how much of it, and the size of the caller's mapping buffer.
    pub(super) fn build_lam(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        adapter: Object,
        wanted: (&Mdl, u64, u32),
        completion: Completion,
    ) -> Returned {
        let owner = self.live(adapter, ObjectKind::Adapter)?;
        let (mdl, length_bytes, lam_bytes) = wanted;
        let count = pages_of(mdl, length_bytes).ok_or(Status::INVALID_PARAMETER)?;
        let needed = LogicalAddressMapping::size_bytes(count);
        if u64::from(lam_bytes) < needed {
            let out = Out::NeededBytes(u32::try_from(needed).map_err(|_| Status::INVALID_PARAMETER)?);
            return Ok(Return { status: Status::BUFFER_TOO_SMALL, out });
        }
        let lam = LogicalAddressMapping {
            adapter_context: 0,
            adapter_pages: self.backend.map(host, &mdl.pages[..count]),
            first_byte_offset: u32::try_from(mdl.first_byte_offset()).map_err(|_| Status::INVALID_PARAMETER)?,
        };
        let request = Request { owner, kind: CallKind::BuildLam, completion, work: Work::BuildLam(lam) };
        Ok(self.start(host, site, request, None))
    }

    /// Names a mapping that is handed out.
    pub(super) fn keep_lam(&mut self, adapter: ObjectId, mut lam: LogicalAddressMapping) -> LogicalAddressMapping {
        self.last_lam += 1;
        lam.adapter_context = self.last_lam;
        self.objects.adapter_mut(adapter).lams.insert(lam.adapter_context, lam.clone());
        lam
    }

    /// Takes a mapping back, if it was handed out and not changed.
    pub(super) fn release_lam(&mut self, host: &mut B::Host, adapter: Object, lam: &LogicalAddressMapping) {
        let Ok(id) = self.live(adapter, ObjectKind::Adapter) else { return };
        let lams = &mut self.objects.adapter_mut(id).lams;
        if lams.get(&lam.adapter_context) == Some(lam) {
            lams.remove(&lam.adapter_context);
            self.backend.unmap(host, &lam.adapter_pages);
        }
    }

    /// Takes all mappings of an adapter back that is closed.
    pub(super) fn release_all_lams(&mut self, host: &mut B::Host, adapter: &Adapter) {
        adapter.lams.values().for_each(|lam| self.backend.unmap(host, &lam.adapter_pages));
    }
}
