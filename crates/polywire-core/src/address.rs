//! Addresses as programs write them: socket addresses, host names, URLs, paths.

mod profile;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::panic::Location;

use crate::close_reason::CloseReason;
use crate::endpoint::NO_SOCKET_ADDR;

pub(crate) use profile::Profile;

/// The address of a peer: a socket address, or text that only the adapter understands (a host
/// name with a port, a URL, a path).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RemoteAddr {
    /// An IP address and a port.
    Socket(SocketAddr),
    /// Anything else, as it was written.
    Str(String),
}

impl RemoteAddr {
    /// Whether this is a socket address.
    pub fn is_socket_addr(&self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// Whether this is text.
    pub fn is_string(&self) -> bool {
        matches!(self, Self::Str(_))
    }

    /// The socket address, or `0.0.0.0:0` if this is text (see
    /// [`is_socket_addr`](Self::is_socket_addr)).
    pub fn socket_addr(&self) -> &SocketAddr {
        match self {
            Self::Socket(addr) => addr,
            Self::Str(_) => &NO_SOCKET_ADDR,
        }
    }

    /// The text, or `""` if this is a socket address (see [`is_string`](Self::is_string)).
    pub fn string(&self) -> &str {
        match self {
            Self::Socket(_) => "",
            Self::Str(text) => text,
        }
    }

    /// All socket addresses this stands for, at least one, in the order to be tried.
    ///
    /// Text is taken as `host:port` and looked up by the system's resolver, which blocks the
    /// calling thread while it does.
    ///
    /// # Errors
    ///
    /// [`CloseReason::Unresolved`] (as the inner error) if the name is unknown or has no address;
    /// `InvalidInput` if the text is not of the form `host:port`.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let text = match self {
            Self::Socket(addr) => return Ok(vec![*addr]),
            Self::Str(text) => text,
        };
        if text.contains("://") {
            let text = format!(
                "'{self}' is a URL, which `Transport::Ws` and `Transport::Wss` take: write host:port for this transport"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let well_formed = text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !well_formed {
            let port = text.rsplit_once(':').map(|(_, port)| port).unwrap_or_default();
            let is_too_high = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let why = if is_too_high { ", and the port is 1 to 65535" } else { "" };
            let text = format!("'{self}' is not an address: write it as host:port{why}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let unresolved = |why: String| {
            CloseReason::Unresolved(format!("'{self}' can't be resolved: {why}").into())
        };
        let addrs: Vec<_> =
            text.to_socket_addrs().map_err(|error| unresolved(error.to_string()))?.collect();
        if addrs.is_empty() {
            return Err(unresolved("it has no address".into()).into());
        }
        Ok(addrs)
    }
}

/// For logs and errors: of a URL neither the query nor a user name and password, which are nobody else's
/// business. [`string`](RemoteAddr::string) is all of it.
impl fmt::Display for RemoteAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(addr) => addr.fmt(f),
            Self::Str(text) => {
                let (scheme, rest) = without_secrets(text);
                write!(f, "{scheme}{rest}")
            }
        }
    }
}

/// The scheme of a URL with its `://`, and what may be told of the rest.
fn without_secrets(text: &str) -> (&str, &str) {
    let text = &text[..text.find(['?', '#']).unwrap_or(text.len())];
    let scheme = text.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = text.split_at(scheme);
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    // Nobody is named before an `@` at the beginning: that is a name itself, as abstract ones of Linux.
    let host = authority.rfind('@').filter(|at| *at > 0).map_or(0, |at| at + 1);
    (scheme, &rest[host..])
}

impl ToSocketAddrs for RemoteAddr {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.resolve()?.into_iter())
    }
}

/// What `connect` takes as an address.
///
/// Nothing is looked up here: a host name stays text until the adapter resolves it.
pub trait ToRemoteAddr {
    /// The address, parsed as far as it can be without asking anybody.
    ///
    /// # Errors
    ///
    /// The built-in implementations return none; implementors may.
    fn to_remote_addr(&self) -> io::Result<RemoteAddr>;
}

impl ToRemoteAddr for RemoteAddr {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        Ok(self.clone())
    }
}

impl ToRemoteAddr for str {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        Ok(match self.parse() {
            Ok(addr) => RemoteAddr::Socket(addr),
            Err(_) => RemoteAddr::Str(self.into()),
        })
    }
}

