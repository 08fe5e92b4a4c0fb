//! Every limit of `NDK_ADAPTER_INFO`: what is at it succeeds, what is one above is refused as documented.
//!
//! `LargeRequestThreshold` is a hint and `MaxWindowSize` cannot be passed, because a window lies in a region.

use super::local::{Local, PORT, QP_CONTEXT, Sizes, params};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use host::{Mdl, PAGE_SIZE};
use provider::ndk::{AdapterFlags, AdapterInfo, Call, Completion, ConnectParams, MrFlags, OpFlags, Out, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "limits",
        rules: &[81, 82],
        provokes: &[18, 19, 20, 21, 22, 24, 25],
        what: "creates and asks at every limit that the adapter reports, and one above",
        start: |pair: &Pair| pair.on(0, limits),
    },
    Case {
        name: "limits-of-connections",
        rules: &[126],
        provokes: &[24, 35, 36, 39],
        what: "private data, read limits, lists and inline bytes at the limits of a connection, and one above",
        start: |pair: &Pair| {
            pair.on(0, answers);
            pair.on(1, asks);
        },
    },
];

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    CqDepth,
    ResizedCqDepth,
    ReceiveDepth,
    InitiatorDepth,
    ReceiveSge,
    InitiatorSge,
    InlineBytes,
    SrqDepth,
    ModifiedSrqDepth,
    SrqSge,
    FastRegisterPages,
    CallerData,
}

/// A limit.
struct Limit {
    member: &'static str,
    value: fn(&AdapterInfo) -> u32,
    asked: Asked,
    above: &'static [Status],
}

const fn limit(member: &'static str, value: fn(&AdapterInfo) -> u32, asked: Asked) -> Limit {
    Limit { member, value, asked, above: &[Status::INVALID_PARAMETER] }
}

const TABLE: &[Limit] = &[
    limit("MaxCqDepth", |info| info.max_cq_depth, Asked::CqDepth),
    limit("MaxCqDepth", |info| info.max_cq_depth, Asked::ResizedCqDepth),
    limit("MaxReceiveQueueDepth", |info| info.max_receive_queue_depth, Asked::ReceiveDepth),
    limit("MaxInitiatorQueueDepth", |info| info.max_initiator_queue_depth, Asked::InitiatorDepth),
    limit("MaxReceiveRequestSge", |info| info.max_receive_request_sge, Asked::ReceiveSge),
    limit("MaxInitiatorRequestSge", |info| info.max_initiator_request_sge, Asked::InitiatorSge),
    limit("MaxInlineDataSize", |info| info.max_inline_data_bytes, Asked::InlineBytes),
    limit("MaxSrqDepth", |info| info.max_srq_depth, Asked::SrqDepth),
    limit("MaxSrqDepth", |info| info.max_srq_depth, Asked::ModifiedSrqDepth),
    limit("MaxReceiveRequestSge", |info| info.max_receive_request_sge, Asked::SrqSge),
    // Not a maximum: only what is out of all reason must be refused.
    Limit {
        above: &[Status::IMPLEMENTATION_LIMIT, Status::SUCCESS],
        ..limit("FRMRPageCount", |info| info.frmr_page_count, Asked::FastRegisterPages)
    },
    Limit {
        above: &[Status::INVALID_BUFFER_SIZE, Status::INVALID_PARAMETER],
        ..limit("MaxCallerData", |info| info.max_caller_data_bytes, Asked::CallerData)
    },
];

/// Nobody listens there, so a connect that may be made is refused.
const DEAF_PORT: u16 = PORT + 1;
/// Buffers of more pages are not described: 4 GiB.
const PAGES_MOST: u64 = 1 << 20;

