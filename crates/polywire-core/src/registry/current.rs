//! The entry whose messages the current thread hands to the callback.
//!
//! What a callback sends mostly goes to the endpoint it was called for: that one is found here,
//! without the atomic operations of the registry's slots.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::endpoint::{Endpoint, ResourceId};
use crate::message::MessageKind;
use crate::registry::{Entry, Registry, SharedEntry};
use crate::sync::thread_local;

// Two words rather than one pair: what was written as two is slow to be read as one. And nothing that
// a thread's end would have to drop, since to look for that takes a function of its own.
thread_local! {
    static ENTRY: Cell<Option<ManuallyDrop<SharedEntry>>> = const { Cell::new(None) };
    /// Where the registry is that has it: programs run several nodes on a thread.
    static REGISTRY: Cell<usize> = const { Cell::new(0) };
}

/// While it lives, an entry is the current one of this thread. On drop the one before is again.
pub(crate) struct Held {
    registry: usize,
    entry: Option<ManuallyDrop<SharedEntry>>,
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        let entry = ENTRY.with(|entry| entry.replace(self.entry.take()));
        REGISTRY.with(|registry| registry.set(self.registry));
        drop(entry.map(ManuallyDrop::into_inner));
    }
}

/// The current entry while somebody looks at it, further in on this thread there is none. On drop it
/// is put back.
struct Taken {
    registry: usize,
    entry: Option<ManuallyDrop<SharedEntry>>,
}

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        REGISTRY.with(|registry| registry.set(self.registry));
        ENTRY.with(|entry| entry.set(self.entry.take()));
    }
}

impl Registry {
    /// Has `entry` found faster on this thread while what is returned lives.
    #[inline]
    pub(crate) fn hold_current(&self, entry: &SharedEntry) -> Held {
        let entry = ManuallyDrop::new(SharedEntry::clone(entry));
        Held {
            registry: REGISTRY.with(|registry| registry.replace(self.key())),
            entry: ENTRY.with(|current| current.replace(Some(entry))),
        }
    }

    /// Runs `look` on the entry of `id`, if it lives: the current one of this thread is found at once.
    #[inline(always)]
    pub(crate) fn with<R>(&self, id: ResourceId, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        let registry = REGISTRY.with(Cell::get);
        if registry == self.key() {
            let taken = Taken { registry, entry: ENTRY.with(Cell::take) };
            match &taken.entry {
                Some(entry) if entry.id == id => return Some(look(entry)),
                _ => {}
            }
        }
        self.with_any(id, look)
    }

    /// As [`with`](Self::with), on the entry by which messages for `endpoint` are sent, if it takes any.
    #[inline(always)]
    pub(crate) fn with_taker<R>(
        &self,
        endpoint: &Endpoint,
        look: impl FnOnce(&Entry) -> R,
    ) -> Option<R> {
        let registry = REGISTRY.with(Cell::get);
        if registry == self.key() {
            let taken = Taken { registry, entry: ENTRY.with(Cell::take) };
            match &taken.entry {
                Some(entry) if entry.id == endpoint.resource_id() && entry.takes(endpoint) => {
                    return Some(look(entry));
                }
                _ => {}
            }
        }
        self.with_any_taker(endpoint, look)
    }

    /// The kind of the message that the current thread hands to the callback, if it does.
    pub(crate) fn current_kind(&self) -> Option<MessageKind> {
        let registry = REGISTRY.with(Cell::get);
        if registry != self.key() {
            return None;
        }
        let taken = Taken { registry, entry: ENTRY.with(Cell::take) };
        taken.entry.as_ref().map(|entry| entry.kind())
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::registry::tests::insert;

    fn is_current(registry: &Registry, id: ResourceId) -> bool {
        REGISTRY.with(Cell::get) == registry.key()
            && ENTRY.with(|current| {
                let entry = current.take();
                let is_it = entry.as_ref().is_some_and(|entry| entry.id == id);
                current.set(entry);
                is_it
            })
    }

    fn entry(registry: &Registry, id: ResourceId) -> SharedEntry {
        SharedEntry::clone(registry.slot(id).unwrap().load().as_ref().unwrap())
    }

    #[test]
    fn each_registry_finds_its_own_whichever_is_current() {
        let [one, other] = [Registry::default(), Registry::default()];
        let id = insert(&one);
        assert_eq!(insert(&other), id, "two nodes number alike");
        let ids = |registry: &Registry| registry.with(id, std::ptr::from_ref);
        let places = (ids(&one), ids(&other));
        assert_ne!(places.0, places.1);

        let held = one.hold_current(&entry(&one, id));
        assert!(is_current(&one, id));
        assert_eq!((ids(&one), ids(&other)), places);
        let inner = other.hold_current(&entry(&other, id));
        assert!(is_current(&other, id));
        assert_eq!((ids(&one), ids(&other)), places);
        drop(inner);
        assert!(is_current(&one, id));
        assert_eq!((ids(&one), ids(&other)), places);
        drop(held);
        assert!(!is_current(&one, id));
        assert_eq!((ids(&one), ids(&other)), places);
    }

    #[test]
    fn the_current_entry_is_there_again_after_a_look_within_a_look_and_a_panic() {
        let registry = Registry::default();
        let id = insert(&registry);
        let held = registry.hold_current(&entry(&registry, id));
        let inner = registry.with(id, |_| registry.with(id, |entry| entry.id));
        assert_eq!(inner, Some(Some(id)));
        assert!(is_current(&registry, id));
        let panics = AssertUnwindSafe(|| registry.with(id, |_| panic!("in a look")));
        assert!(catch_unwind(panics).is_err());
        assert!(is_current(&registry, id));
        drop(held);
        assert!(!is_current(&registry, id));
    }

    #[test]
    fn an_entry_lives_no_longer_than_it_is_current() {
        let registry = Registry::default();
        let id = insert(&registry);
        let mut mine = entry(&registry, id);
        let held = registry.hold_current(&mine);
        registry.remove(id);
        assert_eq!(registry.with(id, |entry| entry.id), Some(id), "while its message is handled");
        drop(held);
        assert!(registry.with(id, |_| ()).is_none());
        assert!(SharedEntry::get_mut(&mut mine).is_some(), "nobody has it");
    }
}
