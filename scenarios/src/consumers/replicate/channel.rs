//! A QP with its queue and control buffers: what both sides of a replication need.

use super::protocol::{CONTROL_BYTES, Control};
use super::{Job, retrying};
use provider::consumer::{Adapter, Buffer, Cq, Mr, Pd, Qp, QpParams, Session};
use provider::ndk::{MrFlags, NdkResult, OpFlags, Sge, Status};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Request contexts. Data requests use their index.
const RECEIVE: u64 = 1 << 32;
const SEND: u64 = 2 << 32;

/// Receives kept posted, so that a control message never meets an empty queue.
const RECEIVES: u32 = 4;

/// One end of a replication's connection.
#[derive(Debug)]
pub(super) struct Channel {
    pub pd: Pd,
    pub cq: Cq,
    pub qp: Qp,
    mr: Mr,
    token: u32,
    control: Buffer,
    /// Results taken while another one was waited for.
    stash: Mutex<VecDeque<NdkResult>>,
}

impl Channel {
    /// Creates all of it and posts the receives; creations are tried again while resources are exhausted. `context` tells
    /// the QP's results from those of the node's other QPs.
    pub(super) async fn open(session: &Session, adapter: &Adapter, job: &Job, context: u64) -> Result<Self, Status> {
        let initiator_depth = job.window + 4;
        let pd = retrying(session, job, || adapter.create_pd()).await?;
        let cq = retrying(session, job, || adapter.create_cq(initiator_depth + RECEIVES)).await?;
        let sizes = QpParams { receive_depth: RECEIVES, initiator_depth, ..QpParams::default() };
        let qp = retrying(session, job, || pd.create_qp(&cq, &cq, context, sizes)).await?;
        let mr = retrying(session, job, || pd.create_mr()).await?;
        // One page of receives, one to send from.
        let control = session.allocate(u64::from(CONTROL_BYTES * (RECEIVES + 1)));
        mr.register(&control, MrFlags::ALLOW_LOCAL_WRITE).await?;
        let token = mr.local_token().await;
        let channel = Self { pd, cq, qp, mr, token, control, stash: Mutex::default() };
        for slot in 0..RECEIVES {
            channel.post_receive(slot)?;
        }
        Ok(channel)
    }

    /// Sends a control message and waits until it is out.
    pub(super) async fn say(&self, message: Control) -> Result<(), Status> {
        let offset = u64::from(CONTROL_BYTES * RECEIVES);
        self.control.write(offset, &message.encode()).map_err(|_| Status::UNSUCCESSFUL)?;
        let entry = self.control.sge(offset, CONTROL_BYTES, self.token);
        self.qp.send(SEND, &[entry], OpFlags::SEND_AND_SOLICIT_EVENT)?;
        self.wait(|context| context == SEND).await.map(drop)
    }

    /// Waits for the peer's next control message.
    pub(super) async fn hear(&self) -> Result<Control, Status> {
        let result = self.wait(|context| (RECEIVE..SEND).contains(&context)).await?;
        let slot = (result.request_context - RECEIVE) as u32;
        let offset = u64::from(CONTROL_BYTES * slot);
        let bytes = self.control.read(offset, CONTROL_BYTES as usize).map_err(|_| Status::UNSUCCESSFUL)?;
        self.post_receive(slot)?;
        Control::decode(&bytes).ok_or(Status::DATA_ERROR)
    }

    /// Runs `count` data requests, `window` at a time; `post` gets each one's index.
    pub(super) async fn stream(
        &self,
        count: u64,
        window: u32,
        post: impl Fn(u64) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let mut posted = 0;
        for done in 0..count {
            while posted < count && posted < done + u64::from(window) {
                post(posted)?;
                posted += 1;
            }
            self.wait(|context| context == done).await?;
        }
        Ok(())
    }

    /// Closes all of it, successors first.
    pub(super) async fn close(self) {
        self.qp.close().await;
        self.cq.close().await;
        self.mr.close().await;
        self.pd.close().await;
    }

    async fn wait(&self, wanted: impl Fn(u64) -> bool) -> Result<NdkResult, Status> {
        let mut stash = std::mem::take(&mut *self.stash());
        let result = match stash.iter().position(|result| wanted(result.request_context)) {
            Some(index) => stash.remove(index),
            None => None,
        };
        *self.stash() = stash;
        let result = match result {
            Some(result) => result,
            None => loop {
                let result = self.cq.next().await?;
                if result.status != Status::SUCCESS || wanted(result.request_context) {
                    break result;
                }
                self.stash().push_back(result);
            },
        };
        result.status.ok().map(|()| result)
    }

    fn stash(&self) -> std::sync::MutexGuard<'_, VecDeque<NdkResult>> {
        self.stash.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn post_receive(&self, slot: u32) -> Result<(), Status> {
        let entry: Sge = self.control.sge(u64::from(CONTROL_BYTES * slot), CONTROL_BYTES, self.token);
        self.qp.receive(RECEIVE + u64::from(slot), &[entry])
    }
}
