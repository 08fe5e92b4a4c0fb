//! `librdmacm` as declared to its callers (`rdma/rdma_cma.h`, ABI of `librdmacm.so.1`, 64-bit).

use super::abi::{self, layout};
use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};

#[repr(C)]
pub(super) struct EventChannel {
    pub(super) fd: c_int,
}
layout!(EventChannel: 4, fd @ 0);

#[repr(C)]
pub(super) struct CmId {
    /// NULL until the address says which device it is.
    pub(super) verbs: *mut abi::Context,
    _channel: *mut EventChannel,
    pub(super) context: *mut c_void,
    _qp: *mut abi::Qp,
    pub(super) source: libc::sockaddr_storage,
    pub(super) destination: libc::sockaddr_storage,
    _route: [u8; 60],
    pub(super) port_num: u8,
    _tail: [u8; 67],
}
layout!(CmId: 416, verbs @ 0, context @ 16, source @ 32, destination @ 160, port_num @ 348);

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ConnectionParameters {
    pub(super) private_data: *const c_void,
    pub(super) private_data_len: u8,
    pub(super) responder_resources: u8,
    pub(super) initiator_depth: u8,
    pub(super) flow_control: u8,
    pub(super) retry_count: u8,
    pub(super) rnr_retry_count: u8,
    pub(super) srq: u8,
    pub(super) qp_num: u32,
}
layout!(ConnectionParameters: 24, private_data @ 0, private_data_len @ 8, responder_resources @ 9, initiator_depth @ 10,
    flow_control @ 11, retry_count @ 12, rnr_retry_count @ 13, srq @ 14, qp_num @ 16);

#[repr(C)]
pub(super) struct CmEvent {
    pub(super) id: *mut CmId,
    pub(super) listen_id: *mut CmId,
    pub(super) event: c_int,
    /// A negative errno, or the reason of a rejection.
    pub(super) status: c_int,
    /// Of a connected service; private data end with the acknowledgement of the event.
    pub(super) parameters: ConnectionParameters,
    _tail: [u8; 32],
}
layout!(CmEvent: 80, id @ 0, listen_id @ 8, event @ 16, status @ 20, parameters @ 24);

pub(super) const PS_TCP: c_int = 0x106;

pub(super) const OPTION_ID: c_int = 0;
pub(super) const OPTION_ID_REUSEADDR: c_int = 1;
pub(super) const OPTION_ID_ACK_TIMEOUT: c_int = 3;
