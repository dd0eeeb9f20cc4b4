//! The built-in transports as one value, to be chosen at run time.

#![cfg_attr(
    not(any(feature = "framed-tcp", feature = "udp", feature = "ws")),
    allow(
        unreachable_code,
        unreachable_patterns,
        unused_variables,
        reason = "without a transport the enums that list them are empty"
    )
)]

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// One of the built-in transports, with its default configuration.
///
/// A value like any other adapter: `connect` and `listen` take it. Which ones there are depends on the crate's
/// features, which another crate of the same program may turn on: a `match` needs a `_` arm, or all of them.
///
/// ```
/// # #[cfg(feature = "ws")] {
/// use polywire::network::Transport;
///
/// let transport: Transport = "ws".parse()?;
/// assert_eq!(transport, Transport::Ws);
/// assert_eq!(transport.to_string(), "ws");
/// # }
/// # Ok::<(), polywire::network::ParseTransportError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "&'static str"))]
pub enum Transport {
    /// TCP: a stream of bytes, reliable and in order. A `Message` is whatever part of the stream a
    /// read brought: to be used towards programs that speak a protocol of their own.
    #[cfg(feature = "tcp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tcp")))]
    Tcp,
    /// Messages over TCP, each behind its length: reliable and in order.
    #[cfg(feature = "framed-tcp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "framed-tcp")))]
    FramedTcp,
    /// UDP: each message one datagram, which may get lost, come twice, or come late. Listening on
    /// a multicast address joins the group.
    #[cfg(feature = "udp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "udp")))]
    Udp,
    /// WebSocket: messages over an upgraded HTTP connection, reliable and in order; what browsers
    /// speak. Encrypted where the URL says `wss`, which needs the feature `tls`.
    #[cfg(feature = "ws")]
    #[cfg_attr(docsrs, doc(cfg(feature = "ws")))]
    Ws,
    /// TCP over TLS. To connect, with the certification authorities of the system; a listener needs a
    /// certificate: [`TcpListenConfig::with_tls`](crate::adapters::tcp::TcpListenConfig::with_tls).
    #[cfg(all(feature = "tcp", feature = "__tls"))]
    #[cfg_attr(docsrs, doc(cfg(all(feature = "tcp", feature = "tls"))))]
    TcpTls,
    /// Framed TCP over TLS, as [`TcpTls`](Self::TcpTls).
    #[cfg(all(feature = "framed-tcp", feature = "__tls"))]
    #[cfg_attr(docsrs, doc(cfg(all(feature = "framed-tcp", feature = "tls"))))]
    FramedTcpTls,
    /// WebSocket over TLS, as [`TcpTls`](Self::TcpTls).
    #[cfg(all(feature = "ws", feature = "__tls"))]
    #[cfg_attr(docsrs, doc(cfg(all(feature = "ws", feature = "tls"))))]
    Wss,
}

