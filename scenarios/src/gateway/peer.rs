//! The node, its port and the clock: events happen when their moment has come on the wall.
//!
//! When this machine is too slow, simulated time stands still for what was missed: otherwise timers would run out before the
//! answers that are already here are heard.

use crate::node::{Hardware, Node, NodeEvent, Outgoing};
use des::{Dur, EventQueue, Phase, Sequencer, SourceId, Time};
use fabric::Delivery;
use gateway::Port;
use std::io;
use std::time::Duration;
use wire::Frame;

/// The longest wait, so that the user's wish to end is heard.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// The most that simulated time moves on at a time, beyond what was waited for.
const STEP_MAX: Duration = Duration::from_millis(1);
/// Events handled before the Ethernet is looked at again.
const BATCH: usize = 256;
/// After the end, answers to what others repeat are still given for so long.
const FAREWELL: Duration = Duration::from_millis(300);

#[derive(Debug)]
enum Event {
    Node(NodeEvent),
    /// A frame leaves the port.
    Leave(Box<Frame>),
}

/// A node on a real Ethernet.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) node: Node,
    pub(super) port: Port,
    queue: EventQueue<Event>,
    sequencer: Sequencer,
    out: Vec<Delivery>,
    back: Vec<Delivery>,
}

/// A simulated length.
fn length(of: Duration) -> Dur {
    Dur::from_ns(of.as_nanos() as u64)
}

/// The simulated moment of a time since the start.
pub(super) fn moment(since_start: Duration) -> Time {
    Time::from_ps(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1_000))
}

impl Peer {
    pub(super) fn new(node: Node, port: Port) -> Self {
        let (out, back) = (Vec::new(), Vec::new());
        Self { node, port, queue: EventQueue::new(), sequencer: Sequencer::new(SourceId(0)), out, back }
    }

    /// Runs until `is_over`, or the limit.
    pub(super) fn run(
        &mut self,
        clock: &dyn Fn() -> Duration,
        limit: Time,
        is_over: &mut dyn FnMut() -> bool,
    ) -> io::Result<()> {
        self.node.start();
        self.collect()?;
        let (mut now, mut seen, mut allowance, mut end) = (Time::ZERO, clock(), STEP_MAX, limit);
        loop {
            let wall = clock();
            now += length(wall.saturating_sub(seen).min(allowance));
            seen = wall;
            if end == limit && is_over() {
                end = limit.min(now + length(FAREWELL));
            }
            if now >= end {
                return Ok(());
            }
            let heard = self.hear(now)?;
            let behind = self.catch_up(now)?;
            self.port.wake(now)?;
            allowance = if behind { Duration::ZERO } else { STEP_MAX };
            if !behind && !heard {
                let next = self.queue.next_key().map(|key| key.time()).into_iter().chain(self.port.next_deadline());
                let left = next.min().map_or(WAIT_MAX, |at| Duration::from_nanos(at.since(now).as_ns())).min(WAIT_MAX);
                self.port.wait(left)?;
                allowance += left;
            }
        }
    }

    /// Handles what is due; true if something may be left.
    fn catch_up(&mut self, now: Time) -> io::Result<bool> {
        for _ in 0..BATCH {
            let Some((key, event)) = self.queue.pop_before(now) else { return Ok(false) };
            match event {
                Event::Leave(frame) => self.port.emit(&frame)?,
                Event::Node(event) => {
                    self.node.handle(key.time(), event);
                    self.collect()?;
                }
            }
        }
        Ok(true)
    }

    /// Takes what has come by the Ethernet; true if there was something.
    fn hear(&mut self, now: Time) -> io::Result<bool> {
        let mut heard = 0;
        while heard < BATCH && self.port.receive(now, &mut self.back, &mut self.out)? {
            heard += 1;
        }
        for Delivery { at, frame } in self.back.drain(..) {
            let event = Event::Node(NodeEvent::Frame { port: 0, frame });
            self.queue.push(self.sequencer.key(at, Phase::Wire), event);
        }
        self.schedule_leaving();
        Ok(heard > 0)
    }

    /// Takes what the node wants to happen later, at itself and beyond its cable.
    fn collect(&mut self) -> io::Result<()> {
        let mut core = self.node.core();
        for (at, phase, event) in core.later.drain(..) {
            self.queue.push(self.sequencer.key(at, phase), Event::Node(event));
        }
        let Hardware { outgoing, .. } = &mut core.hardware;
        for outgoing in outgoing.drain(..) {
            // The other end of a real cable is not paused.
            if let Outgoing::Frame { at, frame, .. } = outgoing {
                self.port.transmit(at, frame, &mut self.out)?;
            }
        }
        drop(core);
        self.schedule_leaving();
        Ok(())
    }

    fn schedule_leaving(&mut self) {
        for Delivery { at, frame } in self.out.drain(..) {
            self.queue.push(self.sequencer.key(at, Phase::Wire), Event::Leave(frame));
        }
    }

    /// The moment that the node has come to.
    pub(super) fn now(&self) -> Time {
        self.queue.now()
    }
}
