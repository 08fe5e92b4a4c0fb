//! One host with its adapter, and the few driver functions that a measurement needs: polled commands, rings, doorbells.

use host::HostMemory;
use nic_model::port::{DmaTag, Segments};
use nic_model::regs::bar;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{
    Command, CommandStatus, CqContext, EqClasses, EqContext, KeyKind, MkeyContext, QpAttributes, QpContext, QpMask,
    QpState, QpType, REPLY_AT, Reply, Rights, Slot, SourceAddress,
};
use nic_model::regs::cqe::Cqe;
use nic_model::regs::doorbell::{ReceiveRecord, SqDoorbell};
use nic_model::regs::wqe::{BLOCK_BYTES, Body, Control, Data, Opcode, SendWqe, WqeFlags, encode_receive};
use nic_model::{Config, Nic};
use slab::Slab;
use std::net::IpAddr;
use wire::Qpn;

/// Slot of polled commands.
const SLOT: u64 = 0;
/// Bytes of a receive WQE as a power of two.
const LOG_STRIDE: u8 = 6;
/// Pages of the registered buffer: as many bytes as the most counters need.
const BUFFER_PAGES: usize = 64;
/// Queue key of datagram queue pairs.
const QKEY: u32 = 0x1234;
/// Address of the buffer, as keys name it.
pub(in crate::calibrate) const BUFFER: u64 = 1 << 40;

/// A completion queue: where it is, and how far it has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cq {
    pub(super) number: u32,
    ring: u64,
    log: u8,
    record: u64,
    consumer: u32,
}

/// A queue pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Qp {
    pub(super) number: u32,
    sq: u64,
    log_blocks: u8,
    rq: u64,
    log_wqes: u8,
    record: u64,
    producer: u32,
    receives: u32,
}

/// A host and its adapter.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) nic: Nic,
    pub(super) memory: HostMemory,
    pub(super) reads: Slab<(DmaTag, Segments, nic_model::port::DmaKind)>,
    pub(super) wake: Option<des::Time>,
    pub(super) key: u32,
    /// Keys of further regions.
    pub(super) regions: Vec<u32>,
    /// Bus address of the buffer.
    pub(super) buffer: u64,
    index: u8,
    commands: u64,
    mailbox: u64,
    pd: u32,
    eqn: u32,
}

/// A register access that a driver function makes.
pub(super) trait Registers {
    fn write(&mut self, machine: &mut Machine, offset: u64, value: u64);
    fn read(&mut self, machine: &mut Machine, offset: u64) -> u64;
}

impl Machine {
    pub(super) fn new(config: Config, index: u8) -> Self {
        let mut memory = HostMemory::new();
        let (commands, mailbox) = (memory.allocate_contiguous(1), memory.allocate_contiguous(4));
        let buffer = memory.allocate_contiguous(BUFFER_PAGES);
        let reads = Slab::new();
        let (key, pd, eqn, regions) = (0, 0, 0, Vec::new());
        let nic = Nic::new(config);
        Self { nic, memory, reads, wake: None, key, regions, buffer, index, commands, mailbox, pd, eqn }
    }