async fn limits(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    for Limit { member, value, asked, above } in TABLE {
        let value = value(&local.info);
        if possible(&local.info, *asked, value) {
            let what = format!("{asked:?} of {member} = {value}");
            let status = ask(&probe, &local, *asked, value).await?;
            // The limits are of one object: there may be no memory for it.
            let good = [Status::SUCCESS, Status::INSUFFICIENT_RESOURCES, Status::CONNECTION_REFUSED];
            expect_status(&what, status, &good, 81)?;
        }
        let what = format!("{asked:?} one above {member} = {value}");
        let status = ask(&probe, &local, *asked, value.saturating_add(1)).await?;
        let unsupported = !possible(&local.info, *asked, value) && status == Status::NOT_SUPPORTED;
        if !unsupported {
            expect_status(&what, status, above, 81)?;
        }
    }
    registrations(&probe, &local).await?;
    let pages = ask(&probe, &local, Asked::FastRegisterPages, u32::MAX).await?;
    let refused = [Status::IMPLEMENTATION_LIMIT, Status::NOT_SUPPORTED, Status::INSUFFICIENT_RESOURCES];
    expect_status("fast registration of all pages there can be", pages, &refused, 82)?;
    probe.end_local(local).await
}

/// Whether the adapter has what the limit is of.
fn possible(info: &AdapterInfo, asked: Asked, value: u32) -> bool {
    let able = match asked {
        Asked::ResizedCqDepth => info.flags.contains(AdapterFlags::CQ_RESIZE_SUPPORTED),
        Asked::SrqSge => info.max_srq_depth > 0,
        _ => true,
    };
    able && value > 0
}

/// Asks for `value`, gives back what that made, and tells the status.
async fn ask(probe: &Probe, local: &Local, asked: Asked, value: u32) -> Result<Status, Trouble> {
    match asked {
        Asked::CqDepth => {
            let (adapter, notification) = (local.adapter.object(), probe.completion());
            let depth = value;
            made(probe, |completion| Call::CreateCq { adapter, depth, notification, affinity: None, completion }).await
        }
        Asked::ResizedCqDepth => {
            let cq = probe.cq(local.adapter.object(), 4).await?.object;
            let status = probe.settle(|completion| Call::ResizeCq { cq, depth: value, completion }).await.status;
            probe.close(cq).await?;
            Ok(status)
        }
        Asked::ReceiveDepth => qp(probe, local, [value, 1, 1, 1, 0]).await,
        Asked::InitiatorDepth => qp(probe, local, [1, value, 1, 1, 0]).await,
        Asked::ReceiveSge => qp(probe, local, [1, 1, value, 1, 0]).await,
        Asked::InitiatorSge => qp(probe, local, [1, 1, 1, value, 0]).await,
        Asked::InlineBytes => qp(probe, local, [1, 1, 1, 1, value]).await,
        Asked::SrqDepth => srq(probe, local, value, 1).await,
        Asked::SrqSge => srq(probe, local, 1, value).await,
        Asked::ModifiedSrqDepth if local.info.max_srq_depth == 0 => Ok(Status::NOT_SUPPORTED),
        Asked::ModifiedSrqDepth => {
            let (srq, _) = probe.srq(local.pd, 4, 0).await?;
            let modify = |completion| Call::ModifySrq { srq, depth: value, notify_threshold: 0, completion };
            let status = probe.settle(modify).await.status;
            probe.close(srq).await?;
            Ok(status)
        }
        Asked::FastRegisterPages => {
            let pd = local.pd;
            let create = |completion| Call::CreateMr { pd, fast_register: true, completion };
            let mr = probe.create("NdkCreateMr", create).await?;
            let (adapter_page_count, remote_access) = (value, false);
            let initialize =
                |completion| Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access, completion };
            let status = probe.settle(initialize).await.status;
            probe.close(mr).await?;
            Ok(status)
        }
        Asked::CallerData => {
            let connector = probe.connector(local.adapter.object()).await?;
            let (source, destination, data) = (probe.own(0), probe.peer(DEAF_PORT), vec![7; value as usize]);
            let params = params(local.qp, &data);
            let connect = |completion| Call::Connect { connector, source, destination, params, completion };
            let status = probe.settle(connect).await.status;
            probe.close(connector).await?;
            Ok(status)
        }
    }
}

