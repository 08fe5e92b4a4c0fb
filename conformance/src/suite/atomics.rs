//! Atomics on the peer's memory, by the extension interface of those adapters that have one.

use super::local::{Card, Local, Sizes};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use provider::ndk::extension::{ATOMIC_BYTES, ATOMICS, ATOMICS_VERSION};
use provider::ndk::{AtomicOperation, Call, NdkResultEx, Object, OpFlags, OperationType, Status};

pub(super) const CASES: &[Case] = &[Case {
    name: "atomics",
    rules: &[66, 74, 106, 108],
    provokes: &[],
    what: "adds to and swaps the peer's number, comparing what came back with what must have been there",
    start: |pair: &Pair| {
        pair.on(0, lend_number);
        pair.on(1, change_number);
    },
}];

/// What the active side sees before its own.
const FIRST: u64 = u64::MAX - 4;
/// Where what comes back is put, so that it cannot be taken for anything else.
const RESULT_AT: u64 = 4_096;

/// Whether this object offers the interface.
fn offered(probe: &Probe, object: Object) -> Result<bool, Trouble> {
    let query = Call::QueryExtension { object, interface: ATOMICS, version: ATOMICS_VERSION };
    let status = probe.status(query);
    expect_status("asking for atomics", status, &[Status::SUCCESS, Status::NOT_SUPPORTED], 66)?;
    Ok(status == Status::SUCCESS)
}

/// A number for the peer; the first eight bytes of the buffer.
async fn lend_number(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    local.buffer.write(0, &FIRST.to_ne_bytes()).map_err(|_| Status::INTERNAL_ERROR)?;
    let link = probe.serve_on(&local).await?;
    probe.leave_after_peer(local, link).await
}

fn atomic<'a>(local: &Local, sgl: &'a [provider::ndk::Sge], to: Card, operation: AtomicOperation) -> Call<'a> {
    let Card { address: remote_address, token: remote_token } = to;
    let flags = OpFlags::empty();
    Call::Atomic { qp: local.qp, context: 0x61, sgl, remote_address, remote_token, operation, flags }
}

/// Posts an atomic and takes its result.
async fn run(probe: &Probe, local: &Local, to: Card, operation: AtomicOperation) -> Result<NdkResultEx, Trouble> {
    probe.ok(atomic(local, &[local.sge(RESULT_AT, ATOMIC_BYTES)], to, operation))?;
    Ok(probe.next(&local.initiator_cq).await)
}

async fn change_number(probe: Probe) -> Result<(), Trouble> {
    use AtomicOperation::{CompareSwap, FetchAdd};
    let (local, link) = probe.join(Sizes::default()).await?;
    let number = link.peer;
    let has = offered(&probe, local.adapter.object())?;
    expect(has == offered(&probe, local.qp)?, 66, || "adapter and queue pair disagree about atomics".to_owned())?;
    expect(!offered(&probe, local.pd)?, 66, || "a protection domain offers atomics".to_owned())?;
    let add = FetchAdd { add: 1 };
    if !has {
        let refused = probe.status(atomic(&local, &[local.sge(RESULT_AT, ATOMIC_BYTES)], number, add));
        expect_status("an atomic where there are none", refused, &[Status::NOT_SUPPORTED], 74)?;
        return probe.leave(local, link).await;
    }
    for length in [0, 4, 16] {
        let refused = probe.status(atomic(&local, &[local.sge(RESULT_AT, length)], number, add));
        expect_status("an atomic of another length", refused, &[Status::INVALID_PARAMETER], 74)?;
    }
    let askew = Card { address: number.address + 4, ..number };
    let refused = probe.status(atomic(&local, &[local.sge(RESULT_AT, ATOMIC_BYTES)], askew, add));
    expect_status("an atomic at no multiple of eight", refused, &[Status::INVALID_PARAMETER], 74)?;
    let steps = [
        (FetchAdd { add: 7 }, FIRST),
        (CompareSwap { compare: 2, swap: 40 }, 2),
        (CompareSwap { compare: 41, swap: 0 }, 40),
        (FetchAdd { add: u64::MAX }, 40),
        (FetchAdd { add: 0 }, 39),
    ];
    for (operation, before) in steps {
        let result = run(&probe, &local, number, operation).await?;
        expect_status("an atomic", result.base.status, &[Status::SUCCESS], 106)?;
        let typed = result.operation == OperationType::Atomic;
        expect(typed, 108, || format!("the result of an atomic is of type {:?}", result.operation))?;
        let came = local.buffer.read(RESULT_AT, 8).map_err(|_| Status::INTERNAL_ERROR)?;
        let expected = before.to_ne_bytes();
        expect(came == expected, 106, || format!("{operation:?} found {came:02x?}, {expected:02x?} was there"))?;
    }
    probe.leave(local, link).await
}
