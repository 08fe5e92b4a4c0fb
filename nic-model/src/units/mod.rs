//! The words in which time is told: stages, lines, windows, arbiters, caches, dues.
//!
//! Each is booked by arithmetic (when is it free, when is it done) and needs no event. What happens never depends on them.

mod arbiter;
mod cache;
mod dues;
mod engines;
mod line;
mod stage;
mod window;

pub(crate) use arbiter::{Arbiter, CLASSES};
pub(crate) use cache::Cache;
pub(crate) use dues::Dues;
pub(crate) use engines::Engines;
pub(crate) use line::Line;
pub(crate) use stage::Stage;
pub(crate) use window::Window;

use des::Time;

/// When something begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Booked {
    pub(crate) start: Time,
    pub(crate) end: Time,
}
