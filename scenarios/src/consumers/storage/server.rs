//! The storage server.

use super::PORT;
use super::protocol::{COMMAND_BYTES, Command, Direction, Hello, encode_answer};
use crate::consumers::common::{Crew, Event, Peer, Sizes, peer, serve};
use provider::consumer::{Adapter, Buffer, Connector, Mr};
use provider::ndk::{MrFlags, OpFlags, Status};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// QP contexts of connections are counted from here.
const CONTEXTS: u64 = 1 << 40;

/// Serves every connection until no host is left.
pub(super) async fn serve_all(crew: &Crew, adapter: &Adapter) -> Result<(), Status> {
    let contexts = Arc::new(AtomicU64::new(CONTEXTS));
    serve(crew, adapter, PORT, |connector| {
        let (crew, adapter, context) = (crew.clone(), adapter.clone(), contexts.fetch_add(1, Relaxed));
        async move { serve_one(&crew, &adapter, connector, context).await }
    })
    .await
}

async fn serve_one(crew: &Crew, adapter: &Adapter, connector: Connector, context: u64) -> Result<(), Status> {
    let hello = connector.connection_data().ok().and_then(|data| Hello::decode(&data.private_data));
    let Some(hello) = hello else {
        let refused = connector.reject(&[]);
        connector.close().await;
        return refused.and(Err(Status::INVALID_PARAMETER));
    };
    let sizes = Sizes {
        message_bytes: COMMAND_BYTES,
        receives: hello.depth,
        sends: hello.depth,
        requests: hello.depth,
        cq_depth: None,
    };
    let peer = peer::accept(crew, adapter, connector, sizes, context).await?;
    let part = crew.session.allocate(hello.part_bytes);
    let outcome = match crew.retrying(|| peer.link.pd().create_mr()).await {
        Ok(mr) => {
            let outcome = match crew.retrying(|| mr.register(&part, MrFlags::ALLOW_LOCAL_WRITE)).await {
                Ok(()) => Part { crew, peer: &peer, hello, part: &part, mr: &mr }.serve().await,
                refused => refused,
            };
            mr.close().await;
            outcome
        }
        Err(status) => Err(status),
    };
    peer.abandon().await;
    outcome
}

/// One connection's part of the server's memory.
struct Part<'a> {
    crew: &'a Crew,
    peer: &'a Peer,
    hello: Hello,
    part: &'a Buffer,
    mr: &'a Mr,
}

impl Part<'_> {
    /// Commands until the host goes.
    async fn serve(&self) -> Result<(), Status> {
        let token = self.mr.local_token().await;
        // By request: the host may use a command's number again before the acknowledgement of a WRITE has come. For the same
        // reason there may be more commands than the queue has room for.
        let mut under_way: BTreeMap<u64, Command> = BTreeMap::new();
        let (mut waiting, mut requests) = (VecDeque::new(), 0);
        while let Some(event) = self.peer.event().await? {
            match event {
                Event::Message(message) => waiting.push_back(Command::decode(&message).ok_or(Status::DATA_ERROR)?),
                Event::Done(request) => {
                    let command = under_way.remove(&request).ok_or(Status::DATA_ERROR)?;
                    if command.direction == Direction::Store {
                        self.answer(command).await?;
                    }
                }
            }
            while under_way.len() < self.hello.depth as usize
                && let Some(command) = waiting.pop_front()
            {
                self.begin(command, token, requests)?;
                under_way.insert(requests, command);
                requests += 1;
                // On one QP the answer cannot overtake the data.
                if command.direction == Direction::Load {
                    self.answer(command).await?;
                }
            }
        }
        Ok(())
    }

    /// Moves a command's data.
    fn begin(&self, command: Command, token: u32, context: u64) -> Result<(), Status> {
        let end = command.offset.checked_add(u64::from(command.length_bytes));
        if end.is_none_or(|end| end > self.part.len()) {
            return Err(Status::INVALID_PARAMETER);
        }
        let qp = self.peer.link.qp();
        let sgl = [self.part.sge(command.offset, command.length_bytes, token)];
        match command.direction {
            Direction::Store => qp.read(context, &sgl, command.address, command.token, OpFlags::empty()),
            Direction::Load => qp.write(context, &sgl, command.address, command.token, OpFlags::empty()),
        }
    }

    async fn answer(&self, command: Command) -> Result<(), Status> {
        let token = self.hello.invalidate.then_some(command.token);
        self.peer.link.say_and_invalidate(&encode_answer(command.id), token).await?;
        self.crew.note(|tally| tally.bytes += u64::from(command.length_bytes));
        Ok(())
    }
}
