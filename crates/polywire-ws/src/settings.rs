//! What both configurations have in common.

use std::io;
use std::time::Duration;

use crate::deflate::Deflate;
use crate::role::Role;

/// The part of a configuration that a connection keeps, shared by all connections of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) role: Role,
    pub(crate) max_message_size: usize,
    pub(crate) max_frame_size: usize,
    pub(crate) max_fragments: usize,
    pub(crate) text: bool,
    /// The code of the Close frame when the node stops.
    pub(crate) stop_code: u16,
    pub(crate) fragments: bool,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) deflate: Option<Deflate>,
    /// Whether something is kept of each connection.
    pub(crate) keeps_facts: bool,
    /// Messages shorter than this are refused for their kind alone: the one look at what is sent that most
    /// connections need.
    pub(crate) plain_below: usize,
    /// Bytes that a message in one frame may have, which is taken without a further look while nothing else is
    /// under way.
    pub(crate) max_whole: usize,
}

/// The setters that both configurations have, and their [`Settings`].
macro_rules! shared_methods {
    ($tcp:ident, $tls:ident, $role:expr) => {
        /// This transport over a layer: see [`Over`](polywire_tcp::Over).
        pub fn over<L>(self, layer: L) -> polywire_tcp::Over<Self, L> {
            polywire_tcp::Over::new(self, layer)
        }

        #[doc = concat!("Sets [`", stringify!($tcp), "::tls`](polywire_tcp::", stringify!($tcp), "::tls).")]
        #[cfg(feature = "__tls")]
        #[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "tls-ring"))))]
        #[must_use]
        pub fn with_tls(mut self, tls: polywire_tls::$tls) -> Self {
            self.tcp = self.tcp.with_tls(tls);
            self
        }

        /// Sets [`Self::max_message_size`].
        #[must_use]
        pub fn with_max_message_size(mut self, bytes: usize) -> Self {
            self.max_message_size = bytes;
            self
        }

        /// Sets [`Self::max_frame_size`].
        #[must_use]
        pub fn with_max_frame_size(mut self, bytes: usize) -> Self {
            self.max_frame_size = bytes;
            self
        }

        /// Sets [`Self::max_fragments`].
        #[must_use]
        pub fn with_max_fragments(mut self, fragments: usize) -> Self {
            self.max_fragments = fragments;
            self
        }

        /// Sets [`Self::max_handshake_size`].
        #[must_use]
        pub fn with_max_handshake_size(mut self, bytes: usize) -> Self {
            self.max_handshake_size = bytes;
            self
        }

        /// Sets [`Self::text`].
        #[must_use]
        pub fn with_text(mut self, text: bool) -> Self {
            self.text = text;
            self
        }

        /// Sets [`Self::fragments`].
        #[must_use]
        pub fn with_fragments(mut self, fragments: bool) -> Self {
            self.fragments = fragments;
            self
        }

        /// Sets [`Self::max_lifetime`].
        #[must_use]
        pub fn with_max_lifetime(mut self, lifetime: std::time::Duration) -> Self {
            self.max_lifetime = Some(lifetime);
            self
        }

        /// Pings a peer after each `interval` in which nothing was received of it (one that sends is not pinged), and ends the connection with
        /// [`CloseReason::IdleTimeout`](polywire_core::CloseReason) when nothing comes for twice as long.
        ///
        /// It sets [`heartbeat`](polywire_core::Limits::heartbeat) of the limits, and
        /// [`idle_timeout`](polywire_core::Limits::idle_timeout) where the program has not set another: call it behind
        /// [`with_limits`](Self::with_limits) and [`with_tcp`](Self::with_tcp). Each connection is
        /// pinged up to a quarter earlier, so that thousands accepted at once are not pinged at once.
        /// [`RoundTrip`](crate::RoundTrip) tells how long the last answer took.
        #[must_use]
        pub fn with_ping_interval(mut self, interval: std::time::Duration) -> Self {
            let limits = &mut self.tcp.limits;
            limits.heartbeat = Some(interval);
            // This call takes the place of an earlier one.
            if limits.idle_timeout.is_none() || limits.idle_timeout == self.ping_timeout {
                self.ping_timeout = interval.checked_mul(2);
                limits.idle_timeout = self.ping_timeout;
            }
            self
        }

        /// Adds to [`Self::subprotocols`].
        #[must_use]
        pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
            self.subprotocols.push(name.into());
            self
        }

        /// Sets [`Self::tcp`].
        #[must_use]
        pub fn with_tcp(mut self, tcp: $tcp) -> Self {
            self.tcp = tcp;
            self.ping_timeout = None; // A timeout in it is the program's own.
            self
        }

        /// Sets the limits of each connection, which are those of [`Self::tcp`].
        #[must_use]
        pub fn with_limits(mut self, limits: polywire_core::Limits) -> Self {
            self.tcp = self.tcp.with_limits(limits);
            self.ping_timeout = None;
            self
        }

        /// Sets [`Self::deflate`].
        #[cfg(feature = "deflate")]
        #[must_use]
        pub fn with_deflate(mut self, deflate: $crate::Deflate) -> Self {
            self.deflate = Some(deflate);
            self
        }

        #[cfg(feature = "deflate")]
        fn deflate_settings(&self) -> Option<$crate::deflate::Deflate> {
            self.deflate
        }

        #[cfg(not(feature = "deflate"))]
        fn deflate_settings(&self) -> Option<$crate::deflate::Deflate> {
            None
        }

        /// Refuses what no connection can be like.
        fn check_shared(&self) -> std::io::Result<()> {
            if self.max_message_size == 0 {
                return Err($crate::settings::nothing_fits());
            }
            if let Some(deflate) = self.deflate_settings() {
                if self.fragments {
                    return Err($crate::settings::deflated_fragments());
                }
                deflate.check()?;
            }
            self.subprotocols.iter().try_for_each(|name| check_token(name))
        }

        pub(crate) fn settings(&self) -> $crate::settings::Settings {
            $crate::settings::Settings {
                role: $role,
                max_message_size: self.max_message_size,
                max_frame_size: self.max_frame_size,
                max_fragments: self.max_fragments,
                text: self.text,
                stop_code: $crate::settings::GOING_AWAY,
                fragments: self.fragments,
                max_lifetime: self.max_lifetime,
                deflate: self.deflate_settings(),
                keeps_facts: self.keeps_facts() || self.deflate_settings().is_some(),
                plain_below: match self.fragments {
                    true => 0,
                    false => self.max_message_size.saturating_add(1),
                },
                max_whole: match self.max_fragments {
                    0 => 0,
                    _ => self.max_message_size.min(self.max_frame_size),
                },
            }
        }
    };
}
pub(crate) use shared_methods;

