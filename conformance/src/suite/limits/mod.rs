//! Every limit of `NDK_ADAPTER_INFO`: what is at it succeeds, what is one above is refused as documented.
//!
//! Reading order: [`objects`] (limits of creates and asynchronous requests), [`connections`] (limits of what is posted and
//! said over a connection).

mod connections;
mod objects;

use super::{Case, Pair};
use host::{Mdl, PAGE_SIZE};
use provider::consumer::Buffer;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "limits",
        rules: &[81, 82],
        provokes: &[18, 19, 20, 21, 22, 24, 25],
        what: "creates and asks at every limit that the adapter reports, and one above",
        start: |pair: &Pair| pair.on(0, objects::limits),
    },
    Case {
        name: "limits-of-connections",
        rules: &[81, 126],
        provokes: &[24, 35, 36, 39, 45],
        what: "private data, reads, lists, lengths and windows at the limits of a connection, and one above",
        start: |pair: &Pair| {
            pair.on(0, connections::answers);
            pair.on(1, connections::asks);
        },
    },
];

/// Buffers of more pages are not described: 4 GiB.
const PAGES_MOST: u64 = 1 << 20;

/// A buffer of `length_bytes` that takes one page of memory, again and again; none if it cannot be written down.
fn again_and_again(page: &Buffer, length_bytes: u64) -> Option<Mdl> {
    let pages = length_bytes.div_ceil(PAGE_SIZE);
    (pages <= PAGES_MOST + 1).then(|| Mdl {
        pages: vec![page.mdl().pages[0]; pages as usize],
        length_bytes,
        ..page.mdl().clone()
    })
}
