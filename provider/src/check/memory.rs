//! Regions, windows, tokens: R8, R28, R37 (in part), R41 to R47, R117, R118.

use super::checker::Checker;
use super::fact::{Args, CallFact, Post};
use super::model::Detail;
use super::model::memory::Registration;
use crate::ndk::{Call, CallKind, MrFlags, Object, ObjectKind, OpFlags, Out, Status};
use host::{Mdl, PAGE_SIZE};

/// Remote-write right without the local-write part that belongs to it.
const BARE_REMOTE_WRITE: MrFlags = MrFlags::ALLOW_REMOTE_WRITE.difference(MrFlags::ALLOW_LOCAL_WRITE);
/// The same of a request.
const BARE_OP_REMOTE_WRITE: OpFlags = OpFlags::ALLOW_REMOTE_WRITE.difference(OpFlags::ALLOW_LOCAL_WRITE);

impl Checker {
    pub(super) fn memory_called(&mut self, fact: &CallFact, call: &Call<'_>) {
        let Some(object) = fact.object else { return };
        match *call {
            Call::BuildLam { mdl, length_bytes, .. } => self.buffer(object, fact.kind, mdl, length_bytes),
            Call::ReleaseLam { lam, .. } => self.lam_released(object, lam),
            Call::RegisterMr { mdl, length_bytes, flags, .. } => {
                self.buffer(object, fact.kind, mdl, length_bytes);
                self.registered_as(object, fact.kind, false);
                let known = MrFlags::ALLOW_REMOTE_WRITE | MrFlags::ALLOW_REMOTE_READ | MrFlags::RDMA_READ_SINK;
                let half = flags.contains(BARE_REMOTE_WRITE) && !flags.contains(MrFlags::ALLOW_LOCAL_WRITE);
                if half || !known.contains(flags) {
                    let what = format!("{object:?} was registered with flags {:#x}", flags.bits());
                    self.report(37, Some(object), what);
                }
            }
            Call::InitializeFastRegisterMr { .. } => self.registered_as(object, fact.kind, true),
            Call::DeregisterMr { .. } => {
                let state = self.model.mr(object.id).map(|mr| mr.registration);
                if !matches!(state, Some(Registration::Registered | Registration::Initialized { .. })) {
                    self.report(46, Some(object), format!("{object:?} was deregistered, and is not registered"));
                }
            }
            Call::GetLocalTokenFromMr { .. } | Call::GetRemoteTokenFromMr { .. } => self.token_asked(object, fact.kind),
            Call::GetRemoteTokenFromMw { .. } => {
                let unbound = self
                    .model
                    .entry(object.id)
                    .is_some_and(|e| matches!(e.detail, Detail::Mw { token_valid: false, .. }));
                if unbound {
                    self.report(47, Some(object), format!("the token of {object:?} was asked for before any bind"));
                }
            }
            _ => {}
        }
    }

    fn buffer(&mut self, object: Object, kind: CallKind, mdl: &Mdl, length_bytes: u64) {
        let function = kind.name();
        let pages = (mdl.first_byte_offset() + length_bytes.min(mdl.length_bytes)).div_ceil(PAGE_SIZE);
        if length_bytes > mdl.length_bytes {
            let what = format!("{function} was given {length_bytes} bytes of a buffer of {}", mdl.length_bytes);
            self.report(28, Some(object), what);
        } else if (mdl.pages.len() as u64) < pages {
            let what = format!("{function} was given a buffer of {pages} pages that lists {}", mdl.pages.len());
            self.report(28, Some(object), what);
        } else if mdl.pages.iter().any(|page| !page.is_multiple_of(PAGE_SIZE)) {
            self.report(28, Some(object), format!("{function} was given a page that is not aligned"));
        }
    }

    fn registered_as(&mut self, object: Object, kind: CallKind, fast: bool) {
        if self.model.mr(object.id).is_some_and(|mr| mr.fast != fast) {
            let made = if fast { "plain" } else { "fast" };
            let what = format!("{} was called on {object:?}, created for {made} registration", kind.name());
            self.report(41, Some(object), what);
        }
    }

