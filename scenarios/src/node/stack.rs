//! The provider of a node with its layers: the checker on top, creation faults below it, then the engine and the driver.

use crate::conformance::Trial;
use crate::report::FaultRow;
use crate::spec::{CreateEffect, CreateFault, Creation, Provider};
use conformance::ideal::engine_config;
use conformance::mutant::Mutant;
use des::{Dur, Time};
use host::HostBus;
use provider::backend::Backend;
use provider::check::{Checked, Finding, Settings};
use provider::engine::{Config, Engine, Style};
use provider::fault::{Effect, FaultLayer, Outcome, Row, RowReport, Selector};
use provider::ndk::{CallKind, NdkProvider, Status};

/// Time that a creation pends where a row says no more than that it does: the order of a firmware command.
const PEND: Dur = Dur::from_us(10);

/// What a node needs of its provider, whatever its layers are.
pub(crate) trait Stack: NdkProvider<Host = dyn HostBus> + Send {
    /// All that the checker found, judged at the end of the run; `quiescent`: nothing more can happen.
    fn finish(&mut self, host: &mut (dyn HostBus + 'static), now: Time, quiescent: bool) -> Vec<Finding>;

    /// What became of the rows of the fault layer, in their order.
    fn fault_reports(&self) -> Vec<RowReport>;
}

impl<P: NdkProvider<Host = dyn HostBus> + Send> Stack for Checked<FaultLayer<P>> {
    fn finish(&mut self, host: &mut (dyn HostBus + 'static), now: Time, quiescent: bool) -> Vec<Finding> {
        if quiescent { self.finish_quiescent(host, now).to_vec() } else { Checked::finish(self, now).to_vec() }
    }

    fn fault_reports(&self) -> Vec<RowReport> {
        self.inner().reports()
    }
}

/// What the engine can stand on: the driver of the simulated NIC, or a real device.
pub(crate) trait Device: Backend<Host = dyn HostBus> + Send + 'static {}

impl<B: Backend<Host = dyn HostBus> + Send + 'static> Device for B {}

/// Puts the layers over a driver.
pub(crate) fn healthy(
    backend: impl Device,
    provider: &Provider,
    plan: &NodePlan,
    seed: u64,
    label: &str,
) -> Box<dyn Stack> {
    let engine = Engine::new(backend, config(provider));
    let faulty = FaultLayer::new(engine, plan.rows.clone(), seed, label);
    Box::new(Checked::new(faulty, Settings::default()))
}

/// Puts the layers of a conformance case over a driver, a defect among them if there is one to be tried.
pub(crate) fn on_trial(backend: impl Device, trial: &Trial, node: usize, label: &str) -> Box<dyn Stack> {
    let config = engine_config(trial.setup.creation);
    let rows = trial.setup.faults.iter().filter(|(at, _)| *at == node).map(|(_, row)| row.clone()).collect();
    let mutant = Mutant::new(Engine::new(backend, config), trial.setup.defect);
    let settings = Settings { call_duration: trial.call, ..Settings::default() };
    Box::new(Checked::new(FaultLayer::new(mutant, rows, 0, label), settings))
}

/// The engine's configuration that a scenario asks for.
fn config(provider: &Provider) -> Config {
    let mut config = Config { versions: vec![provider.version], ..Config::default() };
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

/// The rows of a scenario's plan that concern one node, as the fault layer takes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodePlan {
    rows: Vec<Row>,
    /// For each row of the layer, the row of the scenario that it comes from.
    origins: Vec<usize>,
}

impl NodePlan {
    /// What of `faults` concerns `node`.
    pub(crate) fn new(faults: &[CreateFault], node: u16) -> Self {
        let mut plan = Self::default();
        for (index, fault) in faults.iter().enumerate() {
            if fault.node.is_some_and(|only| only != node) {
                continue;
            }
            for nth in 0..u64::from(fault.times) {
                plan.rows.push(row(fault, u64::from(fault.nth) + nth));
                plan.origins.push(index);
            }
        }
        plan
    }

    /// Adds what became of the rows to the scenario's rows.
    pub(crate) fn add_to(&self, reports: &[RowReport], node: &str, rows: &mut [FaultRow]) {
        for (report, &origin) in reports.iter().zip(&self.origins) {
            let row = &mut rows[origin];
            row.fired += report.fired;
            if let Some(hit) = report.hits.first()
                && row.first_ps.is_none_or(|first| hit.time.as_ps() < first)
            {
                row.first_ps = Some(hit.time.as_ps());
                row.hit = Some(format!("{node}: {} (call {})", hit.kind.name(), hit.call));
            }
        }
    }
}

fn row(fault: &CreateFault, nth: u64) -> Row {
    let calls: Vec<CallKind> =
        CallKind::ALL.iter().copied().filter(|call| call.creates() == Some(fault.kind)).collect();
    let status = fault.status.unwrap_or(Status::INSUFFICIENT_RESOURCES);
    let delay = fault.delay_us.map_or(PEND, Dur::from_us);
    let effect = match fault.effect {
        CreateEffect::Fail => Effect::Fail(status),
        CreateEffect::Pend => Effect::Pend { after: delay, outcome: Outcome::Succeed },
        CreateEffect::PendFail => Effect::Pend { after: delay, outcome: Outcome::Fail(status) },
        CreateEffect::InsideCall => Effect::InsideCall(Outcome::Succeed),
        CreateEffect::Late => Effect::Late(delay),
        CreateEffect::Never => Effect::Never,
    };
    Row::new(Selector::calls(&calls).nth(nth), effect)
}
