//! Connections coming to be, or not.

use super::local::{Link, Local, PORT, READS, Sizes, params};
use super::probe::Probe;
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{Call, Object, Out, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "handshake",
        rules: &[72, 126, 127, 129],
        provokes: &[],
        what: "connects, with connection data asked for by buffers of every size",
        start: |pair: &Pair| {
            pair.on(0, handshake_passive);
            pair.on(1, handshake_active);
        },
    },
    Case {
        name: "nobody-listens",
        rules: &[131],
        provokes: &[],
        what: "connects where nobody listens",
        start: |pair: &Pair| pair.on(1, refused),
    },
    Case {
        name: "rejected",
        rules: &[127, 131],
        provokes: &[],
        what: "connects to who rejects, and reads what came with the rejection",
        start: |pair: &Pair| {
            pair.on(0, rejects);
            pair.on(1, reads_refusal);
        },
    },
    Case {
        name: "closed-unanswered",
        rules: &[131],
        provokes: &[],
        what: "connects to who closes the connector of the request",
        start: |pair: &Pair| {
            pair.on(0, closes);
            pair.on(1, refused);
        },
    },
    Case {
        name: "accept-waits",
        rules: &[132, 138],
        provokes: &[],
        what: "an accept stays pending until the peer completes",
        start: |pair: &Pair| {
            pair.on(0, accept_waits);
            pair.on(1, completes_late);
        },
    },
    Case {
        name: "active-gives-up",
        rules: &[132],
        provokes: &[],
        what: "the active side closes its connector instead of completing",
        start: |pair: &Pair| {
            pair.on(0, abandoned);
            pair.on(1, gives_up);
        },
    },
    Case {
        name: "complete-too-early",
        rules: &[133],
        provokes: &[53],
        what: "completes a connector that was never connected",
        start: |pair: &Pair| pair.on(0, complete_too_early),
    },
    Case {
        name: "paused",
        rules: &[130, 131],
        provokes: &[],
        what: "a paused listener refuses, a resumed one offers",
        start: |pair: &Pair| {
            pair.on(0, paused);
            pair.on(1, |probe| async move {
                refused(probe.clone()).await?;
                probe.sleep(RESUMED_AFTER).await;
                let (local, link) = probe.join(Sizes::default()).await?;
                probe.leave(local, link).await
            });
        },
    },
    Case {
        name: "listener-closes",
        rules: &[89, 93],
        provokes: &[],
        what: "a listener closes over its connection, and offers no more",
        start: |pair: &Pair| {
            pair.on(0, listener_closes);
            pair.on(1, |probe| async move {
                let (local, link) = probe.join(Sizes::default()).await?;
                refused(probe.clone()).await?;
                probe.leave(local, link).await
            });
        },
    },
];

/// The active side of the pause case tries again after this.
const RESUMED_AFTER: Dur = Dur::from_ms(20);
/// The active side of [`accept_waits`] lets its peer wait so long.
const HESITATION: Dur = Dur::from_ms(3);

/// Asks for connection data with every kind of buffer.
fn examine(probe: &Probe, connector: Object) -> Result<(), Trouble> {
    let ask = |buffer_bytes| probe.returned(Call::GetConnectionData { connector, buffer_bytes });
    let sized = ask(None);
    let Out::ConnectionData { required_bytes, .. } = sized.out else {
        return expect(false, 127, || format!("connection data without a buffer: {sized:?}"));
    };
    for (buffer, status) in [
        (required_bytes, Status::SUCCESS),
        (required_bytes + 8, Status::SUCCESS),
        (required_bytes.saturating_sub(1), Status::BUFFER_TOO_SMALL),
    ] {
        let answer = ask(Some(buffer));
        expect_status("connection data", answer.status, &[status], 127)?;
        let Out::ConnectionData { inbound_read_limit, outbound_read_limit, private_data, .. } = answer.out else {
            return expect(false, 127, || "connection data without data".to_owned());
        };
        let copied = private_data.len() == buffer.min(required_bytes) as usize;
        expect(copied, 127, || format!("{} of {required_bytes} bytes copied to {buffer}", private_data.len()))?;
        let capped = inbound_read_limit <= READS && outbound_read_limit <= READS;
        expect(capped, 126, || format!("read limits {inbound_read_limit} and {outbound_read_limit} of {READS}"))?;
    }
    Ok(())
}

