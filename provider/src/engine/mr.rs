//! Memory regions: registration of buffers, and regions for fast registration.

use super::Engine;
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::lam::pages_of;
use super::lifetime::ObjectId;
use super::requests::{Request, Work};
use crate::backend::{Backend, Command, CommandOutput, CommandResult, MrId, Resource};
use crate::ndk::{CallKind, CallSite, Completion, MrFlags, Object, ObjectKind, Status};
use host::Mdl;

/// How far a region has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MrState {
    Unregistered,
    /// A request runs that registers or initialises.
    Registering,
    Registered,
    Deregistering,
    /// Ready for fast registration.
    Initialised,
    FastRegistered,
}

/// What changes a region's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MrChange {
    Register,
    Initialise,
    Deregister,
    FastRegister,
    Invalidate,
}

impl MrState {
    /// The state that a change leads to; `None` where it is not allowed. `fast`: the region is for fast registration.
    pub(super) const fn after(self, change: MrChange, fast: bool) -> Option<Self> {
        match (self, change, fast) {
            (Self::Unregistered, MrChange::Register, false) | (Self::Unregistered, MrChange::Initialise, true) => {
                Some(Self::Registering)
            }
            (Self::Registered, MrChange::Deregister, false) => Some(Self::Deregistering),
            // Of a region that is registered already the device makes an error completion.
            (Self::Initialised | Self::FastRegistered, MrChange::FastRegister, true) => Some(Self::FastRegistered),
            (Self::Initialised | Self::FastRegistered, MrChange::Invalidate, true) => Some(Self::Initialised),
            _ => None,
        }
    }
}

/// What a registration makes of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registration {
    Buffer(Extent),
    Fast { max_pages: u32, remote_access: bool },
}

/// What a region covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) address: u64,
    pub(super) length_bytes: u64,
    pub(super) rights: MrFlags,
}

/// A memory region.
#[derive(Clone, Debug)]
pub(super) struct Mr {
    fast: bool,
    state: MrState,
    id: Option<MrId>,
    local: u32,
    remote: u32,
    extent: Extent,
    /// Of a fast registration.
    max_pages: u32,
    remote_access: bool,
}

impl Mr {
    pub(super) fn new(fast: bool) -> Self {
        let extent = Extent { address: 0, length_bytes: 0, rights: MrFlags::empty() };
        let state = MrState::Unregistered;
        Self { fast, state, id: None, local: 0, remote: 0, extent, max_pages: 0, remote_access: false }
    }

    /// The device's region, while there is one.
    pub(super) fn id(&self) -> Option<MrId> {
        self.id
    }

    /// Whether a change is allowed now.
    pub(super) fn allows(&self, change: MrChange) -> bool {
        self.state.after(change, self.fast).is_some()
    }

    pub(super) fn remote_token(&self) -> Option<u32> {
        self.id.map(|_| self.remote)
    }

    pub(super) fn local_token(&self) -> Option<u32> {
        self.id.map(|_| self.local)
    }

    /// What a window may be bound to.
    pub(super) fn registered(&self) -> Option<Extent> {
        matches!(self.state, MrState::Registered | MrState::FastRegistered).then_some(self.extent)
    }

    /// Pages of a fast registration, and whether it may have remote rights.
    pub(super) fn fast_limits(&self) -> (u32, bool) {
        (self.max_pages, self.remote_access)
    }

    pub(super) fn fast_registered(&mut self, token: u32, extent: Extent) {
        self.state = MrState::FastRegistered;
        (self.local, self.remote, self.extent) = (token, token, extent);
    }

    /// The registration that made `token` has ended or failed.
    pub(super) fn invalidated(&mut self, token: u32) {
        if self.state == MrState::FastRegistered && self.remote == token {
            self.state = MrState::Initialised;
        }
    }
}

impl<B: Backend> Engine<B> {
    pub(super) fn create_mr(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        pd: Object,
        fast_register: bool,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(pd, ObjectKind::Pd)?;
        let draft = Draft::Mr { fast_register };
        let creation = Creation { kind: CallKind::CreateMr, parent, others: vec![], draft, completion };
        self.create(host, site, creation, None)
    }

    /// `wanted`: the buffer, how much of it, and the rights.
    pub(super) fn register_mr(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        mr: Object,
        wanted: (&Mdl, u64, MrFlags),
        completion: Completion,
    ) -> Returned {
        let owner = self.live(mr, ObjectKind::Mr)?;
        let (mdl, length_bytes, rights) = wanted;
        let known = MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE | MrFlags::RDMA_READ_SINK;
        // Remote write comes with local write, or not at all.
        let partial = rights.bits() & MrFlags::ALLOW_REMOTE_WRITE.bits() == 0x4;
        let fits = length_bytes > 0 && pages_of(mdl, length_bytes).is_some();
        if !fits || partial || !known.contains(rights) {
            return Err(Status::INVALID_PARAMETER);
        }
        if length_bytes > self.backend.capabilities().max_registration_bytes {
            return Err(self.config.policy.registration_too_long);
        }
        let extent = Extent { address: mdl.virtual_address, length_bytes, rights };
        let pd = self.begin_change(owner, MrChange::Register)?;
        let command = Command::RegisterMr { pd, mdl, length_bytes, rights };
        let work = Work::Register(Registration::Buffer(extent));
        Ok(self.start(host, site, Request { owner, kind: CallKind::RegisterMr, completion, work }, Some(command)))
    }

