//! A switch with output queues and a shared buffer.
//!
//! Reading order: [`config`], `buffer` (memory accounts and flow control thresholds), [`ecn`], `schedule`, `port` (a
//! line and its queues), [`watchdog`], [`route`], [`counters`], [`history`], `lost`, `waiting` (what waits, and for whom); here is
//! how they play together.
//!
//! A frame that finds its line free is sent at once and costs no event of the switch's own; one that has to wait is
//! taken up by a wake-up when the line is free. The switch looks at addresses, priority and congestion bits and writes
//! only the latter: hop limits and MAC addresses stay as they are.

mod buffer;
pub mod config;
pub mod counters;
pub mod ecn;
pub mod history;
mod lost;
mod port;
pub mod route;
mod schedule;
mod waiting;
pub mod watchdog;

pub use config::{
    Alpha, BufferConfig, Classifier, ConfigError, Forwarding, PathChoice, PortConfig, Scheduling, SwitchConfig,
};
pub use counters::{Depths, DropReason, Drops, PriorityCounters};
pub use ecn::EcnCurve;
pub use history::{Histories, History, Peaks, Sums};
pub use route::RouteTable;
pub use watchdog::{Watchdog, WatchdogAction};

use crate::PRIORITIES;
use crate::capture::Lost;
use crate::link::Link;
use crate::pause::Pause;
use buffer::Buffer;
use des::{Dur, Rng, Time};
use port::{Held, Port};
use route::Router;
use wire::{Frame, Mac};

/// What a switch asks the world to do. A moment is never before the call that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A frame reaches the peer of `port`, at least a link latency from now.
    Frame {
        /// The port that sent it.
        port: u16,
        /// When its last bit is there.
        at: Time,
        /// The frame.
        frame: Box<Frame>,
    },
    /// A pause reaches the peer of `port`, at least a link latency from now.
    Pause {
        /// The port that sent it.
        port: u16,
        /// When.
        at: Time,
        /// What the peer is to do.
        pause: Pause,
    },
    /// Call [`Switch::on_wake`] then. A wake-up may turn out to be for nothing.
    Wake {
        /// Argument of the call.
        port: u16,
        /// When.
        at: Time,
    },
}

/// Outputs of a call, in the order in which they came about. Owned and reused by the caller.
pub type Outbox = Vec<Output>;

/// A switch.
#[derive(Clone, Debug)]
pub struct Switch {
    config: SwitchConfig,
    ports: Vec<Port>,
    buffer: Buffer,
    router: Router,
    /// Draws of congestion marks.
    marks: Rng,
    histories: Histories,
    /// Frames that were dropped, with their ports, if they are to be kept.
    dropped: Option<Vec<(u16, Lost)>>,
}

impl Switch {
    /// Switch `number` of a run with `seed`. Number and seed decide what it draws, nothing else.
    ///
    /// # Errors
    /// If the settings contradict each other.
    pub fn new(
        number: u32,
        config: SwitchConfig,
        ports: &[PortConfig],
        routes: RouteTable,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        config.check(ports.len())?;
        let stream = |purpose| Rng::stream(seed, &format!("fabric.switch.{number}.{purpose}"));
        Ok(Self {
            ports: (0..).zip(ports).map(|(number, port)| Port::new(number, &config, port)).collect(),
            buffer: Buffer::new(config.buffer, ports.len())?,
            router: Router::new(routes, config.path_choice, stream("paths")),
            marks: stream("marks"),
            histories: Histories::default(),
            dropped: None,
            config,
        })
    }

    /// A frame has arrived whole at `in_port`.
    ///
    /// # Panics
    /// If the switch has no such port; this holds for all calls.
    pub fn on_frame(&mut self, now: Time, in_port: u16, frame: Box<Frame>, out: &mut Outbox) {
        let priority = self.config.classifier.priority(&frame);
        let bytes = frame.wire_len() as u64;
        let counters = &mut self.ports[usize::from(in_port)].counters[priority];
        counters.rx_frames += 1;
        counters.rx_bytes += bytes;
        let asks = frame.has_telemetry();
        let held = Held { frame, bytes, in_port, priority: priority as u8, asks };
        let Some(out_port) = self.router.port(now, &held.frame) else {
            return self.lose(now, held, in_port, DropReason::NoRoute);
        };
        let first_bit = self.first_bit(now, in_port, &held.frame);
        let port = &mut self.ports[usize::from(out_port)];
        if port.drops(now, held.priority) {
            self.lose(now, held, out_port, DropReason::Storm);
        } else if port.is_free(now, held.priority) {
            port.transmit(first_bit, now, held, out);
        } else {
            self.hold(now, held, out_port, out);
        }
    }