impl Transport {
    /// All transports that the enabled features bring, in clear text: each listens and connects as it is. Over TLS
    /// they are [`SECURE`](Self::SECURE).
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "tcp")]
        Self::Tcp,
        #[cfg(feature = "framed-tcp")]
        Self::FramedTcp,
        #[cfg(feature = "udp")]
        Self::Udp,
        #[cfg(feature = "ws")]
        Self::Ws,
    ];

    /// All transports over TLS that the enabled features bring; none without `tls` or `tls-ring`.
    pub const SECURE: &'static [Self] = &[
        #[cfg(all(feature = "tcp", feature = "__tls"))]
        Self::TcpTls,
        #[cfg(all(feature = "framed-tcp", feature = "__tls"))]
        Self::FramedTcpTls,
        #[cfg(all(feature = "ws", feature = "__tls"))]
        Self::Wss,
    ];

    fn each() -> impl Iterator<Item = Self> {
        Self::ALL.iter().chain(Self::SECURE).copied()
    }

    /// The same transport without TLS; itself if it has none.
    #[must_use]
    pub const fn plain(self) -> Self {
        match self {
            #[cfg(all(feature = "tcp", feature = "__tls"))]
            Self::TcpTls => Self::Tcp,
            #[cfg(all(feature = "framed-tcp", feature = "__tls"))]
            Self::FramedTcpTls => Self::FramedTcp,
            #[cfg(all(feature = "ws", feature = "__tls"))]
            Self::Wss => Self::Ws,
            plain => plain,
        }
    }

    /// The same transport over TLS; `None` for UDP, which TLS can't be put over.
    #[cfg(feature = "__tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub const fn secure(self) -> Option<Self> {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp => Some(Self::TcpTls),
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp => Some(Self::FramedTcpTls),
            #[cfg(feature = "udp")]
            Self::Udp => None,
            #[cfg(feature = "ws")]
            Self::Ws => Some(Self::Wss),
            #[allow(unreachable_patterns, reason = "without any transport but UDP")]
            secure => Some(secure),
        }
    }

    /// Whether what is sent is encrypted.
    pub fn is_secure(self) -> bool {
        self != self.plain()
    }

    /// The longest message that can be sent with the default configuration, in bytes; for TCP,
    /// which has no messages, there is no limit.
    pub const fn max_message_size(self) -> usize {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp => usize::MAX,
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp => polywire_framed_tcp::DEFAULT_MAX_MESSAGE_SIZE,
            #[cfg(feature = "udp")]
            Self::Udp => polywire_udp::MAX_LOCAL_PAYLOAD_LEN,
            #[cfg(feature = "ws")]
            Self::Ws => polywire_ws::DEFAULT_MAX_MESSAGE_SIZE,
            #[cfg(feature = "__tls")]
            #[allow(unreachable_patterns, reason = "there may be UDP alone")]
            secure => secure.plain().max_message_size(),
        }
    }

    /// Whether there are connections, and so `Accepted` and `Disconnected` events.
    pub const fn is_connection_oriented(self) -> bool {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp => true,
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp => true,
            #[cfg(feature = "udp")]
            Self::Udp => false,
            #[cfg(feature = "ws")]
            Self::Ws => true,
            #[cfg(feature = "__tls")]
            #[allow(unreachable_patterns, reason = "there may be UDP alone")]
            secure => secure.plain().is_connection_oriented(),
        }
    }

    /// Whether each `send` arrives as one `Message`.
    pub const fn is_packet_based(self) -> bool {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp => false,
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp => true,
            #[cfg(feature = "udp")]
            Self::Udp => true,
            #[cfg(feature = "ws")]
            Self::Ws => true,
            #[cfg(feature = "__tls")]
            #[allow(unreachable_patterns, reason = "there may be UDP alone")]
            secure => secure.plain().is_packet_based(),
        }
    }

    /// The number of the transport, which
    /// [`ResourceId::adapter_id`](super::ResourceId::adapter_id) tells: 0 TCP, 1 framed TCP, 2
    /// UDP, 3 WebSocket. Over TLS they are 4, 5 and 7 here, and those of [`plain`](Self::plain) there.
    pub const fn id(self) -> u8 {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp => 0,
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp => 1,
            #[cfg(feature = "udp")]
            Self::Udp => 2,
            #[cfg(feature = "ws")]
            Self::Ws => 3,
            #[cfg(all(feature = "tcp", feature = "__tls"))]
            Self::TcpTls => 4,
            #[cfg(all(feature = "framed-tcp", feature = "__tls"))]
            Self::FramedTcpTls => 5,
            #[cfg(all(feature = "ws", feature = "__tls"))]
            Self::Wss => 7,
        }
    }

    /// The transport with that number, if it is enabled.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::each().find(|transport| transport.id() == id)
    }

    /// The name that [`Display`](fmt::Display) shows and [`FromStr`] takes.
    pub const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "tcp")]
            Self::Tcp => "tcp",
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp => "framed-tcp",
            #[cfg(feature = "udp")]
            Self::Udp => "udp",
            #[cfg(feature = "ws")]
            Self::Ws => "ws",
            #[cfg(all(feature = "tcp", feature = "__tls"))]
            Self::TcpTls => "tcp+tls",
            #[cfg(all(feature = "framed-tcp", feature = "__tls"))]
            Self::FramedTcpTls => "framed-tcp+tls",
            #[cfg(all(feature = "ws", feature = "__tls"))]
            Self::Wss => "wss",
        }
    }
}

