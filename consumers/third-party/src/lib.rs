//! A transport inside one process: whoever listens on a name is found by that name.

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::network::SendStatus;
use polywire_core::{Announcer, CloseReason, Readiness};

const MAX_LEN: usize = 64 << 10;
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
        let (ours, theirs) = End::pair();
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

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget {
            let Ok(end) = self.0.pop() else { return Accepting::Drained };
            if sink.accept(Connection::new(end, guest(), guest())) == Flow::Stop {
                break;
            }
        }
        Accepting::Unfinished
    }
}

/// One side of a connection: the queue it reads and the queue it writes.
#[derive(Default)]
struct End(Arc<Queue<Vec<u8>>>, Arc<Queue<Vec<u8>>>);

impl End {
    fn pair() -> (Self, Self) {
        let ours = Self::default();
        let theirs = Self(Arc::clone(&ours.1), Arc::clone(&ours.0));
        (ours, theirs)
    }
}

impl Remote for End {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Queue<Vec<u8>>>::clone(&self.1)
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.0.change(|queue| queue.reader = Some(registration.announcer()));
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        self.0.change(|queue| queue.reader = None);
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        let mut taken = 0;
        while taken < io.budget {
            let message = match self.0.pop() {
                Ok(message) => message,
                Err(false) => return Received::Drained,
                Err(true) => return Received::Ended(CloseReason::PeerClosed),
            };
            taken += message.len().max(1);
            if sink.message(&message, false) == Flow::Stop {
                break;
            }
        }
        Received::Unfinished
    }

    fn flush(&mut self) -> Result<(), CloseReason> {
        Ok(())
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        Closing::Done
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
        self.change(|queue| match queue.things.len() {
            _ if queue.ended => SendStatus::ResourceNotFound,
            MAX_WAITING => SendStatus::Full,
            _ => {
                queue.things.push_back(thing);
                SendStatus::Sent
            }
        })
    }

    /// The next thing, or whether none will ever come.
    fn pop(&self) -> Result<T, bool> {
        let mut state = lock(&self.0);
        let ended = state.ended;
        state.things.pop_front().ok_or(ended)
    }
}

impl Sender for Queue<Vec<u8>> {
    fn send(&self, _: SocketAddr, message: &[u8]) -> SendStatus {
        match message.len() {
            0..=MAX_LEN => self.push(message.into()),
            _ => SendStatus::MaxPacketSizeExceeded,
        }
    }
}

/// Who connects has no name.
fn guest() -> RemoteAddr {
    RemoteAddr::Str("guest".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
