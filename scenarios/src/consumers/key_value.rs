//! A key-value store whose clients read the table themselves.
//!
//! An entry is a version, the CRC of version and value, and the value. A server that changes an entry does not wait for readers, so
//! a client that READs an entry in several packets may see half of one version and half of the next: the sum tells, and it reads
//! again. A put is a message to the server.

use super::common::pattern::{self, WORDS_BYTES, message, words};
use super::common::{Crew, Event, Peer, SERVER, Sizes, dial, peer, serve, tasks};
use crate::spec::KeyValue;
use des::Rng;
use provider::consumer::{Adapter, Buffer, Connector, Mr};
use provider::ndk::{MrFlags, OpFlags, Status};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The ND port of the server.
const PORT: u16 = 6_379;

/// Version and sum.
const HEADER_BYTES: usize = 16;

/// How often an entry is read until its sum is right.
const READS_MAX: u32 = 100;

const SIZES: Sizes = Sizes { message_bytes: WORDS_BYTES, receives: 2, sends: 2, requests: 1, cq_depth: None };

/// Operations of all clients together.
pub(super) fn planned(table: &KeyValue, nodes: usize) -> u64 {
    (nodes as u64 - 1) * u64::from(table.connections) * u64::from(table.operations)
}

/// One node's part.
pub(super) async fn run(crew: Crew, config: KeyValue) -> Result<(), Status> {
    let adapter = crew.session.open_adapter(crew.version).await?;
    let outcome = if crew.node == SERVER {
        crew.note(|tally| tally.role = "server");
        serve_all(&crew, &adapter, &config).await
    } else {
        crew.note(|tally| tally.role = "client");
        let work = (0..config.connections).map(|number| {
            let (own, adapter, config) = (crew.clone(), adapter.clone(), config.clone());
            crew.spawn(async move { ask_all(&own, &adapter, &config, number).await })
        });
        tasks::all(work.collect::<Vec<_>>()).await;
        Ok(())
    };
    adapter.close().await.and(outcome)
}

fn entry_bytes(config: &KeyValue) -> u64 {
    // Aligned, so that the versions do not straddle words.
    (HEADER_BYTES as u64 + u64::from(config.value_bytes)).next_multiple_of(8)
}

/// What the table holds for a version of a key.
fn entry(seed: u64, config: &KeyValue, key: u32, version: u64) -> Vec<u8> {
    let value = pattern::bytes(seed, u64::from(key), version, config.value_bytes as usize);
    let mut bytes = version.to_le_bytes().to_vec();
    bytes.extend(sum(version, &value).to_le_bytes());
    bytes.extend(value);
    bytes
}

fn sum(version: u64, value: &[u8]) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(value);
    u64::from(hasher.finalize())
}

/// The server's table: its memory, and the version of each entry.
#[derive(Debug)]
struct Table {
    buffer: Buffer,
    versions: Mutex<Vec<u64>>,
}

async fn serve_all(crew: &Crew, adapter: &Adapter, config: &KeyValue) -> Result<(), Status> {
    let buffer = crew.session.allocate(u64::from(config.keys) * entry_bytes(config));
    for key in 0..config.keys {
        let offset = u64::from(key) * entry_bytes(config);
        buffer.write(offset, &entry(crew.seed, config, key, 0)).map_err(|_| Status::UNSUCCESSFUL)?;
    }
    let table = Arc::new(Table { buffer, versions: Mutex::new(vec![0; config.keys as usize]) });
    let contexts = Arc::new(AtomicU64::new(1 << 32));
    serve(crew, adapter, PORT, |connector| {
        let (crew, adapter, config, table) = (crew.clone(), adapter.clone(), config.clone(), Arc::clone(&table));
        let context = contexts.fetch_add(1, Relaxed);
        async move { serve_one(&crew, &adapter, connector, &config, &table, context).await }
    })
    .await
}