    /// Reads what frames like this one will need of each port; gives a sum that means nothing. What is read here comes from
    /// memory at the same time, what frames need one by one.
    #[must_use]
    pub fn touch(&self, frame: &Frame) -> u64 {
        let priority = self.config.classifier.priority(frame);
        self.ports.iter().fold(0, |sum, port| sum ^ port.touch(priority))
    }

    /// Likewise, what this very frame will need to find its way.
    #[must_use]
    pub fn touch_way(&self, frame: &Frame) -> usize {
        self.router.touch(frame)
    }

    /// When a frame that arrived whole at `now` may begin to leave.
    fn first_bit(&self, now: Time, in_port: u16, frame: &Frame) -> Time {
        match self.config.forwarding {
            Forwarding::StoreAndForward => now,
            Forwarding::CutThrough { header_bytes } => {
                let rest_bytes = frame.cable_len().saturating_sub(header_bytes.into());
                let rest = self.ports[usize::from(in_port)].link.config().rate.time_for(rest_bytes as u64);
                Time::from_ps(now.as_ps().saturating_sub(rest.as_ps()))
            }
        }
    }

    /// Queues a frame, or drops it.
    fn hold(&mut self, now: Time, held: Held, out_port: u16, out: &mut Outbox) {
        let (in_port, priority) = (held.in_port, usize::from(held.priority));
        self.note_time(now);
        let port = &mut self.ports[usize::from(out_port)];
        let queue_bytes = port.queues[priority].bytes;
        if let Err(reason) = self.buffer.admit(in_port, priority, held.bytes, queue_bytes) {
            self.lose(now, held, out_port, reason);
        } else {
            port.enqueue(held);
            self.histories.queue_bytes.note(now, port.queues[priority].bytes);
            port.ask_for_service(now, out);
        }
        if self.buffer.must_pause(in_port, priority) {
            self.ports[usize::from(in_port)].pause_peer(now, 1 << priority, out);
        }
    }

    /// A moment that `port` asked for has come.
    pub fn on_wake(&mut self, now: Time, port: u16, out: &mut Outbox) {
        if self.ports[usize::from(port)].woken(now) {
            let paused = self.buffer.paused(port);
            if paused != 0 {
                self.ports[usize::from(port)].pause_peer(now, paused, out);
            }
        }
        self.serve(now, port, out);
    }

    /// The peer of `port` asks for silence, or ends it.
    pub fn on_pause(&mut self, now: Time, port: u16, pause: Pause, out: &mut Outbox) {
        self.ports[usize::from(port)].hear(now, pause, &mut self.histories.paused_ps);
        self.serve(now, port, out);
    }

    /// Sends from the queues of a port what the line takes.
    fn serve(&mut self, now: Time, port_number: u16, out: &mut Outbox) {
        self.note_time(now);
        let port = &mut self.ports[usize::from(port_number)];
        if let Some((storms, WatchdogAction::Drop)) = port.storms(now, &mut self.histories.paused_ps) {
            self.drop_queues(now, port_number, storms, out);
        }
        loop {
            let port = &mut self.ports[usize::from(port_number)];
            if !port.line_ready(now) {
                break;
            }
            let Some(mut held) = port.dequeue(now) else {
                break;
            };
            let (in_port, priority) = (held.in_port, usize::from(held.priority));
            self.buffer.release(in_port, priority, held.bytes);
            let behind_bytes = port.queues[priority].bytes;
            self.histories.queue_bytes.note(now, behind_bytes);
            if port.ecn[priority].is_some_and(|curve| curve.marks(behind_bytes, &mut self.marks))
                && held.frame.mark_congested()
            {
                port.counters[priority].ecn_marks += 1;
                self.histories.ecn_marks.note(now, 1);
            }
            port.transmit(now, now, held, out);
            if self.buffer.may_resume(in_port, priority) {
                self.ports[usize::from(in_port)].resume_peer(now, 1 << priority, out);
            }
        }
        self.ports[usize::from(port_number)].ask_for_service(now, out);
    }

