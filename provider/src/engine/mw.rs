//! Memory windows, and the tokens that binds, fast registrations and invalidations give and take.

use super::Engine;
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::lifetime::ObjectId;
use super::objects::Body;
use super::post::Effect;
use crate::backend::{Backend, Command, MwId};
use crate::ndk::{CallKind, CallSite, Completion, Object, ObjectKind, Status};

/// A memory window.
#[derive(Clone, Debug)]
pub(super) struct Mw {
    id: MwId,
    token: u32,
    /// The region that it is bound to: its antecedent until it is invalidated, bound again or closed.
    region: Option<ObjectId>,
}

impl Mw {
    pub(super) fn new(id: MwId, token: u32) -> Self {
        Self { id, token, region: None }
    }

    pub(super) fn id(&self) -> MwId {
        self.id
    }

    pub(super) fn token(&self) -> u32 {
        self.token
    }
}

impl<B: Backend> Engine<B> {
    pub(super) fn create_mw(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        pd: Object,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(pd, ObjectKind::Pd)?;
        if !self.backend.capabilities().memory_windows {
            return Err(Status::NOT_SUPPORTED);
        }
        let creation = Creation { kind: CallKind::CreateMw, parent, others: vec![], draft: Draft::Mw, completion };
        let command = Command::CreateMw { pd: *self.objects.pd(parent) };
        self.create(host, site, creation, Some(command))
    }

    pub(super) fn mw_token(&self, mw: Object) -> u32 {
        let id = self.live(mw, ObjectKind::Mw).ok();
        id.map(|id| self.objects.mw(id).token()).unwrap_or(self.config.policy.token_of_nothing)
    }

    /// The token of the next bind or registration. Consumers of verbs own its low byte.
    pub(super) fn next_token(&self, token: u32) -> u32 {
        if self.config.policy.new_token_per_use {
            token & !0xff | u32::from((token as u8).wrapping_add(1))
        } else {
            token
        }
    }

    /// A window has been bound, as far as its consumer sees: the token is valid when the post returns.
    pub(super) fn bound(&mut self, window: ObjectId, region: ObjectId, token: u32) {
        self.unbind(window);
        let mw = self.objects.mw_mut(window);
        mw.region = Some(region);
        let before = std::mem::replace(&mut mw.token, token);
        self.lifetimes.link(window, region);
        self.forget_token(Some(before));
        self.tokens.insert(token, window);
    }

    fn unbind(&mut self, window: ObjectId) {
        if let Some(region) = self.objects.mw_mut(window).region.take() {
            self.lifetimes.unlink(window, region);
        }
    }

    pub(super) fn forget_token(&mut self, token: Option<u32>) {
        if let Some(token) = token {
            self.tokens.remove(&token);
        }
    }

    /// A bind, registration or invalidation has ended.
    pub(super) fn take_effect(&mut self, effect: Effect, succeeded: bool) {
        let (target, token) = match (effect, succeeded) {
            (Effect::Invalidated { target, token }, true) | (Effect::Registered { target, token }, false) => {
                (target, token)
            }
            _ => return,
        };
        match self.objects.get(target).map(|entry| &entry.body) {
            Some(Body::Mr(_)) => self.objects.mr_mut(target).invalidated(token),
            Some(Body::Mw(mw)) if mw.token == token => self.unbind(target),
            _ => {}
        }
    }
}
