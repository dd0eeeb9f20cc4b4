//! Who caused a panic: the program in its callback, or an adapter.
//!
//! Both unwind through the same frames, as an adapter hands messages to the callback, so whoever calls
//! either notes who it was.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread_local;

use crate::adapter::Remote;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;

/// Whose code panicked.
#[derive(Clone, Copy)]
pub(crate) enum Culprit {
    /// The program, in its callback.
    Program,
    /// The adapter of that resource.
    Adapter(ResourceId),
}

thread_local! {
    /// Who caused the panic that unwinds the current thread.
    static CULPRIT: Cell<Option<Culprit>> = const { Cell::new(None) };
}

/// Notes the culprit as it is dropped, which it is by a panic alone.
pub(super) struct NoteOnPanic(pub(super) Culprit);

impl Drop for NoteOnPanic {
    fn drop(&mut self) {
        // The innermost it is.
        CULPRIT.set(CULPRIT.get().or(Some(self.0)));
    }
}

/// Runs code of `culprit`. Costs nothing unless it panics.
#[inline(always)]
pub(crate) fn blame<R>(culprit: Culprit, run: impl FnOnce() -> R) -> R {
    let guard = NoteOnPanic(culprit);
    let result = run();
    std::mem::forget(guard);
    result
}

/// Makes one call of the adapter of that name, which runs no callback. A panic becomes the reason to end
/// the endpoint.
pub(crate) fn call_adapter<R>(name: &str, call: impl FnOnce() -> R) -> Result<R, CloseReason> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| reason_of(name, &*panic))
}

/// What an adapter says of a handshake that took too long.
pub(crate) fn why_timed_out(remote: &mut dyn Remote) -> CloseReason {
    call_adapter(remote.type_name(), || remote.timed_out()).unwrap_or_else(|reason| reason)
}

#[cold]
pub(super) fn reason_of(name: &str, panic: &(dyn Any + Send)) -> CloseReason {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = format!("{name} panicked: {}", text.unwrap_or("with a value that is no text"));
    tracing::error!("an adapter is at fault: {text}");
    CloseReason::AdapterFault(text.into())
}

/// Who caused the panic that the current thread has just caught.
pub(super) fn take_culprit() -> Option<Culprit> {
    CULPRIT.take()
}
