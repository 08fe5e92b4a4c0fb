//! Objects, and requests on them.

use super::actor::{Actor, pick};
use super::model::What;
use super::post::Queue;
use super::program::Step;
use super::thing::{Connector, Cq, Detail, Fast, Mr, Qp, REGION_BYTES, Stage, Thing};
use super::verb::Verb;
use crate::suite::local::PORT;
use provider::ndk::{Call, MrFlags, Object, ObjectKind};
use std::net::SocketAddr;

/// Entries of each queue of a queue pair.
const DEPTH: u32 = 6;
/// Inline bytes of a queue pair; no message has more.
const INLINE_BYTES: u32 = 56;
/// Depth that completion queues are enlarged to.
const RESIZED: u32 = 128;

/// Pages of a fast registration; every adapter that can register fast takes as many.
const FAST_PAGES: u32 = 16;

impl Actor {
    pub(super) fn create_on_adapter(&self, adapter: Object, step: Step) {
        let create = |detail| What::Create(Box::new(detail));
        match step.verb {
            Verb::Cq => {
                let (notification, depth) = (self.event(), 32 + u32::from(step.how % 2) * 32);
                let cq = Cq { depth, fed: 0, armed: 0, eager: step.how & 4 != 0 };
                self.begin(create(Detail::Cq(cq)), adapter, |completion| Call::CreateCq {
                    adapter,
                    depth,
                    notification,
                    affinity: None,
                    completion,
                });
            }
            Verb::Connector => {
                let connector = Connector { stage: Stage::Idle, qp: None, card: None, told: false };
                self.begin(create(Detail::Connector(connector)), adapter, |completion| Call::CreateConnector {
                    adapter,
                    completion,
                });
            }
            Verb::Listener => {
                let connect_event = self.event();
                let listener = Detail::Listener { listening: false };
                self.begin(create(listener), adapter, |completion| Call::CreateListener {
                    adapter,
                    connect_event,
                    completion,
                });
            }
            Verb::Endpoint => {
                let address = SocketAddr::new(self.addresses[0], 0);
                self.begin(create(Detail::Plain), adapter, |completion| Call::CreateSharedEndpoint {
                    adapter,
                    address,
                    completion,
                });
            }
            Verb::Map => {
                let buffer = self.session.allocate(REGION_BYTES);
                let (mdl, length_bytes) = (buffer.mdl().clone(), buffer.len());
                self.begin(What::Map(buffer), adapter, |completion| Call::BuildLam {
                    adapter,
                    mdl: &mdl,
                    length_bytes,
                    lam_bytes: 4_096,
                    completion,
                });
            }
            _ => self.begin(create(Detail::Plain), adapter, |completion| Call::CreatePd { adapter, completion }),
        }
    }

    pub(super) fn create_on_pd(&self, step: Step) {
        let Some(pd) = pick(&self.live(ObjectKind::Pd, |_| true), step.pick) else { return };
        let create = |detail| What::Create(Box::new(detail));
        match step.verb {
            Verb::Mr => {
                let buffer = self.session.allocate(REGION_BYTES);
                let mr = Mr { pd: pd.id, registered: false, buffer, used: Default::default(), windows: 0 };
                self.begin(create(Detail::Mr(mr)), pd, |completion| Call::CreateMr {
                    pd,
                    fast_register: false,
                    completion,
                });
            }
            Verb::Fast => {
                let fast = Fast { pd: pd.id, initialised: false, registered: false, busy: false, qp: None };
                let what = create(Detail::Fast(fast));
                self.begin(what, pd, |completion| Call::CreateMr { pd, fast_register: true, completion });
            }
            Verb::Mw => {
                let mw = Detail::Mw { pd: pd.id, bound: None };
                self.begin(create(mw), pd, |completion| Call::CreateMw { pd, completion });
            }
            Verb::Srq => {
                let notification = self.event();
                let srq = Detail::Srq { pd: pd.id, queue: Queue::new(DEPTH), armed: 0 };
                self.begin(create(srq), pd, |completion| Call::CreateSrq {
                    pd,
                    depth: DEPTH,
                    max_receive_sge: 1,
                    notify_threshold: 0,
                    notification,
                    affinity: None,
                    completion,
                });
            }
            _ => self.create_qp(pd, step),
        }
    }

