//! A driver looks after its device: one that is gone, was reset, or whose interrupts were lost says nothing by itself.

use super::SimBackend;
use crate::ndk::Status;
use des::Time;
use host::HostBus;
use nic_model::regs::bar::{self, Health};

/// Identifiers of connections that a life of the device leaves to the one before: peers may still know them.
const IDS_OF_A_LIFE: u32 = 1 << 16;

impl SimBackend {
    /// There may be objects from now on.
    pub(super) fn begin_looking(&mut self, host: &dyn HostBus) {
        if self.look_at.is_none() && !self.failed {
            self.look_at = self.config.watchdog.map(|interval| host.now() + interval);
        }
    }

    /// Looks if it is time. As long as there are objects or commands, there is a next time.
    pub(super) fn look_after(&mut self, host: &mut dyn HostBus, now: Time) {
        if self.look_at.is_none_or(|at| at > now) || self.failed {
            return;
        }
        let in_use = !self.cqs.is_empty() || !self.regions.is_empty() || !self.operations.is_empty();
        self.look_at = self.config.watchdog.filter(|_| in_use).map(|interval| now + interval);
        // All ones: nobody answers. Another command queue than ours, or none: it was reset behind our back.
        let health = host.mmio_read(bar::HEALTH);
        if health == Health::DMA_FAILED.0 || host.mmio_read(bar::COMMAND_BASE) != self.commands.base() {
            return self.device_failed(host);
        }
        for vector in 0..self.event_queues.len() {
            self.read_overdue_events(host, vector);
        }
    }

    /// Brings up a device that failed, once nobody uses any of its objects.
    pub(super) fn start_again(&mut self, host: &mut dyn HostBus) -> Result<(), Status> {
        let mut config = self.config.clone();
        config.connections.first_id = config.connections.first_id.wrapping_add(IDS_OF_A_LIFE);
        let fresh = Self::new(host, config).map_err(|_| Status::DEVICE_REMOVED)?;
        std::mem::replace(self, fresh).free(host);
        Ok(())
    }
}
