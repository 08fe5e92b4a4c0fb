//! Event queues, completion queues, shared receive queues and keys: made, asked, ended.

use super::Outcome;
use super::execute::{
    NO_RESOURCES, NO_SUCH_OBJECT, Result, bad, busy, check_record, check_ring, exceeds, no_such, number,
};
use crate::caches::Kind;
use crate::cq::Cq;
use crate::dma::Cx;
use crate::eq::Eq;
use crate::mem::{Key, Mapping, PAGE_SHIFTS, Pages};
use crate::nic::Nic;
use crate::receive::{ReceiveQueue, Ring, SharedQueue};
use crate::regs::cmd::{
    CommandError, CommandStatus, CqContext, EqClasses, EqContext, KeyKind, MkeyContext, Rights, SrqContext,
};
use std::collections::VecDeque;

/// Entries of CQs and EQs have 64 bytes.
const LOG_ENTRY_BYTES: u8 = 6;

impl Nic {
    /// Back to before INIT: all objects are gone. The command queue, time and counters go on.
    pub(super) fn tear_down(&mut self) {
        let mut fresh = self.fresh();
        std::mem::swap(&mut fresh.firmware, &mut self.firmware);
        fresh.firmware.forget_objects();
        fresh.host.counters = self.host.counters;
        *self = fresh;
    }

    pub(super) fn create_eq(&mut self, context: EqContext) -> Result {
        let limits = &self.config.limits;
        check_ring(context.ring_address, context.log_entries, LOG_ENTRY_BYTES, limits.max_eq_entries, (0, 8))?;
        if u64::from(context.vector) >= limits.msix_vectors {
            return Err(exceeds(0x0a));
        }
        self.check_uar(context.uar_page, 0x10)?;
        let eqn = self.host.eqs.insert(Eq::new(context)).ok_or(NO_RESOURCES)?;
        if context.classes.contains(EqClasses::COMMANDS) {
            self.host.command_eqn = Some(eqn);
        }
        if context.classes.contains(EqClasses::ASYNC) {
            self.host.async_eqn = Some(eqn);
        }
        Ok(number(eqn))
    }

    pub(super) fn destroy_eq(&mut self, eqn: u32) -> Result {
        let eq = self.host.eqs.get(eqn).ok_or(NO_SUCH_OBJECT)?;
        if eq.users > 0 {
            return Err(busy(eq.users));
        }
        self.host.eqs.remove(eqn);
        for class in [&mut self.host.command_eqn, &mut self.host.async_eqn] {
            class.take_if(|taker| *taker == eqn);
        }
        Ok(Outcome::default())
    }

    pub(super) fn query_eq(&self, eqn: u32) -> Result {
        let eq = self.host.eqs.get(eqn).ok_or(NO_SUCH_OBJECT)?;
        Ok(Outcome { result: eq.producer, result_2: 0, output: eq.context.encode().to_vec() })
    }

    pub(super) fn create_cq(&mut self, context: CqContext) -> Result {
        let most = self.config.limits.max_cq_entries;
        check_ring(context.ring_address, context.log_entries, LOG_ENTRY_BYTES, most, (0, 0x10))?;
        check_record(context.record_address, 8)?;
        self.check_uar(context.uar_page, 0x1c)?;
        if self.host.eqs.get(context.eqn).is_none() {
            return Err(no_such(0x14));
        }
        let cqn = self.host.cqs.insert(Cq::new(context)).ok_or(NO_RESOURCES)?;
        if let Some(eq) = self.host.eqs.get_mut(context.eqn) {
            eq.users += 1;
        }
        Ok(number(cqn))
    }

    pub(super) fn destroy_cq(&mut self, cqn: u32) -> Result {
        let cq = self.host.cqs.get(cqn).ok_or(NO_SUCH_OBJECT)?;
        if cq.users > 0 {
            return Err(busy(cq.users));
        }
        let eqn = cq.context.eqn;
        self.host.cqs.remove(cqn);
        if let Some(eq) = self.host.eqs.get_mut(eqn) {
            eq.users -= 1;
        }
        Ok(Outcome::default())
    }

    pub(super) fn query_cq(&self, cqn: u32) -> Result {
        let cq = self.host.cqs.get(cqn).ok_or(NO_SUCH_OBJECT)?;
        Ok(Outcome { result: cq.producer, result_2: cq.dead.into(), output: cq.context.encode().to_vec() })
    }

    pub(super) fn resize_cq(&mut self, cqn: u32, context: &CqContext) -> Result {
        let most = self.config.limits.max_cq_entries;
        check_ring(context.ring_address, context.log_entries, LOG_ENTRY_BYTES, most, (0, 0x10))?;
        let cq = self.host.cqs.get_mut(cqn).ok_or(NO_SUCH_OBJECT)?;
        cq.resize(context.ring_address, context.log_entries, context.consumer)
            .map(number)
            .map_err(|held| CommandError::new(CommandStatus::TOO_SMALL, held))
    }

