//! A small provider that keeps the contract: objects, requests, closing, and nothing on a wire.

use des::{Dur, Time};
use provider::ndk::{
    Answer, BlockedCall, Call, CallSite, Callback, Completion, Irql, LogicalAddressMapping, NdkProvider, NdkVersion,
    Object, ObjectKind, Out, Return, Status, Upcall, UpcallBody, UpcallToken,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How it answers creations and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// When the call returns.
    Inline,
    /// This much later.
    Later(Dur),
}

#[derive(Clone, Debug)]
enum Closing {
    By(Completion),
    Call(BlockedCall),
}

#[derive(Clone, Debug, Default)]
struct Entry {
    antecedents: BTreeSet<u64>,
    /// Successors that are there, their close completions included.
    successors: BTreeSet<u64>,
    /// Callbacks that run, other than the close completion.
    running: BTreeSet<UpcallToken>,
    closing: Option<Closing>,
}

#[derive(Clone, Debug)]
struct Pending {
    due: Time,
    object: Object,
    completion: Completion,
    creates: Option<(ObjectKind, Vec<u64>)>,
}

/// The provider.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    style: Style,
    objects: BTreeMap<u64, (Object, Entry)>,
    pending: Vec<Pending>,
    upcalls: VecDeque<Upcall>,
    /// Close completions that run, with their object.
    closes: BTreeMap<UpcallToken, u64>,
    numbers: u64,
    /// Creations that reached it.
    pub(crate) created: u64,
    mappings: BTreeSet<u64>,
    /// A call that it could not understand: a mistake of what sits above it.
    pub(crate) confused: Vec<String>,
}

impl Fake {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            objects: BTreeMap::new(),
            pending: Vec::new(),
            upcalls: VecDeque::new(),
            closes: BTreeMap::new(),
            numbers: 0,
            created: 0,
            mappings: BTreeSet::new(),
            confused: Vec::new(),
        }
    }

    /// Objects and mappings that are there.
    pub(crate) fn live(&self) -> usize {
        self.objects.len() + self.mappings.len()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn adopt(&mut self, kind: ObjectKind, antecedents: &[u64]) -> Object {
        let object = Object { kind, id: self.number(), version: NdkVersion::V1_2 };
        for id in antecedents {
            if let Some((_, entry)) = self.objects.get_mut(id) {
                entry.successors.insert(object.id);
            }
        }
        let antecedents = antecedents.iter().copied().collect();
        self.objects.insert(object.id, (object, Entry { antecedents, ..Entry::default() }));
        object
    }

    fn queue(&mut self, object: Object, completion: Completion, body: UpcallBody) -> UpcallToken {
        let token = UpcallToken(self.number());
        let callback = completion.callback.unwrap_or(Callback(0));
        self.upcalls.push_back(Upcall {
            token,
            object,
            callback,
            context: completion.context,
            body,
            processor: 1,
            level: Irql::Dispatch,
            after: Some(Dur::ZERO),
        });
        token
    }

    fn complete(&mut self, pending: Pending, status: Status) {
        let Pending { object, completion, creates, .. } = pending;
        let body = match creates {
            Some((kind, antecedents)) => {
                let made = (status == Status::SUCCESS).then(|| self.adopt(kind, &antecedents));
                UpcallBody::CreateCompletion { status, object: made }
            }
            None => UpcallBody::RequestCompletion { status, out: Out::Untouched },
        };
        let token = self.queue(object, completion, body);
        if let Some((_, entry)) = self.objects.get_mut(&object.id) {
            entry.running.insert(token);
        }
    }

    fn begin(
        &mut self,
        site: &CallSite,
        object: Object,
        completion: Completion,
        creates: Option<(ObjectKind, Vec<u64>)>,
    ) -> Answer {
        let (now, style) = (site.now, if site.inline { Style::Inline } else { self.style });
        if self.objects.get(&object.id).is_none_or(|(_, entry)| entry.closing.is_some()) {
            self.confused.push(format!("a request on {object:?}, which is closing or gone"));
        }
        self.created += u64::from(creates.is_some());
        match style {
            Style::Inline => Answer::Returned(match creates {
                Some((kind, antecedents)) => Return::with(Out::Object(self.adopt(kind, &antecedents))),
                None => Return::status(Status::SUCCESS),
            }),
            Style::Later(after) => {
                self.pending.push(Pending { due: now + after, object, completion, creates });
                Answer::Returned(Return::status(Status::PENDING))
            }
        }
    }

    fn close(&mut self, object: Object, closing: Closing) -> bool {
        let Some((_, entry)) = self.objects.get_mut(&object.id) else {
            self.confused.push(format!("{object:?} was closed, and is not there"));
            return true;
        };
        if entry.closing.replace(closing).is_some() {
            self.confused.push(format!("{object:?} was closed twice"));
        }
        let mine = |pending: &Pending| pending.object == object;
        for pending in self.pending.extract_if(.., |pending| mine(pending)).collect::<Vec<_>>() {
            self.complete(pending, Status::CANCELLED);
        }
        let free = self.is_free(object.id);
        if free {
            self.release(object.id);
        }
        free
    }

    fn is_free(&self, id: u64) -> bool {
        self.objects.get(&id).is_some_and(|(_, entry)| {
            entry.closing.is_some() && entry.successors.is_empty() && entry.running.is_empty()
        })
    }

    /// The object is gone, its close completion included.
    fn release(&mut self, id: u64) {
        let Some((_, entry)) = self.objects.remove(&id) else { return };
        for antecedent in entry.antecedents {
            if let Some((_, entry)) = self.objects.get_mut(&antecedent) {
                entry.successors.remove(&id);
            }
            self.go_on(antecedent);
        }
    }

    /// Ends a close that waited, if it waits no longer.
    fn go_on(&mut self, id: u64) {
        if !self.is_free(id) || self.closes.values().any(|closing| *closing == id) {
            return;
        }
        let Some((object, entry)) = self.objects.get(&id).cloned() else { return };
        match entry.closing {
            Some(Closing::By(completion)) => {
                let token = self.queue(object, completion, UpcallBody::CloseCompletion);
                self.closes.insert(token, id);
            }
            Some(Closing::Call(call)) => {
                let returned = Return::status(Status::SUCCESS);
                let none = Completion { callback: None, context: 0 };
                self.queue(object, none, UpcallBody::CallReturns { call, returned });
                self.release(id);
            }
            None => {}
        }
    }
}

