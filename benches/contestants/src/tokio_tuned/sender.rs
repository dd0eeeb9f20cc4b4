//! A plain thread sends: by a channel whose messages one task gathers, or into one buffer that one task
//! writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Notify, mpsc};
use tokio_util::bytes::Bytes;

use super::client::connect;
use super::conn::Conn;
use crate::args::Args;
use crate::numbered::Source;
use crate::usage;
use crate::wire::Wire;

/// Messages that the channel holds.
const ROOM: usize = 8192;
/// Messages that one write takes from it.
const BATCH: usize = 512;
/// Bytes that wait in the buffer at most.
const FULL: usize = 1 << 20;

/// What one thread frames into and one task writes from.
#[derive(Default)]
struct Outbox {
    waiting: Mutex<Vec<u8>>,
    has_some: Notify,
    has_room: Condvar,
    is_over: AtomicBool,
}

pub(super) async fn run(args: &Args) {
    let (mut conn, wire) = connect(args);
    let (source, cpu) = (Source::new(args), usage::cpu_time());
    let source = if args.contestant == "tokio-channel" {
        by_channel(&mut conn, wire, source).await
    } else {
        by_buffer(&mut conn, wire, source).await
    };
    while conn.serve(wire, |_, _| {}).await {} // Until the receiver closes.
    source.print(cpu, 0);
}

async fn by_channel(conn: &mut Conn, wire: Wire, mut source: Source) -> Source {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let thread = thread::spawn(move || {
        while let Some(message) = source.next() {
            let sent = sender.blocking_send(Bytes::copy_from_slice(message));
            sent.expect("the task runs");
        }
        source
    });
    let (mut batch, mut out) = (Vec::with_capacity(BATCH), Vec::new());
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        out.clear();
        batch.drain(..).for_each(|message: Bytes| wire.push(&message, &mut out));
        conn.writer.write_all(&out).await;
    }
    thread.join().expect("sends")
}

async fn by_buffer(conn: &mut Conn, wire: Wire, mut source: Source) -> Source {
    let outbox = Arc::new(Outbox::default());
    let of_thread = Arc::clone(&outbox);
    let thread = thread::spawn(move || {
        while let Some(message) = source.next() {
            of_thread.push(wire, message);
        }
        of_thread.is_over.store(true, Ordering::Release);
        of_thread.has_some.notify_one();
        source
    });
    let mut batch = Vec::new();
    loop {
        // Before the buffer: what it holds once it is over is all.
        let is_over = outbox.is_over.load(Ordering::Acquire);
        outbox.take(&mut batch);
        if !batch.is_empty() {
            conn.writer.write_all(&batch).await;
        } else if is_over {
            return thread.join().expect("sends");
        } else {
            outbox.has_some.notified().await;
        }
    }
}

impl Outbox {
    fn push(&self, wire: Wire, message: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.len() >= FULL {
            waiting = self.has_room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let is_first = waiting.is_empty();
        wire.push(message, &mut waiting);
        drop(waiting);
        if is_first {
            self.has_some.notify_one();
        }
    }

    /// Exchanges what waits for an empty `batch`.
    fn take(&self, batch: &mut Vec<u8>) {
        batch.clear();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *waiting, batch);
        drop(waiting);
        self.has_room.notify_one();
    }
}
