//! The datagrams of a connection.

use super::Settings;
use super::connection::{Connection, LocalEnd, Role, path_mtu};
use super::table::State;
use crate::backend::{ConnectionId, ConnectionLimits};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use wire::Bth;
use wire::cm::ip::{self, CONSUMER_PRIVATE_LEN};
use wire::cm::{
    CommId, CommIds, Drep, Dreq, IpHeader, Mad, Message, Mra, Path, PrivateData, Rej, RejReason, Rep, Req, Rtu,
    ServiceType, Stage,
};

/// Linux writes this where RoCE has no local identifiers.
const PERMISSIVE_LID: u16 = 0xffff;
const HOP_LIMIT: u8 = 64;
/// Answer about the alternate path: not supported.
const NO_FAILOVER: u8 = 1;
/// Bytes of a GUID in a REJ's additional information.
const GUID_LEN: u8 = 8;

/// Who calls whom, with what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) id: ConnectionId,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) end: LocalEnd,
    pub(super) limits: ConnectionLimits,
    pub(super) private_data: PrivateData<CONSUMER_PRIVATE_LEN>,
}

pub(super) fn req(settings: &Settings, call: &Call) -> Req {
    let header = IpHeader { source_port: call.local.port(), source: call.local.ip(), destination: call.peer.ip() };
    let primary = Path {
        local_lid: PERMISSIVE_LID,
        remote_lid: PERMISSIVE_LID,
        local_gid: gid(call.local.ip()),
        remote_gid: gid(call.peer.ip()),
        hop_limit: HOP_LIMIT,
        ack_timeout: settings.ack_timeout,
        ..Path::NONE
    };
    Req {
        local_comm_id: CommId(call.id.0),
        service_id: ip::tcp_service_id(call.peer.port()),
        ca_guid: settings.ca_guid,
        qkey: 0,
        qpn: call.end.qpn,
        responder_resources: call.limits.inbound_reads as u8,
        initiator_depth: call.limits.outbound_reads as u8,
        remote_response_timeout: settings.response_timeout,
        service_type: ServiceType::RELIABLE,
        flow_control: false,
        starting_psn: call.end.starting_psn,
        local_response_timeout: settings.response_timeout,
        retry_count: settings.retry_count,
        pkey: Bth::DEFAULT_PKEY,
        path_mtu: path_mtu(settings.path_mtu_bytes),
        rnr_retry_count: settings.rnr_retry_count,
        max_cm_retries: settings.retries,
        shared_receive_queue: call.end.shared_receive_queue,
        primary,
        alternate: Path::NONE,
        private_data: header.join(&call.private_data),
    }
}

/// REP: `limits` are what both sides can do.
pub(super) fn rep(
    settings: &Settings,
    comm_ids: CommIds,
    end: LocalEnd,
    limits: ConnectionLimits,
    private_data: PrivateData<196>,
) -> Rep {
    Rep {
        comm_ids,
        qkey: 0,
        qpn: end.qpn,
        starting_psn: end.starting_psn,
        responder_resources: limits.inbound_reads as u8,
        initiator_depth: limits.outbound_reads as u8,
        target_ack_delay: 0,
        failover: NO_FAILOVER,
        flow_control: false,
        rnr_retry_count: settings.rnr_retry_count,
        shared_receive_queue: end.shared_receive_queue,
        ca_guid: settings.ca_guid,
        private_data,
    }
}

/// Refuses a message that belongs to no connection here.
pub(super) fn refusal(transaction_id: u64, caller: CommId, stage: Stage, reason: RejReason) -> Mad {
    let comm_ids = CommIds { local: CommId::default(), remote: caller };
    Mad { transaction_id, message: Message::Rej(rejection(comm_ids, stage, reason, PrivateData::EMPTY)) }
}

/// Answers a DREQ that belongs to no connection here: it has ended.
pub(super) fn farewell(transaction_id: u64, sender: CommIds) -> Mad {
    let comm_ids = CommIds { local: sender.remote, remote: sender.local };
    Mad { transaction_id, message: Message::Drep(Drep { comm_ids, private_data: PrivateData::EMPTY }) }
}

fn rejection(comm_ids: CommIds, stage: Stage, reason: RejReason, private_data: PrivateData<148>) -> Rej {
    Rej { comm_ids, stage, reason, info_len: 0, info: PrivateData::EMPTY, private_data }
}

fn gid(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

impl Connection {
    pub(super) fn ids(&self, id: ConnectionId) -> CommIds {
        CommIds { local: CommId(id.0), remote: self.remote_id }
    }

    /// The message that a connection in its present state has received last and delays or refuses.
    fn stage(&self) -> Stage {
        match (self.role, self.state) {
            (Role::Passive { .. }, State::RequestReceived) => Stage::REQ,
            (Role::Active, State::ReplyReceived) => Stage::REP,
            _ => Stage::OTHER,
        }
    }

    pub(super) fn mra(&self, id: ConnectionId, service_timeout: u8) -> Message {
        let comm_ids = self.ids(id);
        Message::Mra(Mra { comm_ids, stage: self.stage(), service_timeout, private_data: PrivateData::EMPTY })
    }

    pub(super) fn rej(&self, id: ConnectionId, ca_guid: u64, reason: RejReason, data: PrivateData<148>) -> Message {
        let mut rej = rejection(self.ids(id), self.stage(), reason, data);
        if reason == RejReason::TIMEOUT {
            // The peer may know this side by its adapter only (IBTA volume 1, 12.6.7.2).
            rej.info_len = GUID_LEN;
            rej.info = PrivateData::new(&ca_guid.to_be_bytes()).expect("a GUID fits");
        }
        Message::Rej(rej)
    }

    pub(super) fn rtu(&self, id: ConnectionId) -> Message {
        Message::Rtu(Rtu { comm_ids: self.ids(id), private_data: PrivateData::EMPTY })
    }

    pub(super) fn dreq(&self, id: ConnectionId) -> Message {
        let remote_qpn = self.remote_qpn().unwrap_or_default();
        Message::Dreq(Dreq { comm_ids: self.ids(id), remote_qpn, private_data: PrivateData::EMPTY })
    }

    pub(super) fn drep(&self, id: ConnectionId) -> Message {
        Message::Drep(Drep { comm_ids: self.ids(id), private_data: PrivateData::EMPTY })
    }
}
