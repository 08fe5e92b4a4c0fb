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
    let text = "4 2 3\n3 1\n0 1 1bps 1s 0\n1 3 1Kbps 1ms 0\n3 2 1Mbps 1ps 1\n";
    let nodes = parse(text).expect("a line").nodes;
    assert_eq!(nodes, [NodeId::Host(0), NodeId::Switch(0), NodeId::Host(1), NodeId::Switch(1)]);
}

#[test]
fn errors_name_the_line() {
    let table = [
        ("", "line 1: the file ends where the number of nodes should be"),
        ("2 0", "line 1: the file ends where the number of links should be"),
        ("two 0 1", "line 1: the number of nodes cannot be \"two\""),
        ("99999999 0 1", "line 1: the number of nodes is 99999999, the limit is 16777214"),
        ("2 3 1", "line 1: the number of switches is 3, the limit is 2"),
        ("3 1 2\n3", "line 2: a switch is 3, the limit is 2"),
        ("3 2 2\n2\n2", "line 3: node 2 is listed as a switch twice"),
        ("2 0 1\n\n0 2 1Gbps 1ns 0", "line 3: a link's second node is 2, the limit is 1"),
        ("2 0 1\n0 0 1Gbps 1ns 0", "line 2: a link from node 0 to itself"),
        ("2 0 1\n0 1 1Gb 1ns 0", "line 2: a link's rate cannot be \"1Gb\""),
        ("2 0 1\n0 1 0Gbps 1ns 0", "line 2: a link's rate cannot be \"0Gbps\""),
        ("2 0 1\n0 1 -1Gbps 1ns 0", "line 2: a link's rate cannot be \"-1Gbps\""),
        ("2 0 1\n0 1 99999999999Gbps 1ns 0", "line 2: a link's rate cannot be \"99999999999Gbps\""),
        ("2 0 1\n0 1 999999999Gbps 1ns 0", "line 2: a link's rate is 999999999Gbps, the limit is 1600Gbps"),
        ("2 0 64000000", "line 1: the number of links is 64000000, the limit is 1048576"),
        ("2 0 1\n0 1 1Gbps 1h 0", "line 2: a link's delay cannot be \"1h\""),
        ("2 0 1\n0 1 1Gbps 1ns 1.5", "line 2: a link's loss probability cannot be \"1.5\""),
        ("2 0 1\n0 1 1Gbps 1ns 1e-3", "line 2: a link's loss probability cannot be \"1e-3\""),
        ("2 0 1\n0 1 1Gbps 1ns 0\n\nmore", "line 4: \"more\" after the last link"),
        ("3 0 1\n0 1 1Gbps 1ns 0", "up to line 2: host 2 has no cable"),
    ];
    for (text, error) in table {
        assert_eq!(parse(text).map(|_| ()).map_err(|error| error.to_string()), Err(error.into()), "{text:?}");
    }
}
