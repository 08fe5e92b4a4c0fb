//! Congestion control on the wire: what each packet of a message asks for.

use crate::support::{Connection, World};
use des::Dur;
use nic_model::congestion::parameters::usual;
use nic_model::regs::wqe::{Body, DataList, Opcode, RemoteAddress};
use smallvec::smallvec;
use std::sync::{Arc, Mutex};
use wire::Body as FrameBody;

/// For each packet with data of a WRITE of several: whether switches are asked to say something.
fn asked(scheme: &'static str, length: u32) -> Vec<bool> {
    let parameters = usual(scheme).expect("it has a usual set").parameters;
    let mut world = World::with(|config| config.congestion = parameters);
    let [mut a, _] = world.reliable_pair(Connection { path_mtu: 3, ..Connection::default() });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    world.fate = Box::new(move |_, frame| {
        if let FrameBody::Roce(packet) = frame.body()
            && !packet.payload.is_empty()
        {
            notes.lock().expect("nobody else holds it").push(packet.telemetry.is_some());
        }
        vec![(Dur::ZERO, Box::new(frame.clone()))]
    });
    let (source, sink) = (world.buffer(0, length.into(), 1), world.buffer(1, length.into(), 2));
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    let list = DataList::Segments(smallvec![source.at(0, length)]);
    world.send(&mut a, Opcode::WRITE, Body::Remote(remote, list));
    world.run();
    let notes = asked.lock().expect("the world is at rest");
    notes.clone()
}

#[test]
fn every_packet_with_data_asks_switches_if_the_scheme_wants_to_hear() {
    assert_eq!(asked("hpcc", 20 << 10), [true; 20]);
    assert_eq!(asked("dcqcn", 20 << 10), [false; 20]);
}
