//! Posting: results, order, silence, inline bytes, deferral, flush.

use super::local::{Link, Local, QP_CONTEXT, Sizes};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{Call, NdkResultEx, OpFlags, OperationType, Sge, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "messages",
        rules: &[104, 105, 106, 107, 108],
        provokes: &[],
        what: "messages with their bytes, results in order with their contexts and types",
        start: |pair: &Pair| {
            pair.on(0, receives);
            pair.on(1, sends);
        },
    },
    Case {
        name: "plain-results",
        rules: &[104, 105, 106, 107],
        provokes: &[],
        what: "the same by the plain getter",
        start: |pair: &Pair| {
            pair.on(0, receives_plain);
            pair.on(1, sends);
        },
    },
    Case {
        name: "silent-success",
        rules: &[106],
        provokes: &[],
        what: "requests that are silent on success have no result",
        start: |pair: &Pair| {
            pair.on(0, |probe| async move {
                let local = probe.local(Sizes::default()).await?;
                let link = with_receives(&probe, &local).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, silent_success);
        },
    },
    Case {
        name: "silent-failure",
        rules: &[106],
        provokes: &[],
        what: "a silent request that fails has a result",
        start: |pair: &Pair| {
            pair.on(0, |probe| async move {
                let (local, link) = probe.serve(Sizes::default()).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, silent_failure);
        },
    },
    Case {
        name: "unconnected",
        rules: &[106, 112, 115],
        provokes: &[38],
        what: "a queue pair without a connection takes receives and nothing else",
        start: |pair: &Pair| pair.on(0, unconnected),
    },
    Case {
        name: "inline",
        rules: &[116],
        provokes: &[],
        what: "inline bytes are taken at the call, whatever the list and the tokens",
        start: |pair: &Pair| {
            pair.on(0, inline_passive);
            pair.on(1, inline_active);
        },
    },
    Case {
        name: "deferred",
        rules: &[107, 114],
        provokes: &[],
        what: "a deferred chain goes with its last request",
        start: |pair: &Pair| {
            pair.on(0, receives);
            pair.on(1, |probe| async move { chain(probe, OpFlags::DEFER).await });
        },
    },
    Case {
        name: "deferred-then-failed",
        rules: &[106, 113],
        provokes: &[35],
        what: "a post that fails inline sends the deferred ones before it on their way",
        start: |pair: &Pair| {
            pair.on(0, |probe| async move {
                let local = probe.local(Sizes::default()).await?;
                let link = with_receives(&probe, &local).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, deferred_then_failed);
        },
    },
    Case {
        name: "flush",
        rules: &[102, 112],
        provokes: &[],
        what: "a flush ends all receives that are posted, and its entries satisfy an arm for ANY",
        start: |pair: &Pair| pair.on(0, flush),
    },
];

/// Messages of a case: fewer than the queues hold.
const MESSAGES: u64 = 8;
const LENGTH: u32 = 32;

fn byte_of(message: u64) -> u8 {
    0x40 + message as u8
}

fn slot(message: u64) -> u64 {
    message * u64::from(LENGTH)
}

/// A passive connection with a receive for each message.
async fn with_receives(probe: &Probe, local: &Local) -> Result<Link, Trouble> {
    for context in 0..MESSAGES {
        probe.ok(Call::Receive { qp: local.qp, context, sgl: &[local.sge(slot(context), LENGTH)] })?;
    }
    probe.serve_on(local).await
}

fn judge(local: &Local, message: u64, result: &NdkResultEx) -> Result<(), Trouble> {
    let base = result.base;
    let right = base.status == Status::SUCCESS && base.request_context == message && base.qp_context == QP_CONTEXT;
    expect(right, 105, || format!("receive {message} has the result {result:?}"))?;
    expect(base.bytes_transferred == LENGTH, 105, || format!("{} bytes were reported", base.bytes_transferred))?;
    let data = local.buffer.read(slot(message), LENGTH as usize);
    let whole = data.as_ref().is_ok_and(|data| data.iter().all(|byte| *byte == byte_of(message)));
    expect(whole, 106, || format!("message {message} came as {data:?}"))
}

async fn receives(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let link = with_receives(&probe, &local).await?;
    probe.sleep(Dur::from_ms(5)).await;
    let mut results = probe.take(&local.receive_cq, 4);
    results.extend(probe.take(&local.receive_cq, MESSAGES as usize));
    let count = results.len() as u64;
    expect(count == MESSAGES, 106, || format!("{count} results of {MESSAGES} messages"))?;
    for (message, result) in (0..).zip(&results) {
        judge(&local, message, result)?;
        let typed = result.operation == OperationType::Receive;
        expect(typed, 108, || format!("a receive is of type {:?}", result.operation))?;
    }
    probe.leave_after_peer(local, link).await
}

async fn receives_plain(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let link = with_receives(&probe, &local).await?;
    probe.sleep(Dur::from_ms(5)).await;
    let results = probe.take_plain(&local.receive_cq, MESSAGES as usize + 1);
    let count = results.len() as u64;
    expect(count == MESSAGES, 106, || format!("{count} results of {MESSAGES} messages"))?;
    for (message, base) in (0..).zip(results) {
        judge(&local, message, &NdkResultEx { base, ..NdkResultEx::EMPTY })?;
    }
    probe.leave_after_peer(local, link).await
}

async fn sends(probe: Probe) -> Result<(), Trouble> {
    chain(probe, OpFlags::empty()).await
}

/// Sends every message, all but the last with `flags`.
async fn chain(probe: Probe, flags: OpFlags) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    for message in 0..MESSAGES {
        let data = [byte_of(message); LENGTH as usize];
        local.buffer.write(slot(message), &data).map_err(|_| Status::INTERNAL_ERROR)?;
        let flags = if message + 1 < MESSAGES { flags } else { OpFlags::empty() };
        let sgl = &[local.sge(slot(message), LENGTH)];
        probe.ok(Call::Send { qp: local.qp, context: 100 + message, sgl, flags })?;
    }
    for message in 0..MESSAGES {
        let result = probe.next_good(&local.initiator_cq).await?;
        let right = result.base.request_context == 100 + message && result.operation == OperationType::Send;
        expect(right, 105, || format!("send {message} has the result {result:?}"))?;
    }
    probe.sleep(Dur::from_ms(10)).await;
    probe.leave(local, link).await
}

async fn silent_success(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    for message in 0..MESSAGES {
        let flags = if message + 1 < MESSAGES { OpFlags::SILENT_SUCCESS } else { OpFlags::empty() };
        probe.ok(Call::Send { qp: local.qp, context: message, sgl: &[local.sge(0, 16)], flags })?;
    }
    let result = probe.next_good(&local.initiator_cq).await?;
    let last = result.base.request_context == MESSAGES - 1;
    expect(last, 106, || format!("the first result after silent requests is {result:?}"))?;
    probe.sleep(Dur::from_ms(1)).await;
    let more = probe.take(&local.initiator_cq, 8);
    expect(more.is_empty(), 106, || format!("silent successes had results: {more:?}"))?;
    probe.leave(local, link).await
}

async fn silent_failure(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let flags = OpFlags::SILENT_SUCCESS;
    let (sgl, remote_address) = (&[local.sge(0, 16)], link.peer.address);
    probe.ok(Call::Write { qp: local.qp, context: 1, sgl, remote_address, remote_token: 0x00ab_cd00, flags })?;
    probe.sleep(Dur::from_ms(20)).await;
    let results = probe.take(&local.initiator_cq, 4);
    let told = results.iter().filter(|result| result.base.status != Status::SUCCESS).count();
    expect(told == 1, 106, || format!("a silent request that failed has {told} results"))?;
    probe.hang_up(local, link).await
}

async fn unconnected(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (qp, sgl) = (local.qp, &[local.sge(0, 64)]);
    let status = probe.status(Call::Send { qp, context: 1, sgl, flags: OpFlags::empty() });
    expect_status("a send without a connection", status, &[Status::CONNECTION_INVALID], 115)?;
    let status = probe.status(Call::Receive { qp, context: 2, sgl });
    expect_status("a receive without a connection", status, &[Status::SUCCESS], 115)?;
    probe.ok(Call::Flush { qp })?;
    let status = probe.next(&local.receive_cq).await.base.status;
    expect_status("a flushed receive", status, &[Status::CANCELLED], 112)?;
    probe.end_local(local).await
}

async fn inline_passive(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.ok(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 64)] })?;
    let link = probe.serve_on(&local).await?;
    if local.info.max_inline_data_bytes >= 24 {
        let result = probe.next_good(&local.receive_cq).await?;
        let data = local.buffer.read(0, 24);
        let early = data.as_ref().is_ok_and(|data| data.iter().all(|byte| *byte == 0x11));
        let length = result.base.bytes_transferred;
        expect(early && length == 24, 116, || format!("inline bytes came as {data:?}"))?;
    }
    probe.leave_after_peer(local, link).await
}

