//! Consumers that scenarios run: programs over NDK, as a storage or a database team would write them.

pub(crate) mod replicate;
