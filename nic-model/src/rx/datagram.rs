//! Datagrams: checked against queue key and receive, placed behind their network header, completed with the sender's address.

use super::inbox::queue_of;
use crate::dma::Cx;
use crate::mem::{Accessor, Fault, push_segment};
use crate::nic::Nic;
use crate::port::control;
use crate::qp::Receives;
use crate::regs::block::Gid;
use crate::regs::cqe::{Cqe, CqeFlags, CqeOpcode, Syndrome};
use crate::regs::wqe::Data;
use crate::transport::{Packet, Pmtu, ud};
use des::Time;
use wire::{Payload, Qpn, RocePacket};

/// Bytes of the network header before every datagram.
const GRH_BYTES: u32 = RocePacket::ROUTE_HEADER_LEN as u32;

impl Nic {
    /// Takes a datagram. What does not fit is dropped and counted: nobody waits for an answer.
    pub(super) fn datagram(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, packet: &RocePacket) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let datagram = match ud::accept(&Packet::from(packet), qp.qkey(), Pmtu::B4096) {
            Ok(datagram) => datagram,
            Err(ud::DropReason::QueueKey(_)) => {
                self.host.counters.rx_key_violations += 1;
                return;
            }
            Err(_) => {
                self.host.counters.rx_malformed += 1;
                return;
            }
        };
        let mut who = qp.accessor();
        let mut flags = CqeFlags::GRH;
        let mut srq = 0;
        if let Receives::Shared(srqn) = qp.receives {
            let pd = self.srqs.get(srqn).map_or(who.pd, |shared| shared.pd);
            (srq, who) = (srqn, Accessor { pd, ..who });
            flags |= CqeFlags::FROM_SRQ;
        }
        flags.set(CqeFlags::SOLICITED, packet.bth.solicited);
        let received_bytes = GRH_BYTES + datagram.length_bytes;
        let Some(receive) = queue_of(&mut qp.receives, &mut self.srqs).and_then(|queue| {
            let fits = queue.peek().is_some_and(|receive| receive.capacity() >= received_bytes);
            if fits { queue.take() } else { None }
        }) else {
            self.host.counters.rx_no_receive += 1;
            return;
        };
        let mut cqe = Cqe {
            opcode: match datagram.immediate {
                Some(_) => CqeOpcode::RECEIVED_SEND_IMMEDIATE,
                None => CqeOpcode::RECEIVED_SEND,
            },
            source_gid: Gid::from(packet.ip.source),
            source_mac: packet.source_mac.0,
            source_qpn: datagram.source_qp,
            immediate: datagram.immediate.unwrap_or(0),
            byte_count: received_bytes,
            qpn: Qpn::new(qpn),
            wqe_index: receive.index,
            srqn: srq,
            flags,
            ..Cqe::default()
        };
        let cqn = qp.context.receive_cqn;
        if let Err(fault) = self.place_datagram(cx, at, packet, who, &receive.segments) {
            cqe.opcode = CqeOpcode::RECEIVE_ERROR;
            cqe.syndrome = Syndrome::LOCAL_PROTECTION;
            cqe.vendor_syndrome = fault.into();
        }
        self.host.complete(cx, at, cqn, cqe);
    }

    /// Writes the network header and the message behind it into a receive.
    fn place_datagram(
        &mut self,
        cx: &mut Cx<'_>,
        at: Time,
        packet: &RocePacket,
        who: Accessor,
        list: &[Data],
    ) -> Result<(), Fault> {
        let length_bytes = packet.payload.len() as u32;
        let mut header = self.memory.message(who, list, 0, GRH_BYTES, true)?;
        let message = self.memory.message(who, list, GRH_BYTES, length_bytes, true)?;
        let at = self.host.message_translated(at, &self.memory, list, (0, GRH_BYTES + length_bytes));
        let route = packet.route_header().to_vec();
        match &packet.payload {
            Payload::Bytes(bytes) if header.len() == 1 => {
                // One burst: the message follows its header.
                message.into_iter().for_each(|piece| push_segment(&mut header, piece));
                self.host.write(cx, at, header, control([&route, bytes.as_ref()].concat()));
            }
            elided => {
                self.host.write(cx, at, header, control(route));
                if length_bytes > 0 {
                    self.host.write(cx, at, message, elided.clone());
                }
            }
        }
        Ok(())
    }
}
