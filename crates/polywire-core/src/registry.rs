//! Which resources live: slots, generations, look-up from any thread.

mod current;
mod entry;

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::address::RemoteAddr;
use crate::endpoint::{Endpoint, ResourceId};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{ArcSwapOption, Mutex, MutexGuard, SegQueue, SharedVec, lock};

pub(crate) use current::Held;
pub(crate) use entry::{Entry, EntryState, NewEntry, SharedEntry};

/// Slots that are made at a time: the vector of blocks takes memory of its own for each, and for some
/// that are not there yet.
const BLOCK_SLOTS: usize = if cfg!(all(test, polywire_loom)) { 1 } else { 32 };

/// All entries of a node.
///
/// Look-up takes no lock and waits for nobody. A slot is used again after its entry is gone, with
/// a generation of one more; memory is bounded by the most entries that lived at a time.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    blocks: SharedVec<Box<[ArcSwapOption<Entry>]>>,
    /// Held by whoever adds a block.
    growing: Mutex<()>,
    /// Slots that have had an entry.
    used: AtomicUsize,
    /// Slots to be used again, with the generation of the last entry there.
    free: SegQueue<(u32, u32)>,
    count: AtomicUsize,
    /// Whom those are connected to that are connected to another address than their entry's.
    elsewhere: Mutex<HashMap<ResourceId, SocketAddr>>,
}

impl Registry {
    /// Adds an entry; `None` if 2^24 live already.
    pub(crate) fn insert(&self, new: NewEntry) -> Option<SharedEntry> {
        let (index, last) = self.free.pop().or_else(|| Some((self.fresh_slot()?, 0)))?;
        // Generations start at 1: no id made of a small number, as some programs use for a dummy, is
        // ever a real one.
        let generation = last.checked_add(1).unwrap_or(1);
        let entry = SharedEntry::new(Entry::new(new, (index, generation)));
        self.slot(entry.id)?.store(Some(SharedEntry::clone(&entry)));
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(entry)
    }

    /// A slot that had no entry yet; `None` if there may be no more.
    fn fresh_slot(&self) -> Option<u32> {
        let index = self.used.fetch_add(1, Ordering::Relaxed);
        if index >= ResourceId::MAX_SLOTS {
            return None;
        }
        if self.blocks.get(index / BLOCK_SLOTS).is_none() {
            let _growing = lock(&self.growing);
            while self.blocks.get(index / BLOCK_SLOTS).is_none() {
                self.blocks.push((0..BLOCK_SLOTS).map(|_| ArcSwapOption::default()).collect());
            }
        }
        Some(index as u32)
    }

    #[inline]
    fn slot(&self, id: ResourceId) -> Option<&ArcSwapOption<Entry>> {
        self.blocks.get(id.slot() / BLOCK_SLOTS)?.get(id.slot() % BLOCK_SLOTS)
    }

    /// As [`with`](Self::with), for any entry.
    #[inline(never)] // Both ways in one function would make the shorter one longer.
    fn with_any<R>(&self, id: ResourceId, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        let entry = self.slot(id)?.load();
        entry.as_ref().filter(|entry| entry.id == id).map(|entry| look(entry))
    }

    /// As [`with_taker`](Self::with_taker), for any entry.
    #[inline(never)] // For the same reason.
    fn with_any_taker<R>(&self, endpoint: &Endpoint, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        let look = |entry: &Entry| self.takes(entry, endpoint).then(|| look(entry));
        self.with_any(endpoint.resource_id(), look).flatten()
    }

    /// Frees the slot of an entry. Only the loop calls this, once for an id.
    pub(crate) fn remove(&self, id: ResourceId) {
        let Some(slot) = self.slot(id) else { return };
        if slot.load().as_ref().is_some_and(|entry| entry.id == id) {
            if slot.load().as_ref().is_some_and(|entry| entry.is_elsewhere()) {
                self.elsewhere().remove(&id);
            }
            slot.store(None);
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.free.push((id.slot() as u32, id.generation()));
        }
    }

    /// The endpoint of a connection.
    #[inline]
    pub(crate) fn endpoint(&self, entry: &Entry) -> Endpoint {
        Endpoint::new(entry.id, self.peer_addr(entry))
    }

    /// The address that a connection is connected to, or is to be.
    #[inline]
    pub(crate) fn peer_addr(&self, entry: &Entry) -> SocketAddr {
        match entry.is_elsewhere() {
            false => entry.profile.socket_addr(),
            true => self.other_addr(entry),
        }
    }

    /// The same, by its name where that is no socket address.
    pub(crate) fn remote_addr(&self, entry: &Entry) -> RemoteAddr {
        match entry.profile.to_remote_addr() {
            RemoteAddr::Socket(_) => RemoteAddr::Socket(self.peer_addr(entry)),
            name @ RemoteAddr::Str(_) => name,
        }
    }

    #[cold]
    fn other_addr(&self, entry: &Entry) -> SocketAddr {
        let addr = self.elsewhere().get(&entry.id).copied();
        addr.unwrap_or_else(|| entry.profile.socket_addr())
    }

    /// A connection is connected to that address, if it has any.
    pub(crate) fn note_peer_addr(&self, entry: &Entry, addr: Option<SocketAddr>) {
        let Some(addr) = addr else { return };
        let is_elsewhere = addr != entry.profile.socket_addr();
        if is_elsewhere {
            self.elsewhere().insert(entry.id, addr);
        }
        entry.set_elsewhere(is_elsewhere);
    }

    /// Whether messages for `endpoint` may be sent by this entry.
    #[inline(always)]
    pub(crate) fn takes(&self, entry: &Entry, endpoint: &Endpoint) -> bool {
        entry.takes(endpoint) || self.takes_elsewhere(entry, endpoint)
    }

    #[cold]
    fn takes_elsewhere(&self, entry: &Entry, endpoint: &Endpoint) -> bool {
        !entry.is_over() && entry.is_elsewhere() && self.other_addr(entry) == endpoint.addr()
    }

    fn elsewhere(&self) -> MutexGuard<'_, HashMap<ResourceId, SocketAddr>> {
        lock(&self.elsewhere)
    }

    /// Entries alive, those included that still drain after their end.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The ids of all entries alive at some moment of the call.
    pub(crate) fn ids(&self) -> Vec<ResourceId> {
        let slots = self.blocks.iter().flat_map(|(_, block)| block.iter());
        slots.filter_map(|slot| Some(slot.load().as_ref()?.id)).collect()
    }

    /// Whether the other end of the connection `id`, whose own address is `local`, is among the entries:
    /// accepted, or about to be by a listener. Walks all entries.
    pub(crate) fn holds_other_end(&self, id: ResourceId, local: SocketAddr) -> bool {
        let Some(peer) = self.with(id, |entry| self.peer_addr(entry)) else { return false };
        let (local, peer) = (canonical(local), canonical(peer));
        let is_other_end = |entry: &Entry| {
            let addr = canonical(entry.profile.socket_addr());
            if entry.id.is_remote() {
                return addr == local;
            }
            let is_any = addr.ip().is_unspecified() && peer.ip() == local.ip();
            addr == peer || (is_any && addr.port() == peer.port())
        };
        self.ids().into_iter().any(|id| self.with(id, is_other_end) == Some(true))
    }
}

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

#[cfg(all(test, polywire_loom))]
mod models;
#[cfg(test)]
mod tests;
