//! Memory of this machine in the place of a simulated host's.

use crate::mdl::Mdl;
use crate::memory::MemoryError;
use std::fmt::Debug;

/// Memory of this machine, lent as a host's memory: its addresses are those that a processor and a real device use.
///
/// All methods do what those of [`HostMemory`](crate::HostMemory) do.
pub trait Arena: Debug + Send + Sync {
    /// See [`HostMemory::allocate`](crate::HostMemory::allocate); bus addresses are virtual ones.
    fn allocate(&self, length_bytes: u64, offset: u64) -> Mdl;

    /// See [`HostMemory::free`](crate::HostMemory::free).
    fn free(&self, mdl: &Mdl);

    /// See [`HostMemory::allocated_pages`](crate::HostMemory::allocated_pages).
    fn allocated_pages(&self) -> usize;

    /// See [`HostMemory::read`](crate::HostMemory::read).
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`].
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), MemoryError>;

    /// See [`HostMemory::write`](crate::HostMemory::write).
    ///
    /// # Errors
    /// [`MemoryError::NotMemory`].
    fn write(&self, address: u64, data: &[u8]) -> Result<(), MemoryError>;
}
