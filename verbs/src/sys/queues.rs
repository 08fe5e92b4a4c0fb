//! Completion queues with their channel, and shared receive queues.

use super::abi;
use super::device::{Device, Pd, context, number};
use super::wait::never_block;
use super::{check, created};
use crate::error::Errno;
use std::ffi::{c_int, c_uint};
use std::ptr::NonNull;
use std::sync::Arc;

/// Where the completion queues of a device report that they have something.
#[derive(Debug)]
pub(crate) struct Channel {
    raw: NonNull<abi::CompletionChannel>,
    device: Arc<Device>,
}

// SAFETY: as for `Device`.
unsafe impl Send for Channel {}
// SAFETY: as for `Device`.
unsafe impl Sync for Channel {}

impl Channel {
    pub(crate) fn create(device: &Arc<Device>) -> Result<Self, Errno> {
        let create = device.libraries().verbs.ibv_create_comp_channel;
        // SAFETY: the device is open.
        let raw = created(unsafe { create(device.raw.as_ptr()) })?;
        let channel = Self { raw, device: Arc::clone(device) };
        never_block(channel.file())?;
        Ok(channel)
    }

    /// Readable when [`next_event`](Self::next_event) has something.
    pub(crate) fn file(&self) -> c_int {
        // SAFETY: the channel is live.
        unsafe { (*self.raw.as_ptr()).fd }
    }

    /// Takes and acknowledges the next event: the number of a completion queue.
    pub(crate) fn next_event(&self) -> Option<u32> {
        let verbs = &self.device.libraries().verbs;
        let (mut cq, mut user) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the channel is live and both places are valid for writing.
        check(unsafe { (verbs.ibv_get_cq_event)(self.raw.as_ptr(), &mut cq, &mut user) }).ok()?;
        // SAFETY: the queue stays until its event is acknowledged, which is done once.
        unsafe { (verbs.ibv_ack_cq_events)(cq, 1) };
        Some(number(user))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // SAFETY: every queue on the channel held it, so none is left.
        unsafe { (self.device.libraries().verbs.ibv_destroy_comp_channel)(self.raw.as_ptr()) };
    }
}

/// A completion, as the device has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) id: u64,
    /// `IBV_WC_*`.
    pub(crate) status: i32,
    pub(crate) vendor_error: u32,
    pub(crate) bytes: u32,
    pub(crate) qp_number: u32,
    pub(crate) invalidated: Option<u32>,
}

/// A completion queue.
#[derive(Debug)]
pub(crate) struct Cq {
    pub(super) raw: NonNull<abi::Cq>,
    channel: Arc<Channel>,
    /// What says that a receive invalidated a key.
    invalidated_flags: c_uint,
}

// SAFETY: as for `Device`.
unsafe impl Send for Cq {}
// SAFETY: as for `Device`.
unsafe impl Sync for Cq {}

impl Cq {
    /// `name` comes with its events.
    pub(crate) fn create(channel: &Arc<Channel>, name: u32, depth: u32, vector: u16) -> Result<Self, Errno> {
        let device = &channel.device;
        let vector = vector % device.vectors();
        let depth = c_int::try_from(depth).map_err(|_| Errno(libc::EINVAL))?;
        let create = device.libraries().verbs.ibv_create_cq;
        let channel_raw = channel.raw.as_ptr();
        // SAFETY: device and channel are live, the vector is one of the device's.
        let raw = unsafe { create(device.raw.as_ptr(), depth, context(name), channel_raw, c_int::from(vector)) };
        let invalidated_flags = device.invalidated_flags();
        Ok(Self { raw: created(raw)?, channel: Arc::clone(channel), invalidated_flags })
    }

    /// Entries that it really has.
    pub(crate) fn depth(&self) -> u32 {
        // SAFETY: the queue is live.
        u32::try_from(unsafe { (*self.raw.as_ptr()).cqe }).unwrap_or(0)
    }

