//! The adapter that a scenario's `[nic]` and `[congestion]` describe.

use crate::spec::{NicProfile, NicTime, Scenario};
use fabric::address::Endpoint;
use nic_model::config::{Config, PortConfig};
use nic_model::congestion::Scheme;

/// The adapter with these addresses; `index` tells adapters apart.
pub(crate) fn config(scenario: &Scenario, own: Endpoint, index: u32, congestion: Scheme) -> Config {
    let NicProfile::Generic100g = scenario.nic.profile;
    let generic = Config::generic(index);
    let ports = vec![PortConfig { mac: own.mac(), guid: generic.ports[0].guid }];
    let config = Config { ports, congestion, ..generic };
    match scenario.nic.time {
        NicTime::Timed => config,
        NicTime::Zero => config.in_zero_time(),
    }
}
