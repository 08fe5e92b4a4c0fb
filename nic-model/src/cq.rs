//! Completion queues: entries in order, arms with sequence numbers, moderation, overrun.

use crate::alarm::Alarm;
use crate::caches::Kind;
use crate::config::clock_ns;
use crate::dma::{Cx, Purpose, Read, piece};
use crate::interface::Interface;
use crate::port::{DmaError, control};
use crate::regs::block::Field;
use crate::regs::cmd::CqContext;
use crate::regs::counters::Counters;
use crate::regs::cqe::{Cqe, CqeFlags, CqeOpcode, Syndrome};
use crate::regs::doorbell::{CqDoorbell, CqRecord, owner_bit};
use crate::regs::eqe::{CqErrorCause, EventType};
use des::{Dur, Time};
use std::collections::VecDeque;
use wire::Payload;

/// A completion queue.
#[derive(Clone, Debug)]
pub(crate) struct Cq {
    pub(crate) context: CqContext,
    /// Free-running count of entries written.
    pub(crate) producer: u32,
    /// As last read from the record or a doorbell.
    consumer: u32,
    /// Entries that wait for the consumer index.
    waiting: VecDeque<Cqe>,
    pub(crate) dead: bool,
    arm: Arm,
    /// Events raised, modulo 4.
    sequence: u8,
    /// Index after the last entry that a solicited arm is for.
    solicited_end: u32,
    moderation: Moderation,
    /// Queue pairs that complete here.
    pub(crate) users: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arm {
    Idle,
    Any,
    Solicited,
}

/// How long an event may be held back to gather entries.
#[derive(Clone, Copy, Debug, Default)]
struct Moderation {
    interval: Dur,
    count: u16,
    /// The event held back: entries gathered, and when it goes at the latest.
    held: Option<(u16, Time)>,
}

impl Cq {
    pub(crate) const fn new(context: CqContext) -> Self {
        Self {
            context,
            producer: 0,
            consumer: 0,
            waiting: VecDeque::new(),
            dead: false,
            arm: Arm::Idle,
            sequence: 0,
            solicited_end: 0,
            moderation: Moderation { interval: Dur::ZERO, count: 0, held: None },
            users: 0,
        }
    }

    /// Entries not taken, as far as the device knows.
    pub(crate) const fn held(&self) -> u32 {
        self.producer.wrapping_sub(self.consumer)
    }

    const fn is_full(&self) -> bool {
        self.held() >> self.context.log_entries != 0
    }

    pub(crate) fn moderate(&mut self, interval_us: u16, count: u16) {
        self.moderation.interval = Dur::from_us(interval_us.into());
        self.moderation.count = count;
    }

    /// Goes on in another ring; gives the index of the first entry there, or how many entries would not fit.
    pub(crate) fn resize(&mut self, ring_address: u64, log_entries: u8, consumer: u32) -> Result<u32, u32> {
        let held = self.producer.wrapping_sub(consumer).saturating_add(self.waiting.len() as u32);
        if held > 1 << log_entries {
            return Err(held);
        }
        self.consumer = consumer;
        self.context.ring_address = ring_address;
        self.context.log_entries = log_entries;
        Ok(self.producer)
    }

    /// Whether an arm is met by entries after `consumer`.
    const fn has_after(&self, consumer: u32, solicited_only: bool) -> bool {
        let end = if solicited_only { self.solicited_end } else { self.producer };
        (end.wrapping_sub(consumer) as i32) > 0
    }
}

impl Interface {
    /// Appends an entry. If the queue seems full, the entry waits until the driver's consumer index has been read.
    pub(crate) fn complete(&mut self, cx: &mut Cx<'_>, at: Time, cqn: u32, cqe: Cqe) {
        count_error(&mut self.counters, &cqe);
        let Some(cq) = self.cqs.get_mut(cqn).filter(|cq| !cq.dead) else { return };
        if cq.waiting.is_empty() && !cq.is_full() {
            return self.append(cx, at, cqn, cqe);
        }
        let asks = cq.waiting.is_empty();
        cq.waiting.push_back(cqe);
        if asks {
            let record = piece(cq.context.record_address, CqRecord::BYTES as u32);
            self.read(cx, Read::control(at, Purpose::CqRecord { cqn }, record));
        }
    }

    /// The consumer index has been read: what fits is written, and a queue that is really full dies.
    pub(crate) fn cq_record(&mut self, cx: &mut Cx<'_>, cqn: u32, data: Result<Payload, DmaError>) {
        let Some(cq) = self.cqs.get_mut(cqn).filter(|cq| !cq.dead) else { return };
        let Some(record) = data.ok().and_then(|data| CqRecord::read(data.bytes())) else {
            return self.kill(cx, cqn, CqErrorCause::DMA);
        };
        cq.consumer = record.consumer;
        let room = (1_u32 << cq.context.log_entries).saturating_sub(cq.held()) as usize;
        if cq.waiting.len() > room {
            return self.kill(cx, cqn, CqErrorCause::OVERRUN);
        }
        for cqe in std::mem::take(&mut cq.waiting) {
            self.append(cx, cx.now, cqn, cqe);
        }
    }