/// Lends the table to a client and makes its puts.
async fn serve_one(
    crew: &Crew,
    adapter: &Adapter,
    connector: Connector,
    config: &KeyValue,
    table: &Table,
    context: u64,
) -> Result<(), Status> {
    let peer = peer::accept(crew, adapter, connector, SIZES, context).await?;
    let outcome = match crew.retrying(|| peer.link.pd().create_mr()).await {
        Ok(mr) => {
            let outcome = match crew.retrying(|| mr.register(&table.buffer, MrFlags::ALLOW_REMOTE_READ)).await {
                Ok(()) => lend(crew, &peer, &mr, config, table).await,
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

async fn lend(crew: &Crew, peer: &Peer, mr: &Mr, config: &KeyValue, table: &Table) -> Result<(), Status> {
    let token = u64::from(mr.remote_token().await);
    peer.link.say(&message(table.buffer.address(), token)).await?;
    while let Some(event) = peer.event().await? {
        let Event::Message(bytes) = event else { continue };
        let key = words(&bytes)?.0;
        if key >= u64::from(config.keys) {
            return Err(Status::INVALID_PARAMETER);
        }
        let key = key as u32;
        let version = {
            let mut versions = table.versions.lock().unwrap_or_else(PoisonError::into_inner);
            versions[key as usize] += 1;
            versions[key as usize]
        };
        let offset = u64::from(key) * entry_bytes(config);
        let entry = entry(crew.seed, config, key, version);
        table.buffer.write(offset, &entry).map_err(|_| Status::UNSUCCESSFUL)?;
        peer.link.say(&message(u64::from(key), version)).await?;
        crew.note(|tally| tally.bytes += u64::from(config.value_bytes));
    }
    Ok(())
}

/// One connection's operations.
async fn ask_all(crew: &Crew, adapter: &Adapter, config: &KeyValue, number: u32) -> Result<(), Status> {
    let to = crew.address(SERVER, PORT);
    let peer = dial(crew, adapter, SIZES, u64::from(number) + 1, to, b"").await?;
    let sink = crew.session.allocate(entry_bytes(config));
    peer.use_for(async |peer: &Peer| {
        let mr = crew.retrying(|| peer.link.pd().create_mr()).await?;
        let rights = MrFlags::ALLOW_LOCAL_WRITE | MrFlags::RDMA_READ_SINK;
        let outcome = match crew.retrying(|| mr.register(&sink, rights)).await {
            Ok(()) => Client::new(crew, peer, config, &sink, mr.local_token().await).run(number).await,
            refused => refused,
        };
        mr.close().await;
        outcome
    })
    .await
}

struct Client<'a> {
    crew: &'a Crew,
    peer: &'a Peer,
    config: &'a KeyValue,
    sink: &'a Buffer,
    sink_token: u32,
    /// The newest version seen of each key: none older may be read later.
    seen: Vec<u64>,
}

impl<'a> Client<'a> {
    fn new(crew: &'a Crew, peer: &'a Peer, config: &'a KeyValue, sink: &'a Buffer, sink_token: u32) -> Self {
        Self { crew, peer, config, sink, sink_token, seen: vec![0; config.keys as usize] }
    }

    async fn run(mut self, number: u32) -> Result<(), Status> {
        let mut rng = Rng::stream(self.crew.seed, &format!("key-value.{}.{number}", self.crew.node));
        let (address, token) = words(&self.peer.hear().await?)?;
        for _ in 0..self.config.operations {
            let key = rng.below(u64::from(self.config.keys)) as u32;
            let since = self.crew.session.now();
            let put = rng.below(1_000) < u64::from(self.config.put_permille);
            if put {
                self.put(key).await?;
            } else {
                self.get(key, address, token as u32).await?;
            }
            self.crew.done(if put { "put" } else { "get" }, u64::from(self.config.value_bytes), since);
        }
        Ok(())
    }

    async fn put(&mut self, key: u32) -> Result<(), Status> {
        self.peer.link.say(&message(u64::from(key), 0)).await?;
        let (same, version) = words(&self.peer.hear().await?)?;
        self.crew.compared(same == u64::from(key) && version > self.seen[key as usize]);
        self.seen[key as usize] = version;
        Ok(())
    }

    async fn get(&mut self, key: u32, address: u64, token: u32) -> Result<(), Status> {
        let bytes = HEADER_BYTES + self.config.value_bytes as usize;
        for _ in 0..READS_MAX {
            let sgl = [self.sink.sge(0, bytes as u32, self.sink_token)];
            let from = address + u64::from(key) * entry_bytes(self.config);
            self.peer.link.qp().read(0, &sgl, from, token, OpFlags::empty())?;
            self.peer.done(0).await?;
            let entry = self.sink.read(0, bytes).map_err(|_| Status::UNSUCCESSFUL)?;
            let (version, written) = words(&entry)?;
            if sum(version, &entry[HEADER_BYTES..]) == written {
                let right = entry == self::entry(self.crew.seed, self.config, key, version);
                self.crew.compared(right && version >= self.seen[key as usize]);
                self.seen[key as usize] = version;
                return Ok(());
            }
            self.crew.note(|tally| tally.retries += 1);
        }
        Err(Status::DATA_ERROR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_entry_and_half_of_the_next_is_noticed() {
        let config = KeyValue::default();
        let (old, new) = (entry(1, &config, 5, 3), entry(1, &config, 5, 4));
        let good = |bytes: &[u8]| {
            let (version, written) = words(bytes).expect("an entry is longer than its header");
            sum(version, &bytes[HEADER_BYTES..]) == written
        };
        assert!(good(&old) && good(&new));
        for at in [8, HEADER_BYTES, 500, old.len() - 1] {
            assert!(!good(&[&new[..at], &old[at..]].concat()), "torn at {at}");
        }
    }
}
