//! The receiving side once more, on raw callbacks: a table of steps, each a provider call whose answer may come inline, in
//! a callback later, or in a callback before the call returns.

use super::protocol::{CONTROL_BYTES, Control, Hello};
use super::{Done, Job, PORT, completion};
use provider::consumer::{Adapter, Buffer, Session};
use provider::ndk::{
    Answer, Call, Callback, Completion, ConnectParams, CqNotify, DisconnectEvent, MrFlags, NdkResult, Object, OpFlags,
    Out, Return, Status, Upcall, UpcallBody,
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Listens and serves every peer; done when the last connection and the listener are closed.
pub(super) async fn serve(session: &Session, adapter: &Adapter, job: &Job) {
    let (done, ended) = completion();
    let receiver = Arc::new(Receiver {
        session: session.clone(),
        adapter: adapter.object(),
        job: job.clone(),
        done,
        links: Mutex::new(vec![Link::new(None)]),
        callbacks: OnceLock::new(),
    });
    receiver.register();
    receiver.run(LISTENER, Step::CreateListener);
    ended.await;
}

/// The entry of the table that stands for the listener; connections follow it.
const LISTENER: usize = 0;
const RECEIVES: u32 = 4;

/// What is done next for a connection (or the listener), in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Step {
    CreateListener,
    Listen,
    Listening,
    CloseListener,
    CreatePd,
    CreateCq,
    CreateQp,
    CreateControl,
    RegisterControl,
    CreateRegion,
    RegisterRegion,
    Accept,
    Serve,
    CloseConnector,
    CloseQp,
    CloseCq,
    CloseControl,
    CloseRegion,
    ClosePd,
    Ended,
}

impl Step {
    const ORDER: [Self; 20] = [
        Self::CreateListener,
        Self::Listen,
        Self::Listening,
        Self::CloseListener,
        Self::CreatePd,
        Self::CreateCq,
        Self::CreateQp,
        Self::CreateControl,
        Self::RegisterControl,
        Self::CreateRegion,
        Self::RegisterRegion,
        Self::Accept,
        Self::Serve,
        Self::CloseConnector,
        Self::CloseQp,
        Self::CloseCq,
        Self::CloseControl,
        Self::CloseRegion,
        Self::ClosePd,
        Self::Ended,
    ];

    fn next(self) -> Self {
        match self {
            Self::CloseListener => Self::Ended,
            step => Self::ORDER.get(step as usize + 1).copied().unwrap_or(Self::Ended),
        }
    }
}

/// The objects of one connection; those not made yet are `None`.
#[derive(Debug, Default)]
struct Link {
    connector: Option<Object>,
    made: [Option<Object>; Step::ORDER.len()],
    hello: Option<Hello>,
    control: Option<Arc<Buffer>>,
    replica: Option<Arc<Buffer>>,
    tries: u32,
}

impl Link {
    fn new(connector: Option<Object>) -> Self {
        Self { connector, ..Self::default() }
    }
}

#[derive(Debug)]
struct Callbacks {
    step: Callback,
    connect: Callback,
    cq: Callback,
    disconnect: Callback,
}

struct Receiver {
    session: Session,
    adapter: Object,
    job: Job,
    done: Done,
    links: Mutex<Vec<Link>>,
    callbacks: OnceLock<Callbacks>,
}