/// `MaxRegistrationSize`, where a list of so many pages can be written down. The buffer has one page, again and again.
async fn registrations(probe: &Probe, local: &Local) -> Result<(), Trouble> {
    let (pd, most) = (local.pd, local.info.max_registration_bytes);
    if most > PAGES_MOST * PAGE_SIZE {
        return Ok(());
    }
    let page = probe.allocate(PAGE_SIZE);
    let pages = vec![page.mdl().pages[0]; most.div_ceil(PAGE_SIZE) as usize + 1];
    let mdl = &Mdl { pages, length_bytes: most + 1, ..page.mdl().clone() };
    let flags = MrFlags::empty();
    let good: &[Status] = &[Status::SUCCESS, Status::INSUFFICIENT_RESOURCES];
    let too_long: &[Status] = &[Status::INVALID_BUFFER_SIZE, Status::INVALID_PARAMETER];
    for (length_bytes, expected) in [(most, good), (most + 1, too_long)] {
        let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
        let mr = probe.create("NdkCreateMr", create).await?;
        let register = |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion };
        let status = probe.settle(register).await.status;
        expect_status(&format!("registering {length_bytes} of {most} bytes"), status, expected, 81)?;
        probe.close(mr).await?;
    }
    Ok(())
}

/// The status of a create; what it made is closed.
async fn made<'a>(probe: &Probe, call: impl FnOnce(Completion) -> Call<'a>) -> Result<Status, Trouble> {
    let ended = probe.settle(call).await;
    if let Out::Object(object) = ended.out {
        probe.close(object).await?;
    }
    Ok(ended.status)
}

/// `sizes`: receive and initiator depth, receive and initiator list, inline bytes.
async fn qp(probe: &Probe, local: &Local, sizes: [u32; 5]) -> Result<Status, Trouble> {
    let (pd, receive_cq, initiator_cq) = (local.pd, local.receive_cq.object, local.initiator_cq.object);
    made(probe, |completion| Call::CreateQp {
        pd,
        receive_cq,
        initiator_cq,
        qp_context: QP_CONTEXT,
        receive_depth: sizes[0],
        initiator_depth: sizes[1],
        max_receive_sge: sizes[2],
        max_initiator_sge: sizes[3],
        inline_data_bytes: sizes[4],
        completion,
    })
    .await
}

async fn srq(probe: &Probe, local: &Local, depth: u32, max_receive_sge: u32) -> Result<Status, Trouble> {
    let (pd, notification) = (local.pd, probe.completion());
    made(probe, |completion| Call::CreateSrq {
        pd,
        depth,
        max_receive_sge,
        notify_threshold: 0,
        notification,
        affinity: None,
        completion,
    })
    .await
}

