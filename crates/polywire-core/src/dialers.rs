//! Threads that look names up for connections that are opened again or elsewhere: a few, however many there are.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Threads at a time. A look-up mostly waits, for a resolver that serves others as well.
const MAX_THREADS: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Dialers(Mutex<State>);

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
}

impl Dialers {
    /// Has a thread run `job`, now or when others are done.
    ///
    /// # Errors
    ///
    /// If there is no thread and the system can't start one; `job` is dropped then.
    pub(crate) fn run(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.lock();
        state.jobs.push_back(Box::new(job));
        if state.threads == MAX_THREADS {
            return Ok(());
        }
        let worker = Worker(Arc::clone(self));
        match thread::Builder::new().name("dialer".into()).spawn(move || worker.work()) {
            Ok(_) => state.threads += 1,
            Err(_) if state.threads > 0 => {} // Those that are there come to it.
            Err(error) => {
                let jobs = std::mem::take(&mut state.jobs);
                drop(state); // An adapter's own code is dropped with its job, outside of the lock.
                drop(jobs);
                return Err(error);
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Dialers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialers").finish_non_exhaustive()
    }
}

/// A thread that runs jobs while there are some.
struct Worker(Arc<Dialers>);

impl Worker {
    fn work(self) {
        while let Some(job) = self.next() {
            // An adapter's fault costs its own job.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.0.lock();
        let job = state.jobs.pop_front();
        state.threads -= usize::from(job.is_none());
        job
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_jobs_are_done_by_a_few_threads_also_behind_one_that_panics() {
        let dialers = Arc::new(Dialers::default());
        let (tell, told) = mpsc::channel();
        for number in 0..100 {
            let tell = tell.clone();
            let job = move || {
                tell.send(thread::current().id()).unwrap();
                assert_ne!(number, 3, "on purpose");
                thread::sleep(Duration::from_millis(1));
            };
            dialers.run(job).unwrap();
            assert!(dialers.lock().threads <= MAX_THREADS);
        }
        drop(tell);
        let threads: Vec<_> = told.iter().collect();
        assert_eq!(threads.len(), 100);
    }
}
