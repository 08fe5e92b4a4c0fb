//! The receive buffer and priority flow control: what has been received and not yet been written to the host fills it.
//!
//! The fill is arithmetic: writes are booked on the bus, and the buffer drains at the rate of the bus. So the moment at
//! which it will have drained to XON is known, and one alarm is enough.

use crate::alarm::Alarm;
use crate::dma::Cx;
use crate::nic::Nic;
use crate::port::Output;
use des::{Dur, Rate, Time};

/// What the receive buffer is worth, as time on the bus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveBuffer {
    /// Frames are dropped above.
    full: Dur,
    /// Peers are paused from here on.
    xoff: Dur,
    /// And may go on from here down.
    xon: Dur,
    /// Length of a pause, repeated at half time.
    pause: Dur,
    /// Peers are silent until then, as far as they were asked.
    asked_until: Option<Time>,
}

/// Quanta of the longest pause, and bits of each (IEEE 802.1Qbb).
const PAUSE_BYTES: u64 = 65_535 * 512 / 8;

impl ReceiveBuffer {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        self.full.as_ps() ^ self.asked_until.map_or(0, Time::as_ps)
    }

    /// `time_for` tells how long the bus takes for so many bytes; `rate` is that of the ports.
    pub(crate) fn new(bytes: [u32; 3], rate: Rate, time_for: impl Fn(u64) -> Dur) -> Self {
        let [full, xoff, xon] = bytes.map(|bytes| time_for(bytes.into()));
        Self { full, xoff, xon, pause: rate.time_for(PAUSE_BYTES), asked_until: None }
    }
}

impl Nic {
    /// Whether a frame finds no room.
    pub(super) fn buffer_is_full(&self, now: Time) -> bool {
        self.host.dma.backlog(now) > self.buffer.full
    }

    /// Pauses the peers if the buffer fills, lets them go on if it has drained. Nothing without flow control.
    #[inline]
    pub(crate) fn watch_buffer(&mut self, cx: &mut Cx<'_>) {
        if self.config.flow_control != 0 {
            self.watch_fill(cx);
        }
    }

    fn watch_fill(&mut self, cx: &mut Cx<'_>) {
        let backlog = self.host.dma.backlog(cx.now);
        let ReceiveBuffer { xoff, xon, pause, asked_until, .. } = self.buffer;
        match asked_until {
            None if backlog > xoff => self.pause_peers(cx, backlog),
            Some(_) if backlog <= xon => {
                self.buffer.asked_until = None;
                self.say_pause(cx, Dur::ZERO);
            }
            Some(until) if until <= cx.now + pause / 2 => self.pause_peers(cx, backlog),
            None | Some(_) => {}
        }
    }

    /// The buffer may have drained.
    pub(crate) fn buffer_alarm(&mut self, cx: &mut Cx<'_>) {
        self.watch_buffer(cx);
        if self.buffer.asked_until.is_some() {
            let backlog = self.host.dma.backlog(cx.now);
            self.set_buffer_alarm(cx, backlog);
        }
    }

    fn pause_peers(&mut self, cx: &mut Cx<'_>, backlog: Dur) {
        let first = self.buffer.asked_until.replace(cx.now + self.buffer.pause).is_none();
        self.host.counters.pauses_sent += 1;
        self.say_pause(cx, self.buffer.pause);
        if first {
            self.set_buffer_alarm(cx, backlog);
        }
    }

    fn set_buffer_alarm(&mut self, cx: &Cx<'_>, backlog: Dur) {
        let drained = backlog.saturating_sub(self.buffer.xon);
        let at = cx.now + drained.min(self.buffer.pause / 2);
        self.host.alarms.set(at.max(cx.now + Dur::from_ps(1)), Alarm::Buffer);
    }

    fn say_pause(&self, cx: &mut Cx<'_>, length: Dur) {
        let classes = self.config.flow_control;
        for port in 0..self.ports.len() as u8 {
            cx.say(cx.now, Output::Pause { port, classes, length });
        }
    }
}
