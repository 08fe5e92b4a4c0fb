//! Who has which Ethernet address: ARP (RFC 826) and neighbour discovery (RFC 4861), as the side that asks.
//!
//! The NIC's driver knows one router for everybody; this is what that router does. Addresses are learned from requests,
//! answers and from the packets of peers themselves.

use bytes::Bytes;
use des::{Dur, Time};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Packet,
    Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, NdiscRepr,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Body, Frame, Mac};

/// Between two questions (RFC 4861, RETRANS_TIMER).
const RETRY: Dur = Dur::from_ms(1_000);
/// Questions before the frames that wait are given up (RFC 4861, MAX_MULTICAST_SOLICIT).
const TRIES: u8 = 3;
/// Frames kept for one address that is being asked for.
const WAITING_MAX: usize = 64;

/// An address that is being asked for.
#[derive(Debug)]
struct Question {
    from: IpAddr,
    tries: u8,
    again: Time,
    waiting: Vec<Frame>,
}

/// What is known, and what is being asked for.
#[derive(Debug)]
pub(crate) struct Neighbours {
    own: Mac,
    known: BTreeMap<IpAddr, Mac>,
    questions: BTreeMap<IpAddr, Question>,
    /// Frames given up.
    pub(crate) unreachable: u64,
}

impl Neighbours {
    pub(crate) fn new(own: Mac) -> Self {
        Self { own, known: BTreeMap::new(), questions: BTreeMap::new(), unreachable: 0 }
    }

    /// Who has the address, if it is known.
    pub(crate) fn find(&self, address: IpAddr) -> Option<Mac> {
        self.known.get(&address).copied()
    }

    /// Keeps a frame until it is known who has `to`; returns the question to send, if it is not on its way.
    pub(crate) fn wait(&mut self, now: Time, from: IpAddr, to: IpAddr, frame: Frame) -> Option<Vec<u8>> {
        let question = self.questions.entry(to);
        let is_new = matches!(question, std::collections::btree_map::Entry::Vacant(_));
        let question = question.or_insert_with(|| Question { from, tries: 1, again: now + RETRY, waiting: Vec::new() });
        if question.waiting.len() < WAITING_MAX {
            question.waiting.push(frame);
        } else {
            self.unreachable += 1;
        }
        is_new.then(|| ask(self.own, from, to))
    }

    /// Learns from a frame of a peer; returns the frames that have waited for that.
    pub(crate) fn learn(&mut self, frame: &[u8]) -> Vec<Frame> {
        let Some((address, mac)) = tells(frame) else { return Vec::new() };
        self.known.insert(address, mac);
        self.questions.remove(&address).map_or_else(Vec::new, |question| question.waiting)
    }

    /// When [`wake`](Self::wake) is due.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.questions.values().map(|question| question.again).min()
    }

    /// The questions to repeat; frames for those who never answer are given up.
    pub(crate) fn wake(&mut self, now: Time) -> Vec<Vec<u8>> {
        let (own, mut lost, mut again) = (self.own, 0, Vec::new());
        self.questions.retain(|&to, question| {
            if question.again > now {
                return true;
            }
            if question.tries == TRIES {
                lost += question.waiting.len() as u64;
                return false;
            }
            question.tries += 1;
            question.again = now + RETRY;
            again.push(ask(own, question.from, to));
            true
        });
        self.unreachable += lost;
        again
    }
}

/// The address that a frame tells about, and who has it.
fn tells(frame: &[u8]) -> Option<(IpAddr, Mac)> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let sender = Mac(ethernet.src_addr().0);
    match ethernet.ethertype() {
        EthernetProtocol::Arp => {
            let arp = ArpRepr::parse(&ArpPacket::new_checked(ethernet.payload()).ok()?).ok()?;
            let ArpRepr::EthernetIpv4 { source_hardware_addr, source_protocol_addr, .. } = arp else { return None };
            Some((source_protocol_addr.into(), Mac(source_hardware_addr.0)))
        }
        EthernetProtocol::Ipv4 => {
            let packet = smoltcp::wire::Ipv4Packet::new_checked(ethernet.payload()).ok()?;
            Some((packet.src_addr().into(), sender))
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
            let source = packet.src_addr();
            // A host that has just come up asks without an address of its own.
            (!source.is_unspecified()).then_some((source.into(), sender))
        }
        _ => None,
    }
}

/// The question who has an address. The families are the same.
fn ask(own: Mac, from: IpAddr, to: IpAddr) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ask_v4(own, from, to),
        (IpAddr::V6(from), IpAddr::V6(to)) => ask_v6(own, from, to),
        _ => Vec::new(),
    }
}

fn ask_v4(own: Mac, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let own = EthernetAddress(own.0);
    let question = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: own,
        source_protocol_addr: from,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: to,
    };
    let head = EthernetRepr { src_addr: own, dst_addr: EthernetAddress::BROADCAST, ethertype: EthernetProtocol::Arp };
    framed(head, question.buffer_len(), |payload| question.emit(&mut ArpPacket::new_unchecked(payload)))
}

fn ask_v6(own: Mac, from: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = to.octets();
    // The group of all whose address ends so (RFC 4291, 2.7.1), and its Ethernet address (RFC 2464).
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let own = EthernetAddress(own.0);
    let question = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr: to, lladdr: Some(own.into()) });
    let ip = Ipv6Repr {
        src_addr: from,
        dst_addr: group,
        next_header: IpProtocol::Icmpv6,
        payload_len: question.buffer_len(),
        hop_limit: 255,
    };
    let dst_addr = EthernetAddress([0x33, 0x33, 0xff, a, b, c]);
    let head = EthernetRepr { src_addr: own, dst_addr, ethertype: EthernetProtocol::Ipv6 };
    framed(head, ip.buffer_len() + question.buffer_len(), |payload| {
        let mut packet = Ipv6Packet::new_unchecked(payload);
        ip.emit(&mut packet);
        let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
        question.emit(&from, &group, &mut message, &ChecksumCapabilities::default());
    })
}

fn framed(head: EthernetRepr, payload_len: usize, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(payload_len)];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    head.emit(&mut frame);
    fill(frame.payload_mut());
    bytes
}

/// A frame whose receiver is known.
pub(crate) fn addressed(mut frame: Box<Frame>, to: Mac) -> Box<Frame> {
    match frame.body() {
        Body::Roce(_) => frame.edit(|packet| packet.dest_mac = to),
        Body::Raw(bytes) => {
            let rest = bytes.get(6..).unwrap_or_default();
            *frame = Frame::raw(Bytes::from([&to.0[..], rest].concat()));
        }
    }
    frame
}
