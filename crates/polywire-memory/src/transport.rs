//! What `connect` and `listen` take.

use std::fmt;
use std::io;
use std::sync::Arc;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::{Limits, WhenFull};

use crate::end::End;
use crate::links::{Links, Mode};
use crate::listener::{Acceptor, Backlog};
use crate::names::Names;
use crate::pipe::Pipe;

/// What all that is on a network shares.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) links: Arc<Links>,
    pub(crate) names: Names,
}

/// Whole messages on a [`MemoryNetwork`](crate::MemoryNetwork): what `connect` and `listen` take.
///
/// Reliable and ordered unless the [conditions](crate::Conditions) say otherwise. Text and binary stay what they
/// are. A message has [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN) at most. A connection is ready at once: there is no handshake. What was sent counts as queued until the
/// peer's loop takes it. Where nobody listens `connect` fails with
/// [`Refused`](polywire_core::CloseReason::Refused), and so it does where 4,096 connections wait to be accepted.
///
/// ```
/// use polywire_core::Limits;
/// use polywire_core::address::Name;
/// use polywire_core::node;
/// use polywire_memory::MemoryNetwork;
///
/// let memory = MemoryNetwork::default();
/// let (handler, _listener) = node::split::<()>();
/// let limits = Limits::default().with_max_connections(100);
/// handler.network().listen(memory.messages().with_limits(limits), Name("chat")).unwrap();
///
/// let alice = memory.messages().named("alice");
/// handler.network().connect(alice, "chat").unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Memory(Config);

/// A byte stream on a [`MemoryNetwork`](crate::MemoryNetwork): what `connect` and `listen` take.
///
/// As [`Memory`], but what is a message to `send` is not one to the peer: bytes that were sent come joined, and cut where
/// a buffer or the [`Limits::read_budget`] ends, or where [`Conditions::cuts`](crate::Conditions::cuts) says so.
///
/// ```
/// use polywire_core::address::Name;
/// use polywire_core::node;
/// use polywire_memory::MemoryNetwork;
///
/// let memory = MemoryNetwork::default();
/// let (handler, _listener) = node::split::<()>();
/// handler.network().listen(memory.stream(), Name("log")).unwrap();
/// handler.network().connect(memory.stream(), "log").unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStream(Config);

#[derive(Clone)]
struct Config {
    shared: Arc<Shared>,
    name: Option<String>,
    limits: Limits,
}

macro_rules! transport {
    ($name:ident, $mode:expr) => {
        impl $name {
            pub(crate) fn new(shared: &Arc<Shared>) -> Self {
                let limits = Limits::default();
                Self(Config { shared: Arc::clone(shared), name: None, limits })
            }

            /// Names this side, for [`partition`](crate::MemoryNetwork::partition), and for the peer's `remote_addr`. Default: a listener
            /// has the address that it listens on as its name, and who connects `client-` and a number, or a port
            /// where the other side has one.
            #[must_use]
            pub fn named(mut self, name: impl Into<String>) -> Self {
                self.0.name = Some(name.into());
                self
            }

            /// Bounds the connection, or the listener and each connection of it. Default: those of
            /// [`Limits::default`].
            #[must_use]
            pub fn with_limits(mut self, limits: Limits) -> Self {
                self.0.limits = limits;
                self
            }
        }

        impl Connect for $name {
            /// Nothing is looked up, whatever the address looks like.
            fn looks_up(&self, _: &RemoteAddr) -> bool {
                false
            }

            fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
                self.0.connect($mode, addr)
            }
        }

        impl Listen for $name {
            fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
                self.0.listen($mode, addr)
            }
        }
    };
}

transport!(Memory, Mode::Messages);
transport!(MemoryStream, Mode::Stream);

impl Config {
    /// The limits, with what to do when all is full.
    fn limits_or(&self, when_full: WhenFull) -> Arc<Limits> {
        let when_full = self.limits.when_full.unwrap_or(when_full);
        Arc::new(self.limits.clone().with_when_full(when_full))
    }

    fn listen(&self, mode: Mode, addr: &RemoteAddr) -> io::Result<Listener> {
        let names = &self.shared.names;
        let addr = names.addr_to_listen(addr);
        let name = self.name.clone().unwrap_or_else(|| addr.to_string());
        let backlog = Arc::new(Backlog::new(self.limits_or(WhenFull::Disconnect), name.into()));
        names.listen(mode, &addr, &backlog)?;
        Ok(Listener::new(Acceptor::new(backlog, addr.clone()), addr))
    }

    fn connect(&self, mode: Mode, addr: &RemoteAddr) -> io::Result<Connection> {
        let Shared { links, names } = &*self.shared;
        let local = match &self.name {
            Some(name) => RemoteAddr::Str(name.clone()),
            None => names.new_addr(addr),
        };
        let own: Arc<str> = local.to_string().into();
        // Whoever is cut off learns neither that somebody listens nor that nobody does.
        let (name, their_limits) = match names.find(mode, addr) {
            Ok(backlog) => (Arc::clone(&backlog.name), Arc::clone(&backlog.limits)),
            Err(_) => (addr.to_string().into(), Arc::default()),
        };
        let [there, back] = links.random_of_connection();
        let our_limits = self.limits_or(WhenFull::Wait);
        let there = Pipe::new((links, mode), (&own, &name), our_limits, there);
        let back = Pipe::new((links, mode), (&name, &own), their_limits, back);
        let theirs = End::new(Arc::clone(&there), Arc::clone(&back));
        let mut remote = End::new(back, there);
        let (shared, to, from) = (Arc::clone(&self.shared), addr.clone(), local.clone());
        let arrive = move || shared.names.find(mode, &to)?.push(theirs, from);
        if remote.is_cut() {
            remote.connect_later(Box::new(arrive));
        } else {
            arrive()?;
        }
        Ok(Connection::new(remote, addr.clone(), local))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, limits, .. } = self;
        f.debug_struct("Config").field("name", name).field("limits", limits).finish_non_exhaustive()
    }
}
