//! Both ends together. Tests of one end alone stand beside it.

mod goodput;
mod loss;
pub(super) mod pair;
mod random;
mod selective;
