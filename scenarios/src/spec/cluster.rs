//! The machines: `[cluster]`, `[provider]`.

use super::policy::Policy;
use super::{Topology, text};
use provider::ndk::{NdkVersion, ObjectKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[cluster]`: the nodes and what connects them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Nodes, at least two.
    pub nodes: u16,
    /// How they are connected.
    pub topology: Topology,
    /// Rate of every link, in 10^9 bit/s.
    pub rate_gbps: u32,
    /// Rate of the links between switches, if another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fabric_rate_gbps: Option<u32>,
    /// Latency of every cable that has no table of its own.
    pub link_latency_ns: u64,
    /// `[cluster.host_cable]`: what the latency between a node and its switch, or two nodes, is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_cable: Option<CableDelay>,
    /// `[cluster.fabric_cable]`: what the latency between switches is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fabric_cable: Option<CableDelay>,
    /// Path MTU: 256, 512, 1024, 2048 or 4096.
    pub mtu_bytes: u16,
    /// Processors of every node.
    pub processors: u8,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            nodes: 2,
            topology: Topology::Star,
            rate_gbps: 100,
            fabric_rate_gbps: None,
            link_latency_ns: 500,
            host_cable: None,
            fabric_cable: None,
            mtu_bytes: 4096,
            processors: 4,
        }
    }
}

impl Cluster {
    /// Writes down the number of nodes where it follows from the topology.
    pub(super) fn fill_in(&mut self) {
        if let Some(nodes) = self.topology.derived_nodes() {
            self.nodes = u16::try_from(nodes).unwrap_or(u16::MAX);
        }
    }

    /// The name of a node.
    #[must_use]
    pub fn node_name(index: u16) -> String {
        format!("node{index}")
    }

    /// The cables by their two ends, in the order of the nodes. Those of larger fabrics have no names.
    #[must_use]
    pub fn cables(&self) -> Vec<Cable> {
        let ends: Vec<[String; 2]> = match self.topology {
            Topology::Star => (0..self.nodes).map(|node| [Self::node_name(node), "switch".to_owned()]).collect(),
            Topology::BackToBack => vec![[Self::node_name(0), Self::node_name(1)]],
            _ => Vec::new(),
        };
        ends.into_iter().map(|ends| Cable { ends }).collect()
    }
}

/// What the latency of a cable is made of: 4.9 ns for each metre, and both ends. It stands for `link_latency_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CableDelay {
    /// Length.
    pub length_m: u32,
    /// PHYs of both ends together: serialisers, PCS, transceivers.
    pub phy_latency_ns: u64,
    /// Forward error correction: encoding and decoding together.
    pub fec_latency_ns: u64,
}

/// A cable: two links, one in each direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cable {
    /// The names of what it connects.
    pub ends: [String; 2],
}

impl Cable {
    /// Its name, such as `node0-switch`: what a capture records.
    #[must_use]
    pub fn name(&self) -> String {
        self.ends.join("-")
    }

    /// The names of its links, such as `node0->switch` and `switch->node0`: what a wire fault strikes.
    #[must_use]
    pub fn links(&self) -> [String; 2] {
        let [first, second] = &self.ends;
        [format!("{first}->{second}"), format!("{second}->{first}")]
    }
}

/// `[provider]`: what the NDK provider of every node offers, and how its creations complete.
///
/// A kind may be in one of the three lists. One that is in none is created pending, but a PD inline: it is bookkeeping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// The NDK version that consumers open adapters with.
    #[serde(with = "text::one")]
    #[schemars(with = "text::Spelled<NdkVersion>")]
    pub version: NdkVersion,
    /// Kinds created before the create function returns.
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<text::Spelled<ObjectKind>>")]
    pub inline: Vec<ObjectKind>,
    /// Kinds whose create function returns PENDING and completes later.
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<text::Spelled<ObjectKind>>")]
    pub pending: Vec<ObjectKind>,
    /// Kinds whose create function returns PENDING after the completion callback has run inside it.
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<text::Spelled<ObjectKind>>")]
    pub inside_call: Vec<ObjectKind>,
    /// What it does where the contract leaves it open.
    #[serde(skip_serializing_if = "Policy::is_default")]
    pub policy: Policy,
    /// Nodes whose provider chooses otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node: Vec<NodeProvider>,
}

