//! Queue pairs: made, modified by the table of transitions, asked, ended.

use super::Outcome;
use super::execute::{NO_RESOURCES, NO_SUCH_OBJECT, Result, bad, check_record, check_ring, exceeds, no_such, number};
use crate::congestion::flow::Flow;
use crate::dma::Cx;
use crate::nic::Nic;
use crate::profile::RecoveryProfile;
use crate::qp::path::Path;
use crate::qp::{QueuePair, Receives};
use crate::receive::{ReceiveQueue, Ring};
use crate::regs::cmd::qp::{TRANSITIONS, mtu_bytes};
use crate::regs::cmd::{CommandError, CommandStatus, QpAttributes, QpContext, QpMask, QpState, QpStatus, QpType};
use crate::transport::requester::Recovery;
use crate::transport::{QpEvent, QpState as State, Requester, RequesterConfig, Responder, ResponderConfig};
use wire::{Psn, Transport};

/// 64-byte blocks.
const LOG_BLOCK_BYTES: u8 = 6;
/// The largest code of a timer or count of five and three bits.
const TIMER_CODE_MAX: u8 = 31;
const COUNT_MAX: u8 = 7;

impl Nic {
    pub(super) fn create_qp(&mut self, context: QpContext) -> Result {
        self.check_qp(&context)?;
        self.use_pd(context.pd, 0x20)?;
        let profile = &self.config.profile;
        let (batch, works_max) = (profile.receive_wqes_prefetched.value, profile.send_wqes_held.value);
        let receives = if context.use_srq != 0 {
            Receives::Shared(context.srqn)
        } else {
            let ring = Ring {
                address: context.rq_address,
                log_wqes: context.log_rq_wqes,
                log_stride: context.log_rq_stride,
                record_address: context.record_address,
            };
            Receives::Own(ReceiveQueue::new(ring, batch))
        };
        let gsi = context.qp_type == QpType::GSI;
        let Some(qpn) = self.qps.insert(gsi, |qpn| QueuePair::new(qpn, context, receives, works_max)) else {
            self.leave_pd(context.pd);
            return Err(NO_RESOURCES);
        };
        for cqn in [context.send_cqn, context.receive_cqn] {
            if let Some(cq) = self.host.cqs.get_mut(cqn) {
                cq.users += 1;
            }
        }
        if context.use_srq != 0
            && let Some(srq) = self.srqs.get_mut(context.srqn)
        {
            srq.users += 1;
        }
        Ok(number(qpn))
    }

    fn check_qp(&self, context: &QpContext) -> Result<()> {
        let limits = &self.config.limits;
        match context.qp_type {
            QpType::RC | QpType::UC | QpType::UD | QpType::GSI => {}
            _ => return Err(bad(0x18)),
        }
        check_ring(context.sq_address, context.log_sq_blocks, LOG_BLOCK_BYTES, limits.max_sq_blocks, (0, 0x19))?;
        if context.use_srq != 0 {
            self.srqs.get(context.srqn).ok_or(no_such(0x2c))?;
        } else {
            if !(4..=9).contains(&context.log_rq_stride) {
                return Err(bad(0x1b));
            }
            let at = (8, 0x1a);
            check_ring(context.rq_address, context.log_rq_wqes, context.log_rq_stride, limits.max_rq_wqes, at)?;
            check_record(context.record_address, 0x10)?;
        }
        self.check_uar(context.uar_page, 0x30)?;
        self.host.cqs.get(context.send_cqn).ok_or(no_such(0x24))?;
        self.host.cqs.get(context.receive_cqn).ok_or(no_such(0x28))?;
        Ok(())
    }

