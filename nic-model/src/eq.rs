//! Event queues and the interrupts they raise.

use crate::dma::{Cx, piece};
use crate::interface::Interface;
use crate::port::{Output, control};
use crate::regs::bar::Health;
use crate::regs::cmd::{EqClasses, EqContext};
use crate::regs::doorbell::{EqDoorbell, owner_bit};
use crate::regs::eqe::{Eqe, EventType};
use des::{Dur, Time};

/// An event queue.
#[derive(Clone, Debug)]
pub(crate) struct Eq {
    pub(crate) context: EqContext,
    pub(crate) producer: u32,
    consumer: u32,
    armed: bool,
    /// CQs that send their events here.
    pub(crate) users: u32,
}

impl Eq {
    pub(crate) const fn new(context: EqContext) -> Self {
        Self { context, producer: 0, consumer: 0, armed: false, users: 0 }
    }

    const fn is_full(&self) -> bool {
        self.producer.wrapping_sub(self.consumer) >> self.context.log_entries != 0
    }
}

/// The MSI-X table: what the driver may do to it, and interrupts held back by a mask.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    vectors: Vec<Vector>,
    latency: Dur,
}

#[derive(Clone, Copy, Debug, Default)]
struct Vector {
    /// Four words as PCI lays them out.
    words: [u32; 4],
    pending: bool,
}

/// The word with the mask bit.
const CONTROL_WORD: usize = 3;

impl Vectors {
    pub(crate) fn new(count: u64, latency: Dur) -> Self {
        Self { vectors: vec![Vector::default(); count as usize], latency }
    }

    /// The table entry's words `2 * half` and `2 * half + 1`.
    pub(crate) fn read(&self, vector: usize, half: usize) -> Option<u64> {
        let words = self.vectors.get(vector)?.words;
        Some(u64::from(words[2 * half + 1]) << 32 | u64::from(words[2 * half]))
    }

    /// Writes a word; true if that unmasks an interrupt that was held back. `None` if there is no such vector.
    pub(crate) fn write(&mut self, vector: usize, word: usize, value: u32) -> Option<bool> {
        let entry = self.vectors.get_mut(vector)?;
        entry.words[word] = value;
        let raises = entry.pending && entry.words[CONTROL_WORD] & 1 == 0;
        entry.pending &= !raises;
        Some(raises)
    }

    /// Whether an interrupt may be raised now; it is remembered otherwise.
    fn admit(&mut self, vector: u16) -> bool {
        match self.vectors.get_mut(usize::from(vector)) {
            Some(entry) if entry.words[CONTROL_WORD] & 1 != 0 => {
                entry.pending = true;
                false
            }
            Some(_) => true,
            None => false,
        }
    }
}

impl Interface {
    /// An event that does not come from a CQ, to the queue of its class.
    pub(crate) fn event(&mut self, cx: &mut Cx<'_>, at: Time, event: EventType, number: u32, detail: u32) {
        let class = if event == EventType::COMMAND_DONE { EqClasses::COMMANDS } else { EqClasses::ASYNC };
        let eqn = if class == EqClasses::COMMANDS { self.command_eqn } else { self.async_eqn };
        if let Some(eqn) = eqn {
            self.event_to(cx, at, eqn, event, number, detail);
        }
    }

    /// Writes an entry and raises the interrupt if the queue is armed. An entry without room is lost, and the health
    /// register says so.
    pub(crate) fn event_to(&mut self, cx: &mut Cx<'_>, at: Time, eqn: u32, event: EventType, number: u32, detail: u32) {
        let Some(eq) = self.eqs.get_mut(eqn) else { return };
        if eq.is_full() {
            self.counters.events_lost += 1;
            self.health = Health::EVENT_LOST;
            return;
        }
        let log_entries = eq.context.log_entries;
        let owner = owner_bit(eq.producer, log_entries);
        let time_ns = crate::config::clock_ns(at);
        let entry = Eqe { event, number, detail, time_ns, owner }.encode();
        let slot = u64::from(eq.producer & ((1 << log_entries) - 1));
        let target = piece(eq.context.ring_address + slot * Eqe::BYTES as u64, Eqe::BYTES as u32);
        eq.producer = eq.producer.wrapping_add(1);
        let raises = std::mem::take(&mut eq.armed);
        let vector = eq.context.vector;
        self.counters.eqes += 1;
        let visible = self.write(cx, at, target, control(entry.to_vec()));
        if raises {
            self.raise(cx, visible, vector);
        }
    }

    /// The driver has read up to the consumer index, and perhaps arms.
    pub(crate) fn eq_doorbell(&mut self, cx: &mut Cx<'_>, at: Time, doorbell: EqDoorbell) {
        let Some(eq) = self.eqs.get_mut(doorbell.eqn) else {
            self.counters.bad_mmio += 1;
            return;
        };
        eq.consumer = doorbell.consumer;
        if !doorbell.arm {
            return;
        }
        eq.armed = eq.producer == doorbell.consumer;
        let vector = eq.context.vector;
        if !eq.armed {
            self.raise(cx, at, vector);
        }
    }

    /// Raises an interrupt at `at`, unless it is masked.
    pub(crate) fn raise(&mut self, cx: &mut Cx<'_>, at: Time, vector: u16) {
        if !self.vectors.admit(vector) {
            return;
        }
        self.counters.interrupts += 1;
        let arrives = self.dma.interrupt(at) + self.vectors.latency;
        cx.say(arrives, Output::Msix { vector });
    }
}
