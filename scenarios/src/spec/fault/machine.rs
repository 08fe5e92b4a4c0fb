//! `[[fault.device]]` and `[[fault.host]]`: what becomes of an adapter, and of the machine that it sits in.

use super::call::turn;
use super::{Row, Trigger, Turn, is_false};
use crate::spec::text;
use des::Ratio;
use nic_model::fault::Access;
use nic_model::regs::cmd::{CommandCode, CommandStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One row of `[[fault.device]]`.
pub type DeviceFault = MachineFault<DeviceEffect>;

/// One row of `[[fault.host]]`.
pub type HostFault = MachineFault<HostEffect>;

/// A row about one machine: of the events that its effect counts, those whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineFault<E> {
    /// Its name in the plan; `device-1`, `host-1` and so on if absent.
    #[serde(default)]
    pub id: String,
    /// On which node; on each if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
    /// What happens.
    pub effect: E,
    /// Which of the events on the node, counted from 1; 1 if nothing else says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many in a row from the `nth` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Every k-th of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Each with this probability.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Ratio>>")]
    pub probability: Option<Ratio>,
    /// Commands of this code alone.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<CommandCode>>")]
    pub command: Option<CommandCode>,
    /// Interrupts of this vector alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<u16>,
    /// DMA for this purpose alone.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Dma>>")]
    pub access: Option<Dma>,
    /// The status of `command-fail`.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<CommandStatus>>")]
    pub status: Option<CommandStatus>,
    /// How much longer something takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_us: Option<u64>,
    /// Those alone from this moment of the run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_us: Option<u64>,
    /// And before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
    /// Those alone after this has happened.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Trigger>>")]
    pub when: Option<Trigger>,
    /// So long after `when`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_us: Option<u64>,
    /// Whether the run fails if the row does not strike.
    #[serde(default, skip_serializing_if = "is_false")]
    pub must_fire: bool,
}

/// What happens to an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceEffect {
    /// A command takes longer.
    FirmwareSlow,
    /// A command never ends, nor does any behind it.
    FirmwareStuck,
    /// A command is refused.
    CommandFail,
    /// The context of the queue pair whose doorbell is rung has a parity error.
    ContextParity,
    /// An interrupt is lost.
    InterruptLost,
    /// An interrupt comes later.
    InterruptLate,
    /// A read of the adapter brings poisoned data.
    DmaError,
    /// The adapter is reset.
    Reset,
    /// The adapter is pulled out.
    Removal,
}

/// What happens to the rest of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostEffect {
    /// A callback of the consumer takes longer.
    SlowCallback,
    /// The IOMMU refuses a DMA.
    Iommu,
    /// There is no memory for what the driver is to make.
    NoMemory,
}

/// An effect of either list, without what tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Of `[[fault.device]]`.
    Device(DeviceEffect),
    /// Of `[[fault.host]]`.
    Host(HostEffect),
}

/// A key that some effects have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Command,
    Vector,
    Access,
    Status,
    Delay,
}

impl Key {
    pub(crate) const ALL: [Self; 5] = [Self::Command, Self::Vector, Self::Access, Self::Status, Self::Delay];

    /// Its name, and how it could be written.
    pub(crate) const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Command => ("command", "command = \"CREATE_QP\""),
            Self::Vector => ("vector", "vector = 0"),
            Self::Access => ("access", "access = \"payload\""),
            Self::Status => ("status", "status = \"NO_RESOURCES\""),
            Self::Delay => ("delay_us", "delay_us = 500"),
        }
    }
}

/// What the effects of a list have in common.
pub trait MachineEffect: Copy {
    /// The list.
    const LIST: &'static str;

    /// The effect without its list.
    fn effect(self) -> Effect;
}

impl MachineEffect for DeviceEffect {
    const LIST: &'static str = "device";

    fn effect(self) -> Effect {
        Effect::Device(self)
    }
}

impl MachineEffect for HostEffect {
    const LIST: &'static str = "host";

    fn effect(self) -> Effect {
        Effect::Host(self)
    }
}

impl DeviceEffect {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::FirmwareSlow,
        Self::FirmwareStuck,
        Self::CommandFail,
        Self::ContextParity,
        Self::InterruptLost,
        Self::InterruptLate,
        Self::DmaError,
        Self::Reset,
        Self::Removal,
    ];

    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirmwareSlow => "firmware-slow",
            Self::FirmwareStuck => "firmware-stuck",
            Self::CommandFail => "command-fail",
            Self::ContextParity => "context-parity",
            Self::InterruptLost => "interrupt-lost",
            Self::InterruptLate => "interrupt-late",
            Self::DmaError => "dma-error",
            Self::Reset => "reset",
            Self::Removal => "removal",
        }
    }
}

impl HostEffect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SlowCallback, Self::Iommu, Self::NoMemory];

    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowCallback => "slow-callback",
            Self::Iommu => "iommu",
            Self::NoMemory => "no-memory",
        }
    }
}

