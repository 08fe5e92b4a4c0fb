//! Register accesses: which register, and who hears of it.

use crate::config::{RESERVED_KEY, clock_ns};
use crate::dma::Cx;
use crate::nic::Nic;
use crate::port::Output;
use crate::regs::bar;
use wire::Mac;

/// What nobody answers reads as.
const ALL_ONES: u64 = u64::MAX;

/// Where an offset lies.
enum Region {
    Function(u64),
    Port { port: usize, register: u64 },
    Vector { vector: usize, byte: u64 },
    Uar { page: u32, register: u64 },
}

fn region(offset: u64) -> Region {
    let msix_end = bar::MSIX_TABLE + bar::MSIX_VECTORS_MAX * bar::MSIX_STRIDE;
    match offset {
        bar::UAR_BASE..bar::BAR_BYTES => {
            let from_pages = offset - bar::UAR_BASE;
            Region::Uar { page: (from_pages / bar::UAR_STRIDE) as u32, register: from_pages % bar::UAR_STRIDE }
        }
        bar::MSIX_TABLE.. if offset < msix_end => {
            let from_table = offset - bar::MSIX_TABLE;
            Region::Vector { vector: (from_table / bar::MSIX_STRIDE) as usize, byte: from_table % bar::MSIX_STRIDE }
        }
        bar::PORT_BASE..bar::MSIX_TABLE => {
            let from_ports = offset - bar::PORT_BASE;
            let port = (from_ports / bar::PORT_STRIDE) as usize;
            Region::Port { port, register: from_ports % bar::PORT_STRIDE }
        }
        _ => Region::Function(offset),
    }
}

impl Nic {
    /// Answers a register read; the one that runs a polled command later.
    pub(crate) fn mmio_read(&mut self, cx: &mut Cx<'_>, offset: u64) {
        if offset == bar::COMMAND_POLL_RESULT {
            return self.poll_result(cx);
        }
        let value = self.register(cx, offset);
        if value.is_none() {
            self.host.counters.bad_mmio += 1;
        }
        self.answer(cx, value.unwrap_or(ALL_ONES));
    }

    /// Answers a register read at once.
    pub(crate) fn answer(&self, cx: &mut Cx<'_>, value: u64) {
        cx.say(cx.now + self.host.dma.register_read(), Output::MmioReadDone { value });
    }

    fn register(&self, cx: &Cx<'_>, offset: u64) -> Option<u64> {
        match region(offset) {
            Region::Function(offset) => self.function_register(cx, offset),
            Region::Port { port, register } => self.port_register(port, register),
            Region::Vector { vector, byte } if byte % 8 == 0 => self.host.vectors.read(vector, byte as usize / 8),
            Region::Vector { .. } => None,
            Region::Uar { page, register } => {
                let known = bar::UAR_REGISTERS.iter().any(|row| row.offset == register);
                (known && u64::from(page) < self.config.limits.uar_pages).then_some(0)
            }
        }
    }

    fn function_register(&self, cx: &Cx<'_>, offset: u64) -> Option<u64> {
        Some(match offset {
            bar::SIGNATURE => bar::SIGNATURE_VALUE,
            bar::VERSION => bar::VERSION_VALUE,
            bar::VENDOR => u64::from(self.config.device_id) << 32 | u64::from(self.config.vendor_id),
            bar::NODE_GUID => self.config.node_guid,
            bar::FEATURES => self.config.features.bits(),
            bar::PORT_COUNT => self.ports.len() as u64,
            bar::RESERVED_KEY => RESERVED_KEY.into(),
            bar::HEALTH => self.host.health.0,
            bar::COMMAND_BASE => self.firmware.base,
            bar::CLOCK => clock_ns(cx.now),
            bar::RESET | bar::COMMAND_DOORBELL | bar::COMMAND_POLL => 0,
            _ => return self.config.limits.register(offset),
        })
    }

    fn port_register(&self, port: usize, register: u64) -> Option<u64> {
        let port = self.ports.get(port)?;
        let Mac([a, b, c, d, e, f]) = port.mac;
        Some(match register {
            bar::PORT_STATE => u64::from(port.up),
            bar::PORT_MAC => u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            bar::PORT_RATE => self.config.profile.port_rate.value.as_bps() / 1_000_000,
            bar::PORT_GUID => port.guid,
            _ => return None,
        })
    }

    /// Takes a register write.
    pub(crate) fn mmio_write(&mut self, cx: &mut Cx<'_>, offset: u64, data: &[u8]) {
        let taken = match region(offset) {
            Region::Uar { page, register } => self.uar_write(cx, page, register, data),
            Region::Vector { vector, byte } => self.vector_write(cx, vector, byte, data),
            Region::Function(offset) => self.function_write(cx, offset, data),
            Region::Port { .. } => None,
        };
        if taken.is_none() {
            self.host.counters.bad_mmio += 1;
        }
    }

    fn vector_write(&mut self, cx: &mut Cx<'_>, vector: usize, byte: u64, data: &[u8]) -> Option<()> {
        let first = byte as usize / 4;
        if !byte.is_multiple_of(4) || !matches!(data.len(), 4 | 8) || first + data.len() / 4 > 4 {
            return None;
        }
        for (index, word) in data.chunks_exact(4).enumerate() {
            let value = u32::from_le_bytes(word.try_into().ok()?);
            if self.host.vectors.write(vector, first + index, value)? {
                self.host.raise(cx, cx.now, vector as u16);
            }
        }
        Some(())
    }

    /// A write of 4 bytes changes a half of a register, and triggers what the whole would.
    fn function_write(&mut self, cx: &mut Cx<'_>, offset: u64, data: &[u8]) -> Option<()> {
        let register = offset & !7;
        let value = match (data.len(), offset % 8) {
            (8, 0) => u64::from_le_bytes(data.try_into().ok()?),
            (4, half @ (0 | 4)) => {
                let word = u64::from(u32::from_le_bytes(data.try_into().ok()?));
                let kept = if register == bar::COMMAND_BASE { self.firmware.base } else { 0 };
                let shift = half * 8;
                kept & !(0xffff_ffff << shift) | word << shift
            }
            _ => return None,
        };
        match register {
            bar::RESET if value & 1 != 0 => *self = self.fresh(),
            bar::RESET => {}
            bar::COMMAND_BASE => self.firmware.base = value & !0xfff,
            bar::COMMAND_DOORBELL => self.command_doorbell(cx, value as u32),
            bar::COMMAND_POLL => self.firmware.chosen = Some(value),
            _ => {
                let tables = [bar::REGISTERS, bar::LIMIT_REGISTERS];
                let read_only = tables.iter().copied().flatten().any(|row| row.offset == register);
                return read_only.then_some(());
            }
        }
        Some(())
    }
}
