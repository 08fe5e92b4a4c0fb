//! `ucmatose` of rdma-core, both sides: the server sends messages, the client answers with as many, the server disconnects.
//! Both must be told the same number and size (`-C`, `-S`).

use super::endpoint::{Connected, Endpoint, Inbox, Region, connect};
use super::{Host, Moved, Sizes, Trouble, while_connected};
use provider::consumer::Connector;
use std::net::SocketAddr;

/// What `ucmatose` takes if it is not told.
const MESSAGES: u32 = 10;
const MESSAGE_BYTES: u32 = 100;
/// The deepest queue.
const MESSAGES_MAX: u32 = 1 << 12;

fn inbox(sizes: Sizes) -> Inbox {
    Inbox {
        receives: sizes.count.unwrap_or(MESSAGES).clamp(1, MESSAGES_MAX),
        bytes: sizes.bytes.unwrap_or(MESSAGE_BYTES).max(1),
    }
}

/// The server's side.
pub(super) async fn serve(
    host: &Host,
    mut connector: Connector,
    sizes: Sizes,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    let wanted = inbox(sizes);
    let endpoint = Endpoint::new(host, wanted.receives).await?;
    let region = endpoint.open(host, wanted).await?;
    let outbox = endpoint.region(host, wanted.bytes.into()).await?;
    let mut end = connector.accept(&endpoint.qp, &[]).await.map_err(Trouble::from);
    if end.is_ok() {
        let work = async {
            send(&endpoint, &outbox, wanted, moved).await?;
            receive(&endpoint, wanted, moved).await
        };
        end = while_connected(&connector, work).await;
        end = end.and(connector.disconnect().await.map_err(Trouble::from));
    }
    connector.close().await;
    endpoint.qp.flush();
    endpoint.close([region, outbox]).await;
    end
}

/// The client's side.
pub(super) async fn call(
    host: &Host,
    own: SocketAddr,
    peer: SocketAddr,
    sizes: Sizes,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    let wanted = inbox(sizes);
    let Connected { endpoint, inbox, connector } = connect(host, own, peer, wanted.receives, wanted).await?;
    let outbox = endpoint.region(host, wanted.bytes.into()).await?;
    let work = async {
        receive(&endpoint, wanted, moved).await?;
        send(&endpoint, &outbox, wanted, moved).await
    };
    let end = while_connected(&connector, work).await;
    if end.is_ok() {
        connector.disconnected().await;
    }
    // Either side may have been first.
    let _ = connector.disconnect().await;
    connector.close().await;
    endpoint.qp.flush();
    endpoint.close([inbox, outbox]).await;
    end
}

async fn send(endpoint: &Endpoint, outbox: &Region, wanted: Inbox, moved: &mut Moved) -> Result<(), Trouble> {
    for _ in 0..wanted.receives {
        endpoint.send(outbox, wanted.bytes).await?;
        moved.bytes_out += u64::from(wanted.bytes);
        moved.messages += 1;
    }
    Ok(())
}

async fn receive(endpoint: &Endpoint, wanted: Inbox, moved: &mut Moved) -> Result<(), Trouble> {
    for _ in 0..wanted.receives {
        moved.bytes_in += u64::from(endpoint.received().await?);
        moved.messages += 1;
    }
    Ok(())
}
