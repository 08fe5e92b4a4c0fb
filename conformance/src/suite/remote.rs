//! What a peer reaches: writes, reads, windows, fast registration, tokens that their owner ended.

use super::local::{Card, Link, Local, Sizes, token};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{Call, MrFlags, Object, OpFlags, OperationType, Out, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "write-and-read",
        rules: &[105, 106, 108],
        provokes: &[],
        what: "writes into the peer's buffer and reads it back",
        start: |pair: &Pair| {
            pair.on(0, hold_still);
            pair.on(1, write_and_read);
        },
    },
    Case {
        name: "stale-token",
        rules: &[125],
        provokes: &[],
        what: "writes to a region that its owner has deregistered",
        start: |pair: &Pair| {
            pair.on(0, stale_token_passive);
            pair.on(1, stale_token_active);
        },
    },
    Case {
        name: "window",
        rules: &[106, 118, 119, 125],
        provokes: &[45],
        what: "writes through a window as soon as it is bound, and again after it was invalidated",
        start: |pair: &Pair| {
            pair.on(0, window_passive);
            pair.on(1, token_active);
        },
    },
    Case {
        name: "fast-registration",
        rules: &[79, 106, 119, 125],
        provokes: &[],
        what: "writes to a fast-registered region, and again after it was invalidated",
        start: |pair: &Pair| {
            pair.on(0, fast_passive);
            pair.on(1, token_active);
        },
    },
];

const PATTERN: &[u8] = b"conformance of providers";
const LENGTH: u32 = PATTERN.len() as u32;
/// Where the second half of a buffer begins.
pub(super) const ELSEWHERE: u64 = 8_192;
pub(super) const A_WHILE: Dur = Dur::from_ms(1);

async fn hold_still(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.serve(Sizes::default()).await?;
    probe.leave_after_peer(local, link).await
}

/// The result of a write of the pattern at `offset` of what `to` names.
async fn write(probe: &Probe, local: &Local, to: Card) -> Result<Status, Trouble> {
    local.buffer.write(0, PATTERN).map_err(|_| Status::INTERNAL_ERROR)?;
    probe.ok(Call::Write {
        qp: local.qp,
        context: 0x77,
        sgl: &[local.sge(0, LENGTH)],
        remote_address: to.address,
        remote_token: to.token,
        flags: OpFlags::empty(),
    })?;
    let result = probe.next(&local.initiator_cq).await;
    let typed = result.operation == OperationType::Write;
    expect(typed, 108, || format!("the result of a write is of type {:?}", result.operation))?;
    Ok(result.base.status)
}

async fn write_and_read(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    expect_status("a write", write(&probe, &local, link.peer).await?, &[Status::SUCCESS], 106)?;
    let Card { address: remote_address, token: remote_token } = link.peer;
    let sgl = &[local.sge(ELSEWHERE, LENGTH)];
    let flags = OpFlags::empty();
    probe.ok(Call::Read { qp: local.qp, context: 0x78, sgl, remote_address, remote_token, flags })?;
    let result = probe.next_good(&local.initiator_cq).await?;
    expect(result.base.request_context == 0x78, 105, || format!("the read's result is {result:?}"))?;
    let read = local.buffer.read(ELSEWHERE, PATTERN.len());
    expect(read.as_deref() == Ok(PATTERN), 106, || format!("{read:?} was read back"))?;
    probe.leave(local, link).await
}

/// Sends a token to the peer without using one.
pub(super) fn send_token(probe: &Probe, local: &Local, card: Card) -> Result<(), Trouble> {
    local.buffer.write(0, &card.encode()).map_err(|_| Status::INTERNAL_ERROR)?;
    probe.ok(Call::Send { qp: local.qp, context: 9, sgl: &[local.sge(0, 12)], flags: OpFlags::INLINE })?;
    Ok(())
}

/// Takes the next message as a token.
pub(super) async fn receive_token(probe: &Probe, local: &Local) -> Result<Card, Trouble> {
    probe.next_good(&local.receive_cq).await?;
    let data = local.buffer.read(ELSEWHERE, 12).map_err(|_| Status::INTERNAL_ERROR)?;
    Card::decode(&data).ok_or(Trouble::Breach { rule: None, text: "a message came without its bytes".to_owned() })
}

