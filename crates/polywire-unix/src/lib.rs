//! Unix domain sockets for polywire: byte streams, whole messages, WebSocket and datagrams (unix(7)).
//!
//! | value | a message is | configurations |
//! |---|---|---|
//! | [`Unix`] | some bytes of a stream | [`UnixConnectConfig`], [`UnixListenConfig`] |
//! | [`FramedUnix`] | what was sent, whole | [`FramedUnixConnectConfig`], [`FramedUnixListenConfig`] |
//! | [`WsUnix`] | what was sent, whole | [`WsUnixConnectConfig`], [`WsUnixListenConfig`] |
//! | [`UnixDatagram`] | what was sent, whole | [`UnixDatagramConnectConfig`], [`UnixDatagramListenConfig`] |
//!
//! # Addresses
//! A path, or on Linux an abstract name, written `@name`: a name that no file has, which is free again as soon as
//! its socket is closed. Both have at most [`MAX_NAME_LEN`] bytes. `connect` takes them as they are, and `listen` in a
//! [`Name`](polywire_core::address::Name). A file whose name begins with `@` is written `./@name`. Peers without a
//! name, as most that connect, are [`UNNAMED`] for `remote_addr`.
//!
//! # Files
//! A listener creates the file of its path, with the configured mode, and removes it when it ends, unless somebody
//! has put another one there. What a process that died has left behind is removed by the next listener; what a living
//! process listens on is not (`AddrInUse`), nor what is no socket (`AlreadyExists`).
//!
//! # In scope
//! * [`PeerCredentials`]: which process, user and group a peer is
//! * [`DescriptorsClosed`]: descriptors that a peer sends are refused, or closed and told of
//! * Sockets opened elsewhere, by systemd or as a pair: `with_stream`, `with_listener`, `with_socket`
//! * [`connect_stream`] and [`listen_stream`] for protocols of your own; [`connect_over`] and [`listen_over`] with a
//!   [`Layer`](polywire_core::stream::Layer) in between
//!
//! # Out of scope
//! * Passing descriptors, and credentials with each message
//! * Connecting that waits: where a listener's backlog is full, `connect` fails
//! * Other systems than Unix. There `connect` and `listen` fail with `Unsupported`, so that programs compile
//!
//! ```
//! use polywire_core::address::Name;
//! use polywire_core::network;
//! use polywire_unix::{FramedUnix, FramedUnixListenConfig, UnixListenConfig};
//!
//! # #[cfg(unix)]
//! # fn main() -> std::io::Result<()> {
//! # let dir = std::env::temp_dir().join(format!("polywire-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir)?;
//! # let path = dir.join("chat").display().to_string();
//! let (network, _processor) = network::split();
//! let unix = UnixListenConfig::default().with_mode(0o600);
//! let (_listener, _) = network.listen(FramedUnixListenConfig::default().with_unix(unix), Name(&path))?;
//! let (endpoint, _) = network.connect(FramedUnix, &*path)?;
//! network.send(endpoint, b"hello");
//! # drop((network, _processor));
//! # std::fs::remove_dir(dir)
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```

mod address;
#[cfg(unix)]
mod connect;
mod connect_config;
mod credentials;
mod datagram;
mod descriptors;
mod framed;
#[cfg(unix)]
mod listen;
mod listen_config;
#[cfg(unix)]
mod names;
#[cfg(unix)]
mod rights;
#[cfg(unix)]
mod room;
#[cfg(unix)]
mod socket;
#[cfg(unix)]
mod socket_file;
mod stream;
#[cfg(not(unix))]
mod unsupported;
mod ws;

pub use address::{MAX_NAME_LEN, UNNAMED, UnixAddrError};
#[cfg(unix)]
pub use connect::connect_over;
pub use connect_config::UnixConnectConfig;
pub use credentials::PeerCredentials;
pub use datagram::{
    MAX_DATAGRAM_LEN, UnixDatagram, UnixDatagramConnectConfig, UnixDatagramListenConfig,
};
pub use descriptors::DescriptorsClosed;
pub use framed::{FramedUnix, FramedUnixConnectConfig, FramedUnixListenConfig};
#[cfg(unix)]
pub use listen::listen_over;
pub use listen_config::UnixListenConfig;
#[cfg(unix)]
pub use socket::UnixSocket;
pub use stream::{Unix, connect_stream, listen_stream};
#[cfg(not(unix))]
pub use unsupported::{UnixSocket, connect_over, listen_over};
pub use ws::{WsUnix, WsUnixConnectConfig, WsUnixListenConfig};

#[cfg(all(doctest, unix))]
#[doc = include_str!("../README.md")]
struct Readme;
