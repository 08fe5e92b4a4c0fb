//! Both ends together. Tests of one end alone stand beside it.

mod loss;
pub(super) mod pair;
mod random;
mod selective;
