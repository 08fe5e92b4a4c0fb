//! A driver of a few lines: polled commands, rings, doorbells.

use super::world::World;
use des::Rng;
use host::{Mdl, iommu};
use nic_model::regs::bar;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{
    Command, CommandCode, CommandStatus, CqContext, EqClasses, EqContext, KeyKind, MkeyContext, QpAttributes,
    QpContext, QpMask, QpState, QpType, REPLY_AT, Reply, Rights, Slot, SourceAddress, SrqContext,
};
use nic_model::regs::cqe::{Cqe, CqeOpcode};
use nic_model::regs::doorbell::{CqDoorbell, CqRecord, EqDoorbell, ReceiveRecord, SqDoorbell, owner_bit};
use nic_model::regs::eqe::Eqe;
use nic_model::regs::wqe::{BLOCK_BYTES, Body, Control, Data, Opcode, SendWqe, WqeFlags, encode_receive};
use std::net::IpAddr;
use wire::Qpn;

pub(crate) const LOG_CQ: u8 = 8;
pub(crate) const LOG_EQ: u8 = 6;
pub(crate) const LOG_SQ: u8 = 7;
pub(crate) const LOG_RQ: u8 = 6;
const LOG_STRIDE: u8 = 6;
/// Slot of polled commands; queued ones use the others.
const POLLED_SLOT: u64 = 31;

/// What the driver of one host knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Driver {
    pub(crate) commands: u64,
    pub(crate) mailbox: u64,
    pub(crate) eqn: u32,
    eq: u64,
    eq_consumer: u32,
    pub(crate) pd: u32,
}

/// A completion queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cq {
    pub(crate) number: u32,
    pub(crate) ring: u64,
    pub(crate) log: u8,
    pub(crate) record: u64,
    pub(crate) consumer: u32,
}

/// A queue pair with its own completion queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Qp {
    pub(crate) node: usize,
    pub(crate) number: u32,
    pub(crate) cq: Cq,
    pub(crate) sq: u64,
    pub(crate) rq: u64,
    pub(crate) record: u64,
    pub(crate) producer: u32,
    pub(crate) receives: u32,
}

/// Registered memory.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) mdl: Mdl,
    /// What the device calls its pages.
    pub(crate) pages: Vec<u64>,
    pub(crate) key: u32,
}

/// How to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) path_mtu: u8,
    pub(crate) ack_timeout: u8,
    pub(crate) retry_count: u8,
    pub(crate) rnr_retry_count: u8,
    pub(crate) access: Rights,
}

impl Default for Connection {
    fn default() -> Self {
        let access = Rights::REMOTE_READ | Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC;
        Self { path_mtu: 5, ack_timeout: 5, retry_count: 7, rnr_retry_count: 7, access }
    }
}

/// IP address of a host.
pub(crate) fn ip(node: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, node as u8 + 1])
}

impl Registered {
    /// A segment of the buffer.
    pub(crate) fn at(&self, offset: u64, length_bytes: u32) -> Data {
        Data { length_bytes, key: self.key, address: self.mdl.virtual_address + offset }
    }

    pub(crate) fn address(&self) -> u64 {
        self.mdl.virtual_address
    }
}

impl World {
    pub(super) fn bring_up(&mut self, node: usize) {
        assert_eq!(self.mmio_read(node, bar::SIGNATURE), bar::SIGNATURE_VALUE);
        let host = &mut self.nodes[node];
        let (commands, mailbox, eq) = (host.allocate(1), host.allocate(64), host.allocate(1));
        host.driver = Driver { commands, mailbox, eq, ..Driver::default() };
        self.mmio_write(node, bar::COMMAND_BASE, &self.nodes[node].bus(commands).to_le_bytes());
        self.command(node, &Command::Init);
        self.command(node, &Command::SetAddress(SourceAddress::new(0, 0, Gid::from(ip(node)))));
        let ring_address = self.nodes[node].bus(eq);
        let context =
            EqContext { ring_address, log_entries: LOG_EQ, vector: 3, classes: EqClasses::all(), uar_page: 0 };
        self.nodes[node].driver.eqn = self.command(node, &Command::CreateEq(context)).result;
        self.nodes[node].driver.pd = self.command(node, &Command::AllocPd).result;
        self.arm_eq(node);
    }

