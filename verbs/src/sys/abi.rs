//! `libibverbs` as declared to its callers (`infiniband/verbs.h`, ABI of `libibverbs.so.1`, 64-bit).
//!
//! Fields that nobody here reads are gaps; every named one is asserted to lie where a C compiler puts it.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::{offset_of, size_of};

/// Asserts size and field offsets of a structure at compile time.
macro_rules! layout {
    ($name:ident: $size:literal $(, $field:ident @ $offset:literal)* $(,)?) => {
        const _: () = {
            assert!(size_of::<$name>() == $size);
            $(assert!(offset_of!($name, $field) == $offset);)*
        };
    };
}
pub(super) use layout;

#[repr(C)]
pub(super) struct Device {
    _head: [u8; 20],
    /// [`TRANSPORT_IB`], [`TRANSPORT_IWARP`] or another.
    pub(super) transport: c_int,
    pub(super) name: [c_char; 64],
    _tail: [u8; 576],
}
layout!(Device: 664, transport @ 20, name @ 24);

pub(super) const TRANSPORT_IWARP: c_int = 1;

pub(super) type PollCq = unsafe extern "C" fn(*mut Cq, c_int, *mut WorkCompletion) -> c_int;
pub(super) type RequestNotify = unsafe extern "C" fn(*mut Cq, c_int) -> c_int;
pub(super) type PostSend = unsafe extern "C" fn(*mut Qp, *mut SendRequest, *mut *mut SendRequest) -> c_int;
pub(super) type PostReceive = unsafe extern "C" fn(*mut Qp, *mut ReceiveRequest, *mut *mut ReceiveRequest) -> c_int;
pub(super) type PostSrqReceive = unsafe extern "C" fn(*mut Srq, *mut ReceiveRequest, *mut *mut ReceiveRequest) -> c_int;
pub(super) type AllocateMw = unsafe extern "C" fn(*mut Pd, c_int) -> *mut Mw;
pub(super) type DeallocateMw = unsafe extern "C" fn(*mut Mw) -> c_int;

/// The device library's functions that are called without a detour through `libibverbs`. NULL where there is none.
#[repr(C)]
pub(super) struct ContextOps {
    _head: [*const c_void; 7],
    pub(super) alloc_mw: Option<AllocateMw>,
    _bind_mw: *const c_void,
    pub(super) dealloc_mw: Option<DeallocateMw>,
    _create_cq: *const c_void,
    pub(super) poll_cq: Option<PollCq>,
    pub(super) req_notify_cq: Option<RequestNotify>,
    _cq_and_srq: [*const c_void; 7],
    pub(super) post_srq_recv: Option<PostSrqReceive>,
    _qp: [*const c_void; 4],
    pub(super) post_send: Option<PostSend>,
    pub(super) post_recv: Option<PostReceive>,
    _tail: [*const c_void; 5],
}
layout!(ContextOps: 256, alloc_mw @ 56, dealloc_mw @ 72, poll_cq @ 88, req_notify_cq @ 96, post_srq_recv @ 160,
    post_send @ 200, post_recv @ 208);

#[repr(C)]
pub(super) struct Context {
    pub(super) device: *mut Device,
    pub(super) ops: ContextOps,
    _command_fd: c_int,
    pub(super) async_fd: c_int,
    pub(super) completion_vectors: c_int,
    _tail: [u8; 52],
}
layout!(Context: 328, device @ 0, ops @ 8, async_fd @ 268, completion_vectors @ 272);

