//! The driver of the simulated NIC: a [`Backend`] that knows the registers of the device and nothing else of it.
//!
//! Reading order: [`device`] (bring-up), `command` (the command queue), `ring`, `cq`, `event` (rings in host memory), `memory`
//! (keys), `object` (queue pairs), `attributes` (their transitions), then the provider's way down: `begin` and `operation`
//! (its commands as commands of the device), `post` (its requests as WQEs), `completion` (CQEs as its completions),
//! `interrupt` (events), `watchdog` (a device that has gone quiet, and a new start); and [`cm`] (connection management as a value) with `connect` (what it means for queue pairs) and
//! `datagrams` (the queue pair that carries it), `echo` (a service of datagrams); `direct` (without them).
//!
//! Invariants:
//! * only [`nic_model::regs`] is used of the device's model;
//! * whatever the device writes, nothing panics: what cannot be is a [`DeviceError`](crate::backend::Event::DeviceError), and
//!   after that every command fails and every destruction succeeds;
//! * memory is freed when the device has confirmed that it has let go of it, or has failed.

mod attributes;
mod begin;
pub mod cm;
mod command;
mod completion;
mod connect;
mod cq;
mod datagrams;
pub mod device;
mod direct;
mod echo;
mod event;
mod interrupt;
mod memory;
mod object;
mod operation;
mod post;
mod ring;
mod watchdog;

pub use device::{BringUpError, Config};

use crate::backend::{
    Backend, Capabilities, Command, CommandId, ConnectionId, CqId, Event, Execution, MrId, MwId, QpId, SendRequest,
    SrqId, Submitted, WorkCompletion,
};
use crate::ndk::{Sge, Status};
use command::CommandQueue;
use connect::Link;
use cq::CompletionQueue;
use datagrams::{Broken, Datagrams};
use des::Time;
use device::Device;
use echo::Echo;
use event::EventQueue;
use host::HostBus;
use host::iommu::Rights;
use memory::{Region, Window};
use nic_model::regs::bar::{self, Features, Limits};
use object::{QueuePair, SharedQueue};
use operation::Task;
use std::collections::{BTreeMap, VecDeque};
use wire::Mac;

/// The simulated NIC with its driver.
#[derive(Clone, Debug)]
pub struct SimBackend {
    config: Config,
    limits: Limits,
    capabilities: Capabilities,
    own_mac: Mac,
    uar_pages: u32,
    last_uar_page: u32,
    blueflame: bool,
    commands: CommandQueue,
    event_queues: Vec<EventQueue>,
    gsi: Datagrams,
    echo: Option<Echo>,
    cqs: BTreeMap<CqId, CompletionQueue>,
    srqs: BTreeMap<SrqId, SharedQueue>,
    /// In boxes: a node of the map has room for eleven, most of it empty where numbers only grow.
    qps: BTreeMap<QpId, Box<QueuePair>>,
    regions: BTreeMap<MrId, Region>,
    windows: BTreeMap<MwId, Window>,
    connections: cm::Connections,
    links: BTreeMap<ConnectionId, Link>,
    /// What queued commands of the device are for.
    operations: BTreeMap<CommandId, Task>,
    events: VecDeque<Event>,
    last_command: u32,
    next_psn: u32,
    /// When the driver looks after its device next.
    look_at: Option<Time>,
    failed: bool,
}

/// The driver's own queue pairs.
fn own_queues(
    device: &mut Device,
    host: &mut dyn HostBus,
    config: &Config,
) -> Result<(Datagrams, Option<Echo>), BringUpError> {
    let gsi = device.datagrams(host, config.datagram_receives)?;
    match config.echo_port.map(|port| device.echo(host, port)).transpose() {
        Ok(echo) => Ok((gsi, echo)),
        Err(error) => {
            gsi.free(host);
            Err(error)
        }
    }
}