    /// Writes a command into a slot.
    pub(crate) fn fill_slot(&mut self, node: usize, slot: u64, token: u32, command: &Command) {
        let Driver { commands, mailbox, .. } = self.nodes[node].driver;
        let encoded = command.encode();
        let input_address = mailbox + if slot == POLLED_SLOT { 0 } else { 4096 * (slot + 1) };
        let block = Slot {
            code: encoded.code,
            token,
            input_address: self.nodes[node].bus(input_address),
            output_address: self.nodes[node].bus(mailbox + 40 * 4096),
            input_bytes: encoded.input.len() as u32,
            output_bytes: 4096,
            operand: encoded.operand,
            operand_2: encoded.operand_2,
            owner: 1,
            ..Slot::default()
        };
        let memory = &mut self.nodes[node].memory;
        memory.write(input_address, &encoded.input).expect("mailboxes are memory");
        memory.write(commands + slot * 64, &block.encode()).expect("slots are memory");
    }

    pub(crate) fn reply(&mut self, node: usize, slot: u64) -> Reply {
        let mut bytes = [0; Reply::BYTES];
        let at = self.nodes[node].driver.commands + slot * 64 + REPLY_AT as u64;
        self.nodes[node].memory.read(at, &mut bytes).expect("slots are memory");
        Reply::decode(&bytes)
    }

    /// Output of the last command.
    pub(crate) fn output<const N: usize>(&mut self, node: usize) -> [u8; N] {
        let mut bytes = [0; N];
        let at = self.nodes[node].driver.mailbox + 40 * 4096;
        self.nodes[node].memory.read(at, &mut bytes).expect("mailboxes are memory");
        bytes
    }

    /// Runs a polled command.
    pub(crate) fn try_command(&mut self, node: usize, command: &Command) -> Reply {
        self.fill_slot(node, POLLED_SLOT, 0, command);
        self.mmio_write(node, bar::COMMAND_POLL, &POLLED_SLOT.to_le_bytes());
        let status = self.mmio_read(node, bar::COMMAND_POLL_RESULT);
        let reply = self.reply(node, POLLED_SLOT);
        assert_eq!((u64::from(reply.status.0), reply.owner), (status, 0));
        reply
    }

    /// Runs a polled command with mailboxes of the given lengths, the input zero; gives status and detail.
    pub(crate) fn raw_command(
        &mut self,
        node: usize,
        code: CommandCode,
        input_bytes: u32,
        output_bytes: u32,
    ) -> (CommandStatus, u32) {
        let Driver { commands, mailbox, .. } = self.nodes[node].driver;
        let [input_address, output_address] = [0x3_0000, 0x3_8000].map(|at| self.nodes[node].bus(mailbox + at));
        let slot = Slot { code, input_address, output_address, input_bytes, output_bytes, owner: 1, ..Slot::default() };
        self.nodes[node].memory.write(commands + POLLED_SLOT * 64, &slot.encode()).expect("slots are memory");
        self.mmio_write(node, bar::COMMAND_POLL, &POLLED_SLOT.to_le_bytes());
        self.mmio_read(node, bar::COMMAND_POLL_RESULT);
        let reply = self.reply(node, POLLED_SLOT);
        (reply.status, reply.detail)
    }

    pub(crate) fn command(&mut self, node: usize, command: &Command) -> Reply {
        let reply = self.try_command(node, command);
        assert_eq!(reply.status, CommandStatus::OK, "{command:?}: {reply:?}");
        reply
    }

    pub(crate) fn create_cq(&mut self, node: usize, log: u8) -> Cq {
        let host = &mut self.nodes[node];
        let (ring, record) = (host.allocate(((64 << log) / 4096).max(1)), host.allocate(1));
        let (ring_address, record_address, eqn) = (host.bus(ring), host.bus(record), host.driver.eqn);
        let context = CqContext { ring_address, record_address, log_entries: log, eqn, ..CqContext::default() };
        let number = self.command(node, &Command::CreateCq(context)).result;
        Cq { number, ring, log, record, consumer: 0 }
    }

