//! A send queue: WQEs from the ring, decoded, until their requests are complete.

use crate::cq::ControlBytes;
use crate::dma::{Purpose, Read};
use crate::port::{DmaError, Segment, Segments};
use crate::regs::cmd::QpContext;
use crate::regs::cqe::VendorSyndrome;
use crate::regs::wqe::{
    self, AddressVector, BLOCK_BYTES, Body, Control, Data, DataList, Opcode, SendWqe, UNITS_MAX, WqeFlags,
};
use crate::transport::{AtomicOperation, Remote, SendRequest, Suffix, Work};
use des::Time;
use std::collections::VecDeque;
use wire::Payload;

/// Blocks read at once: enough for a batch, and for the longest WQE.
const READ_BLOCKS_MAX: u32 = 64;
const _: () = assert!(READ_BLOCKS_MAX >= wqe::blocks(UNITS_MAX as u8));

/// A WQE under way. Its id is the free-running index of its first block.
#[derive(Clone, Debug)]
pub(crate) struct SendWork {
    pub(crate) id: u32,
    pub(crate) blocks: u32,
    pub(crate) wqe: SendWqe,
    pub(crate) length_bytes: u32,
    /// What is wrong with it here, found before or while it was executed.
    pub(crate) fault: VendorSyndrome,
}

/// A send queue.
#[derive(Clone, Debug)]
pub(crate) struct SendQueue {
    address: u64,
    log_blocks: u8,
    qpn: u32,
    datagram: bool,
    /// Blocks handed over by doorbells.
    pub(crate) producer: u32,
    /// The next block to read.
    next: u32,
    /// Blocks of completed requests.
    pub(crate) consumer: u32,
    /// The read under way covers so many blocks.
    reading: u32,
    /// The read under way was made before everything was forgotten.
    stale: bool,
    /// A WQE made no sense, so that the ones behind it cannot be found.
    broken: bool,
    works: VecDeque<SendWork>,
    works_max: usize,
}

impl SendQueue {
    pub(crate) fn new(qpn: u32, context: &QpContext, datagram: bool, works_max: u32) -> Self {
        Self {
            address: context.sq_address,
            log_blocks: context.log_sq_blocks,
            qpn,
            datagram,
            producer: 0,
            next: 0,
            consumer: 0,
            reading: 0,
            stale: false,
            broken: false,
            works: VecDeque::new(),
            works_max: works_max as usize,
        }
    }

    /// The driver has filled the ring up to `producer`; false if that is more than the ring holds.
    pub(crate) const fn ring(&mut self, producer: u32) -> bool {
        let fits = producer.wrapping_sub(self.next) <= 1 << self.log_blocks;
        if fits {
            self.producer = producer;
        }
        fits
    }

    /// Takes a WQE that was pushed, if nothing before it waits to be read; false if it must be read from the ring.
    pub(crate) fn push(&mut self, wqe: &[u8]) -> bool {
        let Some(control) = Control::read(wqe) else { return false };
        let next = self.next as u16 == control.index && self.next == self.producer;
        let blocks = wqe::blocks(control.units);
        let whole = blocks > 0 && wqe.len() == blocks as usize * BLOCK_BYTES && blocks <= 1 << self.log_blocks;
        if !next || !whole || self.reading > 0 || self.broken || self.works.len() >= self.works_max {
            return false;
        }
        self.producer = self.next.wrapping_add(blocks);
        self.decode(wqe);
        true
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.reading == 0 && !self.broken && self.next != self.producer && self.works.len() < self.works_max
    }

    /// A read of the next blocks.
    pub(crate) fn read(&mut self, at: Time) -> Read {
        let entries = 1_u32 << self.log_blocks;
        let count = self.producer.wrapping_sub(self.next).min(READ_BLOCKS_MAX).min(entries);
        self.reading = count;
        let first = self.next & (entries - 1);
        let before_end = count.min(entries - first);
        let mut segments = Segments::new();
        for (start, count) in [(first, before_end), (0, count - before_end)] {
            if count > 0 {
                let address = self.address + u64::from(start) * BLOCK_BYTES as u64;
                segments.push(Segment { address, length_bytes: count * BLOCK_BYTES as u32 });
            }
        }
        Read::control(at, Purpose::SendWqes { qpn: self.qpn }, segments)
    }

    /// The answer of [`read`](Self::read): gives how many WQEs are new at the end of the list.
    pub(crate) fn fetched(&mut self, data: Result<Payload, DmaError>) -> usize {
        let expected = std::mem::take(&mut self.reading) as usize * BLOCK_BYTES;
        if std::mem::take(&mut self.stale) || self.broken {
            return 0;
        }
        let before = self.works.len();
        match &data {
            Ok(payload) if payload.bytes().len() == expected => self.decode(payload.bytes()),
            _ => self.spoil(VendorSyndrome::DMA),
        }
        self.works.len() - before
    }