    fn token_asked(&mut self, object: Object, kind: CallKind) {
        match self.model.mr(object.id).map(|mr| mr.registration) {
            Some(Registration::None) => {
                self.report(
                    47,
                    Some(object),
                    format!("{} was called on {object:?} before it is registered", kind.name()),
                );
            }
            Some(Registration::Pending) => {
                self.report(8, Some(object), format!("{} was called on {object:?}, whose request pends", kind.name()));
            }
            _ => {}
        }
    }

    pub(super) fn registration_pends(&mut self, fact: &CallFact) {
        if let Some(mr) = fact.object.and_then(|object| self.model.mr_mut(object.id)) {
            mr.registration = Registration::Pending;
        }
    }

    pub(super) fn registration_done(&mut self, fact: &CallFact, status: Status) {
        let Some(mr) = fact.object.and_then(|object| self.model.mr_mut(object.id)) else { return };
        let success = status == Status::SUCCESS;
        match (&fact.args, success) {
            (&Args::RegisterMr(region), true) => {
                mr.registration = Registration::Registered;
                mr.region = Some(region);
            }
            (&Args::InitializeFast { pages, remote }, true) => {
                mr.registration = Registration::Initialized { pages, remote };
            }
            (Args::None, false) if mr.registration == Registration::Pending => {
                // A deregistration that failed: what the region is good for is open.
                mr.registration = Registration::Registered;
            }
            (Args::None, false) => {}
            _ if mr.registration == Registration::Pending || success => {
                mr.registration = Registration::None;
                mr.region = None;
            }
            _ => {}
        }
    }

    pub(super) fn token_told(&mut self, fact: &CallFact, out: &Out) {
        let (Some(object), &Out::Token(token)) = (fact.object, out) else { return };
        match fact.kind {
            _ if fact.faulty => {}
            CallKind::GetPrivilegedToken => {
                self.model.tokens.learn_privileged(token, object.id);
                if let Some(Detail::Pd { privileged_token }) = self.model.entry_mut(object.id).map(|e| &mut e.detail) {
                    *privileged_token = Some(token);
                }
            }
            CallKind::GetLocalTokenFromMr => self.model.tokens.learn_local(token, object.id),
            CallKind::GetRemoteTokenFromMr | CallKind::GetRemoteTokenFromMw
                if self.model.tokens.is_privileged(token) =>
            {
                let what = format!("the remote token of {object:?} is the privileged one, {token:#x}");
                self.report(117, Some(object), what);
            }
            _ => {}
        }
    }

    /// R41 to R45: binds, fast registrations, invalidations.
    pub(super) fn memory_posted(&mut self, object: Object, post: &Post, call: &Call<'_>) {
        match *call {
            Call::FastRegister { mr, adapter_pages, first_byte_offset, length_bytes, base_virtual_address, .. } => {
                let Some(state) = self.model.mr(mr.id).copied() else { return };
                let Registration::Initialized { pages, remote } = state.registration else {
                    let state = if state.registration == Registration::Pending { "yet" } else { "at all" };
                    let what = format!("{} was given {mr:?}, not initialised {state}", post.kind.name());
                    self.report(41, Some(mr), what);
                    return;
                };
                let (offset, count) = (u64::from(first_byte_offset), adapter_pages.len() as u64);
                let fits = count <= u64::from(pages)
                    && offset < PAGE_SIZE
                    && adapter_pages.iter().all(|page| page.is_multiple_of(PAGE_SIZE))
                    && length_bytes <= (count * PAGE_SIZE).saturating_sub(offset)
                    && base_virtual_address % PAGE_SIZE == offset;
                if !fits {
                    let what = format!(
                        "{mr:?}, initialised for {pages} pages, was fast-registered with {count} pages, \
                         {length_bytes} bytes at {base_virtual_address:#x}, offset {offset:#x}"
                    );
                    self.report(42, Some(mr), what);
                }
                let asked = post.flags.intersects(OpFlags::ALLOW_REMOTE_READ | BARE_OP_REMOTE_WRITE);
                if asked && !remote {
                    let what = format!("remote rights were asked for {mr:?}, which was initialised without");
                    self.report(43, Some(mr), what);
                }
            }
            Call::Bind { mr, virtual_address, length_bytes, .. } => {
                let Some(region) = self.model.mr(mr.id).map(|mr| mr.region) else { return };
                if !region.is_some_and(|region| region.contains(virtual_address, length_bytes)) {
                    let what = format!("a window of {length_bytes} bytes at {virtual_address:#x} is not inside {mr:?}");
                    self.report(45, Some(mr), what);
                } else if post.flags.contains(BARE_OP_REMOTE_WRITE) && !region.is_some_and(|region| region.local_write)
                {
                    self.report(45, Some(mr), format!("remote write was asked for {mr:?}, which has no local write"));
                }
            }
            Call::Invalidate { target, .. } if self.model.mr(target.id).is_some_and(|mr| !mr.fast) => {
                self.report(44, Some(object), format!("{target:?} was invalidated, and is not fast-registered"));
            }
            _ => {}
        }
    }