    /// `wanted`: most pages of a registration, and whether remote rights may be asked for.
    pub(super) fn initialise_fast_register(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        mr: Object,
        wanted: (u32, bool),
        completion: Completion,
    ) -> Returned {
        let owner = self.live(mr, ObjectKind::Mr)?;
        let (max_pages, remote_access) = wanted;
        if max_pages == 0 || max_pages > self.backend.capabilities().max_fast_register_pages {
            return Err(Status::IMPLEMENTATION_LIMIT);
        }
        let pd = self.begin_change(owner, MrChange::Initialise)?;
        let command = Command::CreateFastRegisterMr { pd, max_pages };
        let work = Work::Register(Registration::Fast { max_pages, remote_access });
        let kind = CallKind::InitializeFastRegisterMr;
        Ok(self.start(host, site, Request { owner, kind, completion, work }, Some(command)))
    }

    pub(super) fn deregister_mr(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        mr: Object,
        completion: Completion,
    ) -> Returned {
        let owner = self.live(mr, ObjectKind::Mr)?;
        // Only windows need a region.
        if let Some(status) = self.config.policy.window_is_bound.filter(|_| self.lifetimes.successors(owner) > 0) {
            return Err(status);
        }
        self.begin_change(owner, MrChange::Deregister)?;
        let id = self.objects.mr(owner).id.expect("a registered region has a device's region");
        let request = Request { owner, kind: CallKind::DeregisterMr, completion, work: Work::Deregister };
        Ok(self.start(host, site, request, Some(Command::Destroy(Resource::Mr(id)))))
    }

    /// A token, for as long as there is one.
    pub(super) fn mr_token(&self, mr: Object, which: impl Fn(&Mr) -> Option<u32>) -> u32 {
        let id = self.live(mr, ObjectKind::Mr).ok();
        id.and_then(|id| which(self.objects.mr(id))).unwrap_or(self.config.policy.token_of_nothing)
    }

    pub(super) fn registration_done(
        &mut self,
        id: ObjectId,
        registration: Registration,
        result: CommandResult,
    ) -> Result<(), Status> {
        let mr = self.objects.mr_mut(id);
        let (device, local, remote) = match result {
            Ok(CommandOutput::Keys { resource: Resource::Mr(device), local, remote }) => (device, local, remote),
            other => {
                mr.state = MrState::Unregistered;
                return Err(other.err().unwrap_or(Status::INTERNAL_ERROR));
            }
        };
        (mr.id, mr.local, mr.remote) = (Some(device), local, remote);
        match registration {
            Registration::Buffer(extent) => (mr.state, mr.extent) = (MrState::Registered, extent),
            Registration::Fast { max_pages, remote_access } => {
                mr.state = MrState::Initialised;
                (mr.max_pages, mr.remote_access) = (max_pages, remote_access);
            }
        }
        self.resources.insert(Resource::Mr(device), id);
        Ok(())
    }

    pub(super) fn deregistration_done(&mut self, id: ObjectId, result: CommandResult) -> Result<(), Status> {
        let mr = self.objects.mr_mut(id);
        mr.state = if result.is_ok() { MrState::Unregistered } else { MrState::Registered };
        result?;
        if let Some(device) = mr.id.take() {
            self.resources.remove(&Resource::Mr(device));
        }
        Ok(())
    }

    /// Enters the state that a request leads to. Returns the protection domain.
    fn begin_change(&mut self, id: ObjectId, change: MrChange) -> Result<crate::backend::PdId, Status> {
        let mr = self.objects.mr_mut(id);
        mr.state = mr.state.after(change, mr.fast).ok_or(self.config.policy.wrong_state)?;
        Ok(*self.objects.pd(self.lifetimes.parent(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::MrChange::{Deregister, FastRegister, Initialise, Invalidate, Register};
    use super::MrState::{Deregistering, FastRegistered, Initialised, Registered, Registering, Unregistered};
    use super::*;

    #[test]
    fn every_change_in_every_state() {
        let states = [Unregistered, Registering, Registered, Deregistering, Initialised, FastRegistered];
        let changes = [Register, Initialise, Deregister, FastRegister, Invalidate];
        for (state, change, fast) in states
            .into_iter()
            .flat_map(|state| changes.map(|change| (state, change)))
            .flat_map(|(state, change)| [(state, change, false), (state, change, true)])
        {
            let expected = match (state, change, fast) {
                (Unregistered, Register, false) | (Unregistered, Initialise, true) => Some(Registering),
                (Registered, Deregister, false) => Some(Deregistering),
                (Initialised | FastRegistered, FastRegister, true) => Some(FastRegistered),
                (Initialised | FastRegistered, Invalidate, true) => Some(Initialised),
                _ => None,
            };
            assert_eq!(state.after(change, fast), expected, "{state:?}, {change:?}, fast: {fast}");
        }
    }

    #[test]
    fn only_the_last_token_can_be_invalidated() {
        let mut mr = Mr::new(true);
        let extent = Extent { address: 0, length_bytes: 1, rights: MrFlags::empty() };
        mr.fast_registered(7, extent);
        mr.fast_registered(8, extent);
        mr.invalidated(7);
        assert_eq!(mr.registered(), Some(extent));
        mr.invalidated(8);
        assert_eq!(mr.registered(), None);
    }
}