pub(super) fn post_receive(probe: &Probe, local: &Local, offset: u64) -> Result<(), Trouble> {
    probe.ok(Call::Receive { qp: local.qp, context: 5, sgl: &[local.sge(offset, 64)] })?;
    Ok(())
}

async fn stale_token_passive(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.serve(Sizes::default()).await?;
    let (mr, card) = (local.mr, local.card(&probe)?);
    probe.request("NdkDeregisterMr", |completion| Call::DeregisterMr { mr, completion }).await?;
    send_token(&probe, &local, card)?;
    probe.next_good(&local.initiator_cq).await?;
    probe.leave_after_peer(local, link).await
}

async fn stale_token_active(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    post_receive(&probe, &local, ELSEWHERE)?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    let link = probe.complete(connector, peer).await?;
    let card = receive_token(&probe, &local).await?;
    let status = write(&probe, &local, card).await?;
    expect(status != Status::SUCCESS, 125, || "a write to a deregistered region succeeded".to_owned())?;
    probe.hang_up(local, link).await
}

/// Writes through the token that comes, reports back, and tries again when told that it has ended.
async fn token_active(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    post_receive(&probe, &local, ELSEWHERE)?;
    post_receive(&probe, &local, ELSEWHERE)?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    let link = probe.complete(connector, peer).await?;
    let card = receive_token(&probe, &local).await?;
    if card.token != 0 {
        let status = write(&probe, &local, card).await?;
        expect_status("a write to a token whose post has returned", status, &[Status::SUCCESS], 119)?;
        send_token(&probe, &local, card)?;
        probe.next_good(&local.initiator_cq).await?;
        receive_token(&probe, &local).await?;
        let status = write(&probe, &local, card).await?;
        expect(status != Status::SUCCESS, 125, || "a write to an invalidated token succeeded".to_owned())?;
    }
    probe.hang_up(local, link).await
}

/// The passive side of [`token_active`]: tells the card, waits for the write, invalidates, tells again.
async fn lend(probe: &Probe, local: &Local, target: Object, card: Card) -> Result<(), Trouble> {
    send_token(probe, local, card)?;
    probe.next_good(&local.initiator_cq).await?;
    probe.next_good(&local.receive_cq).await?;
    let written = local.buffer.read(ELSEWHERE, PATTERN.len());
    expect(written.as_deref() == Ok(PATTERN), 119, || "the bytes of a write are not there".to_owned())?;
    probe.ok(Call::Invalidate { qp: local.qp, context: 6, target, flags: OpFlags::empty() })?;
    probe.next_good(&local.initiator_cq).await?;
    send_token(probe, local, card)?;
    probe.next_good(&local.initiator_cq).await?;
    Ok(())
}

/// A connection with a receive posted, and what an adapter without the capability does: it says so to its peer.
pub(super) async fn lender(probe: &Probe) -> Result<(Local, Link), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    post_receive(probe, &local, 0)?;
    let link = probe.serve_on(&local).await?;
    Ok((local, link))
}

fn bind(local: &Local, mr: Object, mw: Object, flags: OpFlags) -> Call<'static> {
    let (virtual_address, length_bytes) = (local.buffer.address() + ELSEWHERE, 4_096);
    Call::Bind { qp: local.qp, context: 3, mr, mw, virtual_address, length_bytes, flags }
}

pub(super) async fn make_window(probe: &Probe, local: &Local) -> Result<Option<Object>, Trouble> {
    let pd = local.pd;
    if local.info.max_window_bytes == 0 {
        let status = probe.settle(|completion| Call::CreateMw { pd, completion }).await.status;
        expect_status("a window where there are none", status, &[Status::NOT_SUPPORTED], 74)?;
        send_token(probe, local, Card { address: 0, token: 0 })?;
        probe.next_good(&local.initiator_cq).await?;
        return Ok(None);
    }
    Ok(Some(probe.create("NdkCreateMw", |completion| Call::CreateMw { pd, completion }).await?))
}

