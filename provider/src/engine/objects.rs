//! The table of objects.

use super::adapter::Adapter;
use super::connector::Connector;
use super::cq::Cq;
use super::endpoint::EndpointUse;
use super::lifetime::ObjectId;
use super::listener::Listener;
use super::mr::Mr;
use super::mw::Mw;
use super::qp::Qp;
use super::srq::Srq;
use crate::backend::{PdId, Resource};
use crate::ndk::{NdkVersion, Object, ObjectKind};
use std::collections::BTreeMap;

/// An object of any kind.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) version: NdkVersion,
    /// The adapter that it descends from.
    pub(super) adapter: ObjectId,
    pub(super) body: Body,
}

/// What an object is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Adapter(Adapter),
    Pd(PdId),
    Cq(Box<Cq>),
    Mr(Box<Mr>),
    Mw(Mw),
    Srq(Box<Srq>),
    Qp(Box<Qp>),
    Connector(Box<Connector>),
    Listener(Box<Listener>),
    SharedEndpoint(EndpointUse),
}

impl Body {
    pub(super) fn kind(&self) -> ObjectKind {
        match self {
            Self::Adapter(_) => ObjectKind::Adapter,
            Self::Pd(_) => ObjectKind::Pd,
            Self::Cq(_) => ObjectKind::Cq,
            Self::Mr(_) => ObjectKind::Mr,
            Self::Mw(_) => ObjectKind::Mw,
            Self::Srq(_) => ObjectKind::Srq,
            Self::Qp(_) => ObjectKind::Qp,
            Self::Connector(_) => ObjectKind::Connector,
            Self::Listener(_) => ObjectKind::Listener,
            Self::SharedEndpoint(_) => ObjectKind::SharedEndpoint,
        }
    }
}

impl Body {
    /// What it is to the backend, if anything yet.
    pub(super) fn resource(&self) -> Option<Resource> {
        match self {
            Self::Adapter(_) | Self::SharedEndpoint(_) => None,
            Self::Pd(pd) => Some(Resource::Pd(*pd)),
            Self::Cq(cq) => Some(Resource::Cq(cq.id())),
            Self::Mr(mr) => mr.id().map(Resource::Mr),
            Self::Mw(mw) => Some(Resource::Mw(mw.id())),
            Self::Srq(srq) => Some(Resource::Srq(srq.id())),
            Self::Qp(qp) => Some(Resource::Qp(qp.id())),
            Self::Listener(listener) => listener.id().map(Resource::Listener),
            Self::Connector(connector) => connector.connection().map(Resource::Connection),
        }
    }

    /// The reference that it has on a local address.
    pub(super) fn endpoint(&self) -> Option<EndpointUse> {
        match self {
            Self::Connector(connector) => connector.endpoint(),
            Self::Listener(listener) => listener.endpoint(),
            Self::SharedEndpoint(used) => Some(*used),
            _ => None,
        }
    }

    /// The token that a peer can invalidate.
    pub(super) fn token(&self) -> Option<u32> {
        match self {
            Self::Mr(mr) => mr.remote_token(),
            Self::Mw(mw) => Some(mw.token()),
            _ => None,
        }
    }
}

/// All objects that were created and are not gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    entries: BTreeMap<ObjectId, Entry>,
}

macro_rules! accessors {
    ($($variant:ident($body:ty): $($get:ident)? $(, $get_mut:ident)?;)*) => {
        /// Access to objects that are known to be there and of that kind; anything else is a mistake of this crate.
        impl Objects {
            $(
                $(pub(super) fn $get(&self, id: ObjectId) -> &$body {
                    match self.entries.get(&id).map(|entry| &entry.body) {
                        Some(Body::$variant(body)) => body,
                        other => panic!("object {id} was taken for a {}: {other:?}", stringify!($variant)),
                    }
                })?

                $(pub(super) fn $get_mut(&mut self, id: ObjectId) -> &mut $body {
                    match self.entries.get_mut(&id).map(|entry| &mut entry.body) {
                        Some(Body::$variant(body)) => body,
                        other => panic!("object {id} was taken for a {}: {other:?}", stringify!($variant)),
                    }
                })?
            )*
        }
    };
}

accessors! {
    Adapter(Adapter): , adapter_mut;
    Pd(PdId): pd;
    Cq(Cq): cq, cq_mut;
    Mr(Mr): mr, mr_mut;
    Mw(Mw): mw, mw_mut;
    Srq(Srq): srq, srq_mut;
    Qp(Qp): qp, qp_mut;
    Connector(Connector): connector, connector_mut;
    Listener(Listener): listener, listener_mut;
    SharedEndpoint(EndpointUse): shared_endpoint;
}

impl Objects {
    pub(super) fn insert(&mut self, id: ObjectId, entry: Entry) {
        let before = self.entries.insert(id, entry);
        assert!(before.is_none(), "object id {id} was used twice");
    }

    pub(super) fn remove(&mut self, id: ObjectId) -> Option<Entry> {
        self.entries.remove(&id)
    }

    pub(super) fn get(&self, id: ObjectId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The pointer to an object.
    pub(super) fn handle(&self, id: ObjectId) -> Object {
        let entry = self.entries.get(&id).expect("a handle is made of an object that is there");
        Object { kind: entry.body.kind(), id, version: entry.version }
    }

    /// Ids and bodies of all objects, in the order of their creation.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ObjectId, &Entry)> {
        self.entries.iter().map(|(&id, entry)| (id, entry))
    }
}
