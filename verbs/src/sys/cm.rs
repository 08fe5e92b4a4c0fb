//! Connection management: identifiers, what they do, and what is heard of them.

use super::abi;
use super::check;
use super::cm_abi::{self, ConnectionParameters};
use super::device::Device;
use super::library::{Libraries, libraries};
use super::net::{from_c, to_c};
use super::wait::never_block;
use crate::error::Errno;
use bytes::Bytes;
use std::ffi::{c_int, c_void};
use std::net::SocketAddr;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// `rdma_cm_event_type`, as far as anybody here cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CmKind {
    AddressResolved,
    AddressError,
    RouteResolved,
    RouteError,
    Request,
    Response,
    ConnectError,
    Unreachable,
    Rejected,
    Established,
    Disconnected,
    DeviceRemoval,
    Other,
}

impl CmKind {
    fn of(event: c_int) -> Self {
        match event {
            0 => Self::AddressResolved,
            1 => Self::AddressError,
            2 => Self::RouteResolved,
            3 => Self::RouteError,
            4 => Self::Request,
            5 => Self::Response,
            6 => Self::ConnectError,
            7 => Self::Unreachable,
            8 => Self::Rejected,
            9 => Self::Established,
            10 => Self::Disconnected,
            11 => Self::DeviceRemoval,
            _ => Self::Other,
        }
    }
}

/// What an identifier stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Listener(u32),
    Connection(u32),
}

impl Subject {
    fn to_context(self) -> *mut c_void {
        let (number, listener) = match self {
            Self::Listener(number) => (number, 1),
            Self::Connection(number) => (number, 0),
        };
        std::ptr::without_provenance_mut((number as usize) << 1 | listener)
    }

    fn from_context(context: *mut c_void) -> Self {
        let number = (context.addr() >> 1) as u32;
        if context.addr() & 1 == 1 { Self::Listener(number) } else { Self::Connection(number) }
    }
}

/// A connection request has an identifier of its own, which is refused if it is dropped.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: CmId,
    pub(crate) connection: u32,
}

/// What was heard.
#[derive(Debug)]
pub(crate) struct CmEvent {
    pub(crate) subject: Subject,
    pub(crate) kind: CmKind,
    /// A negative error number, or the reason of a rejection.
    pub(crate) status: i32,
    /// What the peer allows or asks for, from this side's view.
    pub(crate) inbound_reads: u8,
    pub(crate) outbound_reads: u8,
    /// With padding, as the peer's datagram had it.
    pub(crate) private_data: Bytes,
    /// With [`CmKind::Request`].
    pub(crate) request: Option<Request>,
}

/// What a connect, or an accept, says to the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) qp_number: u32,
    pub(crate) inbound_reads: u8,
    pub(crate) outbound_reads: u8,
    /// How often a packet is sent again, and how often after "receiver not ready" (7: without end).
    pub(crate) retries: (u8, u8),
    pub(crate) private_data: &'a [u8],
}

impl Offer<'_> {
    fn parameters(&self) -> Result<ConnectionParameters, Errno> {
        Ok(ConnectionParameters {
            private_data: self.private_data.as_ptr().cast(),
            private_data_len: u8::try_from(self.private_data.len()).map_err(|_| Errno(libc::EINVAL))?,
            responder_resources: self.inbound_reads,
            initiator_depth: self.outbound_reads,
            flow_control: 1,
            retry_count: self.retries.0,
            rnr_retry_count: self.retries.1,
            srq: 0,
            qp_num: self.qp_number,
        })
    }
}

fn cm() -> &'static super::library::ConnectionManager {
    let libraries: &Libraries = libraries().expect("the libraries that made an identifier are open");
    &libraries.cm
}

/// Where events of identifiers arrive.
#[derive(Debug)]
pub(crate) struct CmChannel {
    raw: NonNull<cm_abi::EventChannel>,
}

// SAFETY: librdmacm may be called from every thread.
unsafe impl Send for CmChannel {}
// SAFETY: as above.
unsafe impl Sync for CmChannel {}

impl CmChannel {
    /// Needs an open [`Device`], so that the libraries are open.
    pub(crate) fn create(_device: &Device) -> Result<Self, Errno> {
        // SAFETY: no preconditions.
        let raw = super::created(unsafe { (cm().rdma_create_event_channel)() })?;
        let channel = Self { raw };
        never_block(channel.file())?;
        Ok(channel)
    }

    /// Readable when [`next_event`](Self::next_event) has something.
    pub(crate) fn file(&self) -> c_int {
        // SAFETY: the channel is live.
        unsafe { (*self.raw.as_ptr()).fd }
    }

