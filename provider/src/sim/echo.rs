//! A service of datagrams that sends back what comes, found by SIDR: the other side of `udaddy` (rdma-core).
//!
//! NDKPI has no datagrams; like ping, this answers below it, and by the device's own queue pair.

use super::command::CommandQueue;
use super::datagrams::{Datagrams, Incoming, Kind, Outgoing};
use super::device::{BringUpError, DATAGRAM_RECEIVES};
use super::{Broken, SimBackend};
use host::HostBus;
use nic_model::regs::cmd::QpType;
use wire::Qpn;
use wire::cm::ip::{IpHeader, udp_port};
use wire::cm::{Mad, Message, PrivateData, SidrRep, SidrReq, SidrStatus};

/// The queue key of all datagrams of `rdma_cm` (`RDMA_UDP_QKEY` of Linux).
const UDP_QKEY: u32 = 0x0123_4567;
/// The longest datagram: the largest path MTU.
const MESSAGE_BYTES_MAX: u32 = 4_096;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Echo {
    pub(super) queue: Datagrams,
    port: u16,
}

impl Echo {
    pub(super) fn create(
        host: &mut dyn HostBus,
        commands: &mut CommandQueue,
        (key, eqn): (u32, u32),
        port: u16,
    ) -> Result<Self, BringUpError> {
        let (message_bytes, receives) = (MESSAGE_BYTES_MAX, DATAGRAM_RECEIVES);
        let kind = Kind { qp_type: QpType::UD, qkey: UDP_QKEY, message_bytes, receives };
        Ok(Self { queue: Datagrams::create(host, commands, kind, (key, eqn))?, port })
    }
}

/// The answer to a request for a service, which needs no memory: a repeat gets the same.
fn answer(port: u16, own: Qpn, request: &SidrReq) -> SidrRep {
    let (status, qpn, qkey) = match udp_port(request.service_id) {
        Some(asked) if asked == port => (SidrStatus::VALID, own, UDP_QKEY),
        _ => (SidrStatus::UNSUPPORTED, Qpn::new(0), 0),
    };
    let SidrReq { request_id, service_id, .. } = *request;
    SidrRep { request_id, status, qpn, service_id, qkey, private_data: PrivateData::EMPTY }
}

impl SimBackend {
    /// Somebody asks for a service of datagrams. Without one nobody answers, as by a host without the protocol.
    pub(super) fn service_wanted(&mut self, host: &mut dyn HostBus, incoming: &Incoming, mad: &Mad, request: &SidrReq) {
        let Some(echo) = &self.echo else { return };
        let Ok(IpHeader { destination, .. }) = IpHeader::parse(request.private_data.as_bytes()) else { return };
        let reply = answer(echo.port, Qpn::new(echo.queue.qpn), request);
        let transaction_id = mad.transaction_id;
        let mad = Mad { transaction_id, message: Message::SidrRep(reply) };
        self.send_mad(host, destination, incoming.from, &mad);
    }

    /// An event of the service's completion queue.
    pub(super) fn echo(&mut self, host: &mut dyn HostBus) {
        let Some(echo) = &mut self.echo else { return };
        let incoming = match echo.queue.event(host) {
            Ok(incoming) => incoming,
            Err(Broken) => return self.device_failed(host),
        };
        let own = Qpn::new(echo.queue.qpn);
        for Incoming { from, source_qpn, immediate, data } in incoming {
            let same = |address: &std::net::IpAddr| address.is_ipv4() == from.is_ipv4();
            let source_index = self.capabilities.addresses.iter().position(same);
            let (Some(mac), Some(index)) = (self.mac_of(from), source_index) else { continue };
            // `udaddy` and its kin tell in the immediate data who sends.
            let immediate = immediate.map(|_| own.value());
            let (source_index, dest_qpn, qkey) = (index as u8, source_qpn, UDP_QKEY);
            let back = Outgoing { source_index, mac, to: from, dest_qpn, qkey, immediate, data: data.into() };
            if let Some(echo) = &mut self.echo {
                echo.queue.send(host, back);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_is_named() {
        let request =
            |service_id| SidrReq { request_id: 9, pkey: 0xffff, service_id, private_data: PrivateData::EMPTY };
        let answer = |service_id| answer(7_174, Qpn::new(5), &request(service_id));
        let found = answer(0x0111_1c06);
        assert_eq!((found.request_id, found.status), (9, SidrStatus::VALID));
        assert_eq!((found.qpn, found.qkey, found.service_id), (Qpn::new(5), UDP_QKEY, 0x0111_1c06));
        for other in [0x0111_1c07, 0x0106_1c06, 7_174] {
            let refused = answer(other);
            assert_eq!((refused.status, refused.qpn, refused.qkey), (SidrStatus::UNSUPPORTED, Qpn::new(0), 0));
        }
    }
}
