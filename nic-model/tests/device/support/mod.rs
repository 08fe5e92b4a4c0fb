//! Two devices back to back, and a driver of a few lines.

pub(crate) mod driver;
pub(crate) mod world;

pub(crate) use driver::{Connection, Qp, Registered};
pub(crate) use world::World;
