//! What reads a socket that several endpoints share.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::sync::{Mutex, lock};

/// Reads a socket that several endpoints share, and is none of them: the sessions of a protocol over one
/// datagram socket.
///
/// The loop drives it as a [`Local`](crate::adapter::Local) from when the first connection or listener that
/// [has it](crate::adapter::Connection::with_driver) comes until the last one is gone, and then closes it. It
/// hands what it reads to the endpoints by means of its own (a queue that both know), and notifies them
/// ([`Registration::notifier`](crate::adapter::Registration::notifier)); new peers it hands to the listener
/// that way, which accepts them. What it gives to its own sink is dropped. Clones are the same driver.
///
/// A driver belongs to the first node that gets it, and ends with the last that has it: what comes with it to another
/// node, or after that, ends with [`CloseReason::AdapterFault`](crate::CloseReason::AdapterFault).
#[derive(Clone)]
pub struct Driver(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Driver {
    /// One that holds a `T` until it is taken.
    pub(super) fn holding<T: Send + 'static>(driven: T) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(driven)))))
    }

    /// What it holds, once.
    pub(super) fn take_held<T: 'static>(&self) -> Option<T> {
        Some(*lock(&self.0).take()?.downcast().ok()?)
    }

    /// What tells it from others while it lives.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