#[repr(C)]
pub(super) struct DeviceAttributes {
    _firmware: [u8; 80],
    pub(super) max_mr_size: u64,
    _pages: u64,
    pub(super) vendor_id: u32,
    pub(super) vendor_part_id: u32,
    _hardware: [u32; 2],
    pub(super) max_qp_wr: c_int,
    pub(super) device_cap_flags: c_uint,
    pub(super) max_sge: c_int,
    pub(super) max_sge_rd: c_int,
    _max_cq: c_int,
    pub(super) max_cqe: c_int,
    _max_mr: [c_int; 2],
    pub(super) max_qp_rd_atom: c_int,
    _atomics: [c_int; 2],
    pub(super) max_qp_init_rd_atom: c_int,
    _end_to_end_contexts: c_int,
    pub(super) atomic_cap: c_int,
    _others: [c_int; 11],
    pub(super) max_srq: c_int,
    pub(super) max_srq_wr: c_int,
    pub(super) max_srq_sge: c_int,
    _max_pkeys: u16,
    _acknowledge_delay: u8,
    pub(super) ports: u8,
}
layout!(DeviceAttributes: 232, max_mr_size @ 80, vendor_id @ 96, vendor_part_id @ 100, max_qp_wr @ 112,
    device_cap_flags @ 116, max_sge @ 120, max_sge_rd @ 124, max_cqe @ 132, max_qp_rd_atom @ 144,
    max_qp_init_rd_atom @ 156, atomic_cap @ 164, max_srq @ 212, max_srq_wr @ 216, max_srq_sge @ 220, ports @ 227);

/// `IBV_ATOMIC_NONE`.
pub(super) const ATOMIC_NONE: c_int = 0;

pub(super) const DEVICE_SRQ_RESIZE: c_uint = 1 << 13;
pub(super) const DEVICE_UD_IP_CSUM: c_uint = 1 << 18;
pub(super) const DEVICE_MEM_MGT_EXTENSIONS: c_uint = 1 << 21;
pub(super) const DEVICE_MEM_WINDOW_TYPE_2A: c_uint = 1 << 23;
pub(super) const DEVICE_MEM_WINDOW_TYPE_2B: c_uint = 1 << 24;

#[repr(C)]
pub(super) struct PortAttributes {
    pub(super) state: c_int,
    _head: [u32; 4],
    pub(super) max_msg_sz: u32,
    _tail: [u8; 28],
}
layout!(PortAttributes: 52, state @ 0, max_msg_sz @ 20);

#[repr(C)]
pub(super) struct Pd {
    pub(super) context: *mut Context,
    _handle: u32,
}
layout!(Pd: 16, context @ 0);

#[repr(C)]
pub(super) struct Mr {
    _head: [u64; 4],
    _handle: u32,
    pub(super) lkey: u32,
    pub(super) rkey: u32,
}
layout!(Mr: 48, lkey @ 36, rkey @ 40);

#[repr(C)]
pub(super) struct Mw {
    _head: [u64; 2],
    pub(super) rkey: u32,
    _handle: u32,
    _kind: c_int,
}
layout!(Mw: 32, rkey @ 16);

pub(super) const MW_TYPE_2: c_int = 2;

pub(super) const ACCESS_LOCAL_WRITE: c_int = 1;
pub(super) const ACCESS_REMOTE_WRITE: c_int = 2;
pub(super) const ACCESS_REMOTE_READ: c_int = 4;
pub(super) const ACCESS_REMOTE_ATOMIC: c_int = 8;
pub(super) const ACCESS_MW_BIND: c_int = 16;

#[repr(C)]
pub(super) struct CompletionChannel {
    _context: *mut Context,
    pub(super) fd: c_int,
    _references: c_int,
}
layout!(CompletionChannel: 16, fd @ 8);

#[repr(C)]
pub(super) struct Cq {
    pub(super) context: *mut Context,
    _channel: *mut CompletionChannel,
    pub(super) cq_context: *mut c_void,
    _handle: u32,
    pub(super) cqe: c_int,
    _tail: [u8; 96],
}
layout!(Cq: 128, context @ 0, cq_context @ 16, cqe @ 28);

#[repr(C)]
pub(super) struct Srq {
    pub(super) context: *mut Context,
    pub(super) srq_context: *mut c_void,
    _tail: [u8; 112],
}
layout!(Srq: 128, context @ 0, srq_context @ 8);

#[repr(C)]
#[derive(Default)]
pub(super) struct SrqAttributes {
    pub(super) max_wr: u32,
    pub(super) max_sge: u32,
    pub(super) srq_limit: u32,
}
layout!(SrqAttributes: 12, max_wr @ 0, max_sge @ 4, srq_limit @ 8);

#[repr(C)]
pub(super) struct SrqInit {
    pub(super) srq_context: *mut c_void,
    pub(super) attributes: SrqAttributes,
}
layout!(SrqInit: 24, srq_context @ 0, attributes @ 8);

