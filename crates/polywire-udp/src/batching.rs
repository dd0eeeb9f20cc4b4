//! Several datagrams in one system call, by quinn-udp: recvmmsg, GRO and GSO where there are such.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::Socket;

use crate::explain;

/// What quinn-udp found out about this system; `None` if it can't work here, as under Wine. Datagrams go one
/// by one then.
static SYSTEM: OnceLock<Option<System>> = OnceLock::new();

struct System {
    state: UdpSocketState,
    /// Datagrams that may leave by one call. `state` gives this up after a single error.
    max_segments: usize,
}

/// Finds out what the system can do, once in a process: before the first socket is used.
///
/// quinn-udp does that with a socket, on which it forbids fragmentation and asks for control
/// messages that nobody here reads, and keeps nothing of it. So it is shown one of no other use, which
/// is bound to no address of this machine: each interface may be down.
fn find_out() -> io::Result<()> {
    if SYSTEM.get().is_some() {
        return Ok(());
    }
    let any_port: [SocketAddr; 2] =
        [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()];
    let probe = UdpSocket::bind(&any_port[..])?; // Without descriptors there will be no socket, either.
    let found = UdpSocketState::new((&probe).into());
    if let Err(error) = &found {
        tracing::debug!(%error, "datagrams go one by one");
    }
    SYSTEM.get_or_init(|| {
        let state = found.ok()?;
        let max_segments = state.max_gso_segments();
        Some(System { state, max_segments })
    });
    Ok(())
}

fn system() -> Option<&'static System> {
    SYSTEM.get()?.as_ref()
}

/// Prepares a bound socket for batches, and has it refuse to fragment if that is wanted.
pub(crate) fn prepare(socket: &Socket, dont_fragment: bool) -> io::Result<()> {
    find_out().map_err(|error| explain(&error, "can't find out how to receive"))?;
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
pub(crate) fn enable_gro(socket: &mio::net::UdpSocket) {
    use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
    if let Err(error) = setsockopt(socket, UdpGroSegment, &true) {
        tracing::debug!(%error, "datagrams are received one by one");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn enable_gro(_: &mio::net::UdpSocket) {}

/// Receives into `slots` and tells of each that was filled what it holds in `metas`.
pub(crate) fn receive(
    socket: &mio::net::UdpSocket,
    slots: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
) -> io::Result<usize> {
    let Some(System { state, .. }) = system() else { return receive_one(socket, slots, metas) };
    socket.try_io(|| state.recv(socket.into(), slots, metas))
}

/// The same for one, without help.
fn receive_one(
    socket: &mio::net::UdpSocket,
    slots: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
) -> io::Result<usize> {
    let (Some(slot), Some(meta)) = (slots.first_mut(), metas.first_mut()) else { return Ok(0) };
    let (len, addr) = socket.recv_from(slot)?;
    *meta = RecvMeta::default();
    (meta.addr, meta.len, meta.stride) = (addr, len, len);
    Ok(1)
}

/// Asks to be told at which address each datagram came. Returns whether that is to be had: on Linux.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn tell_destinations(socket: &mio::net::UdpSocket, is_v6: bool) -> bool {
    use nix::sys::socket::{setsockopt, sockopt};
    let result = match is_v6 {
        // Of IPv4 as well, as mapped addresses.
        true => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true),
        false => setsockopt(socket, sockopt::Ipv4PacketInfo, &true),
    };
    if let Err(error) = &result {
        tracing::debug!(%error, "answers leave from the address that the system chooses");
    }
    result.is_ok() && system().is_some()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn tell_destinations(_: &mio::net::UdpSocket, _: bool) -> bool {
    false
}

/// How many datagrams can leave by one call; 1 where the system can't do that.
pub(crate) fn max_segments() -> usize {
    system().map_or(1, |system| system.max_segments)
}

/// Sends `bytes` to `destination`: as datagrams of `len` bytes each, the last of the rest, or as one; from
/// `src_ip`, if there is one.
pub(crate) fn send(
    socket: &mio::net::UdpSocket,
    destination: SocketAddr,
    bytes: &[u8],
    len: Option<usize>,
    src_ip: Option<IpAddr>,
) -> io::Result<()> {
    let Some(System { state, .. }) = system() else {
        return socket.send_to(bytes, destination).map(drop);
    };
    let transmit = Transmit { destination, ecn: None, contents: bytes, segment_size: len, src_ip };
    socket.try_io(|| state.try_send(socket.into(), &transmit))
}
