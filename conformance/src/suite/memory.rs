//! Registration and mappings on one node.

use super::local::{Sizes, token};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use host::PAGE_SIZE;
use provider::ndk::{AdapterFlags, Call, MrFlags, Out, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "registration",
        rules: &[72, 73, 117],
        provokes: &[],
        what: "registers one buffer twice with different rights, deregisters, and registers again",
        start: |pair: &Pair| pair.on(0, registration),
    },
    Case {
        name: "mapping",
        rules: &[77, 79, 80],
        provokes: &[],
        what: "builds a mapping with a short and with a sufficient buffer, and releases it",
        start: |pair: &Pair| pair.on(0, mapping),
    },
    Case {
        name: "page-counts",
        rules: &[82],
        provokes: &[],
        what: "prepares fast registration of the reported page count, and of an impossible one",
        start: |pair: &Pair| pair.on(0, page_counts),
    },
    Case {
        name: "sink-flags",
        rules: &[83],
        provokes: &[],
        what: "registers with and without the flag for sinks of reads, where sinks need none",
        start: |pair: &Pair| pair.on(0, sink_flags),
    },
];

async fn sink_flags(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let needless = local.info.flags.contains(AdapterFlags::RDMA_READ_SINK_NOT_REQUIRED);
    let (mdl, length_bytes) = (local.buffer.mdl(), local.buffer.len());
    let create = |completion| Call::CreateMr { pd: local.pd, fast_register: false, completion };
    for sink in [MrFlags::empty(), MrFlags::RDMA_READ_SINK] {
        let mr = probe.create("NdkCreateMr", create).await?;
        let flags = MrFlags::ALLOW_LOCAL_WRITE | sink;
        let register = |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion };
        let status = probe.settle(register).await.status;
        if needless {
            expect_status("a registration as a sink", status, &[Status::SUCCESS], 83)?;
        }
        probe.close(mr).await?;
    }
    probe.end_local(local).await
}

async fn registration(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let privileged = token(&probe.ok(Call::GetPrivilegedToken { pd: local.pd })?);
    let again = probe.mr(local.pd, &local.buffer, MrFlags::ALLOW_REMOTE_READ).await?;
    for mr in [local.mr, again] {
        let remote = token(&probe.ok(Call::GetRemoteTokenFromMr { mr })?);
        let same = remote == privileged && privileged != 0;
        expect(!same, 117, || format!("the remote token of {mr:?} is the privileged one"))?;
    }
    probe.request("NdkDeregisterMr", |completion| Call::DeregisterMr { mr: again, completion }).await?;
    let (mdl, length_bytes, flags) = (local.buffer.mdl(), local.buffer.len(), MrFlags::ALLOW_LOCAL_WRITE);
    let register = |completion| Call::RegisterMr { mr: again, mdl, length_bytes, flags, completion };
    probe.request("NdkRegisterMr", register).await?;
    probe.close(again).await?;
    probe.end_local(local).await
}

async fn mapping(probe: Probe) -> Result<(), Trouble> {
    const LENGTH: u64 = 10_000;
    let local = probe.local(Sizes::default()).await?;
    let (adapter, mdl) = (local.adapter.object(), local.buffer.mdl());
    let build =
        |lam_bytes| move |completion| Call::BuildLam { adapter, mdl, length_bytes: LENGTH, lam_bytes, completion };
    let short = probe.settle(build(0)).await;
    expect_status("a mapping without room", short.status, &[Status::BUFFER_TOO_SMALL], 80)?;
    let Out::NeededBytes(lam_bytes) = short.out else {
        return expect(false, 80, || "BUFFER_TOO_SMALL did not tell the length of a mapping".to_owned());
    };
    let Out::Lam(lam) = probe.request("NdkBuildLAM", build(lam_bytes)).await? else {
        return expect(false, 77, || "a mapping was built, and is not there".to_owned());
    };
    let covered = lam.adapter_pages.len() as u64 * PAGE_SIZE;
    let enough = covered >= u64::from(lam.first_byte_offset) + LENGTH;
    expect(enough, 79, || format!("{covered} bytes of pages for a mapping of {LENGTH}"))?;
    probe.ok(Call::ReleaseLam { adapter, lam: &lam })?;
    probe.end_local(local).await
}

async fn page_counts(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let pd = local.pd;
    let create = |completion| Call::CreateMr { pd, fast_register: true, completion };
    for adapter_page_count in [local.info.frmr_page_count, u32::MAX] {
        let mr = probe.create("NdkCreateMr", create).await?;
        let prepare =
            |completion| Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access: true, completion };
        let status = probe.settle(prepare).await.status;
        let allowed: &[Status] = match adapter_page_count {
            0 | u32::MAX => &[Status::IMPLEMENTATION_LIMIT],
            _ => &[Status::SUCCESS, Status::INSUFFICIENT_RESOURCES],
        };
        expect_status("a page count", status, allowed, 82)?;
        probe.close(mr).await?;
    }
    probe.end_local(local).await
}
