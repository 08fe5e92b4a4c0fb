//! What a connection lets through: private data, read limits, and requests at every limit and one above.

use super::again_and_again;
use crate::suite::local::{BUFFER_BYTES, Card, Local, PORT, Sizes, params, token};
use crate::suite::probe::Probe;
use crate::suite::trouble::{Trouble, expect, expect_status};
use host::PAGE_SIZE;
use provider::ndk::{AdapterInfo, Call, ConnectParams, MrFlags, NdkVersion, Object, OpFlags, Out, Sge, Status};

/// The limits, before there is anything else.
async fn limits_of(probe: &Probe) -> Result<AdapterInfo, Trouble> {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let info = adapter.info().await?;
    adapter.close().await?;
    Ok(info)
}

/// Lists as long as initiators and receivers both take.
fn longest_lists(info: &AdapterInfo) -> Sizes {
    let sge = info.max_initiator_request_sge.min(info.max_receive_request_sge);
    Sizes { sge, inline_bytes: info.max_inline_data_bytes, ..Sizes::default() }
}

/// `LargeRequestThreshold`, as far as the buffers reach: a hint, so what is above must work as well as what is at it.
fn threshold(info: &AdapterInfo) -> u32 {
    info.large_request_threshold_bytes.min(BUFFER_BYTES as u32 - 1)
}

/// Lengths of the messages that the active side sends: a list of single bytes, the threshold and above, all inline.
fn messages(info: &AdapterInfo) -> [u32; 4] {
    let large = threshold(info);
    [longest_lists(info).sge, large, large + 1, info.max_inline_data_bytes]
}

/// A list of single bytes.
fn list(local: &Local, entries: u32) -> Vec<Sge> {
    (0..entries).map(|entry| local.sge(u64::from(entry), 1)).collect()
}

/// Rejects the first peer and accepts the second, each with too much and then with all the data that there may be.
pub(super) async fn answers(probe: Probe) -> Result<(), Trouble> {
    let info = limits_of(&probe).await?;
    let local = probe.local(longest_lists(&info)).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let mut most = local.card(&probe)?.encode();
    most.resize(info.max_callee_data_bytes as usize, 7);
    let above = [&most[..], &[7]].concat();
    let too_long = [Status::INVALID_BUFFER_SIZE, Status::INVALID_PARAMETER];
    let connector = probe.offered(events).await?;
    let refused = probe.status(Call::Reject { connector, private_data: &above });
    expect_status("NdkReject one above MaxCalleeData", refused, &too_long, 81)?;
    probe.ok(Call::Reject { connector, private_data: &most })?;
    probe.close(connector).await?;
    receives(&probe, &local)?;
    let connector = probe.offered(events).await?;
    let disconnect_event = probe.disconnect_event();
    let params = params(local.qp, &above);
    let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
    let refused = probe.settle(accept).await.status;
    expect_status("NdkAccept one above MaxCalleeData", refused, &too_long, 81)?;
    let params = ConnectParams { private_data: &most, ..params };
    let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
    probe.request("NdkAccept at MaxCalleeData", accept).await?;
    for length in messages(&info) {
        let came = probe.next_good(&local.receive_cq).await?.base.bytes_transferred;
        expect(came == length, 81, || format!("{came} bytes came of a message of {length}"))?;
    }
    probe.upcall(disconnect_event.context).await;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

/// A receive for each message, the first with the longest list, and one list that is too long.
fn receives(probe: &Probe, local: &Local) -> Result<(), Trouble> {
    let (qp, sge) = (local.qp, longest_lists(&local.info).sge);
    probe.ok(Call::Receive { qp, context: 0, sgl: &list(local, sge) })?;
    for (context, length) in (1..).zip(&messages(&local.info)[1..]) {
        probe.ok(Call::Receive { qp, context, sgl: &[local.sge(0, *length)] })?;
    }
    refused(probe, "a receive with too long a list", Call::Receive { qp, context: 9, sgl: &list(local, sge + 1) })
}

/// What is above a limit must not be posted; with which status it is refused, the contract leaves open.
fn refused(probe: &Probe, what: &str, call: Call<'_>) -> Result<(), Trouble> {
    let status = probe.status(call);
    expect(!status.is_success_class(), 81, || format!("{what} ended with {status}"))
}

/// Asks for more reads than there can be, then posts.
pub(super) async fn asks(probe: Probe) -> Result<(), Trouble> {
    let info = limits_of(&probe).await?;
    let local = probe.local(longest_lists(&info)).await?;
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
    let peer = probe.peer_card(connector)?;
    let link = probe.complete(connector, peer).await?;
    above(&probe, &local, peer)?;
    at_the_limits(&probe, &local, peer).await?;
    longest(&probe, &local).await?;
    probe.hang_up(local, link).await
}

fn above(probe: &Probe, local: &Local, peer: Card) -> Result<(), Trouble> {
    let (info, qp, flags) = (&local.info, local.qp, OpFlags::empty());
    let sge = longest_lists(info).sge;
    let sgl = &list(local, sge + 1);
    refused(probe, "a send with too long a list", Call::Send { qp, context: 1, sgl, flags })?;
    let Card { address: remote_address, token: remote_token } = peer;
    refused(
        probe,
        "a write with too long a list",
        Call::Write { qp, context: 2, sgl, remote_address, remote_token, flags },
    )?;
    let sgl = &list(local, info.max_read_request_sge.saturating_add(1));
    let read = Call::Read { qp, context: 3, sgl, remote_address, remote_token, flags };
    refused(probe, "a read with too long a list", read)?;
    let sgl = &[local.sge(0, info.max_inline_data_bytes + 1)];
    refused(probe, "a send of too many inline bytes", Call::Send { qp, context: 4, sgl, flags: OpFlags::INLINE })?;
    let sgl = &[local.sge(0, info.max_transfer_bytes.saturating_add(1))];
    refused(probe, "a send longer than MaxTransferLength", Call::Send { qp, context: 5, sgl, flags })
}

async fn at_the_limits(probe: &Probe, local: &Local, peer: Card) -> Result<(), Trouble> {
    let (info, qp, flags) = (&local.info, local.qp, OpFlags::empty());
    let [lists, large, larger, inline] = messages(info);
    let reads = info.max_read_request_sge.min(lists);
    let Card { address: remote_address, token: remote_token } = peer;
    let (sgl, whole) = (&list(local, lists)[..], |length| [local.sge(0, length)]);
    probe.ok(Call::Send { qp, context: 0, sgl, flags })?;
    probe.ok(Call::Send { qp, context: 1, sgl: &whole(large), flags })?;
    probe.ok(Call::Send { qp, context: 2, sgl: &whole(larger), flags })?;
    probe.ok(Call::Send { qp, context: 3, sgl: &whole(inline), flags: OpFlags::INLINE })?;
    probe.ok(Call::Write { qp, context: 4, sgl, remote_address, remote_token, flags })?;
    probe.ok(Call::Write { qp, context: 5, sgl: &whole(large), remote_address, remote_token, flags })?;
    probe.ok(Call::Write { qp, context: 6, sgl: &whole(larger), remote_address, remote_token, flags })?;
    probe.ok(Call::Read { qp, context: 7, sgl: &list(local, reads), remote_address, remote_token, flags })?;
    for _ in 0..8 {
        probe.next_good(&local.initiator_cq).await?;
    }
    Ok(())
}

/// The longest window and the longest request, over the longest region.
async fn longest(probe: &Probe, local: &Local) -> Result<(), Trouble> {
    let (pd, length_bytes) = (local.pd, local.info.max_registration_bytes);
    let page = probe.allocate(PAGE_SIZE);
    let described = again_and_again(&page, length_bytes);
    let Some(mdl) = &described else { return Ok(()) };
    let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
    let mr = probe.create("NdkCreateMr", create).await?;
    let flags = MrFlags::ALLOW_LOCAL_WRITE;
    let register = |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion };
    if probe.settle(register).await.status == Status::SUCCESS {
        longest_window(probe, local, (mr, mdl.virtual_address)).await?;
        let token = token(&probe.ok(Call::GetLocalTokenFromMr { mr })?);
        longest_request(probe, local, Card { address: mdl.virtual_address, token }).await?;
    }
    probe.close(mr).await
}