    pub(super) fn destroy_qp(&mut self, qpn: u32) -> Result {
        let qp = self.qps.remove(qpn).ok_or(NO_SUCH_OBJECT)?;
        self.leave_pd(qp.context.pd);
        for cqn in [qp.context.send_cqn, qp.context.receive_cqn] {
            if let Some(cq) = self.host.cqs.get_mut(cqn) {
                cq.users -= 1;
            }
        }
        if let Receives::Shared(srqn) = qp.receives
            && let Some(srq) = self.srqs.get_mut(srqn)
        {
            srq.users -= 1;
        }
        Ok(Outcome::default())
    }

    pub(super) fn query_qp(&self, qpn: u32) -> Result {
        let qp = self.qps.get(qpn).ok_or(NO_SUCH_OBJECT)?;
        let status = QpStatus {
            state: encode_state(qp.state),
            draining: qp.draining.into(),
            sq_psn: qp.requester.as_ref().map_or(0, |requester| requester.next_psn().value()),
            rq_psn: qp.responder.as_ref().map_or(0, |responder| responder.expected_psn().value()),
            sq_producer: qp.sends.producer,
            sq_consumer: qp.sends.consumer,
            rq_consumer: if let Receives::Own(queue) = &qp.receives { queue.consumed() } else { 0 },
            dest_qpn: qp.attributes.dest_qpn,
        };
        Ok(Outcome { output: status.encode().to_vec(), ..Outcome::default() })
    }

    pub(super) fn modify_qp(&mut self, cx: &mut Cx<'_>, qpn: u32, attributes: &QpAttributes) -> Result {
        let qp = self.qps.get(qpn).ok_or(NO_SUCH_OBJECT)?;
        let target = decode_state(attributes.state).ok_or(bad(0))?;
        let present = encode_state(qp.state);
        let state = qp
            .state
            .after(QpEvent::Modify(target))
            .map_err(|_| CommandError::new(CommandStatus::BAD_STATE, present.0.into()))?;
        match target {
            State::Reset => self.reset_qp(qpn),
            State::Error => {
                if let Some(qp) = self.qps.get_mut(qpn) {
                    qp.state = state;
                }
                self.flush(cx, cx.now, qpn);
            }
            _ => {
                check_mask(qp, present, attributes)?;
                self.check_values(attributes)?;
                let merged = merge(&qp.attributes, attributes);
                self.enter(cx, qpn, state, merged)?;
                self.limits_rates |= merged.max_rate_mbps > 0 && !self.config.zero_time;
            }
        }
        Ok(Outcome::default())
    }

    /// The queue pair is as after its creation.
    fn reset_qp(&mut self, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        qp.sends.clear();
        let mut receives = qp.receives.clone();
        if let Receives::Own(queue) = &mut receives {
            queue.clear();
        }
        let sends = qp.sends.clone();
        let (sends_queued, replies_queued) = (qp.sends_queued, qp.replies_queued);
        *qp = QueuePair { sends, sends_queued, replies_queued, ..QueuePair::new(qpn, qp.context, receives, 0) };
    }

    /// Values of the attributes in the mask.
    fn check_values(&self, attributes: &QpAttributes) -> Result<()> {
        let limits = &self.config.limits;
        let mask = attributes.mask;
        let given = |flag, fine: bool, error: CommandError| {
            if mask.contains(flag) && !fine { Err(error) } else { Ok(()) }
        };
        given(QpMask::PORT, usize::from(attributes.port) < self.ports.len(), bad(0x0e))?;
        let mtu = mtu_bytes(attributes.path_mtu).is_some_and(|bytes| u64::from(bytes) <= limits.max_mtu_bytes);
        given(QpMask::PATH_MTU, mtu, bad(0x39))?;
        let inbound = u64::from(attributes.max_inbound_reads) <= limits.max_inbound_reads;
        given(QpMask::MAX_INBOUND_READS, inbound, exceeds(0x3a))?;
        let outbound = u64::from(attributes.max_outbound_reads) <= limits.max_outbound_reads;
        given(QpMask::MAX_OUTBOUND_READS, outbound, exceeds(0x3b))?;
        given(QpMask::MIN_RNR_TIMER, attributes.min_rnr_timer <= TIMER_CODE_MAX, bad(0x3c))?;
        given(QpMask::ACK_TIMEOUT, attributes.ack_timeout <= TIMER_CODE_MAX, bad(0x3d))?;
        given(QpMask::RETRY_COUNT, attributes.retry_count <= COUNT_MAX, bad(0x3e))?;
        given(QpMask::RNR_RETRY_COUNT, attributes.rnr_retry_count <= COUNT_MAX, bad(0x3f))?;
        given(QpMask::WEIGHT, attributes.weight > 0, bad(0x44))
    }