pub(super) const SRQ_MAX_WR: c_int = 1;
pub(super) const SRQ_LIMIT: c_int = 2;

#[repr(C)]
pub(super) struct Qp {
    pub(super) context: *mut Context,
    pub(super) qp_context: *mut c_void,
    _parents: [*mut c_void; 4],
    _handle: u32,
    pub(super) qp_num: u32,
    _tail: [u8; 104],
}
layout!(Qp: 160, context @ 0, qp_context @ 8, qp_num @ 52);

#[repr(C)]
#[derive(Default)]
pub(super) struct QpCapacities {
    pub(super) max_send_wr: u32,
    pub(super) max_recv_wr: u32,
    pub(super) max_send_sge: u32,
    pub(super) max_recv_sge: u32,
    pub(super) max_inline_data: u32,
}
layout!(QpCapacities: 20, max_send_wr @ 0, max_recv_wr @ 4, max_send_sge @ 8, max_recv_sge @ 12, max_inline_data @ 16);

#[repr(C)]
pub(super) struct QpInit {
    pub(super) qp_context: *mut c_void,
    pub(super) send_cq: *mut Cq,
    pub(super) recv_cq: *mut Cq,
    pub(super) srq: *mut Srq,
    pub(super) capacities: QpCapacities,
    pub(super) qp_type: c_int,
    pub(super) sq_sig_all: c_int,
}
layout!(QpInit: 64, qp_context @ 0, send_cq @ 8, recv_cq @ 16, srq @ 24, capacities @ 32, qp_type @ 52, sq_sig_all @ 56);

pub(super) const QPT_RC: c_int = 2;

pub(super) const QPS_INIT: c_int = 1;
pub(super) const QPS_RTR: c_int = 2;
pub(super) const QPS_RTS: c_int = 3;
pub(super) const QPS_ERR: c_int = 6;

#[repr(C)]
pub(super) struct QpAttributes {
    pub(super) qp_state: c_int,
    _head: [u32; 7],
    pub(super) qp_access_flags: c_uint,
    _paths: [u32; 21],
    pub(super) pkey_index: u16,
    _alternative: [u8; 4],
    pub(super) max_rd_atomic: u8,
    pub(super) max_dest_rd_atomic: u8,
    _min_rnr_timer: u8,
    pub(super) port_num: u8,
    _tail: [u8; 14],
}
layout!(QpAttributes: 144, qp_state @ 0, qp_access_flags @ 32, pkey_index @ 120, max_rd_atomic @ 126,
    max_dest_rd_atomic @ 127, port_num @ 129);

pub(super) const QP_STATE: c_int = 1;
pub(super) const QP_ACCESS_FLAGS: c_int = 8;
pub(super) const QP_PKEY_INDEX: c_int = 16;
pub(super) const QP_PORT: c_int = 32;

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Sge {
    pub(super) addr: u64,
    pub(super) length: u32,
    pub(super) lkey: u32,
}
layout!(Sge: 16, addr @ 0, length @ 8, lkey @ 12);

#[repr(C)]
pub(super) struct SendRequest {
    pub(super) wr_id: u64,
    pub(super) next: *mut SendRequest,
    pub(super) sg_list: *mut Sge,
    pub(super) num_sge: c_int,
    pub(super) opcode: c_int,
    pub(super) send_flags: c_uint,
    /// The union of immediate data and the key to invalidate.
    pub(super) invalidate_rkey: u32,
    pub(super) remote: Remote,
    pub(super) bind_mw: *mut Mw,
    pub(super) bind_rkey: u32,
    pub(super) bind_info: BindInfo,
}
layout!(SendRequest: 128, wr_id @ 0, next @ 8, sg_list @ 16, num_sge @ 24, opcode @ 28, send_flags @ 32,
    invalidate_rkey @ 36, remote @ 40, bind_mw @ 80, bind_rkey @ 88, bind_info @ 96);

