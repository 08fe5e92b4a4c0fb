//! Events of the device, and its failure.

use super::SimBackend;
use super::datagrams::Datagrams;
use super::{cm, device};
use crate::backend::{CqId, Event, QpId, SrqId};
use des::Time;
use host::HostBus;
use nic_model::regs::bar;
use nic_model::regs::cmd::CommandError;
use nic_model::regs::cmd::CommandStatus;
use nic_model::regs::eqe::{CqErrorCause, Eqe, EventType};

impl SimBackend {
    /// Reads the event queue of a vector until it is empty, and arms it again.
    pub(super) fn read_events(&mut self, host: &mut dyn HostBus, vector: u16) {
        let index = usize::from(vector);
        let mut found = 0;
        while let Some(eqe) = self.event_queues.get_mut(index).and_then(|queue| queue.take(host.memory())) {
            found += 1;
            self.event(host, &eqe);
        }
        if self.event_queues.get_mut(index).is_some_and(|queue| !queue.served(found)) {
            self.device_failed(host);
        }
        if let Some(queue) = self.event_queues.get(index).filter(|_| !self.failed) {
            host.mmio_write(bar::uar(0, bar::UAR_EQ), &queue.rearm().to_value().to_le_bytes());
        }
    }

    /// Reads events of which no interrupt has told.
    pub(super) fn read_overdue_events(&mut self, host: &mut dyn HostBus, index: usize) {
        let mut found = false;
        while let Some(eqe) = self.event_queues.get_mut(index).and_then(|queue| queue.take(host.memory())) {
            found = true;
            self.event(host, &eqe);
        }
        if let Some(queue) = self.event_queues.get(index).filter(|_| found && !self.failed) {
            host.mmio_write(bar::uar(0, bar::UAR_EQ), &queue.rearm().to_value().to_le_bytes());
        }
    }

    /// What is about an object that is gone means nothing: its event was on the way when it went.
    fn event(&mut self, host: &mut dyn HostBus, eqe: &Eqe) {
        let number = eqe.number;
        match eqe.event {
            EventType::COMPLETION if number == self.gsi.cqn => self.datagrams(host),
            EventType::COMPLETION if self.is_echo(|queue| queue.cqn == number) => self.echo(host),
            EventType::COMPLETION => {
                if let Some(cq) = self.cqs.get_mut(&CqId(number)) {
                    cq.event_seen();
                    self.events.push_back(Event::CqReady(CqId(number)));
                }
            }
            EventType::COMMAND_DONE => match self.commands.completed(host, number, eqe.detail) {
                Ok((token, answer)) => self.answered(host, token, answer),
                Err(_) => self.device_failed(host),
            },
            EventType::COMMUNICATION_ESTABLISHED => self.tell_connection(host, QpId(number), cm::Input::Traffic),
            EventType::CQ_ERROR if number == self.gsi.cqn || self.is_echo(|queue| queue.cqn == number) => {
                self.device_failed(host);
            }
            EventType::CQ_ERROR => {
                if self.cqs.contains_key(&CqId(number)) {
                    let overrun = eqe.detail == CqErrorCause::OVERRUN.0;
                    self.events.push_back(Event::CqError { cq: CqId(number), overrun });
                }
            }
            // Without its datagrams nobody can be connected or disconnected.
            EventType::QP_FATAL if number == self.gsi.qpn || self.is_echo(|queue| queue.qpn == number) => {
                self.device_failed(host);
            }
            EventType::QP_FATAL | EventType::QP_INVALID_REQUEST | EventType::QP_ACCESS => {
                self.qp_failed(host, QpId(number));
            }
            EventType::SRQ_LIMIT if self.srqs.contains_key(&SrqId(number)) => {
                self.events.push_back(Event::SrqLimit(SrqId(number)));
            }
            EventType::SRQ_ERROR if self.srqs.contains_key(&SrqId(number)) => {
                self.events.push_back(Event::SrqError(SrqId(number)));
            }
            EventType::SRQ_LIMIT
            | EventType::SRQ_ERROR
            | EventType::SQ_DRAINED
            | EventType::LAST_WQE
            | EventType::PORT_CHANGE => {}
            // The device says so itself, or says what is no event.
            _ => self.device_failed(host),
        }
    }

    fn is_echo(&self, wanted: impl FnOnce(&Datagrams) -> bool) -> bool {
        self.echo.as_ref().is_some_and(|echo| wanted(&echo.queue))
    }

    fn datagrams(&mut self, host: &mut dyn HostBus) {
        match self.gsi.event(host) {
            Ok(incoming) => incoming.iter().for_each(|datagram| self.hear(host, datagram)),
            Err(_) => self.device_failed(host),
        }
    }

    /// A queue pair went into error by itself, which its consumer and the peer are to know, once.
    pub(super) fn qp_failed(&mut self, host: &mut dyn HostBus, id: QpId) {
        let Some(qp) = self.qps.get_mut(&id).filter(|qp| !qp.broken) else { return };
        qp.broken = true;
        // Those posted before the driver knew.
        self.flush_receives(host, id);
        self.events.push_back(Event::QpError(id));
        self.tell_connection(host, id, cm::Input::Broken);
    }

    /// Queued commands that are late: their events were lost, or the device has failed.
    pub(super) fn wake_commands(&mut self, host: &mut dyn HostBus, now: Time) {
        while let Some(late) = self.commands.late(host, now) {
            let completed = if late.has_run { self.commands.completed(host, late.slot, late.token).ok() } else { None };
            match completed {
                Some((token, answer)) => self.answered(host, token, answer),
                None => return self.device_failed(host),
            }
        }
    }

    /// The device is gone or broke the rules of its registers: everything under way ends, and nothing is begun any more.
    pub(super) fn device_failed(&mut self, host: &mut dyn HostBus) {
        if self.failed {
            return;
        }
        self.failed = true;
        self.events.push_back(Event::DeviceError);
        // It is to let go of host memory before that is freed.
        device::reset(host);
        for token in self.commands.abandon(host) {
            self.answered(host, token, Err(CommandError::new(CommandStatus::INTERNAL_ERROR, 0)));
        }
        self.abandon_links();
    }
}
