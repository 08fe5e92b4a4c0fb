//! Bring-up: what the device is and can do, its command queue, event queues and addresses.

use super::cm;
use super::command::{self, CommandQueue};
use super::datagrams::{Datagrams, Kind};
use super::echo::Echo;
use super::event::EventQueue;
use super::memory;
use super::ring::send_wqe_blocks;
use crate::backend::Capabilities;
use crate::ndk::Status;
use des::Dur;
use host::{HostBus, PAGE_SIZE};
use nic_model::regs::bar::{self, Features, Limits};
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{Command, EqClasses, EqContext, QpType, Reply, SourceAddress};
use nic_model::regs::wqe::{UNIT_BYTES, UNITS_MAX};
use std::collections::BTreeMap;
use std::net::IpAddr;
use wire::Mac;
use wire::cm::{GSI_QKEY, MAD_LEN};

/// The port that the driver uses.
pub(super) const PORT: u8 = 0;

/// Datagrams that may wait for the driver, where nobody says otherwise; assumed.
pub(super) const DATAGRAM_RECEIVES: u32 = 128;

/// What the composition root tells a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Own addresses, in the order of the port's table.
    pub addresses: Vec<IpAddr>,
    /// Ethernet addresses of peers or of the routers to them.
    pub neighbours: BTreeMap<IpAddr, Mac>,
    /// Ethernet address of the router to everybody else; without one, they cannot be reached.
    pub router: Option<Mac>,
    /// Event queues, each with its interrupt vector: at least one; more than the device's vectors are cut.
    pub vectors: u16,
    /// Entries of an event queue as a power of two.
    pub log_event_entries: u8,
    /// UAR pages that queue pairs share in turn; more than the device's are cut.
    pub uar_pages: u64,
    /// Push lone small WQEs instead of ringing.
    pub blueflame: bool,
    /// Datagrams of connection management that may wait for the driver; more are lost, and their senders try again.
    pub datagram_receives: u32,
    /// The port of `rdma_cm`'s UDP space at which datagrams are sent back to who sent them; `None`: nobody answers there.
    pub echo_port: Option<u16>,
    /// Differentiated services code point of connections.
    pub dscp: u8,
    /// Code of the time that a peer waits for a receive, see [`wire::codes::rnr_timer_us`].
    pub min_rnr_timer: u8,
    /// After this long a queued command counts as lost, and the device as failed if it has not run.
    pub command_timeout: Dur,
    /// How often the driver looks after a device that has objects: whether it answers, has been reset by somebody else, or has
    /// written events whose interrupts were lost. `None`: never, which an idle simulation needs to end by itself.
    pub watchdog: Option<Dur>,
    /// Connection management. Addresses, name of the device and limits are filled in by the driver.
    pub connections: cm::Settings,
}

impl Default for Config {
    /// No addresses, one vector. Command timeout as in Linux' `mlx5_core` (60 s); 16 UAR pages as its user-space library
    /// takes; RNR timer 12 (640 us) as in the example programs of `libibverbs`; the rest assumed.
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            neighbours: BTreeMap::new(),
            router: None,
            vectors: 1,
            log_event_entries: 10,
            uar_pages: 16,
            blueflame: true,
            datagram_receives: DATAGRAM_RECEIVES,
            echo_port: None,
            dscp: 0,
            min_rnr_timer: 12,
            command_timeout: Dur::from_ms(60_000),
            watchdog: None,
            connections: cm::Settings::default(),
        }
    }
}

/// Why a device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BringUpError {
    /// Nothing, or something else, at the register space.
    #[error("signature register reads {found:#018x}, not {:#018x}", bar::SIGNATURE_VALUE)]
    Signature {
        /// What it reads.
        found: u64,
    },
    /// A device with another interface.
    #[error("interface version is {:#x}, the driver knows {:#x}", found >> 16, bar::VERSION_VALUE >> 16)]
    Version {
        /// What the register reads.
        found: u64,
    },
    /// A limit register reads a value that no device can have.
    #[error("limit register {name} reads {value}")]
    Limit {
        /// The register.
        name: &'static str,
        /// What it reads.
        value: u64,
    },
    /// More addresses than the port can have.
    #[error("{wanted} addresses, the port has room for {room}")]
    Addresses {
        /// Given.
        wanted: usize,
        /// The device's limit.
        room: u64,
    },
    /// A command of the bring-up failed.
    #[error("{what} failed with {status}")]
    Command {
        /// Which.
        what: &'static str,
        /// Why.
        status: Status,
    },
}

/// A device that answers commands.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) limits: Limits,
    pub(super) features: Features,
    pub(super) capabilities: Capabilities,
    pub(super) ca_guid: u64,
    pub(super) own_mac: Mac,
    pub(super) commands: CommandQueue,
    pub(super) event_queues: Vec<EventQueue>,
}

