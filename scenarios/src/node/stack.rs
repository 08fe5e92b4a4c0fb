//! The provider of a node with its layers: the consumer's mistakes on top, the checker, creation faults below it, then the engine and the driver.

use super::NodePlan;
use super::careless::Careless;
use super::planted::Buggy;
use crate::conformance::Trial;
use crate::spec::planted::Bug;
use crate::spec::{Creation, Provider};
use conformance::ideal::engine_config;
use conformance::mutant::Mutant;
use des::Time;
use host::HostBus;
use provider::backend::Backend;
use provider::check::{Checked, Finding, Settings};
use provider::engine::{Config, Engine, Style};
use provider::fault::{FaultLayer, RowReport};
use provider::ndk::{CallKind, NdkProvider};

/// What a node needs of its provider, whatever its layers are.
pub(crate) trait Stack: NdkProvider<Host = dyn HostBus> + Send {
    /// All that the checker found, judged at the end of the run; `quiescent`: nothing more can happen.
    fn finish(&mut self, host: &mut (dyn HostBus + 'static), now: Time, quiescent: bool) -> Vec<Finding>;

    /// What became of the rows of the fault layer, in their order.
    fn fault_reports(&self) -> Vec<RowReport>;

    /// Opens rows of the fault layer from `at` on.
    fn open_row(&mut self, id: &str, at: Time);

    /// Whether a row of the fault layer has struck.
    fn has_fired(&self, id: &str) -> bool;
}

impl<P: NdkProvider<Host = dyn HostBus> + Send> Stack for Checked<Buggy<FaultLayer<P>>> {
    fn finish(&mut self, host: &mut (dyn HostBus + 'static), now: Time, quiescent: bool) -> Vec<Finding> {
        if quiescent { self.finish_quiescent(host, now).to_vec() } else { Checked::finish(self, now).to_vec() }
    }

    fn fault_reports(&self) -> Vec<RowReport> {
        self.inner().inner().reports()
    }

    fn open_row(&mut self, id: &str, at: Time) {
        self.inner_mut().inner_mut().open(id, at);
    }

    fn has_fired(&self, id: &str) -> bool {
        self.inner().inner().has_fired(id)
    }
}

/// What the engine can stand on: the driver of the simulated NIC, or a real device.
pub(crate) trait Device: Backend<Host = dyn HostBus> + Send + 'static {}

impl<B: Backend<Host = dyn HostBus> + Send + 'static> Device for B {}

/// Puts the layers over a driver.
pub(crate) fn healthy(
    backend: impl Device,
    (provider, node): (&Provider, u16),
    plan: &NodePlan,
    bug: Option<Bug>,
    seed: u64,
    label: &str,
) -> Box<dyn Stack> {
    let engine = Engine::new(backend, config(provider, node));
    let faulty = FaultLayer::new(engine, plan.layer_rows(), seed, label);
    Box::new(Careless::new(Checked::new(Buggy::new(faulty, bug), Settings::default()), bug))
}

/// Puts the layers of a conformance case over a driver, a defect among them if there is one to be tried.
pub(crate) fn on_trial(backend: impl Device, trial: &Trial, node: usize, label: &str) -> Box<dyn Stack> {
    let config = engine_config(&trial.setup);
    let rows = trial.setup.faults.iter().filter(|(at, _)| *at == node).map(|(_, row)| row.clone()).collect();
    let mutant = Mutant::new(Engine::new(backend, config), trial.setup.defect);
    let settings = Settings { call_duration: trial.call, ..Settings::default() };
    Box::new(Checked::new(Buggy::new(FaultLayer::new(mutant, rows, 0, label), None), settings))
}

/// The engine's configuration that a scenario asks for.
fn config(provider: &Provider, node: u16) -> Config {
    let policy = provider.policy_of(node);
    let mut config = Config { versions: vec![provider.version], policy, ..Config::default() };
    for &call in CallKind::ALL {
        if let Some(kind) = call.creates() {
            let style = match provider.creation(kind) {
                Creation::Inline => Style::Inline,
                Creation::Pending => Style::Pending,
                Creation::InsideCall => Style::InsideCall,
            };
            config.styles.insert(call, style);
        }
    }
    config
}