impl Receiver {
    fn links(&self) -> MutexGuard<'_, Vec<Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn callbacks(&self) -> &Callbacks {
        self.callbacks.get().expect("callbacks are registered before the first call")
    }

    fn register(self: &Arc<Self>) {
        let with = |run: fn(&Arc<Self>, &Upcall)| {
            let receiver = Arc::clone(self);
            self.session.register(move |upcall| run(&receiver, upcall))
        };
        let callbacks = Callbacks {
            step: with(Self::on_step),
            connect: with(Self::on_connect),
            cq: with(Self::on_notification),
            disconnect: with(Self::on_disconnect),
        };
        self.callbacks.set(callbacks).expect("callbacks are registered once");
    }

    /// Does steps until one pends or nothing is left to do now.
    fn run(self: &Arc<Self>, link: usize, mut step: Step) {
        while let Some(answer) = self.call(link, step) {
            match answer {
                Answer::Returned(Return { status: Status::SUCCESS, out }) => {
                    self.keep(link, step, &out);
                    step = step.next();
                }
                // The callback goes on, or has gone on already.
                Answer::Returned(Return { status: Status::PENDING, .. }) | Answer::Blocks(_) => return,
                Answer::Returned(Return { status, .. }) => return self.failed(link, step, status),
            }
        }
    }

    /// The completion of a step that pended.
    fn on_step(self: &Arc<Self>, upcall: &Upcall) {
        let (link, step) = ((upcall.context >> 8) as usize, Step::ORDER[(upcall.context & 0xff) as usize]);
        let (status, object) = match &upcall.body {
            UpcallBody::CreateCompletion { status, object } => (*status, *object),
            UpcallBody::RequestCompletion { status, .. } => (*status, None),
            _ => (Status::SUCCESS, None),
        };
        if status != Status::SUCCESS {
            return self.failed(link, step, status);
        }
        self.keep(link, step, &object.map_or(Out::Untouched, Out::Object));
        self.run(link, step.next());
    }

    fn keep(&self, link: usize, step: Step, out: &Out) {
        let links = &mut *self.links();
        links[link].tries = 0;
        if let Out::Object(object) = out {
            links[link].made[step as usize] = Some(*object);
        }
    }

    /// Resources may come back; anything else ends the run with a failure.
    fn failed(self: &Arc<Self>, link: usize, step: Step, status: Status) {
        let tries = {
            let links = &mut *self.links();
            links[link].tries += 1;
            links[link].tries
        };
        if status != Status::INSUFFICIENT_RESOURCES || tries > self.job.retries {
            return self.session.fail(format!("node {}: {step:?} ended with {status}", self.job.node));
        }
        self.job.count_retry();
        let receiver = Arc::clone(self);
        self.session.spawn(async move {
            receiver.session.sleep(receiver.job.retry_after).await;
            receiver.run(link, step);
        });
    }

    fn made(&self, link: usize, step: Step) -> Object {
        self.links()[link].made[step as usize].expect("a step comes after the ones that it builds on")
    }

    /// Makes the call of a step; `None` where the next move is somebody else's.
    fn call(self: &Arc<Self>, link: usize, step: Step) -> Option<Answer> {
        let completion =
            Completion { callback: Some(self.callbacks().step), context: (link as u64) << 8 | u64::from(step as u8) };
        let close = |made| Call::Close { object: self.made(link, made), completion };
        let call = match step {
            Step::CreateListener => {
                let connect_event = Completion { callback: Some(self.callbacks().connect), context: 0 };
                Call::CreateListener { adapter: self.adapter, connect_event, completion }
            }
            Step::Listen => {
                let listener = self.made(LISTENER, Step::CreateListener);
                Call::Listen { listener, address: self.job.address(self.job.node, PORT), completion }
            }
            Step::CreatePd => Call::CreatePd { adapter: self.adapter, completion },
            Step::CreateCq => {
                let notification = Completion { callback: Some(self.callbacks().cq), context: link as u64 };
                Call::CreateCq { adapter: self.adapter, depth: 2 * RECEIVES, notification, affinity: None, completion }
            }
            Step::CreateQp => self.create_qp(link, completion),
            Step::CreateControl | Step::CreateRegion => {
                Call::CreateMr { pd: self.made(link, Step::CreatePd), fast_register: false, completion }
            }
            Step::RegisterControl | Step::RegisterRegion => return Some(self.register_buffer(link, step, completion)),
            Step::Accept => return Some(self.accept(link, completion)),
            Step::Serve => {
                self.offer(link);
                return None;
            }
            Step::CloseConnector => {
                let object = self.links()[link].connector.expect("a connection has a connector");
                Call::Close { object, completion }
            }
            Step::CloseQp => close(Step::CreateQp),
            Step::CloseCq => close(Step::CreateCq),
            Step::CloseControl => close(Step::CreateControl),
            Step::CloseRegion => close(Step::CreateRegion),
            Step::ClosePd => close(Step::CreatePd),
            Step::CloseListener => close(Step::CreateListener),
            Step::Listening => return None,
            Step::Ended => {
                self.ended(link);
                return None;
            }
        };
        Some(self.session.call(call))
    }

    fn create_qp(&self, link: usize, completion: Completion) -> Call<'static> {
        let cq = self.made(link, Step::CreateCq);
        Call::CreateQp {
            pd: self.made(link, Step::CreatePd),
            receive_cq: cq,
            initiator_cq: cq,
            qp_context: 1 + link as u64,
            receive_depth: RECEIVES,
            initiator_depth: RECEIVES,
            max_receive_sge: 1,
            max_initiator_sge: 1,
            inline_data_bytes: 0,
            completion,
        }
    }

    fn register_buffer(&self, link: usize, step: Step, completion: Completion) -> Answer {
        let (made, flags, length_bytes) = if step == Step::RegisterControl {
            (Step::CreateControl, MrFlags::ALLOW_LOCAL_WRITE, u64::from(CONTROL_BYTES * (RECEIVES + 1)))
        } else {
            let bytes = self.links()[link].hello.map_or(0, |hello| hello.file_bytes);
            (Step::CreateRegion, MrFlags::ALLOW_REMOTE_WRITE | MrFlags::ALLOW_REMOTE_READ, bytes)
        };
        let mr = self.made(link, made);
        let buffer = Arc::new(self.session.allocate(length_bytes));
        {
            let links = &mut *self.links();
            let slot = if step == Step::RegisterControl { &mut links[link].control } else { &mut links[link].replica };
            *slot = Some(Arc::clone(&buffer));
        }
        self.session.call(Call::RegisterMr { mr, mdl: buffer.mdl(), length_bytes, flags, completion })
    }

    fn token(&self, call: Call<'_>) -> u32 {
        match self.session.call(call) {
            Answer::Returned(Return { out: Out::Token(token), .. }) => token,
            _ => 0,
        }
    }

    fn control(&self, link: usize) -> (Arc<Buffer>, u32) {
        let buffer = self.links()[link].control.clone().expect("the control buffer is registered before it is used");
        (buffer, self.token(Call::GetLocalTokenFromMr { mr: self.made(link, Step::CreateControl) }))
    }

    fn post_receive(&self, link: usize, slot: u32) {
        let (control, token) = self.control(link);
        let sgl = [control.sge(u64::from(CONTROL_BYTES * slot), CONTROL_BYTES, token)];
        let qp = self.made(link, Step::CreateQp);
        self.check(link, "a receive", self.session.call(Call::Receive { qp, context: u64::from(slot), sgl: &sgl }));
    }

    fn say(&self, link: usize, message: Control) {
        let (control, token) = self.control(link);
        let offset = u64::from(CONTROL_BYTES * RECEIVES);
        if control.write(offset, &message.encode()).is_err() {
            self.session.fail("the control buffer is gone");
        }
        let sgl = [control.sge(offset, CONTROL_BYTES, token)];
        let (qp, flags) = (self.made(link, Step::CreateQp), OpFlags::SEND_AND_SOLICIT_EVENT);
        let send = Call::Send { qp, context: u64::from(RECEIVES), sgl: &sgl, flags };
        self.check(link, "a send", self.session.call(send));
    }

    fn check(&self, link: usize, what: &str, answer: Answer) {
        if !matches!(answer, Answer::Returned(Return { status: Status::SUCCESS, .. })) {
            self.session.fail(format!("node {}, connection {link}: {what} was refused: {answer:?}", self.job.node));
        }
    }

    fn accept(&self, link: usize, completion: Completion) -> Answer {
        (0..RECEIVES).for_each(|slot| self.post_receive(link, slot));
        let connector = self.links()[link].connector.expect("a connection has a connector");
        let params = ConnectParams {
            qp: self.made(link, Step::CreateQp),
            inbound_read_limit: 16,
            outbound_read_limit: 16,
            private_data: &[],
        };
        let callback = Some(self.callbacks().disconnect);
        let disconnect_event = DisconnectEvent { callback, context: link as u64, extended: false };
        self.session.call(Call::Accept { connector, params, disconnect_event, completion })
    }

    /// Somebody wants to connect: reads who it is and starts the steps of that connection.
    fn on_connect(self: &Arc<Self>, upcall: &Upcall) {
        let UpcallBody::ConnectEvent { connector } = upcall.body else { return };
        let hello = match self.session.call(Call::GetConnectionData { connector, buffer_bytes: Some(1024) }) {
            Answer::Returned(Return { out: Out::ConnectionData { private_data, .. }, .. }) => {
                Hello::decode(&private_data)
            }
            _ => None,
        };
        let link = {
            let links = &mut *self.links();
            links.push(Link { hello, ..Link::new(Some(connector)) });
            links.len() - 1
        };
        self.run(link, Step::CreatePd);
    }

    /// The connection stands: offers the region and asks to be told of what comes.
    fn offer(&self, link: usize) {
        let region = self.made(link, Step::CreateRegion);
        let token = self.token(Call::GetRemoteTokenFromMr { mr: region });
        let address = self.links()[link].replica.as_ref().map_or(0, |buffer| buffer.address());
        self.say(link, Control::Ready { address, token });
        self.arm(link);
    }

    fn arm(&self, link: usize) {
        self.session.call(Call::ArmCq { cq: self.made(link, Step::CreateCq), notify: CqNotify::ANY });
    }

    /// Drains the queue and arms it again: what comes in between is told at once.
    fn on_notification(self: &Arc<Self>, upcall: &Upcall) {
        let link = upcall.context as usize;
        let cq = self.made(link, Step::CreateCq);
        let mut results = [NdkResult::EMPTY; RECEIVES as usize];
        loop {
            let answer = self.session.call(Call::GetCqResults { cq, results: &mut results });
            let Answer::Returned(Return { out: Out::Count(count @ 1..), .. }) = answer else { break };
            results[..count as usize].iter().for_each(|result| self.on_result(link, result));
        }
        self.arm(link);
    }

    fn on_result(&self, link: usize, result: &NdkResult) {
        let slot = result.request_context as u32;
        if result.status != Status::SUCCESS {
            // Receives that are left when the connection ends come back cancelled.
            if result.status != Status::CANCELLED {
                self.session.fail(format!("node {}: a request ended with {}", self.job.node, result.status));
            }
        } else if slot < RECEIVES {
            let (control, _) = self.control(link);
            let bytes = control.read(u64::from(CONTROL_BYTES * slot), CONTROL_BYTES as usize).unwrap_or_default();
            self.post_receive(link, slot);
            if let Some(Control::Done { digest }) = Control::decode(&bytes) {
                self.verify(link, digest);
            }
        }
    }

    fn verify(&self, link: usize, digest: [u8; 32]) {
        let (replica, hello) = {
            let links = self.links();
            (links[link].replica.clone(), links[link].hello)
        };
        let (Some(replica), Some(hello)) = (replica, hello) else { return };
        let bytes = replica.read(0, replica.len() as usize).unwrap_or_default();
        let own: [u8; 32] = Sha256::digest(&bytes).into();
        self.job.record(hello.node as usize, bytes.len() as u64, own, own == digest);
        self.say(link, Control::Verified { same: own == digest });
    }

    /// The peer is done with us: close what belongs to it.
    fn on_disconnect(self: &Arc<Self>, upcall: &Upcall) {
        self.run(upcall.context as usize, Step::CloseConnector);
    }

    fn ended(self: &Arc<Self>, link: usize) {
        if link == LISTENER {
            return self.done.finish();
        }
        let all = {
            let links = &mut *self.links();
            links[link] = Link::new(None);
            links.len() == self.job.addresses.len()
                && links[1..].iter().all(|link| link.connector.is_none() && link.hello.is_none())
        };
        if all {
            self.run(LISTENER, Step::CloseListener);
        }
    }
}
