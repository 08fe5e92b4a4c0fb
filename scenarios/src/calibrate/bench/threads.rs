//! Threads of processors: what they post, when, and what they wait for.

use super::machine::{BUFFER, Cq, Machine, Qp};
use super::{Bench, Event, Processor, Setup};
use bytes::Bytes;
use des::Time;
use nic_model::regs::bar;
use nic_model::regs::cmd::QpType;
use nic_model::regs::wqe::{Atomic, BLOCK_BYTES, Body, Data, DataList, Opcode, RemoteAddress, WqeFlags};
use smallvec::{SmallVec, smallvec};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::calibrate) enum Operation {
    /// RDMA READ of a reliable connection.
    Read,
    /// RDMA WRITE of a reliable connection, from registered memory.
    Write,
    /// Fetch and add of a reliable connection.
    FetchAdd,
    /// SEND of datagrams, inline. Requests end when they have left.
    Datagram,
    /// SEND of an unreliable connection. Requests end when their receive completes.
    Send,
    /// SEND of datagrams, inline. Requests end when their receive completes.
    DatagramReceived,
}

/// How a thread hands requests over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::calibrate) enum Posting {
    /// A whole window with one doorbell, a single request pushed. Its last request is signalled and awaited.
    Window,
    /// Each request by itself, pushed through write-combined lines.
    Push,
    /// Each request by itself, by a doorbell.
    Doorbell,
    /// So many requests with one doorbell.
    Batch(u32),
}

/// A thread.
#[derive(Debug)]
pub(super) struct Thread {
    qps: Vec<Qp>,
    /// The other ends, where receives are posted.
    peers: Vec<Qp>,
    send_cq: Cq,
    receive_cq: Cq,
    next_qp: usize,
    under_way: u32,
    /// Until when its processor is busy.
    busy: Time,
    pub(super) processor: Processor,
}

impl Operation {
    const fn qp_type(self) -> QpType {
        match self {
            Self::Read | Self::Write | Self::FetchAdd => QpType::RC,
            Self::Send => QpType::UC,
            Self::Datagram | Self::DatagramReceived => QpType::UD,
        }
    }

    /// Requests end at the receiver.
    const fn ends_at_receiver(self) -> bool {
        matches!(self, Self::Send | Self::DatagramReceived)
    }
}

