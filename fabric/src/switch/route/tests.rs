use super::*;
use crate::testing::packet;
use des::Dur;
use wire::RocePacket;

fn router(choice: PathChoice, ports: &[u16], seed: u64) -> Router {
    Router::new(RouteTable::new([ports]), choice, Rng::stream(seed, "paths"))
}

fn frame(port: u16) -> Frame {
    RocePacket { udp_source_port: port, ..packet(1, 0, 0) }.into()
}

/// How often each of four ports is taken by `flows` flows.
fn spread(router: &mut Router, flows: u16) -> [u32; 4] {
    let mut count = [0; 4];
    for flow in 0..flows {
        let port = router.port(Time::ZERO, &frame(flow)).expect("there are ways");
        count[usize::from(port)] += 1;
    }
    count
}

#[test]
fn tables_share_groups() {
    let table = RouteTable::new([&[0][..], &[1, 2], &[], &[1, 2], &[0]]);
    assert_eq!(table.groups.len(), 3);
    assert_eq!(table.ports(Endpoint(3)), [1, 2]);
    assert_eq!(table.ports(Endpoint(2)), [0; 0]);
    assert_eq!(table.ports(Endpoint(5)), [0; 0]);
}

#[test]
fn flows_spread_and_stay() {
    let mut router = router(PathChoice::Flow, &[0, 1, 2, 3], 1);
    let count = spread(&mut router, 4_000);
    assert!(count.iter().all(|count| (900..1_100).contains(count)), "{count:?}");
    let taken = router.port(Time::ZERO, &frame(7));
    assert!((1..100).all(|ps| router.port(Time::from_ps(ps), &frame(7)) == taken));
}

#[test]
fn switches_choose_independently() {
    let [mut first, mut second] = [1, 2].map(|seed| router(PathChoice::Flow, &[0, 1, 2, 3], seed));
    let port = |router: &mut Router, flow| router.port(Time::ZERO, &frame(flow));
    // Of the flows that the first sends by its port 0, the second must use all of its ports alike.
    let mut count = [0_u32; 4];
    for flow in (0..4_000).filter(|&flow| port(&mut first, flow) == Some(0)).collect::<Vec<_>>() {
        count[usize::from(port(&mut second, flow).expect("there are ways"))] += 1;
    }
    assert!(count.iter().all(|count| (180..320).contains(count)), "{count:?}");
}

#[test]
fn encoded_and_ipv6_packets_are_found_and_spread() {
    let mut router = router(PathChoice::Flow, &[0, 1, 2, 3], 1);
    let as_value = frame(7);
    let encoded = Frame::raw(as_value.encode());
    assert_eq!(router.port(Time::ZERO, &encoded), router.port(Time::ZERO, &as_value));
    let mut packet = packet(1, 0, 0);
    (packet.ip.source, packet.ip.destination) = (Endpoint(1).ipv6().into(), Endpoint(0).ipv6().into());
    let by_port = |port| RocePacket { udp_source_port: port, ..packet.clone() }.into();
    let ports: std::collections::BTreeSet<_> = (0..64).map(|port| router.port(Time::ZERO, &by_port(port))).collect();
    assert_eq!(ports.len(), 4);
}

#[test]
fn spraying_ignores_flows() {
    let mut router = router(PathChoice::Spray, &[0, 1, 2, 3], 1);
    let mut count = [0_u32; 4];
    for _ in 0..4_000 {
        count[usize::from(router.port(Time::ZERO, &frame(7)).expect("there are ways"))] += 1;
    }
    assert!(count.iter().all(|count| (900..1_100).contains(count)), "{count:?}");
}

#[test]
fn flowlets_move_only_after_a_gap() {
    let gap = Dur::from_us(1);
    let mut router = router(PathChoice::Flowlet { gap }, &[0, 1, 2, 3], 1);
    let mut ports = std::collections::BTreeSet::new();
    let mut now = Time::ZERO;
    for _ in 0..64 {
        let port = router.port(now, &frame(7));
        now += gap;
        assert_eq!(router.port(now, &frame(7)), port, "the gap is not longer than allowed");
        ports.insert(port);
        now += gap + Dur::from_ps(1);
    }
    assert_eq!(ports.len(), 4, "the flow has seen all ways");
}

#[test]
fn who_is_nobody_has_no_way() {
    let mut router = router(PathChoice::Flow, &[0], 1);
    assert_eq!(router.port(Time::ZERO, &packet(1, 0, 0).into()), Some(0));
    assert_eq!(router.port(Time::ZERO, &packet(0, 1, 0).into()), None, "an endpoint that is not in the table");
    let foreign = Frame::raw(bytes::Bytes::from_static(&[0; 60]));
    assert_eq!(router.port(Time::ZERO, &foreign), None);
}
