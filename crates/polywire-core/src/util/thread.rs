//! Threads whose names show what runs in what.

use std::any::Any;
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

/// A thread named after the thread that spawned it: `parent/name`. Dropping it waits for its end, unless
/// that is done on the thread itself.
#[derive(Debug)]
pub struct NamespacedThread<T: Send + 'static> {
    handle: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> NamespacedThread<T> {
    /// Starts a thread.
    ///
    /// # Panics
    ///
    /// If the system can't start one.
    pub fn spawn<F>(name: &str, f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
    {
        // A name with a NUL is refused by std.
        let name = name.replace('\0', "");
        let name = match thread::current().name() {
            Some(parent) => format!("{parent}/{name}"),
            None => name,
        };
        let handle = thread::Builder::new().name(name).spawn(f);
        Self { handle: Some(handle.expect("the system can't start a thread")) }
    }

    /// Waits for the thread's end and returns its result.
    ///
    /// # Panics
    ///
    /// If the thread panicked (with its panic), was joined before, or is the current one.
    pub fn join(&mut self) -> T {
        self.try_join().expect("the thread was joined before, or is the current one")
    }

    /// As [`join`](Self::join), but `None` if it was joined before, or if this is called on that very
    /// thread.
    ///
    /// # Panics
    ///
    /// If the thread panicked, with its panic.
    pub fn try_join(&mut self) -> Option<T> {
        self.wait().map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// `None` also on that very thread, which would wait for itself.
    fn wait(&mut self) -> Option<Result<T, Box<dyn Any + Send>>> {
        let is_this = |handle: &mut JoinHandle<T>| handle.thread().id() == thread::current().id();
        if self.handle.as_mut().is_some_and(is_this) {
            return None;
        }
        self.handle.take().map(JoinHandle::join)
    }

    /// Whether it has ended, or was joined.
    pub(crate) fn is_over(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T: Send + 'static> Drop for NamespacedThread<T> {
    /// Waits for the thread's end, unless this is that very thread; its panic, if any, was reported when
    /// it happened.
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_named_after_its_parent() {
        let mut outer = NamespacedThread::spawn("outer", || {
            let mut inner =
                NamespacedThread::spawn("inner", || thread::current().name().map(String::from));
            inner.join()
        });
        assert!(outer.join().unwrap().ends_with("/outer/inner"));
        assert_eq!(outer.try_join(), None);
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let (give, take) = std::sync::mpsc::channel::<NamespacedThread<()>>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = NamespacedThread::spawn("own", move || {
            let mut own = take.recv().unwrap();
            tell.send(own.try_join()).unwrap();
            drop(own);
            tell.send(Some(())).unwrap();
        });
        give.send(thread).unwrap();
        assert_eq!(told.recv(), Ok(None));
        assert_eq!(told.recv(), Ok(Some(())));
    }
}
