//! The PROXY protocol of HAProxy, versions 1 and 2, as a layer for polywire's stream transports.
//!
//! A proxy that connects for a client (HAProxy, nginx, a load balancer of a cloud) begins the connection with a
//! header that says who the client is. Behind [`ProxyListenConfig`] endpoints have the client's address, limits
//! for each address count the client, and logs show it. [`ProxyConnectConfig`] sends such a header.
//!
//! # In scope
//! * [`ProxyListenConfig`] and [`ProxyConnectConfig`], layers for `listen_over` and `connect_over` of `polywire-tcp`
//! * [`ProxyInfo`], what a header said, by [`info`](polywire_core::network::NetworkController::info)
//! * [`ProxyHeader`], a header as a value, and its bytes: no I/O, for programs that read and write by hand
//!
//! # Out of scope
//! * Datagrams that begin with a header of their own
//! * `X-Forwarded-For`, which is HTTP's; SOCKS and `CONNECT`, by which a client asks a proxy
//!
//! # Listening
//!
//! Only the proxies that are named may connect; see [`ProxyListenConfig`]. A health check of the proxy
//! (`LOCAL`, `UNKNOWN`) is an endpoint with the proxy's own address, as is a client of a Unix socket.
//!
//! ```
//! use polywire_core::adapter::{Listen, Listener};
//! use polywire_core::address::RemoteAddr;
//! use polywire_core::network;
//! use polywire_framed_tcp::Framed;
//! use polywire_proxy_protocol::{IpNet, ProxyListenConfig};
//! use polywire_tcp::{TcpListenConfig, listen_over};
//!
//! /// Framed messages behind proxies.
//! struct BehindProxy(ProxyListenConfig);
//!
//! impl Listen for BehindProxy {
//!     fn listen(&self, addr: &RemoteAddr) -> std::io::Result<Listener> {
//!         listen_over(&TcpListenConfig::default(), addr, self.0.clone(), |_| Framed::default())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (network, _processor) = network::split();
//! let proxies: [IpNet; 1] = ["10.0.0.0/8".parse()?];
//! let (_listener, addr) = network.listen(BehindProxy(ProxyListenConfig::new(proxies)), "127.0.0.1:0")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Before TLS
//!
//! A proxy that passes TLS on sends its header in front of it, in clear text. As layers are stacked in pairs, that
//! is `(proxy, tls)`; `(tls, proxy)` expects the header inside of TLS.

mod address;
mod codec;
mod connect_config;
mod error;
mod header;
mod info;
mod listen_config;
mod received;
mod sent;
mod ssl;
pub mod tlv;
mod v1;
mod v2;

pub use address::ProxyAddr;
pub use connect_config::ProxyConnectConfig;
pub use error::ProxyHeaderError;
pub use header::{Parsed, ProxyHeader, ProxyTransport, ProxyVersion};
pub use info::ProxyInfo;
#[doc(no_inline)]
pub use ipnet::IpNet;
pub use listen_config::{DEFAULT_MAX_HEADER_SIZE, ProxyListenConfig};
pub use received::ProxiedStream;
pub use sent::AnnouncingStream;
pub use ssl::ProxySsl;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
