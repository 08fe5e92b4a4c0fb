//! The conformance suite on two real devices.

use super::RealCluster;
use super::cluster::How;
use crate::conformance::{Trial, ran};
use crate::spec::Scenario;
use conformance::{Bench, Lab, LabError, Ran, Setup};
use des::Dur;
use provider::consumer::Session;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZero;
use verbs::Options;

/// Time that a case may take before it counts as hanging; some wait for a peer that never answers.
const LIMIT: Dur = Dur::from_ms(1_000);

/// The cases' waits are meant for simulated devices. Even emulated ones are quick enough for waits that are so much longer.
const PACE: NonZero<u32> = NonZero::new(100).expect("a hundred is not zero");

/// A dead peer shows in a third of a second: acknowledgements are waited for 67 ms, four times.
const OPTIONS: Options = Options { retries: 4, not_ready_retries: 4, ack_timeout: Some(14), resolve_timeout_ms: 2_000 };

/// Sets up benches of two devices.
#[derive(Clone, Debug)]
pub struct RealLab {
    devices: [String; 2],
}

impl RealLab {
    /// Cases will run on these two.
    #[must_use]
    pub fn new(devices: [String; 2]) -> Self {
        Self { devices }
    }
}

/// Two devices with their nodes.
#[derive(Debug)]
pub struct RealBench {
    cluster: RealCluster,
}

impl Lab for RealLab {
    type Bench = RealBench;

    fn bench(&self, setup: &Setup) -> Result<RealBench, LabError> {
        let trial = Trial { setup: setup.clone(), call: Dur::ZERO };
        let how = How { options: OPTIONS, pace: PACE, limit: LIMIT };
        let cluster = RealCluster::on_trial(&Scenario::named("conformance"), &self.devices, how, &trial)
            .map_err(|error| LabError(error.to_string()))?;
        Ok(RealBench { cluster })
    }
}

impl Bench for RealBench {
    fn session(&self, node: usize) -> Session {
        self.cluster.session(node)
    }

    fn address(&self, node: usize) -> IpAddr {
        self.cluster.address(node)
    }

    /// Devices are found by their IPv4 addresses.
    fn ipv6(&self, _node: usize) -> Option<Ipv6Addr> {
        None
    }

    fn run(&mut self) -> Ran {
        ran(self.cluster.run(None, &|| 0))
    }
}
