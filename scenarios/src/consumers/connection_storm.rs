//! A storm of connections: every client connects to node 0 again and again; on each connection one message goes there and back.

use super::common::{Crew, Event, Peer, SERVER, Sizes, dial, pattern, peer, serve, tasks};
use crate::spec::ConnectionStorm;
use provider::consumer::{Adapter, Connector};
use provider::ndk::Status;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The ND port of the server.
const PORT: u16 = 5_040;

/// What a refused client is told.
const BUSY: &[u8] = b"busy";

/// Connections that all clients make together.
pub(super) fn planned(storm: &ConnectionStorm, nodes: usize) -> u64 {
    (nodes as u64 - 1) * u64::from(storm.connections)
}

fn sizes(storm: &ConnectionStorm) -> Sizes {
    Sizes { message_bytes: storm.message_bytes, receives: 2, sends: 2, requests: 0, cq_depth: None }
}

/// One node's part.
pub(super) async fn run(crew: Crew, storm: ConnectionStorm) -> Result<(), Status> {
    let adapter = crew.session.open_adapter(crew.version).await?;
    let outcome = if crew.node == SERVER {
        crew.note(|tally| tally.role = "server");
        answer_all(&crew, &adapter, &storm).await
    } else {
        crew.note(|tally| tally.role = "client");
        call_all(&crew, &adapter, &storm).await;
        Ok(())
    };
    adapter.close().await.and(outcome)
}

async fn answer_all(crew: &Crew, adapter: &Adapter, storm: &ConnectionStorm) -> Result<(), Status> {
    let requests = Arc::new(AtomicU64::new(0));
    serve(crew, adapter, PORT, |connector| {
        let number = requests.fetch_add(1, Relaxed) + 1;
        let (crew, adapter, storm) = (crew.clone(), adapter.clone(), storm.clone());
        async move {
            if storm.refuse_every > 0 && number.is_multiple_of(u64::from(storm.refuse_every)) {
                let refused = connector.reject(BUSY);
                connector.close().await;
                return refused;
            }
            echo(&crew, &adapter, connector, &storm, number).await
        }
    })
    .await
}

/// Sends back what comes, until the client goes.
async fn echo(
    crew: &Crew,
    adapter: &Adapter,
    connector: Connector,
    storm: &ConnectionStorm,
    context: u64,
) -> Result<(), Status> {
    let peer = peer::accept(crew, adapter, connector, sizes(storm), context).await?;
    let outcome = loop {
        match peer.event().await {
            Ok(Some(Event::Message(message))) => {
                if let Err(status) = peer.link.say(&message).await {
                    break Err(status);
                }
                crew.note(|tally| tally.bytes += message.len() as u64);
            }
            Ok(Some(Event::Done(_))) => {}
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
    };
    peer.abandon().await;
    outcome
}

async fn call_all(crew: &Crew, adapter: &Adapter, storm: &ConnectionStorm) {
    let work = (0..storm.tasks.min(storm.connections)).map(|task| {
        let (own, adapter, storm) = (crew.clone(), adapter.clone(), storm.clone());
        crew.spawn(async move {
            for number in (task..storm.connections).step_by(storm.tasks as usize) {
                call(&own, &adapter, &storm, u64::from(number)).await?;
            }
            Ok(())
        })
    });
    tasks::all(work.collect::<Vec<_>>()).await;
}

/// One connection, one message, one echo.
async fn call(crew: &Crew, adapter: &Adapter, storm: &ConnectionStorm, number: u64) -> Result<(), Status> {
    let since = crew.session.now();
    let context = 1 << 32 | number;
    let peer = dial(crew, adapter, sizes(storm), context, crew.address(SERVER, PORT), b"").await?;
    let message = pattern::bytes(crew.seed, crew.node as u64, number, storm.message_bytes as usize);
    peer.use_for(async |peer: &Peer| {
        peer.link.say(&message).await?;
        crew.compared(peer.hear().await? == message);
        Ok(())
    })
    .await?;
    crew.done("connection", u64::from(storm.message_bytes), since);
    Ok(())
}
