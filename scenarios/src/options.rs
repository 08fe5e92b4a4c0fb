//! How to run a scenario: what is not part of the scenario itself.

use crate::record::Watch;
use crate::report::summary::SIMULATED;
use crate::spec::files::TopologyFile;
use bytes::Bytes;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a run needs besides its scenario. None of it but input and topology changes the trace hash.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The bytes that the workload works on.
    pub input: Bytes,
    /// Where they come from, for messages.
    pub input_path: PathBuf,
    /// The topology file, if the cluster has one.
    pub topology: TopologyFile,
    /// The cables to capture, by [`Cable::name`](crate::spec::Cable::name).
    pub capture: Vec<String>,
    /// Threads for a fabric study; it does not show in the report.
    pub threads: Threads,
    /// Where nodes run.
    pub backend: Backend,
    /// Whether to keep what consumers were told, for a comparison.
    pub journal: bool,
    /// What to write down besides the report; none of it changes the run, but for the planted flaw.
    pub watch: Watch,
    /// Told from time to time how far the run is.
    pub progress: Option<Arc<Progress>>,
}

/// How many threads simulate, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(pub NonZero<u16>);

impl Default for Threads {
    fn default() -> Self {
        Self(NonZero::<u16>::MIN)
    }
}

impl Threads {
    /// From one to `most`.
    pub fn up_to(most: u16) -> impl Iterator<Item = Self> {
        (1..=most).filter_map(|threads| NonZero::new(threads).map(Self))
    }
}

/// Where nodes run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// On simulated NICs.
    #[default]
    Simulated,
    /// On these RDMA devices, a node on each.
    Verbs {
        /// Their names.
        devices: Vec<String>,
    },
}

impl Backend {
    /// What reports call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Simulated => SIMULATED.to_owned(),
            Self::Verbs { devices } => format!("verbs {}", devices.join(",")),
        }
    }
}

/// How far a run is; written by the run, read by whoever waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    events: AtomicU64,
    simulated_ps: AtomicU64,
    permille: AtomicU64,
}

/// The state of a [`Progress`] at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestone {
    /// Events processed.
    pub events: u64,
    /// Simulated time.
    pub simulated_ps: u64,
    /// The workload's part that is done, in thousandths.
    pub permille: u64,
}

impl Progress {
    /// Says how far the run is.
    pub fn set(&self, milestone: Milestone) {
        self.events.store(milestone.events, Relaxed);
        self.simulated_ps.store(milestone.simulated_ps, Relaxed);
        self.permille.store(milestone.permille.min(1_000), Relaxed);
    }

    /// The same for a run that has neither events nor simulated time.
    pub fn tell(&self, permille: u64) {
        self.permille.store(permille.min(1_000), Relaxed);
    }

    /// How far the run was when it said so last. The three numbers may be of two moments: they are shown, not judged.
    #[must_use]
    pub fn get(&self) -> Milestone {
        Milestone {
            events: self.events.load(Relaxed),
            simulated_ps: self.simulated_ps.load(Relaxed),
            permille: self.permille.load(Relaxed),
        }
    }
}
