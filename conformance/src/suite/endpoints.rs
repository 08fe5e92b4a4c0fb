//! Local endpoints: the addresses that they hold and give back, of both families, and an adapter's own.

use super::local::{Link, Local, PORT, Sizes, params};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use provider::ndk::{AdapterFlags, Call, Object, OpFlags, Out, Status, UpcallBody};
use std::net::SocketAddr;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "addresses",
        rules: &[128, 129],
        provokes: &[],
        what: "endpoints get ports of their own, and give them back",
        start: |pair: &Pair| pair.on(0, addresses),
    },
    Case {
        name: "shared-endpoint",
        rules: &[89, 128],
        provokes: &[],
        what: "connects from a shared endpoint, which outlives its connectors",
        start: |pair: &Pair| {
            pair.on(0, |probe| async move {
                let (local, link) = probe.serve(Sizes::default()).await?;
                probe.leave_after_peer(local, link).await
            });
            pair.on(1, from_shared_endpoint);
        },
    },
    Case {
        name: "ipv6",
        rules: &[80, 129, 139],
        provokes: &[],
        what: "listens, connects and sends over IPv6 as every other case does over IPv4",
        start: |pair: &Pair| {
            if let Some(pair) = pair.over_ipv6() {
                pair.on(0, async |probe: Probe| ipv6_passive(&probe).await.map_err(|trouble| trouble.under(139)));
                pair.on(1, async |probe: Probe| ipv6_active(&probe).await.map_err(|trouble| trouble.under(139)));
            }
        },
    },
    Case {
        name: "loopback",
        rules: &[140],
        provokes: &[],
        what: "connects to itself, which works if the adapter says so, and only then",
        start: |pair: &Pair| pair.on(0, loopback),
    },
];

async fn addresses(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let adapter = local.adapter.object();
    let address = probe.own(0);
    let make = |completion| Call::CreateSharedEndpoint { adapter, address, completion };
    let ask = |object| probe.ok(Call::GetLocalAddress { object, buffer_bytes: 28 });
    let endpoints =
        [probe.create("NdkCreateSharedEndpoint", make).await?, probe.create("NdkCreateSharedEndpoint", make).await?];
    let (Out::Address(first), Out::Address(second)) = (ask(endpoints[0])?, ask(endpoints[1])?) else {
        return expect(false, 129, || "an endpoint has no address".to_owned());
    };
    expect(first != second, 128, || format!("two endpoints were given {first}"))?;
    let (listener, _) = probe.listener(adapter).await?;
    let at_first = |completion| Call::Listen { listener, address: first, completion };
    let used = probe.settle(at_first).await.status;
    let allowed = [Status::SHARING_VIOLATION, Status::ADDRESS_ALREADY_EXISTS];
    expect_status("listening at an address that is held", used, &allowed, 129)?;
    probe.close(endpoints[0]).await?;
    let (free, _) = probe.listener(adapter).await?;
    let at_first = |completion| Call::Listen { listener: free, address: first, completion };
    let reused = probe.settle(at_first).await.status;
    expect_status("listening at an address that was given back", reused, &[Status::SUCCESS], 128)?;
    probe.close_all(&[free, listener, endpoints[1]]).await?;
    probe.end_local(local).await
}

async fn from_shared_endpoint(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let adapter = local.adapter.object();
    let address = probe.own(0);
    let make = |completion| Call::CreateSharedEndpoint { adapter, address, completion };
    let endpoint = probe.create("NdkCreateSharedEndpoint", make).await?;
    let connector = probe.connector(adapter).await?;
    let card = local.card(&probe)?;
    let (destination, data) = (probe.peer(PORT), card.encode());
    let params = params(local.qp, &data);
    let connect = |completion| Call::ConnectWithSharedEndpoint { connector, endpoint, destination, params, completion };
    probe.request("NdkConnectWithSharedEndpoint", connect).await?;
    let link = probe.complete(connector, card).await?;
    let begun = probe.begin_close(endpoint)?;
    expect(begun.is_some(), 89, || "an endpoint was closed at once under its connector".to_owned())?;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    probe.close(link.connector).await?;
    probe.finish_close(begun).await;
    probe.end_local(local).await
}

async fn loopback(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let able = local.info.flags.contains(AdapterFlags::LOOPBACK_CONNECTIONS_SUPPORTED);
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.own(PORT), params(local.qp, b"me"));
    let connected = probe.completion();
    let status = probe.status(Call::Connect { connector, source, destination, params, completion: connected });
    let reached = match (able, status) {
        (true, Status::PENDING) => answer_itself(&probe, &local, (connector, connected.context), events).await?,
        (false, Status::PENDING) => completed(&probe, connected.context).await == Status::SUCCESS,
        (_, status) => status == Status::SUCCESS,
    };
    expect(reached == able, 140, || {
        format!("an adapter whose loopback flag is {able} connected to itself: {reached}")
    })?;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

