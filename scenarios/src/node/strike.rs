//! The rows of a plan about one machine: the bus asks at everything that can go wrong whether it does.

use super::plan;
use crate::report::FaultRow;
use crate::spec::FaultPlan;
use crate::spec::fault::Turn;
use crate::spec::fault::machine::{DeviceEffect, Dma, Effect, HostEffect, MachineRow};
use des::{Dur, Rng, Time};
use nic_model::fault::CommandDefect;
use nic_model::regs::cmd::{CommandCode, CommandStatus};
use std::fmt;
use std::ops::Range;

/// Something that a row may strike.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// The driver starts a command.
    Command(CommandCode),
    /// It rings for the send queue of a queue pair.
    Doorbell(u32),
    /// The adapter raises an interrupt.
    Interrupt(u16),
    /// It reads or writes memory.
    Dma(Dma),
    /// A callback of the consumer runs.
    Callback,
    /// The driver is about to allocate.
    Allocation,
}

/// What a row does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Command(CommandDefect),
    Parity,
    Lost,
    Late(Dur),
    Poisoned,
    Blocked,
    Refused,
    Reset,
    Removed,
}

#[derive(Clone, Debug)]
struct Active {
    row: MachineRow,
    window: Range<Time>,
    /// It waits for something.
    shut: bool,
    rng: Rng,
    fitted: u64,
    fired: u64,
    first: Option<(Time, String)>,
}

/// The rows of a machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Striker {
    rows: Vec<Active>,
    /// Rows with a moment of their own, and when it is.
    moments: Vec<(Time, u16)>,
}

impl Striker {
    /// What of a plan concerns `node`.
    pub(crate) fn new(faults: &FaultPlan, node: u16, seed: u64) -> Self {
        let mut striker = Self::default();
        for row in faults.of_machines().filter(|row| row.node.is_none_or(|only| only == node)) {
            let window = plan::window(row.from_us, row.until_us);
            let shut = row.shut;
            if row.effect.counts().is_none() && !shut {
                striker.moments.push((window.start, striker.rows.len() as u16));
            }
            let rng = Rng::stream(seed, &format!("fault.node{node}.machine.{}", row.id));
            striker.rows.push(Active { row, window, shut, rng, fitted: 0, fired: 0, first: None });
        }
        striker
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Moments that have become known since the last time.
    pub(crate) fn take_moments(&mut self) -> Vec<(Time, u16)> {
        std::mem::take(&mut self.moments)
    }

    /// A row strikes from `at` on, or from the start of its window on if that is later.
    pub(crate) fn open(&mut self, id: &str, at: Time) {
        for (index, active) in self.rows.iter_mut().enumerate().filter(|(_, active)| active.row.id == id) {
            active.window.start = active.window.start.max(at);
            active.shut = false;
            if active.row.effect.counts().is_none() && !active.window.is_empty() {
                self.moments.push((active.window.start, index as u16));
            }
        }
    }

    /// Whether the row of this name has struck.
    pub(crate) fn has_fired(&self, id: &str) -> bool {
        self.rows.iter().any(|active| active.row.id == id && active.fired > 0)
    }

    /// The first row that is about this and whose turn it is. All rows count it.
    pub(crate) fn judge(&mut self, now: Time, what: Happening) -> Option<Blow> {
        let mut blow = None;
        for active in self
            .rows
            .iter_mut()
            .filter(|active| !active.shut && active.window.contains(&now) && fits(&active.row, what))
        {
            if active.is_due() && blow.is_none() {
                active.struck(now, what.to_string());
                blow = Some(active.blow());
            }
        }
        blow
    }

    /// The moment of a row has come.
    pub(crate) fn moment(&mut self, now: Time, row: u16) -> Option<Blow> {
        let active = self.rows.get_mut(usize::from(row))?;
        active.struck(now, "the adapter".to_owned());
        Some(active.blow())
    }

    /// Adds what became of the rows to the report's rows.
    pub(crate) fn add_to(&self, node: &str, rows: &mut [FaultRow]) {
        for Active { row, fired, first, .. } in &self.rows {
            let first = first.as_ref().map(|(time, what)| (*time, format!("{node}: {what}")));
            plan::add(rows, &row.id, *fired, first);
        }
    }
}

impl Active {
    fn is_due(&mut self) -> bool {
        self.fitted += 1;
        match self.row.turn {
            Turn::Nth { nth, times } => self.fitted.checked_sub(nth).is_some_and(|later| later < times),
            Turn::Every(every) => self.fitted.is_multiple_of(every.max(1)),
            Turn::Chance(probability) => self.rng.chance(probability),
        }
    }

    fn struck(&mut self, now: Time, what: String) {
        self.fired += 1;
        self.first.get_or_insert((now, what));
    }

    fn blow(&self) -> Blow {
        use DeviceEffect as D;
        let delay = self.row.delay_us.map_or(Dur::ZERO, Dur::from_us);
        match self.row.effect {
            Effect::Device(D::FirmwareSlow) => Blow::Command(CommandDefect::Slow(delay)),
            Effect::Device(D::FirmwareStuck) => Blow::Command(CommandDefect::Stuck),
            Effect::Device(D::CommandFail) => {
                let status = self.row.status.unwrap_or(CommandStatus::INTERNAL_ERROR);
                Blow::Command(CommandDefect::Refused(status))
            }
            Effect::Device(D::ContextParity) => Blow::Parity,
            Effect::Device(D::InterruptLost) => Blow::Lost,
            Effect::Device(D::InterruptLate) | Effect::Host(HostEffect::SlowCallback) => Blow::Late(delay),
            Effect::Device(D::DmaError) => Blow::Poisoned,
            Effect::Device(D::Reset) => Blow::Reset,
            Effect::Device(D::Removal) => Blow::Removed,
            Effect::Host(HostEffect::Iommu) => Blow::Blocked,
            Effect::Host(HostEffect::NoMemory) => Blow::Refused,
        }
    }
}

fn fits(row: &MachineRow, what: Happening) -> bool {
    use DeviceEffect as D;
    match (row.effect, what) {
        (Effect::Device(D::FirmwareSlow | D::FirmwareStuck | D::CommandFail), Happening::Command(code)) => {
            row.command.is_none_or(|only| only == code)
        }
        (Effect::Device(D::InterruptLost | D::InterruptLate), Happening::Interrupt(vector)) => {
            row.vector.is_none_or(|only| only == vector)
        }
        (Effect::Device(D::DmaError) | Effect::Host(HostEffect::Iommu), Happening::Dma(dma)) => {
            row.access.is_none_or(|only| only == dma)
        }
        (Effect::Device(D::ContextParity), Happening::Doorbell(_))
        | (Effect::Host(HostEffect::SlowCallback), Happening::Callback)
        | (Effect::Host(HostEffect::NoMemory), Happening::Allocation) => true,
        _ => false,
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(code) => write!(f, "command {code:?}"),
            Self::Doorbell(qpn) => write!(f, "a doorbell of queue pair {qpn}"),
            Self::Interrupt(vector) => write!(f, "interrupt {vector}"),
            Self::Dma(Dma::Write) => f.write_str("a DMA write"),
            Self::Dma(dma) => write!(f, "a DMA read of {}", dma.name()),
            Self::Callback => f.write_str("a callback"),
            Self::Allocation => f.write_str("an allocation of the driver"),
        }
    }
}
