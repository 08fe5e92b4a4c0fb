//! Queue pairs and their states.

use super::abi;
use super::cm::CmId;
use super::device::{PORT, Pd, context};
use super::queues::{Cq, Srq};
use super::{check, created};
use crate::error::Errno;
use std::ffi::{c_int, c_uint};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

/// What a peer may do at all; regions and windows decide what it may do with them.
const PEER_ACCESS: c_uint = (abi::ACCESS_REMOTE_WRITE | abi::ACCESS_REMOTE_READ | abi::ACCESS_REMOTE_ATOMIC) as c_uint;

/// How large the queues of a pair are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QpSize {
    pub(crate) send_depth: u32,
    pub(crate) receive_depth: u32,
    pub(crate) max_send_sge: u32,
    pub(crate) max_receive_sge: u32,
    pub(crate) max_inline_bytes: u32,
}

/// A reliable connected queue pair.
#[derive(Debug)]
pub(crate) struct Qp {
    pub(super) raw: NonNull<abi::Qp>,
    pub(super) pd: Arc<Pd>,
    _send_cq: Arc<Cq>,
    _receive_cq: Arc<Cq>,
    _srq: Option<Arc<Srq>>,
    /// What the device gave, at least what was asked for.
    pub(crate) size: QpSize,
}

// SAFETY: as for `Device`.
unsafe impl Send for Qp {}
// SAFETY: as for `Device`.
unsafe impl Sync for Qp {}

impl Qp {
    /// A pair that takes receives already. `name` comes with its events.
    pub(crate) fn create(
        pd: &Arc<Pd>,
        name: u32,
        (send_cq, receive_cq): (&Arc<Cq>, &Arc<Cq>),
        srq: Option<&Arc<Srq>>,
        size: QpSize,
    ) -> Result<Self, Errno> {
        let capacities = abi::QpCapacities {
            max_send_wr: size.send_depth,
            max_recv_wr: size.receive_depth,
            max_send_sge: size.max_send_sge,
            max_recv_sge: size.max_receive_sge,
            max_inline_data: size.max_inline_bytes,
        };
        let mut init = abi::QpInit {
            qp_context: context(name),
            send_cq: send_cq.raw.as_ptr(),
            recv_cq: receive_cq.raw.as_ptr(),
            srq: srq.map_or(std::ptr::null_mut(), |srq| srq.raw.as_ptr()),
            capacities,
            qp_type: abi::QPT_RC,
            sq_sig_all: 0,
        };
        // SAFETY: domain and queues are live and the structure has the library's size.
        let raw = created(unsafe { (pd.device.libraries().verbs.ibv_create_qp)(pd.raw.as_ptr(), &mut init) })?;
        let size = QpSize {
            send_depth: init.capacities.max_send_wr,
            receive_depth: init.capacities.max_recv_wr,
            max_send_sge: init.capacities.max_send_sge,
            max_receive_sge: init.capacities.max_recv_sge,
            max_inline_bytes: init.capacities.max_inline_data,
        };
        let (_send_cq, _receive_cq, _srq) = (Arc::clone(send_cq), Arc::clone(receive_cq), srq.cloned());
        let qp = Self { raw, pd: Arc::clone(pd), _send_cq, _receive_cq, _srq, size };
        qp.initialise()?;
        Ok(qp)
    }

    /// The number that the peer and completions know it by.
    pub(crate) fn number(&self) -> u32 {
        // SAFETY: the pair is live.
        unsafe { (*self.raw.as_ptr()).qp_num }
    }

    fn modify(&self, attributes: &mut abi::QpAttributes, mask: c_int) -> Result<(), Errno> {
        let modify = self.pd.device.libraries().verbs.ibv_modify_qp;
        // SAFETY: the pair is live and the structure has the library's size.
        check(unsafe { modify(self.raw.as_ptr(), attributes, mask) })
    }

    /// To INIT, in which receives can be posted.
    fn initialise(&self) -> Result<(), Errno> {
        let mut attributes = blank();
        attributes.qp_state = abi::QPS_INIT;
        attributes.port_num = PORT;
        attributes.qp_access_flags = PEER_ACCESS;
        self.modify(&mut attributes, abi::QP_STATE | abi::QP_PKEY_INDEX | abi::QP_PORT | abi::QP_ACCESS_FLAGS)
    }

    /// To RTR, with what connection management has agreed on.
    pub(crate) fn ready_to_receive(&self, id: &CmId, inbound_reads: u8) -> Result<(), Errno> {
        // The port may be another than the one assumed at first.
        let (mut attributes, mask) = id.qp_attributes(blank(), abi::QPS_INIT)?;
        attributes.qp_access_flags |= PEER_ACCESS;
        self.modify(&mut attributes, mask)?;
        let (mut attributes, mask) = id.qp_attributes(blank(), abi::QPS_RTR)?;
        attributes.max_dest_rd_atomic = inbound_reads;
        self.modify(&mut attributes, mask)
    }

    /// To RTS, with what connection management has agreed on.
    pub(crate) fn ready_to_send(&self, id: &CmId, outbound_reads: u8) -> Result<(), Errno> {
        let (mut attributes, mask) = id.qp_attributes(blank(), abi::QPS_RTS)?;
        attributes.max_rd_atomic = outbound_reads;
        self.modify(&mut attributes, mask)
    }

    /// To ERROR: what is posted is flushed.
    pub(crate) fn flush(&self) -> Result<(), Errno> {
        let mut attributes = blank();
        attributes.qp_state = abi::QPS_ERR;
        self.modify(&mut attributes, abi::QP_STATE)
    }
}

fn blank() -> abi::QpAttributes {
    // SAFETY: all fields are integers.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

impl Drop for Qp {
    fn drop(&mut self) {
        // SAFETY: the pair is live and not used after this; its events are acknowledged as soon as they are taken.
        unsafe { (self.pd.device.libraries().verbs.ibv_destroy_qp)(self.raw.as_ptr()) };
    }
}
