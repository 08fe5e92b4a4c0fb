//! A queue of receive WQEs in host memory, own or shared: read ahead in batches, together with the driver's record.

use crate::cq::ControlBytes;
use crate::dma::{Purpose, Read, piece};
use crate::port::{DmaError, Segment, Segments};
use crate::regs::doorbell::ReceiveRecord;
use crate::regs::wqe::{Data, decode_receive};
use des::Time;
use smallvec::SmallVec;
use std::collections::VecDeque;
use wire::Payload;

/// Where a ring is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) address: u64,
    pub(crate) log_wqes: u8,
    pub(crate) log_stride: u8,
    pub(crate) record_address: u64,
}

/// A receive WQE that has been read.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    /// Free-running index in its queue.
    pub(crate) index: u32,
    /// Few have more than two.
    pub(crate) segments: SmallVec<[Data; 2]>,
}

impl Receive {
    /// Bytes that it holds.
    pub(crate) fn capacity(&self) -> u32 {
        self.segments.iter().fold(0, |sum: u32, segment| sum.saturating_add(segment.length_bytes))
    }
}

/// A queue of receive WQEs.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveQueue {
    ring: Ring,
    /// Read and not used.
    ready: VecDeque<Receive>,
    /// Index of the next WQE to read.
    next: u32,
    /// As the record said last.
    producer: u32,
    /// WQEs read at once.
    batch: u32,
    /// A read is under way.
    reading: bool,
    /// The read under way was made before everything was forgotten, or before the ring was changed.
    stale: bool,
    /// The record has claimed more than the ring holds. It is not believed any more.
    closed: bool,
}

impl ReceiveQueue {
    pub(crate) const fn new(ring: Ring, batch: u32) -> Self {
        Self { ring, ready: VecDeque::new(), next: 0, producer: 0, batch, reading: false, stale: false, closed: false }
    }

    /// Takes the next WQE that has been read.
    pub(crate) fn take(&mut self) -> Option<Receive> {
        self.ready.pop_front()
    }

    /// The next WQE that has been read.
    pub(crate) fn peek(&self) -> Option<&Receive> {
        self.ready.front()
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) const fn is_reading(&self) -> bool {
        self.reading
    }

    /// WQEs used up.
    pub(crate) fn consumed(&self) -> u32 {
        self.next.wrapping_sub(self.ready.len() as u32)
    }

    /// WQEs posted and not used up, as far as the record is known.
    pub(crate) fn posted(&self) -> u32 {
        self.producer.wrapping_sub(self.consumed())
    }

    /// Whether the driver has posted more than was read, as far as the record is known.
    pub(crate) const fn has_more(&self) -> bool {
        self.producer != self.next
    }

    /// Whether reading ahead is worth it: half of the last batch is used up and more is there.
    pub(crate) fn wants_more(&self) -> bool {
        !self.reading && self.has_more() && self.ready.len() as u32 <= self.batch / 2
    }

    /// A read of the record and the next WQEs, in one: they are valid as far as the record, read first, says.
    pub(crate) fn refill(&mut self, at: Time, purpose: Purpose) -> Read {
        self.reading = true;
        let mut segments: Segments = piece(self.ring.record_address, ReceiveRecord::BYTES as u32);
        let entries = 1_u32 << self.ring.log_wqes;
        let count = self.batch.min(entries - self.ready.len().min(entries as usize) as u32);
        let first = self.next & (entries - 1);
        let before_end = count.min(entries - first);
        for (start, count) in [(first, before_end), (0, count - before_end)] {
            if count > 0 {
                let address = self.ring.address + (u64::from(start) << self.ring.log_stride);
                segments.push(Segment { address, length_bytes: count << self.ring.log_stride });
            }
        }
        Read::control(at, purpose, segments)
    }