    pub(crate) fn create_srq(&mut self, node: usize, limit: u32) -> (u32, u64, u64) {
        let host = &mut self.nodes[node];
        let (ring, record) = (host.allocate(1), host.allocate(1));
        let context = SrqContext {
            ring_address: host.bus(ring),
            record_address: host.bus(record),
            pd: host.driver.pd,
            log_wqes: LOG_RQ,
            log_stride: LOG_STRIDE,
            limit,
        };
        (self.command(node, &Command::CreateSrq(context)).result, ring, record)
    }

    pub(crate) fn create_qp(&mut self, node: usize, qp_type: QpType) -> Qp {
        self.create_qp_with(node, qp_type, None)
    }

    pub(crate) fn create_qp_with(&mut self, node: usize, qp_type: QpType, srqn: Option<u32>) -> Qp {
        let cq = self.create_cq(node, LOG_CQ);
        let host = &mut self.nodes[node];
        let (sq, rq, record) = (host.allocate(2), host.allocate(1), host.allocate(1));
        let context = QpContext {
            sq_address: host.bus(sq),
            rq_address: host.bus(rq),
            record_address: host.bus(record),
            qp_type,
            log_sq_blocks: LOG_SQ,
            log_rq_wqes: LOG_RQ,
            log_rq_stride: LOG_STRIDE,
            use_srq: srqn.is_some().into(),
            privileged: 1,
            pd: self.nodes[node].driver.pd,
            send_cqn: cq.number,
            receive_cqn: cq.number,
            srqn: srqn.unwrap_or(0),
            uar_page: 0,
        };
        let number = self.command(node, &Command::CreateQp(context)).result;
        Qp { node, number, cq, sq, rq, record, producer: 0, receives: 0 }
    }

    /// Replaces a queue pair's completion queue by one of `1 << log` entries; gives what was left in the old one.
    pub(crate) fn resize_cq(&mut self, qp: &mut Qp, log: u8) -> Vec<Cqe> {
        let bytes = Cqe::BYTES << log;
        let host = &mut self.nodes[qp.node];
        let ring = host.allocate(bytes.div_ceil(4096));
        host.memory.write(ring, &vec![0xff; bytes]).expect("rings are memory");
        let (ring_address, consumer) = (host.bus(ring), qp.cq.consumer);
        let context = CqContext { ring_address, log_entries: log, consumer, ..CqContext::default() };
        let first = self.command(qp.node, &Command::ResizeCq(qp.cq.number, context)).result;
        let mut left = Vec::new();
        while qp.cq.consumer != first {
            left.push(self.poll(qp).expect("what the device has written is there"));
        }
        (qp.cq.ring, qp.cq.log) = (ring, log);
        left
    }

    pub(crate) fn modify(&mut self, qp: &Qp, attributes: QpAttributes) {
        self.command(qp.node, &Command::ModifyQp(qp.number, attributes));
    }

    /// Brings a datagram queue pair to RTS.
    pub(crate) fn start_datagrams(&mut self, qp: &Qp, qkey: u32) {
        let mask = QpMask::PKEY | QpMask::PORT | QpMask::QKEY;
        let init = QpAttributes { state: QpState::INIT, mask, pkey: 0xffff, qkey, ..QpAttributes::default() };
        self.modify(qp, init);
        self.modify(qp, QpAttributes { state: QpState::RTR, ..QpAttributes::default() });
        self.modify(qp, QpAttributes { state: QpState::RTS, mask: QpMask::SQ_PSN, ..QpAttributes::default() });
    }

    /// Connects two queue pairs of one type.
    pub(crate) fn connect(&mut self, ends: [&Qp; 2], reliable: bool, how: Connection) {
        for (own, peer) in [(ends[0], ends[1]), (ends[1], ends[0])] {
            let base = QpAttributes {
                access: how.access,
                pkey: 0xffff,
                dest_qpn: Qpn::new(peer.number),
                rq_psn: 0xff_fff0 + peer.node as u32,
                sq_psn: 0xff_fff0 + own.node as u32,
                dest_gid: Gid::from(ip(peer.node)),
                dest_mac: self.nodes[peer.node].nic.config().ports[0].mac.0,
                path_mtu: how.path_mtu,
                max_inbound_reads: 4,
                max_outbound_reads: 4,
                min_rnr_timer: 1,
                ack_timeout: how.ack_timeout,
                retry_count: how.retry_count,
                rnr_retry_count: how.rnr_retry_count,
                ..QpAttributes::default()
            };
            let mut rtr = QpMask::PATH | QpMask::PATH_MTU | QpMask::DEST_QPN | QpMask::RQ_PSN;
            let mut rts = QpMask::SQ_PSN;
            if reliable {
                rtr |= QpMask::MAX_INBOUND_READS | QpMask::MIN_RNR_TIMER;
                rts |= QpMask::ACK_TIMEOUT | QpMask::RETRY_COUNT | QpMask::RNR_RETRY_COUNT | QpMask::MAX_OUTBOUND_READS;
            }
            let init = QpMask::PKEY | QpMask::PORT | QpMask::ACCESS;
            for (state, mask) in [(QpState::INIT, init), (QpState::RTR, rtr), (QpState::RTS, rts)] {
                self.modify(own, QpAttributes { state, mask, ..base });
            }
        }
    }

