//! A device: what it can do, what it reports by itself, and protection domains.

use super::abi;
use super::library::{Libraries, libraries};
use super::wait::never_block;
use super::{check, created};
use crate::VerbsError;
use crate::error::Errno;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

/// The device's only port that is used, as everywhere in RoCE.
pub(super) const PORT: u8 = 1;

/// An open device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(super) raw: NonNull<abi::Context>,
    name: String,
}

// SAFETY: libibverbs may be called from every thread (its manual: "thread safe").
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

/// What a device says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) vendor_id: u32,
    pub(crate) device_id: u32,
    pub(crate) max_registration_bytes: u64,
    pub(crate) max_queue_depth: u32,
    pub(crate) max_sge: u32,
    /// Of a receive queue, shared or not: NDK has one limit for both.
    pub(crate) max_receive_sge: u32,
    pub(crate) max_read_sge: u32,
    pub(crate) max_cq_depth: u32,
    pub(crate) max_inbound_reads: u32,
    pub(crate) max_outbound_reads: u32,
    pub(crate) max_srq_depth: u32,
    pub(crate) max_message_bytes: u32,
    pub(crate) windows: bool,
    pub(crate) atomics: bool,
    pub(crate) invalidate: bool,
    pub(crate) resize_srq: bool,
    pub(crate) iwarp: bool,
}

/// What a device reports by itself, with the numbers that the objects were made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsyncEvent {
    CqError(u32),
    QpError(u32),
    /// A message arrived before the connection stood.
    Communication(u32),
    SrqError(u32),
    SrqLimit(u32),
    DeviceFatal,
    /// Something that nobody here needs to know.
    Other,
}

/// The names of all devices.
pub(crate) fn device_names() -> Result<Vec<String>, VerbsError> {
    let mut names = Vec::new();
    each_device(libraries()?, |name, _| names.push(name.to_owned()));
    Ok(names)
}

fn each_device(libraries: &Libraries, mut visit: impl FnMut(&str, *mut abi::Device)) {
    let mut count: c_int = 0;
    // SAFETY: `count` is valid for writing.
    let list = unsafe { (libraries.verbs.ibv_get_device_list)(&mut count) };
    if list.is_null() {
        return;
    }
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the list has `count` entries and lives until it is freed below.
        let device = unsafe { *list.add(index) };
        visit(&name_of(device), device);
    }
    // SAFETY: the list came from ibv_get_device_list and no entry is used any more; open devices stay open.
    unsafe { (libraries.verbs.ibv_free_device_list)(list) };
}

fn name_of(device: *mut abi::Device) -> String {
    // SAFETY: devices of a list or an open context are live, and their names end with a zero byte.
    unsafe { CStr::from_ptr((*device).name.as_ptr()) }.to_string_lossy().into_owned()
}