pub(super) async fn bind_window(probe: &Probe, local: &Local, mw: Object) -> Result<Card, Trouble> {
    probe.ok(bind(local, local.mr, mw, OpFlags::ALLOW_REMOTE_WRITE))?;
    let token = token(&probe.ok(Call::GetRemoteTokenFromMw { mw })?);
    Ok(Card { address: local.buffer.address() + ELSEWHERE, token })
}

async fn window_passive(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = lender(&probe).await?;
    let Some(mw) = make_window(&probe, &local).await? else { return probe.leave_after_peer(local, link).await };
    let poor = probe.mr(local.pd, &local.buffer, MrFlags::ALLOW_REMOTE_READ).await?;
    let refused = probe.status(bind(&local, poor, mw, OpFlags::ALLOW_REMOTE_WRITE));
    expect_status("a window with rights that its region lacks", refused, &[Status::ACCESS_VIOLATION], 118)?;
    let card = bind_window(&probe, &local, mw).await?;
    // The token counts from the post's return, the result of which comes before that of the message.
    send_token(&probe, &local, card)?;
    probe.next_good(&local.initiator_cq).await?;
    probe.next_good(&local.initiator_cq).await?;
    probe.next_good(&local.receive_cq).await?;
    let written = local.buffer.read(ELSEWHERE, PATTERN.len());
    expect(written.as_deref() == Ok(PATTERN), 119, || "the bytes of a write are not there".to_owned())?;
    probe.ok(Call::Invalidate { qp: local.qp, context: 6, target: mw, flags: OpFlags::empty() })?;
    probe.next_good(&local.initiator_cq).await?;
    send_token(&probe, &local, card)?;
    probe.next_good(&local.initiator_cq).await?;
    probe.upcall(link.disconnected).await;
    probe.close_all(&[mw, poor]).await?;
    probe.hang_up(local, link).await
}

async fn fast_passive(probe: Probe) -> Result<(), Trouble> {
    const BASE: u64 = 0x10_0000;
    let (local, link) = lender(&probe).await?;
    let (pd, adapter, mdl) = (local.pd, local.adapter.object(), local.buffer.mdl());
    let create = |completion| Call::CreateMr { pd, fast_register: true, completion };
    let mr = probe.create("NdkCreateMr", create).await?;
    let prepare =
        |completion| Call::InitializeFastRegisterMr { mr, adapter_page_count: 8, remote_access: true, completion };
    if local.info.frmr_page_count == 0 {
        let status = probe.settle(prepare).await.status;
        expect_status("preparing where there is no fast registration", status, &[Status::IMPLEMENTATION_LIMIT], 82)?;
        send_token(&probe, &local, Card { address: 0, token: 0 })?;
        probe.next_good(&local.initiator_cq).await?;
        probe.upcall(link.disconnected).await;
        probe.close(mr).await?;
        return probe.hang_up(local, link).await;
    }
    probe.request("NdkInitializeFastRegisterMr", prepare).await?;
    let length_bytes = local.buffer.len();
    let build = |completion| Call::BuildLam { adapter, mdl, length_bytes, lam_bytes: 4_096, completion };
    let Out::Lam(lam) = probe.request("NdkBuildLAM", build).await? else {
        return expect(false, 77, || "a mapping was built, and is not there".to_owned());
    };
    let base_virtual_address = BASE + u64::from(lam.first_byte_offset);
    probe.ok(Call::FastRegister {
        qp: local.qp,
        context: 4,
        mr,
        adapter_pages: &lam.adapter_pages,
        first_byte_offset: lam.first_byte_offset,
        length_bytes,
        base_virtual_address,
        flags: OpFlags::ALLOW_REMOTE_WRITE,
    })?;
    let remote = token(&probe.ok(Call::GetRemoteTokenFromMr { mr })?);
    probe.next_good(&local.initiator_cq).await?;
    lend(&probe, &local, mr, Card { address: base_virtual_address + ELSEWHERE, token: remote }).await?;
    probe.upcall(link.disconnected).await;
    probe.ok(Call::ReleaseLam { adapter, lam: &lam })?;
    probe.close(mr).await?;
    probe.hang_up(local, link).await
}
