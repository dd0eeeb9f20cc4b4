//! The counters of the server.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use polywire::network::{Endpoint, NetEvent, NetworkController, ResourceType, SendStatus};

/// What the server has seen: counted by the peers' addresses, for each kind of fault client has its own.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) alive: HashSet<Endpoint>,
    /// Messages that came behind the end of those who sent them.
    pub(super) unanswered: u64,
    pub(super) counts: BTreeMap<String, u64>,
}

impl Watch {
    pub(super) fn meet(&mut self, network: &NetworkController, event: &NetEvent<'_>) {
        match *event {
            NetEvent::Accepted(endpoint, listener) => {
                self.count(format!("accepted/{}", endpoint.addr().ip()));
                if !self.alive.insert(endpoint) || !listener.is_local() {
                    self.count("broken/E2: accepted twice, or by no listener".into());
                }
            }
            NetEvent::Message(endpoint, _) => {
                let is_connection = endpoint.resource_id().resource_type() == ResourceType::Remote;
                if is_connection && !self.alive.contains(&endpoint) {
                    let what = "a message before Accepted or after Disconnected";
                    self.count(format!("broken/E2, E4: {what}"));
                }
            }
            NetEvent::Disconnected(endpoint) => self.disconnected(network, endpoint),
            NetEvent::Connected(..) => {
                self.count("broken/E1: connected, and never asked to".into());
            }
        }
    }

    pub(super) fn note_answer(&mut self, status: SendStatus) {
        self.unanswered += u64::from(status != SendStatus::Sent);
    }

    fn disconnected(&mut self, network: &NetworkController, endpoint: Endpoint) {
        if !self.alive.remove(&endpoint) {
            self.count("broken/E3: disconnected without being accepted, or twice".into());
        }
        let Some(reason) = network.close_reason(endpoint) else {
            return self.count("broken/E3: disconnected without a reason".into());
        };
        // The variant's name is its kind.
        let reason = format!("{reason:?}");
        let kind = reason.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        self.count(format!("ended/{}/{kind}", endpoint.addr().ip()));
    }

    fn count(&mut self, name: String) {
        *self.counts.entry(name).or_default() += 1;
    }
}

/// A panic of the callback is told by the node's task; what it had counted still counts.
pub(super) fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}