    /// Enters a state that is neither RESET nor ERROR.
    fn enter(&mut self, cx: &mut Cx<'_>, qpn: u32, state: State, attributes: QpAttributes) -> Result<()> {
        let path = self.source(attributes.port, attributes.source_index);
        let path = path.map(|source| Path::connected(source, qpn, &attributes));
        let ack_every = self.config.profile.ack_every_packets.value;
        let every_one = self.config.congestion.needs_every_acknowledgement();
        let window = (self.config.profile.window_packets.value, if every_one { 1 } else { ack_every });
        let (scheme, line) = (self.config.congestion, self.config.profile.port_rate.value);
        let recovery = self.config.profile.recovery;
        let Some(qp) = self.qps.get_mut(qpn) else { return Err(NO_SUCH_OBJECT) };
        let before = qp.state;
        if !qp.is_datagram() && state == State::ReadyToReceive && path.is_none() {
            // The entry of the source address table is empty.
            return Err(bad(0x36));
        }
        qp.attributes = attributes;
        qp.middle = None;
        qp.state = state;
        match (before, state) {
            (State::Init, State::ReadyToReceive) if !qp.is_datagram() => {
                qp.path = path;
                qp.responder = Some(Box::new(Responder::new(responder_config(qp, &recovery))));
                qp.flow = Flow::new(&scheme, line);
            }
            (State::ReadyToReceive, State::ReadyToSend) => {
                let psn = Psn::new(qp.attributes.sq_psn);
                let mut requester = Requester::new(requester_config(qp, &recovery, window, psn));
                if let Some(window_bytes) = qp.flow.as_mut().and_then(|flow| flow.window_bytes(cx.now)) {
                    requester.set_window(window_bytes);
                }
                qp.requester = Some(requester);
            }
            // The failed requester has stopped; its successor goes on with the next number.
            (State::SendQueueError, State::ReadyToSend) => {
                let psn = qp.requester.as_ref().map_or(Psn::new(0), Requester::next_psn);
                qp.requester = Some(Requester::new(requester_config(qp, &recovery, window, psn)));
            }
            _ => {}
        }
        let drains = state == State::SendQueueDrain;
        qp.draining = drains && (qp.draining || before != state);
        let QpAttributes { ack_timeout, retry_count, rnr_retry_count, min_rnr_timer, .. } = qp.attributes;
        if let Some(requester) = qp.requester.as_mut() {
            requester.set_draining(drains);
            requester.set_patience(ack_timeout, retry_count, rnr_retry_count);
        }
        if let Some(responder) = qp.responder.as_mut() {
            responder.set_min_rnr_timer(min_rnr_timer);
        }
        self.settle(cx, cx.now, qpn);
        Ok(())
    }
}

/// The mask has all that the transition needs, and nothing that it does not know.
fn check_mask(qp: &QueuePair, from: QpState, attributes: &QpAttributes) -> Result<()> {
    let row = TRANSITIONS.iter().find(|row| row.from == from && row.to == attributes.state);
    let row = row.ok_or(CommandError::new(CommandStatus::BAD_STATE, from.0.into()))?;
    let required = match qp.context.qp_type {
        QpType::RC => row.required_rc,
        QpType::UC => row.required_uc,
        _ => row.required_ud,
    };
    let allowed = required | row.optional;
    if attributes.mask.contains(required) && allowed.contains(attributes.mask) { Ok(()) } else { Err(bad(4)) }
}

