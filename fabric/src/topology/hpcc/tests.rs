use super::*;

const STAR: &str = "3 1 2\n2\n0 2 100Gbps 1000ns 0.000000\n1 2 2.5Gbps 0.5us 0.001\n";

#[test]
fn a_file_becomes_a_graph() {
    let Imported { topology, nodes } = parse(STAR).expect("a star");
    assert_eq!(nodes, [NodeId::Host(0), NodeId::Host(1), NodeId::Switch(0)]);
    let cables: Vec<_> =
        topology.cables().iter().map(|cable| (cable.a.node, cable.b.node, cable.line, cable.loss)).collect();
    let line = |bps, ns| LinkConfig { rate: Rate::from_bps(bps), latency: Dur::from_ns(ns) };
    let thousandth = Ratio::new(1, 1_000).expect("a probability");
    assert_eq!(cables[0].2, line(100_000_000_000, 1_000));
    assert_eq!(cables[0].3.numerator, 0);
    assert_eq!(cables[1], (NodeId::Host(1), NodeId::Switch(0), line(2_500_000_000, 500), thousandth));
}

#[test]
fn switches_may_stand_anywhere() {
    let text = "4 2 3\n3 1\n0 1 1000000bps 1s 0\n1 3 1000Kbps 1ms 0\n3 2 1Mbps 1ps 1\n";
    let nodes = parse(text).expect("a line").nodes;
    assert_eq!(nodes, [NodeId::Host(0), NodeId::Switch(0), NodeId::Host(1), NodeId::Switch(1)]);
}

#[test]
fn errors_have_a_place_and_a_remedy() {
    // What is wrong, where (the word before the place of what is missing), what is allowed.
    let table = [
        ("", "the file ends where the number of nodes should be", "", "NODES SWITCHES LINKS"),
        ("2 0", "the file ends where the number of links should be", "0", "NODES SWITCHES LINKS"),
        ("two 0 1", "the number of nodes cannot be `two`", "two", "0 to 131072"),
        ("99999999 0 1", "the number of nodes cannot be `99999999`", "99999999", "0 to 131072"),
        ("2 3 1", "the number of switches cannot be `3`", "3", "0 to 2"),
        ("3 1 2\n3", "a switch cannot be `3`", "3", "0 to 2"),
        ("3 2 2\n2\n2", "node 2 is listed as a switch twice", "2", "once"),
        ("2 0 1\n\n0 7 1Gbps 1ns 0", "a link's second node cannot be `7`", "7", "0 to 1"),
        ("2 0 1\n0 0 1Gbps 1ns 0", "a link from node 0 to itself", "0", "another node"),
        ("2 0 1\n0 1 1Gb 1ns 0", "a link's rate cannot be `1Gb`", "1Gb", "1Mbps to 1600Gbps"),
        ("2 0 1\n0 1 999999bps 1ns 0", "a link's rate cannot be `999999bps`", "999999bps", "1Mbps to"),
        ("2 0 1\n0 1 -1Gbps 1ns 0", "a link's rate cannot be `-1Gbps`", "-1Gbps", "1Mbps to"),
        ("2 0 1\n0 1 1601Gbps 1ns 0", "a link's rate cannot be `1601Gbps`", "1601Gbps", "to 1600Gbps"),
        ("2 0 64000000", "the number of links cannot be `64000000`", "64000000", "0 to 1048576"),
        ("2 0 1\n0 1 1Gbps 1h 0", "a link's delay cannot be `1h`", "1h", "1ps to 1s"),
        ("2 0 1\n0 1 1Gbps 0ns 0", "a link's delay cannot be `0ns`", "0ns", "1ps to 1s"),
        ("2 0 1\n0 1 1Gbps 1001ms 0", "a link's delay cannot be `1001ms`", "1001ms", "1ps to 1s"),
        ("2 0 1\n0 1 1Gbps 1ns 1.5", "a link's loss probability cannot be `1.5`", "1.5", "0 to 1"),
        ("2 0 1\n0 1 1Gbps 1ns 1e-3", "a link's loss probability cannot be `1e-3`", "1e-3", "0.001"),
        ("2 0 1\n0 1 1Gbps 1ns 0\n\nmore", "the file goes on after the last link", "more", "NODES SWITCHES LINKS"),
        ("3 0 1\n0 1 1Gbps 1ns 0", "host 2 has no cable", "0", "counted from 0"),
    ];
    for (text, message, word, remedy) in table {
        let error = parse(text).expect_err(text);
        assert_eq!((error.to_string().as_str(), &text[error.at.clone()]), (message, word), "{text:?}");
        assert!(error.fault.remedy().contains(remedy), "{text:?}: {}", error.fault.remedy());
    }
    let twice = parse("3 2 2\n2\n2").expect_err("a switch is listed twice");
    assert_eq!(twice.at, 8..9, "the second one");
}
