//! What a consumer must serialise, done on two processors at once: R9, R32, R33.
//!
//! The notification of a CQ with an affinity for processor 1 does the one half while a task, on processor 0, does the other.

use super::{BrokenConsumer, Outcome, row};
use crate::suite::local::{Cq, Local, Sizes};
use crate::suite::{Probe, Trouble};
use des::Dur;
use provider::ndk::{Affinity, Call, CqNotify, NdkResult, Object};

pub(super) const TABLE: &[BrokenConsumer] = &[
    row("closes-during-a-call", 9, "closes a QP while another processor posts to it", |pair| {
        pair.on(0, closes_during_a_call)
    }),
    row("posts-on-two-processors", 32, "posts receives to one QP on two processors", |pair| {
        pair.on(0, posts_on_two_processors)
    }),
    row("polls-on-two-processors", 33, "takes results of one CQ on two processors", |pair| {
        pair.on(0, polls_on_two_processors)
    }),
];

/// Calls that the task makes in one go, and how long it then lets the world catch up: far shorter.
const BUSY: u64 = 200;
const PAUSE: Dur = Dur::from_ns(100);
/// Calls that the notification makes in one go.
const LATE: u64 = 20;
/// Entries of the queues: nobody may run out of them.
const DEPTH: u32 = 2_048;

/// A QP that receives at a CQ with notifications on processor 1. The CQ is armed, and a flushed receive about to notify.
struct Rigged {
    local: Local,
    cq: Cq,
    qp: Object,
}

impl Rigged {
    async fn new(
        probe: &Probe,
        in_notification: impl FnOnce(&Probe, &Cq, Object) + Send + 'static,
    ) -> Result<Self, Trouble> {
        let local = probe.local(Sizes::default()).await?;
        let (adapter, notification) = (local.adapter.object(), probe.completion());
        let affinity = Some(Affinity { group: 0, mask: 0b10 });
        let create = |completion| Call::CreateCq { adapter, depth: DEPTH, notification, affinity, completion };
        let cq = Cq { object: probe.create("NdkCreateCq", create).await?, events: notification.context };
        let sizes = Sizes { queue: DEPTH / 2, ..Sizes::default() };
        let qp = probe.qp(local.pd, [cq.object, cq.object], sizes).await?;
        let own = probe.clone();
        probe.inside_next(cq.events, move |_| in_notification(&own, &cq, qp));
        probe.ok(Call::Receive { qp, context: 1, sgl: &[local.sge(0, 8)] })?;
        probe.arm(&cq, CqNotify::ANY);
        probe.call(Call::Flush { qp });
        Ok(Self { local, cq, qp })
    }

    /// Calls without a pause to speak of, so that the notification comes in the middle of it.
    async fn until_notified(&self, probe: &Probe, call: impl Fn()) {
        while probe.waiting(self.cq.events) == 0 {
            (0..BUSY).for_each(|_| call());
            probe.sleep(PAUSE).await;
        }
    }

    async fn end(self, probe: &Probe) -> Outcome {
        // The notification may not have returned.
        probe.sleep(Dur::from_ms(1)).await;
        probe.close_all(&[self.qp, self.cq.object]).await?;
        probe.end_local(self.local).await
    }
}

async fn polls_on_two_processors(probe: Probe) -> Outcome {
    let rigged = Rigged::new(&probe, |probe, cq, _| (0..LATE).for_each(|_| drop(probe.take_plain(cq, 1)))).await?;
    let poll = || drop(probe.call(Call::GetCqResults { cq: rigged.cq.object, results: &mut [NdkResult::EMPTY; 0] }));
    rigged.until_notified(&probe, poll).await;
    probe.upcall(rigged.cq.events).await;
    rigged.end(&probe).await
}

async fn posts_on_two_processors(probe: Probe) -> Outcome {
    let late = |probe: &Probe, _: &Cq, qp| {
        for context in 0..LATE {
            probe.call(Call::Receive { qp, context, sgl: &[] });
        }
    };
    let rigged = Rigged::new(&probe, late).await?;
    let post = || drop(probe.call(Call::Receive { qp: rigged.qp, context: 0, sgl: &[] }));
    rigged.until_notified(&probe, post).await;
    probe.upcall(rigged.cq.events).await;
    rigged.end(&probe).await
}

async fn closes_during_a_call(probe: Probe) -> Outcome {
    let begun = probe.completion();
    let rigged =
        Rigged::new(&probe, move |probe, _, object| drop(probe.call(Call::Close { object, completion: begun })))
            .await?;
    let post = || drop(probe.call(Call::Receive { qp: rigged.qp, context: 0, sgl: &[] }));
    rigged.until_notified(&probe, post).await;
    probe.upcall(rigged.cq.events).await;
    probe.upcall(begun.context).await;
    probe.close(rigged.cq.object).await?;
    probe.end_local(rigged.local).await
}
