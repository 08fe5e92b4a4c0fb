//! Shared receive queues.

use super::local::{Link, Local, QP_CONTEXT, Sizes};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{Call, Object, OpFlags, Status, UpcallBody};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "shared-receives",
        rules: &[105, 106, 141, 142, 143],
        provokes: &[21],
        what: "a queue pair receives from a shared queue, which says once that it runs low",
        start: |pair: &Pair| {
            pair.on(0, receives);
            pair.on(1, |probe| sends(probe, MESSAGES));
        },
    },
    Case {
        name: "shared-grows",
        rules: &[81, 106, 107],
        provokes: &[],
        what: "a shared queue with receives grows, and loses none",
        start: |pair: &Pair| {
            pair.on(0, grows);
            pair.on(1, |probe| sends(probe, u64::from(LARGE)));
        },
    },
];

const RECEIVES: u64 = 8;
const MESSAGES: u64 = 6;
const THRESHOLD: u32 = 4;
/// Depths of the queue that grows.
const SMALL: u32 = 4;
const LARGE: u32 = 40;

impl Probe {
    /// A shared queue, and the context of its notifications.
    pub(super) async fn srq(&self, pd: Object, depth: u32, notify_threshold: u32) -> Result<(Object, u64), Trouble> {
        let notification = self.completion();
        let create = |completion| Call::CreateSrq {
            pd,
            depth,
            max_receive_sge: 1,
            notify_threshold,
            notification,
            affinity: None,
            completion,
        };
        Ok((self.create("NdkCreateSrq", create).await?, notification.context))
    }

    /// Replaces the queue pair by one that receives from `srq`.
    async fn with_srq(&self, mut local: Local, srq: Object) -> Result<Local, Trouble> {
        self.close(local.qp).await?;
        let (pd, receive_cq, initiator_cq) = (local.pd, local.receive_cq.object, local.initiator_cq.object);
        let create = |completion| Call::CreateQpWithSrq {
            pd,
            receive_cq,
            initiator_cq,
            srq,
            qp_context: QP_CONTEXT,
            initiator_depth: 4,
            max_initiator_sge: 1,
            inline_data_bytes: 0,
            completion,
        };
        local.qp = self.create("NdkCreateQpWithSrq", create).await?;
        Ok(local)
    }
}

async fn receives(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    if local.info.max_srq_depth == 0 {
        let refused = probe.srq(local.pd, 8, 0).await;
        let allowed = [Status::INVALID_PARAMETER, Status::NOT_SUPPORTED];
        let status = match refused {
            Err(Trouble::Status { status, .. }) => status,
            _ => Status::SUCCESS,
        };
        expect_status("a shared queue where there are none", status, &allowed, 81)?;
        return probe.end_local(local).await;
    }
    let (srq, events) = probe.srq(local.pd, 16, 0).await?;
    let local = probe.with_srq(local, srq).await?;
    for context in 0..RECEIVES {
        probe.ok(Call::SrqReceive { srq, context, sgl: &[local.sge(0, 64)] })?;
    }
    let modify = |completion| Call::ModifySrq { srq, depth: 0, notify_threshold: THRESHOLD, completion };
    probe.request("NdkModifySrq", modify).await?;
    expect(probe.waiting(events) == 0, 141, || "a full shared queue notified".to_owned())?;
    let link = probe.serve_on(&local).await?;
    for _ in 0..MESSAGES {
        let result = probe.next_good(&local.receive_cq).await?;
        let right = result.base.qp_context == QP_CONTEXT && result.base.request_context < RECEIVES;
        expect(right, 105, || format!("a shared receive has the result {result:?}"))?;
    }
    probe.sleep(Dur::from_ms(1)).await;
    let told = probe.waiting(events);
    expect(told == 1, 141, || format!("the shared queue ran low, and notified {told} times"))?;
    end(&probe, local, srq, link).await
}

/// Ends after the peer.
async fn end(probe: &Probe, local: Local, srq: Object, link: Link) -> Result<(), Trouble> {
    probe.upcall(link.disconnected).await;
    probe.close(link.connector).await?;
    if let Some(listener) = link.listener {
        probe.close(listener).await?;
    }
    probe.close_all(&[local.qp, srq, local.receive_cq.object, local.initiator_cq.object]).await?;
    probe.close_all(&[local.mr, local.pd]).await?;
    Ok(local.adapter.close().await?)
}

/// Receives are posted before the queue grows, while it does, and after.
async fn grows(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    if local.info.max_srq_depth < LARGE {
        return probe.end_local(local).await;
    }
    let (srq, _) = probe.srq(local.pd, SMALL, 0).await?;
    let local = probe.with_srq(local, srq).await?;
    let mut posted = 0;
    // Never more than the consumer may count on.
    let mut fill_up_to = |count: u64| {
        let receive = |context| probe.status(Call::SrqReceive { srq, context, sgl: &[local.sge(0, 64)] });
        while posted < count.min(LARGE.into()) && receive(posted) == Status::SUCCESS {
            posted += 1;
        }
        posted
    };
    fill_up_to(u64::from(SMALL) - 1);
    let completion = probe.completion();
    let modify = Call::ModifySrq { srq, depth: LARGE, notify_threshold: 0, completion };
    let mut status = probe.status(modify);
    let before = fill_up_to(SMALL.into());
    expect(before == u64::from(SMALL), 81, || format!("{before} receives fit into a queue of {SMALL}"))?;
    if status == Status::PENDING
        && let UpcallBody::RequestCompletion { status: ended, .. } = probe.upcall(completion.context).await.body
    {
        status = ended;
    }
    expect_status("growing a shared queue", status, &[Status::SUCCESS, Status::INSUFFICIENT_RESOURCES], 81)?;
    let depth = u64::from(if status == Status::SUCCESS { LARGE } else { SMALL });
    let after = fill_up_to(depth);
    expect(after == depth, 81, || format!("{after} receives fit into a queue of {depth}"))?;
    let link = probe.serve_on(&local).await?;
    for context in 0..u64::from(LARGE) {
        let result = probe.next_good(&local.receive_cq).await?;
        let in_order = result.base.request_context == context;
        expect(in_order, 107, || format!("receive {context} of a queue that grew has the result {result:?}"))?;
        fill_up_to(context + 1 + depth);
    }
    end(&probe, local, srq, link).await
}

async fn sends(probe: Probe, messages: u64) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    if local.info.max_srq_depth == 0 {
        return probe.end_local(local).await;
    }
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    let link = probe.complete(connector, peer).await?;
    for context in 0..messages {
        probe.ok(Call::Send { qp: local.qp, context, sgl: &[local.sge(0, 16)], flags: OpFlags::empty() })?;
        probe.next_good(&local.initiator_cq).await?;
    }
    probe.sleep(Dur::from_ms(5)).await;
    probe.leave(local, link).await
}