impl SimBackend {
    /// Brings up the device behind `host`.
    ///
    /// # Errors
    /// See [`BringUpError`]; host memory is then as before.
    pub fn new(host: &mut dyn HostBus, config: Config) -> Result<Self, BringUpError> {
        let mut device = Device::bring_up(host, &config)?;
        let (gsi, echo) = match own_queues(&mut device, host, &config) {
            Ok(made) => made,
            Err(error) => {
                device.take_down(host);
                return Err(error);
            }
        };
        let Device { limits, features, capabilities, ca_guid, own_mac, commands, event_queues } = device;
        let connections = cm::Settings {
            addresses: config.addresses.clone(),
            ca_guid,
            max_inbound_reads: capabilities.max_inbound_reads,
            max_outbound_reads: capabilities.max_outbound_reads,
            path_mtu_bytes: config.connections.path_mtu_bytes.min(limits.max_mtu_bytes as u32),
            ..config.connections.clone()
        };
        Ok(Self {
            uar_pages: config.uar_pages.clamp(1, limits.uar_pages) as u32,
            last_uar_page: 0,
            blueflame: config.blueflame && features.contains(Features::BLUEFLAME),
            next_psn: connections.first_id,
            connections: cm::Connections::new(connections),
            config,
            limits,
            capabilities,
            own_mac,
            commands,
            event_queues,
            gsi,
            echo,
            cqs: BTreeMap::new(),
            srqs: BTreeMap::new(),
            qps: BTreeMap::new(),
            regions: BTreeMap::new(),
            windows: BTreeMap::new(),
            links: BTreeMap::new(),
            operations: BTreeMap::new(),
            events: VecDeque::new(),
            last_command: 0,
            look_at: None,
            failed: false,
        })
    }

    /// Resets the device and frees all memory of the driver, objects that were not destroyed included.
    pub fn remove(mut self, host: &mut dyn HostBus) {
        self.device_failed(host);
        device::reset(host);
        // A read pushes the write to the device: it lets go of all memory.
        host.mmio_read(bar::SIGNATURE);
        self.free(host);
    }

    /// Frees all memory of the driver; the device has been reset.
    fn free(self, host: &mut dyn HostBus) {
        device::release(host, self.commands, self.event_queues);
        let memory = host.memory();
        self.qps.into_values().for_each(|qp| qp.free(memory));
        self.srqs.into_values().for_each(|srq| srq.free(memory));
        self.cqs.into_values().for_each(|cq| cq.free(memory));
        self.regions.into_values().for_each(|region| region.free(memory));
        self.gsi.free(host);
        if let Some(echo) = self.echo {
            echo.queue.free(host);
        }
    }

    /// Connections as the protocol sees them.
    #[must_use]
    pub const fn connections(&self) -> &cm::Connections {
        &self.connections
    }

    fn fresh_command(&mut self) -> CommandId {
        self.last_command = self.last_command.wrapping_add(1);
        CommandId(self.last_command)
    }
}

impl Backend for SimBackend {
    type Host = dyn HostBus;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, host: &mut Self::Host, how: Execution, command: Command<'_>) -> Submitted {
        self.begin_looking(host);
        self.run(host, how, command)
    }

    fn cancel(&mut self, host: &mut Self::Host, command: CommandId) {
        self.give_up_command(host, command);
    }

    fn post_send(&mut self, host: &mut Self::Host, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        self.send(host, qp, request)
    }

    fn ring(&mut self, host: &mut Self::Host, qp: QpId) {
        self.kick(host, qp);
    }

    fn post_receive(&mut self, host: &mut Self::Host, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.receive(host, qp, id, sgl)
    }

    fn post_srq_receive(&mut self, host: &mut Self::Host, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.srq_receive(host, srq, id, sgl)
    }

    fn read_local(&mut self, host: &mut Self::Host, address: u64, into: &mut [u8]) -> Result<(), Status> {
        host.memory().read_virtual(address, into).map_err(|_| Status::ACCESS_VIOLATION)
    }

    fn map(&mut self, host: &mut Self::Host, pages: &[u64]) -> Vec<u64> {
        host.memory().map(pages, Rights::ReadWrite)
    }

    fn unmap(&mut self, host: &mut Self::Host, addresses: &[u64]) {
        addresses.first().into_iter().for_each(|first| host.memory().unmap(*first));
    }

    fn poll(&mut self, host: &mut Self::Host, cq: CqId) -> Option<WorkCompletion> {
        self.next_completion(host, cq)
    }

    fn arm(&mut self, host: &mut Self::Host, cq: CqId, solicited_only: bool) {
        self.arm_cq(host, cq, solicited_only);
    }

    fn interrupt(&mut self, host: &mut Self::Host, _now: Time, vector: u16) {
        self.read_events(host, vector);
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        let deadlines = [self.connections.next_deadline(), self.commands.next_deadline(), self.look_at];
        deadlines.into_iter().flatten().min().filter(|_| !self.failed)
    }

    fn wake(&mut self, host: &mut Self::Host, now: Time) {
        self.look_after(host, now);
        self.wake_commands(host, now);
        self.wake_connections(host, now);
    }

    fn restart(&mut self, host: &mut Self::Host) -> Result<(), Status> {
        self.start_again(host)
    }
}
