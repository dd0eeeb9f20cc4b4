//! A transport inside one process: whoever listens on a name is found by that name.

mod pipe;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::{CloseReason, Limits, Message, Notifier, Readiness, WhenFull};
#[cfg(test)]
use polywire_testkit::conformance::Checked;

use pipe::Pipe;

/// Connections that wait to be accepted; more are refused.
const BACKLOG: usize = 256;
/// What a message counts at least, as everywhere: short ones cost more than their bytes.
const LEAST_COST: usize = 256;

/// The transport. Clones know the same names; values made apart do not.
#[derive(Clone, Default)]
pub struct Mem {
    names: Arc<Mutex<HashMap<String, Weak<Backlog>>>>,
    limits: Arc<Limits>,
}

impl Mem {
    /// The same names, with these limits of each connection.
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self { names: Arc::clone(&self.names), limits: Arc::new(limits) }
    }

    /// The callback never waits: the other end is often of the same node.
    fn effective_limits(&self) -> Arc<Limits> {
        Arc::new(Limits::clone(&self.limits).with_when_full(WhenFull::Disconnect))
    }
}

impl Listen for Mem {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let mut names = lock(&self.names);
        names.retain(|_, backlog| backlog.strong_count() > 0);
        let before = names.get(addr.string()).and_then(Weak::upgrade);
        if before.is_some_and(|before| lock(&before.0).is_open) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let limits = self.effective_limits();
        let waiting = Waiting { is_open: true, limits: Arc::clone(&limits), ..Waiting::default() };
        let backlog = Arc::new(Backlog(Mutex::new(waiting)));
        names.insert(addr.string().into(), Arc::downgrade(&backlog));
        Ok(Listener::new(Acceptor { backlog, limits }, addr.clone()))
    }
}

impl Connect for Mem {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let backlog = lock(&self.names).get(addr.string()).and_then(Weak::upgrade);
        let backlog = backlog.ok_or(CloseReason::Refused)?;
        let mut waiting = lock(&backlog.0);
        if !waiting.is_open || waiting.ends.len() == BACKLOG {
            return Err(CloseReason::Refused.into());
        }
        let there = Arc::new(Pipe::new(self.effective_limits()));
        let back = Arc::new(Pipe::new(Arc::clone(&waiting.limits)));
        let theirs = End { incoming: Arc::clone(&there), outgoing: Arc::clone(&back) };
        waiting.ends.push_back(theirs);
        waiting.notify();
        let ours = End { incoming: back, outgoing: there };
        Ok(connection(ours, addr.clone()))
    }
}

/// Where connections wait for the node that listens.
struct Backlog(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    ends: VecDeque<End>,
    is_open: bool,
    listener: Option<Notifier>,
    /// Of what the listener sends.
    limits: Arc<Limits>,
}

impl Waiting {
    fn notify(&self) {
        self.listener.iter().for_each(|listener| listener.notify(Readiness::READABLE));
    }
}

impl Close for Backlog {
    /// Frees the name at once, also while the loop is inside a callback.
    fn close(&self) {
        let mut waiting = lock(&self.0);
        waiting.is_open = false;
        let refused = std::mem::take(&mut waiting.ends);
        drop(waiting);
        drop(refused); // Their peers are told, without the lock.
    }
}

struct Acceptor {
    backlog: Arc<Backlog>,
    limits: Arc<Limits>,
}

impl Local for Acceptor {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(Arc::<Backlog>::clone(&self.backlog))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let mut waiting = lock(&self.backlog.0);
        waiting.listener = Some(io.registration.notifier());
        waiting.notify(); // Some may have come before.
        Ok(())
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget.max(1) {
            let Some(end) = lock(&self.backlog.0).ends.pop_front() else {
                return Accepting::Drained;
            };
            if sink.accept(connection(end, nameless())) == Flow::Stop {
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

/// One side of a connection.
struct End {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl Remote for End {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Pipe>::clone(&self.outgoing)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(self.outgoing.0.limits())
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.outgoing.0.set_notifier(io.registration.notifier());
        self.incoming.0.set_reader(io.registration.notifier());
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready // There is no handshake.
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        loop {
            let message = match self.incoming.pop() {
                Ok(message) => message,
                Err(received) => return received,
            };
            io.budget = io.budget.saturating_sub(message.len().max(LEAST_COST));
            if sink.message(Message::binary(&message), false) == Flow::Stop || io.budget == 0 {
                return Received::Unfinished; // What is left waits in the pipe.
            }
        }
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.outgoing.0.failure().map_or(Ok(()), Err)
    }

    fn close(&mut self, _: &mut Io<'_>, reason: &CloseReason) -> Closing {
        self.incoming.0.take(std::mem::take); // A peer that closes, too, waits until this is read.
        match reason {
            CloseReason::Stalled => Closing::Done, // It would take nothing now, either.
            _ => self.outgoing.0.closing(),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.incoming.0.abandon();
        self.outgoing.end();
        if self.outgoing.0.closing() != Closing::Done {
            self.outgoing.abort(CloseReason::Reset); // The linger time is over, say.
        }
    }
}

/// A connection, which the tests watch for rules that no event shows.
fn connection(end: End, peer: RemoteAddr) -> Connection {
    #[cfg(test)]
    let end = Checked::new(end);
    Connection::new(end, peer, nameless())
}

/// The address of whoever connects.
fn nameless() -> RemoteAddr {
    RemoteAddr::Str("nameless".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
