//! Which drivers are in use, and by how many.

use std::collections::{HashMap, HashSet};

use crate::endpoint::ResourceId;

/// The drivers in use, by what tells one from another.
#[derive(Debug, Default)]
pub(super) struct Drivers {
    by_key: HashMap<usize, Use>,
    /// The same, as resources of the loop.
    ids: HashSet<ResourceId>,
}

#[derive(Debug)]
struct Use {
    /// The driver, as a resource of the loop.
    id: ResourceId,
    /// Connections and listeners that have it.
    users: usize,
}

impl Drivers {
    /// One more has the driver `key`. Returns whether the loop knows it.
    pub(super) fn acquire(&mut self, key: usize) -> bool {
        let used = self.by_key.get_mut(&key);
        used.map(|used| used.users += 1).is_some()
    }

    /// The driver `key` begins, as that resource, with one that has it.
    pub(super) fn insert(&mut self, key: usize, id: ResourceId) {
        self.by_key.insert(key, Use { id, users: 1 });
        self.ids.insert(id);
    }

    /// Whether that resource is a driver that something has.
    pub(super) fn are_used(&self, id: ResourceId) -> bool {
        !self.ids.is_empty() && self.ids.contains(&id)
    }

    /// One of those that have the driver `key` is gone. Returns the driver if it was the last.
    pub(super) fn release(&mut self, key: usize) -> Option<ResourceId> {
        let used = self.by_key.get_mut(&key)?;
        used.users -= 1;
        if used.users > 0 {
            return None;
        }
        let Use { id, .. } = self.by_key.remove(&key)?;
        self.ids.remove(&id);
        Some(id)
    }
}
