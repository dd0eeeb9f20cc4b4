//! The life of a slot and of an entry, whatever threads do at the same time.
//!
//! The look-up structures inside (boxcar, arc-swap, the queue of free slots) count as atomic here:
//! loom does not see into them. What is modelled is what we do between them.

use std::sync::Arc;

use loom::thread;

use super::*;
use crate::address::RemoteAddr;
use crate::endpoint::{NO_SOCKET_ADDR, ResourceType};

fn insert(registry: &Registry) -> ResourceId {
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
fn a_slot_is_never_taken_from_its_next_tenant() {
    loom::model(|| {
        let registry = Arc::new(Registry::default());
        let first = insert(&registry);
        let inserting = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || insert(&registry))
        };
        let looking = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || registry.with(first, |entry| (entry.end(), entry.id).1))
        };
        registry.remove(first);
        registry.remove(first); // As for a stale id.
        let second = inserting.join().unwrap();
        assert!(looking.join().unwrap().is_none_or(|found| found == first));
        assert_ne!(first, second);
        assert_eq!(registry.ids(), [second]);
        assert_eq!(registry.len(), 1);
        assert_eq!(registry.with(second, Entry::state), Some(EntryState::Opening));
    });
}

#[test]
fn one_of_all_who_end_an_entry_is_told_and_nothing_revives_it() {
    loom::model(|| {
        let registry = Arc::new(Registry::default());
        let id = insert(&registry);
        let programs: Vec<_> = (0..2)
            .map(|_| {
                let registry = Arc::clone(&registry);
                thread::spawn(move || registry.with(id, Entry::end).unwrap())
            })
            .collect();
        // The loop: the handshake is done, then the peer goes.
        let (became_ready, before) =
            registry.with(id, |entry| (entry.become_ready(), entry.end())).unwrap();
        let ends: Vec<_> = programs.into_iter().map(|thread| thread.join().unwrap()).collect();
        let told = ends.iter().chain([&before]).filter(|state| **state != EntryState::Over).count();
        assert_eq!(told, 1);
        if ends.contains(&EntryState::Opening) {
            assert!(!became_ready, "Connected would follow remove");
        }
        assert_eq!(registry.with(id, Entry::state), Some(EntryState::Over));
    });
}
