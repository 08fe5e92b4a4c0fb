//! Mailboxes of queue pairs: context, attributes by transition, status.

use crate::regs::block::{Gid, block, flags, open_enum};
use crate::regs::cmd::Rights;
use wire::Qpn;

open_enum! {
    /// Transport service.
    pub struct QpType(u8) {
        /// Reliable connection.
        RC = 0,
        /// Unreliable connection.
        UC = 1,
        /// Unreliable datagram.
        UD = 2,
        /// Queue pair 1: a datagram queue pair for connection management. One per device.
        GSI = 3,
    }
}

open_enum! {
    /// States of a queue pair (IBTA volume 1, 10.3.1).
    pub struct QpState(u8) {
        /// Nothing is accepted.
        RESET = 0,
        /// Receives may be posted.
        INIT = 1,
        /// Receives work.
        RTR = 2,
        /// Everything works.
        RTS = 3,
        /// New sends wait; SQ_DRAINED tells when the earlier ones are done.
        SQD = 4,
        /// A send of a datagram queue pair failed; receives work.
        SQE = 5,
        /// All work is flushed.
        ERROR = 6,
    }
}

block! {
    /// Input of CREATE_QP. Rings are contiguous on the bus.
    pub struct QpContext[64] {
        /// Bus address of the send ring, 4 KiB aligned.
        0x00 sq_address: u64,
        /// Bus address of the receive ring, 4 KiB aligned; unused with a shared receive queue.
        0x08 rq_address: u64,
        /// Bus address of the `ReceiveRecord`, a multiple of 8; unused with a shared receive queue.
        0x10 record_address: u64,
        /// Transport service.
        0x18 qp_type: QpType,
        /// 64-byte blocks of the send ring as a power of two.
        0x19 log_sq_blocks: u8,
        /// WQEs of the receive ring as a power of two.
        0x1a log_rq_wqes: u8,
        /// Bytes of a receive WQE as a power of two, 4 to 9.
        0x1b log_rq_stride: u8,
        /// 1: receives come from the shared receive queue `srqn`.
        0x1c use_srq: u8,
        /// 1: WQEs may use the reserved key.
        0x1d privileged: u8,
        /// Protection domain.
        0x20 pd: u32,
        /// Where sends complete.
        0x24 send_cqn: u32,
        /// Where receives complete.
        0x28 receive_cqn: u32,
        /// Shared receive queue, with `use_srq`.
        0x2c srqn: u32,
        /// UAR page that its doorbells and pushes come by.
        0x30 uar_page: u32,
    }
}

flags! {
    /// Which attributes MODIFY_QP changes.
    pub struct QpMask: u32 {
        /// `access`.
        const ACCESS = 0x0001;
        /// `pkey`.
        const PKEY = 0x0002;
        /// `port`.
        const PORT = 0x0004;
        /// `qkey`.
        const QKEY = 0x0008;
        /// `dest_mac`, `dest_gid`, `source_index`, `dscp`, `hop_limit`, `flow_label`.
        const PATH = 0x0010;
        /// `path_mtu`.
        const PATH_MTU = 0x0020;
        /// `dest_qpn`.
        const DEST_QPN = 0x0040;
        /// `rq_psn`.
        const RQ_PSN = 0x0080;
        /// `max_inbound_reads`.
        const MAX_INBOUND_READS = 0x0100;
        /// `min_rnr_timer`.
        const MIN_RNR_TIMER = 0x0200;
        /// `sq_psn`.
        const SQ_PSN = 0x0400;
        /// `ack_timeout`.
        const ACK_TIMEOUT = 0x0800;
        /// `retry_count`.
        const RETRY_COUNT = 0x1000;
        /// `rnr_retry_count`.
        const RNR_RETRY_COUNT = 0x2000;
        /// `max_outbound_reads`.
        const MAX_OUTBOUND_READS = 0x4000;
        /// `weight`.
        const WEIGHT = 0x8000;
        /// `max_rate_mbps`.
        const MAX_RATE = 0x1_0000;
    }
}

block! {
    /// Input of MODIFY_QP, whose operand is the queue pair.
    pub struct QpAttributes[128] {
        /// The state to go to; the present one to change attributes only.
        0x00 state: QpState,
        /// Which fields below count.
        0x04 mask: QpMask,
        /// What the peer may do with this queue pair.
        0x08 access: Rights,
        /// Partition key.
        0x0c pkey: u16,
        /// Port.
        0x0e port: u8,
        /// Queue key, of datagram queue pairs.
        0x10 qkey: u32,
        /// The peer's queue pair.
        0x14 dest_qpn: Qpn,
        /// First sequence number that the peer sends.
        0x18 rq_psn: u32,
        /// First sequence number that this side sends.
        0x1c sq_psn: u32,
        /// The peer's IP address.
        0x20 dest_gid: Gid,
        /// Ethernet address of the peer or of the next router.
        0x30 dest_mac: [u8; 6],
        /// Entry of the port's source address table.
        0x36 source_index: u8,
        /// Differentiated services code point.
        0x37 dscp: u8,
        /// Hops until packets die; zero for the device's default.
        0x38 hop_limit: u8,
        /// Code of the largest payload of a packet: 1 to 5 for 256, 512, 1024, 2048, 4096 bytes.
        0x39 path_mtu: u8,
        /// Reads and atomics of the peer that may be under way.
        0x3a max_inbound_reads: u8,
        /// Reads and atomics of this side that may be under way.
        0x3b max_outbound_reads: u8,
        /// Code of the time that a peer waits before it sends again when there is no receive.
        0x3c min_rnr_timer: u8,
        /// Code of the time after which an unacknowledged packet is sent again: 4.096 us x 2^code, zero for never.
        0x3d ack_timeout: u8,
        /// Retransmissions after a time-out or a gap, 0 to 7.
        0x3e retry_count: u8,
        /// Retries after "receiver not ready", 0 to 6, or 7 for without end.
        0x3f rnr_retry_count: u8,
        /// Flow label, 20 bits: enters the UDP source port.
        0x40 flow_label: u32,
        /// Turns that it takes when it is its turn among the queue pairs of its traffic class, 1 to 255; 1 if never set. A turn
        /// is a message or a packet, as the device arbitrates.
        0x44 weight: u8,
        /// Most that its requests use of the cable, in Mb/s: packets with data keep their distance. 0 is no limit but the cable's.
        0x48 max_rate_mbps: u32,
    }
}