impl ToRemoteAddr for String {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        self.as_str().to_remote_addr()
    }
}

impl ToRemoteAddr for SocketAddr {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        Ok(RemoteAddr::Socket(*self))
    }
}

impl ToRemoteAddr for (&str, u16) {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        let (host, port) = *self;
        Ok(match host.parse::<IpAddr>() {
            Ok(ip) => RemoteAddr::Socket(SocketAddr::new(ip, port)),
            Err(_) => RemoteAddr::Str(format!("{host}:{port}")),
        })
    }
}

impl ToRemoteAddr for (String, u16) {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        (self.0.as_str(), self.1).to_remote_addr()
    }
}

macro_rules! to_remote_addr_by_conversion {
    ($($source:ty),*) => {$(
        impl ToRemoteAddr for $source {
            fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
                Ok(RemoteAddr::Socket(SocketAddr::from(*self)))
            }
        }
    )*};
}

to_remote_addr_by_conversion!(
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl<T: ToRemoteAddr + ?Sized> ToRemoteAddr for &T {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        (**self).to_remote_addr()
    }
}

/// Told by errors. What was given can't be quoted: std's trait does not tell it.
const HOW_TO_LISTEN: &str = "write it as host:port, without a scheme as ws:// and without a path; \
                             0.0.0.0:port is all addresses, and the port at most 65535";

/// What `listen` takes as an address: everything that is [`ToSocketAddrs`], or a [`Name`].
///
/// Windows takes text without a host, as `:80`, for the machine's own addresses; elsewhere it is an error.
pub trait ToListenAddr {
    /// The addresses to listen on, tried in order until one succeeds.
    ///
    /// # Errors
    ///
    /// `InvalidInput` and the like where nothing can be made of it. Host names are looked up,
    /// which blocks the calling thread. What was given is named by the place of the call, for std's
    /// [`ToSocketAddrs`] does not tell it.
    #[track_caller]
    fn to_listen_addrs(&self) -> io::Result<Vec<RemoteAddr>>;
}

impl<T: ToSocketAddrs + ?Sized> ToListenAddr for T {
    #[track_caller]
    fn to_listen_addrs(&self) -> io::Result<Vec<RemoteAddr>> {
        let given = Location::caller();
        let addrs = self.to_socket_addrs().map_err(|error| match error.kind() {
            // std's own: it is not of that form.
            io::ErrorKind::InvalidInput => {
                let text = format!(
                    "what was given at {given} is no address to listen on ({error}): {HOW_TO_LISTEN}"
                );
                io::Error::new(io::ErrorKind::InvalidInput, text)
            }
            _ if CloseReason::of(&error).is_some() => error,
            _ => {
                let text = format!(
                    "the host to listen on, given at {given}, can't be resolved ({error}): {HOW_TO_LISTEN}"
                );
                CloseReason::Unresolved(text.into()).into()
            }
        })?;
        Ok(addrs.map(RemoteAddr::Socket).collect())
    }
}

/// An address that is not a socket address, for adapters that have such: `Name("/tmp/chat")`.
///
/// `connect` takes plain text for these too; `listen` resolves plain text as `host:port`, as
/// `std` does, and so needs this word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name<T: AsRef<str>>(pub T);

impl<T: AsRef<str>> ToListenAddr for Name<T> {
    fn to_listen_addrs(&self) -> io::Result<Vec<RemoteAddr>> {
        Ok(vec![RemoteAddr::Str(self.0.as_ref().into())])
    }
}

impl<T: AsRef<str>> ToRemoteAddr for Name<T> {
    fn to_remote_addr(&self) -> io::Result<RemoteAddr> {
        Ok(RemoteAddr::Str(self.0.as_ref().into()))
    }
}

/// The socket address that stands for the peer of that number, where a transport's peers have none: for
/// [`ListenerSink::message`](crate::adapter::ListenerSink::message). It lies in the prefix `100::/64` of IPv6,
/// which no packet is ever sent to (RFC 6666). The peer's name is told by
/// [`Sender::peer_name`](crate::adapter::Sender::peer_name).
pub fn peer_number_addr(number: u64) -> SocketAddr {
    let bits = u128::from(number) | DISCARD_PREFIX;
    SocketAddr::new(Ipv6Addr::from_bits(bits).into(), 0)
}

