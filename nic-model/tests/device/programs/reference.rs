//! What must come of a program: requests of a queue pair happen one after the other, each once, and nothing else happens.
//!
//! The one freedom is that of IBTA volume 1, table 79: a READ may see what later requests wrote, up to the next fence.

use super::stage::{GRH, Home, Piece, SLAB_BYTES, Stage, WORDS};
use crate::support::driver::pattern;
use crate::support::{Registered, World};
use nic_model::regs::cmd::QpType;
use nic_model::regs::cqe::{Cqe, CqeFlags, CqeOpcode, Syndrome};
use nic_model::regs::wqe::{Opcode, WqeFlags};
use nic_model::transport::AtomicOperation;

/// A message as the peer must receive it.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    /// The bytes are what a read has put there.
    pub(super) read: Option<Vec<Piece>>,
    pub(super) by_write: bool,
    /// Of a write with immediate.
    pub(super) length: u32,
    pub(super) solicited: bool,
    pub(super) immediate: Option<u32>,
    pub(super) invalidated: Option<u32>,
}

/// What a request does to the peer.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Local,
    Send(Message),
    Write { at: u64, bytes: Vec<u8>, message: Option<Message> },
    Read { at: u64, length: u32, sink: Vec<Piece> },
    Atomic { at: u64, operation: AtomicOperation, sink: Vec<Piece> },
}

/// A request that was posted.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    /// Index of its first block.
    pub(super) index: u32,
    pub(super) opcode: Opcode,
    pub(super) flags: WqeFlags,
    pub(super) work: Work,
}

/// All memory as it must be.
pub(super) struct Reference {
    /// Slab of each end of each pair.
    slabs: Vec<[Vec<u8>; 2]>,
    sinks: [Vec<u8>; 2],
}

/// A read whose bytes are judged when all later writes are known.
struct Seen {
    place: usize,
    at: usize,
    /// What was there in its turn.
    then: Vec<u8>,
    got: Vec<u8>,
}

impl Reference {
    pub(super) fn new(stage: &Stage) -> Self {
        let slab = || pattern((SLAB_BYTES + 8 * WORDS) as usize, 8);
        let sink = |home: &Home| pattern(home.sink.mdl.length_bytes as usize, 2);
        let slabs = stage.pairs.iter().map(|_| [slab(), slab()]).collect();
        Self { slabs, sinks: [sink(&stage.homes[0]), sink(&stage.homes[1])] }
    }

    /// Executes what one end has posted in a round, of which all succeeds; gives the messages for the peer.
    ///
    /// With `torn` (an unreliable connection over a bad cable), a write may have happened in part or not at all.
    pub(super) fn execute(
        &mut self,
        stage: &mut Stage,
        (pair, from): (usize, usize),
        posted: &[Posted],
        torn: bool,
    ) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut writes: Vec<(usize, usize, Vec<u8>)> = Vec::new();
        let mut reads = Vec::new();
        for (place, request) in posted.iter().enumerate() {
            let slab = &mut self.slabs[pair][1 - from];
            match &request.work {
                Work::Local => {}
                Work::Send(message) => {
                    let bytes = message.read.as_ref().map(|pieces| gather(&self.sinks[from], pieces));
                    let bytes = bytes.unwrap_or_else(|| message.bytes.clone());
                    messages.push(Message { length: bytes.len() as u32, bytes, ..message.clone() });
                }
                Work::Write { at, bytes, message } => {
                    slab[*at as usize..][..bytes.len()].copy_from_slice(bytes);
                    writes.push((place, *at as usize, bytes.clone()));
                    messages.extend(message.clone());
                }
                Work::Read { at, length, sink } => {
                    let then = slab[*at as usize..][..*length as usize].to_vec();
                    let got = stage.bytes(from, sink);
                    scatter(&mut self.sinks[from], sink, &got);
                    reads.push(Seen { place, at: *at as usize, then, got });
                }
                Work::Atomic { at, operation, sink } => {
                    let word = &mut slab[*at as usize..][..8];
                    let original = u64::from_le_bytes((&*word).try_into().expect("eight bytes"));
                    word.copy_from_slice(&operation.apply(original).to_le_bytes());
                    writes.push((place, *at as usize, word.to_vec()));
                    scatter(&mut self.sinks[from], sink, &original.to_le_bytes());
                }
            }
        }
        for read in reads {
            read.judge(posted, &writes);
        }
        self.compare_slab(stage, (pair, 1 - from), &writes, torn);
        messages
    }

    fn compare_slab(
        &mut self,
        stage: &Stage,
        (pair, side): (usize, usize),
        writes: &[(usize, usize, Vec<u8>)],
        torn: bool,
    ) {
        let slab = &mut self.slabs[pair][side];
        let memory = contents(&stage.world, side, &stage.pairs[pair][side].slab);
        if torn {
            for (_, at, bytes) in writes {
                slab[*at..][..bytes.len()].copy_from_slice(&memory[*at..][..bytes.len()]);
            }
        }
        let differs = slab.iter().zip(&memory).position(|(expected, got)| expected != got);
        assert_eq!(differs, None, "byte of the slab of pair {pair}, side {side}");
    }

    /// Holds the successful receives of a queue pair against the messages that its peer has sent.
    pub(super) fn receive(
        &mut self,
        stage: &mut Stage,
        (pair, side): (usize, usize),
        cqes: &[Cqe],
        messages: &[Message],
        torn: bool,
    ) {
        let datagram = stage.types[pair] == QpType::UD;
        let mut messages = messages.iter();
        let name = format!("pair {pair}, side {side}");
        let mut next = || messages.next();
        for cqe in cqes {
            let queue = &mut stage.receives[stage.pairs[pair][side].queue];
            let pieces = queue.live.remove(&cqe.wqe_index);
            let pieces = pieces.unwrap_or_else(|| panic!("{name}: receive {} is used twice", cqe.wqe_index));
            let received = stage.bytes(side, &pieces);
            let fits = |message: &&Message| message.is(cqe, &received, datagram);
            let message = match torn {
                true => std::iter::from_fn(&mut next).find(fits),
                false => next(),
            };
            let Some(message) = message.filter(fits) else { panic!("{name}: {cqe:?} is not {message:?}") };
            if torn {
                scatter(&mut self.sinks[side], &pieces, &received);
            } else if !message.by_write {
                let header = if datagram { GRH as usize } else { 0 };
                let header = [&received[..header], &message.bytes].concat();
                scatter(&mut self.sinks[side], &pieces, &header);
            }
        }
        assert!(torn || next().is_none(), "{name}: a message was not received");
    }

    /// Takes what is in the buffers of receives as given.
    pub(super) fn adopt(&mut self, stage: &Stage, side: usize, pieces: &[Piece]) {
        scatter(&mut self.sinks[side], pieces, &stage.bytes(side, pieces));
    }

    pub(super) fn compare_sinks(&self, stage: &Stage) {
        for (side, sink) in self.sinks.iter().enumerate() {
            let memory = contents(&stage.world, side, &stage.homes[side].sink);
            let differs = sink.iter().zip(&memory).position(|(expected, got)| expected != got);
            assert_eq!(differs, None, "byte of the sink of host {side}");
        }
    }
}