    /// Takes and acknowledges the next event. A request's connection is numbered from `numbers`.
    pub(crate) fn next_event(self: &Arc<Self>, numbers: &AtomicU32) -> Option<CmEvent> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: the channel is live and the place is valid for writing.
        check(unsafe { (cm().rdma_get_cm_event)(self.raw.as_ptr(), &mut raw) }).ok()?;
        // SAFETY: the event is live until it is acknowledged below.
        let event = unsafe { &*raw };
        let kind = CmKind::of(event.event);
        let about = if kind == CmKind::Request { event.listen_id } else { event.id };
        // SAFETY: identifiers are not destroyed while an event of theirs is not acknowledged.
        let subject = Subject::from_context(unsafe { (*about).context });
        let request = NonNull::new(event.id).filter(|_| kind == CmKind::Request).map(|raw| {
            let connection = numbers.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the identifier is new and nobody else has seen it yet.
            unsafe { (*raw.as_ptr()).context = Subject::Connection(connection).to_context() };
            Request { id: CmId { raw, _channel: Arc::clone(self) }, connection }
        });
        let copied = CmEvent {
            subject,
            kind,
            status: event.status,
            inbound_reads: event.parameters.responder_resources,
            outbound_reads: event.parameters.initiator_depth,
            private_data: private_data(&event.parameters),
            request,
        };
        // SAFETY: the event is acknowledged once, and nothing of it is used any more.
        unsafe { (cm().rdma_ack_cm_event)(raw) };
        Some(copied)
    }
}

/// Only of events that carry some; the pointer is null in others.
fn private_data(parameters: &ConnectionParameters) -> Bytes {
    if parameters.private_data.is_null() {
        return Bytes::new();
    }
    let length = usize::from(parameters.private_data_len);
    // SAFETY: the library points at as many bytes, which live as long as the event.
    Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(parameters.private_data.cast(), length) })
}

impl Drop for CmChannel {
    fn drop(&mut self) {
        // SAFETY: every identifier on the channel held it, so none is left.
        unsafe { (cm().rdma_destroy_event_channel)(self.raw.as_ptr()) };
    }
}

/// An identifier: a listener, or one side of a connection. Dropping it refuses or ends what it stands for.
#[derive(Debug)]
pub(crate) struct CmId {
    raw: NonNull<cm_abi::CmId>,
    /// Outlives it.
    _channel: Arc<CmChannel>,
}

// SAFETY: as for `CmChannel`.
unsafe impl Send for CmId {}
// SAFETY: as for `CmChannel`.
unsafe impl Sync for CmId {}

impl CmId {
    pub(crate) fn create(channel: &Arc<CmChannel>, subject: Subject) -> Result<Self, Errno> {
        let mut raw = std::ptr::null_mut();
        let (create, context) = (cm().rdma_create_id, subject.to_context());
        // SAFETY: the channel is live and the place is valid for writing.
        check(unsafe { create(channel.raw.as_ptr(), &mut raw, context, cm_abi::PS_TCP) })?;
        let raw = NonNull::new(raw).ok_or(Errno(libc::ENOMEM))?;
        Ok(Self { raw, _channel: Arc::clone(channel) })
    }

    /// Lets several connections start from one address.
    pub(crate) fn share_address(&self) -> Result<(), Errno> {
        self.set_option(cm_abi::OPTION_ID_REUSEADDR, &mut 1_i32)
    }

    /// How long an acknowledgement may take: 4.096 microseconds times two to the power of this.
    pub(crate) fn set_ack_timeout(&self, exponent: u8) -> Result<(), Errno> {
        self.set_option(cm_abi::OPTION_ID_ACK_TIMEOUT, &mut exponent.clone())
    }

    fn set_option<T>(&self, option: c_int, value: &mut T) -> Result<(), Errno> {
        let (set, value) = (cm().rdma_set_option, (&raw mut *value).cast());
        // SAFETY: the identifier is live, and the value has the size that the option wants.
        check(unsafe { set(self.raw.as_ptr(), cm_abi::OPTION_ID, option, value, size_of::<T>()) })
    }

    pub(crate) fn bind(&self, address: SocketAddr) -> Result<(), Errno> {
        let mut address = to_c(address);
        // SAFETY: the identifier is live and the address outlives the call.
        check(unsafe { (cm().rdma_bind_addr)(self.raw.as_ptr(), (&raw mut address).cast()) })
    }

    pub(crate) fn listen(&self) -> Result<(), Errno> {
        // SAFETY: the identifier is live. Zero: the longest queue.
        check(unsafe { (cm().rdma_listen)(self.raw.as_ptr(), 0) })
    }

