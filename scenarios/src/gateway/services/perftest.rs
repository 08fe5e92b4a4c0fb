//! perftest's server (`ib_send_bw -R`, `ib_write_bw -R`, `ib_read_bw -R`; version 4.5).
//!
//! The client makes two connections: over the first both sides tell each other what they are and wait for each other, over the
//! second goes the test. On the first the client speaks and the server answers with a message of the same length: its
//! version, two sizes of its machine, a path MTU, then destinations (56 bytes, big-endian). For the client, an echo is as good
//! as an answer, but for the destination, which says where the server's memory is.

use super::endpoint::{Endpoint, Inbox, Region};
use super::{Host, Moved, Trouble};
use provider::consumer::{Connector, Listener};
use provider::ndk::Status;
use std::sync::{Arc, Mutex, PoisonError};

/// `struct pingpong_dest`: lid, reads, queue pair, sequence number, key, a gap, address, GID, shared queue, GID index.
pub(super) const DESTINATION_BYTES: u32 = 56;
pub(super) const KEY_AT: usize = 16;
pub(super) const ADDRESS_AT: usize = 24;
/// Before the first destination: version, size of a buffer, of a cache line, path MTU.
const GREETINGS: u32 = 4;
/// The longest message, as of `-a`.
const MESSAGE_BYTES_MAX: u32 = 8 << 20;
/// Receives that wait for the test's messages; when they are used up, the client is told so and tries again.
const RECEIVES: u32 = 128;

/// One session, from the first connection to its end.
pub(super) async fn serve(
    host: &Host,
    mut connector: Connector,
    listener: &Listener,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    let endpoint = Endpoint::new(host, 4).await?;
    let inbox = endpoint.open(host, Inbox { receives: 1, bytes: DESTINATION_BYTES }).await?;
    let outbox = endpoint.region(host, DESTINATION_BYTES.into()).await?;
    let control = Control { endpoint, inbox, outbox };
    let end = match connector.accept(&control.endpoint.qp, &[]).await {
        Ok(()) => {
            host.follow(connector);
            talk(host, &control, listener, moved).await
        }
        Err(status) => {
            connector.close().await;
            Err(status.into())
        }
    };
    let Control { endpoint, inbox, outbox } = control;
    endpoint.qp.flush();
    endpoint.close([inbox, outbox]).await;
    end
}

/// The first connection.
#[derive(Debug)]
struct Control {
    endpoint: Endpoint,
    inbox: Region,
    outbox: Region,
}

async fn talk(host: &Host, control: &Control, listener: &Listener, moved: &mut Moved) -> Result<(), Trouble> {
    // The first destination only says that the client is about to connect.
    for _ in 0..=GREETINGS {
        control.answer(None).await?;
    }
    let test = Test::begin(host, listener).await?;
    loop {
        match control.answer(Some(&test)).await {
            Ok(()) => {}
            // The client has gone.
            Err(Trouble::Status(Status::CANCELLED)) => break,
            Err(trouble) => return Err(trouble),
        }
    }
    let seen = *test.moved.lock().unwrap_or_else(PoisonError::into_inner);
    (moved.messages, moved.bytes_in) = (seen.messages, seen.bytes_in);
    Ok(())
}

impl Control {
    /// Answers one message of the client, which may send the next one as soon as it has the answer.
    async fn answer(&self, test: Option<&Test>) -> Result<(), Trouble> {
        let length = self.endpoint.received().await?;
        let mut message = self.inbox.bytes(length as usize);
        self.endpoint.expect(&self.inbox, DESTINATION_BYTES)?;
        if let Some(test) = test.filter(|_| length == DESTINATION_BYTES) {
            message[KEY_AT..][..4].copy_from_slice(&test.token.to_be_bytes());
            message[ADDRESS_AT..][..8].copy_from_slice(&test.address.to_be_bytes());
        }
        self.outbox.fill(&message);
        Ok(self.endpoint.send(&self.outbox, length).await?)
    }
}

/// The connection that the test runs on, served by a task of its own.
#[derive(Debug)]
struct Test {
    token: u32,
    address: u64,
    moved: Arc<Mutex<Moved>>,
}

impl Test {
    async fn begin(host: &Host, listener: &Listener) -> Result<Self, Trouble> {
        let mut connector = listener.request().await;
        let endpoint = Endpoint::new(host, RECEIVES).await?;
        let region = endpoint.open(host, Inbox { receives: RECEIVES, bytes: MESSAGE_BYTES_MAX }).await?;
        connector.accept(&endpoint.qp, &[]).await?;
        host.follow(connector);
        let moved = Arc::<Mutex<Moved>>::default();
        let test = Self { token: region.token, address: region.buffer.address(), moved: Arc::clone(&moved) };
        host.node.spawn(async move {
            while let Ok(length) = endpoint.received().await {
                let mut moved = moved.lock().unwrap_or_else(PoisonError::into_inner);
                moved.messages += 1;
                moved.bytes_in += u64::from(length);
                drop(moved);
                if endpoint.expect(&region, MESSAGE_BYTES_MAX).is_err() {
                    break;
                }
            }
            endpoint.close([region]).await;
        });
        Ok(test)
    }
}
