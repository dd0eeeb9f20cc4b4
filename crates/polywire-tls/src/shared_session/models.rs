//! What a read adds while another thread writes is written, or told of, and all of it in order.

use std::mem;
use std::sync::Arc;

use loom::sync::atomic::AtomicUsize;
use loom::thread;
use polywire_core::adapter::Registration;

use super::*;
use crate::error::TlsError;

/// Numbers its records from 1, two bytes each.
#[derive(Default)]
struct Numbers {
    last: u8,
    waiting: Vec<u8>,
    is_closed: bool,
}

impl Numbers {
    /// An alert, a key update's answer, something sealed.
    fn add(&mut self) {
        self.last += 1;
        self.waiting.extend([self.last; 2]);
    }
}

impl Records for Numbers {
    fn wants_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn seal(&mut self, parts: &[IoSlice<'_>], out: &mut Vec<u8>) -> Result<usize, TlsError> {
        self.add();
        self.take_records(out);
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn take_records(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.waiting);
    }

    fn close(&mut self) {
        if !mem::replace(&mut self.is_closed, true) {
            self.add();
        }
    }
}

/// Takes bytes while it has room, from one writer at a time.
struct Pipe {
    room: AtomicUsize,
    is_written: AtomicBool,
    taken: std::sync::Mutex<Vec<u8>>,
}

impl Stream for Pipe {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.is_written.swap(true, Ordering::Relaxed), "two threads write");
        let len = buffers[0].len().min(self.room.load(Ordering::Relaxed));
        self.room.fetch_sub(len, Ordering::Relaxed);
        self.taken.lock().unwrap().extend(&buffers[0][..len]);
        self.is_written.store(false, Ordering::Relaxed);
        if len == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(len) }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection whose handshake is done.
struct End {
    session: SharedSession<Numbers>,
    pipe: Pipe,
}

impl End {
    fn new(room: usize) -> Arc<Self> {
        let pipe = Pipe {
            room: AtomicUsize::new(room),
            is_written: AtomicBool::new(false),
            taken: std::sync::Mutex::default(),
        };
        Arc::new(Self { session: SharedSession::new(Numbers::default()), pipe })
    }

    fn read(&self) {
        self.session.work(Numbers::add);
    }

    /// A read that fails, and writes the alert itself if nobody writes.
    fn fail(&self) {
        self.read();
        would_block(self.session.try_flush(&self.pipe)).unwrap();
    }

    fn write(&self) {
        let message = [IoSlice::new(b"message")];
        would_block(self.session.write(&self.pipe, &message).map(drop)).unwrap();
    }

    fn flush(&self) {
        would_block(self.session.flush(&self.pipe)).unwrap();
    }

    fn close(&self) {
        would_block(self.session.close(&self.pipe)).unwrap();
    }

    /// What is told of is written once there is room; by then this must be all, in order.
    fn check(&self) {
        self.pipe.room.store(100, Ordering::Relaxed);
        if self.session.wants_write() {
            self.flush();
        }
        assert!(!self.session.wants_write());
        let last = self.session.look(|numbers| numbers.last);
        let expected: Vec<u8> = (1..=last).flat_map(|number| [number; 2]).collect();
        assert_eq!(*self.pipe.taken.lock().unwrap(), expected);
    }
}

/// In every order: `read` on the loop's thread, `write` on another. With room for all, for a part of a record, and
/// for one and a half.
fn model(read: fn(&End), write: fn(&End)) {
    for room in [100, 1, 3] {
        loom::model(move || {
            let end = End::new(room);
            let writer = {
                let end = Arc::clone(&end);
                thread::spawn(move || write(&end))
            };
            read(&end);
            writer.join().unwrap();
            end.check();
        });
    }
}

fn read_twice(end: &End) {
    end.read();
    end.read();
}

fn write_twice(end: &End) {
    end.write();
    end.write();
}

#[test]
fn what_a_read_adds_while_a_thread_seals_is_not_missed() {
    model(read_twice, write_twice);
}

#[test]
fn what_a_read_adds_while_a_thread_flushes_is_not_missed() {
    model(read_twice, |end| {
        end.write();
        end.flush();
    });
}

#[test]
fn what_a_read_adds_while_a_thread_shuts_down_is_not_missed() {
    model(read_twice, |end| {
        end.write();
        end.close();
    });
}

#[test]
fn the_alert_of_a_read_that_fails_leaves_by_it_or_by_who_is_writing() {
    model(End::fail, write_twice);
    model(End::fail, End::flush);
    model(End::fail, End::close);
}

#[test]
fn two_who_write_while_a_read_adds_keep_their_records_in_order() {
    for room in [100, 3] {
        loom::model(move || {
            let end = End::new(room);
            let writers: [fn(&End); 2] = [End::write, End::flush];
            let writers = writers.map(|write| {
                let end = Arc::clone(&end);
                thread::spawn(move || write(&end))
            });
            end.fail();
            for writer in writers {
                writer.join().unwrap();
            }
            end.check();
        });
    }
}

/// Whoever sees that something waits finds it: the flag and the record come together.
#[test]
fn what_is_told_of_to_another_thread_is_written_by_its_flush() {
    loom::model(|| {
        let end = End::new(100);
        let reader = {
            let end = Arc::clone(&end);
            thread::spawn(move || end.read())
        };
        if end.session.wants_write() {
            end.flush();
            assert_eq!(end.pipe.taken.lock().unwrap()[..], [1, 1]);
            assert!(!end.session.wants_write());
        }
        reader.join().unwrap();
        end.check();
    });
}
