//! A device in zero time that talks to itself: one queue pair sends to the other, and bytes of a fuzzer go in between.

use bytes::BytesMut;
use des::Time;
use host::HostMemory;
use nic_model::port::{DmaError, DmaTag, Input, Outbox, Output, Segments};
use nic_model::regs::bar;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{
    Command, CqContext, EqClasses, EqContext, KeyKind, MkeyContext, QpAttributes, QpContext, QpMask, QpState, QpType,
    Rights, Slot, SourceAddress,
};
use nic_model::{Config, Nic};
use std::collections::VecDeque;
use std::net::IpAddr;
use wire::{Frame, Payload, Qpn};

/// Events until a device must have come to rest.
const EVENTS_MAX: usize = 200_000;
/// Entries of all rings as a power of two.
pub(crate) const LOG: u8 = 6;
pub(crate) const STRIDE: u8 = 6;
/// The device's address, which is also its peer's.
pub(crate) const ADDRESS: [u8; 4] = [10, 0, 0, 1];

/// A queue pair with its rings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) qpn: u32,
    pub(crate) send_ring: u64,
    pub(crate) receive_ring: u64,
    pub(crate) record: u64,
}

/// A device, its host, and what a driver has made.
pub(crate) struct Rig {
    pub(crate) nic: Nic,
    pub(crate) memory: HostMemory,
    /// Reliable, unreliable and datagram queue pairs; the first two of a kind are connected to each other.
    pub(crate) qps: Vec<Ends>,
    pub(crate) cq_record: u64,
    pub(crate) slots: u64,
    pub(crate) mailbox: u64,
    /// Key and address of a buffer that anybody may use.
    pub(crate) region: (u32, u64),
    pd: u32,
    cqn: u32,
    now: Time,
    due: VecDeque<Input>,
    reads: VecDeque<(DmaTag, Segments)>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let mut memory = HostMemory::new();
        let pages = [1, 16, 1, 1, 1, 16].map(|count| memory.allocate_contiguous(count));
        let [slots, mailbox, eq, cq, cq_record, buffer] = pages;
        let nic = Nic::new(Config::generic(1).in_zero_time());
        let (qps, due, reads) = (Vec::new(), VecDeque::new(), VecDeque::new());
        let (now, region) = (Time::ZERO, (0, buffer));
        let mut rig = Self { nic, memory, qps, cq_record, slots, mailbox, region, pd: 0, cqn: 0, now, due, reads };
        rig.write(bar::COMMAND_BASE, &slots.to_le_bytes());
        rig.command(&Command::Init);
        rig.command(&Command::SetAddress(SourceAddress::new(0, 0, Gid::from(IpAddr::from(ADDRESS)))));
        let context =
            EqContext { ring_address: eq, log_entries: LOG, classes: EqClasses::all(), ..EqContext::default() };
        let eqn = rig.command(&Command::CreateEq(context));
        rig.pd = rig.command(&Command::AllocPd);
        let context =
            CqContext { ring_address: cq, record_address: cq_record, log_entries: LOG, eqn, ..CqContext::default() };
        rig.cqn = rig.command(&Command::CreateCq(context));
        rig.region.0 = rig.register();
        for qp_type in [QpType::RC, QpType::UC, QpType::UD] {
            let ends = [rig.create_qp(qp_type), rig.create_qp(qp_type)];
            rig.connect(qp_type, ends[0], ends[1]);
            rig.connect(qp_type, ends[1], ends[0]);
            rig.qps.extend(ends);
        }
        rig
    }

    fn register(&mut self) -> u32 {
        let rights = Rights::all() - Rights::ZERO_BASED;
        let (start, count) = (self.region.1, 16);
        let context = MkeyContext {
            kind: KeyKind::REGION,
            page_shift: 12,
            pd: self.pd,
            rights,
            page_count: count,
            start,
            length_bytes: u64::from(count) * 4096,
            ..MkeyContext::default()
        };
        self.command(&Command::CreateMkey(context, (0..u64::from(count)).map(|page| start + page * 4096).collect()))
    }

    fn create_qp(&mut self, qp_type: QpType) -> Ends {
        let [send_ring, receive_ring, record] = [(); 3].map(|()| self.memory.allocate_contiguous(1));
        let context = QpContext {
            sq_address: send_ring,
            rq_address: receive_ring,
            record_address: record,
            qp_type,
            log_sq_blocks: LOG,
            log_rq_wqes: LOG,
            log_rq_stride: STRIDE,
            privileged: 1,
            pd: self.pd,
            send_cqn: self.cqn,
            receive_cqn: self.cqn,
            ..QpContext::default()
        };
        Ends { qpn: self.command(&Command::CreateQp(context)), send_ring, receive_ring, record }
    }

    fn connect(&mut self, qp_type: QpType, own: Ends, peer: Ends) {
        let attributes = QpAttributes {
            access: Rights::all(),
            pkey: 0xffff,
            dest_qpn: Qpn::new(peer.qpn),
            dest_gid: Gid::from(IpAddr::from(ADDRESS)),
            dest_mac: self.nic.config().ports[0].mac.0,
            path_mtu: 1,
            max_inbound_reads: 2,
            max_outbound_reads: 2,
            min_rnr_timer: 1,
            ack_timeout: 1,
            retry_count: 1,
            rnr_retry_count: 1,
            ..QpAttributes::default()
        };
        for target in [QpState::INIT, QpState::RTR, QpState::RTS] {
            let rows =
                nic_model::regs::cmd::qp::TRANSITIONS.iter().filter(|row| row.to == target && row.from != target);
            // Every state on the way has one predecessor but RTS, whose first row is the one from RTR.
            let mask = rows.map(|row| match qp_type {
                QpType::RC => row.required_rc,
                QpType::UC => row.required_uc,
                _ => row.required_ud,
            });
            let mask = mask.reduce(|first, _| first).unwrap_or(QpMask::empty());
            self.command(&Command::ModifyQp(own.qpn, QpAttributes { state: target, mask, ..attributes }));
        }
    }

    /// A polled command that succeeds; gives its result.
    fn command(&mut self, command: &Command) -> u32 {
        let encoded = command.encode();
        let slot = Slot {
            code: encoded.code,
            input_address: self.mailbox,
            input_bytes: encoded.input.len() as u32,
            operand: encoded.operand,
            operand_2: encoded.operand_2,
            ..Slot::default()
        };
        self.store(self.mailbox, &encoded.input);
        self.store(self.slots, &slot.encode());
        self.write(bar::COMMAND_POLL, &0_u64.to_le_bytes());
        assert_eq!(self.read(bar::COMMAND_POLL_RESULT), 0, "the rig's own command {command:?}");
        let mut bytes = [0; Slot::BYTES];
        self.memory.read(self.slots, &mut bytes).expect("the slots are memory");
        Slot::decode(&bytes).result
    }

    pub(crate) fn store(&mut self, address: u64, bytes: &[u8]) {
        self.memory.write(address, bytes).expect("the rig writes to its own memory");
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.tell(Input::MmioWrite { offset, data: bytes.into() });
    }

    pub(crate) fn read(&mut self, offset: u64) -> u64 {
        let mut outbox = Outbox::new();
        self.nic.handle(self.now, Input::MmioRead { offset }, &mut outbox);
        let mut answer = None;
        while !outbox.is_empty() {
            for (_, output) in std::mem::take(&mut outbox) {
                match output {
                    Output::MmioReadDone { value } => answer = Some(value),
                    Output::DmaRead { tag, segments, .. } if answer.is_none() => {
                        let data = self.fetch(&segments);
                        self.nic.handle(self.now, Input::DmaReadDone { tag, data }, &mut outbox);
                    }
                    other => self.take(other),
                }
            }
        }
        answer.expect("a register read is answered")
    }

    pub(crate) fn tell(&mut self, input: Input) {
        let mut outbox = Outbox::new();
        self.nic.handle(self.now, input, &mut outbox);
        outbox.into_iter().for_each(|(_, output)| self.take(output));
    }

    pub(crate) fn frame(&mut self, frame: Frame) {
        self.tell(Input::Frame { port: 0, frame: Box::new(frame) });
    }

    /// Takes an output at once: in zero time only the transport's timers wait.
    fn take(&mut self, output: Output) {
        match output {
            Output::DmaRead { tag, segments, .. } => self.reads.push_back((tag, segments)),
            Output::DmaWrite { segments, data: Payload::Bytes(data) } => {
                let mut done = 0;
                for segment in segments {
                    let end = done + segment.length_bytes as usize;
                    if self.memory.write(segment.address, &data[done..end]).is_err() {
                        let error = DmaError::NotMemory { address: segment.address };
                        self.due.push_back(Input::DmaWriteFailed(error));
                    }
                    done = end;
                }
            }
            Output::Tx { port, frame } => self.due.push_back(Input::Frame { port, frame }),
            Output::DmaWrite { .. } | Output::Msix { .. } | Output::Pause { .. } | Output::MmioReadDone { .. } => {}
        }
    }

    fn fetch(&mut self, segments: &Segments) -> Result<Payload, DmaError> {
        let length: usize = segments.iter().map(|segment| segment.length_bytes as usize).sum();
        let mut bytes = BytesMut::zeroed(length);
        let mut done = 0;
        for segment in segments {
            let end = done + segment.length_bytes as usize;
            let refused = |_| DmaError::NotMemory { address: segment.address };
            self.memory.read(segment.address, &mut bytes[done..end]).map_err(refused)?;
            done = end;
        }
        Ok(Payload::Bytes(bytes.freeze()))
    }

    /// Runs until nothing is left to happen.
    ///
    /// # Panics
    /// If that takes too long.
    pub(crate) fn run(&mut self) {
        for _ in 0..EVENTS_MAX {
            if let Some((tag, segments)) = self.reads.pop_front() {
                let data = self.fetch(&segments);
                self.tell(Input::DmaReadDone { tag, data });
            } else if let Some(input) = self.due.pop_front() {
                self.tell(input);
            } else if let Some(at) = self.nic.next_wakeup() {
                self.now = self.now.max(at);
                self.tell(Input::Wake);
            } else {
                return;
            }
        }
        panic!("the device does not come to rest");
    }
}