    /// Two reliable queue pairs, connected.
    pub(crate) fn reliable_pair(&mut self, how: Connection) -> [Qp; 2] {
        let ends = [self.create_qp(0, QpType::RC), self.create_qp(1, QpType::RC)];
        self.connect([&ends[0], &ends[1]], true, how);
        ends
    }

    /// Allocates and registers a buffer.
    pub(crate) fn register(&mut self, node: usize, length_bytes: u64, offset: u64, rights: Rights) -> Registered {
        let memory = &mut self.nodes[node].memory;
        let mdl = memory.allocate(length_bytes, offset);
        let pages = memory.map(&mdl.pages, iommu::Rights::ReadWrite);
        let context = MkeyContext {
            kind: KeyKind::REGION,
            variant: 0x11,
            page_shift: 12,
            pd: self.nodes[node].driver.pd,
            rights,
            page_count: mdl.pages.len() as u32,
            start: mdl.virtual_address,
            length_bytes,
        };
        let key = self.command(node, &Command::CreateMkey(context, pages.clone())).result;
        Registered { mdl, pages, key }
    }

    /// A registered buffer with everything allowed, filled with a pattern.
    pub(crate) fn buffer(&mut self, node: usize, length_bytes: u64, seed: u8) -> Registered {
        let rights = Rights::LOCAL_WRITE
            | Rights::REMOTE_READ
            | Rights::REMOTE_WRITE
            | Rights::REMOTE_ATOMIC
            | Rights::WINDOW_BIND;
        let buffer = self.register(node, length_bytes, 1000 + u64::from(seed), rights);
        let bytes = pattern(length_bytes as usize, seed);
        self.nodes[node].memory.write_buffer(&buffer.mdl, 0, &bytes).expect("the buffer is memory");
        buffer
    }

    pub(crate) fn bytes(&mut self, node: usize, buffer: &Registered, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.nodes[node].memory.read_buffer(&buffer.mdl, offset, &mut bytes).expect("the buffer is memory");
        bytes
    }

    /// Writes a WQE into the send ring, without telling the device.
    pub(crate) fn post(&mut self, qp: &mut Qp, opcode: Opcode, flags: WqeFlags, immediate: u32, body: Body) -> Vec<u8> {
        let control =
            Control { index: qp.producer as u16, opcode, qpn: Qpn::new(qp.number), units: 0, flags, immediate };
        let bytes = SendWqe { control, body }.encode();
        for block in bytes.chunks(BLOCK_BYTES) {
            let slot = u64::from(qp.producer % (1 << LOG_SQ));
            self.nodes[qp.node].memory.write(qp.sq + slot * 64, block).expect("rings are memory");
            qp.producer += 1;
        }
        bytes
    }

    pub(crate) fn ring(&mut self, qp: &Qp) {
        let value = SqDoorbell { qpn: Qpn::new(qp.number), producer: qp.producer }.to_value();
        self.mmio_write(qp.node, bar::uar(0, bar::UAR_SQ), &value.to_le_bytes());
    }

    /// Pushes a WQE through the BlueFlame lines.
    pub(crate) fn push(&mut self, node: usize, wqe: &[u8]) {
        for (line, block) in wqe.chunks(BLOCK_BYTES).enumerate() {
            let offset = bar::UAR_BLUEFLAME + (line * BLOCK_BYTES) as u64;
            self.mmio_write(node, bar::uar(0, offset), block);
        }
    }