    pub(super) fn create_srq(&mut self, cx: &mut Cx<'_>, context: SrqContext) -> Result {
        if !(4..=9).contains(&context.log_stride) {
            return Err(bad(0x15));
        }
        let most = self.config.limits.max_srq_wqes;
        check_ring(context.ring_address, context.log_wqes, context.log_stride, most, (0, 0x14))?;
        check_record(context.record_address, 8)?;
        self.use_pd(context.pd, 0x10)?;
        let ring = Ring {
            address: context.ring_address,
            log_wqes: context.log_wqes,
            log_stride: context.log_stride,
            record_address: context.record_address,
        };
        let srq = SharedQueue {
            queue: ReceiveQueue::new(ring, self.config.profile.receive_wqes_prefetched.value),
            pd: context.pd,
            limit: 0,
            waiting: VecDeque::new(),
            dead: false,
            users: 0,
            context,
        };
        let Some(srqn) = self.srqs.insert(srq) else {
            self.leave_pd(context.pd);
            return Err(NO_RESOURCES);
        };
        self.set_srq_limit(cx, srqn, context.limit)?;
        Ok(number(srqn))
    }

    pub(super) fn set_srq_limit(&mut self, cx: &mut Cx<'_>, srqn: u32, limit: u32) -> Result {
        self.srqs.get_mut(srqn).ok_or(NO_SUCH_OBJECT)?.limit = limit;
        self.check_srq_limit(cx, srqn, false);
        Ok(Outcome::default())
    }

    pub(super) fn resize_srq(&mut self, srqn: u32, context: &SrqContext) -> Result {
        let &SrqContext { ring_address, record_address, log_wqes, log_stride, .. } = context;
        let most = self.config.limits.max_srq_wqes;
        let srq = self.srqs.get_mut(srqn).ok_or(NO_SUCH_OBJECT)?;
        if log_stride != srq.context.log_stride {
            return Err(bad(0x15));
        }
        check_ring(ring_address, log_wqes, log_stride, most, (0, 0x14))?;
        check_record(record_address, 8)?;
        if log_wqes < srq.context.log_wqes {
            return Err(CommandError::new(CommandStatus::TOO_SMALL, srq.queue.posted()));
        }
        srq.queue.switch(Ring { address: ring_address, log_wqes, log_stride, record_address });
        srq.context = SrqContext { ring_address, record_address, log_wqes, ..srq.context };
        Ok(Outcome::default())
    }

    pub(super) fn destroy_srq(&mut self, srqn: u32) -> Result {
        let srq = self.srqs.get(srqn).ok_or(NO_SUCH_OBJECT)?;
        if srq.users > 0 {
            return Err(busy(srq.users));
        }
        let pd = srq.pd;
        self.srqs.remove(srqn);
        self.leave_pd(pd);
        Ok(Outcome::default())
    }

    pub(super) fn query_srq(&self, srqn: u32) -> Result {
        let srq = self.srqs.get(srqn).ok_or(NO_SUCH_OBJECT)?;
        let output = srq.context.encode().to_vec();
        Ok(Outcome { result: srq.queue.consumed(), result_2: srq.limit, output })
    }

    pub(super) fn create_mkey(&mut self, context: &MkeyContext, pages: Vec<u64>) -> Result {
        let limits = &self.config.limits;
        let mapping = match context.kind {
            KeyKind::REGION => {
                if !PAGE_SHIFTS.contains(&context.page_shift) {
                    return Err(bad(2));
                }
                if context.length_bytes > limits.max_region_bytes {
                    return Err(exceeds(0x18));
                }
                let zero_based = context.rights.contains(Rights::ZERO_BASED);
                let MkeyContext { start, length_bytes, page_shift, .. } = *context;
                Mapping::Region(
                    Pages::new(start, length_bytes, page_shift, zero_based, pages.into()).map_err(|_| bad(0x18))?,
                )
            }
            KeyKind::FAST_REGISTER if u64::from(context.page_count) > limits.max_fast_register_pages => {
                return Err(exceeds(0x0c));
            }
            KeyKind::FAST_REGISTER | KeyKind::WINDOW_1 | KeyKind::WINDOW_2 => Mapping::Free,
            _ => return Err(bad(0)),
        };
        self.use_pd(context.pd, 4)?;
        let key = Key {
            kind: context.kind,
            variant: context.variant,
            pd: context.pd,
            rights: context.rights,
            mapping,
            max_pages: context.page_count,
            windows: 0,
        };
        match self.memory.insert(key) {
            Some(key) => Ok(number(key)),
            None => {
                self.leave_pd(context.pd);
                Err(NO_RESOURCES)
            }
        }
    }

    pub(super) fn destroy_mkey(&mut self, key: u32) -> Result {
        let entry = self.memory.entry(key).ok_or(NO_SUCH_OBJECT)?;
        if entry.windows > 0 {
            return Err(busy(entry.windows));
        }
        self.host.caches.forget(Kind::Mpt, u64::from(key >> 8));
        self.host.caches.forget_table(key >> 8);
        if let Some(removed) = self.memory.remove(key) {
            self.leave_pd(removed.pd);
        }
        Ok(Outcome::default())
    }

    pub(super) fn query_mkey(&self, key: u32) -> Result {
        let entry = self.memory.entry(key).ok_or(NO_SUCH_OBJECT)?;
        let (start, length_bytes, page_shift, count) = match &entry.mapping {
            Mapping::Region(pages) => (pages.start(), pages.length_bytes(), pages.page_shift(), pages.count() as u32),
            Mapping::Window { start, length_bytes, .. } => (*start, *length_bytes, 0, 0),
            Mapping::Free => (0, 0, 0, entry.max_pages),
        };
        let context = MkeyContext {
            kind: entry.kind,
            variant: entry.variant,
            page_shift,
            pd: entry.pd,
            rights: entry.rights,
            page_count: count,
            start,
            length_bytes,
        };
        Ok(Outcome { output: context.encode().to_vec(), ..Outcome::default() })
    }
}
