//! The two nodes of a case.

use super::probe::Probe;
use super::trouble::Trouble;
use crate::bench::Bench;
use crate::entry::Found;
use provider::check::Side;
use provider::consumer::Session;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The two nodes of a case, ready for its tasks.
#[derive(Clone, Debug)]
pub struct Pair {
    nodes: [Session; 2],
    addresses: [IpAddr; 2],
    ipv6: [Option<Ipv6Addr>; 2],
    troubles: Arc<Mutex<Vec<Found>>>,
}

impl Pair {
    /// The nodes of a bench.
    pub fn new(bench: &impl Bench) -> Self {
        Self {
            nodes: [bench.session(0), bench.session(1)],
            addresses: [bench.address(0), bench.address(1)],
            ipv6: [bench.ipv6(0), bench.ipv6(1)],
            troubles: Arc::default(),
        }
    }

    /// The same nodes by their IPv6 addresses, if both have one.
    #[must_use]
    pub fn over_ipv6(&self) -> Option<Self> {
        let [first, second] = self.ipv6;
        Some(Self { addresses: [first?.into(), second?.into()], ..self.clone() })
    }

    /// Starts a task on a node. What it ends with, if it is an error, is found at the end.
    ///
    /// # Panics
    /// If `node` is neither 0 nor 1.
    pub fn on<F>(&self, node: usize, task: impl FnOnce(Probe) -> F)
    where
        F: Future<Output = Result<(), Trouble>> + Send + 'static,
    {
        let probe = Probe::new(self.nodes[node].clone(), self.addresses[node], self.addresses[1 - node]);
        let task = task(probe);
        let troubles = Arc::clone(&self.troubles);
        self.nodes[node].spawn(async move {
            if let Err(trouble) = task.await {
                let (rule, text) = (trouble.rule(), trouble.to_string());
                let found = Found { node, rule, side: Side::Provider, text };
                troubles.lock().unwrap_or_else(PoisonError::into_inner).push(found);
            }
        });
    }

    /// What the tasks themselves found.
    #[must_use]
    pub fn troubles(&self) -> Vec<Found> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
