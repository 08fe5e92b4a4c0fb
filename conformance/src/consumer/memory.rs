//! Regions, windows, mappings and the lists that name them: R30, R31, R37, R39, R41 to R47.

use super::{BrokenConsumer, Outcome, against_server, row};
use crate::suite::local::{Link, Local, Sizes};
use crate::suite::{Probe, Trouble};
use provider::ndk::{Call, LogicalAddressMapping, MrFlags, Object, OpFlags, Out, Sge, Status};

pub(super) const TABLE: &[BrokenConsumer] = &[
    row("releases-a-mapping-in-use", 30, "releases a mapping that a posted receive goes to", |pair| {
        pair.on(0, releases_a_mapping_in_use)
    }),
    row("releases-another-mapping", 31, "hands a mapping back with another context", |pair| {
        pair.on(0, releases_another_mapping)
    }),
    row("half-a-registration-flag", 37, "registers with remote write but without its local part", |pair| {
        pair.on(0, async |probe| odd_flags(probe, 0x4).await)
    }),
    row("unknown-registration-flag", 37, "registers with a flag that does not exist", |pair| {
        pair.on(0, async |probe| odd_flags(probe, 0x41).await)
    }),
    row("list-beyond-region", 39, "posts a receive that reaches out of its region", |pair| {
        pair.on(0, async |probe| odd_list(probe, |local| local.sge(local.buffer.len() - 8, 16)).await)
    }),
    row("list-with-no-token", 39, "posts a receive with a token that no region has", |pair| {
        pair.on(0, async |probe| odd_list(probe, |local| Sge { token: 0xdead, ..local.sge(0, 8) }).await)
    }),
    row("receives-into-read-only", 39, "posts a receive into a region registered with flags 0", |pair| {
        pair.on(0, receives_into_read_only)
    }),
    row("uses-another-pd", 39, "posts a receive into a region of another PD", |pair| pair.on(0, uses_another_pd)),
    row("registers-a-fast-region", 41, "registers a region that is for fast registration", |pair| {
        pair.on(0, registers_a_fast_region)
    }),
    row("fast-registers-uninitialised", 41, "fast-registers a region that was not initialised", |pair| {
        against_server(pair, fast_registers_uninitialised)
    }),
    row("fast-registers-too-much", 42, "fast-registers more pages than it initialised", |pair| {
        against_server(pair, async |probe| odd_fast_register(probe, 1, false, 0, OpFlags::ALLOW_LOCAL_WRITE).await)
    }),
    row(
        "fast-registers-askew",
        42,
        "fast-registers a base address with another offset than the first page's",
        |pair| {
            against_server(pair, async |probe| odd_fast_register(probe, 2, false, 8, OpFlags::ALLOW_LOCAL_WRITE).await)
        },
    ),
    row("fast-registers-remote-rights", 43, "asks for remote rights of a region initialised without", |pair| {
        against_server(pair, async |probe| odd_fast_register(probe, 2, false, 0, OpFlags::ALLOW_REMOTE_READ).await)
    }),
    row("invalidates-a-plain-region", 44, "invalidates a region of NdkRegisterMr", |pair| {
        against_server(pair, invalidates_a_plain_region)
    }),
    row("binds-beyond-region", 45, "binds a window that reaches out of its region", |pair| {
        against_server(pair, binds_beyond_region)
    }),
    row("deregisters-unregistered", 46, "deregisters a region that was never registered", |pair| {
        pair.on(0, deregisters_unregistered)
    }),
    row("token-before-registration", 47, "asks for the token of a region that was never registered", |pair| {
        pair.on(0, token_before_registration)
    }),
    row("window-token-before-bind", 47, "asks for the token of a window that was never bound", |pair| {
        pair.on(0, window_token_before_bind)
    }),
];

