//! Two ends of a connection with a cable between them that a test may spoil.

use crate::transport::responder::{
    AccessFault, ReceiveCompletion, ReceiveStatus, Responder, ResponderConfig, ResponderPort, Right, Verdict,
};
use crate::transport::{
    AtomicOperation, Event, Packet, Pmtu, Remote, Requester, RequesterConfig, SendRequest, Status, Step, Work,
};
use des::{Dur, Time};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use wire::{Psn, Transport};

/// Key of the whole memory of an end.
pub(crate) const RKEY: u32 = 0x100;
pub(crate) const MEMORY_BYTES: usize = 16 << 10;
/// From the sending of a packet to its arrival.
pub(crate) const LATENCY: Dur = Dur::from_ns(1_000);
/// Between two packets of one end.
pub(crate) const SPACING: Dur = Dur::from_ns(50);
const LOOPS_MAX: u32 = 1_000_000;

pub(crate) const fn requester_config(transport: Transport) -> RequesterConfig {
    RequesterConfig {
        transport,
        pmtu: Pmtu::B256,
        initial_psn: Psn::new(0xff_fffe),
        max_rd_atomic: 4,
        window_packets: 64,
        ack_every_packets: 16,
        timeout_code: 4,
        timeout_policy: crate::transport::requester::TimeoutPolicy::Nominal,
        retry_count: 7,
        rnr_retry: 7,
        recovery: crate::transport::requester::Recovery::GoBackN,
    }
}

pub(crate) const fn responder_config(transport: Transport) -> ResponderConfig {
    ResponderConfig {
        transport,
        pmtu: Pmtu::B256,
        expected_psn: Psn::new(0xff_fffe),
        max_dest_rd_atomic: 4,
        min_rnr_timer: 1,
        unasked_ack_packets: 0,
        reorder_packets: 0,
    }
}

/// Memory, receives and keys of one end.
#[derive(Clone, Debug)]
pub(crate) struct TestPort {
    pub(crate) memory: Vec<u8>,
    /// Payload of the packet being given.
    pub(crate) payload: Vec<u8>,
    /// Bytes of each receive posted.
    pub(crate) receives: VecDeque<u32>,
    current: Vec<u8>,
    pub(crate) received: Vec<(Vec<u8>, ReceiveCompletion)>,
    pub(crate) invalidated: Vec<u32>,
    pub(crate) atomics: Vec<(Psn, u64)>,
    /// Whether receives cannot be written.
    pub(crate) receives_broken: bool,
    /// Where the packet just given is to be kept.
    kept: Option<u64>,
    /// Packets whose payload went to its place at once.
    pub(crate) placed_early: u32,
}

impl TestPort {
    pub(crate) fn new() -> Self {
        Self {
            memory: vec![0; MEMORY_BYTES],
            payload: Vec::new(),
            receives: VecDeque::new(),
            current: Vec::new(),
            received: Vec::new(),
            invalidated: Vec::new(),
            atomics: Vec::new(),
            receives_broken: false,
            kept: None,
            placed_early: 0,
        }
    }
}

impl ResponderPort for TestPort {
    fn check(&mut self, remote: Remote, length_bytes: u32, _: Right) -> Result<(), AccessFault> {
        let end = remote.address.checked_add(u64::from(length_bytes)).ok_or(AccessFault)?;
        let fits = remote.rkey == RKEY && end <= MEMORY_BYTES as u64;
        if fits { Ok(()) } else { Err(AccessFault) }
    }

    fn take_receive(&mut self) -> Option<u32> {
        let capacity = self.receives.pop_front()?;
        self.current = vec![0; capacity as usize];
        Some(capacity)
    }

    fn place_receive(&mut self, offset_bytes: u32, length_bytes: u32) -> Result<(), AccessFault> {
        if self.receives_broken {
            return Err(AccessFault);
        }
        let offset = offset_bytes as usize;
        self.current[offset..offset + length_bytes as usize].copy_from_slice(&self.payload);
        Ok(())
    }

    fn place_write(&mut self, remote: Remote, length_bytes: u32) -> Result<(), AccessFault> {
        let address = remote.address as usize;
        self.memory[address..address + length_bytes as usize].copy_from_slice(&self.payload);
        Ok(())
    }

    fn hold(&mut self, position: u64, target: Option<Remote>, length_bytes: u32) {
        self.kept = Some(position);
        if let Some(remote) = target {
            self.placed_early += 1;
            self.place_write(remote, length_bytes).expect("the message was checked");
        }
    }

    fn start_atomic(&mut self, psn: Psn, remote: Remote, operation: AtomicOperation) {
        let word = &mut self.memory[remote.address as usize..][..8];
        let original = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        word.copy_from_slice(&operation.apply(original).to_le_bytes());
        self.atomics.push((psn, original));
    }

