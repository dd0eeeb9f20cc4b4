use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::address::RemoteAddr;
use crate::endpoint::{NO_SOCKET_ADDR, ResourceType};

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
