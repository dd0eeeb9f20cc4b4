//! Where the nodes listen.

use std::ops::Range;

/// The ports of the node whose program removes and pauses.
pub(super) const PORTS: Range<u16> = 5000..5003;
/// The ports of its peers, one each.
pub(super) const PEER_PORTS: Range<u16> = 6000..6002;
/// Nobody answers there.
pub(super) const DISCARD: u16 = 9;
