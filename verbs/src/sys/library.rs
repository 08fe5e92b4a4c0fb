//! The two libraries, opened once and kept: their device libraries and threads do not survive an unloading.

use super::abi::{
    AsyncEvent, CompletionChannel, Context, Cq, Device, DeviceAttributes, Mr, Pd, PortAttributes, Qp, QpAttributes,
    QpInit, Srq, SrqAttributes, SrqInit,
};
use super::cm_abi::{CmEvent, CmId, ConnectionParameters, EventChannel};
use crate::VerbsError;
use libc::sockaddr;
use libloading::Library;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

macro_rules! library {
    ($(#[$doc:meta])* $name:ident, $file:literal: $($function:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(#[$doc])*
        pub(super) struct $name {
            $(pub(super) $function: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl $name {
            fn open() -> Result<Self, VerbsError> {
                let failed = |error: libloading::Error| VerbsError::NoLibrary { file: $file, why: error.to_string() };
                // SAFETY: the initialisers of the RDMA libraries have no preconditions.
                let library = unsafe { Library::new($file) }.map_err(failed)?;
                let opened = Self {
                    // SAFETY: the declared types are those of the library's header.
                    $($function: *unsafe { library.get(concat!(stringify!($function), "\0").as_bytes()) }
                        .map_err(failed)?,)*
                };
                // Never unloaded, so the functions stay.
                std::mem::forget(library);
                Ok(opened)
            }
        }
    };
}

library! {
    /// Functions of libibverbs.
    Verbs, "libibverbs.so.1":
    ibv_get_device_list(*mut c_int) -> *mut *mut Device;
    ibv_free_device_list(*mut *mut Device) -> ();
    ibv_open_device(*mut Device) -> *mut Context;
    ibv_close_device(*mut Context) -> c_int;
    ibv_query_device(*mut Context, *mut DeviceAttributes) -> c_int;
    ibv_query_port(*mut Context, u8, *mut PortAttributes) -> c_int;
    ibv_get_async_event(*mut Context, *mut AsyncEvent) -> c_int;
    ibv_ack_async_event(*mut AsyncEvent) -> ();
    ibv_alloc_pd(*mut Context) -> *mut Pd;
    ibv_dealloc_pd(*mut Pd) -> c_int;
    ibv_reg_mr(*mut Pd, *mut c_void, usize, c_int) -> *mut Mr;
    ibv_dereg_mr(*mut Mr) -> c_int;
    ibv_create_comp_channel(*mut Context) -> *mut CompletionChannel;
    ibv_destroy_comp_channel(*mut CompletionChannel) -> c_int;
    ibv_create_cq(*mut Context, c_int, *mut c_void, *mut CompletionChannel, c_int) -> *mut Cq;
    ibv_resize_cq(*mut Cq, c_int) -> c_int;
    ibv_destroy_cq(*mut Cq) -> c_int;
    ibv_get_cq_event(*mut CompletionChannel, *mut *mut Cq, *mut *mut c_void) -> c_int;
    ibv_ack_cq_events(*mut Cq, u32) -> ();
    ibv_create_srq(*mut Pd, *mut SrqInit) -> *mut Srq;
    ibv_modify_srq(*mut Srq, *mut SrqAttributes, c_int) -> c_int;
    ibv_destroy_srq(*mut Srq) -> c_int;
    ibv_create_qp(*mut Pd, *mut QpInit) -> *mut Qp;
    ibv_modify_qp(*mut Qp, *mut QpAttributes, c_int) -> c_int;
    ibv_destroy_qp(*mut Qp) -> c_int;
}

library! {
    /// Functions of librdmacm.
    ConnectionManager, "librdmacm.so.1":
    rdma_create_event_channel() -> *mut EventChannel;
    rdma_destroy_event_channel(*mut EventChannel) -> ();
    rdma_get_cm_event(*mut EventChannel, *mut *mut CmEvent) -> c_int;
    rdma_ack_cm_event(*mut CmEvent) -> c_int;
    rdma_create_id(*mut EventChannel, *mut *mut CmId, *mut c_void, c_int) -> c_int;
    rdma_destroy_id(*mut CmId) -> c_int;
    rdma_bind_addr(*mut CmId, *mut sockaddr) -> c_int;
    rdma_resolve_addr(*mut CmId, *mut sockaddr, *mut sockaddr, c_int) -> c_int;
    rdma_resolve_route(*mut CmId, c_int) -> c_int;
    rdma_init_qp_attr(*mut CmId, *mut QpAttributes, *mut c_int) -> c_int;
    rdma_set_option(*mut CmId, c_int, c_int, *mut c_void, usize) -> c_int;
    rdma_listen(*mut CmId, c_int) -> c_int;
    rdma_connect(*mut CmId, *mut ConnectionParameters) -> c_int;
    rdma_establish(*mut CmId) -> c_int;
    rdma_accept(*mut CmId, *mut ConnectionParameters) -> c_int;
    rdma_reject(*mut CmId, *const c_void, u8) -> c_int;
    rdma_notify(*mut CmId, c_int) -> c_int;
    rdma_disconnect(*mut CmId) -> c_int;
}

/// Both libraries.
pub(super) struct Libraries {
    pub(super) verbs: Verbs,
    pub(super) cm: ConnectionManager,
}

/// The libraries, opened by the first that asks.
pub(super) fn libraries() -> Result<&'static Libraries, VerbsError> {
    static OPENED: OnceLock<Result<Libraries, VerbsError>> = OnceLock::new();
    let open = || Ok(Libraries { verbs: Verbs::open()?, cm: ConnectionManager::open()? });
    OPENED.get_or_init(open).as_ref().map_err(Clone::clone)
}