/// Runs a command of the bring-up.
pub(super) fn run(
    commands: &mut CommandQueue,
    host: &mut dyn HostBus,
    what: &'static str,
    command: &Command,
) -> Result<Reply, BringUpError> {
    let status = match commands.poll(host, command) {
        Ok(Ok(reply)) => return Ok(reply),
        Ok(Err(error)) => command::status_of(error),
        Err(command::Broken) => Status::INTERNAL_ERROR,
    };
    Err(BringUpError::Command { what, status })
}

impl Device {
    /// Brings the device up to event queues and addresses.
    ///
    /// # Errors
    /// See [`BringUpError`]. The device is reset then, and host memory as before.
    pub(super) fn bring_up(host: &mut dyn HostBus, config: &Config) -> Result<Self, BringUpError> {
        let found = host.mmio_read(bar::SIGNATURE);
        if found != bar::SIGNATURE_VALUE {
            return Err(BringUpError::Signature { found });
        }
        let found = host.mmio_read(bar::VERSION);
        if found >> 16 != bar::VERSION_VALUE >> 16 {
            return Err(BringUpError::Version { found });
        }
        let limits = Limits::from_registers(|offset| host.mmio_read(offset));
        let features = Features::from_bits_retain(host.mmio_read(bar::FEATURES));
        check(&limits)?;
        if config.addresses.len() as u64 > limits.max_addresses {
            return Err(BringUpError::Addresses { wanted: config.addresses.len(), room: limits.max_addresses });
        }
        let vendor = host.mmio_read(bar::VENDOR);
        let mac = host.mmio_read(bar::port(PORT.into(), bar::PORT_MAC)).to_be_bytes();
        let mut device = Self {
            capabilities: Capabilities {
                vendor_id: vendor as u32,
                device_id: (vendor >> 32) as u32,
                privileged_key: Some(host.mmio_read(bar::RESERVED_KEY) as u32),
                addresses: config.addresses.clone(),
                ..capabilities(&limits, features)
            },
            limits,
            features,
            ca_guid: host.mmio_read(bar::NODE_GUID),
            own_mac: Mac([mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]]),
            commands: {
                reset(host);
                CommandQueue::install(host, config.command_timeout)
            },
            event_queues: Vec::new(),
        };
        match device.set_up(host, config) {
            Ok(()) => Ok(device),
            Err(error) => {
                device.take_down(host);
                Err(error)
            }
        }
    }

    fn set_up(&mut self, host: &mut dyn HostBus, config: &Config) -> Result<(), BringUpError> {
        run(&mut self.commands, host, "INIT", &Command::Init)?;
        for (index, &address) in config.addresses.iter().enumerate() {
            let entry = SourceAddress::new(PORT, index as u8, Gid::from(address));
            run(&mut self.commands, host, "SET_ADDRESS", &Command::SetAddress(entry))?;
        }
        let vectors = u64::from(config.vectors).clamp(1, self.limits.msix_vectors.min(self.limits.max_eqs));
        let log_entries = config.log_event_entries.min(self.limits.max_eq_entries.ilog2() as u8);
        for vector in 0..vectors {
            let queue = EventQueue::allocate(host.memory(), log_entries);
            let context = EqContext {
                ring_address: queue.ring_address(),
                log_entries,
                vector: vector as u16,
                classes: if vector == 0 { EqClasses::all() } else { EqClasses::empty() },
                uar_page: 0,
            };
            self.event_queues.push(queue);
            let reply = run(&mut self.commands, host, "CREATE_EQ", &Command::CreateEq(context))?;
            let queue = &mut self.event_queues[vector as usize];
            queue.eqn = reply.result;
            host.mmio_write(bar::uar(0, bar::UAR_EQ), &queue.rearm().to_value().to_le_bytes());
        }
        Ok(())
    }

    /// Key for bus addresses and event queue of the driver's own queue pairs.
    fn own_means(&self) -> (u32, u32) {
        let eqn = self.event_queues.first().map_or(0, |queue| queue.eqn);
        (self.capabilities.privileged_key.unwrap_or_default(), eqn)
    }

    /// Makes the queue pair of connection management, with so many receives.
    pub(super) fn datagrams(&mut self, host: &mut dyn HostBus, receives: u32) -> Result<Datagrams, BringUpError> {
        let receives = receives.max(1);
        let kind = Kind { qp_type: QpType::GSI, qkey: GSI_QKEY, message_bytes: MAD_LEN as u32, receives };
        let means = self.own_means();
        Datagrams::create(host, &mut self.commands, kind, means)
    }

    /// Makes the service that sends datagrams back.
    pub(super) fn echo(&mut self, host: &mut dyn HostBus, port: u16) -> Result<Echo, BringUpError> {
        let means = self.own_means();
        Echo::create(host, &mut self.commands, means, port)
    }

    /// Undoes a bring-up.
    pub(super) fn take_down(self, host: &mut dyn HostBus) {
        shut_down(host, self.commands, self.event_queues);
    }
}

