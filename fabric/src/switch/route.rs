//! Where a frame goes: a table of equally short ways, and the choice among them.

use crate::address::Endpoint;
use crate::switch::config::PathChoice;
use des::{Rng, Time, TraceHash};
use std::collections::BTreeMap;
use std::net::IpAddr;
use wire::{FlowFields, Frame};

/// The ports of a switch that lie on a shortest way, for each endpoint. Endpoints with equal ways share a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Index into `groups`, by endpoint.
    group_of: Vec<u32>,
    /// Start and end in `ports`.
    groups: Vec<(u32, u32)>,
    ports: Vec<u16>,
}

impl RouteTable {
    /// A table from the ports for endpoint 0, 1, and so on; none means that there is no way.
    #[must_use]
    pub fn new<'a>(ways: impl IntoIterator<Item = &'a [u16]>) -> Self {
        let mut table = Self { group_of: Vec::new(), groups: Vec::new(), ports: Vec::new() };
        let mut known = BTreeMap::new();
        // The endpoints of one switch come one after the other and go the same way.
        let mut last: Option<(&[u16], u32)> = None;
        for way in ways {
            let group = match last {
                Some((before, group)) if std::ptr::eq(before, way) || before == way => group,
                _ => *known.entry(way).or_insert_with(|| table.add(way)),
            };
            last = Some((way, group));
            table.group_of.push(group);
        }
        table
    }

    /// A new group; gives its number.
    fn add(&mut self, way: &[u16]) -> u32 {
        let start = self.ports.len() as u32;
        self.ports.extend_from_slice(way);
        self.groups.push((start, self.ports.len() as u32));
        self.groups.len() as u32 - 1
    }

    /// The ports towards `endpoint`, in ascending order; none if there is no way.
    #[must_use]
    pub fn ports(&self, endpoint: Endpoint) -> &[u16] {
        let Some(&group) = self.group_of.get(endpoint.0 as usize) else {
            return &[];
        };
        let (start, end) = self.groups[group as usize];
        &self.ports[start as usize..end as usize]
    }
}

/// Entries of the flowlet table. Flows that share one also share their way, as in switch chips.
const FLOWLETS: usize = 4_096;

/// A flow that may change its way when it has been silent.
#[derive(Clone, Copy, Debug, Default)]
struct Flowlet {
    last: Option<Time>,
    lot: u64,
}

/// The table and the choice.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    table: RouteTable,
    choice: PathChoice,
    /// Makes switches of one layer choose independently; else half of the ways would never be used further on.
    salt: u64,
    rng: Rng,
    flowlets: Vec<Flowlet>,
}

impl Router {
    pub(crate) fn new(table: RouteTable, choice: PathChoice, mut rng: Rng) -> Self {
        let flowlets = match choice {
            PathChoice::Flowlet { .. } => vec![Flowlet::default(); FLOWLETS],
            PathChoice::Flow | PathChoice::Spray => Vec::new(),
        };
        Self { table, choice, salt: rng.next_u64(), rng, flowlets }
    }

    pub(crate) fn set_table(&mut self, table: RouteTable) {
        self.table = table;
    }

    /// See [`Switch::touch_way`](super::Switch::touch_way).
    pub(crate) fn touch(&self, frame: &Frame) -> usize {
        frame.dest_ip().and_then(Endpoint::of).map_or(0, |endpoint| self.table.ports(endpoint).len())
    }

    /// The port for a frame that arrives at `now`; `None` if there is no way.
    pub(crate) fn port(&mut self, now: Time, frame: &Frame) -> Option<u16> {
        let endpoint = Endpoint::of(frame.dest_ip()?)?;
        match *self.table.ports(endpoint) {
            [] => None,
            [only] => Some(only),
            [..] => {
                let lot = self.draw(now, frame);
                let ports = self.table.ports(endpoint);
                Some(ports[one_of(lot, ports.len())])
            }
        }
    }

    /// The bits that choose among several ports.
    fn draw(&mut self, now: Time, frame: &Frame) -> u64 {
        let hash = || frame.flow_hash_fields().map_or(0, |fields| flow_hash(self.salt, fields));
        match self.choice {
            PathChoice::Flow => hash(),
            PathChoice::Spray => self.rng.next_u64(),
            PathChoice::Flowlet { gap } => {
                let flowlet = &mut self.flowlets[hash() as usize % FLOWLETS];
                if flowlet.last.is_none_or(|last| now.since(last) > gap) {
                    flowlet.lot = self.rng.next_u64();
                }
                flowlet.last = Some(now);
                flowlet.lot
            }
        }
    }
}

/// A hash of the flow, the same on every machine.
fn flow_hash(salt: u64, fields: FlowFields) -> u64 {
    let mut hash = TraceHash::new();
    hash.mix(salt ^ u64::from(fields.udp_source_port));
    match (fields.source, fields.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            hash.mix(u64::from(u32::from(source)) << 32 | u64::from(u32::from(destination)));
        }
        (source, destination) => {
            mix_address(&mut hash, source);
            mix_address(&mut hash, destination);
        }
    }
    hash.value()
}

fn mix_address(hash: &mut TraceHash, address: IpAddr) {
    let bits = match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    hash.mix((bits >> 64) as u64);
    hash.mix(bits as u64);
}

/// A number below `count` from 64 even bits, by their upper half.
const fn one_of(lot: u64, count: usize) -> usize {
    (((lot >> 32) * count as u64) >> 32) as usize
}

#[cfg(test)]
mod tests;
