//! Two devices, five pairs of queue pairs between them, and their memory.

use super::mischief::cable;
use super::recipe::Recipe;
use crate::support::driver::{pattern, split};
use crate::support::{Connection, Qp, Registered, World};
use des::Rng;
use nic_model::Config;
use nic_model::profile::CachesProfile;
use nic_model::regs::cmd::{Command, KeyKind, MkeyContext, QpType};
use nic_model::regs::cqe::Cqe;
use nic_model::regs::wqe::{Data, DataList};
use nic_model::transport::requester::Recovery;
use std::collections::BTreeMap;

/// Bytes of a slab that writes and reads use; atomic words follow.
pub(super) const SLAB_BYTES: u64 = 3_000;
pub(super) const WORDS: u64 = 4;
/// Longest message, and room of every receive.
pub(super) const MESSAGE_MAX: u32 = 2_000;
/// Bytes before a datagram in its receive.
pub(super) const GRH: u32 = 40;
const SOURCE_BYTES: u64 = 20_000;
const SINK_BYTES: u64 = 1 << 19;
/// Entries of small memories.
const FEW: u32 = 4;
/// Most pieces of a list.
const PIECES_MAX: u64 = 4;

/// A piece of a host's sink or source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// A key that is given its meaning by WQEs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extra {
    pub(super) kind: KeyKind,
    pub(super) key: u32,
    /// The part of the slab that it opens.
    pub(super) opens: Option<Piece>,
    /// The peer invalidates it in this round.
    pub(super) dying: bool,
}

/// One end of a pair.
#[derive(Debug)]
pub(super) struct End {
    pub(super) qp: Qp,
    /// What the peer may use.
    pub(super) slab: Registered,
    pub(super) extras: Vec<Extra>,
    /// Bus address of the slab's page list.
    pub(super) pages: u64,
    /// Its receive queue in [`Stage::receives`].
    pub(super) queue: usize,
    /// Requests written and not rung.
    pub(super) unrung: bool,
    /// Entries taken from completion queues that have been replaced.
    pub(super) taken: Vec<Cqe>,
}

/// A receive queue, own or shared.
#[derive(Debug)]
pub(super) struct Receives {
    node: usize,
    place: (u64, u64),
    pub(super) posted: u32,
    /// Not completed, by index.
    pub(super) live: BTreeMap<u32, Vec<Piece>>,
}

/// A host's private memory.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) source: Registered,
    pub(super) sink: Registered,
    free: u64,
}

/// Everything that a program acts on.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) homes: [Home; 2],
    pub(super) pairs: Vec<[End; 2]>,
    pub(super) types: Vec<QpType>,
    pub(super) receives: Vec<Receives>,
}

