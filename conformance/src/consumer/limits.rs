//! Sizes and parameters: R18 to R20, R23 to R25, R28.
//!
//! R21 (an SRQ where there are none), R22 (a resize where it is not supported) and R40 (a read sink that is not marked as
//! one, where it must be) need an adapter that lacks what the healthy one has.

use super::{BrokenConsumer, Outcome, against_server, row};
use crate::suite::Probe;
use crate::suite::local::{Local, PORT, Sizes, params};
use host::Mdl;
use provider::ndk::{Call, Completion, MrFlags, Object, Out, Status};

pub(super) const TABLE: &[BrokenConsumer] = &[
    row("cq-too-deep", 18, "creates a CQ deeper than MaxCqDepth", |pair| pair.on(0, cq_too_deep)),
    row("resizes-too-deep", 18, "resizes a CQ beyond MaxCqDepth", |pair| pair.on(0, resizes_too_deep)),
    row("qp-too-deep", 19, "creates a QP with a deeper receive queue than the adapter has", |pair| {
        pair.on(0, async |probe| {
            odd_qp(probe, |local, sizes| sizes.queue = local.info.max_receive_queue_depth + 1).await
        })
    }),
    row("qp-with-long-lists", 19, "creates a QP with longer lists than the adapter takes", |pair| {
        pair.on(0, async |probe| odd_qp(probe, |local, sizes| sizes.sge = local.info.max_receive_request_sge + 1).await)
    }),
    row("qp-with-much-inline-data", 19, "creates a QP with more inline bytes than the adapter takes", |pair| {
        let much = |local: &Local, sizes: &mut Sizes| sizes.inline_bytes = local.info.max_inline_data_bytes + 1;
        pair.on(0, async move |probe| odd_qp(probe, much).await)
    }),
    row("srq-too-deep", 20, "creates an SRQ deeper than MaxSrqDepth", |pair| pair.on(0, srq_too_deep)),
    row("moderates-without-bound", 23, "moderates a CQ with neither interval nor count bounded", |pair| {
        pair.on(0, moderates_without_bound)
    }),
    row("connects-with-much-data", 24, "connects with more private data than MaxCallerData", |pair| {
        against_server(pair, connects_with_much_data)
    }),
    row("cq-too-shallow", 25, "creates a CQ with fewer entries than the queues that complete there", |pair| {
        pair.on(0, cq_too_shallow)
    }),
    row("registers-beyond-buffer", 28, "registers more bytes than the MDL describes", |pair| {
        pair.on(0, registers_beyond_buffer)
    }),
    row("registers-half-a-list", 28, "registers an MDL that lists too few pages", |pair| {
        pair.on(0, registers_half_a_list)
    }),
    row("maps-beyond-buffer", 28, "maps more bytes than the MDL describes", |pair| pair.on(0, maps_beyond_buffer)),
];

/// Closes what a create that should have failed may have made.
async fn create_and_close<'a>(probe: &Probe, call: impl FnOnce(Completion) -> Call<'a>) -> Outcome {
    match probe.settle(call).await.out {
        Out::Object(object) => probe.close(object).await,
        _ => Ok(()),
    }
}

async fn cq_too_deep(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (adapter, depth, notification) = (local.adapter.object(), local.info.max_cq_depth + 1, probe.completion());
    let create = |completion| Call::CreateCq { adapter, depth, notification, affinity: None, completion };
    create_and_close(&probe, create).await?;
    probe.end_local(local).await
}

async fn resizes_too_deep(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (cq, depth) = (local.receive_cq.object, local.info.max_cq_depth + 1);
    probe.settle(|completion| Call::ResizeCq { cq, depth, completion }).await;
    probe.end_local(local).await
}

/// A QP of sizes that `spoil` makes impossible, with a CQ that is deep enough all the same.
async fn odd_qp(probe: Probe, spoil: fn(&Local, &mut Sizes)) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let cq = probe.cq(local.adapter.object(), local.info.max_cq_depth).await?.object;
    let mut sizes = Sizes { queue: 4, sge: 1, inline_bytes: 0, ..Sizes::default() };
    spoil(&local, &mut sizes);
    let qp = probe.qp(local.pd, [cq, local.initiator_cq.object], sizes).await;
    if let Ok(qp) = qp {
        probe.close(qp).await?;
    }
    probe.close(cq).await?;
    probe.end_local(local).await
}

async fn srq_too_deep(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (pd, depth, notification) = (local.pd, local.info.max_srq_depth + 1, probe.completion());
    let create = |completion| Call::CreateSrq {
        pd,
        depth,
        max_receive_sge: 1,
        notify_threshold: 0,
        notification,
        affinity: None,
        completion,
    };
    create_and_close(&probe, create).await?;
    probe.end_local(local).await
}

async fn moderates_without_bound(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let cq = local.receive_cq.object;
    probe.call(Call::ControlCqInterruptModeration { cq, interval_us: u32::MAX, count: u32::MAX });
    probe.end_local(local).await
}

async fn connects_with_much_data(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination) = (probe.own(0), probe.peer(PORT));
    let data = vec![0; local.info.max_caller_data_bytes as usize + 1];
    let params = params(local.qp, &data);
    probe.settle(|completion| Call::Connect { connector, source, destination, params, completion }).await;
    probe.close(connector).await?;
    // The server still waits for its client.
    let (connector, peer) = probe.reach(&local).await?;
    let link = probe.complete(connector, peer).await?;
    probe.leave(local, link).await
}

async fn cq_too_shallow(probe: Probe) -> Outcome {
    let local = probe.local(Sizes { cq: 8, queue: 16, ..Sizes::default() }).await?;
    probe.end_local(local).await
}

/// Registers what `describe` makes of a buffer of two pages.
async fn odd_registration(probe: Probe, describe: fn(&Mdl) -> (Mdl, u64)) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (pd, buffer) = (local.pd, probe.allocate(8_192));
    let mr = probe.create("NdkCreateMr", |completion| Call::CreateMr { pd, fast_register: false, completion }).await?;
    let (mdl, length_bytes) = describe(buffer.mdl());
    let (mdl, flags) = (&mdl, MrFlags::empty());
    probe.settle(|completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion }).await;
    probe.close(mr).await?;
    probe.end_local(local).await
}

async fn registers_beyond_buffer(probe: Probe) -> Outcome {
    odd_registration(probe, |mdl| (mdl.clone(), mdl.length_bytes + 1)).await
}

async fn registers_half_a_list(probe: Probe) -> Outcome {
    odd_registration(probe, |mdl| {
        let half = Mdl { pages: mdl.pages[..1].to_vec(), ..mdl.clone() };
        let length_bytes = half.length_bytes;
        (half, length_bytes)
    })
    .await
}

async fn maps_beyond_buffer(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let adapter: Object = local.adapter.object();
    let buffer = probe.allocate(4_096);
    let (mdl, length_bytes) = (buffer.mdl(), buffer.len() + 1);
    let build = |completion| Call::BuildLam { adapter, mdl, length_bytes, lam_bytes: 4_096, completion };
    let built = probe.settle(build).await;
    if let (Status::SUCCESS, Out::Lam(lam)) = (built.status, built.out) {
        probe.call(Call::ReleaseLam { adapter, lam: &lam });
    }
    probe.end_local(local).await
}
