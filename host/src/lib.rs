//! What a simulated host is made of, for those that touch it: physical memory, page lists, the bus a driver sees.
//!
//! Reading order: [`memory`] (pages that device and processor share; `page` is one of them), [`mdl`] (a locked buffer as a list of its pages),
//! [`bus`] (what a device driver may do to its device).
//!
//! Invariants:
//! * memory is bytes at bus addresses; nothing here knows what they mean;
//! * a device's posted write becomes visible at its own moment, in the order in which the device issued it;
//! * no access panics, whatever the address: a device may have been given nonsense.

pub mod bus;
pub mod mdl;
pub mod memory;

mod page;

pub use bus::HostBus;
pub use mdl::Mdl;
pub use memory::{Arena, HostMemory, MemoryError};
pub use page::PAGE_SIZE;
