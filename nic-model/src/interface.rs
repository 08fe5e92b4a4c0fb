//! The device's face to its host: DMA, completion and event queues, interrupts, alarms, counters. Every engine works through it.

use crate::alarm::Alarms;
use crate::caches::{Caches, Kind};
use crate::cq::Cq;
use crate::dma::{Cx, Dma, Read};
use crate::eq::{Eq, Vectors};
use crate::mem::{Memory, Range, message_parts};
use crate::port::Segments;
use crate::regs::bar::{Health, Limits};
use crate::regs::counters::Counters;
use crate::regs::wqe::Data;
use crate::table::Table;
use des::{Dur, Time};
use wire::Payload;

/// The device's face to its host.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) dma: Dma,
    pub(crate) caches: Caches,
    pub(crate) cqs: Table<Cq>,
    pub(crate) eqs: Table<Eq>,
    pub(crate) vectors: Vectors,
    pub(crate) alarms: Alarms,
    /// All but what the link counts itself.
    pub(crate) counters: Counters,
    pub(crate) health: Health,
    /// Where COMMAND_DONE goes.
    pub(crate) command_eqn: Option<u32>,
    /// Where other events go.
    pub(crate) async_eqn: Option<u32>,
    /// CQs that have died and whose queue pairs must follow.
    pub(crate) dead_cqs: Vec<u32>,
}

impl Interface {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let Counters { rx_packets, rx_bytes, tx_packets, tx_bytes, .. } = self.counters;
        let Counters { dma_reads, dma_read_ps, dma_writes, np_ecn_marked, .. } = self.counters;
        let Counters { packet_sequence_naks, rnr_naks_received, implied_naks, .. } = self.counters;
        let packets = rx_packets ^ rx_bytes ^ tx_packets ^ tx_bytes ^ np_ecn_marked;
        let answers = packet_sequence_naks ^ rnr_naks_received ^ implied_naks;
        let counted = packets ^ answers ^ dma_reads ^ dma_read_ps ^ dma_writes;
        let alarm = self.alarms.next().map_or(0, Time::as_ps);
        let rare = self.health.0 ^ self.caches.touch() ^ self.dead_cqs.len() as u64;
        counted ^ rare ^ alarm ^ self.dma.touch()
    }

    pub(crate) fn new(dma: Dma, caches: Caches, limits: &Limits, interrupt_latency: Dur) -> Self {
        Self {
            dma,
            caches,
            cqs: Table::new(limits.max_cqs, 1),
            eqs: Table::new(limits.max_eqs, 1),
            vectors: Vectors::new(limits.msix_vectors, interrupt_latency),
            alarms: Alarms::default(),
            counters: Counters::default(),
            health: Health::GOOD,
            command_eqn: None,
            async_eqn: None,
            dead_cqs: Vec::new(),
        }
    }

    /// Everything that the device has counted.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        self.dma.count(&mut counters);
        counters
    }

    /// See [`Caches::access`].
    #[inline]
    pub(crate) fn cached(&mut self, at: Time, kind: Kind, key: u64) -> Time {
        if self.caches.are_unlimited() {
            return at;
        }
        self.caches.access(&mut self.dma, &mut self.counters, at, kind, key)
    }

    /// When a range is translated; see [`Caches::translated`].
    #[inline]
    pub(crate) fn translated(&mut self, at: Time, memory: &Memory, range: Range) -> Time {
        if !self.caches.translate() {
            return at;
        }
        self.caches.translated(&mut self.dma, &mut self.counters, at, memory, range)
    }

    /// When `length_bytes` bytes of a message from `offset_bytes` on are translated, whose pieces are `list`.
    #[inline(always)]
    pub(crate) fn message_translated(
        &mut self,
        at: Time,
        memory: &Memory,
        list: &[Data],
        (offset_bytes, length_bytes): (u32, u32),
    ) -> Time {
        if !self.caches.translate() {
            return at;
        }
        self.all_translated(at, memory, message_parts(list, offset_bytes, length_bytes))
    }

    /// When all of `ranges` are translated, one after the other.
    #[inline(never)]
    fn all_translated(&mut self, at: Time, memory: &Memory, ranges: impl Iterator<Item = Range>) -> Time {
        ranges.fold(at, |at, range| self.translated(at, memory, range))
    }

    /// See [`Dma::read`].
    pub(crate) fn read(&mut self, cx: &mut Cx<'_>, read: Read) -> Time {
        self.dma.read(cx, &mut self.counters, read)
    }

    /// See [`Dma::book`].
    #[inline]
    pub(crate) fn book(&mut self, at: Time, segments: &Segments) -> Time {
        self.dma.book(&mut self.counters, at, segments)
    }

    /// See [`Dma::book_write`].
    #[inline]
    pub(crate) fn book_write(&mut self, at: Time, segments: &Segments) -> Time {
        self.dma.book_write(&mut self.counters, at, segments)
    }

    /// See [`Dma::write`].
    #[inline]
    pub(crate) fn write(&mut self, cx: &mut Cx<'_>, at: Time, segments: Segments, data: Payload) -> Time {
        self.dma.write(cx, &mut self.counters, at, segments, data)
    }
}