impl From<u8> for Transport {
    /// The transport with that number.
    ///
    /// # Panics
    ///
    /// If no enabled transport has it; [`Transport::from_id`] tells that as `None`.
    fn from(id: u8) -> Self {
        Self::from_id(id).unwrap_or_else(|| panic!("no enabled transport has the number {id}"))
    }
}

impl From<Transport> for u8 {
    fn from(transport: Transport) -> Self {
        transport.id()
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Transport {
    type Err = ParseTransportError;

    /// Takes a transport's name, in any case, with or without dashes: `ws` or `websocket`, `framed-tcp`,
    /// `FramedTcp`; over TLS `wss` or `ws+tls`, `framed-tcp+tls`. serde reads the same, and writes what
    /// [`Display`](fmt::Display) does.
    fn from_str(text: &str) -> Result<Self, ParseTransportError> {
        let wanted = normalized(text);
        let found = Self::each().find(|transport| normalized(transport.name()) == wanted);
        found.ok_or_else(|| ParseTransportError { text: text.into() })
    }
}

/// The one way of all to write a name.
fn normalized(text: &str) -> String {
    let plain = text.replace(['-', '_', '+'], "").to_ascii_lowercase();
    match &plain[..] {
        "websocket" => "ws".into(),
        "wstls" | "websockettls" => "wss".into(),
        _ => plain,
    }
}

/// Whether a transport is called so where TLS is compiled in.
fn is_secure_name(normalized: &str) -> bool {
    matches!(normalized, "tcptls" | "framedtcptls" | "wss")
}

#[cfg(feature = "serde")]
impl TryFrom<String> for Transport {
    type Error = ParseTransportError;

    fn try_from(text: String) -> Result<Self, ParseTransportError> {
        text.parse()
    }
}

#[cfg(feature = "serde")]
impl From<Transport> for &'static str {
    fn from(transport: Transport) -> Self {
        transport.name()
    }
}

/// The text names no transport that is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTransportError {
    text: String,
}

impl fmt::Display for ParseTransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !cfg!(feature = "__tls") && is_secure_name(&normalized(&self.text)) {
            return write!(f, "'{}' is a transport over TLS: turn on the feature `tls`", self.text);
        }
        write!(f, "no transport is called '{}': use one of", self.text)?;
        Transport::each().try_for_each(|transport| write!(f, " {transport}"))
    }
}

impl Error for ParseTransportError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_known_by_its_name_and_its_number() {
        for transport in Transport::each() {
            assert_eq!(transport.to_string().parse(), Ok(transport));
            assert_eq!(format!("{transport:?}").parse(), Ok(transport));
            assert_eq!(Transport::from(transport.id()), transport);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "sctp".parse::<Transport>().unwrap_err().to_string();
        assert!(Transport::each().all(|transport| error.contains(transport.name())), "{error}");
        assert_eq!(Transport::from_id(99), None);
    }

    #[test]
    fn a_transport_over_tls_is_had_or_the_feature_is_named() {
        for name in ["wss", "ws+tls", "framed-tcp+tls", "tcp+tls"] {
            match name.parse::<Transport>() {
                Ok(transport) => assert!(transport.is_secure()),
                Err(error) if cfg!(feature = "__tls") => {
                    assert!(error.to_string().contains("use one of"), "{error}");
                }
                Err(error) => assert!(error.to_string().contains("feature `tls`"), "{error}"),
            }
        }
    }
}
