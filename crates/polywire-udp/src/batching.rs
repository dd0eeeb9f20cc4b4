//! Several datagrams in one system call: recvmmsg, GRO and GSO where there are such. By quinn-udp but for what
//! Linux is asked directly.

#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "batching/linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "batching/other.rs")]
mod platform;

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::Socket;

use crate::explain;

pub(crate) use platform::{enable_gro, has_gro, send, tell_destinations};

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

/// Sees to it that sockets can be read in batches: before the first is read.
pub(crate) fn prepare() -> io::Result<()> {
    find_out().map_err(|error| explain(&error, "can't find out how to receive"))
}

/// Makes a socket refuse to fragment.
///
/// The socket must not be bound yet: quinn-udp turns GRO on as well, and a new socket is read one by one, so
/// no datagram may arrive before GRO is off again.
pub(crate) fn forbid_fragments(socket: &Socket) -> io::Result<()> {
    let state = UdpSocketState::new(socket.into())?;
    if state.may_fragment() {
        let text = "this system can't forbid fragmentation: leave dont_fragment out";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    platform::disable_gro(socket)
}

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

/// How many datagrams can leave by one call; 1 where the system can't do that.
pub(crate) fn max_segments() -> usize {
    system().map_or(1, |system| system.max_segments)
}
