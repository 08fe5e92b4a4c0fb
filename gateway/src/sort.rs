//! What a frame from the Ethernet is: for the NIC, or for the rest of the host.

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet, UdpPacket};
use wire::RocePacket;

/// Whether a frame carries a UDP packet to the port of RoCEv2, whatever else may be wrong with it.
pub(crate) fn is_roce(frame: &[u8]) -> bool {
    let Ok(frame) = EthernetFrame::new_checked(frame) else { return false };
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload())
            .is_ok_and(|ip| ip.next_header() == IpProtocol::Udp && is_roce_port(ip.payload())),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(frame.payload())
            .is_ok_and(|ip| ip.next_header() == IpProtocol::Udp && is_roce_port(ip.payload())),
        _ => false,
    }
}

fn is_roce_port(datagram: &[u8]) -> bool {
    UdpPacket::new_checked(datagram).is_ok_and(|udp| udp.dst_port() == RocePacket::UDP_PORT)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::net::IpAddr;
    use wire::{Bth, Deth, Ecn, Ext, Frame, Ip, Mac, Opcode, Payload, Psn, Qpn};

    /// A datagram between two addresses of one family.
    pub(crate) fn roce_frame(source: IpAddr, destination: IpAddr) -> Frame {
        let ip = Ip { source, destination, dscp: 0, ecn: Ecn::NotCapable, ttl: 64, identification: 0, flow_label: 0 };
        RocePacket {
            dest_mac: Mac([2; 6]),
            source_mac: Mac([4; 6]),
            ip,
            udp_source_port: 0xc000,
            bth: Bth::new(Opcode::UD_SEND_ONLY, Qpn::new(5), Psn::new(1)),
            ext: Ext::Deth(Deth { qkey: 1, reserved: 0, source_qp: Qpn::new(9) }),
            payload: Payload::Bytes(vec![7; 64].into()),
            telemetry: None,
        }
        .into()
    }

    #[test]
    fn roce_is_told_from_the_rest() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let v4 = roce_frame(address("10.0.0.1"), address("10.0.0.2")).encode();
        let v6 = roce_frame(address("fd00::1"), address("fd00::2")).encode();
        assert!(is_roce(&v4) && is_roce(&v6));
        let mut damaged = v4.to_vec();
        damaged[60] ^= 1;
        assert!(is_roce(&damaged), "the NIC counts what is damaged");
        damaged[37] = 53;
        assert!(!is_roce(&damaged), "another port");
        for length in [0, 13, 20, 40] {
            assert!(!is_roce(&v4[..length]), "cut to {length} bytes");
        }
    }
}
