//! Transitions of queue pairs, as MODIFY_QP wants them.

use super::cm::{LocalEnd, RemoteEnd};
use super::device::PORT;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{QpAttributes, QpMask, QpState, Rights};
use wire::{Bth, Mac, Qpn};

/// What a path has besides the two ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Ethernet address of the peer or of the next router.
    pub(super) mac: Mac,
    /// Entry of the port's address table.
    pub(super) source_index: u8,
    pub(super) dscp: u8,
    pub(super) min_rnr_timer: u8,
}

/// A new queue pair to INIT. What the peer may do is decided by regions and windows.
pub(super) fn to_init() -> QpAttributes {
    QpAttributes {
        state: QpState::INIT,
        mask: QpMask::PKEY | QpMask::PORT | QpMask::ACCESS,
        access: Rights::REMOTE_READ | Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC,
        pkey: Bth::DEFAULT_PKEY,
        port: PORT,
        ..QpAttributes::default()
    }
}

/// A connection to RTR.
pub(super) fn to_receive(own: LocalEnd, remote: &RemoteEnd, way: Way) -> QpAttributes {
    let mask = QpMask::PATH
        | QpMask::PATH_MTU
        | QpMask::DEST_QPN
        | QpMask::RQ_PSN
        | QpMask::MAX_INBOUND_READS
        | QpMask::MIN_RNR_TIMER;
    QpAttributes {
        state: QpState::RTR,
        mask,
        dest_mac: way.mac.0,
        dest_gid: Gid::from(remote.address.ip()),
        source_index: way.source_index,
        dscp: way.dscp,
        flow_label: flow_label(own.qpn, remote.qpn),
        path_mtu: remote.path_mtu.0,
        dest_qpn: remote.qpn,
        rq_psn: own.starting_psn.value(),
        max_inbound_reads: remote.limits.inbound_reads as u8,
        min_rnr_timer: way.min_rnr_timer,
        ..QpAttributes::default()
    }
}

/// A connection to RTS.
pub(super) fn to_send(remote: &RemoteEnd) -> QpAttributes {
    let mask = QpMask::SQ_PSN
        | QpMask::ACK_TIMEOUT
        | QpMask::RETRY_COUNT
        | QpMask::RNR_RETRY_COUNT
        | QpMask::MAX_OUTBOUND_READS;
    QpAttributes {
        state: QpState::RTS,
        mask,
        sq_psn: remote.starting_psn.value(),
        ack_timeout: remote.ack_timeout,
        retry_count: remote.retry_count,
        rnr_retry_count: remote.rnr_retry_count,
        max_outbound_reads: remote.limits.outbound_reads as u8,
        ..QpAttributes::default()
    }
}

/// Any queue pair to the error state.
pub(super) fn to_error() -> QpAttributes {
    QpAttributes { state: QpState::ERROR, ..QpAttributes::default() }
}

/// A queue pair of datagrams from RESET to RTS.
pub(super) fn datagrams(qkey: u32) -> [QpAttributes; 3] {
    let init = QpAttributes {
        state: QpState::INIT,
        mask: QpMask::PKEY | QpMask::PORT | QpMask::QKEY,
        pkey: Bth::DEFAULT_PKEY,
        port: PORT,
        qkey,
        ..QpAttributes::default()
    };
    let receive = QpAttributes { state: QpState::RTR, ..QpAttributes::default() };
    let send = QpAttributes { state: QpState::RTS, mask: QpMask::SQ_PSN, ..QpAttributes::default() };
    [init, receive, send]
}

/// Flow label of a connection: both numbers enter, so that the connections of a pair of hosts spread over paths
/// (`rdma_calc_flow_label` of Linux).
fn flow_label(own: Qpn, remote: Qpn) -> u32 {
    let product = u64::from(own.value()) * u64::from(remote.value());
    let folded = product ^ product >> 20 ^ product >> 40;
    (folded & 0xf_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ConnectionLimits;
    use nic_model::regs::cmd::qp::TRANSITIONS;
    use wire::Psn;
    use wire::cm::PathMtu;

    fn remote() -> RemoteEnd {
        RemoteEnd {
            address: "10.0.0.2:445".parse().expect("an address"),
            local: "10.0.0.1:50000".parse().expect("an address"),
            qpn: Qpn::new(7),
            starting_psn: Psn::new(1),
            path_mtu: PathMtu(5),
            limits: ConnectionLimits { inbound_reads: 1, outbound_reads: 1 },
            ack_timeout: 14,
            retry_count: 7,
            rnr_retry_count: 7,
        }
    }

    #[test]
    fn every_transition_brings_what_the_table_asks_for_and_nothing_else() {
        let way = Way { mac: Mac([2, 0, 0, 0, 0, 2]), source_index: 0, dscp: 0, min_rnr_timer: 12 };
        let own = LocalEnd { qpn: Qpn::new(9), starting_psn: Psn::new(0), shared_receive_queue: false };
        let connected = [to_init(), to_receive(own, &remote(), way), to_send(&remote())];
        for (steps, datagrams) in [(connected, false), (datagrams(1), true)] {
            let mut from = QpState::RESET;
            for step in steps {
                let row = TRANSITIONS.iter().find(|row| (row.from, row.to) == (from, step.state)).expect("allowed");
                let needed = if datagrams { row.required_ud } else { row.required_rc };
                assert_eq!(step.mask, needed, "to {:?}", step.state);
                from = step.state;
            }
            assert_eq!(from, QpState::RTS);
        }
    }

    #[test]
    fn each_side_begins_with_what_the_other_expects() {
        let way = Way { mac: Mac([2; 6]), source_index: 0, dscp: 0, min_rnr_timer: 12 };
        let own = LocalEnd { qpn: Qpn::new(9), starting_psn: Psn::new(500), shared_receive_queue: false };
        assert_eq!(to_receive(own, &remote(), way).rq_psn, 500);
        assert_eq!(to_send(&remote()).sq_psn, remote().starting_psn.value());
    }

    #[test]
    fn connections_of_a_pair_of_hosts_differ_in_flow_label() {
        let labels: std::collections::BTreeSet<u32> =
            (1..100).map(|number| flow_label(Qpn::new(number), Qpn::new(number + 64))).collect();
        assert!(labels.len() > 90, "{} labels of 99 connections", labels.len());
        assert!(labels.iter().all(|&label| label < 1 << 20));
    }
}
