//! The options of a TCP socket, which the configurations for connecting and for listening hold.
//!
//! A new option takes a field with its default, a setter in `socket_setters`, and a line in `open`
//! or `apply`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::keepalive::TcpKeepalive;

/// The largest size that setsockopt(2) can take; a larger one would wrap around.
const MAX_BUFFER_BYTES: usize = i32::MAX as usize;

/// Options of a TCP socket, be it one that connects or one that a listener accepted.
///
/// [`TcpConnectConfig`](crate::TcpConnectConfig) and [`TcpListenConfig`](crate::TcpListenConfig)
/// hold one each and have all its setters, so it is written out only where both are to have the same
/// options:
///
/// ```
/// use polywire_tcp::{TcpConnectConfig, TcpListenConfig, TcpSocketConfig};
///
/// let socket = TcpSocketConfig::default().with_nodelay(false).with_send_buffer_size(64 << 10);
/// let listen = TcpListenConfig::default().with_socket(socket.clone());
/// let connect = TcpConnectConfig::default().with_socket(socket);
/// assert_eq!(listen.socket, connect.socket);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpSocketConfig {
    /// Probes on a silent connection (`SO_KEEPALIVE`). Default: none.
    pub keepalive: Option<TcpKeepalive>,
    /// Whether small writes leave at once instead of waiting for the peer's acknowledgement
    /// (`TCP_NODELAY`). Default: true; the loop already joins small writes.
    pub nodelay: bool,
    /// The network interface to keep to, by name (`SO_BINDTODEVICE`, socket(7)). Linux, Android and
    /// Fuchsia; elsewhere connecting and listening fail with `Unsupported`. Default: any.
    pub bind_device: Option<String>,
    /// `Some(Duration::ZERO)` resets the connection when it is closed, instead of ending it
    /// (`SO_LINGER`). Any other duration would make the loop wait and is an error of `connect` and
    /// `listen`; the time to close gracefully is [`Limits::linger`](polywire_core::Limits::linger).
    /// Default: `None`.
    pub so_linger: Option<Duration>,
    /// Bytes the system buffers for reading, for each connection (`SO_RCVBUF`). Default: the
    /// system's choice, which grows as needed.
    pub receive_buffer_size: Option<usize>,
    /// Bytes the system buffers for sending, for each connection (`SO_SNDBUF`). Default: the
    /// system's choice, which grows as needed.
    pub send_buffer_size: Option<usize>,
}

impl Default for TcpSocketConfig {
    fn default() -> Self {
        Self {
            keepalive: None,
            nodelay: true,
            bind_device: None,
            so_linger: None,
            receive_buffer_size: None,
            send_buffer_size: None,
        }
    }
}

/// The setters of a [`TcpSocketConfig`], or of a configuration that holds one in its field `$socket`.
macro_rules! socket_setters {
    ($($socket:ident)?) => {
        /// Sets [`TcpSocketConfig::keepalive`].
        #[must_use]
        pub fn with_keepalive(mut self, keepalive: $crate::TcpKeepalive) -> Self {
            self$(.$socket)?.keepalive = Some(keepalive);
            self
        }

        /// Sets [`TcpSocketConfig::nodelay`].
        #[must_use]
        pub fn with_nodelay(mut self, nodelay: bool) -> Self {
            self$(.$socket)?.nodelay = nodelay;
            self
        }

        /// Sets [`TcpSocketConfig::bind_device`].
        #[must_use]
        pub fn with_bind_device(mut self, device: String) -> Self {
            self$(.$socket)?.bind_device = Some(device);
            self
        }

        /// Sets [`TcpSocketConfig::so_linger`].
        #[must_use]
        pub fn with_so_linger(mut self, linger: Option<std::time::Duration>) -> Self {
            self$(.$socket)?.so_linger = linger;
            self
        }

        /// Sets [`TcpSocketConfig::receive_buffer_size`].
        #[must_use]
        pub fn with_receive_buffer_size(mut self, bytes: usize) -> Self {
            self$(.$socket)?.receive_buffer_size = Some(bytes);
            self
        }

        /// Sets [`TcpSocketConfig::send_buffer_size`].
        #[must_use]
        pub fn with_send_buffer_size(mut self, bytes: usize) -> Self {
            self$(.$socket)?.send_buffer_size = Some(bytes);
            self
        }
    };
}
pub(crate) use socket_setters;

impl TcpSocketConfig {
    socket_setters!();