/// A mapping of a fresh page; the page lives as long as the returned buffer.
async fn map(
    probe: &Probe,
    adapter: Object,
    pages: u64,
) -> Result<(provider::consumer::Buffer, LogicalAddressMapping), Trouble> {
    let buffer = probe.allocate(pages * 4_096);
    let (mdl, length_bytes) = (buffer.mdl(), buffer.len());
    let build = |completion| Call::BuildLam { adapter, mdl, length_bytes, lam_bytes: 4_096, completion };
    match probe.request("NdkBuildLAM", build).await? {
        Out::Lam(lam) => Ok((buffer, lam)),
        other => Err(Trouble::Breach { rule: None, text: format!("NdkBuildLAM wrote {other:?}") }),
    }
}

async fn releases_a_mapping_in_use(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let adapter = local.adapter.object();
    let token = crate::suite::local::token(&probe.ok(Call::GetPrivilegedToken { pd: local.pd })?);
    let (_buffer, lam) = map(&probe, adapter, 1).await?;
    let sge = Sge { address: lam.adapter_pages[0], length_bytes: 64, token };
    probe.ok(Call::Receive { qp: local.qp, context: 1, sgl: &[sge] })?;
    probe.call(Call::ReleaseLam { adapter, lam: &lam });
    probe.end_local(local).await
}

async fn releases_another_mapping(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let adapter = local.adapter.object();
    let (_buffer, lam) = map(&probe, adapter, 1).await?;
    let altered = LogicalAddressMapping { adapter_context: lam.adapter_context ^ 1, ..lam.clone() };
    probe.call(Call::ReleaseLam { adapter, lam: &altered });
    probe.call(Call::ReleaseLam { adapter, lam: &lam });
    probe.end_local(local).await
}

async fn plain_mr(probe: &Probe, pd: Object) -> Result<Object, Trouble> {
    probe.create("NdkCreateMr", |completion| Call::CreateMr { pd, fast_register: false, completion }).await
}

async fn fast_mr(probe: &Probe, pd: Object) -> Result<Object, Trouble> {
    probe.create("NdkCreateMr", |completion| Call::CreateMr { pd, fast_register: true, completion }).await
}

async fn odd_flags(probe: Probe, bits: u32) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (mr, buffer) = (plain_mr(&probe, local.pd).await?, probe.allocate(4_096));
    let (mdl, length_bytes, flags) = (buffer.mdl(), buffer.len(), MrFlags::from_bits_retain(bits));
    probe.settle(|completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion }).await;
    probe.close(mr).await?;
    probe.end_local(local).await
}

async fn odd_list(probe: Probe, entry: fn(&Local) -> Sge) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.call(Call::Receive { qp: local.qp, context: 1, sgl: &[entry(&local)] });
    probe.end_local(local).await
}

/// Posts a receive into a region over a fresh buffer.
async fn receive_into(probe: &Probe, local: &Local, pd: Object, flags: MrFlags) -> Outcome {
    let buffer = probe.allocate(4_096);
    let mr = probe.mr(pd, &buffer, flags).await?;
    let token = crate::suite::local::token(&probe.ok(Call::GetLocalTokenFromMr { mr })?);
    probe.call(Call::Receive { qp: local.qp, context: 1, sgl: &[buffer.sge(0, 64, token)] });
    probe.call(Call::Flush { qp: local.qp });
    probe.next(&local.receive_cq).await;
    probe.close(mr).await
}

async fn receives_into_read_only(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    receive_into(&probe, &local, local.pd, MrFlags::empty()).await?;
    probe.end_local(local).await
}

async fn uses_another_pd(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let pd = probe.pd(local.adapter.object()).await?;
    receive_into(&probe, &local, pd, MrFlags::ALLOW_LOCAL_WRITE).await?;
    probe.close(pd).await?;
    probe.end_local(local).await
}

async fn registers_a_fast_region(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (mr, buffer) = (fast_mr(&probe, local.pd).await?, probe.allocate(4_096));
    let (mdl, length_bytes, flags) = (buffer.mdl(), buffer.len(), MrFlags::empty());
    probe.settle(|completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion }).await;
    probe.close(mr).await?;
    probe.end_local(local).await
}

/// Takes the result of an initiator post, if it was accepted.
async fn collect(probe: &Probe, local: &Local, status: Status) {
    if status == Status::SUCCESS {
        probe.next(&local.initiator_cq).await;
    }
}