async fn inline_active(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    if local.info.max_inline_data_bytes >= 24 {
        let piece = |index: u64| Sge { token: 0xdead_beef, ..local.sge(index * 512, 8) };
        let (sgl, fill) = ([piece(0), piece(1), piece(2)], |byte| local.buffer.write(0, &[byte; 2048]));
        fill(0x11).map_err(|_| Status::INTERNAL_ERROR)?;
        probe.ok(Call::Send { qp: local.qp, context: 1, sgl: &sgl, flags: OpFlags::INLINE })?;
        fill(0x22).map_err(|_| Status::INTERNAL_ERROR)?;
        probe.next_good(&local.initiator_cq).await?;
    }
    probe.sleep(Dur::from_ms(1)).await;
    probe.leave(local, link).await
}

async fn deferred_then_failed(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let (qp, sge) = (local.qp, local.sge(0, 16));
    probe.ok(Call::Send { qp, context: 1, sgl: &[sge], flags: OpFlags::DEFER })?;
    let too_many = [sge; 3];
    let status = probe.status(Call::Send { qp, context: 2, sgl: &too_many, flags: OpFlags::empty() });
    expect(status != Status::SUCCESS, 106, || "a post with too many list entries succeeded".to_owned())?;
    let result = probe.next_good(&local.initiator_cq).await?;
    expect(result.base.request_context == 1, 113, || format!("after an inline failure comes {result:?}"))?;
    probe.sleep(Dur::from_ms(1)).await;
    probe.leave(local, link).await
}

async fn flush(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    for context in 0..4 {
        probe.ok(Call::Receive { qp: local.qp, context, sgl: &[local.sge(0, 64)] })?;
    }
    probe.ok(Call::Flush { qp: local.qp })?;
    for context in 0..4 {
        let base = probe.next(&local.receive_cq).await.base;
        let right = base.status == Status::CANCELLED && base.request_context == context;
        expect(right, 112, || format!("flushed receive {context} has the result {base:?}"))?;
    }
    probe.end_local(local).await
}
