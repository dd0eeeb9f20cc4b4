//! What both configurations hold, and their defaults.

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

pub(crate) const MAX_MESSAGE_SIZE: usize = 64 << 20;
pub(crate) const MAX_FRAME_SIZE: usize = 64 << 20;
pub(crate) const MAX_FRAGMENTS: usize = 1 << 17;
pub(crate) const MAX_HANDSHAKE_SIZE: usize = 16 << 10;
