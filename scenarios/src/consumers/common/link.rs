//! A QP with its queue and its message buffers.

use super::Crew;
use provider::consumer::{Adapter, Buffer, Cq, Mr, Pd, Qp, QpParams};
use provider::ndk::{MrFlags, NdkResult, OpFlags, Sge, Status};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Request contexts of receives and sends; a context of data requests is below.
const RECEIVE: u64 = 1 << 62;
const SEND: u64 = 1 << 61;

/// How large a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Bytes of the longest message.
    pub message_bytes: u32,
    /// Receives kept posted: messages that the peer may have under way.
    pub receives: u32,
    /// Messages of ours that may be under way.
    pub sends: u32,
    /// Reads, writes and registrations that may be under way.
    pub requests: u32,
    /// Entries of the CQ; room for all that may complete, if absent.
    pub cq_depth: Option<u32>,
}

/// What happened on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The peer's message; its receive is posted again.
    Message(Vec<u8>),
    /// A data request of this context has succeeded.
    Done(u64),
}

#[derive(Debug, Default)]
struct State {
    /// Events that came while another was waited for.
    stash: VecDeque<Event>,
    free_sends: Vec<u32>,
}

/// What a link consists of, as far as it has been made.
#[derive(Debug, Default)]
struct Parts {
    pd: Option<Pd>,
    cq: Option<Cq>,
    qp: Option<Qp>,
    mr: Option<Mr>,
}

impl Parts {
    async fn close(self) {
        if let Some(qp) = self.qp {
            qp.close().await;
        }
        if let Some(cq) = self.cq {
            cq.close().await;
        }
        if let Some(mr) = self.mr {
            mr.close().await;
        }
        if let Some(pd) = self.pd {
            pd.close().await;
        }
    }

    /// Makes all of it. On an error, what has been made stays for `close`.
    async fn make(
        &mut self,
        crew: &Crew,
        adapter: &Adapter,
        sizes: Sizes,
        context: u64,
        messages: &Buffer,
    ) -> Result<(), Status> {
        let Sizes { receives, sends, requests, cq_depth, .. } = sizes;
        let depth = cq_depth.unwrap_or(receives + sends + requests);
        let pd = self.pd.insert(crew.retrying(|| adapter.create_pd()).await?);
        let cq = self.cq.insert(crew.retrying(|| adapter.create_cq(depth)).await?);
        let params = QpParams { receive_depth: receives, initiator_depth: sends + requests, ..QpParams::default() };
        self.qp = Some(crew.retrying(|| pd.create_qp(cq, cq, context, params)).await?);
        let mr = self.mr.insert(crew.retrying(|| pd.create_mr()).await?);
        crew.retrying(|| mr.register(messages, MrFlags::ALLOW_LOCAL_WRITE)).await
    }
}

/// One end of a connection: its QP, one CQ for both queues, and registered buffers for messages.
#[derive(Debug)]
pub(crate) struct Link {
    parts: Parts,
    token: u32,
    messages: Buffer,
    sizes: Sizes,
    state: Mutex<State>,
}

impl Link {
    /// Makes a link and posts its receives. `context` tells the QP's results from those of the node's other QPs.
    ///
    /// # Errors
    /// The status of what failed; nothing is left of the rest.
    pub(crate) async fn open(crew: &Crew, adapter: &Adapter, sizes: Sizes, context: u64) -> Result<Self, Status> {
        let slots = u64::from(sizes.receives + sizes.sends);
        let messages = crew.session.allocate(slots * u64::from(sizes.message_bytes));
        let mut parts = Parts::default();
        if let Err(status) = parts.make(crew, adapter, sizes, context, &messages).await {
            parts.close().await;
            return Err(status);
        }
        let state = Mutex::new(State { free_sends: (0..sizes.sends).collect(), ..State::default() });
        let mut link = Self { parts, token: 0, messages, sizes, state };
        link.token = link.mr().local_token().await;
        for slot in 0..sizes.receives {
            if let Err(status) = link.post_receive(slot) {
                link.close().await;
                return Err(status);
            }
        }
        Ok(link)
    }

    pub(crate) fn pd(&self) -> &Pd {
        self.parts.pd.as_ref().expect("an open link has its protection domain")
    }

