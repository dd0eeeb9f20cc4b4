//! Descriptors that a peer sends along.

/// How often a peer has sent descriptors (`SCM_RIGHTS`, unix(7)): what `network.info::<DescriptorsClosed>(endpoint)`
/// tells of a stream on which that has happened.
///
/// This library takes no descriptors. Linux refuses them from 6.16 on (`SO_PASSRIGHTS`): whoever sends some gets `EPERM`,
/// and nothing of that message is sent. That is set on every socket, also on one that was opened elsewhere, of whose
/// connections and datagrams those may still bring descriptors that came before.
///
/// Elsewhere the system closes them as the bytes are read that they came with, so that none
/// ever is this process's; the bytes are received as any others, and the connection goes on. The
/// first time is logged at `debug`.
///
/// **A peer can hold the loop up there**: what it passes is closed on the loop's thread, or with the socket in which it
/// waits, and a TCP socket with `SO_LINGER` takes as long to close as the peer has set it to. On such a system let only those
/// connect whom you trust that far (`with_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DescriptorsClosed {
    /// Reads that descriptors came with, however many of them; at most `u32::MAX`.
    pub times: u32,
}
