//! The device: its parts, and which of them hears what.

use crate::alarm::Alarm;
use crate::atomic::Atomics;
use crate::caches::Caches;
use crate::cmd::Firmware;
use crate::config::{Config, PORTS_MAX};
use crate::dma::{Cx, Dma, Purpose};
use crate::ethernet::EthernetPort;
use crate::interface::Interface;
use crate::mem::Memory;
use crate::port::{DmaError, Input, Outbox};
use crate::qp::path::Source;
use crate::qp::{QueuePair, QueuePairs};
use crate::receive::SharedQueue;
use crate::regs::bar::Health;
use crate::regs::counters::Counters;
use crate::regs::eqe::EventType;
use crate::rx::ReceiveBuffer;
use crate::table::Table;
use crate::timing::Timing;
use crate::transport::Event;
use crate::uar::Uar;
use des::Time;
use std::collections::VecDeque;
use wire::{Frame, Payload, Spares};

/// An RDMA NIC.
#[derive(Clone, Debug)]
pub struct Nic {
    pub(crate) config: Config,
    pub(crate) timing: Timing,
    pub(crate) host: Interface,
    pub(crate) uar: Uar,
    pub(crate) firmware: Firmware,
    pub(crate) memory: Memory,
    /// Protection domains, with the number of their users.
    pub(crate) pds: Table<u32>,
    pub(crate) srqs: Table<SharedQueue>,
    pub(crate) qps: QueuePairs,
    pub(crate) atomics: Atomics,
    pub(crate) ports: Vec<EthernetPort>,
    /// Frames that the device sends to itself, with their arrival and port.
    pub(crate) loopback: VecDeque<(Time, u8, Box<Frame>)>,
    /// What a requester has just said; empty between calls.
    pub(crate) events: Vec<Event>,
    /// What has been received and not yet been written.
    pub(crate) buffer: ReceiveBuffer,
    /// A queue pair has had a rate of its own, and time passes.
    pub(crate) limits_rates: bool,
    /// Frames that have been used up, for the next ones to be built in.
    pub(crate) spares: Spares,
    /// The next moment at which something is due; [`Time::MAX`] if nothing is.
    pub(crate) wakes_at: Time,
    /// Counts resets, so that answers to an earlier life are known.
    life: u8,
}

/// Queue pairs of which [`Nic::touch`] reads something.
const QPS_TOUCHED: usize = 2;

