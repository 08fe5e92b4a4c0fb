//! All-reduce in a ring: every node ends with the sum of all nodes' vectors.
//!
//! With n nodes the vector has n parts. In n-1 steps each node passes a partial sum to the next and adds what it gets from the
//! one before; then the finished parts go round once more in n-1 steps. Data goes by WRITE, and a SEND behind it says which step it
//! was (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", JPDC 2009).

use super::common::pattern::{self, WORDS_BYTES, message, words};
use super::common::{Crew, Peer, Sizes, dial, peer, tasks};
use crate::spec::AllReduce;
use provider::consumer::{Adapter, Buffer, Listener, Mr};
use provider::ndk::{MrFlags, OpFlags, Status};
use std::ops::Range;

/// The ND port of every node.
const PORT: u16 = 7_070;

/// Bytes of a number of the vector.
const NUMBER: u64 = 4;

/// Vectors added by all nodes.
pub(super) fn planned(reduce: &AllReduce, nodes: usize) -> u64 {
    nodes as u64 * u64::from(reduce.rounds)
}

/// One node's part.
pub(super) async fn run(crew: Crew, reduce: AllReduce) -> Result<(), Status> {
    crew.note(|tally| tally.role = "member");
    let adapter = crew.session.open_adapter(crew.version).await?;
    let outcome = match crew.retrying(|| adapter.create_listener()).await {
        Ok(listener) => {
            let outcome = join(&crew, &adapter, &listener, &reduce).await;
            listener.close().await;
            outcome
        }
        Err(status) => Err(status),
    };
    adapter.close().await.and(outcome)
}

/// Joins the ring, works, and leaves it.
async fn join(crew: &Crew, adapter: &Adapter, listener: &Listener, reduce: &AllReduce) -> Result<(), Status> {
    listener.listen(crew.address(crew.node, PORT)).await?;
    let steps = 2 * crew.nodes() as u32;
    let sizes = Sizes { message_bytes: WORDS_BYTES, receives: steps, sends: steps, requests: steps, cq_depth: None };
    let (own, adapter_too) = (crew.clone(), adapter.clone());
    let next = crew.address((crew.node + 1) % crew.nodes(), PORT);
    let (dialled, to_next) = tasks::value();
    let dialling = crew.spawn(async move {
        dialled.set(dial(&own, &adapter_too, sizes, 1, next, b"").await);
        Ok(())
    });
    let connector = listener.request().await;
    let from_previous = peer::accept(crew, adapter, connector, sizes, 2).await;
    dialling.await;
    match (to_next.take().unwrap_or(Err(Status::UNSUCCESSFUL)), from_previous) {
        (Ok(next), Ok(previous)) => {
            let outcome = Member::join(crew, reduce, &next, &previous).await;
            next.hang_up().await;
            previous.part().await;
            outcome
        }
        (Ok(peer), Err(status)) | (Err(status), Ok(peer)) => {
            peer.abandon().await;
            Err(status)
        }
        (Err(status), Err(_)) => Err(status),
    }
}

/// A node in the ring.
struct Member<'a> {
    crew: &'a Crew,
    reduce: &'a AllReduce,
    next: &'a Peer,
    previous: &'a Peer,
    /// The vector, and behind it one part for each step of adding.
    memory: &'a Buffer,
    /// Of the memory, for requests to the next node.
    token: u32,
    /// Where the next node's memory is, and its token.
    theirs: (u64, u32),
}

impl<'a> Member<'a> {
    /// Lends memory to the previous node, borrows the next one's, and adds all vectors.
    async fn join(crew: &'a Crew, reduce: &'a AllReduce, next: &'a Peer, previous: &'a Peer) -> Result<(), Status> {
        let longest = u64::from(reduce.elements).div_ceil(crew.nodes() as u64);
        let numbers = u64::from(reduce.elements) + longest * (crew.nodes() as u64 - 1);
        let memory = crew.session.allocate(numbers * NUMBER);
        // One region for each QP: the two have domains of their own.
        let source = crew.retrying(|| next.link.pd().create_mr()).await?;
        let sink = match crew.retrying(|| previous.link.pd().create_mr()).await {
            Ok(sink) => sink,
            Err(status) => {
                source.close().await;
                return Err(status);
            }
        };
        let outcome = Self::work(crew, reduce, (next, previous), &memory, (&source, &sink)).await;
        source.close().await;
        sink.close().await;
        outcome
    }

