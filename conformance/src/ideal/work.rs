//! Work requests: data moves from memory to memory, and completions follow.

use super::medium::{Action, Medium, Region};
use des::Dur;
use host::Mdl;
use provider::backend::{MrId, MwId, QpId, Resource, SendOperation, SendRequest, WorkCompletion};
use provider::ndk::{AtomicOperation, MrFlags, Sge, Status};

/// From one request of a queue to the next.
const STEP: Dur = Dur::from_us(1);
/// A peer without a receive is asked again after this long, so often.
const RECEIVE_WAIT: Dur = Dur::from_us(100);
const RECEIVE_RETRIES: u32 = 6;
/// The key of bus addresses.
pub(super) const PRIVILEGED_KEY: u32 = 0x77;

/// What a posted request does, with its bytes where they were taken at the post.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Send {
        invalidate: Option<u32>,
    },
    Write {
        address: u64,
        key: u32,
    },
    Read {
        address: u64,
        key: u32,
    },
    Atomic {
        address: u64,
        key: u32,
        operation: AtomicOperation,
    },
    /// A bind or fast registration: what becomes of the resource's key.
    Map {
        resource: Resource,
        region: Region,
    },
    Invalidate {
        key: u32,
    },
}

/// A posted request.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    id: u64,
    operation: Operation,
    sgl: Vec<Sge>,
    inline: Option<Vec<u8>>,
    signalled: bool,
    solicited: bool,
}

impl Medium {
    /// Takes a request; it executes once it is rung for.
    pub(super) fn post(&mut self, node: usize, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        let pd = self.devices[node].qps.get(&qp).ok_or(Status::INVALID_PARAMETER)?.pd;
        let operation = match request.operation {
            SendOperation::Send => Operation::Send { invalidate: None },
            SendOperation::SendInvalidate { key } => Operation::Send { invalidate: Some(key) },
            SendOperation::Write { remote_address, key } => Operation::Write { address: remote_address, key },
            SendOperation::Read { remote_address, key } => Operation::Read { address: remote_address, key },
            SendOperation::Atomic { remote_address, key, operation } => {
                Operation::Atomic { address: remote_address, key, operation }
            }
            SendOperation::Invalidate { key } => Operation::Invalidate { key },
            SendOperation::Bind { mr, mw, key, address, length_bytes, rights } => {
                let under = self.region(node, Resource::Mr(mr)).ok_or(Status::ACCESS_VIOLATION)?;
                let region =
                    Region { key, base: address, length: length_bytes, rights, valid: true, ..under.window(address) };
                Operation::Map { resource: Resource::Mw(MwId(mw.0)), region }
            }
            SendOperation::FastRegister { mr, key, pages, first_byte_offset, length_bytes, base_address, rights } => {
                let virtual_address = u64::from(first_byte_offset);
                let mdl = Mdl { virtual_address, length_bytes, pages: pages.to_vec() };
                let region = Region { key, pd, base: base_address, length: length_bytes, mdl, rights, valid: true };
                Operation::Map { resource: Resource::Mr(MrId(mr.0)), region }
            }
        };
        let queued = Queued {
            id: request.id,
            operation,
            sgl: request.sgl.to_vec(),
            inline: request.inline_data.map(<[u8]>::to_vec),
            signalled: request.signalled,
            solicited: request.solicited,
        };
        self.devices[node].qps.entry(qp).and_modify(|qp| qp.sends.push_back(queued));
        Ok(())
    }

    /// Lets everything execute that was posted.
    pub(super) fn rung(&mut self, node: usize, id: QpId) {
        let Some(qp) = self.devices[node].qps.get_mut(&id) else { return };
        qp.rung = qp.sends.len();
        if qp.rung > 0 && !std::mem::replace(&mut qp.executing, true) {
            self.later(node, STEP, Action::Execute(id));
        }
    }

    pub(super) fn execute(&mut self, node: usize, id: QpId) {
        let Some(qp) = self.devices[node].qps.get_mut(&id) else { return };
        qp.executing = false;
        if qp.broken {
            return self.break_qp(node, id);
        }
        let Some(request) = qp.sends.front().filter(|_| qp.rung > 0).cloned() else { return };
        let outcome = self.perform(node, id, &request);
        let Some(qp) = self.devices[node].qps.get_mut(&id) else { return };
        if outcome == Err(Status::NO_MORE_ENTRIES) && qp.retries < RECEIVE_RETRIES {
            (qp.retries, qp.executing) = (qp.retries + 1, true);
            return self.later(node, RECEIVE_WAIT, Action::Execute(id));
        }
        let status = match outcome {
            Ok(()) => Status::SUCCESS,
            Err(Status::NO_MORE_ENTRIES) => Status::IO_TIMEOUT,
            Err(status) => status,
        };
        (qp.retries, qp.rung) = (0, qp.rung - 1);
        qp.sends.pop_front();
        let send_cq = qp.send_cq;
        if request.signalled || status != Status::SUCCESS {
            self.complete(node, send_cq, completion(id, request.id, false, status));
        }
        if status != Status::SUCCESS {
            return self.break_qp(node, id);
        }
        self.rung_again(node, id);
    }