    fn invalidate(&mut self, rkey: u32) -> Result<(), AccessFault> {
        self.invalidated.push(rkey);
        if rkey == RKEY { Err(AccessFault) } else { Ok(()) }
    }

    fn complete_receive(&mut self, completion: ReceiveCompletion) {
        let mut data = std::mem::take(&mut self.current);
        let written = completion.by_write || completion.status != ReceiveStatus::Ok;
        data.truncate(if written { 0 } else { completion.length_bytes as usize });
        self.received.push((data, completion));
    }
}

/// One end: requester, responder, and what a NIC would know.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) requester: Requester,
    pub(crate) responder: Responder,
    pub(crate) port: TestPort,
    /// Message of each request: bytes sent, or bytes read so far.
    pub(crate) buffers: BTreeMap<u32, Vec<u8>>,
    pub(crate) atomic_results: BTreeMap<u32, u64>,
    pub(crate) completions: Vec<(u32, Status)>,
    pub(crate) locals: Vec<u32>,
    pub(crate) verdicts: Vec<Verdict>,
    /// Receives that appear one by one, each after this time.
    pub(crate) later_receives: Option<(Dur, u32)>,
    pub(crate) credits: bool,
    /// Packets that have come too early.
    held: BTreeMap<u64, (Packet, Vec<u8>)>,
    line_free: Time,
    events: Vec<Event>,
}

impl End {
    pub(crate) fn new(requester: RequesterConfig, responder: ResponderConfig) -> Self {
        Self {
            requester: Requester::new(requester),
            responder: Responder::new(responder),
            port: TestPort::new(),
            buffers: BTreeMap::new(),
            atomic_results: BTreeMap::new(),
            completions: Vec::new(),
            locals: Vec::new(),
            verdicts: Vec::new(),
            later_receives: None,
            credits: false,
            held: BTreeMap::new(),
            line_free: Time::ZERO,
            events: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, request: SendRequest, data: Vec<u8>) {
        let buffer =
            if matches!(request.work, Work::Read { .. }) { vec![0; request.length_bytes as usize] } else { data };
        self.buffers.insert(request.id, buffer);
        self.requester.push(request, &mut self.events);
        self.take_events(&[]);
    }

    /// The next packet that leaves, with its bytes.
    fn pull(&mut self, now: Time) -> Option<(Packet, Vec<u8>)> {
        let credits = self.credits.then_some(self.port.receives.len() as u32);
        if let Some(reply) = self.responder.next_reply(credits) {
            let data = reply.source.map_or(&[][..], |from| {
                &self.port.memory[from.address as usize..][..reply.packet.payload_bytes as usize]
            });
            return Some((reply.packet, data.to_vec()));
        }
        loop {
            match self.requester.next_step(now)? {
                Step::Local { id } => {
                    self.locals.push(id);
                    self.requester.on_local_done(id, Status::Ok, &mut self.events);
                    self.take_events(&[]);
                }
                Step::Packet { packet, id, offset_bytes, .. } => {
                    let data = &self.buffers[&id][offset_bytes as usize..][..packet.payload_bytes as usize];
                    let data = data.to_vec();
                    self.requester.on_transmitted(now, packet.psn, &mut self.events);
                    self.take_events(&[]);
                    return Some((packet, data));
                }
            }
        }
    }

    fn has_work(&self, now: Time) -> bool {
        self.responder.has_reply() || self.requester.is_ready(now)
    }

    pub(crate) fn deliver(&mut self, now: Time, packet: &Packet, data: Vec<u8>) {
        use wire::Operation::{Acknowledge, AtomicAcknowledge, ReadResponse};
        if let Some((_, Acknowledge | AtomicAcknowledge | ReadResponse, _)) = packet.opcode.decode() {
            self.requester.on_response(now, packet, &mut self.events);
            return self.take_events(&data);
        }
        self.execute(*packet, data);
        while let Some((packet, data)) = self.held.remove(&self.responder.due_position()) {
            self.execute(packet, data);
        }
    }

    fn execute(&mut self, packet: Packet, data: Vec<u8>) {
        self.port.payload.clone_from(&data);
        let verdict = self.responder.on_request(&packet, &mut self.port);
        self.verdicts.push(verdict);
        if let Some(position) = self.port.kept.take() {
            self.held.insert(position, (packet, data));
        }
        for (psn, original) in self.port.atomics.drain(..) {
            self.responder.on_atomic_done(psn, original);
        }
    }

    fn take_events(&mut self, data: &[u8]) {
        for event in self.events.drain(..) {
            match event {
                Event::Place { id, offset_bytes, length_bytes } => {
                    let buffer = self.buffers.get_mut(&id).expect("placed for a request");
                    buffer[offset_bytes as usize..][..length_bytes as usize].copy_from_slice(data);
                }
                Event::AtomicResult { id, original } => {
                    assert_eq!(self.atomic_results.insert(id, original), None, "an atomic has one result");
                }
                Event::Completed { id, status, .. } => self.completions.push((id, status)),
            }
        }
    }

    fn on_timeout(&mut self, now: Time) {
        self.requester.on_timeout(now, &mut self.events);
        self.take_events(&[]);
    }
}

/// What becomes of a packet on the cable: one delay for each copy that arrives, none if it is lost.
pub(crate) type Fate = Box<dyn FnMut(&Sent) -> Vec<Dur>>;

/// A packet put on the cable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Time,
    /// Index of the end.
    pub(crate) from: usize,
    pub(crate) packet: Packet,
}

