//! What of the loop an adapter may use for one call.

use crate::adapter::{Io, Registration, Wishes};
use crate::endpoint::ResourceId;
use crate::poller::AnyPoller;
use crate::readiness::Readiness;
use crate::shared::Shared;

/// Parts of the loop.
pub(super) type Lent<'a> = (&'a mut [u8], &'a mut Wishes, &'a AnyPoller, &'a Shared);

/// What an adapter may use for one call.
#[inline]
pub(super) fn lend<'a>(
    (buffer, wishes, poller, shared): Lent<'a>,
    (id, budget, readiness): (ResourceId, usize, Readiness),
) -> Io<'a> {
    let registration = Registration {
        poller: Some(poller),
        id,
        notifications: &shared.notifications,
        is_provisional: false,
    };
    Io::new(registration, buffer, budget.max(1), readiness, wishes)
}

/// The same for a call that reads nothing.
#[inline]
pub(super) fn lend_to_write(parts: Lent<'_>, id: ResourceId) -> Io<'_> {
    lend(parts, (id, 1, Readiness::WRITABLE))
}
