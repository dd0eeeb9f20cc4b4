//! The cases of a test beside each other.

use std::fmt::Debug;
use std::thread;

/// Runs `body`, which mostly waits, on all cases at the same time. A thread that panics is named after its case.
pub fn at_once<T: Debug + Send>(cases: impl IntoIterator<Item = T>, body: impl Fn(T) + Sync) {
    let body = &body;
    thread::scope(|scope| {
        for case in cases {
            let thread = thread::Builder::new().name(format!("{case:?}"));
            thread.spawn_scoped(scope, move || body(case)).unwrap();
        }
    });
}