    fn append(&mut self, cx: &mut Cx<'_>, at: Time, cqn: u32, cqe: Cqe) {
        let at = self.cached(at, Kind::Cq, cqn.into());
        let Some(cq) = self.cqs.get_mut(cqn) else { return };
        let index = cq.producer;
        let log_entries = cq.context.log_entries;
        cq.producer = index.wrapping_add(1);
        let solicited = cqe.is_error() || cqe.flags.contains(CqeFlags::SOLICITED);
        if solicited {
            cq.solicited_end = cq.producer;
        }
        let fires = cq.arm == Arm::Any || cq.arm == Arm::Solicited && solicited;
        let slot = u64::from(index & ((1 << log_entries) - 1));
        let target = piece(cq.context.ring_address + slot * Cqe::BYTES as u64, Cqe::BYTES as u32);
        let entry = Cqe { owner: owner_bit(index, log_entries), time_ns: clock_ns(at), ..cqe };
        self.counters.cqes += 1;
        let visible = self.write(cx, at, target, control(entry.encode().to_vec()));
        if fires {
            self.moderated(cx, visible, cqn);
        }
    }

    /// An arm is met: the event goes now, or when enough entries or time have been gathered.
    fn moderated(&mut self, cx: &mut Cx<'_>, at: Time, cqn: u32) {
        let Some(cq) = self.cqs.get_mut(cqn) else { return };
        let Moderation { interval, count, held } = cq.moderation;
        let (gathered, deadline) = held.map_or((1, at + interval), |(gathered, end)| (gathered + 1, end));
        if interval == Dur::ZERO || count != 0 && gathered >= count {
            return self.fire(cx, at, cqn);
        }
        cq.moderation.held = Some((gathered, deadline));
        if held.is_none() {
            self.alarms.set(deadline, Alarm::Cq(cqn));
        }
    }

    /// The time of an event held back may have come.
    pub(crate) fn cq_alarm(&mut self, cx: &mut Cx<'_>, cqn: u32) {
        let held = self.cqs.get(cqn).and_then(|cq| cq.moderation.held);
        if held.is_some_and(|(_, deadline)| deadline <= cx.now) {
            self.fire(cx, cx.now, cqn);
        }
    }

    fn fire(&mut self, cx: &mut Cx<'_>, at: Time, cqn: u32) {
        let Some(cq) = self.cqs.get_mut(cqn) else { return };
        cq.arm = Arm::Idle;
        cq.moderation.held = None;
        cq.sequence = (cq.sequence + 1) & 3;
        let eqn = cq.context.eqn;
        self.event_to(cx, at, eqn, EventType::COMPLETION, cqn, 0);
    }

    /// The driver arms. An arm made before it knew of the last event is ignored; a weaker arm does not replace a stronger.
    pub(crate) fn cq_doorbell(&mut self, cx: &mut Cx<'_>, at: Time, doorbell: CqDoorbell) {
        let Some(cq) = self.cqs.get_mut(doorbell.cqn).filter(|cq| !cq.dead) else {
            self.counters.bad_mmio += 1;
            return;
        };
        cq.consumer = doorbell.consumer;
        if doorbell.sequence != cq.sequence {
            return;
        }
        match doorbell.solicited_only {
            false => cq.arm = Arm::Any,
            true if cq.arm == Arm::Idle => cq.arm = Arm::Solicited,
            true => {}
        }
        if cq.moderation.held.is_none() && cq.has_after(doorbell.consumer, cq.arm == Arm::Solicited) {
            self.moderated(cx, at, doorbell.cqn);
        }
    }

    /// The queue is dead: nothing more is written, and the driver is told once.
    pub(crate) fn kill(&mut self, cx: &mut Cx<'_>, cqn: u32, cause: CqErrorCause) {
        let Some(cq) = self.cqs.get_mut(cqn) else { return };
        cq.dead = true;
        cq.waiting.clear();
        self.counters.cq_overruns += u64::from(cause == CqErrorCause::OVERRUN);
        self.event(cx, cx.now, EventType::CQ_ERROR, cqn, cause.0);
        self.dead_cqs.push(cqn);
    }
}

fn count_error(counters: &mut Counters, cqe: &Cqe) {
    use Syndrome as S;
    let (all, flushed) = match cqe.opcode {
        CqeOpcode::REQUEST_ERROR => (&mut counters.request_errors, &mut counters.requests_flushed),
        CqeOpcode::RECEIVE_ERROR => (&mut counters.receive_errors, &mut counters.receives_flushed),
        _ => return,
    };
    *if cqe.syndrome == S::FLUSHED { flushed } else { all } += 1;
    let special = match (cqe.opcode, cqe.syndrome) {
        (CqeOpcode::RECEIVE_ERROR, S::LOCAL_LENGTH) => &mut counters.receive_length_errors,
        (_, S::REMOTE_ACCESS) => &mut counters.request_remote_access,
        (CqeOpcode::REQUEST_ERROR, S::REMOTE_INVALID_REQUEST) => &mut counters.request_remote_invalid,
        (_, S::TRANSPORT_RETRY_EXCEEDED) => &mut counters.ack_retries_exceeded,
        (_, S::RNR_RETRY_EXCEEDED) => &mut counters.rnr_retries_exceeded,
        _ => return,
    };
    *special += 1;
}

/// The bytes of control data; none if a study elided them, which it must not.
pub(crate) trait ControlBytes {
    /// The bytes.
    fn bytes(&self) -> &[u8];
}

impl ControlBytes for Payload {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Elided(_) => &[],
        }
    }
}

const _: () = assert!(CqRecord::BYTES >= u32::BYTES);
