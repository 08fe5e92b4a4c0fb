//! Posting: requests are built on the stack and handed to the device library in one call.

use super::abi;
use super::check;
use super::memory::{Mr, Mw, Rights};
use super::pair::Qp;
use super::queues::Srq;
use crate::error::Errno;
use provider::ndk;
use provider::ndk::AtomicOperation;
use std::ffi::{c_int, c_uint};
use std::mem::MaybeUninit;

/// The most entries of a list. Devices may have more; nobody is known to use them.
pub(crate) const MAX_SGE: usize = 32;

/// What a send queue request does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation<'a> {
    Send { invalidate: Option<u32> },
    Write { remote_address: u64, key: u32 },
    Read { remote_address: u64, key: u32 },
    Atomic { remote_address: u64, key: u32, operation: AtomicOperation },
    Bind { mr: &'a Mr, mw: &'a Mw, key: u32, address: u64, length_bytes: u64, rights: Rights },
    Invalidate { key: u32 },
}

/// Flags of a send queue request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendFlags {
    pub(crate) signalled: bool,
    pub(crate) solicited: bool,
    pub(crate) fence: bool,
}

/// A list as the library has it.
struct List {
    entries: [abi::Sge; MAX_SGE],
    count: usize,
}

impl List {
    fn new(sgl: &[ndk::Sge]) -> Result<Self, Errno> {
        let mut entries = [abi::Sge::default(); MAX_SGE];
        let places = entries.get_mut(..sgl.len()).ok_or(Errno(libc::EINVAL))?;
        for (place, sge) in places.iter_mut().zip(sgl) {
            *place = abi::Sge { addr: sge.address, length: sge.length_bytes, lkey: sge.token };
        }
        Ok(Self { entries, count: sgl.len() })
    }
}

impl Qp {
    /// Posts a request; with `inline` the library copies those bytes before it returns.
    pub(crate) fn post_send(
        &self,
        id: u64,
        operation: Operation<'_>,
        sgl: &[ndk::Sge],
        inline: Option<&[u8]>,
        flags: SendFlags,
    ) -> Result<(), Errno> {
        let post = self.pd.device.ops().post_send.ok_or(Errno(libc::EOPNOTSUPP))?;
        let mut list = List::new(sgl)?;
        // SAFETY: all fields are integers or pointers that may be null.
        let mut request: abi::SendRequest = unsafe { MaybeUninit::zeroed().assume_init() };
        request.wr_id = id;
        request.send_flags = bit(flags.signalled, abi::SEND_SIGNALED)
            | bit(flags.solicited, abi::SEND_SOLICITED)
            | bit(flags.fence, abi::SEND_FENCE);
        if let Some(data) = inline {
            let length = u32::try_from(data.len()).map_err(|_| Errno(libc::EINVAL))?;
            list.entries[0] = abi::Sge { addr: data.as_ptr().expose_provenance() as u64, length, lkey: 0 };
            list.count = 1;
            request.send_flags |= abi::SEND_INLINE;
        }
        request.sg_list = list.entries.as_mut_ptr();
        request.num_sge = list.count as c_int;
        describe(&mut request, operation);
        let mut bad = std::ptr::null_mut();
        // SAFETY: the pair is live; request, list and inline bytes outlive the call, which is all that is asked for.
        check(unsafe { post(self.raw.as_ptr(), &mut request, &mut bad) })
    }

    /// Posts a receive.
    pub(crate) fn post_receive(&self, id: u64, sgl: &[ndk::Sge]) -> Result<(), Errno> {
        let post = self.pd.device.ops().post_recv.ok_or(Errno(libc::EOPNOTSUPP))?;
        let mut list = List::new(sgl)?;
        let mut request = receive(id, &mut list);
        let mut bad = std::ptr::null_mut();
        // SAFETY: the pair is live; request and list outlive the call.
        check(unsafe { post(self.raw.as_ptr(), &mut request, &mut bad) })
    }
}

impl Srq {
    /// Posts a receive.
    pub(crate) fn post_receive(&self, id: u64, sgl: &[ndk::Sge]) -> Result<(), Errno> {
        let post = self.pd.device.ops().post_srq_recv.ok_or(Errno(libc::EOPNOTSUPP))?;
        let mut list = List::new(sgl)?;
        let mut request = receive(id, &mut list);
        let mut bad = std::ptr::null_mut();
        // SAFETY: the queue is live; request and list outlive the call.
        check(unsafe { post(self.raw.as_ptr(), &mut request, &mut bad) })
    }
}

fn receive(id: u64, list: &mut List) -> abi::ReceiveRequest {
    let sg_list = list.entries.as_mut_ptr();
    abi::ReceiveRequest { wr_id: id, next: std::ptr::null_mut(), sg_list, num_sge: list.count as c_int }
}

fn bit(wanted: bool, bit: c_uint) -> c_uint {
    if wanted { bit } else { 0 }
}

/// Fills in what the operation says.
fn describe(request: &mut abi::SendRequest, operation: Operation<'_>) {
    match operation {
        Operation::Send { invalidate: None } => request.opcode = abi::WR_SEND,
        Operation::Send { invalidate: Some(key) } => {
            request.opcode = abi::WR_SEND_WITH_INV;
            request.invalidate_rkey = key;
        }
        Operation::Write { remote_address, key } => {
            request.opcode = abi::WR_RDMA_WRITE;
            request.remote.memory = abi::RemoteMemory { remote_addr: remote_address, rkey: key };
        }
        Operation::Read { remote_address, key } => {
            request.opcode = abi::WR_RDMA_READ;
            request.remote.memory = abi::RemoteMemory { remote_addr: remote_address, rkey: key };
        }
        Operation::Atomic { remote_address, key, operation } => {
            let (opcode, compare_add, swap) = match operation {
                AtomicOperation::FetchAdd { add } => (abi::WR_ATOMIC_FETCH_AND_ADD, add, 0),
                AtomicOperation::CompareSwap { compare, swap } => (abi::WR_ATOMIC_CMP_AND_SWP, compare, swap),
            };
            request.opcode = opcode;
            request.remote.atomic = abi::RemoteAtomic::new(remote_address, key, compare_add, swap);
        }
        Operation::Bind { mr, mw, key, address, length_bytes, rights } => {
            request.opcode = abi::WR_BIND_MW;
            (request.bind_mw, request.bind_rkey) = (mw.raw.as_ptr(), key);
            request.bind_info.mr = mr.raw.as_ptr();
            (request.bind_info.addr, request.bind_info.length) = (address, length_bytes);
            request.bind_info.mw_access_flags = rights.bits() as c_uint;
        }
        Operation::Invalidate { key } => {
            request.opcode = abi::WR_LOCAL_INV;
            request.invalidate_rkey = key;
        }
    }
}
