//! What moves before what: fences, ascending bytes, posts beside the end of their connection.

use super::local::{BUFFER_BYTES, Card, Local, Sizes, token};
use super::probe::Probe;
use super::trouble::{Trouble, expect};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{AdapterFlags, Call, MrFlags, OpFlags, Sge, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "fence",
        rules: &[122],
        provokes: &[],
        what: "a fenced write and a fenced send carry the end of what the long read before them has brought",
        start: |pair: &Pair| {
            pair.on(0, fence_passive);
            pair.on(1, fence_active);
        },
    },
    Case {
        name: "ascending-bytes",
        rules: &[124],
        provokes: &[],
        what: "looks at a buffer while a long write fills it: no byte is there before an earlier one, where the adapter says so",
        start: |pair: &Pair| {
            pair.on(0, watches);
            pair.on(1, fills);
        },
    },
    Case {
        name: "posts-beside-close",
        rules: &[96, 106],
        provokes: &[38],
        what: "posts while the connector is being closed and after a flush: what was accepted has its result",
        start: |pair: &Pair| {
            pair.on(0, async |probe: Probe| {
                let (local, link) = probe.serve(Sizes::default()).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, posts_beside_close);
        },
    },
];

const PATTERN: &[u8] = b"brought by the read before";
const LENGTH: u32 = PATTERN.len() as u32;
/// Bytes of the read: several packets, so that what is not fenced overtakes the last of them.
const READ: u32 = 8_192;
/// The pattern is the end of what is read.
const END: u64 = READ as u64 - PATTERN.len() as u64;
/// Where the passive side finds what was sent, and what was written.
const SENT: u64 = READ as u64;
const WRITTEN: u64 = SENT + 1_024;

async fn fence_passive(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    local.buffer.write(END, PATTERN).map_err(|_| Status::INTERNAL_ERROR)?;
    probe.ok(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(SENT, 64)] })?;
    let link = probe.serve_on(&local).await?;
    probe.next_good(&local.receive_cq).await?;
    for (what, offset) in [("send", SENT), ("write", WRITTEN)] {
        let came = local.buffer.read(offset, PATTERN.len());
        expect(came.as_deref() == Ok(PATTERN), 122, || format!("a fenced {what} left before the read was done"))?;
    }
    probe.leave_after_peer(local, link).await
}

async fn fence_active(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let Card { address, token: remote_token } = link.peer;
    let (qp, sgl, flags) = (local.qp, &[local.sge(END, LENGTH)], OpFlags::READ_FENCE);
    let whole: &[Sge] = &[local.sge(0, READ)];
    let read = OpFlags::empty();
    probe.ok(Call::Read { qp, context: 1, sgl: whole, remote_address: address, remote_token, flags: read })?;
    probe.ok(Call::Write { qp, context: 2, sgl, remote_address: address + WRITTEN, remote_token, flags })?;
    probe.ok(Call::Send { qp, context: 3, sgl, flags })?;
    for _ in 0..3 {
        probe.next_good(&local.initiator_cq).await?;
    }
    probe.leave(local, link).await
}

/// Bytes of the write that is watched: many packets, and many looks.
const LONG: u64 = 128 * 1_024;
const FILLED: u8 = 0xa5;
/// From one look at the buffer to the next, and how many there are at most.
const LOOK: Dur = Dur::from_ns(500);
const LOOKS: u32 = 10_000;

/// A node's objects with a long buffer instead of the usual one.
async fn with_long_buffer(probe: &Probe) -> Result<Local, Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.close(local.mr).await?;
    let buffer = probe.allocate(LONG);
    let mr = probe.mr(local.pd, &buffer, MrFlags::ALLOW_LOCAL_WRITE | MrFlags::ALLOW_REMOTE_WRITE).await?;
    let token = token(&probe.ok(Call::GetLocalTokenFromMr { mr })?);
    Ok(Local { mr, buffer, token, ..local })
}

async fn watches(probe: Probe) -> Result<(), Trouble> {
    let local = with_long_buffer(&probe).await?;
    let link = probe.serve_on(&local).await?;
    let ascending = local.info.flags.contains(AdapterFlags::IN_ORDER_DMA_SUPPORTED);
    for _ in 0..if ascending { LOOKS } else { 0 } {
        let data = local.buffer.read(0, LONG as usize).map_err(|_| Status::INTERNAL_ERROR)?;
        let filled = data.iter().take_while(|byte| **byte == FILLED).count();
        let ahead = data[filled..].iter().position(|byte| *byte != 0);
        expect(ahead.is_none(), 124, || format!("byte {filled} is not there, and a later one is"))?;
        if filled == data.len() {
            break;
        }
        probe.sleep(LOOK).await;
    }
    probe.leave_after_peer(local, link).await
}

async fn fills(probe: Probe) -> Result<(), Trouble> {
    let local = with_long_buffer(&probe).await?;
    local.buffer.write(0, &[FILLED; LONG as usize]).map_err(|_| Status::INTERNAL_ERROR)?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    let link = probe.complete(connector, peer).await?;
    let (qp, sgl, flags) = (local.qp, &[local.sge(0, LONG as u32)], OpFlags::empty());
    let Card { address: remote_address, token: remote_token } = link.peer;
    probe.ok(Call::Write { qp, context: 1, sgl, remote_address, remote_token, flags })?;
    probe.next_good(&local.initiator_cq).await?;
    probe.leave(local, link).await
}

/// Time in which every result has come.
const A_WHILE: Dur = Dur::from_ms(5);

async fn posts_beside_close(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let Card { address: remote_address, token: remote_token } = link.peer;
    let (qp, sgl, flags) = (local.qp, &[local.sge(0, BUFFER_BYTES as u32)], OpFlags::empty());
    let write = |context| Call::Write { qp, context, sgl, remote_address, remote_token, flags };
    let mut accepted = Vec::new();
    let mut post = |contexts: std::ops::Range<u64>| {
        accepted.extend(contexts.filter(|&context| probe.status(write(context)) == Status::SUCCESS));
    };
    post(0..4);
    let closing = probe.begin_close(link.connector)?;
    post(4..8);
    probe.call(Call::Flush { qp });
    post(8..12);
    probe.finish_close(closing).await;
    probe.sleep(A_WHILE).await;
    let results = probe.take(&local.initiator_cq, 16);
    let told: Vec<u64> = results.iter().map(|result| result.base.request_context).collect();
    expect(told == accepted, 96, || format!("the posts {accepted:?} were accepted, and {told:?} have results"))?;
    probe.end_local(local).await
}