impl Stage {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let mut world = if recipe.translate {
            World::behind_iommus(|config| device(config, recipe))
        } else {
            World::with(|config| device(config, recipe))
        };
        let homes = [0, 1].map(|node| Home {
            source: world.buffer(node, SOURCE_BYTES, 1),
            sink: world.buffer(node, SINK_BYTES, 2),
            free: 0,
        });
        let shared = [0, 1].map(|node| world.create_srq(node, 0));
        let mut receives: Vec<Receives> =
            (0..2).map(|node| Receives::new(node, (shared[node].1, shared[node].2))).collect();
        let kinds =
            [(QpType::RC, false), (QpType::RC, true), (QpType::RC, true), (QpType::UC, false), (QpType::UD, false)];
        let mut pairs = Vec::new();
        for (qp_type, is_shared) in kinds {
            let ends = [0, 1].map(|node| {
                let qp = world.create_qp_with(node, qp_type, is_shared.then_some(shared[node].0));
                if !is_shared {
                    receives.push(Receives::new(node, (qp.rq, qp.record)));
                }
                let queue = if is_shared { node } else { receives.len() - 1 };
                End::new(&mut world, qp, queue)
            });
            let [a, b] = &ends;
            if qp_type == QpType::UD {
                world.start_datagrams(&a.qp, 7);
                world.start_datagrams(&b.qp, 7);
            } else {
                let how = Connection { path_mtu: 2, ack_timeout: 3, ..Connection::default() };
                world.connect([&a.qp, &b.qp], qp_type == QpType::RC, how);
            }
            pairs.push(ends);
        }
        world.fate = cable(recipe);
        Self { world, homes, pairs, types: kinds.map(|(qp_type, _)| qp_type).to_vec(), receives }
    }

    /// A list of pieces of a host's sink that nobody else has, with gaps between them.
    pub(super) fn sink(&mut self, rng: &mut Rng, node: usize, length: u32) -> Vec<Piece> {
        let home = &mut self.homes[node];
        let lengths = split(rng, length, PIECES_MAX);
        lengths
            .into_iter()
            .map(|length| {
                let offset = home.free + 1 + rng.below(9);
                home.free = offset + u64::from(length);
                assert!(home.free < SINK_BYTES, "programs are shorter than the sink");
                Piece { offset, length }
            })
            .collect()
    }

    /// Eight bytes of a host's sink.
    pub(super) fn sink_word(&mut self, node: usize) -> Vec<Piece> {
        let home = &mut self.homes[node];
        home.free += 8;
        vec![Piece { offset: home.free - 8, length: 8 }]
    }

    pub(super) fn sink_data(&self, node: usize, pieces: &[Piece]) -> Vec<Data> {
        pieces.iter().map(|piece| self.homes[node].sink.at(piece.offset, piece.length)).collect()
    }

    /// A random message out of a host's source: its pieces and its bytes.
    pub(super) fn source(&mut self, rng: &mut Rng, node: usize, length: u32) -> (DataList, Vec<u8>) {
        let everything = pattern(SOURCE_BYTES as usize, 1);
        let mut bytes = Vec::new();
        let list = split(rng, length, PIECES_MAX).into_iter().map(|length| {
            let offset = rng.below(SOURCE_BYTES - u64::from(length));
            bytes.extend_from_slice(&everything[offset as usize..][..length as usize]);
            self.homes[node].source.at(offset, length)
        });
        (DataList::Segments(list.collect()), bytes)
    }

    /// Posts a receive that takes any message.
    pub(super) fn post_receive(&mut self, rng: &mut Rng, queue: usize) {
        let node = self.receives[queue].node;
        let pieces = self.sink(rng, node, MESSAGE_MAX + GRH);
        let data = self.sink_data(node, &pieces);
        let receives = &mut self.receives[queue];
        self.world.post_receive_to(node, receives.place, receives.posted, &data);
        receives.live.insert(receives.posted, pieces);
        receives.posted += 1;
    }
}

/// Both devices are of the same kind.
fn device(config: &mut Config, recipe: &Recipe) {
    config.zero_time = recipe.zero_time;
    let profile = &mut config.profile;
    if recipe.selective {
        profile.recovery.recovery.value = Recovery::SelectiveRepeat;
    }
    if recipe.small {
        let CachesProfile { qp, cq, srq, mpt, mtt, wqe, table_entries } = &mut profile.caches;
        for cache in [qp, cq, srq, mpt, mtt, wqe] {
            (cache.entries.value, cache.ways.value, cache.misses_outstanding.value) = (FEW, 2, 1);
        }
        table_entries.value = 2;
        profile.atomic_contexts.value = 1;
        profile.host.iotlb_entries.value = FEW;
        profile.pcie.posted_writes.value = FEW;
    }
}

impl Receives {
    const fn new(node: usize, place: (u64, u64)) -> Self {
        Self { node, place, posted: 0, live: BTreeMap::new() }
    }
}

impl End {
    fn new(world: &mut World, qp: Qp, queue: usize) -> Self {
        let node = qp.node;
        let slab = world.buffer(node, SLAB_BYTES + 8 * WORDS, 8);
        let place = world.nodes[node].allocate(1);
        let list: Vec<u8> = slab.pages.iter().flat_map(|page| page.to_be_bytes()).collect();
        world.nodes[node].memory.write(place, &list).expect("the list is memory");
        let pages = world.nodes[node].bus(place);
        let kinds = [KeyKind::FAST_REGISTER, KeyKind::WINDOW_1, KeyKind::WINDOW_2];
        let extras = kinds.map(|kind| {
            let pd = world.nodes[node].driver.pd;
            let context = MkeyContext { kind, pd, page_count: 8, ..MkeyContext::default() };
            let key = world.command(node, &Command::CreateMkey(context, Vec::new())).result;
            Extra { kind, key, opens: None, dying: false }
        });
        Self { qp, slab, extras: extras.to_vec(), pages, queue, unrung: false, taken: Vec::new() }
    }
}