    /// A non-blocking socket of the family of `addr`, closed on exec, with all options set.
    pub(crate) fn open(&self, addr: SocketAddr) -> io::Result<Socket> {
        let domain = Domain::for_address(addr);
        let socket = Socket::new(domain, Type::STREAM, Some(socket2::Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if let Some(device) = &self.bind_device {
            let what = format!("can't bind to the device '{device}'");
            bind_device(&socket, device).map_err(|error| because(&what, &error))?;
        }
        // Before connecting or listening, because the first packet settles the window scale.
        if let Some(bytes) = self.receive_buffer_size {
            socket
                .set_recv_buffer_size(bytes.min(MAX_BUFFER_BYTES))
                .map_err(|error| refused("SO_RCVBUF", &error))?;
        }
        if let Some(bytes) = self.send_buffer_size {
            socket
                .set_send_buffer_size(bytes.min(MAX_BUFFER_BYTES))
                .map_err(|error| refused("SO_SNDBUF", &error))?;
        }
        self.apply(&SockRef::from(&socket))?;
        Ok(socket)
    }

    /// Sets the options that not every system copies from a listener to the sockets it accepts.
    pub(crate) fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if self.nodelay {
            socket.set_tcp_nodelay(true).map_err(|error| refused("TCP_NODELAY", &error))?;
        }
        if let Some(keepalive) = self.keepalive {
            keepalive.set_on(socket).map_err(|error| refused("SO_KEEPALIVE", &error))?;
        }
        match self.so_linger {
            None => Ok(()),
            Some(Duration::ZERO) => socket
                .set_linger(Some(Duration::ZERO))
                .map_err(|error| refused("SO_LINGER", &error)),
            // The system waits in close(2) for that long, of non-blocking sockets too.
            Some(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "so_linger can only be zero: use Limits::linger for the time to close gracefully",
            )),
        }
    }
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn bind_device(socket: &Socket, device: &str) -> io::Result<()> {
    socket.bind_device(Some(device.as_bytes()))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn bind_device(_socket: &Socket, _device: &str) -> io::Result<()> {
    let text = "this system can't do that by name: use the address of the interface instead";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// The error of an option that the system did not take.
pub(crate) fn refused(option: &str, error: &io::Error) -> io::Error {
    because(&format!("can't set {option}"), error)
}

/// `error`, told together with what it prevented.
pub(crate) fn because(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    fn custom() -> TcpSocketConfig {
        TcpSocketConfig::default()
            .with_keepalive(
                TcpKeepalive::new()
                    .with_time(Duration::from_secs(60))
                    .with_interval(Duration::from_secs(15))
                    .with_retries(4),
            )
            .with_so_linger(Some(Duration::ZERO))
            .with_receive_buffer_size(32 << 10)
            .with_send_buffer_size(32 << 10)
    }

    #[test]
    fn an_opened_socket_has_all_options() {
        let socket = custom().open(any_port()).unwrap();
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        #[cfg(target_os = "linux")]
        {
            assert!(socket.nonblocking().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(15));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
            // The system doubles the size it was asked for, see socket(7).
            assert_eq!(socket.recv_buffer_size().unwrap(), 64 << 10);
            assert_eq!(socket.send_buffer_size().unwrap(), 64 << 10);
        }
    }

    #[test]
    fn the_defaults_switch_off_the_delay_of_small_writes_and_nothing_else() {
        let socket = TcpSocketConfig::default().open(any_port()).unwrap();
        assert!(socket.tcp_nodelay().unwrap());
        assert!(!socket.keepalive().unwrap());
        assert_eq!(socket.linger().unwrap(), None);

        let socket = TcpSocketConfig::default().with_nodelay(false).open(any_port()).unwrap();
        assert!(!socket.tcp_nodelay().unwrap());
    }

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn buffer_sizes_that_the_system_cannot_count_are_the_largest_it_grants() {
        let buffers = |size| {
            let config = TcpSocketConfig::default()
                .with_receive_buffer_size(size)
                .with_send_buffer_size(size);
            let socket = config.open(any_port()).unwrap();
            (socket.recv_buffer_size().unwrap(), socket.send_buffer_size().unwrap())
        };
        for size in [1 << 32, usize::MAX] {
            assert_eq!(buffers(size), buffers(i32::MAX as usize), "{size}");
        }
    }

    #[test]
    fn options_that_make_no_sense_are_refused_with_their_name() {
        let default = TcpSocketConfig::default;
        #[cfg(not(windows))]
        let sleepy = TcpKeepalive::new().with_time(Duration::from_secs(u64::MAX));
        let cases = [
            (default().with_so_linger(Some(Duration::from_secs(1))), "so_linger"),
            #[cfg(not(windows))] // There it is 49 days, the longest that fits.
            (default().with_keepalive(sleepy), "SO_KEEPALIVE"),
            (default().with_bind_device("no-such-device".into()), "no-such-device"),
        ];
        for (config, named) in cases {
            let error = config.open(any_port()).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn each_configuration_has_the_setters_of_its_socket() {
        macro_rules! custom {
            ($config:ty) => {
                <$config>::default()
                    .with_keepalive(TcpKeepalive::new().with_retries(4))
                    .with_nodelay(false)
                    .with_bind_device("lo".into())
                    .with_so_linger(Some(Duration::ZERO))
                    .with_receive_buffer_size(1)
                    .with_send_buffer_size(2)
            };
        }
        let socket = custom!(TcpSocketConfig);
        assert_eq!(custom!(crate::TcpConnectConfig).socket, socket);
        assert_eq!(custom!(crate::TcpListenConfig).socket, socket);
    }
}