async fn handshake_passive(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let own = Call::GetLocalAddress { object: listener, buffer_bytes: 28 };
    let Out::Address(address) = probe.ok(own)? else {
        return expect(false, 129, || "a listener has no address".to_owned());
    };
    expect(address == probe.own(PORT), 129, || format!("the listener is at {address}"))?;
    let connector = probe.offered(events).await?;
    examine(&probe, connector)?;
    let link = probe.accept(&local, connector).await?;
    probe.leave_after_peer(local, Link { listener: Some(listener), ..link }).await
}

async fn handshake_active(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    examine(&probe, connector)?;
    let link = probe.complete(connector, peer).await?;
    probe.leave(local, link).await
}

/// An attempt to connect that must be refused.
async fn refused(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let connector = attempt(&probe, &local).await?;
    probe.close(connector).await?;
    probe.end_local(local).await
}

/// The connector of an attempt that must be, and was, refused.
async fn attempt(probe: &Probe, local: &Local) -> Result<Object, Trouble> {
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, b"please"));
    let connect = |completion| Call::Connect { connector, source, destination, params, completion };
    let status = probe.settle(connect).await.status;
    expect_status("a connect that must be refused", status, &[Status::CONNECTION_REFUSED], 131)?;
    Ok(connector)
}

/// What the peer sends with its rejection.
const REFUSAL: &[u8] = b"no, not today";

/// The private data of a rejection can be had after the connect has failed: "private data sent with reject requests".
async fn reads_refusal(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let connector = attempt(&probe, &local).await?;
    let answer = probe.returned(Call::GetConnectionData { connector, buffer_bytes: Some(512) });
    expect_status("connection data of a refused connect", answer.status, &[Status::SUCCESS], 127)?;
    let Out::ConnectionData { private_data, .. } = answer.out else {
        return expect(false, 127, || "connection data without data".to_owned());
    };
    let told = private_data.starts_with(REFUSAL);
    expect(told, 127, || format!("the peer refused with {REFUSAL:?}, this side read {private_data:?}"))?;
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn rejects(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    probe.ok(Call::Reject { connector, private_data: REFUSAL })?;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

async fn closes(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

async fn accept_waits(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    let called = probe.now();
    let link = probe.accept(&local, connector).await?;
    let waited = probe.now().since(called);
    expect(waited >= HESITATION, 132, || format!("an accept ended after {waited}, before the peer completed"))?;
    probe.leave_after_peer(local, Link { listener: Some(listener), ..link }).await
}

async fn completes_late(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let (connector, peer) = probe.reach(&local).await?;
    probe.sleep(HESITATION).await;
    let link = probe.complete(connector, peer).await?;
    probe.leave(local, link).await
}

async fn abandoned(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    let (params, disconnect_event) = (params(local.qp, b"yes"), probe.disconnect_event());
    let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
    let status = probe.settle(accept).await.status;
    let allowed = [Status::CONNECTION_ABORTED, Status::IO_TIMEOUT];
    expect_status("an accept whose peer gave up", status, &allowed, 132)?;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

async fn gives_up(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, b"please"));
    let connect = |completion| Call::Connect { connector, source, destination, params, completion };
    probe.request("NdkConnect", connect).await?;
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn complete_too_early(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let connector = probe.connector(local.adapter.object()).await?;
    let disconnect_event = probe.disconnect_event();
    let complete = |completion| Call::CompleteConnect { connector, disconnect_event, completion };
    let status = probe.settle(complete).await.status;
    expect_status("completing what was never connected", status, &[Status::CONNECTION_INVALID], 133)?;
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn paused(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    probe.ok(Call::ControlConnectEvents { listener, pause: true })?;
    probe.sleep(Dur::from_ms(10)).await;
    expect(probe.waiting(events) == 0, 130, || "a paused listener offered a connection".to_owned())?;
    probe.ok(Call::ControlConnectEvents { listener, pause: false })?;
    let connector = probe.offered(events).await?;
    let link = probe.accept(&local, connector).await?;
    probe.leave_after_peer(local, Link { listener: Some(listener), ..link }).await
}

async fn listener_closes(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let link = probe.serve_on(&local).await?;
    let begun = match link.listener {
        Some(listener) => probe.begin_close(listener)?,
        None => None,
    };
    expect(begun.is_some(), 89, || "the close of a listener returned SUCCESS over a connector".to_owned())?;
    probe.upcall(link.disconnected).await;
    probe.close(link.connector).await?;
    probe.finish_close(begun).await;
    probe.end_local(local).await
}
