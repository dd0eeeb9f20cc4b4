//! The transports under test: those of the library, and over TLS with the certificate of these tests.

use std::fmt;
use std::io;
use std::str::FromStr;

use polywire::adapter::{Connection, Listener};
use polywire::network::{ParseTransportError, RemoteAddr, Transport as Library};
use polywire_core::adapter::{Connect, Listen};

use polywire::Limits;

use super::{connecting, listening};

/// As the library's of the same name. One over TLS listens with a certificate and connects with its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Tcp,
    FramedTcp,
    Udp,
    Ws,
    #[cfg(feature = "__tls")]
    TcpTls,
    #[cfg(feature = "__tls")]
    FramedTcpTls,
    #[cfg(feature = "__tls")]
    Wss,
}

impl Transport {
    pub const ALL: &'static [Self] = &[
        Self::Tcp,
        Self::FramedTcp,
        Self::Udp,
        Self::Ws,
        #[cfg(feature = "__tls")]
        Self::TcpTls,
        #[cfg(feature = "__tls")]
        Self::FramedTcpTls,
        #[cfg(feature = "__tls")]
        Self::Wss,
    ];

    pub const STREAMS: &'static [Self] = &[
        Self::Tcp,
        Self::FramedTcp,
        Self::Ws,
        #[cfg(feature = "__tls")]
        Self::TcpTls,
        #[cfg(feature = "__tls")]
        Self::FramedTcpTls,
        #[cfg(feature = "__tls")]
        Self::Wss,
    ];

    pub const MESSAGE_STREAMS: &'static [Self] = &[
        Self::FramedTcp,
        Self::Ws,
        #[cfg(feature = "__tls")]
        Self::FramedTcpTls,
        #[cfg(feature = "__tls")]
        Self::Wss,
    ];

    /// This one, which is in clear text, and the same over TLS.
    pub fn each_way(self) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |one| one.plain() == self)
    }

    pub fn library(self) -> Library {
        match self {
            Self::Tcp => Library::Tcp,
            Self::FramedTcp => Library::FramedTcp,
            Self::Udp => Library::Udp,
            Self::Ws => Library::Ws,
            #[cfg(feature = "__tls")]
            Self::TcpTls => Library::TcpTls,
            #[cfg(feature = "__tls")]
            Self::FramedTcpTls => Library::FramedTcpTls,
            #[cfg(feature = "__tls")]
            Self::Wss => Library::Wss,
        }
    }

    /// The same without TLS.
    pub fn plain(self) -> Self {
        self.library().plain().into()
    }

    /// Whether it has more to agree on than TCP has.
    pub fn has_handshake(self) -> bool {
        self.is_secure() || self == Self::Ws
    }

    pub fn is_secure(self) -> bool {
        self.library().is_secure()
    }

    pub fn is_connection_oriented(self) -> bool {
        self.library().is_connection_oriented()
    }

    pub fn is_packet_based(self) -> bool {
        self.library().is_packet_based()
    }

    pub fn max_message_size(self) -> usize {
        self.library().max_message_size()
    }
}

impl From<Library> for Transport {
    fn from(library: Library) -> Self {
        Self::ALL.iter().copied().find(|one| one.library() == library).expect("all are here")
    }
}

impl FromStr for Transport {
    type Err = ParseTransportError;

    fn from_str(text: &str) -> Result<Self, ParseTransportError> {
        text.parse().map(Library::into)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.library().fmt(f)
    }
}

impl Connect for Transport {
    fn tag(&self) -> u8 {
        Connect::tag(&self.library())
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        match self.is_secure() {
            true => connecting(*self, Limits::default()).connect(addr),
            false => self.library().connect(addr),
        }
    }
}

impl Listen for Transport {
    fn tag(&self) -> u8 {
        Listen::tag(&self.library())
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        match self.is_secure() {
            true => listening(*self, Limits::default()).listen(addr),
            false => self.library().listen(addr),
        }
    }
}
