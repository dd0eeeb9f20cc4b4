//! Several datagrams in one system call, by quinn-udp: recvmmsg, GRO and GSO where there are such.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::Socket;

use crate::explain;

/// What quinn-udp found out about this system.
static SYSTEM: OnceLock<System> = OnceLock::new();

struct System {
    state: UdpSocketState,
    /// Datagrams that may leave by one call. `state` gives this up after a single error.
    max_joined: usize,
}

/// Finds out what the system can do, once in a process: before the first socket is used.
///
/// quinn-udp does that with a socket, on which it forbids fragmentation and asks for control
/// messages that nobody here reads, and keeps nothing of it. So it is shown one of no other use.
fn system() -> io::Result<&'static System> {
    if let Some(system) = SYSTEM.get() {
        return Ok(system);
    }
    let any_port: [SocketAddr; 2] =
        [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
    let probe = UdpSocket::bind(&any_port[..])?;
    let state = UdpSocketState::new((&probe).into())?;
    let max_joined = state.max_gso_segments();
    Ok(SYSTEM.get_or_init(|| System { state, max_joined }))
}

/// Prepares a bound socket for batches, and has it refuse to fragment if that is wanted.
pub(crate) fn prepare(socket: &Socket, dont_fragment: bool) -> io::Result<()> {
    system().map_err(|error| explain(&error, "can't find out how to receive"))?;
    if dont_fragment {
        let state = UdpSocketState::new(socket.into())?;
        if state.may_fragment() {
            let text = "this system can't forbid fragmentation: leave dont_fragment out";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
    }
    Ok(())
}

/// Asks to be given datagrams of one sender and size together (GRO, Linux 5.0 and later), by one
/// receive for up to 64 of them. Without it they come one by one.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn receive_joined(socket: &mio::net::UdpSocket) {
    use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
    if let Err(error) = setsockopt(socket, UdpGroSegment, &true) {
        tracing::debug!(%error, "datagrams are received one by one");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn receive_joined(_: &mio::net::UdpSocket) {}

/// Receives into `slots` and tells of each that was filled what it holds in `metas`.
pub(crate) fn receive(
    socket: &mio::net::UdpSocket,
    slots: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
) -> io::Result<usize> {
    let state = &system()?.state;
    socket.try_io(|| state.recv(socket.into(), slots, metas))
}

/// How many datagrams can leave by one call; 1 where the system can't do that.
pub(crate) fn max_joined() -> usize {
    system().map_or(1, |system| system.max_joined)
}

/// Sends `bytes` to `destination` as datagrams of `len` bytes each, the last of the rest.
pub(crate) fn send_joined(
    socket: &mio::net::UdpSocket,
    destination: SocketAddr,
    bytes: &[u8],
    len: usize,
) -> io::Result<()> {
    let state = &system()?.state;
    let (ecn, src_ip) = (None, None);
    let transmit = Transmit { destination, ecn, contents: bytes, segment_size: Some(len), src_ip };
    socket.try_io(|| state.try_send(socket.into(), &transmit))
}