/// Two ends and a cable.
pub(crate) struct Pair {
    pub(crate) ends: [End; 2],
    pub(crate) now: Time,
    pub(crate) log: Vec<Sent>,
    fate: Fate,
    cable: BTreeMap<(Time, u64), (usize, Packet, Vec<u8>)>,
    sent: u64,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("ends", &self.ends).field("now", &self.now).finish_non_exhaustive()
    }
}

impl Pair {
    pub(crate) fn new(requester: RequesterConfig, responder: ResponderConfig) -> Self {
        Self {
            ends: [End::new(requester, responder), End::new(requester, responder)],
            now: Time::ZERO,
            log: Vec::new(),
            fate: Box::new(|_| vec![LATENCY]),
            cable: BTreeMap::new(),
            sent: 0,
        }
    }

    /// A reliable connection over a perfect cable.
    pub(crate) fn reliable() -> Self {
        Self::new(requester_config(Transport::Rc), responder_config(Transport::Rc))
    }

    pub(crate) fn with_fate(mut self, fate: impl FnMut(&Sent) -> Vec<Dur> + 'static) -> Self {
        self.fate = Box::new(fate);
        self
    }

    /// Loses the packets with these indices in the order of sending, from both ends.
    pub(crate) fn losing(self, lost: &'static [usize]) -> Self {
        let mut index = 0;
        self.with_fate(move |_| {
            index += 1;
            if lost.contains(&(index - 1)) { vec![] } else { vec![LATENCY] }
        })
    }

    /// Runs until nothing is left to happen.
    pub(crate) fn run(&mut self) {
        for _ in 0..LOOPS_MAX {
            self.transmit();
            let Some(next) = self.next_moment() else { return };
            self.now = self.now.max(next);
            while let Some(entry) = self.cable.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, packet, data) = entry.remove();
                self.ends[to].deliver(self.now, &packet, data);
            }
            for end in &mut self.ends {
                if end.requester.deadline().is_some_and(|at| at <= self.now) {
                    end.on_timeout(self.now);
                }
                if let Some((gap, count)) = end.later_receives {
                    let due = self.now.as_ps() / gap.as_ps();
                    end.port.receives.extend((u64::from(count)..due).map(|_| 4096));
                    end.later_receives = Some((gap, count.max(due as u32)));
                }
            }
        }
        panic!("the dialogue does not end: {self:?}");
    }

    fn transmit(&mut self) {
        for (from, end) in self.ends.iter_mut().enumerate() {
            if self.now < end.line_free {
                continue;
            }
            let Some((packet, data)) = end.pull(self.now) else { continue };
            end.line_free = self.now + SPACING;
            let sent = Sent { at: self.now, from, packet };
            for delay in (self.fate)(&sent) {
                self.sent += 1;
                self.cable.insert((self.now + delay, self.sent), (1 - from, packet, data.clone()));
            }
            self.log.push(sent);
        }
    }

    fn next_moment(&self) -> Option<Time> {
        let lines = self.ends.iter().filter(|end| end.has_work(self.now)).map(|end| end.line_free);
        let timers = self.ends.iter().filter_map(|end| end.requester.deadline());
        lines.chain(timers).chain(self.cable.keys().next().map(|key| key.0)).min()
    }

    /// Packets that an end has sent.
    pub(crate) fn sent_by(&self, from: usize) -> Vec<Packet> {
        self.log.iter().filter(|sent| sent.from == from).map(|sent| sent.packet).collect()
    }
}

pub(crate) const fn request(id: u32, work: Work, length_bytes: u32) -> SendRequest {
    SendRequest { id, work, length_bytes, signalled: true, solicited: false, fence: false }
}

pub(crate) const fn at(address: u64) -> Remote {
    Remote { address, rkey: RKEY }
}

pub(crate) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|index| (index as u8).wrapping_mul(7).wrapping_add((index >> 8) as u8).wrapping_add(seed)).collect()
}
