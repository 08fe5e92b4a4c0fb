//! What makes a topology impossible.

use crate::topology::{NodeId, PortRef};

/// Why there is no such topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Nobody sends.
    #[error("a topology needs at least 1 host")]
    NoHosts,
    /// A cable leads to a node that does not exist.
    #[error("cable {cable} leads to {node}, but there are {count} of them")]
    UnknownNode {
        /// Index of the cable.
        cable: usize,
        /// The node.
        node: NodeId,
        /// How many nodes of its kind there are.
        count: u32,
    },
    /// A cable leads back to where it came from.
    #[error("both ends of cable {cable} are at {node}")]
    SameNode {
        /// Index of the cable.
        cable: usize,
        /// The node.
        node: NodeId,
    },
    /// Two cables in one port.
    #[error("{port} is used by cable {first} and by cable {second}")]
    PortUsedTwice {
        /// The port.
        port: PortRef,
        /// Index of the first cable.
        first: usize,
        /// Index of the second cable.
        second: usize,
    },
    /// A port number is missing before others that are used.
    #[error("{port} has no cable, but higher ports have")]
    PortMissing {
        /// The port.
        port: PortRef,
    },
    /// A node without cables.
    #[error("{node} has no cable")]
    Unconnected {
        /// The node.
        node: NodeId,
    },
    /// A node with more cables than ports can be numbered.
    #[error("{node} has {actual} cables, the limit is {limit}")]
    TooManyPorts {
        /// The node.
        node: NodeId,
        /// Its cables.
        actual: u32,
        /// How many it may have.
        limit: u32,
    },
    /// More host ports than addresses.
    #[error("{actual} host ports need addresses, there are {limit}")]
    TooManyEndpoints {
        /// Ports of all hosts.
        actual: u64,
        /// Addresses.
        limit: u64,
    },
    /// More switches than can be numbered.
    #[error("{actual} switches are too many, the limit is {limit}")]
    TooManySwitches {
        /// Switches wanted.
        actual: u64,
        /// Switches possible.
        limit: u64,
    },
    /// More cables than a topology is built with.
    #[error("{actual} cables are too many, the limit is {limit}: choose fewer switches or hosts")]
    TooManyCables {
        /// Cables wanted.
        actual: u64,
        /// Cables possible.
        limit: u64,
    },
    /// More routes than fit in memory, or are found in a while.
    #[error(
        "routes of {switches} switches to {endpoints} host ports over {cables} cables between switches are too many: \
         switches times host ports may be {entries_max}, switches with hosts times such cables {ways_max}"
    )]
    TooManyRoutes {
        /// Switches.
        switches: u64,
        /// Ports of all hosts.
        endpoints: u64,
        /// Cables between switches.
        cables: u64,
        /// Limit of entries of all route tables.
        entries_max: u64,
        /// Limit of steps of finding routes.
        ways_max: u64,
    },
    /// Two hosts that no way connects.
    #[error("no way leads from {from} to {to}")]
    Unreachable {
        /// One of them.
        from: NodeId,
        /// The other.
        to: NodeId,
    },
    /// A parameter of a builder is out of its range.
    #[error("{topology}: {name} is {actual}, not in {min}..={max}")]
    Parameter {
        /// The builder.
        topology: &'static str,
        /// The parameter.
        name: &'static str,
        /// Its value.
        actual: u64,
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
    },
    /// Half of the ports of a fat tree's switches go up, the other half down.
    #[error("a fat tree of switches with {k} ports: the number must be even")]
    OddRadix {
        /// Ports of a switch.
        k: u32,
    },
}
