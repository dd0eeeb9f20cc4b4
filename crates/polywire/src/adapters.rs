//! The transports that come along, each with its configuration. Any other adapter crate's values
//! work in the same places.
//!
//! | feature, on by default | brings |
//! |---|---|
//! | `tcp` | TCP byte streams, and `framed-tcp` |
//! | `framed-tcp` | messages over TCP, each behind its length |
//! | `udp` | UDP datagrams: unicast, multicast, broadcast |
//! | `ws`, `websocket` | WebSocket |

/// Length-prefixed messages over TCP.
#[cfg(feature = "framed-tcp")]
#[cfg_attr(docsrs, doc(cfg(feature = "framed-tcp")))]
pub mod framed_tcp {
    #[doc(inline)]
    pub use polywire_framed_tcp::*;
}

/// TCP byte streams.
#[cfg(feature = "tcp")]
#[cfg_attr(docsrs, doc(cfg(feature = "tcp")))]
pub mod tcp {
    #[doc(inline)]
    pub use polywire_tcp::*;
}

/// TLS, which the configurations of the stream transports take by `with_tls`.
#[cfg(feature = "__tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub mod tls {
    #[doc(inline)]
    pub use polywire_tls::*;
}

/// UDP datagrams.
#[cfg(feature = "udp")]
#[cfg_attr(docsrs, doc(cfg(feature = "udp")))]
pub mod udp {
    #[doc(inline)]
    pub use polywire_udp::*;
}

/// WebSocket.
#[cfg(feature = "ws")]
#[cfg_attr(docsrs, doc(cfg(feature = "ws")))]
pub mod ws {
    #[doc(inline)]
    pub use polywire_ws::*;
}
