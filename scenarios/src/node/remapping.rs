//! What an IOMMU that translates costs a driver, and what its refusals are to an adapter.

use crate::spec::nic::Iommu;
use crate::spec::{Nic, NicTime};
use des::Dur;
use host::MemoryError;
use host::iommu::Remapping;
use nic_model::port::DmaError;

/// What a driver spends on the IOMMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MappingCost {
    /// To map a range.
    pub map: Dur,
    /// To unmap a range, and to wait until no cache knows it.
    pub unmap: Dur,
}

impl MappingCost {
    /// What Linux takes with an allocator of constant time and an invalidation for every range: about 700 cycles, and 3000 of
    /// which 2100 are the invalidation, at 3.1 GHz. Assumed, after Malka et al. (rIOMMU, ASPLOS 2015).
    const LINUX: Self = Self { map: Dur::from_ns(230), unmap: Dur::from_ns(1_000) };
    const ZERO: Self = Self { map: Dur::ZERO, unmap: Dur::ZERO };

    /// What it costs in a scenario, if its IOMMUs translate.
    pub(crate) fn of_scenario(nic: &Nic) -> Option<Self> {
        let translates = nic.iommu == Some(Iommu::Translate);
        translates.then_some(if nic.time == NicTime::Zero { Self::ZERO } else { Self::LINUX })
    }

    /// What all of it takes.
    pub(super) fn of(self, done: &Remapping) -> Dur {
        self.map * done.mapped + self.unmap * done.unmapped.len() as u64
    }
}

/// Why a DMA fails that memory refuses.
pub(super) const fn dma_error(error: MemoryError) -> DmaError {
    match error {
        MemoryError::NotMemory { address, .. } => DmaError::NotMemory { address },
        MemoryError::Blocked(fault) => DmaError::Blocked { address: fault.address },
    }
}
