//! A port of a switch: its line, the queues before it, and what its peer asked for.

use crate::PRIORITIES;
use crate::link::{Delivery, Link};
use crate::pause::{Pause, Silence, quanta_to_dur};
use crate::switch::config::{PortConfig, SwitchConfig};
use crate::switch::counters::{Depths, PriorityCounters};
use crate::switch::ecn::EcnCurve;
use crate::switch::history::Sums;
use crate::switch::schedule::Scheduler;
use crate::switch::watchdog::{Watch, Watchdog, WatchdogAction};
use crate::switch::{Outbox, Output};
use des::{Dur, Time};
use std::collections::VecDeque;
use wire::telemetry::Hop;
use wire::{Frame, Mac, cable_len};

/// A frame in the switch, and to whom its memory is accounted.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) frame: Box<Frame>,
    pub(crate) bytes: u64,
    pub(crate) in_port: u16,
    pub(crate) priority: u8,
    /// The sender wants to know how switches do.
    pub(crate) asks: bool,
}

/// The frames of one priority that wait for the line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    frames: VecDeque<Held>,
    pub(crate) bytes: u64,
}

/// In memory what each frame needs comes first: with that of its priority's counters it lies in four cache lines.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Port {
    pub(crate) link: Link,
    /// How far ahead of the line frames leave their queues.
    lead: Dur,
    number: u16,
    /// Priorities with frames in their queue, one bit each.
    pub(crate) backlog: u8,
    watchdog: Option<Watchdog>,
    pub(crate) silence: Silence,
    /// The wake-up that serves the queues.
    service_at: Option<Time>,
    pub(crate) counters: [PriorityCounters; PRIORITIES],
    pub(crate) queues: [Queue; PRIORITIES],
    pub(crate) ecn: [Option<EcnCurve>; PRIORITIES],
    scheduler: Scheduler,
    watch: Watch,
    pub(crate) depths: Depths,
    /// For how long priorities have been silent, up to the last pause of each.
    silent: [Dur; PRIORITIES],
    mac: Mac,
    /// Length of the pauses that this port sends.
    pause_length: Dur,
    /// The wake-up that repeats pauses.
    repeat_at: Option<Time>,
}

const _: () = assert!(std::mem::offset_of!(Port, silence) < 3 * 64);

impl Port {
    pub(crate) fn new(number: u16, config: &SwitchConfig, port: &PortConfig) -> Self {
        let rate = port.cable.rate;
        Self {
            number,
            link: Link::new(port.link, port.cable).behind(config.forwarding_latency),
            queues: Default::default(),
            backlog: 0,
            silence: Silence::default(),
            watchdog: config.watchdog,
            watch: Watch::default(),
            scheduler: Scheduler::new(config.scheduling),
            ecn: config.ecn.map(|curve| curve.map(|curve| curve.scaled_to(rate))),
            counters: Default::default(),
            depths: Depths::default(),
            silent: [Dur::ZERO; PRIORITIES],
            mac: port.mac,
            pause_length: quanta_to_dur(config.buffer.pause_quanta, rate),
            lead: rate.time_for(config.port_fifo_bytes.into()),
            service_at: None,
            repeat_at: None,
        }
    }

    /// See [`Switch::touch`](super::Switch::touch).
    pub(crate) fn touch(&self, priority: usize) -> u64 {
        self.link.touch() ^ u64::from(self.backlog) ^ self.counters[priority].rx_frames
    }

    /// Whether the line takes another frame at `now`.
    pub(crate) fn line_ready(&self, now: Time) -> bool {
        self.link.busy_until() <= now + self.lead
    }

    /// Whether a frame of `priority` need not wait at all: neither for the line, nor for a queue that may speak, nor
    /// for the peer.
    pub(crate) fn is_free(&self, now: Time, priority: u8) -> bool {
        let silent = self.silence.mask(now);
        self.line_ready(now)
            && (self.backlog | 1 << priority) & !silent == 1 << priority
            && self.queue_is_empty(priority)
    }