    /// The answer of [`refill`](Self::refill); false if it came too late to count. A record that claims more than the
    /// ring holds is taken for a full ring, once: else the device would go around it for ever.
    ///
    /// # Errors
    /// That of the read.
    pub(crate) fn refilled(&mut self, data: Result<Payload, DmaError>) -> Result<bool, DmaError> {
        self.reading = false;
        if std::mem::take(&mut self.stale) {
            return Ok(false);
        }
        let data = data?;
        let bytes = data.bytes();
        let Some(record) = ReceiveRecord::read(bytes) else { return Ok(true) };
        let ready = self.ready.len() as u32;
        let room = (1_u32 << self.ring.log_wqes).saturating_sub(ready);
        let posted = record.producer.wrapping_sub(self.next);
        // A producer index behind what was read is an old record, or nonsense.
        let posted = match posted {
            _ if self.closed => self.producer.wrapping_sub(self.next),
            0x8000_0001.. => 0,
            claimed => {
                self.closed = claimed > room;
                claimed.min(room)
            }
        };
        self.producer = self.next.wrapping_add(posted);
        let wqes = bytes[ReceiveRecord::BYTES..].chunks_exact(1 << self.ring.log_stride);
        for wqe in wqes.take(posted as usize) {
            self.ready.push_back(Receive { index: self.next, segments: decode_receive(wqe) });
            self.next = self.next.wrapping_add(1);
        }
        Ok(true)
    }

    /// Goes on in another ring, which has all WQEs that were not read, each in its slot. A read of the old one is too late.
    pub(crate) const fn switch(&mut self, ring: Ring) {
        self.ring = ring;
        self.stale = self.reading;
    }

    /// Forgets everything: the queue pair is reset.
    pub(crate) fn clear(&mut self) {
        *self = Self { reading: self.reading, stale: self.reading, ..Self::new(self.ring, self.batch) };
    }
}

/// A shared receive queue.
#[derive(Clone, Debug)]
pub(crate) struct SharedQueue {
    pub(crate) queue: ReceiveQueue,
    pub(crate) pd: u32,
    /// Event below so many WQEs; zero: none.
    pub(crate) limit: u32,
    /// Queue pairs whose packets wait for WQEs.
    pub(crate) waiting: VecDeque<u32>,
    pub(crate) dead: bool,
    pub(crate) users: u32,
    pub(crate) context: crate::regs::cmd::SrqContext,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::wqe::encode_receive;

    const RING: Ring = Ring { address: 0x1000, log_wqes: 2, log_stride: 5, record_address: 0x800 };

    fn answer(producer: u32, segments: &Segments) -> Payload {
        let mut bytes = ReceiveRecord { producer }.encode().to_vec();
        let wqes = segments[1..].iter().map(|segment| segment.length_bytes >> 5).sum::<u32>();
        for wqe in 0..wqes {
            let segment = Data { length_bytes: 100 + wqe, key: 3, address: 0 };
            bytes.extend(encode_receive(&[segment], 32));
        }
        Payload::Bytes(bytes.into())
    }

    fn refill(queue: &mut ReceiveQueue, producer: u32) {
        let read = queue.refill(Time::ZERO, Purpose::ReceiveWqes { qpn: 2 });
        queue.refilled(Ok(answer(producer, &read.segments))).expect("the read went well");
    }

    #[test]
    fn wqes_are_valid_as_far_as_the_record_says() {
        let mut queue = ReceiveQueue::new(RING, 3);
        refill(&mut queue, 2);
        assert_eq!((queue.posted(), queue.has_more()), (2, false));
        assert_eq!(queue.take().map(|receive| (receive.index, receive.capacity())), Some((0, 100)));
        assert_eq!(queue.take().map(|receive| receive.index), Some(1));
        assert!(queue.take().is_none());
        assert_eq!(queue.consumed(), 2);
    }

    #[test]
    fn reads_go_around_the_end_of_the_ring() {
        let mut queue = ReceiveQueue::new(RING, 3);
        refill(&mut queue, 4);
        assert!(queue.has_more() && !queue.wants_more());
        while queue.take().is_some() {}
        let read = queue.refill(Time::ZERO, Purpose::ReceiveWqes { qpn: 2 });
        let pieces: Vec<(u64, u32)> =
            read.segments.iter().map(|segment| (segment.address, segment.length_bytes)).collect();
        assert_eq!(pieces, [(0x800, 8), (0x1060, 32), (0x1000, 64)]);
    }

    #[test]
    fn nonsense_in_the_record_is_bounded_by_the_ring() {
        let mut queue = ReceiveQueue::new(RING, 3);
        refill(&mut queue, u32::MAX - 5);
        assert_eq!(queue.posted(), 0, "an index from the past posts nothing");
        for _ in 0..3 {
            refill(&mut queue, 1000);
            while queue.take().is_some() {}
        }
        assert_eq!((queue.consumed(), queue.posted()), (4, 0), "one ring, and no more");
    }
}
