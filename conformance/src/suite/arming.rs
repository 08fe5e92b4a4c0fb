//! Completion queues: arms, notifications, moderation, depth.

use super::local::{Card, Link, Local, Sizes};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{AdapterFlags, Call, CqNotify, OpFlags, Status, UpcallBody};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "arm-any",
        rules: &[97, 98],
        provokes: &[],
        what: "one notification for each arm, and none without",
        start: |pair: &Pair| {
            pair.on(0, arm_any);
            pair.on(1, |probe| async move { trickle(probe, [OpFlags::empty(); 3]).await });
        },
    },
    Case {
        name: "arm-late",
        rules: &[98],
        provokes: &[],
        what: "an arm after the entries is satisfied at once",
        start: |pair: &Pair| {
            pair.on(0, arm_late);
            pair.on(1, |probe| async move { trickle(probe, [OpFlags::empty(); 3]).await });
        },
    },
    Case {
        name: "arm-twice",
        rules: &[97, 100],
        provokes: &[],
        what: "arms for ANY and then for ERRORS: ANY remains",
        start: |pair: &Pair| {
            pair.on(0, arm_twice);
            pair.on(1, |probe| async move { trickle(probe, [OpFlags::empty(); 3]).await });
        },
    },
    Case {
        name: "arm-inside",
        rules: &[97, 99],
        provokes: &[],
        what: "arms again inside the notification, while more arrives",
        start: |pair: &Pair| {
            pair.on(0, arm_inside);
            pair.on(1, |probe| async move { trickle(probe, [OpFlags::empty(); 3]).await });
        },
    },
    Case {
        name: "arm-solicited",
        rules: &[101],
        provokes: &[],
        what: "a solicited arm waits for a solicited send, and is not satisfied by own successes",
        start: |pair: &Pair| {
            pair.on(0, arm_solicited);
            pair.on(1, |probe| async move {
                let solicited = OpFlags::SEND_AND_SOLICIT_EVENT;
                trickle(probe, [OpFlags::empty(), OpFlags::empty(), solicited]).await
            });
        },
    },
    Case {
        name: "arm-errors",
        rules: &[97],
        provokes: &[],
        what: "an arm for errors is not satisfied by successes",
        start: |pair: &Pair| {
            pair.on(0, |probe| async move { quiet_arm(probe, CqNotify::ERRORS).await });
            pair.on(1, |probe| async move { trickle(probe, [OpFlags::empty(); 3]).await });
        },
    },
    Case {
        name: "overrun",
        rules: &[103],
        provokes: &[25],
        what: "a queue that overruns says so, and then nothing more",
        start: |pair: &Pair| {
            pair.on(0, overrun_passive);
            pair.on(1, overrun_active);
        },
    },
    Case {
        name: "moderation",
        rules: &[110],
        provokes: &[23],
        what: "interrupt moderation with and without bounds",
        start: |pair: &Pair| pair.on(0, moderation),
    },
    Case {
        name: "resize",
        rules: &[81, 111],
        provokes: &[22],
        what: "a queue with entries grows and loses none",
        start: |pair: &Pair| pair.on(0, resize),
    },
];

/// Between two messages of [`trickle`].
const GAP: Dur = Dur::from_ms(4);
const RECEIVES: u64 = 8;

/// Sends a message for each flag word, with a pause before each.
async fn trickle(probe: Probe, messages: [OpFlags; 3]) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    for flags in messages {
        probe.sleep(GAP).await;
        probe.ok(Call::Send { qp: local.qp, context: 1, sgl: &[local.sge(0, 16)], flags })?;
        probe.next_good(&local.initiator_cq).await?;
    }
    probe.sleep(Dur::from_ms(40)).await;
    probe.leave(local, link).await
}

async fn passive(probe: &Probe) -> Result<(Local, Link), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    for context in 0..RECEIVES {
        probe.ok(Call::Receive { qp: local.qp, context, sgl: &[local.sge(0, 64)] })?;
    }
    let link = probe.serve_on(&local).await?;
    Ok((local, link))
}

async fn arm_any(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = passive(&probe).await?;
    let cq = local.receive_cq;
    for _ in 0..2 {
        probe.arm(&cq, CqNotify::ANY);
        probe.upcall(cq.events).await;
        probe.take(&cq, 4);
    }
    // Two messages have come with two arms. The third comes without.
    probe.sleep(Dur::from_ms(20)).await;
    let more = probe.waiting(cq.events);
    expect(more == 0, 97, || format!("{more} notifications came without an arm"))?;
    probe.take(&cq, 4);
    probe.leave_after_peer(local, link).await
}

async fn arm_late(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = passive(&probe).await?;
    let cq = local.receive_cq;
    probe.sleep(Dur::from_ms(20)).await;
    probe.arm(&cq, CqNotify::ANY);
    probe.upcall(cq.events).await;
    let count = probe.take(&cq, 4).len();
    expect(count == 3, 106, || format!("{count} results of 3 messages"))?;
    probe.leave_after_peer(local, link).await
}

async fn arm_twice(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = passive(&probe).await?;
    let cq = local.receive_cq;
    probe.arm(&cq, CqNotify::ANY);
    probe.arm(&cq, CqNotify::ERRORS);
    probe.upcall(cq.events).await;
    probe.take(&cq, 4);
    probe.upcall(link.disconnected).await;
    probe.take(&cq, 4);
    probe.hang_up(local, link).await
}