    pub(crate) fn resize(&self, depth: u32) -> Result<(), Errno> {
        let depth = c_int::try_from(depth).map_err(|_| Errno(libc::EINVAL))?;
        // SAFETY: the queue is live.
        check(unsafe { (self.channel.device.libraries().verbs.ibv_resize_cq)(self.raw.as_ptr(), depth) })
    }

    /// Takes the next completion.
    pub(crate) fn poll(&self) -> Option<Completion> {
        let poll = self.channel.device.ops().poll_cq?;
        let mut entry = abi::WorkCompletion::default();
        // SAFETY: the queue is live and there is room for the one entry asked for.
        if unsafe { poll(self.raw.as_ptr(), 1, &mut entry) } != 1 {
            return None;
        }
        Some(Completion {
            id: entry.wr_id,
            status: entry.status,
            vendor_error: entry.vendor_err,
            bytes: entry.byte_len,
            qp_number: entry.qp_num,
            invalidated: (entry.wc_flags & self.invalidated_flags != 0).then_some(entry.invalidated_rkey),
        })
    }

    /// Asks for one event.
    pub(crate) fn request_event(&self, solicited_only: bool) {
        if let Some(request) = self.channel.device.ops().req_notify_cq {
            // SAFETY: the queue is live.
            unsafe { request(self.raw.as_ptr(), c_int::from(solicited_only)) };
        }
    }
}

impl Drop for Cq {
    fn drop(&mut self) {
        // SAFETY: every queue pair on it held it, so none is left; events are acknowledged as soon as they are taken.
        unsafe { (self.channel.device.libraries().verbs.ibv_destroy_cq)(self.raw.as_ptr()) };
    }
}

/// A shared receive queue.
#[derive(Debug)]
pub(crate) struct Srq {
    pub(super) raw: NonNull<abi::Srq>,
    pub(super) pd: Arc<Pd>,
}

// SAFETY: as for `Device`.
unsafe impl Send for Srq {}
// SAFETY: as for `Device`.
unsafe impl Sync for Srq {}

impl Srq {
    /// `name` comes with its events.
    pub(crate) fn create(pd: &Arc<Pd>, name: u32, depth: u32, max_sge: u32) -> Result<Self, Errno> {
        let attributes = abi::SrqAttributes { max_wr: depth, max_sge, srq_limit: 0 };
        let mut init = abi::SrqInit { srq_context: context(name), attributes };
        // SAFETY: the domain is live and the structure has the library's size.
        let raw = created(unsafe { (pd.device.libraries().verbs.ibv_create_srq)(pd.raw.as_ptr(), &mut init) })?;
        Ok(Self { raw, pd: Arc::clone(pd) })
    }

    /// Makes room for `depth` receives.
    pub(crate) fn resize(&self, depth: u32) -> Result<(), Errno> {
        self.modify(abi::SrqAttributes { max_wr: depth, ..Default::default() }, abi::SRQ_MAX_WR)
    }

    /// Asks for one event when fewer than `limit` receives are left.
    pub(crate) fn set_limit(&self, limit: u32) -> Result<(), Errno> {
        self.modify(abi::SrqAttributes { srq_limit: limit, ..Default::default() }, abi::SRQ_LIMIT)
    }

    fn modify(&self, mut attributes: abi::SrqAttributes, what: c_int) -> Result<(), Errno> {
        let modify = self.pd.device.libraries().verbs.ibv_modify_srq;
        // SAFETY: the queue is live and the structure has the library's size.
        check(unsafe { modify(self.raw.as_ptr(), &mut attributes, what) })
    }
}

impl Drop for Srq {
    fn drop(&mut self) {
        // SAFETY: every queue pair on it held it, so none is left; events are acknowledged as soon as they are taken.
        unsafe { (self.pd.device.libraries().verbs.ibv_destroy_srq)(self.raw.as_ptr()) };
    }
}