impl NdkProvider for Fake {
    type Host = ();

    fn call(&mut self, (): &mut (), site: &CallSite, call: Call<'_>) -> Answer {
        match call {
            Call::OpenAdapter { .. } => {
                Answer::Returned(Return::with(Out::Object(self.adopt(ObjectKind::Adapter, &[]))))
            }
            Call::Close { object, completion } => {
                let closed = self.close(object, Closing::By(completion));
                Answer::Returned(Return::status(if closed { Status::SUCCESS } else { Status::PENDING }))
            }
            Call::CloseAdapter { adapter } => {
                let blocked = BlockedCall(self.number());
                let closed = self.close(adapter, Closing::Call(blocked));
                if closed { Answer::Returned(Return::status(Status::SUCCESS)) } else { Answer::Blocks(blocked) }
            }
            Call::BuildLam { .. } => {
                let adapter_context = self.number();
                self.mappings.insert(adapter_context);
                let adapter_pages = vec![0x4000, 0x9000];
                let lam = LogicalAddressMapping { adapter_context, adapter_pages, first_byte_offset: 0 };
                Answer::Returned(Return::with(Out::Lam(lam)))
            }
            Call::ReleaseLam { lam, .. } => {
                self.mappings.remove(&lam.adapter_context);
                Answer::Returned(Return::status(Status::SUCCESS))
            }
            ref call => match (call.object(), call.completion()) {
                (Some(object), Some(completion)) => {
                    let mut antecedents = vec![object.id];
                    if let Call::CreateQp { receive_cq, initiator_cq, .. } = call {
                        antecedents.extend([receive_cq.id, initiator_cq.id]);
                    }
                    let adapter = self.objects.values().find(|(object, _)| object.kind == ObjectKind::Adapter);
                    antecedents.extend(adapter.map(|(object, _)| object.id));
                    self.begin(site, object, completion, call.kind().creates().map(|kind| (kind, antecedents)))
                }
                _ => Answer::Returned(Return::status(Status::SUCCESS)),
            },
        }
    }

    fn interrupt(&mut self, (): &mut (), _: Time, _: u16) {}

    fn wake(&mut self, (): &mut (), now: Time) {
        for pending in self.pending.extract_if(.., |pending| pending.due <= now).collect::<Vec<_>>() {
            self.complete(pending, Status::SUCCESS);
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.pending.iter().map(|pending| pending.due).min()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        self.upcalls.pop_front()
    }

    fn upcall_returned(&mut self, (): &mut (), _: Time, token: UpcallToken) {
        if let Some(id) = self.closes.remove(&token) {
            self.release(id);
            return;
        }
        let owner = self.objects.iter_mut().find_map(|(id, (_, entry))| entry.running.remove(&token).then_some(*id));
        if let Some(id) = owner {
            self.go_on(id);
        }
    }
}