    /// Queues have stood as they are until `now`.
    #[inline]
    fn note_time(&mut self, now: Time) {
        if self.histories.queue_bytes.is_behind(now) {
            self.histories.queue_bytes.note_standing(now, self.longest_queue());
        }
    }

    /// Drops what waits in these priorities of a port.
    fn drop_queues(&mut self, now: Time, port_number: u16, priorities: u8, out: &mut Outbox) {
        for priority in (0..PRIORITIES).filter(|priority| priorities >> priority & 1 != 0) {
            for held in self.ports[usize::from(port_number)].clear(priority) {
                self.buffer.release(held.in_port, priority, held.bytes);
                let in_port = held.in_port;
                self.lose(now, held, port_number, DropReason::Storm);
                if self.buffer.may_resume(in_port, priority) {
                    self.ports[usize::from(in_port)].resume_peer(now, 1 << priority, out);
                }
            }
        }
    }

    /// Replaces the routes, as after a cable has failed. Frames in queues stay where they are.
    pub fn set_routes(&mut self, routes: RouteTable) {
        self.router.set_table(routes);
    }

    /// Number of ports.
    #[must_use]
    pub fn port_count(&self) -> usize {
        self.ports.len()
    }

    /// The address of a port, the source of its pauses.
    #[must_use]
    pub fn mac(&self, port: u16) -> Mac {
        self.ports[usize::from(port)].mac()
    }

    /// The line of a port.
    #[must_use]
    pub fn link(&self, port: u16) -> &Link {
        &self.ports[usize::from(port)].link
    }

    /// The line of a port, to add faults to it or capture it.
    pub fn link_mut(&mut self, port: u16) -> &mut Link {
        &mut self.ports[usize::from(port)].link
    }

    /// Counters of a port by priority.
    #[must_use]
    pub fn counters(&self, port: u16) -> &[PriorityCounters; PRIORITIES] {
        &self.ports[usize::from(port)].counters
    }

    /// Counters of all ports and priorities together.
    #[must_use]
    pub fn totals(&self) -> PriorityCounters {
        let mut totals = PriorityCounters::default();
        self.ports.iter().flat_map(|port| port.counters).for_each(|counters| totals += counters);
        totals
    }

    /// How long the queues of a port were.
    #[must_use]
    pub fn depths(&self, port: u16) -> Depths {
        self.ports[usize::from(port)].depths
    }

    /// What its queues did over time, until `now`.
    #[must_use]
    pub fn histories(&self, now: Time) -> Histories {
        let mut histories = self.histories.clone();
        if histories.queue_bytes.is_behind(now) {
            histories.queue_bytes.note_standing(now, self.longest_queue());
        }
        for (_, from, to) in self.ports.iter().flat_map(|port| port.silence.so_far(now, u8::MAX)) {
            histories.paused_ps.add_span(from, to);
        }
        histories
    }

    /// For how long until `now` the peer of a port has kept a priority silent.
    ///
    /// # Panics
    /// If there is no such port or priority.
    #[must_use]
    pub fn silent_time(&self, port: u16, priority: usize, now: Time) -> Dur {
        self.ports[usize::from(port)].silent_time(priority, now)
    }

    /// Bytes that wait in a queue of a port.
    ///
    /// # Panics
    /// If there is no such port or priority.
    #[must_use]
    pub fn queue_bytes(&self, port: u16, priority: usize) -> u64 {
        self.ports[usize::from(port)].queues[priority].bytes
    }

    /// Frames that wait in all queues.
    #[must_use]
    pub fn queued_frames(&self) -> usize {
        self.ports.iter().map(Port::queued_frames).sum()
    }

    /// Bytes of memory in use.
    #[must_use]
    pub fn buffered_bytes(&self) -> u64 {
        self.buffer.used_bytes()
    }
}

#[cfg(test)]
mod tests;
