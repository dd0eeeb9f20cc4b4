//! TLS for polywire, as a layer over any stream.
//!
//! # In scope
//! * [`TlsConnectConfig`] and [`TlsListenConfig`], which are [`Layer`](polywire_core::stream::Layer)s: given to
//!   `connect_over` and `listen_over` of `polywire-tcp`, or to a transport's `with_tls`
//! * Certificates as values: [`TlsCertificates`], [`TlsIdentity`], [`TlsRevocations`], [`TlsPin`]
//! * [`TlsError`], why a connection ended, inside
//!   [`CloseReason::Layer`](polywire_core::CloseReason::Layer)
//! * [`TlsInfo`], what `network.info` tells of a connection
//!
//! # Out of scope
//! * The cryptography itself, which is that of rustls and of a [`TlsProvider`]
//! * Obtaining certificates (ACME): [`TlsListenConfig::with_resolver`] and [`TlsListenConfig::reload`] take them from
//!   whoever does
//! * Early data (0-RTT), which may be replayed, and renegotiation: neither is possible
//!
//! # What happens when
//! Expired, revoked, cut off, flooded, reloaded under load: `docs/tls_lifecycle.md` in the repository is a table of cases,
//! each with the name of its test.
//!
//! # Threads
//! Whoever sends seals what leaves, a flush in one record for each 16 KiB of it; the loop opens what arrives. Both
//! share the keys for a moment of work in memory, and no lock is held during a system call of the other direction.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod alert;
mod certificate_error;
mod certificates;
mod chain;
mod client;
mod config_error;
mod connect_config;
mod cut;
mod error;
mod fruitless;
mod identity;
mod incoming;
mod info;
mod layer;
mod listen_config;
mod pem;
mod pending;
mod pin;
mod pinned;
mod provider;
mod resolver;
mod roots;
mod server;
mod session;
mod shared_session;
mod stream;
mod sync;
mod throttle;
mod tickets;
mod translate;
mod version;

pub use alert::TlsAlert;
pub use certificates::{TlsCertificates, TlsRevocations};
pub use config_error::TlsConfigError;
pub use connect_config::TlsConnectConfig;
pub use error::TlsError;
pub use identity::TlsIdentity;
pub use info::TlsInfo;
pub use listen_config::TlsListenConfig;
pub use pin::TlsPin;
pub use provider::TlsProvider;
pub use resolver::TlsHello;
pub use stream::TlsStream;
pub use version::TlsVersion;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
