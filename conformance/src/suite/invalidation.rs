//! Tokens that end by another hand than their owner's: by a peer's message, or by the read that goes to them.

use super::local::{Card, Local, Sizes};
use super::probe::Probe;
use super::remote::{A_WHILE, ELSEWHERE, bind_window, lender, make_window, post_receive, receive_token, send_token};
use super::trouble::{Trouble, expect};
use super::{Case, Pair};
use provider::ndk::{AdapterFlags, Call, CqNotify, Object, OpFlags, OperationType, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "remote-invalidation",
        rules: &[108],
        provokes: &[],
        what: "a send invalidates the peer's window, and the receive says so",
        start: |pair: &Pair| {
            pair.on(0, |probe| lend_window(probe, told));
            pair.on(1, invalidating_active);
        },
    },
    Case {
        name: "invalidation-untold",
        rules: &[109],
        provokes: &[],
        what: "the same by the plain getter: the receive is there, and its token has ended",
        start: |pair: &Pair| {
            pair.on(0, |probe| lend_window(probe, untold));
            pair.on(1, invalidating_active);
        },
    },
    Case {
        name: "bad-invalidation",
        rules: &[120],
        provokes: &[],
        what: "a send that invalidates what is no token ends the connection",
        start: |pair: &Pair| {
            pair.on(0, hold_still_with_receive);
            pair.on(1, bad_invalidation);
        },
    },
    Case {
        name: "read-with-local-invalidate",
        rules: &[121],
        provokes: &[],
        what: "reads with local invalidation: the token is dead then, or, without the capability, as good as before",
        start: |pair: &Pair| {
            pair.on(0, async |probe: Probe| {
                let (local, link) = probe.serve(Sizes::default()).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, reads_twice);
        },
    },
];

async fn hold_still_with_receive(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    post_receive(&probe, &local, 0)?;
    post_receive(&probe, &local, 0)?;
    let link = probe.serve_on(&local).await?;
    probe.leave_after_peer(local, link).await
}

/// Lends the peer a window, of which `judge` sees what comes of its invalidation.
async fn lend_window(
    probe: Probe,
    judge: impl AsyncFnOnce(&Probe, &Local, Object, Card) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let (local, link) = lender(&probe).await?;
    let Some(mw) = make_window(&probe, &local).await? else { return probe.leave_after_peer(local, link).await };
    let card = bind_window(&probe, &local, mw).await?;
    probe.next_good(&local.initiator_cq).await?;
    send_token(&probe, &local, card)?;
    probe.next_good(&local.initiator_cq).await?;
    judge(&probe, &local, mw, card).await?;
    probe.upcall(link.disconnected).await;
    probe.close(mw).await?;
    probe.hang_up(local, link).await
}

async fn told(probe: &Probe, local: &Local, _: Object, card: Card) -> Result<(), Trouble> {
    let result = probe.next_good(&local.receive_cq).await?;
    let right =
        result.operation == OperationType::ReceiveAndInvalidate && result.type_specific == u64::from(card.token);
    expect(right, 108, || format!("a receive that invalidated {:#x} is {result:?}", card.token))
}

async fn untold(probe: &Probe, local: &Local, mw: Object, _: Card) -> Result<(), Trouble> {
    probe.arm(&local.receive_cq, CqNotify::ANY);
    probe.upcall(local.receive_cq.events).await;
    let results = probe.take_plain(&local.receive_cq, 4);
    let told = matches!(results[..], [result] if result.status == Status::SUCCESS);
    expect(told, 109, || format!("a receive that invalidated has the plain results {results:?}"))?;
    let (qp, flags) = (local.qp, OpFlags::empty());
    if probe.status(Call::Invalidate { qp, context: 6, target: mw, flags }) == Status::SUCCESS {
        let again = probe.next(&local.initiator_cq).await.base.status;
        expect(again != Status::SUCCESS, 109, || "a token was invalidated twice".to_owned())?;
    }
    Ok(())
}

async fn invalidating_active(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    post_receive(&probe, &local, ELSEWHERE)?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    let link = probe.complete(connector, peer).await?;
    let card = receive_token(&probe, &local).await?;
    if card.token != 0 {
        let (qp, sgl, remote_token) = (local.qp, &[local.sge(0, 8)], card.token);
        probe.ok(Call::SendAndInvalidate { qp, context: 7, sgl, flags: OpFlags::empty(), remote_token })?;
        let result = probe.next_good(&local.initiator_cq).await?;
        let typed = result.operation == OperationType::Send;
        expect(typed, 108, || format!("the result of a send is of type {:?}", result.operation))?;
    }
    probe.sleep(A_WHILE).await;
    probe.leave(local, link).await
}

async fn bad_invalidation(probe: Probe) -> Result<(), Trouble> {
    const NO_TOKEN: u32 = 0x00ab_cd00;
    let (local, link) = probe.join(Sizes::default()).await?;
    let (qp, sgl) = (local.qp, &[local.sge(0, 8)]);
    let flags = OpFlags::empty();
    probe.ok(Call::SendAndInvalidate { qp, context: 7, sgl, flags, remote_token: NO_TOKEN })?;
    // The send itself may have been acknowledged before the peer noticed; what comes after it may not.
    probe.next(&local.initiator_cq).await;
    probe.sleep(A_WHILE).await;
    let after = probe.status(Call::Send { qp, context: 8, sgl, flags });
    if after == Status::SUCCESS {
        let result = probe.next(&local.initiator_cq).await;
        let ended = result.base.status != Status::SUCCESS;
        expect(ended, 120, || "a connection outlived a bad invalidation".to_owned())?;
    }
    probe.hang_up(local, link).await
}

async fn reads_twice(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let Card { address: remote_address, token: remote_token } = link.peer;
    let (qp, sgl) = (local.qp, &[local.sge(0, 64)]);
    let read = |context, flags| Call::Read { qp, context, sgl, remote_address, remote_token, flags };
    probe.ok(read(1, OpFlags::RDMA_READ_LOCAL_INVALIDATE))?;
    probe.next_good(&local.initiator_cq).await?;
    probe.ok(read(2, OpFlags::empty()))?;
    let second = probe.next(&local.initiator_cq).await.base.status;
    let supported = local.info.flags.contains(AdapterFlags::RDMA_READ_LOCAL_INVALIDATE_SUPPORTED);
    expect(supported == (second != Status::SUCCESS), 121, || {
        format!("the capability is {supported}, and the token was used again with {second}")
    })?;
    if supported { probe.hang_up(local, link).await } else { probe.leave(local, link).await }
}
