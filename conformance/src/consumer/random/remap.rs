//! Requests on memory: windows, fast registrations, and their ends.

use super::actor::{Actor, pick};
use super::post::{Post, Then};
use super::program::Step;
use super::thing::{Bound, Detail, Fast, Mapping, REGION_BYTES, Thing};
use super::verb::Verb;
use provider::ndk::{AdapterInfo, Call, Guid, NdkVersion, Object, ObjectKind, OpFlags, Status};

/// Base of fast registrations, a whole page.
const BASE: u64 = 0x10_0000;
/// An extension that nobody has.
const EXTENSION: Guid = Guid([7; 16]);

impl Actor {
    pub(super) fn remap(&self, step: Step) {
        let Some(qp) = pick(&self.open_qps(false), step.pick) else { return };
        match step.verb {
            Verb::Bind => self.bind(qp, step),
            Verb::FastRegister => self.fast_register(qp, step),
            _ => self.invalidate(qp, step),
        }
    }

    fn bind(&self, qp: Object, step: Step) {
        let Some(pd) = self.model().qp_mut(qp.id).map(|qp| qp.pd) else { return };
        let unbound = |thing: &Thing| matches!(thing.detail, Detail::Mw { pd: own, bound: None } if own == pd);
        let registered = |thing: &Thing| matches!(&thing.detail, Detail::Mr(mr) if mr.registered && mr.pd == pd);
        let mws = self.live(ObjectKind::Mw, unbound);
        let mrs = self.live(ObjectKind::Mr, |thing| thing.pending == 0 && registered(thing));
        let (Some(mw), Some(mr)) = (pick(&mws, step.pick), pick(&mrs, step.how)) else { return };
        let Some(virtual_address) = self.model().mr_mut(mr.id).map(|mr| mr.buffer.address()) else { return };
        let (post, flags) = (self.new_post(0, false, None), OpFlags::ALLOW_REMOTE_READ);
        let (context, length_bytes) = (post.context, u64::from(step.pick) + 1);
        let status = self.record(qp, post, Call::Bind { qp, context, mr, mw, virtual_address, length_bytes, flags });
        if status != Status::SUCCESS {
            return;
        }
        let mut model = self.model();
        if let Some(mr) = model.mr_mut(mr.id) {
            mr.windows += 1;
        }
        if let Some(Detail::Mw { bound, .. }) = model.detail_mut(mw.id) {
            *bound = Some(Bound { qp: qp.id, mr: mr.id, leaving: false });
        }
    }

    /// Registers a mapping; a region that is registered or on the way is left alone.
    fn fast_register(&self, qp: Object, step: Step) {
        let Some(pd) = self.model().qp_mut(qp.id).map(|qp| qp.pd) else { return };
        let ready = |fast: &Fast| fast.pd == pd && fast.initialised && !fast.registered && !fast.busy;
        let fits = |thing: &Thing| thing.pending == 0 && matches!(&thing.detail, Detail::Fast(fast) if ready(fast));
        let Some(mr) = pick(&self.live(ObjectKind::Mr, fits), step.how) else { return };
        let Some(lam) = self.model().maps.iter().find(|map| !map.used).map(|map| map.lam.clone()) else { return };
        let post = Post { then: Then::Registered(mr.id), ..self.new_post(0, false, None) };
        let offset = lam.first_byte_offset;
        let call = Call::FastRegister {
            qp,
            context: post.context,
            mr,
            adapter_pages: &lam.adapter_pages,
            first_byte_offset: offset,
            length_bytes: REGION_BYTES,
            base_virtual_address: BASE + u64::from(offset),
            flags: OpFlags::ALLOW_REMOTE_READ | OpFlags::ALLOW_LOCAL_WRITE,
        };
        if self.record(qp, post, call) != Status::SUCCESS {
            return;
        }
        let mut model = self.model();
        let used = |map: &&mut Mapping| map.lam.adapter_context == lam.adapter_context;
        model.maps.iter_mut().filter(used).for_each(|map| map.used = true);
        if let Some(Detail::Fast(fast)) = model.detail_mut(mr.id) {
            (fast.busy, fast.qp) = (true, Some(qp.id));
        }
    }

    /// Ends what a queue pair has bound or registered, behind it on the same queue pair.
    fn invalidate(&self, qp: Object, step: Step) {
        let bound = |thing: &Thing| matches!(&thing.detail, Detail::Mw { bound: Some(bound), .. } if bound.qp == qp.id && !bound.leaving);
        let fast = |fast: &Fast| fast.registered && !fast.busy && fast.qp == Some(qp.id);
        let registered = |thing: &Thing| matches!(&thing.detail, Detail::Fast(state) if fast(state));
        let mut targets = self.live(ObjectKind::Mw, bound);
        targets.extend(self.live(ObjectKind::Mr, registered));
        let Some(target) = pick(&targets, step.how) else { return };
        let then = match self.model().detail_mut(target.id) {
            Some(Detail::Mw { bound: Some(bound), .. }) => Then::Unbound { mw: target.id, mr: bound.mr },
            _ => Then::Invalidated(target.id),
        };
        let post = Post { then, ..self.new_post(0, false, None) };
        let call = Call::Invalidate { qp, context: post.context, target, flags: OpFlags::empty() };
        if self.record(qp, post, call) != Status::SUCCESS {
            return;
        }
        match self.model().detail_mut(target.id) {
            Some(Detail::Mw { bound: Some(bound), .. }) => bound.leaving = true,
            Some(Detail::Fast(fast)) => fast.busy = true,
            _ => {}
        }
    }

    /// Asks what can be asked at any time.
    pub(super) fn query(&self, adapter: Object, number: u8) {
        self.call(Call::QueryAdapterInfo { adapter, buffer_bytes: AdapterInfo::SIZE_BYTES });
        self.call(Call::QueryExtension { object: adapter, interface: EXTENSION, version: NdkVersion::V2_1 });
        if let Some(pd) = pick(&self.live(ObjectKind::Pd, |_| true), number) {
            self.call(Call::GetPrivilegedToken { pd });
        }
        let bound = |thing: &Thing| matches!(thing.detail, Detail::Mw { bound: Some(_), .. });
        if let Some(mw) = pick(&self.live(ObjectKind::Mw, bound), number) {
            self.call(Call::GetRemoteTokenFromMw { mw });
        }
    }
}