    fn rung_again(&mut self, node: usize, id: QpId) {
        let Some(qp) = self.devices[node].qps.get_mut(&id) else { return };
        if qp.rung > 0 && !std::mem::replace(&mut qp.executing, true) {
            self.later(node, STEP, Action::Execute(id));
        }
    }

    fn perform(&mut self, node: usize, id: QpId, request: &Queued) -> Result<(), Status> {
        let (pd, peer) = self.devices[node].qps.get(&id).map(|qp| (qp.pd, qp.peer)).ok_or(Status::INTERNAL_ERROR)?;
        let gather = |medium: &Self| match &request.inline {
            Some(bytes) => Ok(bytes.clone()),
            None => medium.gather(node, pd, &request.sgl),
        };
        let other = 1 - node;
        match &request.operation {
            Operation::Map { resource, region } => {
                self.devices[node].regions.insert(*resource, region.clone());
                Ok(())
            }
            Operation::Invalidate { key } => self.invalidate(node, *key),
            Operation::Write { address, key } => {
                let data = gather(self)?;
                let wanted = MrFlags::ALLOW_REMOTE_WRITE;
                self.remote(other, *key, *address, data.len() as u64, wanted)?;
                self.store(other, *key, *address, &data)
            }
            Operation::Read { address, key } => {
                let length: u64 = request.sgl.iter().map(|sge| u64::from(sge.length_bytes)).sum();
                self.remote(other, *key, *address, length, MrFlags::ALLOW_REMOTE_READ)?;
                let data = self.load(other, *key, *address, length)?;
                self.scatter(node, pd, &request.sgl, &data)
            }
            &Operation::Atomic { address, key, operation } => {
                let before = self.change(other, key, address, operation)?;
                self.scatter(node, pd, &request.sgl, &before)
            }
            Operation::Send { invalidate } => {
                let data = gather(self)?;
                self.deliver(other, peer.ok_or(Status::IO_TIMEOUT)?, &data, *invalidate, request.solicited)
            }
        }
    }

    /// Does an atomic at a node; returns what was there before.
    fn change(&mut self, node: usize, key: u32, address: u64, operation: AtomicOperation) -> Result<[u8; 8], Status> {
        let wanted = MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE;
        self.remote(node, key, address, 8, wanted)?;
        let bytes: [u8; 8] = self.load(node, key, address, 8)?.try_into().map_err(|_| Status::INTERNAL_ERROR)?;
        let before = u64::from_le_bytes(bytes);
        let after = match operation {
            AtomicOperation::FetchAdd { add } => before.wrapping_add(add),
            AtomicOperation::CompareSwap { compare, swap } if before == compare => swap,
            AtomicOperation::CompareSwap { .. } => before,
        };
        self.store(node, key, address, &after.to_le_bytes())?;
        Ok(bytes)
    }

    /// A message arrives at a queue pair.
    fn deliver(
        &mut self,
        node: usize,
        id: QpId,
        data: &[u8],
        invalidate: Option<u32>,
        solicited: bool,
    ) -> Result<(), Status> {
        let qp = self.devices[node].qps.get_mut(&id).filter(|qp| !qp.broken).ok_or(Status::IO_TIMEOUT)?;
        let (pd, cq, srq) = (qp.pd, qp.receive_cq, qp.srq);
        let receives = match srq {
            Some(srq) => self.devices[node].srqs.get_mut(&srq).ok_or(Status::IO_TIMEOUT)?,
            None => &mut qp.own,
        };
        let (receive, sgl) = receives.waiting.pop_front().ok_or(Status::NO_MORE_ENTRIES)?;
        if let Some(srq) = srq {
            self.look_at_srq(node, srq);
        }
        let outcome = self.scatter(node, pd, &sgl, data).and_then(|()| match invalidate {
            Some(key) => self.invalidate(node, key),
            None => Ok(()),
        });
        let status = outcome.err().unwrap_or(Status::SUCCESS);
        let bytes = data.len() as u32;
        let invalidated = invalidate.filter(|_| status == Status::SUCCESS);
        let entry = WorkCompletion { bytes, invalidated, solicited, ..completion(id, receive, true, status) };
        self.complete(node, cq, entry);
        if status != Status::SUCCESS {
            self.break_qp(node, id);
        }
        outcome
    }

    /// Ends all requests of a queue pair.
    pub(super) fn break_qp(&mut self, node: usize, id: QpId) {
        let Some(qp) = self.devices[node].qps.get_mut(&id) else { return };
        qp.broken = true;
        let sends: Vec<u64> = qp.sends.drain(..).map(|queued| queued.id).collect();
        let receives: Vec<u64> = qp.own.waiting.drain(..).map(|(id, _)| id).collect();
        (qp.rung, qp.executing) = (0, false);
        let (send_cq, receive_cq) = (qp.send_cq, qp.receive_cq);
        for request in sends {
            self.complete(node, send_cq, completion(id, request, false, Status::CANCELLED));
        }
        for request in receives {
            self.complete(node, receive_cq, completion(id, request, true, Status::CANCELLED));
        }
    }