block! {
    /// Output of QUERY_QP.
    pub struct QpStatus[64] {
        /// State.
        0x00 state: QpState,
        /// 1 while a queue pair in SQD still has sends under way.
        0x01 draining: u8,
        /// The next sequence number to send.
        0x04 sq_psn: u32,
        /// The next sequence number expected.
        0x08 rq_psn: u32,
        /// Send blocks handed over by doorbells.
        0x0c sq_producer: u32,
        /// Send blocks of completed requests.
        0x10 sq_consumer: u32,
        /// Receive WQEs used up.
        0x14 rq_consumer: u32,
        /// The peer's queue pair.
        0x18 dest_qpn: Qpn,
    }
}

/// Bytes of the path MTU with this code.
#[must_use]
pub const fn mtu_bytes(code: u8) -> Option<u32> {
    match code {
        1..=5 => Some(128 << code),
        _ => None,
    }
}

/// Code of a path MTU in bytes.
#[must_use]
pub const fn mtu_code(bytes: u32) -> Option<u8> {
    match bytes {
        256 => Some(1),
        512 => Some(2),
        1024 => Some(3),
        2048 => Some(4),
        4096 => Some(5),
        _ => None,
    }
}

/// What a transition of MODIFY_QP needs and what it may change besides (IBTA volume 1, 11.2.5.2; verbs have the same table).
///
/// Datagram queue pairs have no path, peer, reads, timers or retries; they need `PKEY | PORT | QKEY` for INIT, nothing for RTR
/// and `SQ_PSN` for RTS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// From here.
    pub from: QpState,
    /// To there.
    pub to: QpState,
    /// Needed of a reliable connection.
    pub required_rc: QpMask,
    /// Needed of an unreliable connection.
    pub required_uc: QpMask,
    /// Needed of datagrams.
    pub required_ud: QpMask,
    /// Allowed besides.
    pub optional: QpMask,
}

const fn all(masks: &[QpMask]) -> QpMask {
    let mut bits = 0;
    let mut index = 0;
    while index < masks.len() {
        bits |= masks[index].bits();
        index += 1;
    }
    QpMask::from_bits_retain(bits)
}

const NONE: QpMask = QpMask::empty();
const INIT_CONNECTED: QpMask = all(&[QpMask::PKEY, QpMask::PORT, QpMask::ACCESS]);
const INIT_DATAGRAM: QpMask = all(&[QpMask::PKEY, QpMask::PORT, QpMask::QKEY]);
const RTR_UC: QpMask = all(&[QpMask::PATH, QpMask::PATH_MTU, QpMask::DEST_QPN, QpMask::RQ_PSN]);
const RTR_RC: QpMask = all(&[RTR_UC, QpMask::MAX_INBOUND_READS, QpMask::MIN_RNR_TIMER]);
const RTS_RC: QpMask = all(&[
    QpMask::SQ_PSN,
    QpMask::ACK_TIMEOUT,
    QpMask::RETRY_COUNT,
    QpMask::RNR_RETRY_COUNT,
    QpMask::MAX_OUTBOUND_READS,
]);
const LIVE: QpMask = all(&[QpMask::ACCESS, QpMask::QKEY, QpMask::MIN_RNR_TIMER, QpMask::WEIGHT, QpMask::MAX_RATE]);

/// Every transition that a driver may ask for. To RESET and to ERROR one may go from every state, with no attributes.
pub const TRANSITIONS: &[Transition] = {
    use QpState as S;
    const fn row(from: QpState, to: QpState, rc: QpMask, uc: QpMask, ud: QpMask, optional: QpMask) -> Transition {
        Transition { from, to, required_rc: rc, required_uc: uc, required_ud: ud, optional }
    }
    &[
        row(S::RESET, S::INIT, INIT_CONNECTED, INIT_CONNECTED, INIT_DATAGRAM, NONE),
        row(S::INIT, S::INIT, NONE, NONE, NONE, all(&[INIT_CONNECTED, INIT_DATAGRAM])),
        row(S::INIT, S::RTR, RTR_RC, RTR_UC, NONE, all(&[QpMask::PKEY, QpMask::ACCESS, QpMask::QKEY])),
        row(S::RTR, S::RTS, RTS_RC, QpMask::SQ_PSN, QpMask::SQ_PSN, LIVE),
        row(S::RTS, S::RTS, NONE, NONE, NONE, LIVE),
        row(S::RTS, S::SQD, NONE, NONE, NONE, NONE),
        row(S::SQD, S::RTS, NONE, NONE, NONE, LIVE),
        row(
            S::SQD,
            S::SQD,
            NONE,
            NONE,
            NONE,
            all(&[LIVE, QpMask::PKEY, QpMask::ACK_TIMEOUT, QpMask::RETRY_COUNT, QpMask::RNR_RETRY_COUNT]),
        ),
        row(S::SQE, S::RTS, NONE, NONE, NONE, LIVE),
    ]
};
