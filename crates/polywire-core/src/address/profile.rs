//! An address and limits in a few bytes, for those who keep thousands.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};

use crate::address::RemoteAddr;
use crate::endpoint::Endpoint;

/// A [`RemoteAddr`] and a pointer `L` to limits. Where the address is of the most frequent kind, both
/// together take half the memory of a `RemoteAddr`.
pub(crate) enum Profile<L> {
    V4(SocketAddrV4, L),
    Other(Box<(RemoteAddr, L)>),
}

impl<L> Profile<L> {
    pub(crate) fn new(addr: RemoteAddr, limits: L) -> Self {
        match addr {
            RemoteAddr::Socket(SocketAddr::V4(addr)) => Self::V4(addr, limits),
            other => Self::Other(Box::new((other, limits))),
        }
    }

    /// The limits it was made with.
    #[inline]
    pub(crate) fn limits(&self) -> &L {
        match self {
            Self::V4(_, limits) => limits,
            Self::Other(other) => &other.1,
        }
    }

    /// As [`RemoteAddr::socket_addr`].
    #[inline]
    pub(crate) fn socket_addr(&self) -> SocketAddr {
        match self {
            Self::V4(addr, _) => SocketAddr::V4(*addr),
            Self::Other(other) => *other.0.socket_addr(),
        }
    }

    /// Whether [`socket_addr`](Self::socket_addr) is that of `endpoint`.
    #[inline]
    pub(crate) fn is_of(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::V4(addr, _) => endpoint.is_at_v4(addr),
            Self::Other(other) => *other.0.socket_addr() == endpoint.addr(),
        }
    }

    pub(crate) fn to_remote_addr(&self) -> RemoteAddr {
        match self {
            Self::V4(addr, _) => RemoteAddr::Socket(SocketAddr::V4(*addr)),
            Self::Other(other) => other.0.clone(),
        }
    }
}

impl<L> fmt::Debug for Profile<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_remote_addr(), f)
    }
}

impl<L> fmt::Display for Profile<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(addr, _) => addr.fmt(f),
            Self::Other(other) => other.0.fmt(f),
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
            let profile = Profile::new(addr.clone(), Box::new(7));
            assert_eq!(**profile.limits(), 7);
            assert_eq!(profile.to_remote_addr(), addr);
            assert_eq!(profile.socket_addr(), *addr.socket_addr());
            let endpoint = |addr| Endpoint::from_listener(ResourceId::from(1), addr);
            assert!(profile.is_of(&endpoint(*addr.socket_addr())));
            assert!(!profile.is_of(&endpoint("127.0.0.1:81".parse().unwrap())));
            assert!(!profile.is_of(&endpoint("[::127.0.0.1]:80".parse().unwrap())));
            assert_eq!(profile.to_string(), addr.to_string());
        }
    }
}
