//! The bus with a plan over it: what a row strikes on its way between driver, adapter and memory.

use super::Hardware;
use super::strike::{Blow, Happening};
use crate::spec::fault::machine::Dma;
use des::Time;
use nic_model::fault::Defect;
use nic_model::port::{DmaError, DmaTag, Input, Segments};
use nic_model::regs::bar;
use nic_model::regs::cmd::{SLOT_BYTES, Slot};
use nic_model::regs::doorbell::SqDoorbell;
use nic_model::regs::wqe::Control;

impl Hardware {
    /// A register write reaches the adapter: commands and doorbells may be struck by it.
    pub(super) fn deliver(&mut self, now: Time, offset: u64, data: &[u8]) {
        if self.gone {
            return;
        }
        let value = data.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if offset == bar::COMMAND_BASE {
            self.command_base = value & !0xfff;
        } else if !self.striker.is_empty() {
            match offset {
                bar::COMMAND_DOORBELL => {
                    let rung = (0..bar::COMMAND_SLOTS as u8).filter(|slot| value >> slot & 1 != 0);
                    rung.for_each(|slot| self.command(now, slot));
                }
                bar::COMMAND_POLL => self.command(now, value as u8),
                _ => self.doorbell(now, offset, data),
            }
        }
        self.tell(now, Input::MmioWrite { offset, data: data.into() });
    }

    fn command(&mut self, now: Time, slot: u8) {
        let mut bytes = Vec::new();
        let read =
            self.memory.device_read(self.command_base + u64::from(slot) * SLOT_BYTES as u64, SLOT_BYTES, &mut bytes);
        let Some(content) = read.ok().and_then(|()| Slot::read(&bytes)) else { return };
        if let Some(Blow::Command(defect)) = self.striker.judge(now, Happening::Command(content.code)) {
            self.tell(now, Input::Defect(Defect::Command { slot, defect }));
        }
    }

    fn doorbell(&mut self, now: Time, offset: u64, data: &[u8]) {
        let Some(register) = offset.checked_sub(bar::UAR_BASE).map(|inside| inside % bar::UAR_STRIDE) else { return };
        let qpn = match (register, data.first_chunk()) {
            (bar::UAR_SQ, Some(bytes)) => SqDoorbell::from_value(u64::from_le_bytes(*bytes)).qpn.value(),
            (bar::UAR_BLUEFLAME.., _) if register % bar::BLUEFLAME_BUFFER_BYTES == 0 => match Control::read(data) {
                Some(control) => control.qpn.value(),
                None => return,
            },
            _ => return,
        };
        if self.striker.judge(now, Happening::Doorbell(qpn)) == Some(Blow::Parity) {
            self.tell(now, Input::Defect(Defect::QpContext { qpn }));
        }
    }

    /// Why a read fails, if it does.
    pub(super) fn read_error(&mut self, now: Time, tag: DmaTag, segments: &Segments) -> Option<DmaError> {
        if self.striker.is_empty() {
            return None;
        }
        let dma = Dma::Read(self.nic.reading(tag)?);
        self.dma_error(now, dma, segments)
    }

    /// Why a DMA fails, if it does.
    pub(super) fn dma_error(&mut self, now: Time, dma: Dma, segments: &Segments) -> Option<DmaError> {
        let address = segments.first().map_or(0, |segment| segment.address);
        match self.striker.judge(now, Happening::Dma(dma))? {
            Blow::Poisoned => Some(DmaError::Poisoned { address }),
            _ => Some(DmaError::Blocked { address }),
        }
    }

    /// When an interrupt that is due at `at` arrives; never, if it is lost.
    pub(super) fn interrupt_at(&mut self, now: Time, at: Time, vector: u16) -> Option<Time> {
        match self.striker.judge(now, Happening::Interrupt(vector)) {
            None => Some(at),
            Some(Blow::Late(delay)) => Some(at + delay),
            Some(_) => None,
        }
    }

    /// The moment of a row has come.
    pub(crate) fn strike(&mut self, now: Time, row: u16) {
        match self.striker.moment(now, row) {
            Some(Blow::Reset) => drop(self.tell(now, Input::Reset)),
            Some(Blow::Removed) => {
                // What it had under way ends with it.
                self.tell(now, Input::Reset);
                self.gone = true;
            }
            _ => {}
        }
    }
}
