//! What objects and asynchronous requests may ask for: a table of limits, each tried at its value and one above.

use super::again_and_again;
use crate::suite::local::{Local, PORT, QP_CONTEXT, Sizes, params};
use crate::suite::probe::Probe;
use crate::suite::trouble::{Trouble, expect_status};
use host::PAGE_SIZE;
use provider::ndk::{AdapterFlags, AdapterInfo, Call, Completion, MrFlags, Out, Status};

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

pub(super) async fn limits(probe: Probe) -> Result<(), Trouble> {
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

/// `MaxRegistrationSize`, where so long a buffer can be described.
async fn registrations(probe: &Probe, local: &Local) -> Result<(), Trouble> {
    let (pd, most) = (local.pd, local.info.max_registration_bytes);
    let page = probe.allocate(PAGE_SIZE);
    let Some(mdl) = &again_and_again(&page, most + 1) else { return Ok(()) };
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
