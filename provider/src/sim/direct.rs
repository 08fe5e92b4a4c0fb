//! Connections without connection management, for whoever knows both ends: benchmarks and fabric studies.

use super::attributes::{self, Way};
use super::cm::{LocalEnd, RemoteEnd};
use super::{SimBackend, command};
use crate::backend::QpId;
use crate::ndk::Status;
use host::HostBus;
use nic_model::regs::cmd::{Command as DeviceCommand, QpState};
use wire::{Mac, Psn, Qpn};

impl SimBackend {
    /// Takes a new queue pair to RTS while the processor waits. `expected_psn` is the first sequence number that it
    /// expects, `mac` the peer's Ethernet address or that of the router to it, `dscp` the code point of all that it
    /// sends. No connection exists for it: nobody disconnects it, and no event tells that it is established.
    ///
    /// # Errors
    /// INVALID_PARAMETER for a queue pair that does not exist, INVALID_DEVICE_STATE for one that is connected,
    /// INVALID_ADDRESS for a local address that is not the device's, or what the device refuses with.
    pub fn connect_directly(
        &mut self,
        host: &mut dyn HostBus,
        qp: QpId,
        expected_psn: Psn,
        remote: &RemoteEnd,
        mac: Mac,
        dscp: u8,
    ) -> Result<(), Status> {
        let state = self.qps.get(&qp).ok_or(Status::INVALID_PARAMETER)?.state;
        if state != QpState::INIT {
            return Err(Status::INVALID_DEVICE_STATE);
        }
        let source = self.capabilities.addresses.iter().position(|&own| own == remote.local.ip());
        let way = Way {
            mac,
            source_index: source.ok_or(Status::INVALID_ADDRESS)? as u8,
            dscp,
            min_rnr_timer: self.config.min_rnr_timer,
        };
        let own = LocalEnd { qpn: Qpn::new(qp.0), starting_psn: expected_psn, shared_receive_queue: false };
        let steps = [attributes::to_receive(own, remote, way), attributes::to_send(remote)];
        for step in steps {
            let state = step.state;
            match self.commands.poll(host, &DeviceCommand::ModifyQp(qp.0, step)) {
                Ok(answer) => answer.map(drop).map_err(command::status_of)?,
                Err(command::Broken) => {
                    self.device_failed(host);
                    return Err(Status::INTERNAL_ERROR);
                }
            }
            if let Some(known) = self.qps.get_mut(&qp) {
                known.state = state;
            }
        }
        Ok(())
    }
}
