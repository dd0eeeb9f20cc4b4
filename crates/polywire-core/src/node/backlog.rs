//! What waits in the queue of a node whose events are enqueued, and when it is too much.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::message::{MessageKind, set_current_kind};
use crate::net_event::StoredNetEvent;
use crate::node::StoredNodeEvent;
use crate::shared::Shared;
use crate::sync::SegQueue;

/// What an event costs at least, in bytes.
const MIN_EVENT_BYTES: usize = 128;

/// Holds the reading of a node while its queue is full, and lets it go on when half of that is taken.
///
/// The program's own signals do not count: it sends them itself.
pub(super) struct Backlog {
    shared: Arc<Shared>,
    bytes: AtomicUsize,
    /// Whether reading is held. Changed together with that, under `changing`.
    holds: AtomicBool,
    changing: Mutex<()>,
    /// Of each message in the queue, in their order.
    kinds: SegQueue<MessageKind>,
}

impl Backlog {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            bytes: AtomicUsize::new(0),
            holds: AtomicBool::new(false),
            changing: Mutex::new(()),
            kinds: SegQueue::new(),
        }
    }

    /// An event goes into the queue. Called by the loop's thread alone.
    pub(super) fn add<S>(&self, event: &StoredNodeEvent<S>) {
        if is_message(event) {
            self.kinds.push(self.shared.registry.current_kind().unwrap_or_default());
        }
        let max = self.shared.max_enqueued();
        let cost = cost(event);
        let bytes = self.bytes.fetch_add(cost, Ordering::SeqCst) + cost;
        if bytes > max && !self.holds.load(Ordering::Relaxed) {
            let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.hold_reading();
            self.holds.store(true, Ordering::SeqCst);
            drop(changing);
            // The program may have taken all meanwhile, and seen nothing to let go.
            self.release_if(self.bytes.load(Ordering::SeqCst) <= max / 2);
        }
    }

    /// The program has taken an event out of the queue.
    pub(super) fn take<S>(&self, event: &StoredNodeEvent<S>) {
        if is_message(event) {
            set_current_kind(self.kinds.pop().unwrap_or_default());
        }
        let cost = cost(event);
        if cost > 0 {
            let bytes = self.bytes.fetch_sub(cost, Ordering::SeqCst) - cost;
            self.release_if(bytes <= self.shared.max_enqueued() / 2);
        }
    }

    /// Nobody takes events any more.
    pub(super) fn stop(&self) {
        self.shared.stop();
    }

    fn release_if(&self, has_room: bool) {
        if !has_room || !self.holds.load(Ordering::SeqCst) {
            return;
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.holds.swap(false, Ordering::SeqCst) {
            self.shared.release_reading();
        }
    }
}

fn is_message<S>(event: &StoredNodeEvent<S>) -> bool {
    matches!(event, StoredNodeEvent::Network(StoredNetEvent::Message(..)))
}

fn cost<S>(event: &StoredNodeEvent<S>) -> usize {
    match event {
        StoredNodeEvent::Network(StoredNetEvent::Message(_, message)) => {
            message.len() + MIN_EVENT_BYTES
        }
        StoredNodeEvent::Network(_) => MIN_EVENT_BYTES,
        StoredNodeEvent::Signal(_) => 0,
    }
}