impl Effect {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Device(effect) => effect.name(),
            Self::Host(effect) => effect.name(),
        }
    }

    /// What is counted; nothing for an effect that comes at its moment.
    pub(crate) const fn counts(self) -> Option<&'static str> {
        use DeviceEffect as D;
        Some(match self {
            Self::Device(D::FirmwareSlow | D::FirmwareStuck | D::CommandFail) => "command",
            Self::Device(D::ContextParity) => "send doorbell",
            Self::Device(D::InterruptLost | D::InterruptLate) => "interrupt",
            Self::Device(D::DmaError) | Self::Host(HostEffect::Iommu) => "DMA",
            Self::Device(D::Reset | D::Removal) => return None,
            Self::Host(HostEffect::SlowCallback) => "callback",
            Self::Host(HostEffect::NoMemory) => "allocation",
        })
    }

    /// The keys that it may have besides those of all, and whether it must.
    pub(crate) const fn keys(self) -> &'static [(Key, bool)] {
        use DeviceEffect as D;
        match self {
            Self::Device(D::FirmwareSlow) => &[(Key::Command, false), (Key::Delay, true)],
            Self::Device(D::FirmwareStuck) => &[(Key::Command, false)],
            Self::Device(D::CommandFail) => &[(Key::Command, false), (Key::Status, true)],
            Self::Device(D::InterruptLost) => &[(Key::Vector, false)],
            Self::Device(D::InterruptLate) => &[(Key::Vector, false), (Key::Delay, true)],
            Self::Device(D::DmaError) | Self::Host(HostEffect::Iommu) => &[(Key::Access, false)],
            Self::Host(HostEffect::SlowCallback) => &[(Key::Delay, true)],
            Self::Device(D::ContextParity | D::Reset | D::Removal) | Self::Host(HostEffect::NoMemory) => &[],
        }
    }
}

/// What a DMA is for, as rows choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dma {
    /// A read for this purpose.
    Read(Access),
    /// Any write.
    Write,
}

impl Dma {
    /// All that consumers cause, with their names; NDK has no atomics.
    pub const ALL: [(&'static str, Self); 7] = [
        ("command", Self::Read(Access::Command)),
        ("send-wqes", Self::Read(Access::SendWqes)),
        ("receive-wqes", Self::Read(Access::ReceiveWqes)),
        ("cq-record", Self::Read(Access::CqRecord)),
        ("payload", Self::Read(Access::Payload)),
        ("page-list", Self::Read(Access::PageList)),
        ("write", Self::Write),
    ];

    /// The name in a scenario file.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, dma)| *dma == self).map_or("", |(name, _)| name)
    }
}

/// A row of either list without what tells them apart.
#[derive(Clone, Debug)]
pub(crate) struct MachineRow {
    pub id: String,
    pub node: Option<u16>,
    pub effect: Effect,
    pub turn: Turn,
    pub command: Option<CommandCode>,
    pub vector: Option<u16>,
    pub access: Option<Dma>,
    pub status: Option<CommandStatus>,
    pub delay_us: Option<u64>,
    pub from_us: Option<u64>,
    pub until_us: Option<u64>,
    pub shut: bool,
}

impl<E: MachineEffect> MachineFault<E> {
    /// A row with an id and an effect, and nothing else said.
    pub(crate) const fn new(id: String, effect: E) -> Self {
        Self {
            id,
            node: None,
            effect,
            nth: None,
            times: None,
            every: None,
            probability: None,
            command: None,
            vector: None,
            access: None,
            status: None,
            delay_us: None,
            from_us: None,
            until_us: None,
            when: None,
            after_us: None,
            must_fire: false,
        }
    }

    /// The row as a node's hardware takes it.
    pub(crate) fn machine_row(&self) -> MachineRow {
        MachineRow {
            id: self.id.clone(),
            node: self.node,
            effect: self.effect.effect(),
            turn: turn(self.nth, self.times, self.every, self.probability),
            command: self.command,
            vector: self.vector,
            access: self.access,
            status: self.status,
            delay_us: self.delay_us,
            from_us: self.from_us,
            until_us: self.until_us,
            shut: self.when.is_some(),
        }
    }
}

impl MachineRow {
    /// Whether a key is written.
    pub(crate) const fn has(&self, key: Key) -> bool {
        match key {
            Key::Command => self.command.is_some(),
            Key::Vector => self.vector.is_some(),
            Key::Access => self.access.is_some(),
            Key::Status => self.status.is_some(),
            Key::Delay => self.delay_us.is_some(),
        }
    }
}

impl<E: MachineEffect> Row for MachineFault<E> {
    const LIST: &'static str = E::LIST;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn must_fire(&self) -> bool {
        self.must_fire
    }

    fn trigger(&self) -> Option<(&Trigger, u64)> {
        Some((self.when.as_ref()?, self.after_us.unwrap_or(0)))
    }
}

impl<E: MachineEffect> fmt::Display for MachineFault<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.machine_row().fmt(f)?;
        super::write_trigger(f, self)
    }
}

impl fmt::Display for MachineRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "node{node}: {}", self.effect.name())?,
            None => write!(f, "every node: {}", self.effect.name())?,
        }
        if let Some(what) = self.effect.counts() {
            write!(f, " {what}{}", self.turn)?;
        }
        if let Some(command) = self.command {
            write!(f, " of {command:?}")?;
        }
        if let Some(vector) = self.vector {
            write!(f, " of vector {vector}")?;
        }
        if let Some(access) = self.access {
            write!(f, " of {}", access.name())?;
        }
        super::write_window(f, self.from_us, self.until_us)?;
        if let Some(status) = self.status {
            write!(f, " {status:?}")?;
        }
        self.delay_us.map_or(Ok(()), |us| write!(f, " +{us} us"))
    }
}
