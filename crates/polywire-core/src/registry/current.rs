//! The entry whose messages the current thread hands to the callback.
//!
//! What a callback sends mostly goes to the endpoint it was called for: that one is found here,
//! without the atomic operations of the registry's slots.

use std::cell::Cell;
use std::sync::Arc;

use crate::endpoint::ResourceId;
use crate::registry::{Entry, Registry};
use crate::sync::thread_local;

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

struct Current {
    /// Where the registry of the entry is, for ids are those of a node.
    registry: usize,
    entry: Arc<Entry>,
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
    pub(crate) fn hold_current(&self, entry: &Arc<Entry>) -> Held {
        let current = Current { registry: self.place(), entry: Arc::clone(entry) };
        Held(CURRENT.with(|before| before.replace(Some(current))))
    }

    /// Runs `look` on the current entry if that is `id`; gives it back otherwise.
    #[inline]
    pub(super) fn with_current<R, F: FnOnce(&Entry) -> R>(
        &self,
        id: ResourceId,
        look: F,
    ) -> Result<R, F> {
        // Taken out meanwhile: `look` may do anything, and whatever it looks up is in the slots.
        let current = CURRENT.with(Cell::take);
        let result = match &current {
            Some(Current { registry, entry }) if entry.id == id && *registry == self.place() => {
                Ok(look(entry))
            }
            _ => Err(look),
        };
        CURRENT.with(|place| place.set(current));
        result
    }

    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}
