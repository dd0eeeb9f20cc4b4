//! What the callback of a node gets.

use crate::net_event::{NetEvent, StoredNetEvent};

/// One event of a node, borrowed from the loop for the time of the callback.
#[derive(Debug)]
pub enum NodeEvent<'a, S> {
    /// Something happened on the network.
    Network(NetEvent<'a>),
    /// A signal that the program sent itself.
    Signal(S),
}

impl<'a, S> NodeEvent<'a, S> {
    /// The network's event, for nodes that send no signals.
    ///
    /// # Panics
    ///
    /// If this is a signal.
    #[track_caller]
    pub fn network(self) -> NetEvent<'a> {
        match self {
            Self::Network(event) => event,
            Self::Signal(_) => panic!("a signal came where only network events were expected"),
        }
    }

    /// The signal, for nodes without network.
    ///
    /// # Panics
    ///
    /// If this is an event of the network.
    #[track_caller]
    pub fn signal(self) -> S {
        match self {
            Self::Network(_) => panic!("a network event came where only signals were expected"),
            Self::Signal(signal) => signal,
        }
    }
}

/// A [`NodeEvent`] that owns its message, to be kept or sent elsewhere.
#[derive(Clone, Debug)]
pub enum StoredNodeEvent<S> {
    /// As [`NodeEvent::Network`].
    Network(StoredNetEvent),
    /// As [`NodeEvent::Signal`].
    Signal(S),
}

impl<S> StoredNodeEvent<S> {
    /// As [`NodeEvent::network`].
    ///
    /// # Panics
    ///
    /// If this is a signal.
    #[track_caller]
    pub fn network(self) -> StoredNetEvent {
        match self {
            Self::Network(event) => event,
            Self::Signal(_) => panic!("a signal came where only network events were expected"),
        }
    }

    /// As [`NodeEvent::signal`].
    ///
    /// # Panics
    ///
    /// If this is an event of the network.
    #[track_caller]
    pub fn signal(self) -> S {
        match self {
            Self::Network(_) => panic!("a network event came where only signals were expected"),
            Self::Signal(signal) => signal,
        }
    }
}

impl<S> From<NodeEvent<'_, S>> for StoredNodeEvent<S> {
    fn from(event: NodeEvent<'_, S>) -> Self {
        match event {
            NodeEvent::Network(event) => Self::Network(event.into()),
            NodeEvent::Signal(signal) => Self::Signal(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic;
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::*;

    /// Where the panic of `run` is told to be.
    fn line_of_panic(run: impl FnOnce() + panic::UnwindSafe) -> Option<(String, u32)> {
        let (told, this_thread) = (Arc::new(Mutex::new(None)), thread::current().id());
        let before = Arc::new(panic::take_hook());
        let (inner, others) = (Arc::clone(&told), Arc::clone(&before));
        panic::set_hook(Box::new(move |info| match info.location() {
            Some(at) if thread::current().id() == this_thread => {
                *inner.lock().unwrap() = Some((at.file().to_owned(), at.line()));
            }
            _ => others(info), // Another test's.
        }));
        assert!(panic::catch_unwind(run).is_err());
        let _ = panic::take_hook();
        panic::set_hook(Box::new(move |info| before(info)));
        let told = told.lock().unwrap();
        told.clone()
    }

    #[test]
    fn an_event_of_the_wrong_kind_panics_where_it_was_taken() {
        let here = |line| Some((file!().to_owned(), line));
        let line = line!() + 1;
        assert_eq!(line_of_panic(|| _ = NodeEvent::Signal(1).network()), here(line));
        let line = line!() + 1;
        assert_eq!(line_of_panic(|| _ = StoredNodeEvent::Signal(1).network()), here(line));
    }
}