    const fn queue_is_empty(&self, priority: u8) -> bool {
        self.backlog >> priority & 1 == 0
    }

    /// Puts a frame on the line that arrived whole at `now` and may have begun to leave at `first_bit`.
    #[inline]
    pub(crate) fn transmit(&mut self, first_bit: Time, now: Time, mut held: Held, out: &mut Outbox) {
        if held.asks {
            self.stamp(now, &mut held);
        }
        let counters = &mut self.counters[usize::from(held.priority)];
        counters.tx_frames += 1;
        counters.tx_bytes += held.bytes;
        let port = self.number;
        let cable_bytes = cable_len(held.bytes as usize);
        self.link.send_between(first_bit, now, held.frame, cable_bytes, |Delivery { at, frame }| {
            out.push(Output::Frame { port, at, frame });
        });
    }

    /// Says how the port does.
    fn stamp(&self, now: Time, held: &mut Held) {
        let hop = Hop {
            time_ps: now.as_ps(),
            sent_bytes: self.link.counters().bytes + cable_len(held.bytes as usize) as u64,
            queue_bytes: self.queues[usize::from(held.priority)].bytes,
            rate_bps: self.link.config().rate.as_bps(),
        };
        held.frame.stamp(self.link.id().0, hop);
    }

    pub(crate) fn enqueue(&mut self, held: Held) {
        let priority = usize::from(held.priority);
        let queue = &mut self.queues[priority];
        queue.bytes += held.bytes;
        queue.frames.push_back(held);
        self.backlog |= 1 << priority;
        self.depths.note(queue.bytes);
        let longest = &mut self.counters[priority].queue_bytes_max;
        *longest = (*longest).max(queue.bytes);
    }

    pub(crate) const fn number(&self) -> u16 {
        self.number
    }

    pub(crate) const fn mac(&self) -> Mac {
        self.mac
    }

    /// The peer asks for silence, or ends it. What is over of it is added to `paused`.
    pub(crate) fn hear(&mut self, now: Time, pause: Pause, paused: &mut Sums) {
        self.each(pause.priorities, |counters| counters.pauses_received += 1);
        let priorities = pause.priorities & !self.watch.ignored(now);
        if self.watchdog.is_some() {
            self.watch.begin(now, priorities & !self.silence.mask(now));
        }
        self.silence(now, Pause { priorities, ..pause }, paused);
    }

    fn silence(&mut self, now: Time, pause: Pause, paused: &mut Sums) {
        for (priority, from, to) in self.silence.so_far(now, pause.priorities) {
            self.silent[priority] += to.since(from);
            paused.add_span(from, to);
        }
        self.silence.apply(now, pause);
    }

    /// For how long a priority has been silent until `now`.
    pub(crate) fn silent_time(&self, priority: usize, now: Time) -> Dur {
        let last = self.silence.so_far(now, 1 << priority).map(|(_, from, to)| to.since(from));
        last.fold(self.silent[priority], |total, part| total + part)
    }

    /// Priorities that have been silent for too long, with what is to be done; they may speak from now on.
    pub(crate) fn storms(&mut self, now: Time, paused: &mut Sums) -> Option<(u8, WatchdogAction)> {
        let watchdog = self.watchdog?;
        let storms = self.watch.storms(now, watchdog, self.backlog & self.silence.mask(now));
        if storms == 0 {
            return None;
        }
        self.silence(now, Pause { priorities: storms, length: Dur::ZERO }, paused);
        self.each(storms, |counters| counters.storms += 1);
        Some((storms, watchdog.action))
    }

    /// Whether frames of a priority are dropped because of a storm.
    pub(crate) fn drops(&self, now: Time, priority: u8) -> bool {
        let drops = self.watchdog.is_some_and(|watchdog| watchdog.action == WatchdogAction::Drop);
        drops && self.watch.ignored(now) >> priority & 1 != 0
    }

    /// Takes all frames of a priority.
    pub(crate) fn clear(&mut self, priority: usize) -> VecDeque<Held> {
        self.backlog &= !(1 << priority);
        self.scheduler.emptied(priority);
        let queue = std::mem::take(&mut self.queues[priority]);
        queue.frames
    }