/// Where a request goes, and the operands of an atomic. That of datagrams, which are not used, is as long as the longest.
#[repr(C)]
pub(super) union Remote {
    pub(super) memory: RemoteMemory,
    pub(super) atomic: RemoteAtomic,
}
layout!(Remote: 40, memory @ 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RemoteMemory {
    pub(super) remote_addr: u64,
    pub(super) rkey: u32,
}
layout!(RemoteMemory: 16, rkey @ 8);

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RemoteAtomic {
    pub(super) remote_addr: u64,
    pub(super) compare_add: u64,
    pub(super) swap: u64,
    pub(super) rkey: u32,
    _padding: u32,
    _datagrams: u64,
}
layout!(RemoteAtomic: 40, compare_add @ 8, swap @ 16, rkey @ 24);

impl RemoteAtomic {
    pub(super) const fn new(remote_addr: u64, rkey: u32, compare_add: u64, swap: u64) -> Self {
        Self { remote_addr, compare_add, swap, rkey, _padding: 0, _datagrams: 0 }
    }
}

#[repr(C)]
pub(super) struct BindInfo {
    pub(super) mr: *mut Mr,
    pub(super) addr: u64,
    pub(super) length: u64,
    pub(super) mw_access_flags: c_uint,
}
layout!(BindInfo: 32, mr @ 0, addr @ 8, length @ 16, mw_access_flags @ 24);

pub(super) const WR_RDMA_WRITE: c_int = 0;
pub(super) const WR_SEND: c_int = 2;
pub(super) const WR_RDMA_READ: c_int = 4;
pub(super) const WR_ATOMIC_CMP_AND_SWP: c_int = 5;
pub(super) const WR_ATOMIC_FETCH_AND_ADD: c_int = 6;
pub(super) const WR_LOCAL_INV: c_int = 7;
pub(super) const WR_BIND_MW: c_int = 8;
pub(super) const WR_SEND_WITH_INV: c_int = 9;

pub(super) const SEND_FENCE: c_uint = 1;
pub(super) const SEND_SIGNALED: c_uint = 2;
pub(super) const SEND_SOLICITED: c_uint = 4;
pub(super) const SEND_INLINE: c_uint = 8;

#[repr(C)]
pub(super) struct ReceiveRequest {
    pub(super) wr_id: u64,
    pub(super) next: *mut ReceiveRequest,
    pub(super) sg_list: *mut Sge,
    pub(super) num_sge: c_int,
}
layout!(ReceiveRequest: 32, wr_id @ 0, next @ 8, sg_list @ 16, num_sge @ 24);

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct WorkCompletion {
    pub(super) wr_id: u64,
    pub(super) status: c_int,
    /// Undefined unless the status is success.
    pub(super) opcode: c_int,
    pub(super) vendor_err: u32,
    pub(super) byte_len: u32,
    /// The union of immediate data and the key that was invalidated.
    pub(super) invalidated_rkey: u32,
    pub(super) qp_num: u32,
    _src_qp: u32,
    pub(super) wc_flags: c_uint,
    _tail: [u8; 8],
}
layout!(WorkCompletion: 48, wr_id @ 0, status @ 8, opcode @ 12, vendor_err @ 16, byte_len @ 20, invalidated_rkey @ 24,
    qp_num @ 28, wc_flags @ 36);

pub(super) const WC_IP_CSUM_OK: c_uint = 4;
pub(super) const WC_WITH_INV: c_uint = 8;

#[repr(C)]
pub(super) struct AsyncEvent {
    /// A CQ, QP, SRQ or port, as the type says.
    pub(super) element: *mut c_void,
    pub(super) event_type: c_int,
}
layout!(AsyncEvent: 16, element @ 0, event_type @ 8);

pub(super) const EVENT_CQ_ERR: c_int = 0;
pub(super) const EVENT_QP_FATAL: c_int = 1;
pub(super) const EVENT_QP_REQ_ERR: c_int = 2;
pub(super) const EVENT_QP_ACCESS_ERR: c_int = 3;
pub(super) const EVENT_COMM_EST: c_int = 4;
pub(super) const EVENT_DEVICE_FATAL: c_int = 8;
pub(super) const EVENT_SRQ_ERR: c_int = 14;
pub(super) const EVENT_SRQ_LIMIT_REACHED: c_int = 15;
