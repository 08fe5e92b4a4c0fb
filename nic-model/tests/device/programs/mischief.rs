//! What happens to frames on the cable.

use super::recipe::{DAMAGE, LATE, LOSS, Recipe, TWICE};
use crate::support::world::Fate;
use des::{Dur, Rng};
use std::collections::BTreeMap;
use wire::{Body, Frame, Transport};

/// One frame in so many suffers.
const ONE_IN: u64 = 12;
/// A packet of a reliable connection suffers so often at most, so that no retry count runs out.
const PER_PACKET_MAX: u8 = 2;
/// Most that a frame is late by.
const LATE_MAX_NS: u64 = 20_000;

/// The cable of a program. Unreliable packets come at most once and in order, so that what must arrive is known.
pub(super) fn cable(recipe: &Recipe) -> Fate {
    let mut rng = Rng::stream(recipe.seed, "cable");
    let mischief = recipe.mischief;
    let mut suffered = BTreeMap::new();
    Box::new(move |_, frame| {
        let on_time = || vec![(Dur::ZERO, Box::new(frame.clone()))];
        let kinds: Vec<u8> = [LOSS, DAMAGE, TWICE, LATE].into_iter().filter(|kind| mischief & kind != 0).collect();
        let Body::Roce(packet) = frame.body() else { return on_time() };
        if kinds.is_empty() || rng.below(ONE_IN) != 0 {
            return on_time();
        }
        let kind = kinds[rng.below(kinds.len() as u64) as usize];
        let reliable = matches!(packet.bth.opcode.decode(), Some((Transport::Rc, ..)));
        let name = (packet.source_mac, packet.bth.dest_qp, packet.bth.psn.value(), packet.bth.opcode.0);
        let times: &mut u8 = suffered.entry(name).or_default();
        if reliable && *times >= PER_PACKET_MAX || !reliable && kind & (TWICE | LATE) != 0 {
            return on_time();
        }
        *times += 1;
        match kind {
            LOSS => Vec::new(),
            DAMAGE => vec![(Dur::ZERO, damaged(&mut rng, frame))],
            TWICE => vec![
                (Dur::ZERO, Box::new(frame.clone())),
                (Dur::from_ns(rng.below(LATE_MAX_NS)), Box::new(frame.clone())),
            ],
            _ => vec![(Dur::from_ns(rng.below(LATE_MAX_NS)), Box::new(frame.clone()))],
        }
    })
}

/// One bit turned, or the end cut off.
fn damaged(rng: &mut Rng, frame: &Frame) -> Box<Frame> {
    let mut bytes = frame.encode().to_vec();
    let at = rng.below(bytes.len() as u64) as usize;
    if rng.below(4) == 0 {
        bytes.truncate(at);
    } else {
        bytes[at] ^= 1 << rng.below(8);
    }
    Box::new(Frame::raw(bytes.into()))
}
