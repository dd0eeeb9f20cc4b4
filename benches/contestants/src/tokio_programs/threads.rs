//! Channels, timers and the end of a runtime on one thread.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use crate::args::Args;
use crate::threads::{Latency, Numbers, Timers, send_numbers, send_times, stops};

pub(super) async fn signals(args: &Args) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut numbers = Numbers::new(args);
    send_numbers(args, move |number| sender.send(number).expect("the receiver lives"));
    while !numbers.came(receiver.recv().await.expect("another one comes")) {}
    numbers.print();
}

pub(super) async fn latency(args: &Args) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut latency = Latency::new(args);
    send_times(args, move |time| sender.send(time).expect("the receiver lives"));
    while !latency.came(receiver.recv().await.expect("another one comes")) {}
    latency.print();
}

/// A task each.
pub(super) async fn timers(args: &Args) {
    let timers = Timers::new(args);
    let base = timers.base();
    let shared = Arc::new(Mutex::new(Some(timers)));
    let (tell, told) = oneshot::channel();
    let tell = Arc::new(Mutex::new(Some(tell)));
    let came = {
        let shared = Arc::clone(&shared);
        move |due| {
            let is_over =
                shared.lock().expect("no panic").as_mut().is_some_and(|timers| timers.came(due));
            let tell = if is_over { tell.lock().expect("no panic").take() } else { None };
            if let Some(tell) = tell {
                let _ = tell.send(()); // Nobody waits twice.
            }
        }
    };
    let runtime = Handle::current();
    let set = {
        let came = came.clone();
        move |due, _| {
            let came = came.clone();
            let due_at = base + Duration::from_nanos(due);
            runtime.spawn(async move {
                sleep_until(due_at.into()).await;
                came(due);
            });
        }
    };
    shared.lock().expect("no panic").as_ref().expect("is there").set_all(set, came);
    told.await.expect("the end comes");
    let timers = shared.lock().expect("no panic").take();
    timers.expect("is there").print();
}

pub(super) fn stop(args: &Args) {
    let start = || {
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { stopped.await.expect("is told") });
        });
        (stop, thread)
    };
    stops(args, start, |(stop, thread)| {
        stop.send(()).expect("the runtime lives");
        thread.join().expect("no panic");
    });
}
