//! A node from a scenario: its NIC, the driver that starts it, the provider's layers over it.

use super::stack::{self, Stack};
use super::{BusConfig, Core, Hardware, HostTiming, MappingCost, Node, NodePlan, Striker};
use crate::adapter;
use crate::cluster::ClusterError;
use crate::conformance::Trial;
use crate::spec::{Cluster, NicTime, Scenario};
use des::{Dur, Time};
use fabric::address::Endpoint;
use nic_model::Nic;
use nic_model::config::Config as NicConfig;
use nic_model::congestion::Scheme;
use provider::sim::{self, BringUpError, SimBackend};
use std::net::IpAddr;

/// What a node is made from.
pub(crate) struct Setup<'a> {
    pub host: u32,
    pub own: Endpoint,
    /// Everybody's endpoint, the own one included.
    pub neighbours: &'a [Endpoint],
    pub scenario: &'a Scenario,
    /// What it does about congestion.
    pub congestion: Scheme,
    /// A conformance case runs here.
    pub trial: Option<&'a Trial>,
}

/// A store on its way from a processor to the NIC; assumed.
const MMIO_WRITE: Dur = Dur::from_ns(250);
/// A provider call, a callback, a wake-up of a thread: the order of what Windows kernel code takes; assumed.
const CALL: Dur = Dur::from_ns(100);
const CALLBACK: Dur = Dur::from_ns(200);
const TASK_SWITCH: Dur = Dur::from_ns(1_500);

/// How often a driver looks after its device where machines may fail. Real ones do so every second or two (`mlx5_core`: 2 s);
/// a run is shorter. Assumed.
const WATCHDOG: Dur = Dur::from_ms(1);
/// What a command may take there; the longest queue of them in the library takes a tenth. Assumed.
const COMMAND_TIMEOUT: Dur = Dur::from_ms(50);

/// Builds a node and starts its device: what happens before time zero.
pub(crate) fn bring_up(setup: &Setup<'_>) -> Result<Node, ClusterError> {
    let scenario = setup.scenario;
    let zero = scenario.nic.time == NicTime::Zero;
    let label = format!("fault.{}", Cluster::node_name(setup.host as u16));
    let provider = |backend| -> Box<dyn Stack> {
        match setup.trial {
            Some(trial) => stack::on_trial(backend, trial, setup.host as usize, &label),
            None => {
                let plan = NodePlan::new(&scenario.fault, setup.host as u16);
                let bug = scenario.planted.map(|planted| planted.bug);
                stack::healthy(
                    backend,
                    (&scenario.provider, setup.host as u16),
                    &plan,
                    bug,
                    scenario.about.seed,
                    &label,
                )
            }
        }
    };
    let device = Device {
        nic: adapter::config(scenario, setup.own, setup.host, setup.congestion),
        driver: driver_config(setup),
        mapping: MappingCost::of_scenario(&scenario.nic),
    };
    let node = assemble(device, zero, scenario.cluster.processors, provider)
        .map_err(|error| ClusterError::Device { node: setup.host as usize, what: error.to_string() })?;
    // Starting the device is no part of the run: nothing of it is counted.
    node.core().strike_with(Striker::new(&scenario.fault, setup.host as u16, scenario.about.seed));
    Ok(node)
}

/// A NIC and what its driver is told.
pub(crate) struct Device {
    pub nic: NicConfig,
    pub driver: sim::Config,
    /// An IOMMU translates what the NIC says.
    pub mapping: Option<MappingCost>,
}

/// Builds a node around a device and starts it; `provider` puts the layers over the driver. With `zero`, nothing takes time.
pub(crate) fn assemble(
    device: Device,
    zero: bool,
    processors: u8,
    provider: impl FnOnce(SimBackend) -> Box<dyn Stack>,
) -> Result<Node, BringUpError> {
    let scale = |length| if zero { Dur::ZERO } else { length };
    let bus =
        BusConfig { mmio_write: scale(MMIO_WRITE), elide_payload: false, mapping: device.mapping, asks_wakes: false };
    let mut hardware = Hardware::new(Nic::new(device.nic), bus);
    hardware.begin(Time::ZERO);
    let backend = SimBackend::new(&mut hardware, device.driver)?;
    let timing = HostTiming { call: scale(CALL), callback: scale(CALLBACK), task_switch: scale(TASK_SWITCH) };
    let mut core = Core::new(hardware, provider(backend), timing, processors);
    core.started();
    Ok(Node::new(core))
}

/// Connection management where a peer may be gone for good: 5 messages, 17 ms apart, instead of minutes. Assumed.
fn impatient() -> sim::cm::Settings {
    sim::cm::Settings { response_timeout: 12, retries: 4, service_timeout: 14, ..sim::cm::Settings::default() }
}

fn driver_config(setup: &Setup<'_>) -> sim::Config {
    let neighbours = setup.neighbours.iter().flat_map(|endpoint| {
        [(IpAddr::V4(endpoint.ipv4()), endpoint.mac()), (IpAddr::V6(endpoint.ipv6()), endpoint.mac())]
    });
    let machines_fail = setup.scenario.fault.of_machines().next().is_some();
    sim::Config {
        addresses: vec![IpAddr::V4(setup.own.ipv4()), IpAddr::V6(setup.own.ipv6())],
        neighbours: neighbours.collect(),
        connections: sim::cm::Settings {
            path_mtu_bytes: u32::from(setup.scenario.cluster.mtu_bytes),
            ..if machines_fail { impatient() } else { sim::cm::Settings::default() }
        },
        dscp: adapter::dscp(adapter::PRIORITY),
        watchdog: machines_fail.then_some(WATCHDOG),
        command_timeout: if machines_fail { COMMAND_TIMEOUT } else { sim::Config::default().command_timeout },
        ..sim::Config::default()
    }
}
