//! Opening a device, and finding out what it can do.

use super::inbox::Inbox;
use super::reactor::{Reactor, Sources};
use super::traffic::Traffic;
use super::worker::Worker;
use super::{VerbsBackend, VerbsBackend as Backend};
use crate::error::Errno;
use crate::sys::{
    Channel, CmChannel, CmId, Cq, Device, Limits, Pd, Qp, QpSize, Subject, device_names, local_addresses,
};
use crate::{PinnedMemory, VerbsError};
use provider::backend::Capabilities;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Private data of an InfiniBand connection request: 92 bytes, less what the RDMA connection manager keeps for addresses.
const REQUEST_PRIVATE_BYTES: u32 = 56;

/// Private data of an InfiniBand rejection, the shorter of the two answers (a reply has 196).
const REPLY_PRIVATE_BYTES: u32 = 148;

/// More inline bytes than any device is known to take.
const INLINE_BYTES_MAX: u32 = 4096;

/// What can be chosen for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How often a packet is sent again before its connection is given up, 0 to 7.
    pub retries: u8,
    /// How often a message is sent again to a receiver that is not ready, 0 to 6, or 7: without end.
    pub not_ready_retries: u8,
    /// How long an acknowledgement may take: 4.096 microseconds times two to the power of this, 0 to 31. `None`: what the
    /// kernel thinks right.
    pub ack_timeout: Option<u8>,
    /// How long the addresses and the route of a connection may take to find.
    pub resolve_timeout_ms: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self { retries: 7, not_ready_retries: 7, ack_timeout: None, resolve_timeout_ms: 2000 }
    }
}

/// The names of this machine's RDMA devices.
///
/// # Errors
/// [`VerbsError::NoLibrary`].
pub fn devices() -> Result<Vec<String>, VerbsError> {
    device_names()
}

impl VerbsBackend {
    /// Opens a device.
    ///
    /// # Errors
    /// What is missing, by [`VerbsError`].
    pub fn open(name: &str, options: Options) -> Result<Self, VerbsError> {
        let device = Device::open(name)?;
        let during =
            |step: &'static str| move |errno: Errno| VerbsError::Failed { device: name.to_owned(), step, errno };
        let limits = device.limits().map_err(during("asking for its limits"))?;
        let channel = Arc::new(Channel::create(&device).map_err(during("creating a completion channel"))?);
        let cm = CmChannel::create(&device).map_err(during("opening connection management (module rdma_ucm)"))?;
        let cm = Arc::new(cm);
        let addresses = addresses(&device, &cm).map_err(during("listing its addresses"))?;
        let probed = probe(&device, &channel, &limits).map_err(during("trying a queue pair"))?;
        let capabilities = capabilities(&limits, probed, addresses);
        let inbox = Arc::new(Inbox::default());
        let connection_numbers = Arc::new(AtomicU32::new(1));
        let sources = Sources {
            device: Arc::clone(&device),
            channel: Arc::clone(&channel),
            cm: Arc::clone(&cm),
            connection_numbers: Arc::clone(&connection_numbers),
        };
        let worker = Worker::new(&inbox).map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EAGAIN)));
        Ok(Backend {
            worker: worker.map_err(during("starting a thread"))?,
            reactor: Reactor::new(sources, &inbox).map_err(during("starting a thread"))?,
            connections: BTreeMap::new(),
            listeners: BTreeMap::new(),
            pairs: BTreeMap::new(),
            owners: BTreeMap::new(),
            queues: BTreeMap::new(),
            srqs: BTreeMap::new(),
            windows: BTreeMap::new(),
            regions: BTreeMap::new(),
            pds: BTreeMap::new(),
            inbox,
            events: VecDeque::new(),
            connection_numbers,
            last_id: 0,
            last_command: 0,
            device_failed: false,
            memory: PinnedMemory::new(),
            traffic: Traffic::default(),
            capabilities,
            iwarp: limits.iwarp,
            options,
            channel,
            cm,
            device,
        })
    }
}

/// What a device does not tell and shows only when it is tried.
#[derive(Clone, Copy, Debug)]
struct Probed {
    max_inline_bytes: u32,
    resize_cq: bool,
}

fn probe(device: &Arc<Device>, channel: &Arc<Channel>, limits: &Limits) -> Result<Probed, Errno> {
    let pd = Arc::new(Pd::create(device)?);
    let cq = Arc::new(Cq::create(channel, 0, 1, 0)?);
    let resize_cq = cq.resize(cq.depth().saturating_add(1).min(limits.max_cq_depth)).is_ok();
    let takes = |max_inline_bytes| {
        let size = QpSize { send_depth: 1, receive_depth: 1, max_send_sge: 1, max_receive_sge: 1, max_inline_bytes };
        Qp::create(&pd, 0, (&cq, &cq), None, size).map(|qp| qp.size.max_inline_bytes)
    };
    takes(0)?;
    // The largest that works, by halving.
    let (mut works, mut fails) = (0, INLINE_BYTES_MAX + 1);
    while fails - works > 1 {
        let middle = works + (fails - works) / 2;
        if takes(middle).is_ok() { works = middle } else { fails = middle }
    }
    Ok(Probed { max_inline_bytes: works, resize_cq })
}

/// The addresses of this machine that connections of the device can have.
fn addresses(device: &Device, cm: &Arc<CmChannel>) -> Result<Vec<IpAddr>, Errno> {
    let mut found = BTreeSet::new();
    for address in local_addresses()? {
        let id = CmId::create(cm, Subject::Listener(0))?;
        if id.bind(address).is_ok() && id.uses(device) {
            found.insert(address.ip());
        }
    }
    Ok(found.into_iter().collect())
}

fn capabilities(limits: &Limits, probed: Probed, addresses: Vec<IpAddr>) -> Capabilities {
    Capabilities {
        vendor_id: limits.vendor_id,
        device_id: limits.device_id,
        max_registration_bytes: limits.max_registration_bytes,
        // Registering by work request is the kernel's privilege.
        max_fast_register_pages: 0,
        max_send_sge: limits.max_sge,
        max_receive_sge: limits.max_receive_sge,
        max_read_sge: if limits.max_read_sge == 0 { limits.max_sge } else { limits.max_read_sge },
        max_message_bytes: limits.max_message_bytes,
        max_inline_bytes: probed.max_inline_bytes,
        // Connection management has a byte for each.
        max_inbound_reads: limits.max_inbound_reads.min(255),
        max_outbound_reads: limits.max_outbound_reads.min(255),
        max_send_depth: limits.max_queue_depth,
        max_receive_depth: limits.max_queue_depth,
        max_srq_depth: limits.max_srq_depth,
        max_cq_depth: limits.max_cq_depth,
        max_request_private_bytes: REQUEST_PRIVATE_BYTES,
        max_reply_private_bytes: REPLY_PRIVATE_BYTES,
        memory_windows: limits.windows,
        atomics: limits.atomics,
        invalidate: limits.invalidate,
        resize_cq: probed.resize_cq,
        resize_srq: limits.resize_srq,
        // libibverbs has had a call for it since 2018; soft RoCE, where this is proven, has not.
        moderate_cq: false,
        in_order_dma: false,
        privileged_key: None,
        loopback: true,
        addresses,
    }
}
