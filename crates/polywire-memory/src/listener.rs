//! Those who listen, and where connections wait for them.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex};

use polywire_core::adapter::{Accepting, Close, Connection, Flow, Io, ListenerSink, Local};
use polywire_core::address::RemoteAddr;
use polywire_core::{CloseReason, Limits, Notifier, Readiness};

use crate::end::End;
use crate::links::lock;

/// Connections that wait to be accepted; more are refused. As many as Linux lets wait by default.
const MAX_WAITING: usize = 4096;

/// Where connections wait for the node that listens.
pub(crate) struct Backlog {
    /// Of what the accepted ends send.
    pub(crate) limits: Arc<Limits>,
    /// The name of the side that listens.
    pub(crate) name: Arc<str>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    ends: VecDeque<(End, RemoteAddr)>,
    is_closed: bool,
    listener: Option<Notifier>,
}

impl Backlog {
    pub(crate) fn new(limits: Arc<Limits>, name: Arc<str>) -> Self {
        Self { limits, name, waiting: Mutex::default() }
    }

    pub(crate) fn is_open(&self) -> bool {
        !lock(&self.waiting).is_closed
    }

    /// A connection comes, from that address.
    pub(crate) fn push(&self, end: End, peer: RemoteAddr) -> Result<(), CloseReason> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_closed || waiting.ends.len() == MAX_WAITING {
            drop(waiting); // And then the end, without the lock.
            return Err(CloseReason::Refused);
        }
        waiting.ends.push_back((end, peer));
        waiting.notify();
        Ok(())
    }
}

impl Waiting {
    fn notify(&self) {
        self.listener.iter().for_each(|listener| listener.notify(Readiness::READABLE));
    }
}

impl Close for Backlog {
    /// Frees the name at once, also while the loop is inside a callback.
    fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.is_closed = true;
        let refused = mem::take(&mut waiting.ends);
        drop(waiting);
        drop(refused); // Their peers are told, without the lock.
    }
}

/// A listener, as its loop drives it.
pub(crate) struct Acceptor {
    backlog: Arc<Backlog>,
    addr: RemoteAddr,
}

impl Acceptor {
    pub(crate) fn new(backlog: Arc<Backlog>, addr: RemoteAddr) -> Self {
        Self { backlog, addr }
    }
}

impl Local for Acceptor {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.backlog.limits)
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(Arc::<Backlog>::clone(&self.backlog))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let mut waiting = lock(&self.backlog.waiting);
        waiting.listener = Some(io.registration.notifier());
        waiting.notify(); // Some may have come before.
        Ok(())
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget.max(1) {
            let Some((end, peer)) = lock(&self.backlog.waiting).ends.pop_front() else {
                return Accepting::Drained;
            };
            if sink.accept(Connection::new(end, peer, self.addr.clone())) == Flow::Stop {
                break;
            }
        }
        Accepting::Unfinished
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.backlog.close();
    }
}
