//! Creation and destruction. The device's part is a job, which runs here or on the worker; the tables change here alone.

use super::completions::Queue;
use super::{DONE, Owner, Pair, VerbsBackend};
use crate::status::of_errno;
use crate::sys::{AsyncEvent, Cq, Mr, Mw, Pd, Qp, QpSize, Rights, Srq};
use host::Mdl;
use provider::backend::{Command, CommandOutput, CommandResult, CqId, Event, MrId, MwId, PdId, QpId, Resource, SrqId};
use provider::ndk::{MrFlags, Status};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The device's part of a command.
pub(super) type Job = Box<dyn FnOnce() -> Result<Made, Status> + Send>;

/// What a job made, with the number that it gets.
#[derive(Debug)]
pub(super) enum Made {
    Nothing,
    Pd(u32, Pd),
    Cq(u32, Cq),
    Srq(u32, Srq),
    Qp {
        id: u32,
        qp: Qp,
        cqs: [u32; 2],
    },
    Mr(u32, Mr),
    Mw(u32, Mw),
    /// A queue pair with this number is gone from the device.
    QpGone(u32),
}

fn job(work: impl FnOnce() -> Result<Made, Status> + Send + 'static) -> Result<Job, Status> {
    Ok(Box::new(work))
}

/// A shared object of a table. The consumer's handles are checked before; what is missing is a broken caller.
fn get<T>(table: &BTreeMap<u32, Arc<T>>, id: u32) -> Result<Arc<T>, Status> {
    table.get(&id).cloned().ok_or(Status::INVALID_PARAMETER)
}

impl VerbsBackend {
    /// What the device has to do for a command. Everything that the command borrows is resolved here.
    pub(super) fn job(&mut self, command: Command<'_>) -> Result<Job, Status> {
        match command {
            Command::CreatePd => {
                let (id, device) = (self.next_id(), Arc::clone(&self.device));
                job(move || Pd::create(&device).map(|pd| Made::Pd(id, pd)).map_err(of_errno))
            }
            Command::CreateCq { depth, vector } => {
                let (id, channel) = (self.next_id(), Arc::clone(&self.channel));
                job(move || Cq::create(&channel, id, depth, vector).map(|cq| Made::Cq(id, cq)).map_err(of_errno))
            }
            Command::ResizeCq { cq, depth } => {
                let cq = Arc::clone(&self.queues.get(&cq.0).ok_or(Status::INVALID_PARAMETER)?.cq);
                // The limits have been checked before, so that a parameter is invalid only for what the queue holds.
                let status = |errno| match of_errno(errno) {
                    Status::INVALID_PARAMETER => Status::BUFFER_OVERFLOW,
                    other => other,
                };
                job(move || cq.resize(depth).map(|()| Made::Nothing).map_err(status))
            }
            Command::CreateSrq { pd, depth, max_sge } => {
                let (id, pd) = (self.next_id(), get(&self.pds, pd.0)?);
                job(move || Srq::create(&pd, id, depth, max_sge).map(|srq| Made::Srq(id, srq)).map_err(of_errno))
            }
            Command::ResizeSrq { srq, depth } => {
                let srq = get(&self.srqs, srq.0)?;
                job(move || srq.resize(depth).map(|()| Made::Nothing).map_err(of_errno))
            }
            Command::SetSrqLimit { srq, limit } => {
                let srq = get(&self.srqs, srq.0)?;
                job(move || srq.set_limit(limit).map(|()| Made::Nothing).map_err(of_errno))
            }
            command @ Command::CreateQp { .. } => self.create_qp(&command),
            Command::FlushQp(qp) => {
                let qp = Arc::clone(&self.pairs.get(&qp.0).ok_or(Status::INVALID_PARAMETER)?.qp);
                job(move || qp.flush().map(|()| Made::Nothing).map_err(of_errno))
            }
            Command::RegisterMr { pd, mdl, length_bytes, rights } => self.register(pd, mdl, length_bytes, rights),
            Command::CreateMw { pd } => {
                let (id, pd) = (self.next_id(), get(&self.pds, pd.0)?);
                job(move || Mw::create(&pd).map(|mw| Made::Mw(id, mw)).map_err(of_errno))
            }
            Command::Destroy(resource) => self.destroy(resource),
            // Fast registration and interrupt moderation: user-space verbs has neither (docs/VERBS.md).
            _ => Err(Status::NOT_SUPPORTED),
        }
    }