/// The status of a request that pends.
async fn completed(probe: &Probe, context: u64) -> Status {
    match probe.upcall(context).await.body {
        UpcallBody::RequestCompletion { status, .. } => status,
        _ => Status::UNSUCCESSFUL,
    }
}

/// Both ends of a connection at one node: whether it comes to be.
async fn answer_itself(
    probe: &Probe,
    local: &Local,
    (active, connected): (Object, u64),
    events: u64,
) -> Result<bool, Trouble> {
    let passive = probe.offered(events).await?;
    let cqs = [local.receive_cq.object, local.initiator_cq.object];
    let qp = probe.qp(local.pd, cqs, Sizes { inline_bytes: 0, ..Sizes::default() }).await?;
    let (params, accepted, disconnect_event) = (params(qp, b"too"), probe.completion(), probe.disconnect_event());
    let pending = probe.status(Call::Accept { connector: passive, params, disconnect_event, completion: accepted });
    let mut stands = pending == Status::PENDING && completed(probe, connected).await == Status::SUCCESS;
    if stands {
        let disconnect_event = probe.disconnect_event();
        let complete = |completion| Call::CompleteConnect { connector: active, disconnect_event, completion };
        stands = probe.settle(complete).await.status == Status::SUCCESS;
        stands &= completed(probe, accepted.context).await == Status::SUCCESS;
        probe.request("NdkDisconnect", |completion| Call::Disconnect { connector: active, completion }).await?;
    }
    probe.close_all(&[passive, qp]).await?;
    Ok(stands)
}

/// Bytes of a `SOCKADDR_IN` and of a `SOCKADDR_IN6`.
const IPV4_BYTES: u32 = 16;
const IPV6_BYTES: u32 = 28;
const GREETING: &[u8] = b"over IPv6";

/// The address that a getter tells: there is no room for it where an IPv4 address would fit.
fn told(probe: &Probe, ask: impl Fn(u32) -> Call<'static>) -> Result<SocketAddr, Trouble> {
    let short = probe.status(ask(IPV4_BYTES));
    expect_status("asking for an IPv6 address with room for IPv4", short, &[Status::BUFFER_TOO_SMALL], 80)?;
    match probe.ok(ask(IPV6_BYTES))? {
        Out::Address(address) => Ok(address),
        other => Err(Trouble::Breach { rule: None, text: format!("an address was told as {other:?}") }),
    }
}

fn expect_address(what: &str, address: SocketAddr, expected: SocketAddr) -> Result<(), Trouble> {
    expect(address == expected, 139, || format!("{what} is {address}, not {expected}"))
}

async fn ipv6_passive(probe: &Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.ok(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 64)] })?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let own = told(probe, |buffer_bytes| Call::GetLocalAddress { object: listener, buffer_bytes })?;
    expect_address("the listener's address", own, probe.own(PORT))?;
    let connector = probe.offered(events).await?;
    let peer = told(probe, |buffer_bytes| Call::GetPeerAddress { connector, buffer_bytes })?;
    expect_address("the peer's address", peer, probe.peer(peer.port()))?;
    let link = probe.accept(&local, connector).await?;
    probe.next_good(&local.receive_cq).await?;
    let came = local.buffer.read(0, GREETING.len());
    expect(came.as_deref() == Ok(GREETING), 139, || format!("{came:?} came over IPv6"))?;
    probe.leave_after_peer(local, Link { listener: Some(listener), ..link }).await
}

async fn ipv6_active(probe: &Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let connector = link.connector;
    let own = told(probe, |buffer_bytes| Call::GetLocalAddress { object: connector, buffer_bytes })?;
    expect_address("the connector's address", own, probe.own(own.port()))?;
    let peer = told(probe, |buffer_bytes| Call::GetPeerAddress { connector, buffer_bytes })?;
    expect_address("the peer's address", peer, probe.peer(PORT))?;
    local.buffer.write(0, GREETING).map_err(|_| Status::INTERNAL_ERROR)?;
    let sgl = &[local.sge(0, GREETING.len() as u32)];
    probe.ok(Call::Send { qp: local.qp, context: 2, sgl, flags: OpFlags::empty() })?;
    probe.next_good(&local.initiator_cq).await?;
    probe.leave(local, link).await
}
