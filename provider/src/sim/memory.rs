//! Memory keys: regions, regions for fast registration, windows.

use super::ring::DmaBuffer;
use crate::backend::PdId;
use crate::ndk::{MrFlags, Status};
use host::{HostMemory, Mdl, PAGE_SIZE, iommu};
use nic_model::regs::bar::Limits;
use nic_model::regs::cmd::{Command, KeyKind, MkeyContext, Rights};

/// Pages are those of the host.
pub(super) const PAGE_SHIFT: u8 = PAGE_SIZE.trailing_zeros() as u8;

/// Bytes of an entry of a page list.
const PAGE_ENTRY_BYTES: usize = size_of::<u64>();

/// A region.
#[derive(Clone, Debug)]
pub(super) struct Region {
    /// As it is now: fast registrations change the low byte.
    pub(super) key: u32,
    /// Pages of a fast registration; zero: registered by command.
    pub(super) max_pages: u32,
    /// The buffer of one registered by command.
    mapping: Option<Mapping>,
    /// Page lists that no request uses.
    free_lists: Vec<DmaBuffer>,
}

/// Pages of a consumer that the device reaches until they are unmapped.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    bus_address: u64,
}

impl Mapping {
    /// Maps the pages of a region and puts in their place what the device calls them.
    pub(super) fn of_region(memory: &mut HostMemory, context: &MkeyContext, pages: &mut Vec<u64>) -> Option<Self> {
        let writes = Rights::LOCAL_WRITE | Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC;
        let rights = if context.rights.intersects(writes) { iommu::Rights::ReadWrite } else { iommu::Rights::Read };
        *pages = memory.map(pages, rights);
        pages.first().map(|&bus_address| Self { bus_address })
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        memory.unmap(self.bus_address);
    }
}

/// A window.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// As it is now: binds change the low byte.
    pub(super) key: u32,
}

impl Region {
    pub(super) const fn new(key: u32, max_pages: u32, mapping: Option<Mapping>) -> Self {
        Self { key, max_pages, mapping, free_lists: Vec::new() }
    }

    /// A page list that the device reads later: it belongs to the request until that has ended.
    pub(super) fn list(&mut self, memory: &mut HostMemory, pages: &[u64]) -> DmaBuffer {
        let bytes = self.max_pages as usize * PAGE_ENTRY_BYTES;
        let list = self.free_lists.pop().unwrap_or_else(|| DmaBuffer::allocate(memory, bytes, iommu::Rights::Read));
        let content: Vec<u8> = pages.iter().flat_map(|page| page.to_be_bytes()).collect();
        super::ring::store(memory, list.address, &content);
        list
    }

    /// The request of a page list has ended.
    pub(super) fn give_back(&mut self, list: DmaBuffer) {
        self.free_lists.push(list);
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        self.mapping.into_iter().for_each(|mapping| mapping.free(memory));
        self.free_lists.into_iter().for_each(|list| list.free(memory));
    }
}

/// The index of a key, which stays when the low byte changes.
pub(super) const fn key_index(key: u32) -> u32 {
    key >> 8
}

/// Pages that a region can have: what fits into a mailbox.
pub(super) const fn max_pages(limits: &Limits) -> u64 {
    limits.max_mailbox_bytes.saturating_sub(MkeyContext::BYTES as u64) / PAGE_ENTRY_BYTES as u64
}

/// The region of the first `length_bytes` of a buffer, with its pages; keys address it by its virtual addresses.
///
/// # Errors
/// INVALID_PARAMETER for more bytes than the buffer has, INSUFFICIENT_RESOURCES for more pages than a command can list.
pub(super) fn register(
    pd: PdId,
    mdl: &Mdl,
    length_bytes: u64,
    rights: Rights,
    limits: &Limits,
) -> Result<(MkeyContext, Vec<u64>), Status> {
    if length_bytes == 0 || length_bytes > mdl.length_bytes {
        return Err(Status::INVALID_PARAMETER);
    }
    let page_count = (mdl.first_byte_offset() + length_bytes).div_ceil(PAGE_SIZE);
    if page_count > max_pages(limits) {
        return Err(Status::INSUFFICIENT_RESOURCES);
    }
    let pages = mdl.pages.get(..page_count as usize).ok_or(Status::INVALID_PARAMETER)?.to_vec();
    let context = MkeyContext {
        kind: KeyKind::REGION,
        page_shift: PAGE_SHIFT,
        pd: pd.0,
        // NDK has no right to bind: every region may have windows.
        rights: rights | Rights::WINDOW_BIND,
        page_count: page_count as u32,
        start: mdl.virtual_address,
        length_bytes,
        variant: 0,
    };
    Ok((context, pages))
}

