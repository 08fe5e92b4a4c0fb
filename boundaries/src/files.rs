//! Bytes that are parsed: frames, captures, management datagrams, scenario files.

use bytes::Bytes;
use des::Time;
use provider::sim::cm::{Connections, Input, Settings};
use scenarios::Scenario;
use std::net::{IpAddr, SocketAddr};
use wire::capture::Capture;
use wire::cm::{MAD_LEN, Mad};
use wire::{Frame, RocePacket};

/// An Ethernet frame.
///
/// # Panics
/// If an accepted frame does not encode to the same bytes.
pub fn frames(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(packet) = RocePacket::parse(&bytes) {
        assert_eq!(packet.encode(), bytes, "what is accepted is written again");
    }
    assert_eq!(Frame::parse(bytes.clone()).encode(), bytes, "a frame of any kind keeps its bytes");
    let _ = RocePacket::receive(&bytes);
}

/// A capture file.
pub fn pcapng(data: &[u8]) {
    let Ok(capture) = Capture::read(&Bytes::copy_from_slice(data)) else { return };
    for record in &capture.records {
        let _ = RocePacket::receive(&record.frame);
    }
}

/// Management datagrams, one after the other, from strangers and to a listener.
///
/// # Panics
/// If an accepted datagram does not survive its own encoding.
pub fn mads(data: &[u8]) {
    let (own, stranger) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    let mut connections = Connections::new(Settings { addresses: vec![own], backlog: 4, ..Settings::default() });
    let listens = connections.ports().listen(SocketAddr::new(own, 445));
    assert!(listens.is_ok(), "the port is free");
    for piece in data.chunks(MAD_LEN) {
        let mut bytes = [0; MAD_LEN];
        bytes[..piece.len()].copy_from_slice(piece);
        // Without its head a datagram is hardly ever one.
        bytes[..4].copy_from_slice(&[1, 7, 2, 3]);
        let attribute = 0x10 + bytes[17] % 8;
        bytes[16..18].copy_from_slice(&[0, attribute]);
        let Ok(mad) = Mad::parse(&bytes) else { continue };
        assert_eq!(Mad::parse(&mad.encode()).as_ref(), Ok(&mad), "an accepted datagram survives");
        connections.handle(Time::ZERO, Input::Datagram { from: stranger, mad: Box::new(mad) });
    }
    let mut now = Time::ZERO;
    for _ in 0..1_000 {
        let Some(deadline) = connections.next_deadline() else { return };
        now = now.max(deadline);
        connections.handle(now, Input::Wake);
    }
    assert!(connections.next_deadline().is_none(), "every stranger is forgotten");
}

/// A scenario file.
///
/// # Panics
/// If an accepted scenario does not survive its own text.
pub fn scenarios(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Scenario::parse("fuzz.toml", text) {
        Ok(scenario) => {
            let again = Scenario::parse("again.toml", &scenario.to_toml());
            assert_eq!(again.as_ref().ok(), Some(&scenario), "an accepted scenario survives");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal says why"),
    }
}
