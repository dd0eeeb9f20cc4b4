//! Streams as the engine reads and writes them, save that nothing is polled.

use std::io::{self, ErrorKind, IoSlice};
use std::thread;
use std::time::{Duration, Instant};

use polywire_core::stream::{Establishing, Stream};

use super::StreamSubject;
use crate::random::Random;

/// What passes between two looks at a stream that would block.
const PAUSE: Duration = Duration::from_micros(100);

/// Two ends that have shaken hands.
pub(super) fn established<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) -> (S, T) {
    let (one, other) = (subject.pair)();
    let mut so_far = [Establishing::Connecting, Establishing::Handshaking];
    wait(subject, "both to be established", || {
        so_far[0] = step(&one, so_far[0]);
        so_far[1] = step(&other, so_far[1]);
        (so_far == [Establishing::Established; 2]).then_some(())
    });
    flush(subject, &one);
    flush(subject, &other);
    (one, other)
}

fn step<S: Stream>(stream: &S, so_far: Establishing) -> Establishing {
    if so_far == Establishing::Established {
        return so_far;
    }
    let so_far = stream.establish(so_far).expect("it is established");
    if stream.wants_write() {
        may_block(stream.flush()).expect("what it says goes out");
    }
    so_far
}

/// Waits until `done` has a result.
#[track_caller]
pub(super) fn wait<S, T, R>(
    subject: &StreamSubject<S, T>,
    awaited: &str,
    mut done: impl FnMut() -> Option<R>,
) -> R {
    let start = Instant::now();
    loop {
        if let Some(result) = done() {
            return result;
        }
        let deadline = subject.deadline;
        assert!(start.elapsed() < deadline, "waited {deadline:?} for {awaited}");
        thread::sleep(PAUSE);
    }
}

/// `None` where it would block or was interrupted.
pub(super) fn may_block<R>(result: io::Result<R>) -> io::Result<Option<R>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Writes what the stream itself holds.
pub(super) fn flush<S, T>(subject: &StreamSubject<S, T>, stream: &impl Stream) {
    wait(subject, "the stream to write what it holds", || {
        if !stream.wants_write() {
            return Some(());
        }
        may_block(stream.flush()).expect("it writes").filter(|()| !stream.wants_write())
    });
}

/// Bytes without a pattern that repeats soon.
pub(super) fn bytes(len: usize) -> Vec<u8> {
    const BLOCK: usize = 65_521; // A prime number.
    let block: Vec<u8> = (0..len.min(BLOCK)).map(|at| (at ^ at >> 8) as u8).collect();
    let mut bytes = block.repeat(len.div_ceil(BLOCK));
    bytes.truncate(len);
    bytes
}

/// Writes some of the front, in slices cut at random. Returns how much was taken.
pub(super) fn write_some(stream: &impl Stream, front: &[u8], random: &mut Random) -> Option<usize> {
    let len = front.len().min(1 + random.below(40_000));
    let (one, two) = front[..len].split_at(random.below(len + 1));
    let slices = [IoSlice::new(one), IoSlice::new(&[]), IoSlice::new(two)];
    let taken = may_block(stream.write_vectored(&slices)).expect("it writes")?;
    assert!(taken <= len, "`write_vectored` takes {taken} bytes of {len}");
    assert!(taken > 0, "`write_vectored` takes nothing, and does not block");
    Some(taken)
}

/// Reads into a buffer of a random length. `Some(0)` is the end.
pub(super) fn read_some(
    stream: &impl Stream,
    into: &mut Vec<u8>,
    random: &mut Random,
) -> Option<usize> {
    let mut buffer = vec![0; 1 + random.below(40_000)];
    let len = may_block(stream.read(&mut buffer)).expect("it reads")?;
    assert!(len <= buffer.len(), "`read` fills {len} bytes of {}", buffer.len());
    into.extend_from_slice(&buffer[..len]);
    Some(len)
}

/// Carries `sent` from one end to the other, on this thread. Returns what arrived.
pub(super) fn carry<S, T>(
    subject: &StreamSubject<S, T>,
    (from, to): (&impl Stream, &impl Stream),
    sent: &[u8],
    seed: u64,
) -> Vec<u8> {
    let (mut random, mut written, mut got) = (Random::new(seed), 0, Vec::new());
    wait(subject, "all bytes to arrive", || {
        while written < sent.len() {
            let Some(taken) = write_some(from, &sent[written..], &mut random) else { break };
            written += taken;
        }
        if from.wants_write() {
            may_block(from.flush()).expect("it writes");
        }
        while let Some(len) = read_some(to, &mut got, &mut random) {
            assert!(len > 0, "the stream ends after {} bytes of {}", got.len(), sent.len());
        }
        if to.wants_write() {
            may_block(to.flush()).expect("it writes");
        }
        (got.len() >= sent.len()).then_some(())
    });
    got
}

/// Writes until the stream takes no more. Returns how much it took.
pub(super) fn fill(stream: &impl Stream, sent: &[u8]) -> usize {
    let (mut random, mut written, mut refused) = (Random::new(1), 0, 0);
    // The system may have room a moment after it had none.
    while refused < 20 && written < sent.len() {
        if stream.wants_write() {
            may_block(stream.flush()).expect("it writes");
        }
        match write_some(stream, &sent[written..], &mut random) {
            Some(taken) => (written, refused) = (written + taken, 0),
            None => {
                refused += 1;
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
    written
}

/// Ends the sending side.
pub(super) fn finish<S, T>(subject: &StreamSubject<S, T>, stream: &impl Stream) {
    wait(subject, "the sending side to end", || {
        let is_over = may_block(stream.shutdown_write()).expect("it ends").is_some();
        if stream.wants_write() {
            may_block(stream.flush()).expect("what it says last goes out");
        }
        is_over.then_some(())
    });
    flush(subject, stream);
}