/// The number of the peer that `addr` stands for; `None` if it is an address like others.
pub fn peer_number(addr: SocketAddr) -> Option<u64> {
    let IpAddr::V6(ip) = addr.ip() else { return None };
    let bits = ip.to_bits();
    (bits & !u128::from(u64::MAX) == DISCARD_PREFIX && addr.port() == 0).then_some(bits as u64)
}

const DISCARD_PREFIX: u128 = 0x0100 << 112;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_peer_comes_out_as_it_went_in() {
        for number in [0, 1, u64::MAX] {
            assert_eq!(peer_number(peer_number_addr(number)), Some(number));
        }
        for addr in ["[::1]:0", "[100::1]:1", "127.0.0.1:0", "[100:0:0:1::]:0"] {
            assert_eq!(peer_number(addr.parse().unwrap()), None, "{addr}");
        }
    }

    #[test]
    fn text_becomes_a_socket_address_where_it_is_one() {
        let addr: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!("127.0.0.1:80".to_remote_addr().unwrap(), RemoteAddr::Socket(addr));
        assert_eq!(("127.0.0.1", 80).to_remote_addr().unwrap(), RemoteAddr::Socket(addr));
        assert_eq!(
            ("example.org", 80).to_remote_addr().unwrap(),
            RemoteAddr::Str("example.org:80".into())
        );
    }

    #[test]
    fn a_name_that_does_not_resolve_is_a_typed_error() {
        let error = RemoteAddr::Str("no-such-host.invalid:80".into()).resolve().unwrap_err();
        assert!(matches!(CloseReason::of(&error), Some(CloseReason::Unresolved(_))), "{error}");
    }

    #[test]
    fn text_without_a_port_is_told_how_to_be_written() {
        for text in ["", "localhost", "localhost:", ":80", "localhost:70000", "not an address"] {
            let error = RemoteAddr::Str(text.into()).resolve().unwrap_err();
            assert!(error.to_string().contains("host:port"), "{text}: {error}");
        }
        let error = RemoteAddr::Str("localhost:70000".into()).resolve().unwrap_err();
        assert!(error.to_string().contains("the port is 1 to 65535"), "{error}");
    }

    #[test]
    fn a_url_is_told_whom_it_is_for() {
        for text in ["wss://localhost:3044", "wss://localhost/chat?token=secret"] {
            let error = RemoteAddr::Str(text.into()).resolve().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            let text = error.to_string();
            assert!(text.contains("`Transport::Wss`") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_name_that_begins_with_an_at_sign_is_shown_whole_and_a_password_is_not() {
        for (text, shown) in [
            ("@name", "@name"),
            ("ws://user:secret@host/", "ws://host/"),
            ("user:secret@host:80", "host:80"),
        ] {
            assert_eq!(RemoteAddr::Str(text.into()).to_string(), shown);
        }
    }

    #[test]
    fn what_can_t_be_listened_on_is_told_how_to_be_written() {
        for text in [
            "127.0.0.1",
            "",
            "localhost:",
            "localhost:70000",
            #[cfg(not(windows))]
            ":4005",
            "ws://0.0.0.0:4005",
            "ws://0.0.0.0:4005/",
        ] {
            let error = text.to_listen_addrs().unwrap_err();
            for part in ["host:port, without a scheme", "0.0.0.0:port is", "at most 65535"] {
                assert!(error.to_string().contains(part), "{text}: {error}");
            }
        }
        let (error, line) = ("no-such-host.invalid:80".to_listen_addrs().unwrap_err(), line!());
        assert!(error.to_string().contains(&format!("address.rs:{line}")), "{error}");
        assert!(matches!(CloseReason::of(&error), Some(CloseReason::Unresolved(_))), "{error}");
    }

    #[test]
    fn asking_for_the_other_variant_does_not_panic() {
        let text = RemoteAddr::Str("ws://example.org".into());
        assert!(text.is_string() && !text.is_socket_addr());
        assert_eq!(text.socket_addr().port(), 0);
        assert_eq!(RemoteAddr::Socket(NO_SOCKET_ADDR).string(), "");
    }
}
