//! Which resources live: slots, generations, look-up from any thread.

mod current;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::adapter::Sender;
use crate::address::{Profile, RemoteAddr};
use crate::endpoint::{Endpoint, ResourceId, ResourceType};
use crate::limits::Limits;
use crate::message::{Message, MessageKind};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use crate::sync::{ArcSwapOption, Mutex, MutexGuard, SegQueue, SharedVec, SlimArc, lock};

pub(crate) use current::Held;

const OPENING: u8 = 0;
const READY: u8 = 1;
const OVER: u8 = 2;

/// How far an entry is in its life. It goes forward, but for connections
/// that are opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// Connecting or shaking hands: sends are queued.
    Opening,
    /// Messages flow.
    Ready,
    /// Removed or ended: the program is told nothing more of it.
    Over,
}

/// What any thread knows of one listener or connection.
pub(crate) struct Entry {
    pub(crate) id: ResourceId,
    /// Whom it talks to, or where it listens, and its limits.
    pub(crate) profile: Profile<Arc<Limits>>,
    /// `None` for listeners that have connections.
    pub(crate) sender: Option<Arc<dyn Sender>>,
    state: AtomicU8,
    /// The program wants nothing read from it just now.
    paused: AtomicBool,
    /// Bytes kept of messages that have begun to arrive, at least 1 inside of one; written by the loop,
    /// and by whoever gives the endpoint up.
    half_received: AtomicU32,
    /// The number of the kind of message that came last.
    kind: AtomicU8,
    /// It is connected to another address than `addr`; the registry knows which.
    is_elsewhere: AtomicBool,
}

#[inline(never)] // Not in the way of binary messages.
fn is_text(message: &[u8]) -> bool {
    std::str::from_utf8(message).is_ok()
}

/// An entry, shared by the registry, the loop and whoever looks it up. Nobody needs it weakly, and so
/// no memory is spent on that.
pub(crate) type SharedEntry = SlimArc<Entry>;

impl Entry {
    #[inline]
    pub(crate) fn limits(&self) -> &Arc<Limits> {
        self.profile.limits()
    }

    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// A message of that kind came.
    #[inline]
    pub(crate) fn note_kind(&self, kind: MessageKind) {
        if self.kind.load(Ordering::Relaxed) != kind.number() {
            self.kind.store(kind.number(), Ordering::Relaxed);
        }
    }

    /// The kind of message that came last.
    pub(crate) fn kind(&self) -> MessageKind {
        MessageKind::new(self.kind.load(Ordering::Relaxed))
    }

    /// The endpoint has another connection, whose peer has sent nothing yet.
    pub(crate) fn forget_kind(&self) {
        self.kind.store(MessageKind::UNSPECIFIED.number(), Ordering::Relaxed);
    }

