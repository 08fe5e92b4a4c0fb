//! Objects and callbacks: R1 to R4, R8, R10 to R15.

use super::{BrokenConsumer, Outcome, against_server, row};
use crate::suite::Probe;
use crate::suite::local::{Sizes, token};
use des::Dur;
use provider::ndk::{
    AdapterInfo, Call, Completion, CqNotify, DisconnectEvent, MrFlags, NdkVersion, Object, ObjectKind, Status,
};

pub(super) const TABLE: &[BrokenConsumer] = &[
    row("uses-a-closed-pd", 1, "creates a window in a PD that it has closed", |pair| pair.on(0, uses_a_closed_pd)),
    row("uses-a-closing-pd", 1, "creates a window in a PD whose close still pends", |pair| {
        pair.on(0, uses_a_closing_pd)
    }),
    row("posts-to-a-closed-qp", 1, "posts a receive to a QP that it has closed", |pair| pair.on(0, posts_to_closed_qp)),
    row("arms-a-pd", 2, "takes a PD for a CQ", |pair| pair.on(0, arms_a_pd)),
    row("qp-with-a-pd-as-cq", 2, "creates a QP with a PD in the place of its receive CQ", |pair| pair.on(0, pd_as_cq)),
    row("mixes-adapters", 2, "creates a QP in one adapter's PD with another adapter's CQ", |pair| {
        pair.on(0, mixes_adapters)
    }),
    row("null-request-completion", 3, "registers memory with NULL for the completion", |pair| pair.on(0, null_request)),
    row("null-close-completion", 3, "closes with NULL for the completion", |pair| pair.on(0, null_close)),
    row("null-notification", 3, "creates a CQ with NULL for the notification", |pair| pair.on(0, null_notification)),
    row("null-connect-event", 3, "creates a listener with NULL for the connect event", |pair| {
        pair.on(0, null_connect_event)
    }),
    row("queries-in-a-callback", 4, "asks for the limits at DISPATCH level", |pair| pair.on(0, queries_in_a_callback)),
    row("opens-in-a-callback", 4, "opens an adapter at DISPATCH level", |pair| pair.on(0, opens_in_a_callback)),
    row("token-while-pending", 8, "takes PENDING for success and asks for the token", |pair| {
        pair.on(0, token_while_pending)
    }),
    row("closes-twice", 10, "closes an object again while its close pends", |pair| pair.on(0, closes_twice)),
    row("closes-adapter-in-a-callback", 11, "closes the adapter inside a completion", |pair| {
        pair.on(0, closes_adapter_in_a_callback)
    }),
    row("leaks-a-cq", 12, "closes the adapter with a CQ open", |pair| pair.on(0, leaks_a_cq)),
    row("never-closes", 12, "ends without closing anything", |pair| pair.on(0, never_closes)),
    row("leaks-a-mapping", 13, "closes the adapter with a mapping not released", |pair| pair.on(0, leaks_a_mapping)),
    row("changes-the-version", 14, "writes another version into a header", |pair| pair.on(0, changes_the_version)),
    row("changes-the-type", 14, "writes another type into a header", |pair| pair.on(0, changes_the_type)),
    row("extended-event-in-2.0", 15, "uses the extended disconnect event, of 2.1, on an earlier adapter", |pair| {
        against_server(pair, extended_event)
    }),
];

const NULL: Completion = Completion { callback: None, context: 0 };

async fn uses_a_closed_pd(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    probe.close(pd).await?;
    probe.call(Call::CreateMw { pd, completion: probe.completion() });
    Ok(adapter.close().await?)
}

async fn uses_a_closing_pd(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    let mr = probe.create("NdkCreateMr", |completion| Call::CreateMr { pd, fast_register: false, completion }).await?;
    let closing = probe.begin_close(pd)?;
    probe.call(Call::CreateMw { pd, completion: probe.completion() });
    probe.close(mr).await?;
    probe.finish_close(closing).await;
    Ok(adapter.close().await?)
}

async fn posts_to_closed_qp(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.close(local.qp).await?;
    probe.call(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 8)] });
    probe.close_all(&[local.receive_cq.object, local.initiator_cq.object, local.mr, local.pd]).await?;
    Ok(local.adapter.close().await?)
}

async fn arms_a_pd(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    probe.call(Call::ArmCq { cq: pd, notify: CqNotify::ANY });
    probe.close(pd).await?;
    Ok(adapter.close().await?)
}

/// Tries to create a QP of `pd` that receives at `cq`.
async fn try_qp(probe: &Probe, pd: Object, receive_cq: Object, initiator_cq: Object) -> Outcome {
    if let Ok(qp) = probe.qp(pd, [receive_cq, initiator_cq], Sizes::default()).await {
        probe.close(qp).await?;
    }
    Ok(())
}

async fn pd_as_cq(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    try_qp(&probe, local.pd, local.pd, local.initiator_cq.object).await?;
    probe.end_local(local).await
}

async fn mixes_adapters(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let other = probe.open(NdkVersion::V2_0).await?;
    let cq = probe.cq(other.object(), 64).await?;
    try_qp(&probe, local.pd, cq.object, cq.object).await?;
    probe.close(cq.object).await?;
    other.close().await?;
    probe.end_local(local).await
}

async fn null_request(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    let mr = probe.create("NdkCreateMr", |completion| Call::CreateMr { pd, fast_register: false, completion }).await?;
    let buffer = probe.allocate(4_096);
    let (mdl, length_bytes, flags) = (buffer.mdl(), buffer.len(), MrFlags::empty());
    probe.call(Call::RegisterMr { mr, mdl, length_bytes, flags, completion: NULL });
    probe.sleep(Dur::from_ms(1)).await;
    probe.close_all(&[mr, pd]).await?;
    Ok(adapter.close().await?)
}