impl Device {
    pub(crate) fn open(name: &str) -> Result<Arc<Self>, VerbsError> {
        let libraries = libraries()?;
        let mut present = Vec::new();
        let mut opened = None;
        each_device(libraries, |found, device| {
            if found == name {
                // SAFETY: the device is one of the list, which is not freed yet.
                opened = Some(created(unsafe { (libraries.verbs.ibv_open_device)(device) }));
            }
            present.push(found.to_owned());
        });
        let name = name.to_owned();
        match opened {
            Some(Ok(raw)) => {
                let device = Self { raw, name: name.clone() };
                // Destroying an object takes back its events: what could be read a moment ago may be gone.
                never_block(device.event_file()).map_err(|errno| VerbsError::Failed {
                    device: name,
                    step: "preparing to hear its events",
                    errno,
                })?;
                Ok(Arc::new(device))
            }
            Some(Err(errno)) => Err(VerbsError::Failed { device: name, step: "opening", errno }),
            None if present.is_empty() => Err(VerbsError::NoDevices),
            None => Err(VerbsError::NoSuchDevice { wanted: name, present }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a context of another library is of the same device.
    pub(super) fn is(&self, other: *mut abi::Context) -> bool {
        // SAFETY: a non-null context of librdmacm stays open until the process ends.
        !other.is_null() && name_of(unsafe { (*other).device }) == self.name
    }

    pub(super) fn libraries(&self) -> &'static Libraries {
        libraries().expect("the libraries that opened a device are open")
    }

    pub(super) fn ops(&self) -> &abi::ContextOps {
        // SAFETY: the context lives as long as `self`, and its function table does not change.
        unsafe { &(*self.raw.as_ptr()).ops }
    }

    pub(crate) fn limits(&self) -> Result<Limits, Errno> {
        let verbs = &self.libraries().verbs;
        let mut device = MaybeUninit::<abi::DeviceAttributes>::zeroed();
        // SAFETY: the context is open and the structure has the library's size.
        check(unsafe { (verbs.ibv_query_device)(self.raw.as_ptr(), device.as_mut_ptr()) })?;
        // SAFETY: all fields are integers, so even what was not written is valid.
        let device = unsafe { device.assume_init() };
        let mut port = MaybeUninit::<abi::PortAttributes>::zeroed();
        // SAFETY: as above; the function writes a prefix of the structure.
        check(unsafe { (verbs.ibv_query_port)(self.raw.as_ptr(), PORT, port.as_mut_ptr()) })?;
        // SAFETY: as above.
        let port = unsafe { port.assume_init() };
        // SAFETY: the context is open, so its device is live.
        let iwarp = unsafe { (*(*self.raw.as_ptr()).device).transport } == abi::TRANSPORT_IWARP;
        let count = |number: c_int| u32::try_from(number).unwrap_or(0);
        let can = |flag| device.device_cap_flags & flag != 0;
        let ops = self.ops();
        let max_sge = count(device.max_sge).min(super::MAX_SGE as u32);
        Ok(Limits {
            vendor_id: device.vendor_id,
            device_id: device.vendor_part_id,
            max_registration_bytes: device.max_mr_size.min(isize::MAX as u64),
            max_queue_depth: count(device.max_qp_wr),
            max_sge,
            max_receive_sge: if device.max_srq > 0 { max_sge.min(count(device.max_srq_sge)) } else { max_sge },
            max_read_sge: count(device.max_sge_rd).min(super::MAX_SGE as u32),
            max_cq_depth: count(device.max_cqe),
            max_inbound_reads: count(device.max_qp_rd_atom),
            max_outbound_reads: count(device.max_qp_init_rd_atom),
            max_srq_depth: if device.max_srq > 0 { count(device.max_srq_wr) } else { 0 },
            max_message_bytes: port.max_msg_sz,
            windows: can(abi::DEVICE_MEM_WINDOW_TYPE_2A | abi::DEVICE_MEM_WINDOW_TYPE_2B)
                && ops.alloc_mw.is_some()
                && ops.dealloc_mw.is_some(),
            atomics: device.atomic_cap != abi::ATOMIC_NONE,
            invalidate: can(abi::DEVICE_MEM_MGT_EXTENSIONS),
            resize_srq: can(abi::DEVICE_SRQ_RESIZE),
            iwarp,
        })
    }

    /// The flags of a completion that say that a receive invalidated a key. Soft RoCE hands out the kernel's number for it,
    /// which is the library's for a checksum: a device that checks none means an invalidation by both.
    pub(super) fn invalidated_flags(&self) -> c_uint {
        let mut device = MaybeUninit::<abi::DeviceAttributes>::zeroed();
        // SAFETY: the context is open and the structure has the library's size.
        let asked = check(unsafe { (self.libraries().verbs.ibv_query_device)(self.raw.as_ptr(), device.as_mut_ptr()) });
        // SAFETY: all fields are integers, so even what was not written is valid.
        let flags = unsafe { device.assume_init() }.device_cap_flags;
        match asked {
            Ok(()) if flags & abi::DEVICE_UD_IP_CSUM == 0 => abi::WC_WITH_INV | abi::WC_IP_CSUM_OK,
            _ => abi::WC_WITH_INV,
        }
    }

    /// Interrupt vectors.
    pub(crate) fn vectors(&self) -> u16 {
        // SAFETY: the context is open.
        let vectors = unsafe { (*self.raw.as_ptr()).completion_vectors };
        u16::try_from(vectors).unwrap_or(1).max(1)
    }

    /// Readable when [`next_event`](Self::next_event) has something.
    pub(crate) fn event_file(&self) -> c_int {
        // SAFETY: the context is open.
        unsafe { (*self.raw.as_ptr()).async_fd }
    }

    /// Takes and acknowledges the next event, if there is one.
    pub(crate) fn next_event(&self) -> Option<AsyncEvent> {
        let verbs = &self.libraries().verbs;
        let mut raw = MaybeUninit::<abi::AsyncEvent>::zeroed();
        // SAFETY: the context is open and the structure has the library's size.
        check(unsafe { (verbs.ibv_get_async_event)(self.raw.as_ptr(), raw.as_mut_ptr()) }).ok()?;
        // SAFETY: the function has written it.
        let mut raw = unsafe { raw.assume_init() };
        let element = raw.element;
        // SAFETY: for these types the element is the CQ, QP or SRQ named, and it stays until the acknowledgement below.
        let event = unsafe {
            match raw.event_type {
                abi::EVENT_CQ_ERR => AsyncEvent::CqError(number((*element.cast::<abi::Cq>()).cq_context)),
                abi::EVENT_QP_FATAL | abi::EVENT_QP_REQ_ERR | abi::EVENT_QP_ACCESS_ERR => {
                    AsyncEvent::QpError(number((*element.cast::<abi::Qp>()).qp_context))
                }
                abi::EVENT_COMM_EST => AsyncEvent::Communication(number((*element.cast::<abi::Qp>()).qp_context)),
                abi::EVENT_SRQ_ERR => AsyncEvent::SrqError(number((*element.cast::<abi::Srq>()).srq_context)),
                abi::EVENT_SRQ_LIMIT_REACHED => AsyncEvent::SrqLimit(number((*element.cast::<abi::Srq>()).srq_context)),
                abi::EVENT_DEVICE_FATAL => AsyncEvent::DeviceFatal,
                _ => AsyncEvent::Other,
            }
        };
        // SAFETY: an event that was taken, acknowledged once.
        unsafe { (verbs.ibv_ack_async_event)(&mut raw) };
        Some(event)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: everything made from the device held it, so nothing is left.
        unsafe { (self.libraries().verbs.ibv_close_device)(self.raw.as_ptr()) };
    }
}

/// A number as a user context.
pub(super) fn context(number: u32) -> *mut c_void {
    std::ptr::without_provenance_mut(number as usize)
}

/// A user context as the number that it is.
pub(super) fn number(context: *mut c_void) -> u32 {
    context.addr() as u32
}

/// A protection domain.
#[derive(Debug)]
pub(crate) struct Pd {
    pub(super) raw: NonNull<abi::Pd>,
    pub(super) device: Arc<Device>,
}

// SAFETY: as for `Device`.
unsafe impl Send for Pd {}
// SAFETY: as for `Device`.
unsafe impl Sync for Pd {}

impl Pd {
    pub(crate) fn create(device: &Arc<Device>) -> Result<Self, Errno> {
        // SAFETY: the device is open.
        let raw = created(unsafe { (device.libraries().verbs.ibv_alloc_pd)(device.raw.as_ptr()) })?;
        Ok(Self { raw, device: Arc::clone(device) })
    }
}

impl Drop for Pd {
    fn drop(&mut self) {
        // SAFETY: everything made in the domain held it, so nothing is left.
        unsafe { (self.device.libraries().verbs.ibv_dealloc_pd)(self.raw.as_ptr()) };
    }
}
