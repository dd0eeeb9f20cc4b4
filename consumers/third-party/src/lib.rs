//! A transport inside one process: whoever listens on a name is found by that name.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::network::SendStatus;
use polywire_core::{Announcer, CloseReason, Readiness};

const MAX_WAITING: usize = 256;

/// The transport. Clones know the same names; values made apart do not.
#[derive(Clone, Default)]
pub struct Mem(Arc<Mutex<HashMap<String, Weak<Queue<End>>>>>);

impl Listen for Mem {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let mut names = lock(&self.0);
        if names.get(addr.string()).is_some_and(|guests| guests.strong_count() > 0) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let lobby = Lobby(Arc::default());
        names.insert(addr.string().into(), Arc::downgrade(&lobby.0));
        Ok(Listener::new(lobby, addr.clone()))
    }
}

impl Connect for Mem {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let guests = lock(&self.0).get(addr.string()).and_then(Weak::upgrade);
        let ours = End::default();
        let theirs = End(Arc::clone(&ours.1), Arc::clone(&ours.0));
        if guests.is_none_or(|guests| guests.push(theirs) != SendStatus::Sent) {
            return Err(CloseReason::Refused.into());
        }
        Ok(Connection::new(ours, addr.clone(), guest()))
    }
}

/// Where guests wait for the node that listens.
struct Lobby(Arc<Queue<End>>);

impl Local for Lobby {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.0.change(|queue| queue.reader = Some(registration.announcer()));
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        while let Ok(end) = self.0.pop() {
            if sink.accept(Connection::new(end, guest(), guest())) == Flow::Stop {
                return Accepting::Unfinished;
            }
        }
        Accepting::Drained
    }
}

/// One side of a connection: the queue it reads and the queue it writes.
#[derive(Default)]
struct End(Arc<Queue<Vec<u8>>>, Arc<Queue<Vec<u8>>>);

impl Remote for End {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Queue<Vec<u8>>>::clone(&self.1)
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.0.change(|queue| queue.reader = Some(registration.announcer()));
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        for _ in 0..MAX_WAITING {
            match self.0.pop() {
                Ok(message) if sink.message(&message, false) == Flow::Stop => break,
                Ok(_) => {}
                Err(false) => return Received::Drained,
                Err(true) => return Received::Ended(CloseReason::PeerClosed),
            }
        }
        Received::Unfinished
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.change(|queue| queue.ended = true);
        self.1.change(|queue| queue.ended = true);
    }
}

/// Things on their way to the node that reads them.
#[derive(Default)]
struct Queue<T>(Mutex<State<T>>);

#[derive(Default)]
struct State<T> {
    things: VecDeque<T>,
    ended: bool,
    reader: Option<Announcer>,
}

impl<T> Queue<T> {
    /// Changes the queue and tells its reader.
    fn change<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = lock(&self.0);
        let result = change(&mut state);
        state.reader.iter().for_each(|reader| reader.announce(Readiness::READABLE));
        result
    }

    fn push(&self, thing: T) -> SendStatus {
        self.change(|queue| {
            if queue.ended || queue.things.len() == MAX_WAITING {
                return SendStatus::Full;
            }
            queue.things.push_back(thing);
            SendStatus::Sent
        })
    }

    /// The next thing, or whether none will ever come.
    fn pop(&self) -> Result<T, bool> {
        let mut state = lock(&self.0);
        state.things.pop_front().ok_or(state.ended)
    }
}

impl Sender for Queue<Vec<u8>> {
    fn send(&self, _: SocketAddr, message: &[u8]) -> SendStatus {
        self.push(message.into())
    }
}

/// Who connects has no name.
fn guest() -> RemoteAddr {
    RemoteAddr::Str("guest".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
