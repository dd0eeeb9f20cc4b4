//! UDP datagrams for polywire: unicast, multicast and broadcast, over IPv4 and IPv6.
//!
//! A message is one datagram (RFC 768). It arrives whole or not at all, possibly twice or out of
//! order, and an empty one is a message too.
//!
//! # What `send` answers
//! A lone datagram leaves at once or not at all: nothing is queued on this side, and nothing waits.
//! * `Sent`: the system took it, or will with others: see below.
//! * `Full`: the system's own buffer has no room; nothing was sent.
//! * `MaxPacketSizeExceeded`: it is longer than [`MAX_LOCAL_PAYLOAD_LEN`], or than the interface or
//!   the send buffer carries.
//! * `ResourceNotAvailable`: the system can't send it there now: no route, a firewall, a broadcast
//!   without the option for it, an address of the other family. The endpoint lives on.
//! * `ResourceNotFound`: the endpoint has ended.
//!
//! # Datagrams that leave together
//! Datagrams of one length to one address leave up to 64 at a time where the system can join them
//! (GSO on Linux), and so a dozen times as fast: those of one
//! [`send_many`](polywire_core::network::NetworkController::send_many), and those that the callback
//! sends while more of what was received wait for it, which leave when all of that is handled. They
//! are `Sent` before they are given to the system. If it has no room, up to 256 KiB of them wait
//! until it has, and then `Full` is the answer; what it refuses is lost, as a datagram may be, and
//! counted in [`Stats::dropped_datagrams`](polywire_core::network::Stats::dropped_datagrams).
//!
//! # In scope
//! * [`UdpConnectConfig`]: a socket tied to one peer, group or broadcast address
//! * [`UdpListenConfig`]: a socket that hears everybody and answers each by its address
//! * [`Udp`]: both, with default settings
//!
//! # Out of scope
//! * Delivery, order, congestion control: UDP has none
//! * Knowing that a peer is gone: an ICMP error (RFC 1122 section 4.1.3.3) tells about one earlier
//!   datagram, can be forged, and ends neither a connection nor a listener

mod batching;
mod broadcast;
mod connect;
mod connection;
mod listen;
mod listener;
mod local_addrs;
mod multicast;
mod options;
mod outbox;
mod receiving;
mod segmentation;
mod sending;
mod shared_socket;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;

pub use connect::UdpConnectConfig;
pub use listen::UdpListenConfig;
pub use multicast::MulticastInterface;

/// Bytes of the headers before a payload: IPv4 without options (RFC 791), then UDP (RFC 768).
const HEADERS_LEN: usize = 20 + 8;

/// Bytes a message may have to cross most networks in one piece: 1472.
///
/// That is what an Ethernet frame of 1500 bytes leaves. A longer datagram is cut into fragments
/// by IP, all of which must arrive. IPv6 and tunnels leave less: only a datagram that fits the
/// least MTU of IPv6, 1280 bytes (RFC 8200 section 5), and so a message of 1232, passes
/// everywhere.
pub const MAX_INTERNET_PAYLOAD_LEN: usize = 1500 - HEADERS_LEN;

/// Bytes a message may have at all: 65,507, and 9,188 on macOS.
///
/// The length field of IPv4 has 16 bits and counts the headers (RFC 791). macOS takes no datagram
/// above 9,216 bytes by default (`net.inet.udp.maxdgram`). A longer message is refused with
/// [`SendStatus::MaxPacketSizeExceeded`](polywire_core::network::SendStatus), and so is one that
/// the interface it would leave by does not carry.
#[cfg(not(target_os = "macos"))]
pub const MAX_LOCAL_PAYLOAD_LEN: usize = 65_535 - HEADERS_LEN;

/// Bytes a message may have at all: 9,188 on macOS, and 65,507 elsewhere.
///
/// macOS takes no datagram above 9,216 bytes by default (`net.inet.udp.maxdgram`). A longer message
/// is refused with [`SendStatus::MaxPacketSizeExceeded`](polywire_core::network::SendStatus), and
/// so is one that the interface it would leave by does not carry.
#[cfg(target_os = "macos")]
pub const MAX_LOCAL_PAYLOAD_LEN: usize = 9_216 - HEADERS_LEN;

/// The tag of this transport's ids.
const TAG: u8 = 2;

/// UDP with default settings, to connect and to listen.
///
/// As [`UdpConnectConfig::default`] and [`UdpListenConfig::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Udp;

impl Connect for Udp {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        UdpConnectConfig::default().connect(addr)
    }
}

impl Listen for Udp {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        UdpListenConfig::default().listen(addr)
    }
}

/// What `open` makes of the first of `addrs` with which it succeeds, or its last error.
fn first_success<T>(
    addrs: &[SocketAddr],
    open: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for &addr in addrs {
        match open(addr) {
            Ok(opened) => return Ok(opened),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// The same error, with what was being done said before it.
fn explain(error: &io::Error, doing: impl Display) -> io::Error {
    io::Error::new(error.kind(), format!("{doing}: {error}"))
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
