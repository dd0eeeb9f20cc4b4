//! An address in a few bytes, for those who keep thousands.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};

use crate::address::RemoteAddr;
use crate::endpoint::Endpoint;

/// A [`RemoteAddr`] of half the size where it is the most frequent kind.
pub(crate) enum CompactAddr {
    V4(SocketAddrV4),
    Other(Box<RemoteAddr>),
}

impl CompactAddr {
    /// As [`RemoteAddr::socket_addr`].
    #[inline]
    pub(crate) fn socket_addr(&self) -> SocketAddr {
        match self {
            Self::V4(addr) => SocketAddr::V4(*addr),
            Self::Other(addr) => *addr.socket_addr(),
        }
    }

    /// Whether [`socket_addr`](Self::socket_addr) is that of `endpoint`.
    #[inline]
    pub(crate) fn is_of(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::V4(addr) => endpoint.is_at_v4(addr),
            Self::Other(addr) => *addr.socket_addr() == endpoint.addr(),
        }
    }

    pub(crate) fn to_remote_addr(&self) -> RemoteAddr {
        match self {
            Self::V4(addr) => RemoteAddr::Socket(SocketAddr::V4(*addr)),
            Self::Other(addr) => RemoteAddr::clone(addr),
        }
    }
}

impl From<RemoteAddr> for CompactAddr {
    fn from(addr: RemoteAddr) -> Self {
        match addr {
            RemoteAddr::Socket(SocketAddr::V4(addr)) => Self::V4(addr),
            other => Self::Other(Box::new(other)),
        }
    }
}

impl fmt::Debug for CompactAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_remote_addr(), f)
    }
}

impl fmt::Display for CompactAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(addr) => addr.fmt(f),
            Self::Other(addr) => addr.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ResourceId;

    #[test]
    fn an_address_comes_out_as_it_went_in() {
        let addrs = ["127.0.0.1:80", "[fe80::1%3]:80", "[::ffff:127.0.0.1]:80"]
            .map(|addr| RemoteAddr::Socket(addr.parse().unwrap()));
        for addr in addrs.into_iter().chain([RemoteAddr::Str("ws://example.org".into())]) {
            let compact = CompactAddr::from(addr.clone());
            assert_eq!(compact.to_remote_addr(), addr);
            assert_eq!(compact.socket_addr(), *addr.socket_addr());
            let endpoint = |addr| Endpoint::from_listener(ResourceId::from(1), addr);
            assert!(compact.is_of(&endpoint(*addr.socket_addr())));
            assert!(!compact.is_of(&endpoint("127.0.0.1:81".parse().unwrap())));
            assert!(!compact.is_of(&endpoint("[::127.0.0.1]:80".parse().unwrap())));
            assert_eq!(compact.to_string(), addr.to_string());
        }
    }
}
