//! The entry whose messages the current thread hands to the callback.
//!
//! What a callback sends mostly goes to the endpoint it was called for: that one is found here,
//! without the atomic operations of the registry's slots.

use std::cell::RefCell;

use crate::endpoint::ResourceId;
use crate::registry::{Entry, Registry, SharedEntry};
use crate::sync::thread_local;

thread_local! {
    // Looked at where it is: to take it out and put it back takes longer than all else here.
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    /// Of which registry it is: programs run several nodes on a thread.
    registry: usize,
    entry: SharedEntry,
}

/// While it lives, an entry is the current one of this thread. On drop the one before is again.
pub(crate) struct Held(Option<Current>);

impl Drop for Held {
    fn drop(&mut self) {
        CURRENT.with(|current| set(current, self.0.take()));
    }
}

impl Registry {
    /// Has `entry` found faster on this thread while what is returned lives.
    #[inline]
    pub(crate) fn hold_current(&self, entry: &SharedEntry) -> Held {
        let current = Current { registry: self.place(), entry: SharedEntry::clone(entry) };
        Held(CURRENT.with(|before| set(before, Some(current))))
    }

    /// Runs `look` on the entry of `id`, if it lives: the current one of this thread is found at once.
    #[inline]
    pub(crate) fn with<R>(&self, id: ResourceId, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        CURRENT.with(|current| match current.try_borrow().as_deref() {
            Ok(Some(Current { registry, entry }))
                if entry.id == id && *registry == self.place() =>
            {
                Some(look(entry))
            }
            _ => self.with_any(id, look),
        })
    }

    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Returns what was there. Nothing changes while somebody looks at it, further out on this thread:
/// then `current` is what is returned, and is looked up as any other.
#[inline]
fn set(cell: &RefCell<Option<Current>>, current: Option<Current>) -> Option<Current> {
    match cell.try_borrow_mut() {
        Ok(mut before) => std::mem::replace(&mut before, current),
        Err(_) => current,
    }
}
