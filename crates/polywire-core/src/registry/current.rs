//! The entry whose messages the current thread hands to the callback.
//!
//! What a callback sends mostly goes to the endpoint it was called for: that one is found here,
//! without the atomic operations of the registry's slots.

use std::cell::RefCell;
use std::sync::Arc;

use crate::endpoint::ResourceId;
use crate::registry::{Entry, Registry};
use crate::sync::thread_local;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
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
        let current = exchange(self.0.take());
        drop(current); // It may be the last to know the entry.
    }
}

/// Makes `next` the current entry, and gives the one before. A look at the current one runs no
/// callback, so nobody looks just now.
fn exchange(next: Option<Current>) -> Option<Current> {
    CURRENT.with(|current| std::mem::replace(&mut *current.borrow_mut(), next))
}

impl Registry {
    /// Makes `entry`, which is one of this registry and lives, the current one of this thread.
    pub(crate) fn hold_current(&self, entry: &Arc<Entry>) -> Held {
        Held(exchange(Some(Current { registry: self.place(), entry: Arc::clone(entry) })))
    }

    /// Runs `look` on the current entry if that is `id`; gives it back otherwise.
    #[inline]
    pub(super) fn with_current<R, F: FnOnce(&Entry) -> R>(
        &self,
        id: ResourceId,
        look: F,
    ) -> Result<R, F> {
        CURRENT.with(|current| match current.try_borrow().as_deref() {
            Ok(Some(Current { registry, entry }))
                if entry.id == id && *registry == self.place() =>
            {
                Ok(look(entry))
            }
            _ => Err(look),
        })
    }

    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}
