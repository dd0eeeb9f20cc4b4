//! Events that happened while nobody ran the loop with the program's callback.

use std::collections::VecDeque;

use crate::endpoint::ResourceId;
use crate::net_event::{NetEvent, StoredNetEvent};
use crate::sync::{Mutex, MutexGuard, lock};

/// Events that wait for whoever runs the loop next, the oldest first. Any thread may take out those of
/// an endpoint: it may be over, and so unknown to the loop, before the program is told of that.
#[derive(Default)]
pub(crate) struct KeptEvents(Mutex<VecDeque<StoredNetEvent>>);

impl KeptEvents {
    pub(crate) fn push(&self, event: NetEvent<'_>) {
        self.lock().push_back(event.into());
    }

    pub(crate) fn pop(&self) -> Option<StoredNetEvent> {
        self.lock().pop_front()
    }

    /// Drops all of them: nobody will be told.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Drops the events of an endpoint. Returns whether there were any.
    pub(crate) fn remove(&self, id: ResourceId) -> bool {
        let mut events = self.lock();
        let before = events.len();
        events.retain(|event| id_of(event) != id);
        events.len() < before
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<StoredNetEvent>> {
        lock(&self.0)
    }
}

/// The endpoint that an event is about.
fn id_of(event: &StoredNetEvent) -> ResourceId {
    let (StoredNetEvent::Connected(endpoint, _)
    | StoredNetEvent::Accepted(endpoint, _)
    | StoredNetEvent::Message(endpoint, _)
    | StoredNetEvent::Disconnected(endpoint)) = event;
    endpoint.resource_id()
}