/// A region for fast registration.
pub(super) fn fast_register(pd: PdId, max_pages: u32) -> Command {
    let context = MkeyContext {
        kind: KeyKind::FAST_REGISTER,
        page_shift: PAGE_SHIFT,
        pd: pd.0,
        page_count: max_pages,
        ..MkeyContext::default()
    };
    Command::CreateMkey(context, Vec::new())
}

/// A window, bound by WQEs to one QP at a time.
pub(super) fn window(pd: PdId) -> Command {
    let context = MkeyContext { kind: KeyKind::WINDOW_2, page_shift: PAGE_SHIFT, pd: pd.0, ..MkeyContext::default() };
    Command::CreateMkey(context, Vec::new())
}

/// The device's rights for NDK's flags. A read sink needs no more than local write in RoCE; an atomic reads and writes.
pub(super) fn rights_of(flags: MrFlags) -> Rights {
    let mut rights = Rights::empty();
    rights.set(Rights::LOCAL_WRITE, flags.intersects(MrFlags::ALLOW_LOCAL_WRITE | MrFlags::RDMA_READ_SINK));
    rights.set(Rights::REMOTE_WRITE, flags.contains(MrFlags::ALLOW_REMOTE_WRITE));
    rights.set(Rights::REMOTE_READ, flags.contains(MrFlags::ALLOW_REMOTE_READ));
    rights.set(Rights::REMOTE_ATOMIC, rights.contains(Rights::REMOTE_READ | Rights::REMOTE_WRITE));
    rights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_follow_the_flags() {
        let table = [
            (MrFlags::empty(), Rights::empty()),
            (MrFlags::ALLOW_LOCAL_WRITE, Rights::LOCAL_WRITE),
            (MrFlags::ALLOW_REMOTE_READ, Rights::REMOTE_READ),
            (MrFlags::ALLOW_REMOTE_WRITE, Rights::REMOTE_WRITE | Rights::LOCAL_WRITE),
            (MrFlags::RDMA_READ_SINK, Rights::LOCAL_WRITE),
            (
                MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE,
                Rights::LOCAL_WRITE | Rights::REMOTE_READ | Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC,
            ),
        ];
        for (flags, rights) in table {
            assert_eq!(rights_of(flags), rights, "{flags:?}");
        }
    }

    #[test]
    fn a_region_lists_the_pages_that_it_touches() {
        let limits = Limits { max_mailbox_bytes: 64 + 3 * 8, ..Limits::default() };
        let mut memory = HostMemory::new();
        let mdl = memory.allocate(3 * PAGE_SIZE, 100);
        let pages = |length| match register(PdId(1), &mdl, length, Rights::empty(), &limits) {
            Ok((context, pages)) => {
                assert_eq!((context.start, context.length_bytes), (mdl.virtual_address, length));
                assert_eq!(context.page_count as usize, pages.len());
                Ok(pages)
            }
            other => Err(other),
        };
        assert_eq!(pages(1), Ok(mdl.pages[..1].to_vec()));
        assert_eq!(pages(PAGE_SIZE - 100), Ok(mdl.pages[..1].to_vec()));
        assert_eq!(pages(PAGE_SIZE - 99), Ok(mdl.pages[..2].to_vec()));
        assert_eq!(pages(3 * PAGE_SIZE), Err(Err(Status::INSUFFICIENT_RESOURCES)), "four pages do not fit");
        assert_eq!(pages(3 * PAGE_SIZE + 1), Err(Err(Status::INVALID_PARAMETER)));
        assert_eq!(pages(0), Err(Err(Status::INVALID_PARAMETER)));
    }

    #[test]
    fn page_lists_are_used_again() {
        let mut memory = HostMemory::new();
        let mut region = Region::new(0x100, 600, None);
        let (first, second) = (region.list(&mut memory, &[1]), region.list(&mut memory, &[2]));
        assert_ne!(first.address, second.address, "both requests may be under way");
        let pages = memory.allocated_pages();
        region.give_back(first);
        let third = region.list(&mut memory, &[3; 600]);
        assert_eq!(memory.allocated_pages(), pages);
        region.give_back(third);
        region.give_back(second);
        region.free(&mut memory);
        assert_eq!(memory.allocated_pages(), 0);
    }
}