    /// `message` as it is sent where the program does not say of what kind it is: as the peer's last one,
    /// but not as text what is none.
    #[inline(always)]
    pub(crate) fn answer<'m>(&self, message: &'m [u8]) -> Message<'m> {
        match self.kind() {
            MessageKind::TEXT if !is_text(message) => Message::binary(message),
            kind => Message::new(message, kind),
        }
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    #[inline]
    pub(crate) fn half_received(&self) -> u32 {
        self.half_received.load(Ordering::Relaxed)
    }

    /// Bytes kept from now on of what has begun to arrive. Returns how many were.
    pub(crate) fn set_half_received(&self, bytes: u32) -> u32 {
        self.half_received.swap(bytes, Ordering::Relaxed)
    }

    /// Whether messages for `endpoint` may be sent by it, at the address that it was made with.
    #[inline(always)]
    fn takes(&self, endpoint: &Endpoint) -> bool {
        !self.is_over() && (self.id.is_local() || self.profile.is_of(endpoint))
    }

    #[inline]
    fn is_elsewhere(&self) -> bool {
        self.is_elsewhere.load(Ordering::Acquire)
    }

    /// Bytes that the node holds for it.
    pub(crate) fn held(&self) -> usize {
        let queued = self.sender.as_ref().map_or(0, |sender| sender.queued());
        queued.saturating_add(self.half_received() as usize)
    }

    /// The endpoint of the peer at `addr` that this listener heard of.
    #[inline]
    pub(crate) fn endpoint_of(&self, addr: SocketAddr) -> Endpoint {
        Endpoint::new(self.id, addr)
    }

    #[inline]
    pub(crate) fn state(&self) -> EntryState {
        state_of(self.state.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.state() == EntryState::Over
    }

    /// Makes it ready unless it is already; false if the program removed it meanwhile.
    pub(crate) fn become_ready(&self) -> bool {
        let change = (OPENING, READY);
        let changed =
            self.state.compare_exchange(change.0, change.1, Ordering::AcqRel, Ordering::Acquire);
        matches!(changed, Ok(_) | Err(READY))
    }

    /// Goes from ready back to opening, to be connected again; false if the program removed it
    /// meanwhile.
    pub(crate) fn reopen(&self) -> bool {
        self.state.compare_exchange(READY, OPENING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends it and tells how far it was: of all threads that end it, one is told another state
    /// than [`EntryState::Over`], and it alone has to tell the program or the loop.
    pub(crate) fn end(&self) -> EntryState {
        let before = state_of(self.state.swap(OVER, Ordering::AcqRel));
        if let Some(sender) = &self.sender {
            sender.end();
        }
        before
    }
}

fn state_of(number: u8) -> EntryState {
    match number {
        OPENING => EntryState::Opening,
        READY => EntryState::Ready,
        _ => EntryState::Over,
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("profile", &self.profile)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What an entry is made of.
pub(crate) struct NewEntry {
    pub(crate) tag: u8,
    pub(crate) kind: ResourceType,
    pub(crate) addr: RemoteAddr,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sender: Option<Arc<dyn Sender>>,
}

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
        let initial = match new.kind {
            ResourceType::Local => READY,
            ResourceType::Remote => OPENING,
        };
        let entry = SharedEntry::new(Entry {
            id: ResourceId::new(new.tag, new.kind, index, generation),
            profile: Profile::new(new.addr, new.limits),
            sender: new.sender,
            state: AtomicU8::new(initial),
            paused: AtomicBool::new(false),
            half_received: AtomicU32::new(0),
            is_elsewhere: AtomicBool::new(false),
            kind: AtomicU8::new(MessageKind::UNSPECIFIED.number()),
        });
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
        entry.is_elsewhere.store(is_elsewhere, Ordering::Release);
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
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::endpoint::NO_SOCKET_ADDR;

    pub(super) fn insert(registry: &Registry) -> ResourceId {
        let new = NewEntry {
            tag: 5,
            kind: ResourceType::Remote,
            addr: RemoteAddr::Socket(NO_SOCKET_ADDR),
            limits: Arc::default(),
            sender: None,
        };
        registry.insert(new).unwrap().id
    }

    #[test]
    fn a_stale_id_is_not_taken_for_the_next_tenant_of_its_slot() {
        let registry = Registry::default();
        let first = insert(&registry);
        registry.remove(first);
        let second = insert(&registry);
        assert_eq!(first.slot(), second.slot());
        assert!(registry.with(first, |_| ()).is_none());
        assert!(registry.with(second, |_| ()).is_some());
        registry.remove(first); // Must not touch the younger entry.
        assert_eq!(registry.len(), 1);
        assert_eq!(registry.ids(), [second]);
    }

    #[test]
    fn an_id_made_up_by_the_program_is_not_found() {
        let registry = Registry::default();
        insert(&registry);
        for raw in [0, 130, 5, usize::MAX, 1 << 30] {
            assert!(registry.with(ResourceId::from(raw), |_| ()).is_none(), "{raw}");
        }
    }

    #[test]
    fn of_many_threads_that_end_an_entry_one_is_told_so() {
        let registry = Registry::default();
        let id = insert(&registry);
        let ended: usize = std::thread::scope(|scope| {
            let end = || registry.with(id, |entry| entry.end() != EntryState::Over).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(end)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(ended, 1);
    }

    #[test]
    fn threads_that_need_new_slots_at_once_get_one_each() {
        let registry = Registry::default();
        let ids = std::thread::scope(|scope| {
            let some = || (0..3 * BLOCK_SLOTS).map(|_| insert(&registry)).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(some)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let slots: HashSet<_> = ids.iter().map(|id| id.slot()).collect();
        assert_eq!(slots, (0..12 * BLOCK_SLOTS).collect());
        assert_eq!(registry.blocks.count(), 12);
        assert!(ids.iter().all(|&id| registry.with(id, |entry| entry.id) == Some(id)));
    }

    #[test]
    fn slots_are_used_again_under_churn() {
        let registry = Registry::default();
        for _ in 0..1000 {
            let id = insert(&registry);
            registry.remove(id);
        }
        assert_eq!(registry.used.load(Ordering::Relaxed), 1);
        assert_eq!(registry.len(), 0);
    }
}