impl Nic {
    /// A device as after power-on.
    ///
    /// # Panics
    /// If the configuration has no port or more than [`PORTS_MAX`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        assert!((1..=PORTS_MAX).contains(&config.ports.len()), "a device has 1 to {PORTS_MAX} ports");
        Self::born(config, 0)
    }

    fn born(config: Config, life: u8) -> Self {
        let timing = Timing::new(&config);
        let limits = &config.limits;
        let dma = Dma::new(timing.pcie.clone(), life);
        let ports = (0..config.ports.len() as u8).map(|number| EthernetPort::new(number, &config, timing.port_rate));
        let unlimited = config.zero_time;
        let caches = if unlimited { Caches::default() } else { Caches::new(&config.profile.caches) };
        let profile = &config.profile;
        let sizes = [profile.receive_buffer_bytes, profile.recovery.xoff_bytes, profile.recovery.xon_bytes];
        let rate = profile.port_rate.value;
        let buffer = ReceiveBuffer::new(sizes.map(|size| size.value), rate, |bytes| timing.pcie.write_time(bytes));
        Self {
            host: Interface::new(dma, caches, limits, timing.interrupt_latency),
            uar: Uar::default(),
            firmware: Firmware::default(),
            memory: Memory::new(limits.max_mkeys),
            pds: Table::new(limits.max_pds, 1),
            srqs: Table::new(limits.max_srqs, 1),
            qps: QueuePairs::new(limits.max_qps, config.expected_qps),
            atomics: Atomics::new(config.profile.atomic_buckets.value, config.profile.atomic_contexts.value),
            ports: ports.collect(),
            loopback: VecDeque::new(),
            events: Vec::new(),
            buffer,
            limits_rates: false,
            spares: Spares::new(),
            wakes_at: Time::MAX,
            life,
            timing,
            config,
        }
    }

    /// Takes what the world says at `now`, and appends to `out` what follows. Inlined, so that nobody asks what the input is
    /// where that is known: frames and wake-ups come for each packet.
    #[inline(always)]
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        let is_frame = matches!(input, Input::Frame { .. });
        let fetched_by = Time::from_ps(now.as_ps().saturating_sub(is_frame.into()));
        let cx = &mut Cx { now, fetched_by, out };
        match input {
            Input::Frame { port, frame } => {
                self.frame(cx, port, &frame);
                self.spares.keep(frame);
            }
            // Given away in every arm: nothing is left to be looked at behind.
            input @ Input::Wake => drop(input),
            input => self.hear(cx, input),
        }
        if self.host.alarms.next().is_some_and(|at| at <= now) {
            self.ring_alarms(cx);
        }
        if !self.host.dead_cqs.is_empty() {
            self.follow_dead_cqs(cx);
        }
        self.pump(cx);
    }

    /// What comes less often than packets; apart, so that these have the registers.
    #[inline(never)]
    fn hear(&mut self, cx: &mut Cx<'_>, input: Input) {
        match input {
            Input::MmioWrite { offset, data } => self.mmio_write(cx, offset, &data),
            Input::MmioRead { offset } => self.mmio_read(cx, offset),
            Input::DmaReadDone { tag, data } => {
                if let Some(purpose) = self.host.dma.take(tag) {
                    self.host.counters.iommu_faults += u64::from(matches!(data, Err(DmaError::Blocked { .. })));
                    self.read_done(cx, purpose, data);
                }
            }
            Input::DmaWriteFailed(error) => self.write_failed(cx, error),
            Input::Pause { port, classes, length } => {
                self.host.counters.pauses_received += 1;
                if let Some(port) = self.ports.get_mut(usize::from(port)) {
                    let silent = port.pause(cx.now, classes, length);
                    self.host.counters.pause_ns += silent.as_ns();
                }
            }
            Input::LinkState { port, up } => self.link_state(cx, port, up),
            Input::Invalidate { address, pages } => self.host.dma.invalidate(address, pages),
            Input::Reset => self.reset(),
            Input::Defect(defect) => self.defect(cx, defect),
            Input::Frame { .. } | Input::Wake => unreachable!("taken before"),
        }
    }

    /// When the device wants [`Input::Wake`] at the latest.
    #[must_use]
    #[inline]
    pub fn next_wakeup(&self) -> Option<Time> {
        (self.wakes_at < Time::MAX).then_some(self.wakes_at)
    }

    /// Reads what the next events will need of memory; gives a sum that means nothing. What is read here comes from memory at the
    /// same time, what events need one by one: a world of many devices may ask for it before a device has its turn.
    #[must_use]
    pub fn touch(&self) -> u64 {
        let own = self.timing.touch() ^ self.host.touch() ^ self.memory.touch() ^ self.wakes_at.as_ps();
        let ports = self.ports.iter().map(EthernetPort::touch);
        let qps = self.qps.ordinary().take(QPS_TOUCHED).map(QueuePair::touch);
        let asked = self.config.flow_control ^ self.config.profile.turn.value as u8;
        let own = own ^ self.buffer.touch() ^ u64::from(asked) ^ u64::from(self.limits_rates);
        ports.chain(qps).fold(own, |sum, value| sum ^ value)
    }

    /// Frames that have been used up here. A world of many devices may lend the same ones to each in its turn: they are in the
    /// nearest cache.
    pub const fn spares(&mut self) -> &mut Spares {
        &mut self.spares
    }

    /// What it has counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.host.counters()
    }

    /// What it is.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    fn read_done(&mut self, cx: &mut Cx<'_>, purpose: Purpose, data: Result<Payload, DmaError>) {
        match purpose {
            Purpose::CommandSlot => self.command_slot(cx, data, false),
            Purpose::CommandInput => self.command_input(cx, data, false),
            Purpose::PolledSlot => self.command_slot(cx, data, true),
            Purpose::PolledInput => self.command_input(cx, data, true),
            Purpose::SendWqes { qpn } => self.send_wqes(cx, qpn, data),
            Purpose::ReceiveWqes { qpn } => self.receive_wqes(cx, qpn, data),
            Purpose::SharedWqes { srqn } => self.shared_wqes(cx, srqn, data),
            Purpose::CqRecord { cqn } => self.host.cq_record(cx, cqn, data),
            Purpose::Gather { port, place, packets } => self.gathered(cx, port, place, packets, data),
            Purpose::PageList { qpn, id } => self.page_list(cx, qpn, id, data),
            Purpose::Atomic { bucket } => self.atomic_read(cx, bucket, data),
        }
    }

    /// Does what is due. Every input looks, so that a late wake-up changes nothing but time.
    #[inline(never)]
    fn ring_alarms(&mut self, cx: &mut Cx<'_>) {
        while let Some(alarm) = self.host.alarms.take_due(cx.now) {
            match alarm {
                Alarm::Firmware => self.firmware_alarm(cx),
                Alarm::Qp(qpn) => self.qp_alarm(cx, qpn),
                Alarm::Cq(cqn) => self.host.cq_alarm(cx, cqn),
                Alarm::Loopback => self.loop_back(cx),
                Alarm::Buffer => self.buffer_alarm(cx),
            }
        }
    }

    fn loop_back(&mut self, cx: &mut Cx<'_>) {
        while self.loopback.front().is_some_and(|(at, ..)| *at <= cx.now) {
            if let Some((_, port, frame)) = self.loopback.pop_front() {
                self.frame(cx, port, &frame);
            }
        }
    }

    /// A posted write did not arrive. Where there is no memory, a consumer has freed it too early, and that is its loss. A write
    /// that the IOMMU blocks may have been any: the device cannot vouch for what memory says, and fails.
    fn write_failed(&mut self, cx: &mut Cx<'_>, error: DmaError) {
        self.host.counters.dma_errors += 1;
        self.host.counters.iommu_faults += u64::from(matches!(error, DmaError::Blocked { .. }));
        if !matches!(error, DmaError::NotMemory { .. }) {
            self.host.health = Health::DMA_FAILED;
            self.host.event(cx, cx.now, EventType::INTERNAL_ERROR, 0, Health::DMA_FAILED.0 as u32);
        }
    }

    fn link_state(&mut self, cx: &mut Cx<'_>, port: u8, up: bool) {
        let Some(state) = self.ports.get_mut(usize::from(port)) else { return };
        if std::mem::replace(&mut state.up, up) != up {
            self.host.event(cx, cx.now, EventType::PORT_CHANGE, port.into(), up.into());
        }
    }

    /// Everything is as after power-on, but for the cables.
    #[cold]
    fn reset(&mut self) {
        *self = self.fresh();
    }

    /// The device's next life.
    pub(crate) fn fresh(&self) -> Self {
        let mut fresh = Self::born(self.config.clone(), self.life.wrapping_add(1));
        for (port, old) in fresh.ports.iter_mut().zip(&self.ports) {
            port.up = old.up;
        }
        fresh
    }

    /// This side's addresses on a path.
    pub(crate) fn source(&self, port: u8, index: u8) -> Option<Source> {
        let here = self.ports.get(usize::from(port))?;
        Some(Source { port, mac: here.mac, ip: here.address(index)?.ip() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Output;
    use crate::regs::bar;

    #[test]
    fn a_device_can_be_copied_and_moved_between_threads() {
        const fn is_a_value<T: Clone + Send + std::fmt::Debug>() {}
        is_a_value::<Nic>();
    }

    #[test]
    fn a_device_at_rest_wants_nothing() {
        let mut nic = Nic::new(Config::generic(1));
        let mut out = Outbox::new();
        nic.handle(Time::ZERO, Input::Wake, &mut out);
        assert!(out.is_empty() && nic.next_wakeup().is_none());
        nic.handle(Time::ZERO, Input::MmioRead { offset: bar::PORT_BASE }, &mut out);
        assert!(matches!(out[..], [(_, Output::MmioReadDone { value: 1 })]), "the cable works: {out:?}");
    }
}
