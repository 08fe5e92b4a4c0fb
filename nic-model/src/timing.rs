//! A profile made ready for use: the units of a device with their times, or without.

use crate::config::Config;
use crate::pcie::Pcie;
use crate::profile::{FirmwareProfile, StageProfile};
use crate::regs::cmd::{Command, QpState};
use crate::units::{Engines, Stage};
use des::{Dur, Rate};

/// Units and times of a device.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    pub(crate) pcie: Pcie,
    pub(crate) doorbell: Stage,
    /// Write-combined lines that the processor pushes.
    pub(crate) mmio_line: Stage,
    pub(crate) requester: Stage,
    pub(crate) engines: Engines,
    pub(crate) responder: Stage,
    pub(crate) transmit_latency: Dur,
    pub(crate) interrupt_latency: Dur,
    /// Rate of a port; none takes no time.
    pub(crate) port_rate: Option<Rate>,
    firmware: Option<FirmwareProfile>,
}

impl Timing {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        self.requester.touch() ^ self.responder.touch() ^ self.transmit_latency.as_ps()
    }

    pub(crate) fn new(config: &Config) -> Self {
        let profile = &config.profile;
        if config.zero_time {
            let instant = Stage::new(Dur::ZERO, Dur::ZERO);
            return Self {
                pcie: Pcie::instant(&profile.pcie),
                doorbell: instant,
                mmio_line: instant,
                requester: instant,
                engines: Engines::new(1, Dur::ZERO),
                responder: instant,
                transmit_latency: Dur::ZERO,
                interrupt_latency: Dur::ZERO,
                port_rate: None,
                firmware: None,
            };
        }
        Self {
            pcie: Pcie::new(profile),
            doorbell: stage(&profile.doorbell),
            mmio_line: Stage::new(Dur::ZERO, profile.pcie.mmio_line_interval.value),
            requester: stage(&profile.requester),
            engines: Engines::new(profile.engines.value, profile.engine_interval.value),
            responder: stage(&profile.responder),
            transmit_latency: profile.transmit_latency.value,
            interrupt_latency: profile.interrupt_latency.value,
            port_rate: Some(profile.port_rate.value),
            firmware: Some(profile.firmware),
        }
    }

    /// How long the firmware works on a command; `state` is that of the queue pair that MODIFY_QP names.
    pub(crate) fn firmware(&self, command: &Command, state: QpState) -> Dur {
        let Some(firmware) = &self.firmware else { return Dur::ZERO };
        let code = command.code();
        let row = firmware.by_command.iter().find(|(named, _)| *named == code);
        let base = row.map_or(firmware.other.value, |(_, time)| time.value);
        match command {
            Command::CreateMkey(_, pages) => base + firmware.per_page.value * pages.len() as u64,
            Command::ModifyQp(_, attributes) => match (state, attributes.state) {
                (QpState::RESET, QpState::INIT) => firmware.reset_to_init.value,
                (QpState::INIT, QpState::RTR) => firmware.init_to_rtr.value,
                (QpState::RTR, QpState::RTS) => firmware.rtr_to_rts.value,
                (QpState::ERROR, QpState::RESET) => firmware.error_to_reset.value,
                _ => base,
            },
            _ => base,
        }
    }
}

const fn stage(profile: &StageProfile) -> Stage {
    Stage::new(profile.latency.value, profile.interval.value)
}
