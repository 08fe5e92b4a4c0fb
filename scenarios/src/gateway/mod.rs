//! A simulated NIC in real time on a real Ethernet: a RoCEv2 peer for anybody's stack, with faults on demand.
//!
//! Reading order: [`Options`] and [`run`] here, `peer` (the node, the port and the clock), `services` (what it can talk with:
//! `rping`, `ucmatose`, `perftest`), [`report`].
//!
//! Invariants:
//! * the node is that of every scenario, with the checker on top; only the clock and the cable are real;
//! * no clock is read here: the caller lends one.

mod ledger;
mod peer;
pub mod report;
mod services;

pub use self::report::{GatewayReport, SessionReport};
pub use services::{Call, Sizes, Tool};

use crate::node::{self, stack};
use crate::spec::Provider;
use des::Time;
use gateway::{Ether, Faults, Identity, Port};
use ledger::Ledger;
use nic_model::config::{Config as NicConfig, PortConfig};
use peer::Peer;
use provider::ndk::NdkVersion;
use provider::sim;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;
use wire::Mac;

/// What a gateway is to be and to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who it is.
    pub identity: Identity,
    /// Largest path MTU, in bytes.
    pub path_mtu_bytes: u32,
    /// Faults on RoCE packets.
    pub faults: Faults,
    /// Tools that may connect to it.
    pub serve: Vec<Tool>,
    /// Sessions that it begins itself.
    pub calls: Vec<Call>,
    /// Messages and their size, where a tool does not say them.
    pub sizes: Sizes,
    /// Ends after so many sessions that others began; for ever if not said and nothing is called.
    pub sessions: Option<u64>,
    /// Ends after so long.
    pub time_limit: Option<Duration>,
    /// Tells this life from another one of the same address.
    pub life: u32,
}

/// What a gateway stands on.
pub struct Surroundings<'a> {
    /// The Ethernet.
    pub ether: Box<dyn Ether>,
    /// Takes the capture.
    pub capture: Option<Box<dyn Write>>,
    /// Time since some moment.
    pub clock: &'a dyn Fn() -> Duration,
    /// Whether the user wants it to end.
    pub stop: &'a dyn Fn() -> bool,
    /// Takes lines of progress.
    pub say: &'a mut dyn FnMut(&str),
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("ether", &self.ether).finish_non_exhaustive()
    }
}

/// Why a gateway could not go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The Ethernet or the capture failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The simulated device did not start.
    #[error("the device did not start: {0}")]
    Device(#[from] sim::BringUpError),
}

/// The router of the simulated host: the port, which knows who has which Ethernet address.
const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);

/// Where `udaddy` of rdma-core expects the other side.
const UDADDY_PORT: u16 = 7174;

/// Half a second: an emulated peer takes its time, and what it has not lost is not to be sent again. Assumed.
const ACK_TIMEOUT: u8 = 17;

/// Runs until all sessions are over, the time limit, or the user's wish.
///
/// # Errors
/// See [`GatewayError`].
pub fn run(options: &Options, surroundings: Surroundings<'_>) -> Result<GatewayReport, GatewayError> {
    let Surroundings { ether, capture, clock, stop, say } = surroundings;
    let identity = &options.identity;
    let provider = Provider { version: NdkVersion::V2_0, ..Provider::default() };
    let device = node::Device { nic: nic(identity.mac), driver: driver(options), mapping: None };
    let node = node::assemble(device, false, 1, |backend| {
        let plan = node::NodePlan::default();
        stack::healthy(backend, (&provider, 0), &plan, None, options.faults.seed, "gateway")
    })?;
    let mut port = Port::new(ether, identity, &options.faults);
    if let Some(sink) = capture {
        port.capture(sink)?;
    }
    let ledger = Ledger::new(options.sessions, options.calls.len());
    services::start(&node.session(), options, &ledger);
    let mut peer = Peer::new(node, port);
    let limit = options.time_limit.map_or(Time::MAX, peer::moment);
    peer.run(clock, limit, &mut || {
        ledger.take_lines().iter().for_each(|line| say(line));
        stop() || ledger.is_finished()
    })?;
    Ok(report::make(peer, &ledger)?)
}

fn nic(mac: Mac) -> NicConfig {
    let generic = NicConfig::generic(0);
    let [a, b, c, d, e, f] = mac.0;
    // EUI-64 from the Ethernet address, as ports have it.
    let guid = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    NicConfig { node_guid: guid, ports: vec![PortConfig { mac, guid }], ..generic }
}

fn driver(options: &Options) -> sim::Config {
    let addresses: Vec<IpAddr> = options.identity.addresses.iter().map(|&(address, _)| address).collect();
    sim::Config {
        addresses,
        router: Some(ROUTER),
        echo_port: Some(UDADDY_PORT),
        connections: sim::cm::Settings {
            path_mtu_bytes: options.path_mtu_bytes,
            first_id: options.life,
            ack_timeout: ACK_TIMEOUT,
            ..sim::cm::Settings::default()
        },
        ..sim::Config::default()
    }
}