impl Bench<'_> {
    pub(super) fn create_threads(&mut self) {
        let load = self.load;
        let blocks = (load.window * 4).next_power_of_two().max(64);
        let log_blocks = blocks.trailing_zeros() as u8;
        let log_receives = (load.window * 2).next_power_of_two().max(64).trailing_zeros() as u8;
        let log_cq = (load.window * 2).next_power_of_two().max(64).trailing_zeros() as u8;
        let qp_type = load.operation.qp_type();
        for index in 0..load.threads {
            let [here, there] = &mut self.machines;
            let send_cq = here.create_cq(&mut Setup, log_cq);
            let receive_cq = there.create_cq(&mut Setup, log_cq);
            let macs = [here.nic.config().ports[0].mac.0, there.nic.config().ports[0].mac.0];
            let (mut qps, mut peers) = (Vec::new(), Vec::new());
            for _ in 0..load.qps_per_thread {
                let qp = here.create_qp(&mut Setup, qp_type, [&send_cq; 2], [log_blocks, 6]);
                let mut peer = there.create_qp(&mut Setup, qp_type, [&receive_cq; 2], [6, log_receives]);
                here.connect(&mut Setup, &qp, qp_type, (1, peer.number, macs[1]));
                there.connect(&mut Setup, &peer, qp_type, (0, qp.number, macs[0]));
                if load.operation.ends_at_receiver() {
                    there.post_receives(&mut peer, 1 << log_receives);
                }
                qps.push(qp);
                peers.push(peer);
            }
            let ring = send_cq.range();
            self.rings[0].insert(ring.start, (ring.end, index as usize));
            let ring = receive_cq.range();
            self.rings[1].insert(ring.start, (ring.end, index as usize));
            let processor = (load.processor)(index, load.threads);
            let (next_qp, under_way, busy) = (0, 0, Time::ZERO);
            let thread = Thread { qps, peers, send_cq, receive_cq, next_qp, under_way, busy, processor };
            self.threads.push(thread);
        }
    }

    /// A completion has become visible to a thread.
    pub(super) fn completion(&mut self, side: usize, number: usize) {
        let now = self.now;
        super::settle(&mut self.machines[side], now);
        let thread = &mut self.threads[number];
        if side == 1 {
            self.machines[1].take_completion(&mut thread.receive_cq);
            // Receivers post again at once: what is measured is the adapter.
            let peer = thread.next_qp % thread.peers.len();
            self.machines[1].post_receives(&mut thread.peers[peer], 1);
        } else {
            self.machines[0].take_completion(&mut thread.send_cq);
        }
        if (side == 1) != self.load.operation.ends_at_receiver() {
            return;
        }
        // A signalled request of a batch stands for those before it.
        let ended = match self.load.posting {
            Posting::Batch(size) if !self.load.operation.ends_at_receiver() => size,
            Posting::Window => self.load.window,
            _ => 1,
        };
        self.completed += u64::from(ended);
        thread.under_way -= ended;
        thread.busy = thread.busy.max(now) + thread.processor.poll;
        let at = thread.busy;
        self.schedule(at, Event::Step(number));
    }

    /// A thread posts what its window has room for.
    pub(super) fn step(&mut self, number: usize) {
        let load = self.load;
        let room = load.window - self.threads[number].under_way;
        let size = match load.posting {
            Posting::Window => load.window,
            Posting::Push | Posting::Doorbell => 1,
            Posting::Batch(size) => size,
        };
        if self.threads[number].busy > self.now || room < size {
            return;
        }
        let mut at = self.threads[number].busy.max(self.now);
        let qps = self.threads[number].qps.len();
        // Any of its queue pairs: going around them in turn would be the worst case of every cache.
        let which = if qps == 1 { 0 } else { self.rng.below(qps as u64) as usize };
        self.threads[number].next_qp = which;
        let mut last = Vec::new();
        for nth in 1..=size {
            at += self.threads[number].processor.post;
            let every = matches!(load.posting, Posting::Push | Posting::Doorbell);
            last = self.post(number, which, every || nth == size);
        }
        self.threads[number].under_way += size;
        self.threads[number].busy = at;
        let arrives = at + load.mmio + self.threads[number].processor.far;
        let pushed = load.posting == Posting::Push || load.posting == Posting::Window && size == 1;
        if pushed {
            // Each queue pair has its own buffer, so that lines of one WQE never meet those of another.
            for (line, block) in (0..).zip(last.chunks(BLOCK_BYTES)) {
                let offset = bar::uar(0, bar::UAR_BLUEFLAME + line * BLOCK_BYTES as u64);
                self.schedule(arrives, Event::Register(0, offset, SmallVec::from_slice(block)));
            }
        } else {
            let doorbell = self.threads[number].qps[which].doorbell();
            let data = SmallVec::from_slice(&doorbell.to_le_bytes());
            self.schedule(arrives, Event::Register(0, bar::uar(0, bar::UAR_SQ), data));
        }
        if load.window - self.threads[number].under_way >= size {
            self.schedule(at, Event::Step(number));
        }
    }

    fn post(&mut self, number: usize, which: usize, signalled: bool) -> Vec<u8> {
        let load = self.load;
        let [here, there] = &mut self.machines;
        let local = Data { length_bytes: load.payload_bytes, key: here.key, address: BUFFER };
        let remote = match (load.operation, load.regions) {
            (Operation::FetchAdd, _) => {
                RemoteAddress { address: BUFFER + self.rng.below(load.counters) * 8, key: there.key }
            }
            (_, Some((_, pages))) => {
                let key = there.regions[self.rng.below(there.regions.len() as u64) as usize];
                RemoteAddress { address: BUFFER + (self.rng.below(pages.into()) << 12), key }
            }
            _ => RemoteAddress { address: BUFFER, key: there.key },
        };
        let list = || match load.payload_bytes {
            0 => DataList::Segments(SmallVec::new()),
            _ => DataList::Segments(smallvec![local]),
        };
        let inline = || match load.payload_bytes {
            0 => DataList::Segments(SmallVec::new()),
            length => DataList::Inline(Bytes::from(vec![0; length as usize])),
        };
        let (opcode, body) = match load.operation {
            Operation::Read => (Opcode::READ, Body::Remote(remote, list())),
            Operation::Write => (Opcode::WRITE, Body::Remote(remote, list())),
            Operation::FetchAdd => {
                let local = Data { length_bytes: 8, ..local };
                (Opcode::FETCH_ADD, Body::Atomic(remote, Atomic { swap_or_add: 1, compare: 0 }, local))
            }
            Operation::Send => (Opcode::SEND, Body::Send(inline())),
            Operation::Datagram | Operation::DatagramReceived => {
                let dest = self.threads[number].peers[which].number;
                (Opcode::SEND, Body::Datagram(Qp::vector(there, dest), inline()))
            }
        };
        let qp = &mut self.threads[number].qps[which];
        let silent = load.operation.ends_at_receiver() || !signalled;
        let flags = if silent { WqeFlags::empty() } else { WqeFlags::SIGNALLED };
        Machine::post(here, qp, opcode, flags, body)
    }
}