/// Resets the device and frees its command and event queues.
pub(super) fn shut_down(host: &mut dyn HostBus, commands: CommandQueue, event_queues: Vec<EventQueue>) {
    reset(host);
    // A read pushes the write to the device: it lets go of all memory.
    host.mmio_read(bar::SIGNATURE);
    release(host, commands, event_queues);
}

/// Frees the queues of a device that has let go of them.
pub(super) fn release(host: &mut dyn HostBus, commands: CommandQueue, event_queues: Vec<EventQueue>) {
    event_queues.into_iter().for_each(|queue| queue.free(host.memory()));
    commands.free(host);
}

/// Everything in the device is as after power-on.
pub(super) fn reset(host: &mut dyn HostBus) {
    host.mmio_write(bar::RESET, &1_u64.to_le_bytes());
}

/// Refuses limits with which the driver cannot work: a register that nobody answers reads as all ones.
fn check(limits: &Limits) -> Result<(), BringUpError> {
    for row in bar::LIMIT_REGISTERS {
        let value = limits.register(row.offset).unwrap_or(u64::MAX);
        if value == u64::MAX {
            return Err(BringUpError::Limit { name: row.name, value });
        }
    }
    let needed = [
        ("MAX_QPS", limits.max_qps),
        ("MAX_CQS", limits.max_cqs),
        ("MAX_EQS", limits.max_eqs),
        ("MAX_EQ_ENTRIES", limits.max_eq_entries),
        ("MAX_CQ_ENTRIES", limits.max_cq_entries),
        ("MAX_SQ_BLOCKS", limits.max_sq_blocks),
        ("MAX_RQ_WQES", limits.max_rq_wqes),
        ("MSIX_VECTORS", limits.msix_vectors),
        ("UAR_PAGES", limits.uar_pages),
    ];
    match needed.into_iter().find(|&(_, value)| value == 0) {
        Some((name, value)) => Err(BringUpError::Limit { name, value }),
        None => Ok(()),
    }
}

/// Units of data in the longest send WQE: control segment and remote address take one each.
const SEND_DATA_UNITS_MAX: u32 = UNITS_MAX as u32 - 2;
/// Bytes of the word in front of inline data.
const INLINE_HEADER: u32 = 4;
/// Entries of a receive in the longest WQE of a receive queue, 512 bytes with the segment that ends it.
const RECEIVE_SGE_MAX: u32 = 31;
/// No ring is longer than 2^22 entries, whatever the device claims.
const LOG_DEPTH_MAX: u32 = 22;

fn capabilities(limits: &Limits, features: Features) -> Capabilities {
    let cut = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    // A device that claims more than its own WQEs can hold is not believed.
    let max_send_sge = cut(limits.max_send_sge).min(SEND_DATA_UNITS_MAX);
    let max_inline_bytes = cut(limits.max_inline_bytes).min(SEND_DATA_UNITS_MAX * UNIT_BYTES as u32 - INLINE_HEADER);
    let fast_register = features.contains(Features::FAST_REGISTER);
    let longest = u64::from(send_wqe_blocks(max_send_sge, max_inline_bytes));
    // A ring is a power of two.
    let whole = |count: u64| if count == 0 { 0 } else { 1 << count.ilog2().min(LOG_DEPTH_MAX) };
    // The first page may be used in part.
    let listed = memory::max_pages(limits).saturating_sub(1).saturating_mul(PAGE_SIZE);
    Capabilities {
        vendor_id: 0,
        device_id: 0,
        max_registration_bytes: limits.max_region_bytes.min(listed),
        max_fast_register_pages: if fast_register { cut(limits.max_fast_register_pages) } else { 0 },
        max_send_sge,
        max_receive_sge: cut(limits.max_receive_sge).min(RECEIVE_SGE_MAX),
        max_read_sge: cut(limits.max_read_sge).min(max_send_sge),
        max_message_bytes: cut(limits.max_message_bytes),
        max_inline_bytes,
        max_inbound_reads: cut(limits.max_inbound_reads),
        max_outbound_reads: cut(limits.max_outbound_reads),
        max_send_depth: whole(limits.max_sq_blocks / longest),
        max_receive_depth: whole(limits.max_rq_wqes),
        max_srq_depth: if features.contains(Features::SRQ) { whole(limits.max_srq_wqes) } else { 0 },
        max_cq_depth: whole(limits.max_cq_entries),
        max_request_private_bytes: cm::REQUEST_PRIVATE_BYTES as u32,
        max_reply_private_bytes: cm::REJECT_PRIVATE_BYTES as u32,
        memory_windows: features.contains(Features::MEMORY_WINDOWS),
        atomics: true,
        invalidate: fast_register || features.contains(Features::MEMORY_WINDOWS),
        resize_cq: features.contains(Features::RESIZE_CQ),
        resize_srq: features.contains(Features::SRQ),
        moderate_cq: true,
        in_order_dma: features.contains(Features::IN_ORDER_DMA),
        privileged_key: None,
        loopback: features.contains(Features::LOOPBACK),
        addresses: Vec::new(),
    }
}