async fn longest_window(probe: &Probe, local: &Local, (mr, address): (Object, u64)) -> Result<(), Trouble> {
    let (pd, qp, most) = (local.pd, local.qp, local.info.max_window_bytes);
    if most == 0 {
        return Ok(());
    }
    let mw = probe.create("NdkCreateMw", |completion| Call::CreateMw { pd, completion }).await?;
    let flags = OpFlags::ALLOW_REMOTE_READ;
    let bind = |length_bytes| Call::Bind { qp, context: 1, mr, mw, virtual_address: address, length_bytes, flags };
    refused(probe, "a window longer than MaxWindowSize", bind(most + 1))?;
    probe.ok(bind(most))?;
    probe.next_good(&local.initiator_cq).await?;
    probe.ok(Call::Invalidate { qp, context: 2, target: mw, flags: OpFlags::empty() })?;
    probe.next_good(&local.initiator_cq).await?;
    probe.close(mw).await
}

/// No region of the peer.
const NOWHERE: u32 = 0x00ab_cd00;

/// A write of `MaxTransferLength` bytes. The peer refuses it at its first packet, so that no such mass of bytes is moved:
/// what is too long for the adapter would have ended before. The connection is over then.
async fn longest_request(probe: &Probe, local: &Local, from: Card) -> Result<(), Trouble> {
    let (most, region) = (local.info.max_transfer_bytes, local.info.max_registration_bytes);
    let entry = u64::from(most).min(region) as u32;
    let mut sgl = vec![Sge { address: from.address, length_bytes: entry, token: from.token }; (most / entry) as usize];
    sgl.extend((most % entry > 0).then(|| Sge {
        address: from.address,
        length_bytes: most % entry,
        token: from.token,
    }));
    if sgl.len() > longest_lists(&local.info).sge as usize {
        return Ok(());
    }
    let (qp, flags) = (local.qp, OpFlags::empty());
    let write = Call::Write { qp, context: 1, sgl: &sgl, remote_address: 0, remote_token: NOWHERE, flags };
    probe.ok(write)?;
    let status = probe.next(&local.initiator_cq).await.base.status;
    let of_the_peer = [Status::ACCESS_VIOLATION, Status::REMOTE_RESOURCES, Status::INVALID_DEVICE_REQUEST];
    expect_status("a write of MaxTransferLength to nowhere", status, &of_the_peer, 81)
}
