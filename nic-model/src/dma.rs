//! The device's side of the bus: tags of reads under way, prices, and the order of what is written.

use crate::pcie::{Pcie, bytes};
use crate::port::{DmaKind, DmaTag, Outbox, Output, Segment, Segments};
use crate::regs::counters::Counters;
use crate::tx::Place;
use des::{Dur, Time};
use slab::Slab;
use wire::Payload;

/// The present call: its moment and where outputs go.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    pub(crate) now: Time,
    /// Payload that is booked is there if it has come by then: of one moment, frames are heard before it.
    pub(crate) fetched_by: Time,
    pub(crate) out: &'a mut Outbox,
}

impl Cx<'_> {
    /// Says something that happens at `at`.
    pub(crate) fn say(&mut self, at: Time, output: Output) {
        self.out.push((at.since(self.now), output));
    }
}

/// What a read is for: who gets its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The slot of the command that the firmware is to run.
    CommandSlot,
    /// Its input mailbox.
    CommandInput,
    /// The slot of a polled command.
    PolledSlot,
    /// Its input mailbox.
    PolledInput,
    /// Blocks of a send queue.
    SendWqes { qpn: u32 },
    /// Record and WQEs of a queue pair's receive queue.
    ReceiveWqes { qpn: u32 },
    /// Record and WQEs of a shared receive queue.
    SharedWqes { srqn: u32 },
    /// Consumer index of a CQ.
    CqRecord { cqn: u32 },
    /// Payload of packets that wait in a lane one behind the other.
    Gather { port: u8, place: Place, packets: u16 },
    /// Page list of a fast registration.
    PageList { qpn: u32, id: u32 },
    /// Operand of an atomic.
    Atomic { bucket: u32 },
}

/// Bits of a tag that are the slot; the rest tells lives of the device apart.
const SLOT_BITS: u32 = 24;

/// Reads under way and the link.
#[derive(Clone, Debug)]
pub(crate) struct Dma {
    pcie: Pcie,
    reads: Slab<Purpose>,
    life: u8,
}

impl Dma {
    pub(crate) const fn new(pcie: Pcie, life: u8) -> Self {
        Self { pcie, reads: Slab::new(), life }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        self.pcie.touch()
    }

    /// Reads `segments` from `at` on.
    pub(crate) fn read(&mut self, cx: &mut Cx<'_>, counters: &mut Counters, read: Read) -> Time {
        let done = match read.purpose {
            // The link is not booked for a time that passes for a waiting processor only.
            Purpose::PolledSlot | Purpose::PolledInput => {
                let done = self.pcie.quote(read.at, &read.segments);
                count(counters, &read.segments, done.since(read.at));
                done
            }
            _ => self.book(counters, read.at, &read.segments),
        };
        self.ask(cx, read.purpose, read.segments, DmaKind::Control, done);
        done
    }

    /// Books the link for a read at `at`; gives when its last byte is there. [`ask`](Self::ask) must follow.
    #[inline]
    pub(crate) fn book(&mut self, counters: &mut Counters, at: Time, segments: &Segments) -> Time {
        let done = self.pcie.read(at, segments);
        count(counters, segments, done.since(at));
        done
    }

    /// Asks the host for what has been booked, to be answered at `done`.
    pub(crate) fn ask(&mut self, cx: &mut Cx<'_>, purpose: Purpose, segments: Segments, kind: DmaKind, done: Time) {
        let slot = self.reads.insert(purpose) as u32;
        let tag = DmaTag(u32::from(self.life) << SLOT_BITS | slot & ((1 << SLOT_BITS) - 1));
        cx.say(done, Output::DmaRead { tag, segments, kind });
    }

    /// What the read of `tag` is for, if it is under way.
    pub(crate) fn purpose(&self, tag: DmaTag) -> Option<Purpose> {
        let (life, slot) = (tag.0 >> SLOT_BITS, tag.0 & ((1 << SLOT_BITS) - 1));
        self.reads.get(slot as usize).copied().filter(|_| life == u32::from(self.life))
    }