impl Seen {
    /// Every byte is what was there in its turn, or what a later request wrote before the next fence.
    fn judge(&self, posted: &[Posted], writes: &[(usize, usize, Vec<u8>)]) {
        let fence = (self.place + 1..posted.len()).find(|later| posted[*later].flags.contains(WqeFlags::FENCE));
        let end = fence.unwrap_or(posted.len());
        let later = || writes.iter().filter(|(place, ..)| (self.place..end).contains(place));
        for (index, (then, got)) in self.then.iter().zip(&self.got).enumerate() {
            let at = self.at + index;
            let written = || later().any(|(_, from, bytes)| at >= *from && bytes.get(at - from) == Some(got));
            assert!(then == got || written(), "request {}: byte {index} of a read is {got:#x}", self.place);
        }
    }
}

impl Message {
    fn is(&self, cqe: &Cqe, received: &[u8], datagram: bool) -> bool {
        let opcode = match (self.by_write, self.immediate, self.invalidated) {
            (true, ..) => CqeOpcode::RECEIVED_WRITE_IMMEDIATE,
            (_, Some(_), _) => CqeOpcode::RECEIVED_SEND_IMMEDIATE,
            (_, _, Some(_)) => CqeOpcode::RECEIVED_SEND_INVALIDATE,
            _ => CqeOpcode::RECEIVED_SEND,
        };
        let header = if datagram { GRH } else { 0 };
        cqe.opcode == opcode
            && cqe.syndrome == Syndrome::NONE
            && cqe.byte_count == self.length + header
            && cqe.immediate == self.immediate.or(self.invalidated).unwrap_or(0)
            && cqe.flags.contains(CqeFlags::SOLICITED) == self.solicited
            && (self.by_write || received[header as usize..][..self.bytes.len()] == self.bytes)
    }
}

impl Stage {
    /// What pieces of a host's sink hold.
    fn bytes(&self, side: usize, pieces: &[Piece]) -> Vec<u8> {
        let (memory, sink) = (&self.world.nodes[side].memory, &self.homes[side].sink.mdl);
        let read = |piece: &Piece| {
            let mut bytes = vec![0; piece.length as usize];
            memory.read_buffer(sink, piece.offset, &mut bytes).expect("the sink is memory");
            bytes
        };
        pieces.iter().flat_map(read).collect()
    }
}

fn contents(world: &World, node: usize, buffer: &Registered) -> Vec<u8> {
    let mut bytes = vec![0; buffer.mdl.length_bytes as usize];
    world.nodes[node].memory.read_buffer(&buffer.mdl, 0, &mut bytes).expect("the buffer is memory");
    bytes
}

fn gather(memory: &[u8], pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| &memory[piece.offset as usize..][..piece.length as usize]).copied().collect()
}

fn scatter(memory: &mut [u8], pieces: &[Piece], mut bytes: &[u8]) {
    for piece in pieces {
        let length = bytes.len().min(piece.length as usize);
        memory[piece.offset as usize..][..length].copy_from_slice(&bytes[..length]);
        bytes = &bytes[length..];
    }
}