/// The attributes so far with those in the mask.
fn merge(old: &QpAttributes, new: &QpAttributes) -> QpAttributes {
    let mut merged = QpAttributes { state: new.state, mask: old.mask | new.mask, ..*old };
    macro_rules! take {
        ($($flag:ident: $($field:ident),*;)*) => {
            $(if new.mask.contains(QpMask::$flag) {
                $(merged.$field = new.$field;)*
            })*
        };
    }
    take! {
        ACCESS: access;
        PKEY: pkey;
        PORT: port;
        QKEY: qkey;
        PATH: dest_mac, dest_gid, source_index, dscp, hop_limit, flow_label;
        PATH_MTU: path_mtu;
        DEST_QPN: dest_qpn;
        RQ_PSN: rq_psn;
        MAX_INBOUND_READS: max_inbound_reads;
        MIN_RNR_TIMER: min_rnr_timer;
        SQ_PSN: sq_psn;
        ACK_TIMEOUT: ack_timeout;
        RETRY_COUNT: retry_count;
        RNR_RETRY_COUNT: rnr_retry_count;
        MAX_OUTBOUND_READS: max_outbound_reads;
        WEIGHT: weight;
        MAX_RATE: max_rate_mbps;
    }
    merged
}

fn transport(qp: &QueuePair) -> Transport {
    match qp.context.qp_type {
        QpType::RC => Transport::Rc,
        QpType::UC => Transport::Uc,
        _ => Transport::Ud,
    }
}

fn requester_config(
    qp: &QueuePair,
    profile: &RecoveryProfile,
    (window_packets, ack_every_packets): (u32, u32),
    psn: Psn,
) -> RequesterConfig {
    let attributes = &qp.attributes;
    RequesterConfig {
        transport: transport(qp),
        pmtu: qp.pmtu(),
        initial_psn: psn,
        max_rd_atomic: attributes.max_outbound_reads,
        window_packets: window_packets.max(1),
        ack_every_packets: ack_every_packets.max(1),
        timeout_code: attributes.ack_timeout,
        retry_count: attributes.retry_count,
        rnr_retry: attributes.rnr_retry_count,
        timeout_policy: profile.timeout.value,
        recovery: if qp.is_reliable() { profile.recovery.value } else { Recovery::GoBackN },
    }
}

fn responder_config(qp: &QueuePair, profile: &RecoveryProfile) -> ResponderConfig {
    ResponderConfig {
        transport: transport(qp),
        pmtu: qp.pmtu(),
        expected_psn: Psn::new(qp.attributes.rq_psn),
        max_dest_rd_atomic: qp.attributes.max_inbound_reads,
        min_rnr_timer: qp.attributes.min_rnr_timer,
        unasked_ack_packets: 0,
        reorder_packets: match profile.recovery.value {
            Recovery::GoBackN => 0,
            Recovery::SelectiveRepeat => profile.reorder_packets.value,
        },
    }
}

/// The transport's word for a state.
const fn decode_state(state: QpState) -> Option<State> {
    Some(match state {
        QpState::RESET => State::Reset,
        QpState::INIT => State::Init,
        QpState::RTR => State::ReadyToReceive,
        QpState::RTS => State::ReadyToSend,
        QpState::SQD => State::SendQueueDrain,
        QpState::SQE => State::SendQueueError,
        QpState::ERROR => State::Error,
        _ => return None,
    })
}

/// The driver's word for a state.
pub(super) const fn encode_state(state: State) -> QpState {
    match state {
        State::Reset => QpState::RESET,
        State::Init => QpState::INIT,
        State::ReadyToReceive => QpState::RTR,
        State::ReadyToSend => QpState::RTS,
        State::SendQueueDrain => QpState::SQD,
        State::SendQueueError => QpState::SQE,
        State::Error => QpState::ERROR,
    }
}