    fn create_qp(&mut self, command: &Command<'_>) -> Result<Job, Status> {
        let &Command::CreateQp {
            pd,
            send_cq,
            receive_cq,
            srq,
            send_depth,
            receive_depth,
            max_send_sge,
            max_receive_sge,
            max_inline_bytes,
        } = command
        else {
            return Err(Status::INVALID_PARAMETER);
        };
        let (id, pd, cqs) = (self.next_id(), get(&self.pds, pd.0)?, [send_cq.0, receive_cq.0]);
        let cq = |cq: u32| self.queues.get(&cq).map(|queue| Arc::clone(&queue.cq)).ok_or(Status::INVALID_PARAMETER);
        let (send_cq, receive_cq) = (cq(send_cq.0)?, cq(receive_cq.0)?);
        let srq = srq.map(|srq| get(&self.srqs, srq.0)).transpose()?;
        let size = QpSize { send_depth, receive_depth, max_send_sge, max_receive_sge, max_inline_bytes };
        job(move || {
            let made = Qp::create(&pd, id, (&send_cq, &receive_cq), srq.as_ref(), size);
            made.map(|qp| Made::Qp { id, qp, cqs }).map_err(of_errno)
        })
    }

    fn register(&mut self, pd: PdId, mdl: &Mdl, length_bytes: u64, flags: MrFlags) -> Result<Job, Status> {
        let (id, pd) = (self.next_id(), get(&self.pds, pd.0)?);
        let found = self.memory.find(mdl.virtual_address, length_bytes).filter(|_| length_bytes <= mdl.length_bytes);
        let (block, offset) = found.ok_or(Status::INVALID_PARAMETER)?;
        let length = usize::try_from(length_bytes).map_err(|_| Status::INVALID_PARAMETER)?;
        let mut rights = self.rights(flags);
        rights.bind = self.capabilities.memory_windows;
        job(move || Mr::register(&pd, &block, (offset, length), rights).map(|mr| Made::Mr(id, mr)).map_err(of_errno))
    }

    /// Rights as the device has them. Who may read and write may do atomics, for which NDK has no right. On iWARP the sink of a read is written like any memory by the peer.
    pub(super) fn rights(&self, flags: MrFlags) -> Rights {
        let sink = flags.contains(MrFlags::RDMA_READ_SINK);
        let remote_write = flags.contains(MrFlags::ALLOW_REMOTE_WRITE) || (sink && self.iwarp);
        let remote_read = flags.contains(MrFlags::ALLOW_REMOTE_READ);
        Rights {
            local_write: remote_write || sink || flags.contains(MrFlags::ALLOW_LOCAL_WRITE),
            remote_read,
            remote_write,
            remote_atomic: remote_read && remote_write && self.capabilities.atomics,
            bind: false,
        }
    }