async fn arm_inside(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = passive(&probe).await?;
    let cq = local.receive_cq;
    let mut taken = 0;
    while taken < 3 {
        let inside = probe.clone();
        probe.inside_next(cq.events, move |_| inside.arm(&cq, CqNotify::ANY));
        // A notification may have come between, and found no hook.
        probe.arm(&cq, CqNotify::ANY);
        probe.upcall(cq.events).await;
        taken += probe.take(&cq, 4).len();
    }
    probe.leave_after_peer(local, link).await
}

async fn arm_solicited(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = passive(&probe).await?;
    let cq = local.receive_cq;
    probe.arm(&cq, CqNotify::SOLICITED);
    probe.upcall(cq.events).await;
    let count = probe.take(&cq, 4).len();
    expect(count == 3, 101, || format!("a solicited arm was satisfied after {count} messages of 3"))?;
    own_successes(&probe, (&local, &link), CqNotify::SOLICITED, 101).await?;
    probe.leave_after_peer(local, link).await
}

async fn quiet_arm(probe: Probe, notify: CqNotify) -> Result<(), Trouble> {
    let (local, link) = passive(&probe).await?;
    own_successes(&probe, (&local, &link), notify, 97).await?;
    probe.leave_after_peer(local, link).await
}

/// Own requests that succeed satisfy no arm weaker than ANY.
async fn own_successes(
    probe: &Probe,
    (local, link): (&Local, &Link),
    notify: CqNotify,
    rule: u8,
) -> Result<(), Trouble> {
    let cq = local.initiator_cq;
    probe.arm(&cq, notify);
    let Card { address: remote_address, token: remote_token } = link.peer;
    let (sgl, flags) = (&[local.sge(0, 16)], OpFlags::empty());
    probe.ok(Call::Read { qp: local.qp, context: 9, sgl, remote_address, remote_token, flags })?;
    probe.sleep(Dur::from_ms(2)).await;
    let early = probe.waiting(cq.events);
    probe.take(&cq, 4);
    expect(early == 0, rule, || format!("an arm for {notify:?} was satisfied by a success"))
}

async fn overrun_passive(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes { cq: 4, ..Sizes::default() }).await?;
    for context in 0..RECEIVES {
        probe.ok(Call::Receive { qp: local.qp, context, sgl: &[local.sge(0, 64)] })?;
    }
    let cq = local.receive_cq;
    let link = probe.serve_on(&local).await?;
    probe.sleep(Dur::from_ms(10)).await;
    probe.arm(&cq, CqNotify::ANY);
    let failed = match probe.upcall(cq.events).await.body {
        UpcallBody::CqNotification { status } => status != Status::SUCCESS,
        _ => false,
    };
    let left = probe.take(&cq, 8).len();
    expect(!failed || left == 0, 103, || format!("a failed queue yielded {left} results"))?;
    probe.sleep(Dur::from_ms(40)).await;
    probe.hang_up(local, link).await
}

async fn overrun_active(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    for context in 0..RECEIVES {
        probe.ok(Call::Send { qp: local.qp, context, sgl: &[local.sge(0, 16)], flags: OpFlags::empty() })?;
    }
    for _ in 0..RECEIVES {
        probe.next(&local.initiator_cq).await;
    }
    probe.sleep(Dur::from_ms(20)).await;
    probe.hang_up(local, link).await
}

async fn moderation(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let cq = local.receive_cq.object;
    let able = local.info.flags.contains(AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED);
    let moderate = |interval_us, count| probe.status(Call::ControlCqInterruptModeration { cq, interval_us, count });
    if able {
        for (interval_us, count) in [(100, 4), (0, 4), (100, 1), (u32::MAX, 4), (100, u32::MAX)] {
            expect_status("moderation", moderate(interval_us, count), &[Status::SUCCESS], 110)?;
        }
        let unbounded = moderate(u32::MAX, u32::MAX);
        expect_status("moderation without a bound", unbounded, &[Status::INVALID_PARAMETER_MIX], 110)?;
    } else {
        expect_status("moderation where there is none", moderate(100, 4), &[Status::NOT_SUPPORTED], 110)?;
    }
    probe.end_local(local).await
}

async fn resize(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes { cq: 64, ..Sizes::default() }).await?;
    let cq = local.receive_cq.object;
    for context in 0..RECEIVES {
        probe.ok(Call::Receive { qp: local.qp, context, sgl: &[local.sge(0, 64)] })?;
    }
    probe.ok(Call::Flush { qp: local.qp })?;
    probe.sleep(Dur::from_ms(1)).await;
    let status = probe.settle(|completion| Call::ResizeCq { cq, depth: 128, completion }).await.status;
    let able = local.info.flags.contains(AdapterFlags::CQ_RESIZE_SUPPORTED);
    let allowed = if able { Status::SUCCESS } else { Status::NOT_SUPPORTED };
    expect_status("resizing a queue", status, &[allowed], 111)?;
    let count = probe.take(&local.receive_cq, 16).len() as u64;
    expect(count == RECEIVES, 111, || format!("{count} of {RECEIVES} entries after resizing"))?;
    probe.end_local(local).await
}