/// `max_message_size` is 0.
pub(crate) fn nothing_fits() -> io::Error {
    let text = "max_message_size is 0, and no message is that short: set it to what yours need";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Messages are to be compressed, and to go in pieces.
pub(crate) fn deflated_fragments() -> io::Error {
    let text = "with_fragments and with_deflate do not go together: leave one out, or use two \
                listeners (a client: two connections)";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

pub(crate) const MAX_MESSAGE_SIZE: usize = 64 << 20;
pub(crate) const MAX_FRAME_SIZE: usize = 64 << 20;
pub(crate) const MAX_FRAGMENTS: usize = 1 << 17;
pub(crate) const MAX_HANDSHAKE_SIZE: usize = 16 << 10;
/// Close code of a server that goes away (RFC 6455 section 7.4.1).
pub(crate) const GOING_AWAY: u16 = 1001;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use polywire_core::Limits;
    use polywire_tcp::TcpListenConfig;

    use crate::listen_config::WsListenConfig;

    #[test]
    fn the_last_ping_interval_counts_and_an_idle_timeout_of_the_program_s_own_stays() {
        let secs = Duration::from_secs;
        let times =
            |config: WsListenConfig| (config.tcp.limits.heartbeat, config.tcp.limits.idle_timeout);
        let config = WsListenConfig::default().with_ping_interval(secs(10));
        assert_eq!(times(config.clone()), (Some(secs(10)), Some(secs(20))));
        let config = config.with_ping_interval(secs(30));
        assert_eq!(times(config), (Some(secs(30)), Some(secs(60))));
        let own = WsListenConfig::default()
            .with_limits(Limits::default().with_idle_timeout(secs(50)))
            .with_ping_interval(secs(10))
            .with_ping_interval(secs(20));
        assert_eq!(times(own), (Some(secs(20)), Some(secs(50))));
        let twice_as_long = |interval, timeout| {
            Limits::default().with_heartbeat(secs(interval)).with_idle_timeout(secs(timeout))
        };
        let own = WsListenConfig::default()
            .with_limits(twice_as_long(15, 30))
            .with_ping_interval(secs(60));
        assert_eq!(times(own), (Some(secs(60)), Some(secs(30))));
        let own = WsListenConfig::default()
            .with_limits(Limits::default().with_idle_timeout(secs(50)))
            .with_ping_interval(secs(25))
            .with_ping_interval(secs(10));
        assert_eq!(times(own), (Some(secs(10)), Some(secs(50))));
        let tcp = TcpListenConfig::default().with_limits(twice_as_long(10, 20));
        for own in [
            WsListenConfig::default().with_ping_interval(secs(10)).with_tcp(tcp),
            WsListenConfig::default()
                .with_ping_interval(secs(10))
                .with_limits(twice_as_long(10, 20)),
        ] {
            assert_eq!(times(own.with_ping_interval(secs(30))), (Some(secs(30)), Some(secs(20))));
        }
    }
}
