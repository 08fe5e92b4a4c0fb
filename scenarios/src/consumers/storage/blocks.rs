//! A host of block storage, as NVMe over RDMA: one region for the life of a queue, many commands under way.

use super::PORT;
use super::protocol::{COMMAND_BYTES, Command, Direction, Hello, decode_answer};
use crate::consumers::common::{Crew, Peer, SERVER, Sizes, dial, pattern};
use crate::spec::BlockStorage;
use des::{Rng, Time};
use provider::consumer::{Adapter, Buffer};
use provider::ndk::{MrFlags, Status};

/// Blocks of the server for each command under way. A command uses its own only, so that no two touch one block at a time.
const BLOCKS_EACH: u64 = 8;

/// Gives all commands of one queue.
pub(super) async fn work(crew: &Crew, adapter: &Adapter, storage: &BlockStorage, queue: u32) -> Result<(), Status> {
    let depth = storage.depth.min(storage.commands);
    let sizes =
        Sizes { message_bytes: COMMAND_BYTES, receives: depth, sends: depth, requests: 0, cq_depth: storage.cq_depth };
    let part_bytes = u64::from(depth) * BLOCKS_EACH * u64::from(storage.block_bytes);
    let hello = Hello { part_bytes, depth, invalidate: false }.encode();
    let to = crew.address(SERVER, PORT);
    let peer = dial(crew, adapter, sizes, u64::from(queue) + 1, to, &hello).await?;
    let buffer = crew.session.allocate(u64::from(depth) * u64::from(storage.block_bytes));
    peer.use_for(async |peer: &Peer| {
        let mr = crew.retrying(|| peer.link.pd().create_mr()).await?;
        let rights = MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE;
        let outcome = match crew.retrying(|| mr.register(&buffer, rights)).await {
            Ok(()) => {
                let token = mr.remote_token().await;
                Queue::new(crew, storage, queue, depth, &buffer, token).run(peer).await
            }
            refused => refused,
        };
        mr.close().await;
        outcome
    })
    .await
}

/// What a block should hold: nothing yet, or the bytes of a version.
type Version = Option<u64>;

struct Queue<'a> {
    crew: &'a Crew,
    storage: &'a BlockStorage,
    number: u32,
    buffer: &'a Buffer,
    token: u32,
    rng: Rng,
    /// By block.
    versions: Vec<Version>,
    /// By command under way.
    given: Vec<Option<(Command, Version, Time)>>,
}

impl<'a> Queue<'a> {
    fn new(crew: &'a Crew, storage: &'a BlockStorage, number: u32, depth: u32, buffer: &'a Buffer, token: u32) -> Self {
        Self {
            crew,
            storage,
            number,
            buffer,
            token,
            rng: Rng::stream(crew.seed, &format!("block-storage.{}.{number}", crew.node)),
            versions: vec![None; (u64::from(depth) * BLOCKS_EACH) as usize],
            given: vec![None; depth as usize],
        }
    }

    async fn run(mut self, peer: &Peer) -> Result<(), Status> {
        let mut given = 0;
        for id in 0..self.given.len() as u32 {
            self.give(peer, id, given).await?;
            given += 1;
        }
        for _ in 0..self.storage.commands {
            let message = peer.hear().await?;
            let id = decode_answer(&message).ok_or(Status::DATA_ERROR)?;
            self.take(id)?;
            if given < self.storage.commands {
                self.give(peer, id, given).await?;
                given += 1;
            }
        }
        Ok(())
    }

    /// Gives a command; `version` makes the bytes of a store its own.
    async fn give(&mut self, peer: &Peer, id: u32, version: u32) -> Result<(), Status> {
        let length_bytes = self.storage.block_bytes;
        let block = u64::from(id) * BLOCKS_EACH + self.rng.below(BLOCKS_EACH);
        let load = self.rng.below(1_000) < u64::from(self.storage.read_permille);
        let slot = u64::from(id) * u64::from(length_bytes);
        let (direction, expected) = if load {
            (Direction::Load, self.versions[block as usize])
        } else {
            (Direction::Store, Some(u64::from(version)))
        };
        if !load {
            self.buffer.write(slot, &self.content(block, expected)).map_err(|_| Status::UNSUCCESSFUL)?;
            self.versions[block as usize] = expected;
        }
        let offset = block * u64::from(length_bytes);
        let (address, token) = (self.buffer.address() + slot, self.token);
        let command = Command { direction, id, offset, length_bytes, address, token };
        self.given[id as usize] = Some((command, expected, self.crew.session.now()));
        peer.link.say(&command.encode()).await
    }

    /// Takes a command's answer, and looks at what came.
    fn take(&mut self, id: u32) -> Result<(), Status> {
        let given = self.given.get_mut(id as usize).and_then(Option::take);
        let (command, expected, since) = given.ok_or(Status::DATA_ERROR)?;
        let (length_bytes, load) = (self.storage.block_bytes, command.direction == Direction::Load);
        if load {
            let (block, slot) = (command.offset / u64::from(length_bytes), u64::from(id) * u64::from(length_bytes));
            let bytes = self.buffer.read(slot, length_bytes as usize).map_err(|_| Status::UNSUCCESSFUL)?;
            self.crew.compared(bytes == self.content(block, expected));
        }
        self.crew.done(if load { "load" } else { "store" }, u64::from(length_bytes), since);
        Ok(())
    }

    fn content(&self, block: u64, version: Version) -> Vec<u8> {
        let length = self.storage.block_bytes as usize;
        let what = (self.crew.node as u64) << 40 | u64::from(self.number) << 32 | block;
        version.map_or_else(|| vec![0; length], |version| pattern::bytes(self.crew.seed, what, version, length))
    }
}