    pub(crate) fn send(&mut self, qp: &mut Qp, opcode: Opcode, body: Body) {
        self.post(qp, opcode, WqeFlags::SIGNALLED, 0xaabb_ccdd, body);
        self.ring(qp);
    }

    pub(crate) fn post_receive(&mut self, qp: &mut Qp, segments: &[Data]) {
        self.post_receive_to(qp.node, (qp.rq, qp.record), qp.receives, segments);
        qp.receives += 1;
    }

    pub(crate) fn post_receive_to(&mut self, node: usize, (ring, record): (u64, u64), index: u32, segments: &[Data]) {
        let slot = u64::from(index % (1 << LOG_RQ));
        let memory = &mut self.nodes[node].memory;
        memory.write(ring + (slot << LOG_STRIDE), &encode_receive(segments, 1 << LOG_STRIDE)).expect("memory");
        memory.write(record, &ReceiveRecord { producer: index + 1 }.encode()).expect("memory");
    }

    pub(crate) fn poll(&mut self, qp: &mut Qp) -> Option<Cqe> {
        let cq = &mut qp.cq;
        let slot = u64::from(cq.consumer & ((1 << cq.log) - 1));
        let mut bytes = [0; Cqe::BYTES];
        self.nodes[qp.node].memory.read(cq.ring + slot * 64, &mut bytes).expect("rings are memory");
        let cqe = Cqe::decode(&bytes);
        if cqe.opcode == CqeOpcode::INVALID || cqe.owner & 1 != owner_bit(cq.consumer, cq.log) {
            return None;
        }
        cq.consumer += 1;
        let record = CqRecord { consumer: cq.consumer }.encode();
        self.nodes[qp.node].memory.write(cq.record, &record).expect("records are memory");
        Some(cqe)
    }

    /// All completions of a queue pair.
    pub(crate) fn completions(&mut self, qp: &mut Qp) -> Vec<Cqe> {
        std::iter::from_fn(|| self.poll(qp)).collect()
    }

    pub(crate) fn arm_cq(&mut self, qp: &Qp, sequence: u8, solicited_only: bool) {
        let doorbell = CqDoorbell { cqn: qp.cq.number, sequence, solicited_only, consumer: qp.cq.consumer };
        self.mmio_write(qp.node, bar::uar(0, bar::UAR_CQ), &doorbell.to_value().to_le_bytes());
    }

    pub(crate) fn arm_eq(&mut self, node: usize) {
        let Driver { eqn, eq_consumer, .. } = self.nodes[node].driver;
        let doorbell = EqDoorbell { eqn, arm: true, consumer: eq_consumer };
        self.mmio_write(node, bar::uar(0, bar::UAR_EQ), &doorbell.to_value().to_le_bytes());
    }

    /// Takes all events of a host, and arms again.
    pub(crate) fn take_events(&mut self, node: usize) -> Vec<Eqe> {
        let mut events = Vec::new();
        loop {
            let Driver { eq, eq_consumer, .. } = self.nodes[node].driver;
            let slot = u64::from(eq_consumer & ((1 << LOG_EQ) - 1));
            let mut bytes = [0; Eqe::BYTES];
            self.nodes[node].memory.read(eq + slot * 64, &mut bytes).expect("rings are memory");
            let eqe = Eqe::decode(&bytes);
            if eqe.owner & 1 != owner_bit(eq_consumer, LOG_EQ) {
                break;
            }
            self.nodes[node].driver.eq_consumer += 1;
            events.push(eqe);
        }
        self.arm_eq(node);
        events
    }
}

/// Bytes that differ by place and seed.
pub(crate) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(13) ^ (at >> 8) as u8 ^ seed).collect()
}

/// Random lengths that add up to `length`, up to `most` of them, some perhaps zero.
pub(crate) fn split(rng: &mut Rng, length: u32, most: u64) -> Vec<u32> {
    let mut cuts: Vec<u32> = (0..rng.below(most)).map(|_| rng.below(u64::from(length) + 1) as u32).collect();
    cuts.push(length);
    cuts.sort_unstable();
    let from = std::iter::once(0).chain(cuts.clone());
    cuts.iter().zip(from).map(|(to, from)| to - from).collect()
}