    async fn work(
        crew: &'a Crew,
        reduce: &'a AllReduce,
        (next, previous): (&'a Peer, &'a Peer),
        memory: &Buffer,
        (source, sink): (&Mr, &Mr),
    ) -> Result<(), Status> {
        crew.retrying(|| source.register(memory, MrFlags::empty())).await?;
        crew.retrying(|| sink.register(memory, MrFlags::ALLOW_REMOTE_WRITE)).await?;
        let (token, lent) = (source.local_token().await, sink.remote_token().await);
        previous.link.say(&message(memory.address(), u64::from(lent))).await?;
        let (address, theirs) = words(&next.hear().await?)?;
        let member = Member { crew, reduce, next, previous, memory, token, theirs: (address, theirs as u32) };
        for round in 0..reduce.rounds {
            let since = crew.session.now();
            member.round(u64::from(round)).await?;
            crew.done("all-reduce", u64::from(reduce.elements) * NUMBER, since);
        }
        Ok(())
    }

    async fn round(&self, round: u64) -> Result<(), Status> {
        let (nodes, own) = (self.crew.nodes(), self.crew.node);
        self.store(0, &vector(self.crew.seed, own, round, self.reduce.elements))?;
        for step in 0..nodes - 1 {
            let (sent, got) = (self.part(own + nodes - step), self.part(own + 2 * nodes - step - 1));
            let staged = self.staging(step);
            self.pass(&sent, staged, step as u64).await?;
            self.heard(step as u64).await?;
            let mut sum = self.load(got.start, (got.end - got.start) as usize)?;
            for (sum, more) in sum.iter_mut().zip(self.load(staged, (got.end - got.start) as usize)?) {
                *sum = sum.wrapping_add(more);
            }
            self.store(got.start, &sum)?;
        }
        for step in 0..nodes - 1 {
            let sent = self.part(own + 1 + nodes - step);
            let number = (nodes - 1 + step) as u64;
            self.pass(&sent, sent.start, number).await?;
            self.heard(number).await?;
        }
        // The vector changes next: nothing may still be read from it.
        for number in 0..2 * (nodes as u64 - 1) {
            self.next.done(number).await?;
        }
        let total = self.load(0, self.reduce.elements as usize)?;
        let vectors = (0..nodes).map(|node| vector(self.crew.seed, node, round, self.reduce.elements));
        self.crew.compared(total == vectors.reduce(add).unwrap_or_default());
        Ok(())
    }

    /// The numbers of a part, counted round and round.
    fn part(&self, number: usize) -> Range<u64> {
        let (nodes, elements) = (self.crew.nodes() as u64, u64::from(self.reduce.elements));
        let number = number as u64 % nodes;
        number * elements / nodes..(number + 1) * elements / nodes
    }

    /// Where the part of an adding step arrives.
    fn staging(&self, step: usize) -> u64 {
        let elements = u64::from(self.reduce.elements);
        elements + step as u64 * elements.div_ceil(self.crew.nodes() as u64)
    }

    /// Writes `numbers` to where the next node's number `to` is, and says that this was `step`.
    async fn pass(&self, numbers: &Range<u64>, to: u64, step: u64) -> Result<(), Status> {
        let length_bytes = ((numbers.end - numbers.start) * NUMBER) as u32;
        let sgl = [self.memory.sge(numbers.start * NUMBER, length_bytes, self.token)];
        let (address, token) = self.theirs;
        self.next.link.qp().write(step, &sgl, address + to * NUMBER, token, OpFlags::empty())?;
        self.next.link.say(&message(step, 0)).await
    }

    /// Waits until the previous node has passed `step`.
    async fn heard(&self, step: u64) -> Result<(), Status> {
        if words(&self.previous.hear().await?)?.0 == step { Ok(()) } else { Err(Status::DATA_ERROR) }
    }

    fn load(&self, from: u64, count: usize) -> Result<Vec<u32>, Status> {
        let bytes = self.memory.read(from * NUMBER, count * NUMBER as usize).map_err(|_| Status::UNSUCCESSFUL)?;
        Ok(numbers(&bytes))
    }

    fn store(&self, from: u64, numbers: &[u32]) -> Result<(), Status> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.memory.write(from * NUMBER, &bytes).map_err(|_| Status::UNSUCCESSFUL)
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// A node's vector of a round.
fn vector(seed: u64, node: usize, round: u64, elements: u32) -> Vec<u32> {
    numbers(&pattern::bytes(seed, node as u64, round, elements as usize * NUMBER as usize))
}

fn add(mut sum: Vec<u32>, more: Vec<u32>) -> Vec<u32> {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
    sum
}
