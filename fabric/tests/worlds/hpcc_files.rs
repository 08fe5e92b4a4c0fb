//! The published topology files, where they are at hand.

use fabric::topology::hpcc::{Imported, parse};
use fabric::{NodeId, Topology};
use std::path::{Path, PathBuf};

/// Where the files may lie; they are not part of the project.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// Reads a file, or says that it is not there.
fn import(name: &str) -> Option<Imported> {
    let path = data().join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn size(topology: &Topology) -> (u32, u32, usize) {
    (topology.host_count(), topology.switch_count(), topology.cables().len())
}

#[test]
fn all_files_parse_and_have_their_size() {
    let table = [
        ("fat.txt", (320, 56, 480)),
        ("speed/W1j/topo.txt", (2, 0, 1)),
        ("speed/W2/topo.txt", (17, 1, 17)),
        ("speed/W2x/topo.txt", (17, 1, 17)),
        ("speed/W3k4/topo.txt", (16, 20, 48)),
        ("speed/W3k8/topo.txt", (128, 80, 384)),
        ("speed/W4/topo.txt", (320, 56, 480)),
    ];
    for (name, expected) in table {
        if let Some(Imported { topology, nodes }) = import(name) {
            assert_eq!(size(&topology), expected, "{name}");
            assert_eq!(nodes.len() as u32, expected.0 + expected.1, "{name}");
            assert_eq!(nodes[0], NodeId::Host(0), "{name}");
        }
    }
}

#[test]
fn the_fat_tree_of_the_paper_has_all_its_ways() {
    let Some(Imported { topology, .. }) = import("fat.txt") else {
        return;
    };
    let routes = topology.routes();
    for switch in 0..topology.switch_count() {
        for endpoint in (0..topology.endpoint_count()).map(fabric::address::Endpoint) {
            assert!(!routes[switch as usize].ports(endpoint).is_empty(), "switch {switch} to {endpoint}");
        }
    }
    assert_eq!(topology.look_ahead(), des::Dur::from_us(1));
}