/// Fast-registers `lam` with `flags`, at a base address that is `askew` bytes beside the first page's offset.
async fn fast_register(
    probe: &Probe,
    local: &Local,
    mr: Object,
    lam: &LogicalAddressMapping,
    askew: u64,
    flags: OpFlags,
) {
    let status = probe.status(Call::FastRegister {
        qp: local.qp,
        context: 9,
        mr,
        adapter_pages: &lam.adapter_pages,
        first_byte_offset: lam.first_byte_offset,
        length_bytes: 512,
        base_virtual_address: 0x10_0000 + u64::from(lam.first_byte_offset) + askew,
        flags,
    });
    collect(probe, local, status).await;
}

async fn fast_registers_uninitialised(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let (mr, (_buffer, lam)) = (fast_mr(&probe, local.pd).await?, map(&probe, local.adapter.object(), 1).await?);
    fast_register(&probe, &local, mr, &lam, 0, OpFlags::ALLOW_LOCAL_WRITE).await;
    end_with(&probe, local, link, mr, Some(lam)).await
}

/// Two pages fast-registered in a region initialised for `pages`.
async fn odd_fast_register(probe: Probe, pages: u32, remote_access: bool, askew: u64, flags: OpFlags) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let (mr, (_buffer, lam)) = (fast_mr(&probe, local.pd).await?, map(&probe, local.adapter.object(), 2).await?);
    let initialise =
        |completion| Call::InitializeFastRegisterMr { mr, adapter_page_count: pages, remote_access, completion };
    probe.request("NdkInitializeFastRegisterMr", initialise).await?;
    fast_register(&probe, &local, mr, &lam, askew, flags).await;
    end_with(&probe, local, link, mr, Some(lam)).await
}

/// Closes `extra` and everything else.
async fn end_with(
    probe: &Probe,
    local: Local,
    link: Link,
    extra: Object,
    lam: Option<LogicalAddressMapping>,
) -> Outcome {
    let connector = link.connector;
    probe.settle(|completion| Call::Disconnect { connector, completion }).await;
    probe.close(extra).await?;
    if let Some(lam) = lam {
        probe.call(Call::ReleaseLam { adapter: local.adapter.object(), lam: &lam });
    }
    probe.hang_up(local, link).await
}

async fn invalidates_a_plain_region(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let (qp, target) = (local.qp, local.mr);
    let status = probe.status(Call::Invalidate { qp, context: 9, target, flags: OpFlags::empty() });
    collect(&probe, &local, status).await;
    let connector = link.connector;
    probe.settle(|completion| Call::Disconnect { connector, completion }).await;
    probe.hang_up(local, link).await
}

async fn binds_beyond_region(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let pd = local.pd;
    let mw = probe.create("NdkCreateMw", |completion| Call::CreateMw { pd, completion }).await?;
    let (qp, mr, flags) = (local.qp, local.mr, OpFlags::ALLOW_REMOTE_READ);
    let (virtual_address, length_bytes) = (local.buffer.address(), local.buffer.len() + 1);
    let status = probe.status(Call::Bind { qp, context: 9, mr, mw, virtual_address, length_bytes, flags });
    collect(&probe, &local, status).await;
    end_with(&probe, local, link, mw, None).await
}

async fn deregisters_unregistered(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let mr = plain_mr(&probe, local.pd).await?;
    probe.settle(|completion| Call::DeregisterMr { mr, completion }).await;
    probe.close(mr).await?;
    probe.end_local(local).await
}

async fn token_before_registration(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let mr = plain_mr(&probe, local.pd).await?;
    probe.call(Call::GetRemoteTokenFromMr { mr });
    probe.close(mr).await?;
    probe.end_local(local).await
}

async fn window_token_before_bind(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let pd = local.pd;
    let mw = probe.create("NdkCreateMw", |completion| Call::CreateMw { pd, completion }).await?;
    probe.call(Call::GetRemoteTokenFromMw { mw });
    probe.close(mw).await?;
    probe.end_local(local).await
}