    pub(crate) fn qp(&self) -> &Qp {
        self.parts.qp.as_ref().expect("an open link has its queue pair")
    }

    fn cq(&self) -> &Cq {
        self.parts.cq.as_ref().expect("an open link has its completion queue")
    }

    fn mr(&self) -> &Mr {
        self.parts.mr.as_ref().expect("an open link has its region")
    }

    /// Sends a message, as soon as one of the buffers is free.
    ///
    /// # Errors
    /// The status of this send, or of whatever else has failed on the link.
    pub(crate) async fn say(&self, message: &[u8]) -> Result<(), Status> {
        self.say_and_invalidate(message, None).await
    }

    /// The same, and ends a token of the peer.
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub(crate) async fn say_and_invalidate(&self, message: &[u8], token: Option<u32>) -> Result<(), Status> {
        let slot = loop {
            // Not in the `if let`: the lock must be free while the link waits.
            let free = self.state().free_sends.pop();
            if let Some(slot) = free {
                break slot;
            }
            if let Some(event) = self.completion().await? {
                self.state().stash.push_back(event);
            }
        };
        let offset = self.offset(self.sizes.receives + slot);
        self.messages.write(offset, message).map_err(|_| Status::BUFFER_OVERFLOW)?;
        let (context, sgl) = (SEND + u64::from(slot), [self.messages.sge(offset, message.len() as u32, self.token)]);
        let flags = OpFlags::SEND_AND_SOLICIT_EVENT;
        match token {
            None => self.qp().send(context, &sgl, flags),
            Some(token) => self.qp().send_and_invalidate(context, &sgl, flags, token),
        }
    }

    /// The next message or finished data request.
    ///
    /// # Errors
    /// The status of whatever has failed on the link.
    pub(crate) async fn event(&self) -> Result<Event, Status> {
        let stashed = self.state().stash.pop_front();
        match stashed {
            Some(event) => Ok(event),
            None => loop {
                if let Some(event) = self.completion().await? {
                    return Ok(event);
                }
            },
        }
    }

    /// The next message; data requests are not under way.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub(crate) async fn hear(&self) -> Result<Vec<u8>, Status> {
        match self.event().await? {
            Event::Message(message) => Ok(message),
            Event::Done(_) => Err(Status::DATA_ERROR),
        }
    }

    /// Waits for a data request; messages that come before it stay for [`event`](Self::event).
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub(crate) async fn done(&self, context: u64) -> Result<(), Status> {
        loop {
            match self.completion().await? {
                Some(Event::Done(other)) if other == context => return Ok(()),
                Some(event) => self.state().stash.push_back(event),
                None => {}
            }
        }
    }

    /// Waits until all messages of ours are out: a connection is ended with nothing uncollected.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub(crate) async fn settled(&self) -> Result<(), Status> {
        while self.state().free_sends.len() < self.sizes.sends as usize {
            if let Some(event) = self.completion().await? {
                self.state().stash.push_back(event);
            }
        }
        Ok(())
    }

    /// Takes one result: `None` if it was a send's.
    async fn completion(&self) -> Result<Option<Event>, Status> {
        let NdkResult { status, bytes_transferred, request_context: context, .. } = self.cq().next().await?;
        status.ok()?;
        if context >= RECEIVE {
            let slot = (context - RECEIVE) as u32;
            let message = self.messages.read(self.offset(slot), bytes_transferred as usize);
            self.post_receive(slot)?;
            return message.map(|bytes| Some(Event::Message(bytes))).map_err(|_| Status::DATA_ERROR);
        }
        if context >= SEND {
            self.state().free_sends.push((context - SEND) as u32);
            return Ok(None);
        }
        Ok(Some(Event::Done(context)))
    }

    fn post_receive(&self, slot: u32) -> Result<(), Status> {
        let entry: Sge = self.messages.sge(self.offset(slot), self.sizes.message_bytes, self.token);
        self.qp().receive(RECEIVE + u64::from(slot), &[entry])
    }

    fn offset(&self, slot: u32) -> u64 {
        u64::from(slot) * u64::from(self.sizes.message_bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all of it, successors first.
    pub(crate) async fn close(self) {
        self.parts.close().await;
    }
}
