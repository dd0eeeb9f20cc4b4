//! The entry whose messages the current thread hands to the callback.
//!
//! What a callback sends mostly goes to the endpoint it was called for: that one is found here,
//! without the atomic operations of the registry's slots.

use std::cell::Cell;

use crate::endpoint::ResourceId;
use crate::registry::{Entry, Registry, SharedEntry};
use crate::sync::thread_local;

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

struct Current {
    /// Where the registry of the entry is, for ids are those of a node.
    registry: usize,
    entry: SharedEntry,
}

/// Keeps an entry the current one; the one before is current again when this is dropped.
pub(crate) struct Held(Option<Current>);

impl Drop for Held {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0.take()));
    }
}

impl Registry {
    /// Makes `entry`, which is one of this registry and lives, the current one of this thread.
    #[inline]
    pub(crate) fn hold_current(&self, entry: &SharedEntry) -> Held {
        let current = Current { registry: self.place(), entry: SharedEntry::clone(entry) };
        Held(CURRENT.with(|before| before.replace(Some(current))))
    }

    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// The current entry, taken out until this is dropped: what is done with it may do anything, and
/// whatever that looks up is in the slots.
pub(super) struct Taken(Option<Current>);

impl Taken {
    #[inline]
    pub(super) fn new() -> Self {
        Self(CURRENT.with(Cell::take))
    }

    /// The entry, if it is the one of this id.
    #[inline]
    pub(super) fn entry(&self, registry: &Registry, id: ResourceId) -> Option<&Entry> {
        match &self.0 {
            Some(Current { registry: place, entry }) if entry.id == id => {
                (*place == registry.place()).then_some(entry)
            }
            _ => None,
        }
    }
}

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0.take()));
    }
}
