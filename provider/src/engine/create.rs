//! Creates: a draft becomes an object when the device, if it has a part in it, has made its own.

use super::Engine;
use super::connector::Connector;
use super::cq::{Cq, CqSpec};
use super::dispatch::Returned;
use super::endpoint::EndpointUse;
use super::lifetime::ObjectId;
use super::listener::Listener;
use super::mr::Mr;
use super::mw::Mw;
use super::objects::{Body, Entry};
use super::qp::{Qp, QpSpec};
use super::requests::{Request, Work};
use super::srq::{Srq, SrqSpec};
use crate::backend::{Backend, Command, CommandOutput, CommandResult, Resource};
use crate::ndk::{CallKind, CallSite, Completion, Out, Status};

/// An object that is not made yet.
#[derive(Clone, Debug)]
pub(super) enum Draft {
    Pd,
    Cq(CqSpec),
    Mr { fast_register: bool },
    Mw,
    Srq(SrqSpec),
    Qp(QpSpec),
    Connector,
    Listener { connect_event: Completion },
    SharedEndpoint(EndpointUse),
}

/// A create whose parameters have been checked.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) kind: CallKind,
    pub(super) parent: ObjectId,
    /// Antecedents beside the parent.
    pub(super) others: Vec<ObjectId>,
    pub(super) draft: Draft,
    pub(super) completion: Completion,
}

impl<B: Backend> Engine<B> {
    pub(super) fn create(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        creation: Creation,
        command: Option<Command<'_>>,
    ) -> Returned {
        let Creation { kind, parent, others, draft, completion } = creation;
        let antecedents = [parent].into_iter().chain(others).collect();
        let child = self.lifetimes.create(antecedents);
        let request = Request { owner: parent, kind, completion, work: Work::Create { child, draft } };
        Ok(self.start(host, site, request, command))
    }

    pub(super) fn create_done(
        &mut self,
        host: &mut B::Host,
        (parent, child): (ObjectId, ObjectId),
        draft: Draft,
        result: CommandResult,
    ) -> Result<Out, Status> {
        let endpoint = if let Draft::SharedEndpoint(used) = draft { Some(used) } else { None };
        match result.and_then(|output| self.body(draft, output)) {
            Ok(body) => {
                let is_srq = matches!(body, Body::Srq(_));
                self.install(parent, child, body);
                if is_srq {
                    self.start_srq(host, child);
                }
                Ok(Out::Object(self.objects.handle(child)))
            }
            Err(status) => {
                endpoint.into_iter().for_each(|used| self.endpoints.leave(used));
                let antecedents = self.lifetimes.remove(child);
                self.lifetimes.release_all(antecedents);
                Err(status)
            }
        }
    }

    /// Makes an object live.
    pub(super) fn install(&mut self, parent: ObjectId, id: ObjectId, body: Body) {
        let relative = self.objects.get(parent).expect("a parent is there as long as its children");
        let (version, adapter) = (relative.version, relative.adapter);
        if let Some(resource) = body.resource() {
            self.resources.insert(resource, id);
        }
        self.objects.insert(id, Entry { version, adapter, body });
        self.lifetimes.made(id);
    }

    fn body(&mut self, draft: Draft, output: CommandOutput) -> Result<Body, Status> {
        use CommandOutput::{Created, Done, Keys};
        Ok(match (draft, output) {
            (Draft::Pd, Created(Resource::Pd(pd))) => Body::Pd(pd),
            (Draft::Cq(spec), Created(Resource::Cq(cq))) => Body::Cq(Box::new(Cq::new(cq, spec))),
            (Draft::Srq(spec), Created(Resource::Srq(srq))) => Body::Srq(Box::new(Srq::new(srq, spec))),
            (Draft::Qp(spec), Created(Resource::Qp(qp))) => Body::Qp(Box::new(Qp::new(qp, spec))),
            (Draft::Mw, Keys { resource: Resource::Mw(mw), remote, .. }) => Body::Mw(Mw::new(mw, remote)),
            (Draft::Mr { fast_register }, Done) => Body::Mr(Box::new(Mr::new(fast_register))),
            (Draft::Connector, Done) => Body::Connector(Box::new(Connector::idle())),
            (Draft::Listener { connect_event }, Done) => Body::Listener(Box::new(Listener::new(connect_event))),
            (Draft::SharedEndpoint(used), Done) => Body::SharedEndpoint(used),
            // The backend made something else.
            _ => return Err(Status::INTERNAL_ERROR),
        })
    }
}