    /// Takes an object out of its table at once; the job drops it.
    fn destroy(&mut self, resource: Resource) -> Result<Job, Status> {
        fn dropped<T: Send + 'static>(object: Option<T>) -> Result<Job, Status> {
            let object = object.ok_or(Status::INVALID_PARAMETER)?;
            job(move || {
                drop(object);
                Ok(Made::Nothing)
            })
        }
        match resource {
            Resource::Pd(pd) => dropped(self.pds.remove(&pd.0)),
            Resource::Cq(cq) => dropped(self.queues.remove(&cq.0)),
            Resource::Srq(srq) => dropped(self.srqs.remove(&srq.0)),
            Resource::Mr(mr) => dropped(self.regions.remove(&mr.0)),
            Resource::Mw(mw) => dropped(self.windows.remove(&mw.0)),
            Resource::Qp(id) => {
                let pair = self.pairs.remove(&id.0).ok_or(Status::INVALID_PARAMETER)?;
                job(move || {
                    let number = pair.qp.number();
                    drop(pair);
                    Ok(Made::QpGone(number))
                })
            }
            Resource::Listener(_) | Resource::Connection(_) => Err(Status::INVALID_PARAMETER),
        }
    }

    /// Puts what a job made into its table.
    pub(super) fn install(&mut self, made: Made) -> CommandResult {
        let resource = match made {
            Made::Nothing => return DONE,
            Made::Pd(id, pd) => {
                self.pds.insert(id, Arc::new(pd));
                Resource::Pd(PdId(id))
            }
            Made::Cq(id, cq) => {
                self.queues.insert(id, Queue::new(cq));
                Resource::Cq(CqId(id))
            }
            Made::Srq(id, srq) => {
                self.srqs.insert(id, Arc::new(srq));
                Resource::Srq(SrqId(id))
            }
            Made::Qp { id, qp, cqs } => {
                self.own_number(qp.number(), Owner { qp: id, cqs });
                self.pairs.insert(id, Pair::new(qp));
                Resource::Qp(QpId(id))
            }
            Made::QpGone(number) => {
                self.disown_number(number);
                return DONE;
            }
            Made::Mr(id, mr) => {
                let (local, remote) = (mr.local_key(), mr.remote_key());
                self.regions.insert(id, Arc::new(mr));
                return Ok(CommandOutput::Keys { resource: Resource::Mr(MrId(id)), local, remote });
            }
            Made::Mw(id, mw) => {
                let remote = mw.remote_key();
                self.windows.insert(id, Arc::new(mw));
                return Ok(CommandOutput::Keys { resource: Resource::Mw(MwId(id)), local: remote, remote });
            }
        };
        Ok(CommandOutput::Created(resource))
    }

    /// The device uses a number for a new pair. Completions of the one that had it before are saved as that one's.
    fn own_number(&mut self, number: u32, owner: Owner) {
        if let Some(&before) = self.owners.get(&number) {
            before.cqs.iter().for_each(|&cq| self.drain(cq));
        }
        self.owners.insert(number, owner);
    }

    /// A pair is gone: what it left in its queues is saved before the device uses its number again.
    fn disown_number(&mut self, number: u32) {
        if let Some(owner) = self.owners.get(&number).copied().filter(|owner| !self.pairs.contains_key(&owner.qp)) {
            owner.cqs.iter().for_each(|&cq| self.drain(cq));
            self.owners.remove(&number);
        }
    }

    /// What the device reports by itself. Objects that are gone are silent.
    pub(super) fn device_event(&mut self, event: AsyncEvent) {
        match event {
            AsyncEvent::CqError(cq) if self.queues.contains_key(&cq) => {
                // Verbs devices report nothing but overruns here.
                self.events.push_back(Event::CqError { cq: CqId(cq), overrun: true });
            }
            AsyncEvent::QpError(qp) => self.pair_failed(qp),
            AsyncEvent::Communication(qp) => self.communication_began(qp),
            AsyncEvent::SrqError(srq) if self.srqs.contains_key(&srq) => {
                self.events.push_back(Event::SrqError(SrqId(srq)));
            }
            AsyncEvent::SrqLimit(srq) if self.srqs.contains_key(&srq) => {
                self.events.push_back(Event::SrqLimit(SrqId(srq)));
            }
            AsyncEvent::DeviceFatal => self.device_gone(),
            AsyncEvent::CqError(_) | AsyncEvent::SrqError(_) | AsyncEvent::SrqLimit(_) | AsyncEvent::Other => {}
        }
    }

    /// A queue pair is in error. Told once.
    pub(super) fn pair_failed(&mut self, qp: u32) {
        if let Some(pair) = self.pairs.get_mut(&qp)
            && !std::mem::replace(&mut pair.failed, true)
        {
            self.events.push_back(Event::QpError(QpId(qp)));
        }
    }

    pub(super) fn device_gone(&mut self) {
        if !std::mem::replace(&mut self.device_failed, true) {
            self.events.push_back(Event::DeviceError);
        }
    }
}