async fn null_close(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let cq = probe.cq(adapter.object(), 16).await?;
    probe.call(Call::Close { object: cq.object, completion: NULL });
    probe.sleep(Dur::from_ms(1)).await;
    Ok(adapter.close().await?)
}

async fn null_notification(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let create = |completion| Call::CreateCq {
        adapter: adapter.object(),
        depth: 16,
        notification: NULL,
        affinity: None,
        completion,
    };
    if let Ok(cq) = probe.create("NdkCreateCq", create).await {
        probe.close(cq).await?;
    }
    Ok(adapter.close().await?)
}

async fn null_connect_event(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let create = |completion| Call::CreateListener { adapter: adapter.object(), connect_event: NULL, completion };
    if let Ok(listener) = probe.create("NdkCreateListener", create).await {
        probe.close(listener).await?;
    }
    Ok(adapter.close().await?)
}

/// Creates a CQ, runs `mistake` inside the completion, and closes the CQ.
async fn inside_completion(probe: &Probe, adapter: Object, mistake: impl FnOnce(&Probe) + Send + 'static) -> Outcome {
    let (own, notification) = (probe.clone(), probe.completion());
    let create = |completion: Completion| {
        probe.inside_next(completion.context, move |_| mistake(&own));
        Call::CreateCq { adapter, depth: 16, notification, affinity: None, completion }
    };
    let cq = probe.create("NdkCreateCq", create).await?;
    probe.close(cq).await
}

async fn queries_in_a_callback(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let object = adapter.object();
    let mistake = move |probe: &Probe| {
        probe.call(Call::QueryAdapterInfo { adapter: object, buffer_bytes: AdapterInfo::SIZE_BYTES });
    };
    inside_completion(&probe, object, mistake).await?;
    Ok(adapter.close().await?)
}

async fn opens_in_a_callback(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let mistake = |probe: &Probe| {
        // Of a major that no provider has, so that there is nothing to close.
        probe.call(Call::OpenAdapter { version: NdkVersion { major: 9, minor: 0 } });
    };
    inside_completion(&probe, adapter.object(), mistake).await?;
    Ok(adapter.close().await?)
}

async fn token_while_pending(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    let mr = probe.create("NdkCreateMr", |completion| Call::CreateMr { pd, fast_register: false, completion }).await?;
    let (buffer, completion) = (probe.allocate(4_096), probe.completion());
    let (mdl, length_bytes, flags) = (buffer.mdl(), buffer.len(), MrFlags::empty());
    let status = probe.status(Call::RegisterMr { mr, mdl, length_bytes, flags, completion });
    token(&probe.returned(Call::GetLocalTokenFromMr { mr }).out);
    if status == Status::PENDING {
        probe.upcall(completion.context).await;
    }
    probe.close_all(&[mr, pd]).await?;
    Ok(adapter.close().await?)
}

async fn closes_twice(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let cq = probe.cq(adapter.object(), 16).await?;
    let closing = probe.begin_close(cq.object)?;
    probe.begin_close(cq.object)?;
    probe.finish_close(closing).await;
    Ok(adapter.close().await?)
}

async fn closes_adapter_in_a_callback(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?.object();
    let cq = probe.cq(adapter, 16).await?.object;
    let (own, completion) = (probe.clone(), probe.completion());
    probe.inside_next(completion.context, move |_| drop(own.call(Call::CloseAdapter { adapter })));
    if probe.status(Call::Close { object: cq, completion }) == Status::PENDING {
        probe.upcall(completion.context).await;
    }
    Ok(())
}

async fn leaks_a_cq(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    probe.cq(adapter.object(), 16).await?;
    // It never returns, so nobody waits for it.
    probe.call(Call::CloseAdapter { adapter: adapter.object() });
    Ok(())
}

async fn never_closes(probe: Probe) -> Outcome {
    probe.open(NdkVersion::V2_0).await?;
    Ok(())
}

async fn leaks_a_mapping(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?.object();
    let buffer = probe.allocate(4_096);
    let (mdl, length_bytes) = (buffer.mdl(), buffer.len());
    let build = |completion| Call::BuildLam { adapter, mdl, length_bytes, lam_bytes: 4_096, completion };
    probe.request("NdkBuildLAM", build).await?;
    probe.call(Call::CloseAdapter { adapter });
    Ok(())
}

async fn changes_the_version(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let cq = probe.cq(adapter.object(), 16).await?.object;
    let forged = Object { version: NdkVersion { major: 7, minor: 7 }, ..cq };
    probe.call(Call::ArmCq { cq: forged, notify: CqNotify::ANY });
    probe.close(cq).await?;
    Ok(adapter.close().await?)
}

async fn changes_the_type(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    let forged = Object { kind: ObjectKind::Cq, ..pd };
    probe.call(Call::ArmCq { cq: forged, notify: CqNotify::ANY });
    probe.close(pd).await?;
    Ok(adapter.close().await?)
}

async fn extended_event(probe: Probe) -> Outcome {
    let newest = probe.open(NdkVersion::V2_0).await?;
    let early = if newest.object().version < NdkVersion::V2_1 { NdkVersion::V2_0 } else { NdkVersion::V1_1 };
    newest.close().await?;
    let local = probe.local_at(early, Sizes::default()).await?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    let event = probe.completion();
    let disconnect_event = DisconnectEvent { callback: event.callback, context: event.context, extended: true };
    let completion = probe.completion();
    let status = probe.status(Call::CompleteConnect { connector, disconnect_event, completion });
    if status == Status::PENDING {
        probe.upcall(completion.context).await;
    }
    let link = probe.complete(connector, peer).await?;
    probe.leave(local, link).await
}
