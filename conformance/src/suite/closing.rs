//! Closing: order, callbacks, cancelled requests.

use super::local::{PORT, Sizes, params};
use super::probe::Probe;
use super::trouble::{Trouble, expect};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{Call, CqNotify, MrFlags, NdkVersion, OpFlags, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "antecedents-first",
        rules: &[85, 89, 92],
        provokes: &[],
        what: "closes protection domain and completion queues before what stands on them",
        start: |pair: &Pair| pair.on(0, antecedents_first),
    },
    Case {
        name: "close-inside-close",
        rules: &[85, 90],
        provokes: &[],
        what: "closes a protection domain inside the close completion of its region",
        start: |pair: &Pair| pair.on(0, close_inside_close),
    },
    Case {
        name: "close-inside-completion",
        rules: &[86, 95],
        provokes: &[],
        what: "closes a region inside the completion of its registration",
        start: |pair: &Pair| pair.on(0, close_inside_completion),
    },
    Case {
        name: "close-inside-notification",
        rules: &[87, 88],
        provokes: &[],
        what: "closes a completion queue inside its notification",
        start: |pair: &Pair| {
            pair.on(0, close_inside_notification);
            pair.on(1, one_message);
        },
    },
    Case {
        name: "close-cancels",
        rules: &[86, 91],
        provokes: &[],
        what: "closes a connector whose connect the peer never answers",
        start: |pair: &Pair| {
            pair.on(0, never_answer);
            pair.on(1, close_while_connecting);
        },
    },
    Case {
        name: "adapter-last",
        rules: &[89, 94],
        provokes: &[],
        what: "closes the adapter while everything on it is still closing",
        start: |pair: &Pair| pair.on(0, adapter_last),
    },
];

/// Time in which a close that does not wait would have completed.
const A_WHILE: Dur = Dur::from_ms(1);

async fn antecedents_first(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let antecedents = [local.pd, local.receive_cq.object, local.initiator_cq.object];
    let mut begun = Vec::new();
    for object in antecedents {
        let close = probe.begin_close(object)?;
        expect(close.is_some(), 89, || format!("the close of {object:?} returned SUCCESS with a successor alive"))?;
        begun.push(close);
    }
    probe.sleep(A_WHILE).await;
    for (close, object) in begun.iter().zip(antecedents) {
        let early = close.is_some_and(|context| probe.waiting(context) > 0);
        expect(!early, 89, || format!("the close of {object:?} completed with a successor alive"))?;
    }
    probe.close_all(&[local.mr, local.qp]).await?;
    for close in begun {
        probe.finish_close(close).await;
    }
    Ok(local.adapter.close().await?)
}

async fn close_inside_close(probe: Probe) -> Result<(), Trouble> {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    let mr = |completion| Call::CreateMr { pd, fast_register: false, completion };
    let mr = probe.create("NdkCreateMr", mr).await?;
    let (outer, inner) = (probe.completion(), probe.completion());
    let inside = probe.clone();
    probe.inside_next(outer.context, move |_| {
        inside.call(Call::Close { object: pd, completion: inner });
    });
    match probe.status(Call::Close { object: mr, completion: outer }) {
        Status::PENDING => {
            probe.upcall(outer.context).await;
            probe.upcall(inner.context).await;
        }
        _ => probe.close(pd).await?,
    }
    Ok(adapter.close().await?)
}

async fn close_inside_completion(probe: Probe) -> Result<(), Trouble> {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let pd = probe.pd(adapter.object()).await?;
    let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
    let (mr, buffer) = (probe.create("NdkCreateMr", create).await?, probe.allocate(4096));
    let (registered, closed) = (probe.completion(), probe.completion());
    let inside = probe.clone();
    probe.inside_next(registered.context, move |_| {
        inside.call(Call::Close { object: mr, completion: closed });
    });
    let (mdl, flags) = (buffer.mdl(), MrFlags::empty());
    let register = Call::RegisterMr { mr, mdl, length_bytes: 4096, flags, completion: registered };
    match probe.status(register) {
        Status::PENDING => {
            probe.upcall(registered.context).await;
            probe.upcall(closed.context).await;
        }
        _ => probe.close(mr).await?,
    }
    probe.close(pd).await?;
    Ok(adapter.close().await?)
}

async fn close_inside_notification(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.ok(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 64)] })?;
    let (cq, closed) = (local.receive_cq, probe.completion());
    let inside = probe.clone();
    probe.inside_next(cq.events, move |_| {
        inside.take(&cq, 4);
        inside.call(Call::Close { object: cq.object, completion: closed });
    });
    probe.arm(&cq, CqNotify::ANY);
    let link = probe.serve_on(&local).await?;
    probe.upcall(cq.events).await;
    probe.upcall(link.disconnected).await;
    probe.close(link.connector).await?;
    if let Some(listener) = link.listener {
        probe.close(listener).await?;
    }
    probe.close(local.qp).await?;
    probe.upcall(closed.context).await;
    probe.close_all(&[local.initiator_cq.object, local.mr, local.pd]).await?;
    Ok(local.adapter.close().await?)
}

async fn one_message(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    probe.ok(Call::Send { qp: local.qp, context: 1, sgl: &[local.sge(0, 16)], flags: OpFlags::empty() })?;
    probe.next_good(&local.initiator_cq).await?;
    probe.sleep(A_WHILE).await;
    probe.leave(local, link).await
}

async fn never_answer(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    probe.sleep(Dur::from_ms(20)).await;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

async fn close_while_connecting(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, b"hello"));
    let completion = probe.completion();
    let status = probe.status(Call::Connect { connector, source, destination, params, completion });
    expect(status == Status::PENDING, 132, || format!("a connect that nobody answered returned {status}"))?;
    probe.sleep(A_WHILE).await;
    let begun = probe.begin_close(connector)?;
    probe.upcall(completion.context).await;
    probe.finish_close(begun).await;
    probe.end_local(local).await
}

async fn adapter_last(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    for object in [local.qp, local.receive_cq.object, local.initiator_cq.object, local.mr, local.pd] {
        probe.begin_close(object)?;
    }
    Ok(local.adapter.close().await?)
}