/// Rejects the first peer and accepts the second, each with too much and then with all the data that there may be.
async fn answers(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let most = vec![7; local.info.max_callee_data_bytes as usize];
    let above = [&most[..], &[7]].concat();
    let too_long = [Status::INVALID_BUFFER_SIZE, Status::INVALID_PARAMETER];
    let connector = probe.offered(events).await?;
    let refused = probe.status(Call::Reject { connector, private_data: &above });
    expect_status("NdkReject one above MaxCalleeData", refused, &too_long, 81)?;
    probe.ok(Call::Reject { connector, private_data: &most })?;
    probe.close(connector).await?;
    let connector = probe.offered(events).await?;
    let disconnect_event = probe.disconnect_event();
    let params = params(local.qp, &above);
    let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
    let refused = probe.settle(accept).await.status;
    expect_status("NdkAccept one above MaxCalleeData", refused, &too_long, 81)?;
    let params = ConnectParams { private_data: &most, ..params };
    let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
    probe.request("NdkAccept at MaxCalleeData", accept).await?;
    probe.upcall(disconnect_event.context).await;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

/// Asks for more reads than there can be, then posts.
async fn asks(probe: Probe) -> Result<(), Trouble> {
    let info = {
        let adapter = probe.open(provider::ndk::NdkVersion::V2_0).await?;
        let info = adapter.info().await?;
        adapter.close().await?;
        info
    };
    let sge = info.max_initiator_request_sge.min(info.max_receive_request_sge);
    let local = probe.local(Sizes { sge, inline_bytes: info.max_inline_data_bytes, ..Sizes::default() }).await?;
    probe.head_start().await;
    let adapter = local.adapter.object();
    let (source, destination) = (probe.own(0), probe.peer(PORT));
    let params = ConnectParams {
        qp: local.qp,
        inbound_read_limit: info.max_inbound_read_limit.saturating_add(1),
        outbound_read_limit: info.max_outbound_read_limit.saturating_add(1),
        private_data: b"",
    };
    let rejected = probe.connector(adapter).await?;
    let connect = |completion| Call::Connect { connector: rejected, source, destination, params, completion };
    expect_status("a rejected connect", probe.settle(connect).await.status, &[Status::CONNECTION_REFUSED], 131)?;
    probe.close(rejected).await?;
    let connector = probe.connector(adapter).await?;
    let connect = |completion| Call::Connect { connector, source, destination, params, completion };
    probe.request("NdkConnect with too many reads", connect).await?;
    let out = probe.ok(Call::GetConnectionData { connector, buffer_bytes: None })?;
    let Out::ConnectionData { inbound_read_limit: inbound, outbound_read_limit: outbound, .. } = out else {
        return expect(false, 126, || "connection data without limits".to_owned());
    };
    let capped = inbound <= info.max_inbound_read_limit && outbound <= info.max_outbound_read_limit;
    expect(capped, 126, || format!("granted {inbound} and {outbound} reads, above the limits"))?;
    let disconnect_event = probe.disconnect_event();
    let complete = |completion| Call::CompleteConnect { connector, disconnect_event, completion };
    probe.request("NdkCompleteConnect", complete).await?;
    posts(&probe, &local, sge)?;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    probe.close(connector).await?;
    probe.end_local(local).await
}

/// Posts at and above the limits. What is above must not be posted; with which status it is refused, the contract leaves open.
fn posts(probe: &Probe, local: &Local, sge: u32) -> Result<(), Trouble> {
    let info = &local.info;
    let list = |entries: u32| vec![local.sge(0, 1); entries as usize];
    let refused = |what: &str, call: Call<'_>| {
        let status = probe.status(call);
        expect(!status.is_success_class(), 81, || format!("{what} ended with {status}"))
    };
    let qp = local.qp;
    probe.ok(Call::Receive { qp, context: 1, sgl: &list(sge) })?;
    refused("a receive with too long a list", Call::Receive { qp, context: 2, sgl: &list(sge + 1) })?;
    let (above, flags) = (list(sge + 1), OpFlags::empty());
    refused("a send with too long a list", Call::Send { qp, context: 3, sgl: &above, flags })?;
    let reads = info.max_read_request_sge.saturating_add(1);
    let (remote_address, remote_token) = (local.buffer.address(), local.token);
    let list_above = list(reads);
    let read = Call::Read { qp, context: 4, sgl: &list_above, remote_address, remote_token, flags };
    refused("a read with too long a list", read)?;
    let inline = [local.sge(0, info.max_inline_data_bytes + 1)];
    refused("a send of too many inline bytes", Call::Send { qp, context: 5, sgl: &inline, flags: OpFlags::INLINE })?;
    let long = [local.sge(0, info.max_transfer_bytes.saturating_add(1))];
    refused("a send longer than MaxTransferLength", Call::Send { qp, context: 6, sgl: &long, flags })
}