    fn create_qp(&self, pd: Object, step: Step) {
        let roomy = |thing: &Thing| matches!(&thing.detail, Detail::Cq(cq) if cq.fed + 2 * DEPTH <= cq.depth);
        let cqs = self.live(ObjectKind::Cq, roomy);
        let (Some(receive_cq), Some(initiator_cq)) = (pick(&cqs, step.pick), pick(&cqs, step.how)) else { return };
        let same_pd = |thing: &Thing| matches!(&thing.detail, Detail::Srq { pd: own, .. } if *own == pd.id);
        let srq = pick(&self.live(ObjectKind::Srq, same_pd), step.pick).filter(|_| step.how & 3 == 0);
        let context = self.model().context();
        for cq in [receive_cq, initiator_cq] {
            // Taken at the call already: another create may be made while this one pends.
            if let Some(cq) = self.model().cq_mut(cq.id) {
                cq.fed += DEPTH;
            }
        }
        let qp = Qp {
            context,
            pd: pd.id,
            cqs: [receive_cq.id, initiator_cq.id],
            srq: srq.map(|srq| srq.id),
            initiator: Queue::new(DEPTH),
            receive: Queue::new(DEPTH),
            stage: Stage::Idle,
            peer: None,
            sent: 0,
            received: 0,
        };
        let what = What::Create(Box::new(Detail::Qp(qp)));
        match srq {
            Some(srq) => self.begin(what, pd, |completion| Call::CreateQpWithSrq {
                pd,
                receive_cq,
                initiator_cq,
                srq,
                qp_context: context,
                initiator_depth: DEPTH,
                max_initiator_sge: 1,
                inline_data_bytes: INLINE_BYTES,
                completion,
            }),
            None => self.begin(what, pd, |completion| Call::CreateQp {
                pd,
                receive_cq,
                initiator_cq,
                qp_context: context,
                receive_depth: DEPTH,
                initiator_depth: DEPTH,
                max_receive_sge: 1,
                max_initiator_sge: 1,
                inline_data_bytes: INLINE_BYTES,
                completion,
            }),
        }
    }

    pub(super) fn request(&self, step: Step) {
        let idle = |thing: &Thing| thing.pending == 0;
        match step.verb {
            Verb::Register => {
                let fits = |thing: &Thing| idle(thing) && matches!(&thing.detail, Detail::Mr(mr) if !mr.registered);
                let Some(mr) = pick(&self.live(ObjectKind::Mr, fits), step.pick) else { return };
                let Some(mdl) = self.model().mr_mut(mr.id).map(|mr| mr.buffer.mdl().clone()) else { return };
                let flags = MrFlags::ALLOW_REMOTE_WRITE | MrFlags::ALLOW_REMOTE_READ | MrFlags::RDMA_READ_SINK;
                let (mdl, length_bytes) = (&mdl, REGION_BYTES);
                let what = What::Request(mr.id);
                self.begin(what, mr, |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion });
            }
            Verb::Deregister => {
                let unused = |mr: &Mr| mr.registered && mr.used.is_empty() && mr.windows == 0;
                let fits = |thing: &Thing| idle(thing) && matches!(&thing.detail, Detail::Mr(mr) if unused(mr));
                let Some(mr) = pick(&self.live(ObjectKind::Mr, fits), step.pick) else { return };
                if let Some(mr) = self.model().mr_mut(mr.id) {
                    // From now on it is no good for posts.
                    mr.registered = false;
                }
                self.begin(What::Request(mr.id), mr, |completion| Call::DeregisterMr { mr, completion });
            }
            Verb::Initialize => {
                let fresh = |thing: &Thing| matches!(&thing.detail, Detail::Fast(fast) if !fast.initialised);
                let fits = |thing: &Thing| idle(thing) && fresh(thing);
                let Some(mr) = pick(&self.live(ObjectKind::Mr, fits), step.pick) else { return };
                self.begin(What::Request(mr.id), mr, |completion| Call::InitializeFastRegisterMr {
                    mr,
                    adapter_page_count: FAST_PAGES,
                    remote_access: true,
                    completion,
                });
            }
            Verb::Resize => {
                let fits = |thing: &Thing| idle(thing) && matches!(&thing.detail, Detail::Cq(cq) if cq.depth < RESIZED);
                let Some(cq) = pick(&self.live(ObjectKind::Cq, fits), step.pick) else { return };
                let depth = RESIZED;
                self.begin(What::Resize(cq.id, depth), cq, |completion| Call::ResizeCq { cq, depth, completion });
            }
            Verb::Modify => {
                let Some(srq) = pick(&self.live(ObjectKind::Srq, idle), step.pick) else { return };
                if let Some(Detail::Srq { armed, .. }) = self.model().detail_mut(srq.id) {
                    *armed += 1;
                }
                let notify_threshold = 1 + u32::from(step.how % 3);
                self.begin(What::Request(srq.id), srq, |completion| Call::ModifySrq {
                    srq,
                    depth: 0,
                    notify_threshold,
                    completion,
                });
            }
            _ => {
                let silent = |thing: &Thing| matches!(thing.detail, Detail::Listener { listening: false, .. });
                let fits = |thing: &Thing| idle(thing) && silent(thing);
                let Some(listener) = pick(&self.live(ObjectKind::Listener, fits), step.pick) else { return };
                let address = SocketAddr::new(self.addresses[0], PORT);
                let what = What::Request(listener.id);
                self.begin(what, listener, |completion| Call::Listen { listener, address, completion });
            }
        }
    }
}