    /// Decodes WQEs as long as they are whole. One that reaches behind what was read is read again; one that reaches behind
    /// the producer index, or is not where it says, is malformed.
    fn decode(&mut self, mut bytes: &[u8]) {
        while let Some(control) = Control::read(bytes) {
            let blocks = wqe::blocks(control.units);
            let posted = self.producer.wrapping_sub(self.next);
            let here = control.index == self.next as u16 && control.qpn.value() == self.qpn;
            if !here || blocks == 0 || blocks > posted || usize::from(control.units) > UNITS_MAX {
                return self.spoil(VendorSyndrome::MALFORMED_WQE);
            }
            let length = blocks as usize * BLOCK_BYTES;
            if bytes.len() < length {
                return;
            }
            let (wqe, fault) = match SendWqe::decode(bytes, self.datagram) {
                Ok(wqe) => (wqe, VendorSyndrome::NONE),
                // It is as long as it says, so that those behind it can be flushed.
                Err(_) => (SendWqe { control, body: Body::Empty }, VendorSyndrome::MALFORMED_WQE),
            };
            let length_bytes = message_bytes(&wqe.body);
            let work = SendWork { id: self.next, blocks, wqe, length_bytes, fault };
            self.works.push_back(work);
            self.next = self.next.wrapping_add(blocks);
            bytes = &bytes[length..];
        }
    }

    /// The next WQE cannot be executed, nor those behind it be found.
    fn spoil(&mut self, fault: VendorSyndrome) {
        self.broken = true;
        let control = Control { index: self.next as u16, flags: WqeFlags::SIGNALLED, ..Control::default() };
        let wqe = SendWqe { control, body: Body::Empty };
        self.works.push_back(SendWork { id: self.next, blocks: 1, wqe, length_bytes: 0, fault });
        self.next = self.next.wrapping_add(1);
    }

    /// The oldest request under way.
    pub(crate) fn front(&self) -> Option<&SendWork> {
        self.works.front()
    }

    /// The request with this id, if it is under way.
    pub(crate) fn find(&self, id: u32) -> Option<&SendWork> {
        let front = self.works.front()?;
        if front.id == id {
            return Some(front);
        }
        let first = front.id;
        let position = self.works.partition_point(|work| work.id.wrapping_sub(first) < id.wrapping_sub(first));
        self.works.get(position).filter(|work| work.id == id)
    }

    /// Remembers why a request fails.
    pub(crate) fn blame(&mut self, id: u32, fault: VendorSyndrome) {
        if let Some(work) = self.works.iter_mut().find(|work| work.id == id) {
            work.fault = fault;
        }
    }

    /// The last `count` WQEs.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &SendWork> {
        self.works.iter().skip(self.works.len() - count)
    }

    /// Takes the oldest WQE: its request is complete.
    pub(crate) fn retire(&mut self) -> Option<SendWork> {
        let work = self.works.pop_front()?;
        self.consumer = work.id.wrapping_add(work.blocks);
        Some(work)
    }

    /// Forgets everything: the queue pair is reset.
    pub(crate) fn clear(&mut self) {
        self.stale = self.reading > 0;
        self.broken = false;
        self.works.clear();
        (self.producer, self.next, self.consumer) = (0, 0, 0);
    }
}

impl SendWork {
    /// What the transport is asked to do.
    pub(crate) fn request(&self) -> SendRequest {
        let control = &self.wqe.control;
        SendRequest {
            id: self.id,
            work: self.work(),
            length_bytes: self.length_bytes,
            signalled: control.flags.contains(WqeFlags::SIGNALLED),
            solicited: control.flags.contains(WqeFlags::SOLICITED),
            fence: control.flags.contains(WqeFlags::FENCE),
        }
    }

    fn work(&self) -> Work {
        let control = &self.wqe.control;
        let suffix = match control.opcode {
            Opcode::SEND_IMMEDIATE => Suffix::Immediate(control.immediate),
            Opcode::SEND_INVALIDATE => Suffix::Invalidate(control.immediate),
            _ => Suffix::None,
        };
        match &self.wqe.body {
            Body::Send(_) | Body::Datagram(..) => Work::Send(suffix),
            Body::Remote(remote, _) => {
                let remote = Remote { address: remote.address, rkey: remote.key };
                match control.opcode {
                    Opcode::READ => Work::Read { remote },
                    Opcode::WRITE_IMMEDIATE => Work::Write { remote, immediate: Some(control.immediate) },
                    _ => Work::Write { remote, immediate: None },
                }
            }
            Body::Atomic(remote, atomic, _) => {
                let operation = if control.opcode == Opcode::COMPARE_SWAP {
                    AtomicOperation::CompareSwap { compare: atomic.compare, swap: atomic.swap_or_add }
                } else {
                    AtomicOperation::FetchAdd { add: atomic.swap_or_add }
                };
                Work::Atomic { remote: Remote { address: remote.address, rkey: remote.key }, operation }
            }
            Body::Empty | Body::Bind(_) | Body::FastRegister(_) => Work::Local,
        }
    }

    /// Whether an answer brings data that its segments say where to put.
    pub(crate) fn awaits_data(&self) -> bool {
        match &self.wqe.body {
            Body::Remote(..) => self.wqe.control.opcode == Opcode::READ,
            body => matches!(body, Body::Atomic(..)),
        }
    }