    /// Ends with [`CmKind::AddressResolved`] or an error event.
    pub(crate) fn resolve_address(
        &self,
        source: SocketAddr,
        destination: SocketAddr,
        timeout_ms: i32,
    ) -> Result<(), Errno> {
        let (mut source, mut destination) = (to_c(source), to_c(destination));
        let (source, destination) = ((&raw mut source).cast(), (&raw mut destination).cast());
        // SAFETY: the identifier is live and the addresses outlive the call.
        check(unsafe { (cm().rdma_resolve_addr)(self.raw.as_ptr(), source, destination, timeout_ms) })
    }

    /// Ends with [`CmKind::RouteResolved`] or an error event.
    pub(crate) fn resolve_route(&self, timeout_ms: i32) -> Result<(), Errno> {
        // SAFETY: the identifier is live.
        check(unsafe { (cm().rdma_resolve_route)(self.raw.as_ptr(), timeout_ms) })
    }

    pub(crate) fn connect(&self, offer: &Offer<'_>) -> Result<(), Errno> {
        let mut parameters = offer.parameters()?;
        // SAFETY: the identifier is live; parameters and private data outlive the call.
        check(unsafe { (cm().rdma_connect)(self.raw.as_ptr(), &mut parameters) })
    }

    /// The connecting side's last word.
    pub(crate) fn establish(&self) -> Result<(), Errno> {
        // SAFETY: the identifier is live.
        check(unsafe { (cm().rdma_establish)(self.raw.as_ptr()) })
    }

    pub(crate) fn accept(&self, offer: &Offer<'_>) -> Result<(), Errno> {
        let mut parameters = offer.parameters()?;
        // SAFETY: the identifier is live; parameters and private data outlive the call.
        check(unsafe { (cm().rdma_accept)(self.raw.as_ptr(), &mut parameters) })
    }

    pub(crate) fn reject(&self, private_data: &[u8]) -> Result<(), Errno> {
        let length = u8::try_from(private_data.len()).map_err(|_| Errno(libc::EINVAL))?;
        // SAFETY: the identifier is live and the data outlive the call.
        check(unsafe { (cm().rdma_reject)(self.raw.as_ptr(), private_data.as_ptr().cast(), length) })
    }

    /// The peer's first message came before its last word of the connection.
    pub(crate) fn communication_began(&self) -> Result<(), Errno> {
        // SAFETY: the identifier is live.
        check(unsafe { (cm().rdma_notify)(self.raw.as_ptr(), abi::EVENT_COMM_EST) })
    }

    /// Asks the peer to end the connection, or answers its asking.
    pub(crate) fn disconnect(&self) -> Result<(), Errno> {
        // SAFETY: the identifier is live.
        check(unsafe { (cm().rdma_disconnect)(self.raw.as_ptr()) })
    }

    /// What a queue pair needs for a state, and which of it.
    pub(super) fn qp_attributes(
        &self,
        mut attributes: abi::QpAttributes,
        state: c_int,
    ) -> Result<(abi::QpAttributes, c_int), Errno> {
        attributes.qp_state = state;
        let mut mask = 0;
        // SAFETY: the identifier is live and both places are valid for writing.
        check(unsafe { (cm().rdma_init_qp_attr)(self.raw.as_ptr(), &mut attributes, &mut mask) })?;
        Ok((attributes, mask))
    }

    /// Own address.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        // SAFETY: the identifier is live; its address changes only in calls of the thread that owns it.
        from_c(unsafe { &(*self.raw.as_ptr()).source })
    }

    /// The peer's address.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        // SAFETY: as above.
        from_c(unsafe { &(*self.raw.as_ptr()).destination })
    }

    /// Whether it is bound to this device, or may be to any.
    pub(crate) fn may_use(&self, device: &Device) -> bool {
        // SAFETY: the identifier is live.
        let verbs = unsafe { (*self.raw.as_ptr()).verbs };
        verbs.is_null() || device.is(verbs)
    }

    /// Whether it is bound to this device.
    pub(crate) fn uses(&self, device: &Device) -> bool {
        // SAFETY: the identifier is live.
        device.is(unsafe { (*self.raw.as_ptr()).verbs })
    }
}

impl Drop for CmId {
    fn drop(&mut self) {
        // SAFETY: the identifier is live and not used after this; its events are acknowledged as soon as they are taken,
        // by another thread, so this does not wait for itself.
        unsafe { (cm().rdma_destroy_id)(self.raw.as_ptr()) };
    }
}