    fn ip(index: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, index + 1])
    }

    /// Starts the device and registers the buffer.
    pub(super) fn start(&mut self, bus: &mut impl Registers) {
        bus.write(self, bar::COMMAND_BASE, self.commands);
        self.command(bus, &Command::Init);
        self.command(bus, &Command::SetAddress(SourceAddress::new(0, 0, Gid::from(Self::ip(self.index)))));
        let ring_address = self.memory.allocate_contiguous(1);
        let events = EqContext { ring_address, log_entries: 6, vector: 0, classes: EqClasses::all(), uar_page: 0 };
        self.eqn = self.command(bus, &Command::CreateEq(events));
        self.pd = self.command(bus, &Command::AllocPd);
        let pages = (0..BUFFER_PAGES as u64).map(|page| self.buffer + (page << 12)).collect();
        self.key = self.register(bus, pages);
    }

    /// Registers a region for each of `regions`, of so many pages, which are all the same page of memory.
    pub(super) fn register_more(&mut self, bus: &mut impl Registers, regions: u32, pages: u32) {
        for _ in 0..regions {
            let key = self.register(bus, vec![self.buffer; pages as usize]);
            self.regions.push(key);
        }
    }

    fn register(&mut self, bus: &mut impl Registers, pages: Vec<u64>) -> u32 {
        let context = MkeyContext {
            kind: KeyKind::REGION,
            variant: 0x11,
            page_shift: 12,
            pd: self.pd,
            rights: Rights::LOCAL_WRITE | Rights::REMOTE_READ | Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC,
            page_count: pages.len() as u32,
            start: BUFFER,
            length_bytes: (pages.len() as u64) << 12,
        };
        self.command(bus, &Command::CreateMkey(context, pages))
    }

    fn command(&mut self, bus: &mut impl Registers, command: &Command) -> u32 {
        let encoded = command.encode();
        let block = Slot {
            code: encoded.code,
            input_address: self.mailbox,
            output_address: self.mailbox + (2 << 12),
            input_bytes: encoded.input.len() as u32,
            output_bytes: 4096,
            operand: encoded.operand,
            operand_2: encoded.operand_2,
            owner: 1,
            ..Slot::default()
        };
        self.store(self.mailbox, &encoded.input);
        self.store(self.commands, &block.encode());
        bus.write(self, bar::COMMAND_POLL, SLOT);
        let status = bus.read(self, bar::COMMAND_POLL_RESULT);
        assert_eq!(status, u64::from(CommandStatus::OK.0), "the set-up of a measurement is right: {command:?}");
        let mut bytes = [0; Reply::BYTES];
        self.memory.read(self.commands + REPLY_AT as u64, &mut bytes).expect("slots are memory");
        Reply::decode(&bytes).result
    }

    pub(super) fn create_cq(&mut self, bus: &mut impl Registers, log: u8) -> Cq {
        let ring = self.memory.allocate_contiguous(((Cq::BYTES << log) / 4096).max(1));
        let record = self.memory.allocate_contiguous(1);
        let context = CqContext {
            ring_address: ring,
            record_address: record,
            log_entries: log,
            eqn: self.eqn,
            ..CqContext::default()
        };
        Cq { number: self.command(bus, &Command::CreateCq(context)), ring, log, record, consumer: 0 }
    }

    pub(super) fn create_qp(&mut self, bus: &mut impl Registers, qp_type: QpType, cqs: [&Cq; 2], logs: [u8; 2]) -> Qp {
        let [log_blocks, log_wqes] = logs;
        let pages = |log: u8| (BLOCK_BYTES << log).div_ceil(4096);
        let (sq, rq) =
            (self.memory.allocate_contiguous(pages(log_blocks)), self.memory.allocate_contiguous(pages(log_wqes)));
        let record = self.memory.allocate_contiguous(1);
        let context = QpContext {
            sq_address: sq,
            rq_address: rq,
            record_address: record,
            qp_type,
            log_sq_blocks: log_blocks,
            log_rq_wqes: log_wqes,
            log_rq_stride: LOG_STRIDE,
            pd: self.pd,
            send_cqn: cqs[0].number,
            receive_cqn: cqs[1].number,
            ..QpContext::default()
        };
        let number = self.command(bus, &Command::CreateQp(context));
        Qp { number, sq, log_blocks, rq, log_wqes, record, producer: 0, receives: 0 }
    }

    /// Brings a queue pair to RTS, connected to one of the other machine unless it is for datagrams.
    pub(super) fn connect(&mut self, bus: &mut impl Registers, qp: &Qp, qp_type: QpType, peer: (u8, u32, [u8; 6])) {
        let (index, number, dest_mac) = peer;
        let base = QpAttributes {
            access: Rights::REMOTE_READ | Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC,
            pkey: 0xffff,
            qkey: QKEY,
            dest_qpn: Qpn::new(number),
            dest_gid: Gid::from(Self::ip(index)),
            dest_mac,
            path_mtu: 5,
            max_inbound_reads: 16,
            max_outbound_reads: 16,
            min_rnr_timer: 1,
            retry_count: 7,
            rnr_retry_count: 7,
            ..QpAttributes::default()
        };
        let connected = qp_type != QpType::UD;
        let mut init = QpMask::PKEY | QpMask::PORT;
        init |= if connected { QpMask::ACCESS } else { QpMask::QKEY };
        let mut rtr = QpMask::empty();
        let mut rts = QpMask::SQ_PSN;
        if connected {
            rtr |= QpMask::PATH | QpMask::PATH_MTU | QpMask::DEST_QPN | QpMask::RQ_PSN;
        }
        if qp_type == QpType::RC {
            rtr |= QpMask::MAX_INBOUND_READS | QpMask::MIN_RNR_TIMER;
            rts |= QpMask::ACK_TIMEOUT | QpMask::RETRY_COUNT | QpMask::RNR_RETRY_COUNT | QpMask::MAX_OUTBOUND_READS;
        }
        for (state, mask) in [(QpState::INIT, init), (QpState::RTR, rtr), (QpState::RTS, rts)] {
            self.command(bus, &Command::ModifyQp(qp.number, QpAttributes { state, mask, ..base }));
        }
    }

    /// Writes a WQE into the send ring; gives its bytes.
    pub(super) fn post(&mut self, qp: &mut Qp, opcode: Opcode, flags: WqeFlags, body: Body) -> Vec<u8> {
        let index = qp.producer as u16;
        let control = Control { index, opcode, qpn: Qpn::new(qp.number), units: 0, flags, immediate: 0 };
        let bytes = SendWqe { control, body }.encode();
        for block in bytes.chunks(BLOCK_BYTES) {
            let slot = u64::from(qp.producer & ((1 << qp.log_blocks) - 1));
            self.store(qp.sq + slot * BLOCK_BYTES as u64, block);
            qp.producer = qp.producer.wrapping_add(1);
        }
        bytes
    }

    /// Posts receives of the whole buffer; the record is all that the adapter needs.
    pub(super) fn post_receives(&mut self, qp: &mut Qp, count: u32) {
        for _ in 0..count {
            let segment = Data { length_bytes: 4096, key: self.key, address: BUFFER };
            let slot = u64::from(qp.receives & ((1 << qp.log_wqes) - 1));
            self.store(qp.rq + (slot << LOG_STRIDE), &encode_receive(&[segment], 1 << LOG_STRIDE));
            qp.receives = qp.receives.wrapping_add(1);
        }
        self.store(qp.record, &ReceiveRecord { producer: qp.receives }.encode());
    }

    /// Takes the completion that has just become visible.
    ///
    /// # Panics
    /// If a request failed: a measurement is then worth nothing.
    pub(super) fn take_completion(&mut self, cq: &mut Cq) {
        let slot = u64::from(cq.consumer & ((1 << cq.log) - 1));
        let mut bytes = [0; Cqe::BYTES];
        self.memory.read(cq.ring + slot * Cqe::BYTES as u64, &mut bytes).expect("rings are memory");
        let cqe = Cqe::decode(&bytes);
        assert!(!cqe.is_error(), "a measured request fails: {cqe:?}");
        cq.consumer = cq.consumer.wrapping_add(1);
        let record = nic_model::regs::doorbell::CqRecord { consumer: cq.consumer };
        self.store(cq.record, &record.encode());
    }

    fn store(&mut self, address: u64, bytes: &[u8]) {
        self.memory.write(address, bytes).expect("what the bench allocates is memory");
    }
}

impl Cq {
    const BYTES: usize = Cqe::BYTES;

    /// Bus addresses of its ring.
    pub(super) fn range(&self) -> std::ops::Range<u64> {
        self.ring..self.ring + ((Self::BYTES as u64) << self.log)
    }
}

impl Qp {
    /// The doorbell for all that is posted.
    pub(super) fn doorbell(&self) -> u64 {
        SqDoorbell { qpn: Qpn::new(self.number), producer: self.producer }.to_value()
    }

    /// The address vector of a datagram to it.
    pub(super) fn vector(machine: &Machine, number: u32) -> nic_model::regs::wqe::AddressVector {
        nic_model::regs::wqe::AddressVector {
            dest_qpn: Qpn::new(number),
            qkey: QKEY,
            dest_mac: machine.nic.config().ports[0].mac.0,
            dest_gid: Gid::from(Machine::ip(machine.index)),
            ..Default::default()
        }
    }
}
