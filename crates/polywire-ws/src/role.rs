//! Which end of the connection this is.

/// The end of a connection that a protocol value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The end that connected. It masks what it sends.
    Client,
    /// The end that accepted. It must not mask.
    Server,
}

impl Role {
    /// The key for the next frame to be sent, if this end masks.
    ///
    /// Keys come from a cryptographic generator, because RFC 6455 section 10.3 wants them
    /// unpredictable for whoever chooses the payload.
    #[inline(always)] // A server has none, and should not pay for finding that out.
    pub(crate) fn mask_key(self) -> Option<[u8; 4]> {
        match self {
            Self::Client => Some(random_key()),
            Self::Server => None,
        }
    }

    /// Whether the frames of the other end are masked (RFC 6455 section 5.1).
    pub(crate) fn peer_masks(self) -> bool {
        self == Self::Server
    }
}

#[inline(never)]
fn random_key() -> [u8; 4] {
    rand::random::<u32>().to_ne_bytes()
}