    /// The message data.
    pub(crate) fn data(&self) -> WorkData<'_> {
        match &self.wqe.body {
            Body::Send(list) | Body::Datagram(_, list) | Body::Remote(_, list) => match list {
                DataList::Segments(segments) => WorkData::Segments(segments),
                DataList::Inline(bytes) => WorkData::Inline(bytes),
            },
            Body::Atomic(_, _, segment) => WorkData::Segments(std::slice::from_ref(segment)),
            Body::Empty | Body::Bind(_) | Body::FastRegister(_) => WorkData::Segments(&[]),
        }
    }

    /// Where a datagram goes.
    pub(crate) const fn address_vector(&self) -> Option<&AddressVector> {
        match &self.wqe.body {
            Body::Datagram(vector, _) => Some(vector),
            _ => None,
        }
    }
}

/// Message data of a WQE.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WorkData<'a> {
    Segments(&'a [Data]),
    Inline(&'a bytes::Bytes),
}

/// Bytes of the message, saturated: what does not fit 32 bits is too long in any case.
fn message_bytes(body: &Body) -> u32 {
    match body {
        Body::Send(list) | Body::Datagram(_, list) | Body::Remote(_, list) => match list {
            DataList::Segments(segments) => {
                segments.iter().fold(0, |sum: u32, segment| sum.saturating_add(segment.length_bytes))
            }
            DataList::Inline(bytes) => bytes.len() as u32,
        },
        Body::Atomic(..) => 8,
        Body::Empty | Body::Bind(_) | Body::FastRegister(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::wqe::RemoteAddress;
    use wire::Qpn;

    const QPN: u32 = 5;

    fn queue() -> SendQueue {
        SendQueue::new(QPN, &QpContext { sq_address: 0x4000, log_sq_blocks: 3, ..QpContext::default() }, false, 8)
    }

    fn write(index: u16, segments: usize) -> Vec<u8> {
        let control = Control { index, opcode: Opcode::WRITE, qpn: Qpn::new(QPN), ..Control::default() };
        let list = DataList::Segments(vec![Data { length_bytes: 10, key: 1, address: 0 }; segments].into());
        SendWqe { control, body: Body::Remote(RemoteAddress::default(), list) }.encode()
    }

    #[test]
    fn wqes_of_several_blocks_are_found_by_their_first() {
        let mut queue = queue();
        assert!(queue.ring(4));
        let read = queue.read(Time::ZERO);
        assert_eq!((read.segments[0].address, read.segments[0].length_bytes), (0x4000, 256));
        let bytes = [write(0, 1), write(1, 4), write(3, 0)].concat();
        assert_eq!(queue.fetched(Ok(Payload::Bytes(bytes.into()))), 3);
        assert_eq!(queue.find(1).map(|work| work.length_bytes), Some(40));
        assert!(queue.find(2).is_none() && queue.find(3).is_some());
        let order: Vec<u32> = std::iter::from_fn(|| queue.retire()).map(|work| work.id).collect();
        assert_eq!((order, queue.consumer), (vec![0, 1, 3], 4));
    }

    #[test]
    fn a_wqe_that_says_another_index_spoils_the_queue() {
        let mut queue = queue();
        assert!(queue.ring(2));
        queue.read(Time::ZERO);
        let bytes = [write(0, 1), write(7, 1)].concat();
        assert_eq!(queue.fetched(Ok(Payload::Bytes(bytes.into()))), 2);
        assert_eq!(queue.find(1).map(|work| work.fault), Some(VendorSyndrome::MALFORMED_WQE));
        assert!(queue.ring(3) && !queue.wants_read(), "what follows cannot be found");
    }

    #[test]
    fn a_push_is_taken_only_in_its_turn() {
        let mut queue = queue();
        assert!(!queue.push(&write(1, 1)), "an earlier one was not seen");
        assert!(queue.push(&write(0, 1)));
        assert!(!queue.push(&write(1, 4)[..64]), "a part of two blocks");
        assert!(queue.ring(2) && !queue.push(&write(2, 1)), "an earlier one waits to be read");
    }

    #[test]
    fn doorbells_beyond_the_ring_are_refused() {
        let mut queue = queue();
        assert!(!queue.ring(9) && !queue.ring(u32::MAX));
        assert!(queue.ring(8));
    }

    #[test]
    fn reads_go_around_the_end_of_the_ring() {
        let mut queue = queue();
        assert!(queue.ring(7));
        queue.read(Time::ZERO);
        let bytes = (0..7).flat_map(|index| write(index, 1)).collect::<Vec<_>>();
        assert_eq!(queue.fetched(Ok(Payload::Bytes(bytes.into()))), 7);
        assert!(queue.ring(10));
        let read = queue.read(Time::ZERO);
        let pieces: Vec<u64> = read.segments.iter().map(|segment| segment.address).collect();
        assert_eq!(pieces, [0x4000 + 7 * 64, 0x4000]);
    }
}
