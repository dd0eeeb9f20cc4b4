//! Panics of adapters: each ends its own endpoint, and the node goes on.
//!
//! A panic of the program's callback goes on out of the loop. Both pass through the same frames, as an
//! adapter hands messages to the callback, so whoever calls either notes who it was.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread_local;

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::{EventLoop, Handle};

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

/// Makes one call of an adapter that runs no callback. A panic becomes the reason to end the endpoint.
pub(crate) fn call_adapter<R>(call: impl FnOnce() -> R) -> Result<R, CloseReason> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| reason_of(&*panic))
}

#[cold]
fn reason_of(panic: &(dyn Any + Send)) -> CloseReason {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = format!("it panicked: {}", text.unwrap_or("with a value that is no text"));
    tracing::error!("an adapter is at fault: {text}");
    CloseReason::AdapterFault(text.into())
}

impl EventLoop {
    /// Runs `run` until it returns. When an adapter panics its endpoint ends, and `run` begins anew; any
    /// other panic goes on.
    pub(crate) fn outlive_adapters<H: Handle, R>(
        &mut self,
        callback: &mut H,
        mut run: impl FnMut(&mut Self, &mut H) -> R,
    ) -> R {
        loop {
            match catch_unwind(AssertUnwindSafe(|| run(self, callback))) {
                Ok(result) => return result,
                Err(panic) => match CULPRIT.take() {
                    // One that is not in its place was lost, and with it what it counted for.
                    Some(Culprit::Adapter(id)) if self.resource(id).is_some() => {
                        self.end_faulty(id, reason_of(&*panic), callback);
                    }
                    _ => resume_unwind(panic),
                },
            }
        }
    }

    #[cold]
    fn end_faulty(&mut self, id: ResourceId, reason: CloseReason, callback: &mut dyn Handle) {
        if id.is_remote() {
            return self.give_up(id, reason, callback);
        }
        if let Some(listener) = self.resource(id) {
            listener.entry.end();
        }
        self.shared.reasons.replace(id, reason);
        self.remove(id);
    }
}
