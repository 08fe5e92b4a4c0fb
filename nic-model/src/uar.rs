//! UAR pages: whose doorbells they take, and pushed WQEs until all their lines are there.

use crate::dma::Cx;
use crate::nic::Nic;
use crate::regs::bar;
use crate::regs::doorbell::{CqDoorbell, EqDoorbell, ReceiveDoorbell, SqDoorbell};
use crate::regs::eqe::EventType;
use crate::regs::wqe::{self, BLOCK_BYTES, Control};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks of a BlueFlame buffer.
const BUFFER_BLOCKS: usize = bar::BLUEFLAME_BUFFER_BYTES as usize / BLOCK_BYTES;

/// A WQE of which lines have come.
type Push = SmallVec<[u8; BLOCK_BYTES]>;

/// The UAR pages of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uar {
    /// WQEs of which lines are still to come, by the bus offset of their buffer.
    pushes: BTreeMap<u64, Push>,
    /// Pages that refused a doorbell and said so.
    told: BTreeSet<u32>,
}

impl Uar {
    /// A line has come; gives the WQE when it is whole. A line that does not follow the one before ends its push.
    fn line(&mut self, page: u32, register: u64, line: &[u8]) -> Option<Push> {
        let offset = register - bar::UAR_BLUEFLAME;
        let buffer = bar::uar(page, register - offset % bar::BLUEFLAME_BUFFER_BYTES);
        let at = (offset % bar::BLUEFLAME_BUFFER_BYTES) as usize;
        let mut push = self.pushes.remove(&buffer).unwrap_or_default();
        if at == 0 {
            push.clear();
        }
        if at != push.len() {
            return None;
        }
        push.extend_from_slice(line);
        let blocks = Control::read(&push).map_or(0, |control| wqe::blocks(control.units)) as usize;
        // A length that no buffer holds is told by its first line.
        if push.len() >= blocks * BLOCK_BYTES || blocks > BUFFER_BLOCKS {
            return Some(push);
        }
        self.pushes.insert(buffer, push);
        None
    }
}

impl Nic {
    /// A write to a UAR page; `None` if nothing takes it.
    pub(crate) fn uar_write(&mut self, cx: &mut Cx<'_>, page: u32, register: u64, data: &[u8]) -> Option<()> {
        if u64::from(page) >= self.config.limits.uar_pages {
            return None;
        }
        self.host.dma.register_write(cx, data.len());
        if register >= bar::UAR_BLUEFLAME {
            let inside = register - bar::UAR_BLUEFLAME < bar::BLUEFLAME_AREA_BYTES;
            if !inside || data.len() as u64 != bar::BLUEFLAME_BYTES || !register.is_multiple_of(bar::BLUEFLAME_BYTES) {
                return None;
            }
            let pushed = self.timing.mmio_line.book(cx.now).end;
            let Some(wqe) = self.uar.line(page, register, data) else { return Some(()) };
            let qpn = Control::read(&wqe)?.qpn.value();
            let owner = self.qps.get(qpn).map(|qp| qp.context.uar_page);
            if self.admits(cx, page, bar::UAR_BLUEFLAME, qpn, owner) {
                self.blueflame(cx, pushed, &wqe);
            }
            return Some(());
        }
        let value = u64::from_le_bytes(data.try_into().ok()?);
        match register {
            bar::UAR_SQ => {
                let doorbell = SqDoorbell::from_value(value);
                let qpn = doorbell.qpn.value();
                let owner = self.qps.get(qpn).map(|qp| qp.context.uar_page);
                if self.admits(cx, page, register, qpn, owner) {
                    self.sq_doorbell(cx, doorbell);
                }
            }
            bar::UAR_RQ => {
                let doorbell = ReceiveDoorbell::from_value(value);
                let qpn = doorbell.qpn.value();
                let owner = self.qps.get(qpn).map(|qp| qp.context.uar_page);
                if self.admits(cx, page, register, qpn, owner) {
                    self.rq_doorbell(cx, doorbell);
                }
            }
            bar::UAR_CQ => {
                let doorbell = CqDoorbell::from_value(value);
                let owner = self.host.cqs.get(doorbell.cqn).map(|cq| cq.context.uar_page);
                if self.admits(cx, page, register, doorbell.cqn, owner) {
                    let at = self.timing.doorbell.book(cx.now).end;
                    self.host.cq_doorbell(cx, at, doorbell);
                }
            }
            bar::UAR_EQ => {
                let doorbell = EqDoorbell::from_value(value);
                let owner = self.host.eqs.get(doorbell.eqn).map(|eq| eq.context.uar_page);
                if self.admits(cx, page, register, doorbell.eqn, owner) {
                    let at = self.timing.doorbell.book(cx.now).end;
                    self.host.eq_doorbell(cx, at, doorbell);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether a doorbell for an object comes by the page of its `owner`. One for nothing goes on, to be counted as such.
    fn admits(&mut self, cx: &mut Cx<'_>, page: u32, register: u64, number: u32, owner: Option<u32>) -> bool {
        if owner.is_none_or(|owner| owner == page) {
            return true;
        }
        self.host.counters.doorbells_refused += 1;
        if self.uar.told.insert(page) {
            let detail = (register as u32) << 16 | page;
            self.host.event(cx, cx.now, EventType::DOORBELL_REFUSED, number, detail);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(units: u8, fill: u8) -> Vec<u8> {
        let mut bytes = Control { units, ..Control::default() }.encode().to_vec();
        bytes.resize(BLOCK_BYTES, fill);
        bytes
    }

    #[test]
    fn a_push_is_whole_when_its_last_line_has_come() {
        let mut uar = Uar::default();
        let (first, second) = (bar::UAR_BLUEFLAME, bar::UAR_BLUEFLAME + bar::BLUEFLAME_BUFFER_BYTES);
        assert_eq!(uar.line(0, first, &line(9, 1)), None);
        assert_eq!(uar.line(0, second, &line(4, 2)).map(|push| push.len()), Some(64), "buffers do not know each other");
        assert_eq!(uar.line(1, first + 64, &[3; 64]), None, "nor do pages");
        assert_eq!(uar.line(0, first + 64, &[4; 64]), None);
        let whole = uar.line(0, first + 128, &[5; 64]).expect("three blocks");
        assert_eq!((whole.len(), whole[63], whole[64], whole[191]), (192, 1, 4, 5));
    }

    #[test]
    fn lines_out_of_order_end_a_push() {
        let mut uar = Uar::default();
        let first = bar::UAR_BLUEFLAME;
        assert_eq!(uar.line(0, first, &line(12, 1)), None);
        assert_eq!(uar.line(0, first + 128, &[2; 64]), None);
        assert_eq!(uar.line(0, first + 64, &[2; 64]), None, "it was forgotten");
        assert!(uar.pushes.is_empty());
        assert_eq!(uar.line(0, first, &line(8, 1)), None);
        assert_eq!(uar.line(0, first, &line(3, 1)).map(|push| push.len()), Some(64), "begun anew");
        assert_eq!(uar.line(0, first, &line(200, 1)).map(|push| push.len()), Some(64), "longer than any buffer");
    }
}
