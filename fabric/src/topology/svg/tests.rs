use super::*;
use crate::topology::{Cabling, Wiring};
use des::{Dur, Rate};

const CABLING: Cabling = Cabling {
    host: LinkConfig { rate: Rate::from_gbps(100), latency: Dur::from_ns(500) },
    fabric: LinkConfig { rate: Rate::from_gbps(400), latency: Dur::from_us(1) },
};

/// Topologies from 2 to 128 hosts.
fn topologies() -> Vec<(&'static str, Topology)> {
    let table = [
        ("back to back", Topology::back_to_back(CABLING)),
        ("star of 4", Topology::star(4, CABLING)),
        ("star of 128", Topology::star(128, CABLING)),
        ("leaf-spine 4 x 2 x 4", Topology::leaf_spine(4, 2, 4, CABLING)),
        ("fat tree k=4", Topology::fat_tree(4, CABLING)),
        ("fat tree k=8", Topology::fat_tree(8, CABLING)),
        ("dragonfly 2 2 1", Topology::dragonfly(2, 2, 1, CABLING)),
        ("dragonfly 4 2 2", Topology::dragonfly(4, 2, 2, CABLING)),
        ("rails 2 x 4 x 4", Topology::rail_optimised(2, 4, 4, 4, CABLING)),
    ];
    table.into_iter().map(|(name, topology)| (name, topology.expect("parameters are in range"))).collect()
}

#[test]
fn every_node_and_cable_is_drawn_inside_the_picture() {
    for (name, topology) in topologies() {
        let svg = topology.to_svg(name);
        let count = |element: &str| svg.matches(element).count();
        assert_eq!(count("<circle"), topology.host_count() as usize, "{name}");
        assert_eq!(count("<rect"), topology.switch_count() as usize + 1, "{name}");
        assert_eq!(count(" Q"), topology.cables().len(), "{name}");
        assert_eq!(count("<g"), count("</g>"), "{name}");
        let layout = Layout::new(&topology);
        let hosts = (0..topology.host_count()).map(NodeId::Host);
        let nodes: Vec<_> = hosts.chain((0..topology.switch_count()).map(NodeId::Switch)).collect();
        for &node in &nodes {
            let Point { x, y } = layout.at(node);
            assert!((0..=layout.width).contains(&x) && (0..=layout.height).contains(&y), "{name}: {node} at {x},{y}");
        }
        let places: std::collections::BTreeSet<_> =
            nodes.iter().map(|&node| layout.at(node)).map(|at| (at.x, at.y)).collect();
        assert_eq!(places.len(), nodes.len(), "{name}: no two nodes in one place");
    }
}

/// Cables of one rate and different lengths have colours and words of their own.
#[test]
fn the_legend_tells_latencies_apart() {
    let line = |ps| LinkConfig { rate: Rate::from_gbps(100), latency: Dur::from_ps(ps) };
    let cabling = Cabling { host: line(164_700), fabric: line(730_000) };
    let svg = Topology::leaf_spine(2, 2, 2, cabling).expect("a small one").to_svg("lengths");
    for (colour, text) in CABLE_COLOURS.iter().zip(["100.00 Gb/s, 164.700 ns", "100.00 Gb/s, 730.000 ns"]) {
        assert_eq!(svg.matches(text).count(), 1, "{text}");
        let cables = svg.lines().filter(|line| line.contains(" Q") && line.contains(colour));
        assert_eq!(cables.count(), 4, "{text}");
    }
    // Two texts of 23 letters, their strokes and gaps: more than four hosts are wide.
    assert!(
        svg.contains(&format!(r#"width="{}" height"#, 2 * (50 + 7 * 23) + 2 * MARGIN)),
        "the legend is whole: {svg}"
    );
}

#[test]
fn trees_have_rows_and_others_a_ring() {
    let rows = |topology: &Topology| {
        let layout = Layout::new(topology);
        let switches = (0..topology.switch_count()).map(|number| layout.at(NodeId::Switch(number)).y);
        switches.collect::<std::collections::BTreeSet<_>>().len()
    };
    let rows: Vec<_> = topologies().iter().map(|(name, topology)| (*name, rows(topology))).collect();
    assert_eq!(rows[..6].iter().map(|&(_, rows)| rows).collect::<Vec<_>>(), [0, 1, 1, 2, 3, 3]);
    assert!(rows[7].1 > 10, "{rows:?}");
}

#[test]
fn parallel_cables_are_apart_and_titles_are_text() {
    let mut wiring = Wiring::new();
    let hosts = wiring.hosts(2);
    (0..3).for_each(|_| wiring.cable(hosts[0], hosts[1], CABLING.host));
    let svg = wiring.finish().expect("two hosts").to_svg("<a> & b");
    let paths: std::collections::BTreeSet<_> = svg.lines().filter(|line| line.contains(" Q")).collect();
    assert_eq!(paths.len(), 3);
    assert!(svg.contains("&lt;a&gt; &amp; b"));
    assert!(svg.contains("2 hosts, 0 switches, 3 cables"));
}

#[test]
fn twenty_kinds_of_cable_look_different() {
    let mut wiring = Wiring::new();
    let hub = wiring.switches(1)[0];
    for gbps in 1..=20 {
        let host = wiring.host();
        wiring.cable(host, hub, LinkConfig { rate: Rate::from_gbps(gbps), latency: Dur::from_us(1) });
    }
    let svg = wiring.finish().expect("a star").to_svg("kinds");
    let looks = svg.lines().filter(|line| line.contains(" Q")).filter_map(|line| Some(line.split_once(" stroke=")?.1));
    assert_eq!(looks.collect::<std::collections::BTreeSet<_>>().len(), 20);
}