    /// Takes the frame whose turn it is among the priorities that may speak; `None` if none may.
    pub(crate) fn dequeue(&mut self, now: Time) -> Option<Held> {
        let ready = self.backlog & !self.silence.mask(now);
        if ready == 0 {
            return None;
        }
        let queues = &self.queues;
        let priority = self.scheduler.next(ready, |priority| queues[priority].head_bytes());
        let queue = &mut self.queues[priority];
        let held = queue.frames.pop_front().expect("the backlog names queues with frames");
        queue.bytes -= held.bytes;
        if queue.frames.is_empty() {
            self.backlog &= !(1 << priority);
            self.scheduler.emptied(priority);
        }
        Some(held)
    }

    pub(crate) fn queued_frames(&self) -> usize {
        self.queues.iter().map(|queue| queue.frames.len()).sum()
    }

    /// Asks for a wake-up when the queues can next be served, if something waits.
    #[inline]
    pub(crate) fn ask_for_service(&mut self, now: Time, out: &mut Outbox) {
        if self.backlog != 0 {
            self.ask(now, out);
        }
    }

    fn ask(&mut self, now: Time, out: &mut Outbox) {
        let at = match self.backlog {
            backlog if backlog & !self.silence.mask(now) == 0 => {
                let ends = self.silence.ends(now, backlog).expect("a silent priority speaks again");
                let storm = self.watchdog.and_then(|watchdog| self.watch.next_storm(watchdog, backlog));
                storm.map_or(ends, |storm| ends.min(storm))
            }
            _ => self.link.busy_until(),
        };
        let at = at.max(now);
        if self.service_at.is_none_or(|asked| at < asked) {
            self.service_at = Some(at);
            out.push(Output::Wake { port: self.number, at });
        }
    }

    /// Notes that a wake-up has come; whether pauses are to be repeated.
    pub(crate) fn woken(&mut self, now: Time) -> bool {
        self.service_at = self.service_at.filter(|&at| at > now);
        let repeat = self.repeat_at.is_some_and(|at| at <= now);
        self.repeat_at = self.repeat_at.filter(|_| !repeat);
        repeat
    }

    /// Asks the peer to be silent in `priorities`, and for a wake-up to ask again.
    pub(crate) fn pause_peer(&mut self, now: Time, priorities: u8, out: &mut Outbox) {
        self.each(priorities, |counters| counters.pauses_sent += 1);
        self.send_pause(now, Pause { priorities, length: self.pause_length }, out);
        if self.repeat_at.is_none() {
            let at = now + self.pause_length / 2;
            self.repeat_at = Some(at);
            out.push(Output::Wake { port: self.number, at });
        }
    }

    /// Lets the peer go on in `priorities`.
    pub(crate) fn resume_peer(&mut self, now: Time, priorities: u8, out: &mut Outbox) {
        self.each(priorities, |counters| counters.resumes_sent += 1);
        self.send_pause(now, Pause { priorities, length: Dur::ZERO }, out);
    }

    fn send_pause(&mut self, now: Time, pause: Pause, out: &mut Outbox) {
        if let Some(at) = self.link.send_pause(now, pause, self.mac) {
            out.push(Output::Pause { port: self.number, at, pause });
        }
    }

    /// Counts in all of `priorities`.
    pub(crate) fn each(&mut self, priorities: u8, mut count: impl FnMut(&mut PriorityCounters)) {
        let counters = self.counters.iter_mut().enumerate();
        counters.filter(|(priority, _)| priorities >> priority & 1 != 0).for_each(|(_, counters)| count(counters));
    }
}

impl Queue {
    fn head_bytes(&self) -> u64 {
        self.frames.front().map_or(0, |held| held.bytes)
    }

    /// Whether a frame waits that came in at this port.
    pub(crate) fn has_from(&self, in_port: u16) -> bool {
        self.frames.iter().any(|held| held.in_port == in_port)
    }
}
