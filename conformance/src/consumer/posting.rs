//! Requests and their results: R34 to R38, R48, R57, R59.

use super::{BrokenConsumer, Outcome, RECEIVE_BYTES, against_server, row};
use crate::suite::Probe;
use crate::suite::local::{Link, Local, Sizes};
use provider::ndk::{Call, OpFlags, Sge, Status};

pub(super) const TABLE: &[BrokenConsumer] = &[
    row("posts-too-many-receives", 34, "posts one receive more than the queue is deep", |pair| {
        pair.on(0, posts_too_many_receives)
    }),
    row("posts-too-many-sends", 34, "posts sends without taking any result", |pair| {
        against_server(pair, posts_too_many_sends)
    }),
    row("list-too-long", 35, "posts a receive with more entries than the QP takes", |pair| pair.on(0, list_too_long)),
    row("too-much-inline", 36, "sends more inline bytes than the QP takes", |pair| {
        against_server(pair, too_much_inline)
    }),
    row("solicits-on-a-write", 37, "asks for a solicited event with a write", |pair| {
        against_server(pair, solicits_on_a_write)
    }),
    row("unknown-send-flag", 37, "sends with a flag that does not exist", |pair| {
        against_server(pair, unknown_send_flag)
    }),
    row("sends-unconnected", 38, "sends on a QP that was never connected", |pair| pair.on(0, sends_unconnected)),
    row("leaves-a-chain-deferred", 48, "disconnects after a send that is deferred", |pair| {
        against_server(pair, leaves_a_chain_deferred)
    }),
    row("disconnects-uncollected", 57, "disconnects without having taken the results of its sends", |pair| {
        against_server(pair, disconnects_uncollected)
    }),
    row("closes-cq-before-results", 59, "closes a CQ while receives of an open QP have no result", |pair| {
        pair.on(0, closes_cq_before_results)
    }),
];

async fn posts_too_many_receives(probe: Probe) -> Outcome {
    let local = probe.local(Sizes { queue: 4, ..Sizes::default() }).await?;
    for context in 0..5 {
        probe.call(Call::Receive { qp: local.qp, context, sgl: &[local.sge(context * 64, 64)] });
    }
    probe.end_local(local).await
}

fn send(probe: &Probe, local: &Local, context: u64, flags: OpFlags) -> Status {
    probe.status(Call::Send { qp: local.qp, context, sgl: &[local.sge(0, 8)], flags })
}

/// Takes `count` results of initiator requests, disconnects, and closes everything.
async fn part(probe: &Probe, local: Local, link: Link, count: usize) -> Outcome {
    for _ in 0..count {
        probe.next(&local.initiator_cq).await;
    }
    let connector = link.connector;
    probe.settle(|completion| Call::Disconnect { connector, completion }).await;
    probe.hang_up(local, link).await
}

async fn posts_too_many_sends(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes { queue: 4, ..Sizes::default() }).await?;
    let accepted = (0..5).filter(|&context| send(&probe, &local, context, OpFlags::empty()) == Status::SUCCESS).count();
    part(&probe, local, link, accepted).await
}

async fn list_too_long(probe: Probe) -> Outcome {
    let local = probe.local(Sizes { sge: 1, ..Sizes::default() }).await?;
    probe.call(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 8), local.sge(8, 8)] });
    probe.end_local(local).await
}

async fn too_much_inline(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes { inline_bytes: 16, ..Sizes::default() }).await?;
    let sgl = [local.sge(0, 17)];
    let status = probe.status(Call::Send { qp: local.qp, context: 1, sgl: &sgl, flags: OpFlags::INLINE });
    part(&probe, local, link, usize::from(status == Status::SUCCESS)).await
}

async fn solicits_on_a_write(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let sgl: [Sge; 1] = [local.sge(0, 8)];
    // Behind the server's receives.
    let remote_address = link.peer.address + 8 * u64::from(RECEIVE_BYTES);
    let (qp, remote_token, flags) = (local.qp, link.peer.token, OpFlags::SEND_AND_SOLICIT_EVENT);
    let status = probe.status(Call::Write { qp, context: 1, sgl: &sgl, remote_address, remote_token, flags });
    part(&probe, local, link, usize::from(status == Status::SUCCESS)).await
}

async fn unknown_send_flag(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let status = send(&probe, &local, 1, OpFlags::from_bits_retain(0x8000));
    part(&probe, local, link, usize::from(status == Status::SUCCESS)).await
}

async fn sends_unconnected(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    send(&probe, &local, 1, OpFlags::empty());
    probe.end_local(local).await
}

async fn leaves_a_chain_deferred(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    send(&probe, &local, 1, OpFlags::DEFER | OpFlags::SILENT_SUCCESS);
    part(&probe, local, link, 0).await
}

async fn disconnects_uncollected(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    send(&probe, &local, 1, OpFlags::empty());
    part(&probe, local, link, 0).await
}

async fn closes_cq_before_results(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.ok(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 8)] })?;
    let closing = probe.begin_close(local.receive_cq.object)?;
    probe.close(local.qp).await?;
    probe.finish_close(closing).await;
    probe.close_all(&[local.initiator_cq.object, local.mr, local.pd]).await?;
    Ok(local.adapter.close().await?)
}
