//! Calibration: experiments that others have measured on hardware, repeated on the model over their whole range.
//!
//! Reading order: [`Point`] and [`EXPERIMENTS`] here, one module an experiment (`dma`, `iotlb`, `rates`, `link_bytes`,
//! `bottlenecks`, `payload`, `atomics`, `contexts`), `bench` (two adapters under load), `published` (what was measured, with
//! sources), `table` and `plot` (what is shown).
//!
//! Invariants: an experiment sets up what its source describes and reads the result off; what was published is used for
//! comparison alone, never by an experiment.

mod atomics;
mod bench;
mod bottlenecks;
mod contexts;
mod dma;
mod iotlb;
mod link_bytes;
mod payload;
mod plot;
mod published;
mod rates;
mod table;
#[cfg(test)]
mod tests;

pub use plot::svg;
pub use table::{Row, human, json, quality};

use nic_model::profile::{Profile, load};

/// A value in thousandths of its unit.
pub type Milli = u64;

/// One measurement of the model, and what hardware showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Number of the experiment.
    pub experiment: u8,
    /// Adapter.
    pub profile: &'static str,
    /// Which curve.
    pub series: String,
    /// Where on the curve; what it counts is the experiment's [`axis`](Experiment::axis).
    pub x: u64,
    /// Unit of the values.
    pub unit: &'static str,
    /// What the model gives.
    pub model: Milli,
    /// What was measured, if it is known.
    pub published: Option<Milli>,
}

/// An experiment.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its number in the list of the calibration data.
    pub number: u8,
    /// What it measures.
    pub title: &'static str,
    /// What its x counts.
    pub axis: &'static str,
    /// How far apart places on the axis are in a picture.
    pub scale: Scale,
    /// Series of the same group are shown together.
    group: fn(&str) -> &str,
    /// The adapters that it is about.
    pub profiles: &'static [&'static str],
    run: fn(&mut Runner<'_>),
}

/// How far apart places on an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As their difference.
    Linear,
    /// As their ratio.
    Log2,
}

/// All series belong together.
const fn together(_: &str) -> &str {
    ""
}

/// All experiments, by number.
pub const EXPERIMENTS: [Experiment; 8] = [
    dma::EXPERIMENT,
    iotlb::EXPERIMENT,
    rates::EXPERIMENT,
    link_bytes::EXPERIMENT,
    bottlenecks::EXPERIMENT,
    payload::EXPERIMENT,
    atomics::EXPERIMENT,
    contexts::EXPERIMENT,
];

/// How much of an experiment is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The whole axis.
    Whole,
    /// Points with a published value only, with fewer requests each.
    Quick,
}

/// Collects points.
pub(crate) struct Runner<'a> {
    experiment: &'a Experiment,
    only: Option<&'a str>,
    extent: Extent,
    published: published::Published,
    told: &'a mut dyn FnMut(&Point),
    points: Vec<Point>,
}

impl Runner<'_> {
    /// The profile of this name, unless another one was asked for.
    fn profile(&self, name: &'static str) -> Option<Profile> {
        let wanted = self.only.is_none_or(|only| only == name);
        wanted.then(|| load(name).unwrap_or_else(|error| panic!("a profile of the model is wrong: {error}")))
    }

    /// One point, measured unless it lies outside of what is to be done.
    fn point(&mut self, profile: &Profile, series: &str, x: u64, unit: &'static str, model: impl FnOnce() -> Milli) {
        let published = self.published.value(profile.name, series, x);
        if self.extent == Extent::Quick && published.is_none() {
            return;
        }
        let experiment = self.experiment.number;
        let (series, model) = (series.to_owned(), model());
        let point = Point { experiment, profile: profile.name, series, x, unit, model, published };
        (self.told)(&point);
        self.points.push(point);
    }

    /// Requests of a measurement: fewer where a quick look is enough.
    fn requests(&self, whole: u64) -> u64 {
        if self.extent == Extent::Quick { whole / 4 } else { whole }
    }
}

/// Runs an experiment on its profiles, or on the one called `only`. `told` hears of every point.
///
/// # Panics
/// If the published data in this crate are wrong, which its tests rule out.
pub fn run(experiment: &Experiment, only: Option<&str>, extent: Extent, told: &mut dyn FnMut(&Point)) -> Vec<Point> {
    let published = published::load(experiment.number);
    let mut runner = Runner { experiment, only, extent, published, told, points: Vec::new() };
    (experiment.run)(&mut runner);
    runner.points
}

/// Requests per second in thousandths of millions.
const fn mops(per_second: u64) -> Milli {
    per_second / 1_000
}
