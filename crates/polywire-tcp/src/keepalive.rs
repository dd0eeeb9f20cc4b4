//! Probes that find out whether a silent peer is still there.

use std::io;
use std::time::Duration;

use socket2::SockRef;

/// TCP keep-alive (RFC 9293 section 3.8.4): probes on a connection that is silent, so that a peer
/// that vanished without a word is noticed and the endpoint ends.
///
/// What is not set stays as the system has it; on Linux, see tcp(7), probes then begin after two
/// hours. Values the system can't take are an error of `connect` or `listen`.
///
/// ```
/// use polywire_tcp::TcpKeepalive;
/// use std::time::Duration;
///
/// let _gone_within_two_minutes = TcpKeepalive::new()
///     .with_time(Duration::from_secs(60))
///     .with_interval(Duration::from_secs(15))
///     .with_retries(4);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpKeepalive {
    time: Option<Duration>,
    interval: Option<Duration>,
    retries: Option<u32>,
}

impl TcpKeepalive {
    /// Keep-alive with the system's times.
    pub const fn new() -> Self {
        Self { time: None, interval: None, retries: None }
    }

    /// Silence before the first probe (`TCP_KEEPIDLE`, on macOS `TCP_KEEPALIVE`). Most systems
    /// count whole seconds, at least one.
    #[must_use]
    pub const fn with_time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Time between two probes (`TCP_KEEPINTVL`). Most systems count whole seconds, at least one.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Probes without an answer after which the connection is given up (`TCP_KEEPCNT`).
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    pub(crate) fn set_on(&self, socket: &SockRef<'_>) -> io::Result<()> {
        let mut params = socket2::TcpKeepalive::new();
        if let Some(time) = self.time {
            params = params.with_time(time);
        }
        socket.set_tcp_keepalive(&self.with_probes(params)?)
    }

    #[cfg(any(
        windows,
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
    ))]
    fn with_probes(&self, mut params: socket2::TcpKeepalive) -> io::Result<socket2::TcpKeepalive> {
        if let Some(interval) = self.interval {
            params = params.with_interval(interval);
        }
        if let Some(retries) = self.retries {
            params = params.with_retries(retries);
        }
        Ok(params)
    }

    #[cfg(not(any(
        windows,
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
    )))]
    fn with_probes(&self, params: socket2::TcpKeepalive) -> io::Result<socket2::TcpKeepalive> {
        if self.interval.is_some() || self.retries.is_some() {
            let text = "this system has no interval and no number of keep-alive probes per socket";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(params)
    }
}
