//! Descriptors that a peer sends along.

/// How often a peer has sent descriptors (`SCM_RIGHTS`, unix(7)): what `network.info::<DescriptorsClosed>(endpoint)`
/// tells of a stream on which that has happened.
///
/// This library takes no descriptors. The system closes them as the bytes are read that they came with, so that none
/// ever is this process's; the bytes are received as any others, and the connection goes on. The
/// first time is logged at `debug`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DescriptorsClosed {
    /// Reads that descriptors came with, however many of them; at most `u32::MAX`.
    pub times: u32,
}
