//! Connections coming to their end.

use super::local::Sizes;
use super::probe::Probe;
use super::trouble::{Trouble, expect};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{Call, OpFlags, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "disconnect-event",
        rules: &[136, 138],
        provokes: &[],
        what: "the peer of a disconnect hears of it once, the one who disconnects does not",
        start: |pair: &Pair| {
            pair.on(0, told_once);
            pair.on(1, disconnects);
        },
    },
    Case {
        name: "close-connected",
        rules: &[86, 136],
        provokes: &[],
        what: "a connector is closed without a disconnect; its peer hears of it",
        start: |pair: &Pair| {
            pair.on(0, told_once);
            pair.on(1, |probe| async move {
                let (local, link) = probe.join(Sizes::default()).await?;
                probe.hang_up(local, link).await
            });
        },
    },
    Case {
        name: "event-flushes-nothing",
        rules: &[135, 137],
        provokes: &[],
        what: "receives stay posted after the event, and are cancelled by the own disconnect",
        start: |pair: &Pair| {
            pair.on(0, keeps_receives);
            pair.on(1, disconnects);
        },
    },
    Case {
        name: "disconnect-drains",
        rules: &[134, 135],
        provokes: &[57],
        what: "nothing of a connection moves after its disconnect has completed",
        start: |pair: &Pair| {
            pair.on(0, |probe| async move {
                let (local, link) = probe.serve(Sizes::default()).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, drains);
        },
    },
];

/// Time in which an event would have come.
const A_WHILE: Dur = Dur::from_ms(20);
const WRITES: u64 = 12;

async fn told_once(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.serve(Sizes::default()).await?;
    probe.sleep(A_WHILE).await;
    let events = probe.waiting(link.disconnected);
    expect(events == 1, 136, || format!("the peer disconnected, and {events} events came"))?;
    probe.hang_up(local, link).await
}

async fn disconnects(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let connector = link.connector;
    probe.sleep(Dur::from_ms(1)).await;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    probe.sleep(Dur::from_ms(1)).await;
    let events = probe.waiting(link.disconnected);
    expect(events == 0, 136, || "the own disconnect caused a disconnect event".to_owned())?;
    probe.hang_up(local, link).await
}

async fn keeps_receives(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    for context in 0..2 {
        probe.ok(Call::Receive { qp: local.qp, context, sgl: &[local.sge(0, 64)] })?;
    }
    let link = probe.serve_on(&local).await?;
    probe.upcall(link.disconnected).await;
    probe.sleep(Dur::from_ms(1)).await;
    let early = probe.take(&local.receive_cq, 4);
    expect(early.is_empty(), 137, || format!("the disconnect event flushed {early:?}"))?;
    let connector = link.connector;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    for _ in 0..2 {
        let status = probe.next(&local.receive_cq).await.base.status;
        expect(status == Status::CANCELLED, 135, || format!("a receive ended with {status} after a disconnect"))?;
    }
    probe.hang_up(local, link).await
}

async fn drains(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    for context in 0..WRITES {
        probe.ok(Call::Write {
            qp: local.qp,
            context,
            sgl: &[local.sge(0, 4_096)],
            remote_address: link.peer.address,
            remote_token: link.peer.token,
            flags: OpFlags::empty(),
        })?;
    }
    let connector = link.connector;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    let room = WRITES as usize + 1;
    let at_once = probe.take(&local.initiator_cq, room).len();
    probe.sleep(A_WHILE).await;
    let late = probe.take(&local.initiator_cq, room);
    let moved = late.iter().any(|result| result.base.status == Status::SUCCESS);
    expect(!moved, 134, || "requests succeeded after the disconnect had completed".to_owned())?;
    let all = at_once + late.len();
    expect(all == WRITES as usize, 135, || format!("{all} of {WRITES} requests have a result after a disconnect"))?;
    probe.hang_up(local, link).await
}
