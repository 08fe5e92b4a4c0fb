//! What a simulated host is made of, for those that touch it: physical memory, page lists, the bus a driver sees.
//!
//! Reading order: [`memory`] (what device and processor share; `physical` has its pages, `page` is one of them, `arena` other
//! memory in its place), [`mdl`] (a locked buffer as a list of its pages), [`iommu`] (what of it the device reaches), [`bus`] (what
//! a device driver may do to its device).
//!
//! Invariants:
//! * memory is bytes at bus addresses; nothing here knows what they mean; without an IOMMU a device's addresses are the same;
//! * a device's posted write becomes visible at its own moment, in the order in which the device issued it;
//! * no access panics, whatever the address: a device may have been given nonsense.

pub mod bus;
pub mod iommu;
pub mod mdl;
pub mod memory;

mod arena;
mod page;
mod physical;

pub use arena::Arena;
pub use bus::HostBus;
pub use mdl::Mdl;
pub use memory::{HostMemory, MemoryError};
pub use page::PAGE_SIZE;