    /// R118: rights that the provider should have refused.
    pub(super) fn rights_granted(&mut self, post: &Post, object: Object, status: Status) {
        let (Some(mr), Status::SUCCESS) = (post.target, status) else { return };
        let Some(state) = self.model.mr(mr.id) else { return };
        let writes = post.flags.contains(BARE_OP_REMOTE_WRITE);
        let granted = match (post.kind, state.registration) {
            (CallKind::Bind, _) => writes && state.region.is_some_and(|region| !region.local_write),
            (CallKind::FastRegister, Registration::Initialized { remote: false, .. }) => {
                writes || post.flags.contains(OpFlags::ALLOW_REMOTE_READ)
            }
            _ => false,
        };
        if granted {
            let what = format!("{} granted rights to {mr:?} that it does not have", post.kind.name());
            self.report(118, Some(object), what);
        }
    }

    /// What a successful post changes at once: tokens and ranges are those of the last post.
    pub(super) fn post_effect(&mut self, post: &Post) {
        match (post.kind, post.target) {
            (CallKind::FastRegister, Some(mr)) => {
                if let Some(mr) = self.model.mr_mut(mr.id) {
                    mr.region = post.region;
                }
            }
            (CallKind::Invalidate, Some(target)) if target.kind == ObjectKind::Mr => {
                if let Some(mr) = self.model.mr_mut(target.id) {
                    mr.region = None;
                }
            }
            (CallKind::Invalidate, Some(target)) => {
                self.unbind(target.id);
                if let Some(Detail::Mw { changed, .. }) = self.model.entry_mut(target.id).map(|mw| &mut mw.detail) {
                    *changed = Some(post.call);
                }
            }
            (CallKind::Bind, Some(_)) => {
                let Some(mw) = post.window else { return };
                self.unbind(mw.id);
                if let Some(Detail::Mw { token_valid, changed, .. }) =
                    self.model.entry_mut(mw.id).map(|mw| &mut mw.detail)
                {
                    (*token_valid, *changed) = (true, Some(post.call));
                }
            }
            _ => {}
        }
    }

    /// A window holds its region from a bind's result on, unless another bind or an invalidation was posted behind it:
    /// whether that has been done shows in its result alone, which may be taken later or, its queue pair being closed, never.
    pub(super) fn bound(&mut self, post: &Post) {
        let (Some(mr), Some(mw)) = (post.target, post.window) else { return };
        self.unbind(mw.id);
        let entry = self.model.entry_mut(mw.id).filter(|entry| entry.is_live());
        if let Some(Detail::Mw { bound_to, changed, .. }) = entry.map(|entry| &mut entry.detail) {
            if changed.is_some_and(|call| call > post.call) {
                return;
            }
            *bound_to = Some(mr.id);
            self.model.bound.insert(mw.id);
            self.model.relate(mr.id, mw.id);
        }
    }

    fn unbind(&mut self, mw: u64) {
        if let Some(Detail::Mw { bound_to, .. }) = self.model.entry_mut(mw).map(|entry| &mut entry.detail)
            && let Some(mr) = bound_to.take()
        {
            self.model.bound.remove(&mw);
            self.model.unrelate(mr, mw);
        }
    }

    /// A receive may have invalidated any window.
    pub(super) fn unbind_all(&mut self) {
        while let Some(mw) = self.model.bound.pop_first() {
            self.unbind(mw);
        }
    }
}
