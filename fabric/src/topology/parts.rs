//! A topology's switches and links, ready to run.

use crate::address::switch_mac;
use crate::link::Link;
use crate::rule::{Loss, Matcher, Pick, Rule, RuleSpec, Verdict};
use crate::switch::{ConfigError, PortConfig, Switch, SwitchConfig};
use crate::topology::{CableEnd, NodeId, Topology};
use des::Rng;

impl Topology {
    /// All switches, with their routes, of a run with `seed`.
    ///
    /// # Errors
    /// If the settings contradict each other on one of them.
    pub fn build_switches(&self, config: &SwitchConfig, seed: u64) -> Result<Vec<Switch>, ConfigError> {
        let mut switches = Vec::with_capacity(self.switches.len());
        for (number, routes) in (0..).zip(self.routes()) {
            let ends = self.ports(NodeId::Switch(number));
            let port_config = |(port, end): (u16, &CableEnd)| PortConfig {
                link: end.link,
                cable: self.cables[end.cable].line,
                mac: switch_mac(number, port),
            };
            let ports: Vec<_> = (0..).zip(ends).map(port_config).collect();
            let mut switch = Switch::new(number, config.clone(), &ports, routes, seed)?;
            for (port, end) in (0..).zip(ends) {
                self.add_loss(end, switch.link_mut(port), seed);
            }
            switches.push(switch);
        }
        Ok(switches)
    }

    /// The links on which the ports of a host send, of a run with `seed`.
    ///
    /// # Panics
    /// If there is no such host.
    #[must_use]
    pub fn build_uplinks(&self, host: u32, seed: u64) -> Vec<Link> {
        let build = |end: &CableEnd| {
            let mut link = Link::new(end.link, self.cables[end.cable].line);
            self.add_loss(end, &mut link, seed);
            link
        };
        self.ports(NodeId::Host(host)).iter().map(build).collect()
    }

    /// Gives the links of a cable that loses frames the rule that does it.
    fn add_loss(&self, end: &CableEnd, link: &mut Link, seed: u64) {
        let loss = self.cables[end.cable].loss;
        if loss.numerator > 0 {
            let spec = RuleSpec::always(Matcher::Any, Pick::Chance(loss), Verdict::Drop(Loss::Rule));
            let rng = Rng::stream(seed, &format!("fabric.link.{}.loss", end.link.0));
            link.add_rule(Rule::new(spec, rng));
        }
    }
}