    pub(super) fn look_at_srq(&mut self, node: usize, id: provider::backend::SrqId) {
        let Some(srq) = self.devices[node].srqs.get_mut(&id) else { return };
        if srq.waiting.len() < srq.limit {
            srq.limit = 0;
            self.raise(node, provider::backend::Event::SrqLimit(id));
        }
    }

    fn region(&self, node: usize, resource: Resource) -> Option<&Region> {
        self.devices[node].regions.get(&resource)
    }

    fn keyed(&self, node: usize, key: u32) -> Result<&Region, Status> {
        let mut regions = self.devices[node].regions.values();
        regions.find(|region| region.key == key && region.valid).ok_or(Status::ACCESS_VIOLATION)
    }

    fn invalidate(&mut self, node: usize, key: u32) -> Result<(), Status> {
        let mut regions = self.devices[node].regions.values_mut();
        let region = regions.find(|region| region.key == key && region.valid).ok_or(Status::ACCESS_VIOLATION)?;
        region.valid = false;
        Ok(())
    }

    /// Whether the peer of `node` may reach these bytes of it.
    fn remote(&self, node: usize, key: u32, address: u64, length: u64, wanted: MrFlags) -> Result<(), Status> {
        let region = self.keyed(node, key)?;
        let inside = address >= region.base && address - region.base + length <= region.length;
        if inside && region.rights.contains(wanted) { Ok(()) } else { Err(Status::ACCESS_VIOLATION) }
    }

    fn load(&self, node: usize, key: u32, address: u64, length: u64) -> Result<Vec<u8>, Status> {
        let mut data = vec![0; length as usize];
        let failed = |_| Status::ACCESS_VIOLATION;
        if key == PRIVILEGED_KEY {
            self.memories[node].read(address, &mut data).map_err(failed)?;
        } else {
            let region = self.keyed(node, key)?;
            let offset = address.checked_sub(region.base).ok_or(Status::ACCESS_VIOLATION)?;
            self.memories[node].read_buffer(&region.mdl, offset, &mut data).map_err(failed)?;
        }
        Ok(data)
    }

    fn store(&mut self, node: usize, key: u32, address: u64, data: &[u8]) -> Result<(), Status> {
        let failed = |_| Status::ACCESS_VIOLATION;
        if key == PRIVILEGED_KEY {
            return self.memories[node].write(address, data).map_err(failed);
        }
        let region = self.keyed(node, key)?;
        let offset = address.checked_sub(region.base).ok_or(Status::ACCESS_VIOLATION)?;
        let mdl = region.mdl.clone();
        self.memories[node].write_buffer(&mdl, offset, data).map_err(failed)
    }

    fn gather(&self, node: usize, pd: provider::backend::PdId, sgl: &[Sge]) -> Result<Vec<u8>, Status> {
        let mut data = Vec::new();
        for sge in sgl {
            self.local(node, pd, sge, MrFlags::empty())?;
            data.extend(self.load(node, sge.token, sge.address, u64::from(sge.length_bytes))?);
        }
        Ok(data)
    }

    fn scatter(
        &mut self,
        node: usize,
        pd: provider::backend::PdId,
        sgl: &[Sge],
        mut data: &[u8],
    ) -> Result<(), Status> {
        let room: u64 = sgl.iter().map(|sge| u64::from(sge.length_bytes)).sum();
        if room < data.len() as u64 {
            return Err(Status::BUFFER_OVERFLOW);
        }
        for sge in sgl {
            self.local(node, pd, sge, MrFlags::ALLOW_LOCAL_WRITE)?;
            let (now, rest) = data.split_at(data.len().min(sge.length_bytes as usize));
            self.store(node, sge.token, sge.address, now)?;
            data = rest;
        }
        Ok(())
    }

    fn local(&self, node: usize, pd: provider::backend::PdId, sge: &Sge, wanted: MrFlags) -> Result<(), Status> {
        if sge.token == PRIVILEGED_KEY {
            return Ok(());
        }
        let region = self.keyed(node, sge.token)?;
        if region.pd == pd && region.rights.contains(wanted) { Ok(()) } else { Err(Status::ACCESS_VIOLATION) }
    }
}

impl Region {
    /// The buffer of a window that begins at `address`.
    fn window(&self, address: u64) -> Self {
        let skipped = address.saturating_sub(self.base);
        let mut region = self.clone();
        region.mdl.length_bytes = self.mdl.length_bytes.saturating_sub(skipped);
        let first = self.mdl.first_byte_offset() + skipped;
        let pages = (first / host::PAGE_SIZE) as usize;
        region.mdl.pages.drain(..pages.min(self.mdl.pages.len()));
        region.mdl.virtual_address = first % host::PAGE_SIZE;
        region
    }
}

fn completion(qp: QpId, id: u64, receive: bool, status: Status) -> WorkCompletion {
    WorkCompletion { qp, id, receive, status, bytes: 0, invalidated: None, vendor_error: 0, solicited: false }
}
