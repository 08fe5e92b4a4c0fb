//! Connections: R27, R53, R54, R56.

use super::{BrokenConsumer, Outcome, against_server, row};
use crate::suite::Probe;
use crate::suite::local::{PORT, Sizes, params};
use provider::ndk::Call;

pub(super) const TABLE: &[BrokenConsumer] = &[
    row("data-before-connect", 27, "asks for connection data before it connects", |pair| {
        pair.on(0, data_before_connect)
    }),
    row("data-after-complete", 27, "asks for connection data after it has completed", |pair| {
        against_server(pair, data_after_complete)
    }),
    row("completes-before-connect", 53, "completes a connection that it never began", |pair| {
        pair.on(0, completes_before_connect)
    }),
    row("completes-twice", 53, "completes a connection again", |pair| against_server(pair, completes_twice)),
    row("keeps-an-offered-connector", 54, "rejects a request and never closes the connector", |pair| {
        pair.on(1, is_turned_away);
        pair.on(0, keeps_an_offered_connector);
    }),
    row("connects-again", 56, "connects with a connector that was disconnected", |pair| {
        against_server(pair, connects_again)
    }),
    row("connects-a-used-qp", 56, "connects a QP that was disconnected", |pair| {
        against_server(pair, connects_a_used_qp)
    }),
];

async fn data_before_connect(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let connector = probe.connector(local.adapter.object()).await?;
    probe.call(Call::GetConnectionData { connector, buffer_bytes: None });
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn data_after_complete(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    probe.call(Call::GetConnectionData { connector: link.connector, buffer_bytes: None });
    probe.leave(local, link).await
}

async fn completes_before_connect(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let connector = probe.connector(local.adapter.object()).await?;
    let disconnect_event = probe.disconnect_event();
    probe.settle(|completion| Call::CompleteConnect { connector, disconnect_event, completion }).await;
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn completes_twice(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let (connector, disconnect_event) = (link.connector, probe.disconnect_event());
    probe.settle(|completion| Call::CompleteConnect { connector, disconnect_event, completion }).await;
    probe.leave(local, link).await
}

async fn keeps_an_offered_connector(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    probe.call(Call::Reject { connector, private_data: &[] });
    // With the connector open, the listener's close never ends, nor does the adapter's: nobody waits for them.
    probe.begin_close(listener)?;
    probe.close_all(&[local.qp, local.receive_cq.object, local.initiator_cq.object, local.mr, local.pd]).await?;
    probe.call(Call::CloseAdapter { adapter: local.adapter.object() });
    Ok(())
}

/// A client that is refused, and copes.
async fn is_turned_away(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, &[]));
    probe.settle(|completion| Call::Connect { connector, source, destination, params, completion }).await;
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn connects_again(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let connector = link.connector;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, &[]));
    probe.settle(|completion| Call::Connect { connector, source, destination, params, completion }).await;
    probe.hang_up(local, link).await
}

async fn connects_a_used_qp(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    let connector = link.connector;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, &[]));
    probe.settle(|completion| Call::Connect { connector, source, destination, params, completion }).await;
    probe.close(connector).await?;
    probe.hang_up(local, link).await
}
