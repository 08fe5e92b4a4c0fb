//! Which requests a program makes.

use super::reference::{Message, Posted, Work};
use super::stage::{MESSAGE_MAX, Piece, SLAB_BYTES, Stage, WORDS};
use des::Rng;
use nic_model::regs::cmd::{KeyKind, QpType, Rights};
use nic_model::regs::wqe::{
    AddressVector, Atomic, Bind, Body, DataList, FastRegister, Opcode, RemoteAddress, WqeFlags,
};
use nic_model::transport::AtomicOperation;
use wire::Qpn;

/// One request in so many has a flag or property.
const SIGNALLED: u64 = 2;
const RARE: u64 = 4;
/// Longest inline message that is drawn.
const INLINE_MAX: u64 = 200;

/// A request with its WQE.
pub(super) struct Draft {
    pub(super) opcode: Opcode,
    pub(super) flags: WqeFlags,
    pub(super) immediate: u32,
    pub(super) body: Body,
    pub(super) work: Work,
}

impl Draft {
    pub(super) fn plain(opcode: Opcode, body: Body, work: Work) -> Self {
        Self { opcode, flags: WqeFlags::SIGNALLED, immediate: 0, body, work }
    }
}

/// Draws from one random stream.
pub(super) struct Draw<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) stage: &'a mut Stage,
    pub(super) pair: usize,
    pub(super) from: usize,
    /// What this end has posted in this round.
    pub(super) before: &'a [Posted],
}

