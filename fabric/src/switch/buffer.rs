//! The packet buffer: who holds how many bytes of which part of the memory.
//!
//! Frames are accounted to the port and priority they came in by. An account fills its reserved part, then draws on the
//! shared part up to a dynamic threshold, then (lossless priorities) on its headroom; it is emptied the other way
//! round. Lossless priorities are limited by their ingress account, lossy ones by their egress queue.

use crate::PRIORITIES;
use crate::switch::config::{BufferConfig, ConfigError};
use crate::switch::counters::DropReason;

/// The memory of a switch.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    config: BufferConfig,
    shared_bytes: u64,
    shared_used: u64,
    /// By port, then priority.
    accounts: Vec<Account>,
}

/// What one port and priority holds of each part, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    reserved: u64,
    shared: u64,
    headroom: u64,
    /// The sender has been asked to be silent.
    paused: bool,
}

impl Buffer {
    pub(crate) fn new(config: BufferConfig, ports: usize) -> Result<Self, ConfigError> {
        let shared_bytes = config.shared_bytes(ports)?;
        Ok(Self { config, shared_bytes, shared_used: 0, accounts: vec![Account::default(); ports * PRIORITIES] })
    }

    /// Takes in a frame for an egress queue that holds `queue_bytes`.
    pub(crate) fn admit(&mut self, port: u16, priority: usize, bytes: u64, queue_bytes: u64) -> Result<(), DropReason> {
        let lossless = self.is_lossless(priority);
        let free = self.shared_bytes - self.shared_used;
        let account = &mut self.accounts[index(port, priority)];
        let from_reserved = bytes.min(self.config.reserved_bytes - account.reserved);
        let rest = bytes - from_reserved;
        let within = if lossless {
            account.shared + rest <= self.config.ingress_alpha.of(free)
        } else {
            queue_bytes + bytes <= self.config.egress_alpha.of(free)
        };
        if rest == 0 || within && rest <= free {
            account.shared += rest;
            self.shared_used += rest;
        } else if !lossless {
            return Err(DropReason::BufferFull);
        } else if account.headroom + rest <= self.config.headroom_bytes {
            account.headroom += rest;
        } else {
            return Err(DropReason::HeadroomFull);
        }
        account.reserved += from_reserved;
        Ok(())
    }

    /// Gives back the memory of a frame.
    pub(crate) fn release(&mut self, port: u16, priority: usize, bytes: u64) {
        let account = &mut self.accounts[index(port, priority)];
        let from_headroom = bytes.min(account.headroom);
        let from_shared = (bytes - from_headroom).min(account.shared);
        let from_reserved = bytes - from_headroom - from_shared;
        assert!(from_reserved <= account.reserved, "port {port} priority {priority} gives back more than it holds");
        account.headroom -= from_headroom;
        account.shared -= from_shared;
        account.reserved -= from_reserved;
        self.shared_used -= from_shared;
    }

    /// Whether the sender must now be paused; if so it counts as paused.
    pub(crate) fn must_pause(&mut self, port: u16, priority: usize) -> bool {
        if !self.is_lossless(priority) {
            return false;
        }
        let threshold = self.config.ingress_alpha.of(self.shared_bytes - self.shared_used);
        let account = &mut self.accounts[index(port, priority)];
        let crossed = account.headroom > 0 || account.shared > 0 && account.shared >= threshold;
        let must_pause = crossed && !account.paused;
        account.paused |= crossed;
        must_pause
    }

    /// Whether the sender may now go on; if so it counts as going.
    pub(crate) fn may_resume(&mut self, port: u16, priority: usize) -> bool {
        let threshold = self.config.ingress_alpha.of(self.shared_bytes - self.shared_used);
        let account = &mut self.accounts[index(port, priority)];
        let below = account.shared == 0 || account.shared + self.config.resume_offset_bytes <= threshold;
        let may_resume = account.paused && account.headroom == 0 && below;
        account.paused &= !may_resume;
        may_resume
    }

    /// The priorities in which the sender at `port` is paused, one bit each.
    pub(crate) fn paused(&self, port: u16) -> u8 {
        let accounts = &self.accounts[index(port, 0)..][..PRIORITIES];
        accounts.iter().rev().fold(0, |mask, account| mask << 1 | u8::from(account.paused))
    }

    /// Bytes held of all parts.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.accounts.iter().map(|account| account.reserved + account.shared + account.headroom).sum()
    }

    const fn is_lossless(&self, priority: usize) -> bool {
        self.config.lossless >> priority & 1 != 0
    }
}

const fn index(port: u16, priority: usize) -> usize {
    port as usize * PRIORITIES + priority
}

#[cfg(test)]
mod tests;