/// A row of `[[provider.node]]`: what one node's provider does otherwise than those of the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeProvider {
    /// Which node.
    pub node: u16,
    /// Its choices; where it has none, those of `[provider.policy]` hold.
    pub policy: Policy,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            version: NdkVersion::V2_0,
            inline: Vec::new(),
            pending: Vec::new(),
            inside_call: Vec::new(),
            policy: Policy::default(),
            node: Vec::new(),
        }
    }
}

/// When a creation completes, seen from the create function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It returns the object.
    Inline,
    /// It returns PENDING; the completion comes later.
    Pending,
    /// The completion comes before it returns PENDING.
    InsideCall,
}

impl Provider {
    /// When the creation of a `kind` completes.
    #[must_use]
    pub fn creation(&self, kind: ObjectKind) -> Creation {
        if self.inline.contains(&kind) {
            Creation::Inline
        } else if self.inside_call.contains(&kind) {
            Creation::InsideCall
        } else if self.pending.contains(&kind) || kind != ObjectKind::Pd {
            Creation::Pending
        } else {
            Creation::Inline
        }
    }

    /// What a node's provider does where the contract leaves it open.
    #[must_use]
    pub fn policy_of(&self, node: u16) -> provider::engine::Policy {
        let rows = self.node.iter().filter(|row| row.node == node);
        rows.fold(self.policy.clone(), |policy, row| row.policy.over(&policy)).chosen()
    }

    /// Puts every kind into the list that it is created by, so that nothing is left to know.
    pub(super) fn fill_in(&mut self) {
        let (mut inline, mut pending, mut inside_call) = (Vec::new(), Vec::new(), Vec::new());
        for kind in text::created_kinds() {
            match self.creation(kind) {
                Creation::Inline => inline.push(kind),
                Creation::Pending => pending.push(kind),
                Creation::InsideCall => inside_call.push(kind),
            }
        }
        *self = Self { inline, pending, inside_call, ..std::mem::take(self) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_ends_in_one_list() {
        let mut settings = Provider { inside_call: vec![ObjectKind::Mr], ..Provider::default() };
        settings.fill_in();
        assert_eq!(settings.inline, [ObjectKind::Pd]);
        assert_eq!(settings.inside_call, [ObjectKind::Mr]);
        assert_eq!(settings.pending.len(), 7);
        let again = settings.clone();
        settings.fill_in();
        assert_eq!(settings, again);
    }

    #[test]
    fn a_node_chooses_otherwise_where_it_says_so() {
        let text =
            "[policy]\nretry_connect = false\ntoken_of_nothing = 7\n[[node]]\nnode = 1\npolicy.token_of_nothing = 9\n";
        let provider: Provider = toml::from_str(text).expect("one node differs");
        let chosen = |node| {
            let policy = provider.policy_of(node);
            (policy.retry_connect, policy.token_of_nothing)
        };
        assert_eq!((chosen(0), chosen(1)), ((false, 7), (false, 9)));
        assert_eq!(toml::from_str(&toml::to_string(&provider).expect("a table")), Ok(provider));
    }

    #[test]
    fn cables_are_named_by_their_ends() {
        let star = Cluster { nodes: 3, ..Cluster::default() };
        assert_eq!(star.cables().len(), 3);
        assert_eq!(star.cables()[2].name(), "node2-switch");
        assert_eq!(star.cables()[2].links(), ["node2->switch", "switch->node2"]);
        let pair = Cluster { topology: Topology::BackToBack, ..Cluster::default() };
        assert_eq!(pair.cables()[0].name(), "node0-node1");
    }
}
