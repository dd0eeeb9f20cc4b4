//! What both configurations have in common.

use crate::role::Role;

/// The part of a configuration that a connection keeps, shared by all connections of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) role: Role,
    pub(crate) max_message_size: usize,
    pub(crate) max_frame_size: usize,
    pub(crate) max_fragments: usize,
    pub(crate) text: bool,
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
            self
        }

        /// Sets the limits of each connection, which are those of [`Self::tcp`].
        #[must_use]
        pub fn with_limits(mut self, limits: polywire_core::Limits) -> Self {
            self.tcp = self.tcp.with_limits(limits);
            self
        }

        pub(crate) fn settings(&self) -> $crate::settings::Settings {
            $crate::settings::Settings {
                role: $role,
                max_message_size: self.max_message_size,
                max_frame_size: self.max_frame_size,
                max_fragments: self.max_fragments,
                text: self.text,
            }
        }
    };
}
pub(crate) use shared_methods;

pub(crate) const MAX_MESSAGE_SIZE: usize = 64 << 20;
pub(crate) const MAX_FRAME_SIZE: usize = 64 << 20;
pub(crate) const MAX_FRAGMENTS: usize = 1 << 17;
pub(crate) const MAX_HANDSHAKE_SIZE: usize = 16 << 10;