    /// Whose answer `tag` is; `None` for answers to an earlier life of the device, and nonsense.
    pub(crate) fn take(&mut self, tag: DmaTag) -> Option<Purpose> {
        let (life, slot) = (tag.0 >> SLOT_BITS, tag.0 & ((1 << SLOT_BITS) - 1));
        if life != u32::from(self.life) {
            return None;
        }
        self.reads.try_remove(slot as usize)
    }

    /// Writes `data` to `segments` at `at`; gives when it is visible. The host hears nothing of data that was elided.
    pub(crate) fn write(
        &mut self,
        cx: &mut Cx<'_>,
        counters: &mut Counters,
        at: Time,
        segments: Segments,
        data: Payload,
    ) -> Time {
        let visible = self.book_write(counters, at, &segments);
        if !matches!(data, Payload::Elided(_)) {
            cx.say(visible, Output::DmaWrite { segments, data });
        }
        visible
    }

    /// Books the link for a write at `at`; gives when it is visible.
    #[inline]
    pub(crate) fn book_write(&mut self, counters: &mut Counters, at: Time, segments: &Segments) -> Time {
        let visible = self.pcie.write(at, segments);
        counters.dma_writes += 1;
        counters.dma_write_bytes += bytes(segments);
        visible
    }

    /// Reads `length_bytes` that a cache misses at `at`, once it may at `start`: when they are there. What they say is known
    /// already.
    pub(crate) fn fetch(&mut self, counters: &mut Counters, at: Time, start: Time, length_bytes: u32) -> Time {
        let entry = piece(0, length_bytes);
        let done = self.pcie.fetch(at, start, &entry);
        count(counters, &entry, done.since(start));
        done
    }

    /// A register write of the processor has come.
    pub(crate) fn register_write(&mut self, cx: &Cx<'_>, length_bytes: usize) {
        self.pcie.register_write(cx.now, length_bytes as u64);
    }

    /// Adds what the link counts.
    pub(crate) fn count(&self, counters: &mut Counters) {
        let carried = self.pcie.carried();
        (counters.pcie_up_bytes, counters.pcie_down_bytes) = (carried.up, carried.down);
        (counters.iotlb_hits, counters.iotlb_misses) = self.pcie.iotlb();
    }

    /// See [`Pcie::invalidate`].
    pub(crate) fn invalidate(&mut self, address: u64, pages: u64) {
        self.pcie.invalidate(address, pages);
    }

    /// When an interrupt raised at `at` reaches the processor's side of the link.
    pub(crate) fn interrupt(&mut self, at: Time) -> Time {
        self.pcie.interrupt(at)
    }

    /// See [`Pcie::register_read`].
    pub(crate) const fn register_read(&self) -> Dur {
        self.pcie.register_read()
    }

    /// See [`Pcie::backlog`].
    pub(crate) fn backlog(&self, now: Time) -> Dur {
        self.pcie.backlog(now)
    }
}

fn count(counters: &mut Counters, segments: &Segments, took: Dur) {
    counters.dma_reads += 1;
    counters.dma_read_bytes += bytes(segments);
    let ps = took.as_ps();
    counters.dma_read_ps += ps;
    counters.dma_read_max_ps = counters.dma_read_max_ps.max(ps);
    if counters.dma_reads == 1 || ps < counters.dma_read_min_ps {
        counters.dma_read_min_ps = ps;
    }
}

/// A read of structure to make.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) at: Time,
    pub(crate) purpose: Purpose,
    pub(crate) segments: Segments,
}

impl Read {
    /// A read of `segments` from `at` on.
    pub(crate) const fn control(at: Time, purpose: Purpose, segments: Segments) -> Self {
        Self { at, purpose, segments }
    }
}

/// One piece.
pub(crate) fn piece(address: u64, length_bytes: u32) -> Segments {
    let none = Segment { address: 0, length_bytes: 0 };
    Segments::from_buf_and_len([Segment { address, length_bytes }, none], 1)
}

/// Part of a payload.
pub(crate) fn slice(payload: &Payload, offset: usize, length: usize) -> Payload {
    match payload {
        Payload::Bytes(bytes) => Payload::Bytes(bytes.slice(offset..offset + length)),
        Payload::Elided(_) => Payload::Elided(length as u32),
    }
}