impl Draw<'_> {
    fn one_in(&mut self, cases: u64) -> bool {
        self.rng.below(cases) == 0
    }

    /// A request that succeeds.
    pub(super) fn request(&mut self) -> Draft {
        let mut flags = WqeFlags::empty();
        flags.set(WqeFlags::SIGNALLED, self.one_in(SIGNALLED));
        flags.set(WqeFlags::SOLICITED, self.one_in(RARE));
        flags.set(WqeFlags::FENCE, self.one_in(RARE));
        let immediate = self.rng.next_u64() as u32;
        let solicited = flags.contains(WqeFlags::SOLICITED);
        let draft = match (self.stage.types[self.pair], self.rng.below(8)) {
            (QpType::UD, _) => self.datagram(immediate, solicited),
            (_, 0) => Draft::plain(Opcode::NOP, Body::Empty, Work::Local),
            (_, 1 | 2) => self.send(immediate, solicited, flags.contains(WqeFlags::FENCE)),
            (QpType::UC, _) | (_, 3 | 4) => self.write(immediate, solicited),
            (_, 5 | 6) => self.read(),
            _ => self.atomic(),
        };
        let immediate = if draft.immediate == 0 { immediate } else { draft.immediate };
        Draft { flags, immediate, ..draft }
    }

    fn length(&mut self) -> u32 {
        let most = [1, 16, 300, u64::from(MESSAGE_MAX) + 1][self.rng.below(4) as usize];
        self.rng.below(most) as u32
    }

    /// Message data: from the source, or inline.
    fn data(&mut self, length: u32) -> (DataList, Vec<u8>) {
        let (list, bytes) = self.stage.source(self.rng, self.from, length);
        if u64::from(length) <= INLINE_MAX && self.one_in(2) {
            return (DataList::Inline(bytes.clone().into()), bytes);
        }
        (list, bytes)
    }

    fn send(&mut self, immediate: u32, solicited: bool, fenced: bool) -> Draft {
        // A fence orders a send after the read whose data it sends on.
        let read = self.before.iter().rev().find_map(|posted| match &posted.work {
            Work::Read { sink, .. } if fenced => Some(sink.clone()),
            _ => None,
        });
        let (list, bytes) = match &read {
            Some(sink) => (DataList::Segments(self.stage.sink_data(self.from, sink).into()), Vec::new()),
            None => {
                let length = self.length();
                self.data(length)
            }
        };
        let with = self.one_in(2);
        let peer = &mut self.stage.pairs[self.pair][1 - self.from];
        let extra = peer.extras.iter_mut().find(|extra| extra.dying && extra.opens.is_some());
        let mut message = Message { bytes, read, solicited, ..Message::default() };
        let (opcode, immediate) = match extra {
            Some(extra) => {
                extra.opens = None;
                message.invalidated = Some(extra.key);
                (Opcode::SEND_INVALIDATE, extra.key)
            }
            None if with => {
                message.immediate = Some(immediate);
                (Opcode::SEND_IMMEDIATE, immediate)
            }
            None => (Opcode::SEND, 0),
        };
        Draft { immediate, ..Draft::plain(opcode, Body::Send(list), Work::Send(message)) }
    }

    fn datagram(&mut self, immediate: u32, solicited: bool) -> Draft {
        let length = self.length();
        let (list, bytes) = self.data(length);
        let peer = 1 - self.from;
        let vector = AddressVector {
            dest_qpn: Qpn::new(self.stage.pairs[self.pair][peer].qp.number),
            qkey: 7,
            dest_mac: self.stage.world.nodes[peer].nic.config().ports[0].mac.0,
            dest_gid: crate::support::driver::ip(peer).into(),
            ..AddressVector::default()
        };
        let with = self.one_in(2);
        let message = Message { bytes, solicited, immediate: with.then_some(immediate), ..Message::default() };
        let opcode = if with { Opcode::SEND_IMMEDIATE } else { Opcode::SEND };
        Draft::plain(opcode, Body::Datagram(vector, list), Work::Send(message))
    }

    /// A part of the peer's slab, and a key for it: the region's, or one that a WQE has given its meaning.
    fn remote(&mut self, length: u32) -> (u64, RemoteAddress) {
        let peer = &self.stage.pairs[self.pair][1 - self.from];
        let whole = Piece { offset: 0, length: SLAB_BYTES as u32 };
        let open = peer.extras.iter().filter(|extra| !extra.dying);
        let mut keys: Vec<(u32, Piece)> = open.filter_map(|extra| Some((extra.key, extra.opens?))).collect();
        keys.push((peer.slab.key, whole));
        keys.retain(|(_, part)| part.length >= length);
        let (key, part) = keys[self.rng.below(keys.len() as u64) as usize];
        let at = part.offset + self.rng.below(u64::from(part.length - length) + 1);
        (at, RemoteAddress { address: peer.slab.address() + at, key })
    }

    fn write(&mut self, immediate: u32, solicited: bool) -> Draft {
        let length = self.length();
        let (at, remote) = self.remote(length);
        let (list, bytes) = self.data(length);
        let with = self.one_in(RARE);
        let message = with.then(|| Message {
            by_write: true,
            length,
            solicited,
            immediate: Some(immediate),
            ..Message::default()
        });
        let opcode = if with { Opcode::WRITE_IMMEDIATE } else { Opcode::WRITE };
        Draft::plain(opcode, Body::Remote(remote, list), Work::Write { at, bytes, message })
    }

    fn read(&mut self) -> Draft {
        let length = self.length();
        let (at, remote) = self.remote(length);
        let sink = self.stage.sink(self.rng, self.from, length);
        let list = DataList::Segments(self.stage.sink_data(self.from, &sink).into());
        Draft::plain(Opcode::READ, Body::Remote(remote, list), Work::Read { at, length, sink })
    }

    fn atomic(&mut self) -> Draft {
        let at = SLAB_BYTES + 8 * self.rng.below(WORDS);
        let peer = &self.stage.pairs[self.pair][1 - self.from];
        let remote = RemoteAddress { address: peer.slab.address() + at, key: peer.slab.key };
        // Values from a small set, so that comparisons succeed now and then.
        let (compare, swap_or_add) = (self.rng.below(3), self.rng.below(3));
        let sink = self.stage.sink_word(self.from);
        let data = self.stage.sink_data(self.from, &sink)[0];
        let body = Body::Atomic(remote, Atomic { swap_or_add, compare }, data);
        let (opcode, operation) = if self.one_in(2) {
            (Opcode::COMPARE_SWAP, AtomicOperation::CompareSwap { compare, swap: swap_or_add })
        } else {
            (Opcode::FETCH_ADD, AtomicOperation::FetchAdd { add: swap_or_add })
        };
        Draft::plain(opcode, body, Work::Atomic { at, operation, sink })
    }

    /// Opens a part of this end's slab by a key that is free, or closes it again.
    pub(super) fn key_change(&mut self) -> Option<Draft> {
        let end = &mut self.stage.pairs[self.pair][self.from];
        let slot = self.rng.below(end.extras.len() as u64) as usize;
        let (address, region_key) = (end.slab.address(), end.slab.key);
        let extra = &mut end.extras[slot];
        if extra.opens.is_some() && extra.kind != KeyKind::WINDOW_1 {
            if self.rng.below(2) == 0 {
                // The peer will do it.
                extra.dying = true;
                return None;
            }
            let key = extra.key;
            extra.opens = None;
            let draft = Draft::plain(Opcode::LOCAL_INVALIDATE, Body::Empty, Work::Local);
            return Some(Draft { immediate: key, ..draft });
        }
        let from = self.rng.below(SLAB_BYTES / 2);
        let unbinds = extra.opens.is_some() && self.rng.below(2) == 0;
        let length = if unbinds { 0 } else { 1 + self.rng.below(SLAB_BYTES / 2) as u32 };
        let new_key = extra.key & !0xff | u32::from(self.rng.next_u64() as u8);
        let remote = Rights::REMOTE_READ | Rights::REMOTE_WRITE;
        let (opcode, body) = if extra.kind == KeyKind::FAST_REGISTER {
            let body = FastRegister {
                key: new_key,
                rights: remote | Rights::LOCAL_WRITE,
                start: address,
                length_bytes: from + u64::from(length),
                list_address: end.pages,
                page_count: end.slab.mdl.pages.len() as u32,
                page_shift: 12,
            };
            (Opcode::FAST_REGISTER, Body::FastRegister(body))
        } else {
            let body = Bind {
                window_key: extra.key,
                new_key,
                region_key,
                rights: remote,
                address: address + from,
                length_bytes: length.into(),
            };
            (Opcode::BIND_WINDOW, Body::Bind(body))
        };
        extra.key = new_key;
        extra.opens = (!unbinds).then_some(Piece { offset: from, length });
        Some(Draft::plain(opcode, body, Work::Local))
    }
}
