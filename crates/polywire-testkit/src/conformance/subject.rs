//! The adapter under test.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use polywire_core::adapter::{Connect, Connection, Listen};
use polywire_core::address::{Name, RemoteAddr};
use polywire_core::network::NetworkController;
use polywire_core::{Backoff, Endpoint, Limits, Reconnecting, ResourceId};

use crate::conformance::Capabilities;

/// What a check waits for comes sooner, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 120 } else { 10 });
const ANY_PORT: &str = "127.0.0.1:0";

type MakeConnect = dyn Fn(Limits) -> Box<dyn Connect> + Send + Sync;
type MakeListen = dyn Fn(Limits) -> Box<dyn Listen> + Send + Sync;
type MakeName = dyn Fn(&str) -> String + Send + Sync;

/// The adapter under test: how its two sides are made, and where it listens. Clones are the same one.
///
/// ```
/// use polywire_testkit::conformance::Subject;
/// # use polywire_core::{Limits, adapter::{Connect, Connection, Listen, Listener}, address::RemoteAddr};
/// # struct Serial(Limits);
/// # impl Serial { fn with_limits(limits: Limits) -> Self { Self(limits) } }
/// # impl Connect for Serial { fn connect(&self, _: &RemoteAddr) -> std::io::Result<Connection> { unimplemented!() } }
/// # impl Listen for Serial { fn listen(&self, _: &RemoteAddr) -> std::io::Result<Listener> { unimplemented!() } }
///
/// let subject = Subject::new(
///     |limits| Box::new(Serial::with_limits(limits)),
///     |limits| Box::new(Serial::with_limits(limits)),
/// )
/// .with_names(|unique| format!("/tmp/{unique}"));
/// # let _ = subject;
/// ```
#[derive(Clone)]
pub struct Subject {
    connect: Arc<MakeConnect>,
    listen: Arc<MakeListen>,
    /// `None` for ports of the loopback address.
    name: Option<Arc<MakeName>>,
    limits: Limits,
    deadline: Duration,
    capabilities: Capabilities,
}

impl Subject {
    /// An adapter by what makes it, for connecting and for listening, each with the limits of a connection. It listens
    /// on `127.0.0.1:0` unless it has [names](Self::with_names).
    pub fn new(
        connect: impl Fn(Limits) -> Box<dyn Connect> + Send + Sync + 'static,
        listen: impl Fn(Limits) -> Box<dyn Listen> + Send + Sync + 'static,
    ) -> Self {
        Self {
            connect: Arc::new(connect),
            listen: Arc::new(listen),
            name: None,
            limits: Limits::default(),
            deadline: DEADLINE,
            capabilities: Capabilities::default(),
        }
    }

    /// An adapter whose addresses are text. `name` makes an address of a word that no other call gets: letters,
    /// digits and hyphens.
    #[must_use]
    pub fn with_names(self, name: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { name: Some(Arc::new(name)), ..self }
    }

    /// How long a check waits for what must come. Default: 10 seconds.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// What the adapter can do; [`conformance!`](crate::conformance!) calls this.
    #[must_use]
    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        Self { capabilities, ..self }
    }

    /// The same with these limits of each connection.
    pub(crate) fn limited(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Listens on an address of its own.
    pub(crate) fn listen(
        &self,
        network: &NetworkController,
    ) -> io::Result<(ResourceId, RemoteAddr)> {
        let adapter = (self.listen)(self.limits.clone());
        match self.new_name() {
            Some(name) => {
                let (id, _) = network.listen(&*adapter, Name(&name))?;
                Ok((id, RemoteAddr::Str(name)))
            }
            None => {
                let (id, addr) = network.listen(&*adapter, ANY_PORT)?;
                Ok((id, RemoteAddr::Socket(addr)))
            }
        }
    }

    /// Listens on that address.
    pub(crate) fn listen_on(
        &self,
        network: &NetworkController,
        addr: &RemoteAddr,
    ) -> io::Result<ResourceId> {
        let adapter = (self.listen)(self.limits.clone());
        let listening = match addr {
            RemoteAddr::Socket(addr) => network.listen(&*adapter, *addr),
            RemoteAddr::Str(name) => network.listen(&*adapter, Name(name)),
        };
        Ok(listening?.0)
    }

    pub(crate) fn connect(
        &self,
        network: &NetworkController,
        addr: &RemoteAddr,
    ) -> io::Result<(Endpoint, SocketAddr)> {
        network.connect(&*(self.connect)(self.limits.clone()), addr)
    }

    /// As `connect`, and again by itself whenever the connection ends.
    pub(crate) fn connect_again(
        &self,
        network: &NetworkController,
        addr: &RemoteAddr,
    ) -> io::Result<Endpoint> {
        let backoff = Backoff::default().with_first_delay(Duration::from_millis(10));
        let adapter = Reconnecting::new(Connecting(self.clone())).with_backoff(backoff);
        Ok(network.connect(&adapter, addr)?.0)
    }

    pub(crate) fn connect_sync(
        &self,
        network: &NetworkController,
        addr: &RemoteAddr,
    ) -> io::Result<(Endpoint, SocketAddr)> {
        network.connect_sync(&*(self.connect)(self.limits.clone()), addr)
    }

    /// A name that nobody has; `None` where addresses are ports.
    pub(crate) fn new_name(&self) -> Option<String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = self.name.as_ref()?;
        Some(name(&format!("conformance-{}-{number}", std::process::id())))
    }
}

/// The side that connects, as a value of a type of its own.
#[derive(Clone)]
struct Connecting(Subject);

impl Connecting {
    fn adapter(&self) -> Box<dyn Connect> {
        (self.0.connect)(self.0.limits.clone())
    }
}

impl Connect for Connecting {
    fn tag(&self) -> u8 {
        self.adapter().tag()
    }

    fn looks_up(&self, addr: &RemoteAddr) -> bool {
        self.adapter().looks_up(addr)
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        self.adapter().connect(addr)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("limits", &self.limits)
            .field("deadline", &self.deadline)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}
