//! What WQEs and peers do to keys: fast registration, binding of windows, invalidation (IBTA volume 1, 10.6.6 and 10.6.7).

use super::{Accessor, Fault, Mapping, Memory, Pages, position};
use crate::regs::cmd::{KeyKind, Rights};
use crate::regs::wqe::{Bind, FastRegister};
use std::sync::Arc;

/// Rights that a window can give.
const REMOTE: Rights = Rights::REMOTE_READ.union(Rights::REMOTE_WRITE).union(Rights::REMOTE_ATOMIC);

/// Who invalidates a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalidator {
    /// A WQE of this side.
    Local,
    /// A SEND_INVALIDATE of the peer.
    Peer,
}

impl Memory {
    /// Gives a key for fast registration its pages. It must be free: never registered, or invalidated since.
    pub(crate) fn fast_register(
        &mut self,
        who: Accessor,
        request: &FastRegister,
        pages: Arc<[u64]>,
    ) -> Result<(), Fault> {
        let entry =
            self.entry_mut(request.key).filter(|entry| entry.kind == KeyKind::FAST_REGISTER).ok_or(Fault::Key)?;
        if entry.pd != who.pd {
            return Err(Fault::Domain);
        }
        if !matches!(entry.mapping, Mapping::Free) {
            return Err(Fault::Key);
        }
        if pages.len() > entry.max_pages as usize {
            return Err(Fault::Bounds);
        }
        let zero_based = request.rights.contains(Rights::ZERO_BASED);
        let pages = Pages::new(request.start, request.length_bytes, request.page_shift, zero_based, pages)?;
        entry.mapping = Mapping::Region(pages);
        entry.rights = request.rights;
        entry.variant = request.key as u8;
        Ok(())
    }

    /// Binds a window, or unbinds it with length zero. A window of type 2 must be free; one of type 1 is bound anew.
    pub(crate) fn bind(&mut self, who: Accessor, request: &Bind) -> Result<(), Fault> {
        let window = self.valid(request.window_key, who)?;
        let type_2 = match window.kind {
            KeyKind::WINDOW_1 => false,
            KeyKind::WINDOW_2 => true,
            _ => return Err(Fault::Key),
        };
        let busy = type_2 && !matches!(window.mapping, Mapping::Free);
        if busy || request.new_key >> 8 != request.window_key >> 8 {
            return Err(Fault::Key);
        }
        let mapping = if request.length_bytes == 0 { Mapping::Free } else { self.window(who, request, type_2)? };
        if let Mapping::Window { region, .. } = mapping
            && let Some(region) = self.keys[region as usize].as_mut()
        {
            region.windows += 1;
        }
        let entry = self.entry_mut(request.window_key).ok_or(Fault::Key)?;
        entry.variant = request.new_key as u8;
        entry.rights = request.rights & (REMOTE | Rights::ZERO_BASED);
        let before = std::mem::replace(&mut entry.mapping, mapping);
        self.release(&before);
        Ok(())
    }

    fn window(&self, who: Accessor, request: &Bind, type_2: bool) -> Result<Mapping, Fault> {
        let region = self.valid(request.region_key, who)?;
        let Mapping::Region(pages) = &region.mapping else { return Err(Fault::Key) };
        // Remote writing needs local writing, as for regions.
        let writes = request.rights.intersects(Rights::REMOTE_WRITE | Rights::REMOTE_ATOMIC);
        if !region.rights.contains(Rights::WINDOW_BIND) || writes && !region.rights.contains(Rights::LOCAL_WRITE) {
            return Err(Fault::Rights);
        }
        if !pages.contains(request.address, request.length_bytes) {
            return Err(Fault::Bounds);
        }
        Ok(Mapping::Window {
            region: position(request.region_key).ok_or(Fault::Key)? as u32,
            start: request.address,
            length_bytes: request.length_bytes,
            owner: type_2.then_some(who.qpn),
        })
    }

    /// Makes a key free: one that was fast registered, or a window of type 2 (a peer only of the queue pair that bound it).
    pub(crate) fn invalidate(&mut self, who: Accessor, key: u32, by: Invalidator) -> Result<(), Fault> {
        let entry = self.valid(key, who)?;
        match &entry.mapping {
            Mapping::Window { owner: Some(owner), .. } if by == Invalidator::Peer && *owner != who.qpn => {
                return Err(Fault::Domain);
            }
            Mapping::Window { owner: Some(_), .. } => {}
            Mapping::Region(_) if entry.kind == KeyKind::FAST_REGISTER && entry.windows == 0 => {}
            _ => return Err(Fault::Key),
        }
        let entry = self.entry_mut(key).ok_or(Fault::Key)?;
        let before = std::mem::replace(&mut entry.mapping, Mapping::Free);
        self.release(&before);
        Ok(())
    }
}
