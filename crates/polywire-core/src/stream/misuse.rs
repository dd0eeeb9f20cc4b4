//! Faults of adapters.

use crate::close_reason::CloseReason;

/// The reason of an endpoint whose adapter, of the type `A`, broke that rule. A debug build panics and
/// tells it at once.
#[cold]
pub(super) fn misuse<A>(rule: &str) -> CloseReason {
    let text = format!("{}: {rule}", std::any::type_name::<A>());
    debug_assert!(false, "{text}");
    tracing::error!("an adapter is at fault: {text}");
    CloseReason::AdapterFault(text.into())
}
