//! The checks of streams. Each says which rule of [`Stream`] it is about.

use std::io::{ErrorKind, IoSlice};
use std::thread;
use std::time::Duration;

use polywire_core::stream::Stream;

use super::StreamSubject;
use super::drive::*;
use crate::random::Random;

/// More than a system holds of one connection.
const MUCH: usize = 16 << 20;
/// What was written has arrived by then, on one machine.
const ARRIVES: Duration = Duration::from_millis(50);
/// Bytes that arrive though nobody reads, however small the receiver's buffer is. Of more than that some may wait with the
/// sender, and arrive when a read has made room for them by draining the stream.
const ARRIVE_UNREAD: usize = 4_000;

/// `read` and `write_vectored` move bytes in their order, whatever the lengths of buffers and slices, and never more than
/// they are given.
pub fn bytes_arrive_as_they_were_written<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    let sent = bytes(1 << 20);
    assert!(carry(subject, (&one, &other), &sent, 2) == sent, "one way");
    assert!(carry(subject, (&other, &one), &sent, 3) == sent, "and back");
}

/// A stream that was full goes on with the bytes that it did not take: none of them was, and none is lost.
pub fn a_full_stream_goes_on_where_it_stopped<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    let sent = bytes(MUCH);
    let written = fill(&one, &sent);
    assert!(written < sent.len(), "it takes {written} bytes of which nobody reads one");
    let more = bytes(2 << 20);
    let expected = [&sent[..written], &more].concat();
    let mut got = Vec::new();
    let (mut random, mut front) = (Random::new(4), 0);
    wait(subject, "all bytes to arrive", || {
        for _ in 0..4 {
            read_some(&other, &mut got, &mut random);
        }
        if one.wants_write() {
            may_block(one.flush()).expect("it writes");
        }
        if front < more.len() {
            front += write_some(&one, &more[front..], &mut random).unwrap_or(0);
        }
        (got.len() >= expected.len()).then_some(())
    });
    assert!(got == expected, "other bytes");
}

/// Whether a read of `len` bytes with room for `room` says that the stream is drained.
fn says_drained<S: Stream>(stream: &S, len: usize, room: usize) -> bool {
    match S::SHORT_READ_DRAINS {
        true => len < room,
        false => stream.drained_by(len, room),
    }
}

/// [`Stream::SHORT_READ_DRAINS`] and [`Stream::drained_by`]: where a read says that it has drained the stream, the next one
/// would block.
pub fn a_read_that_has_drained_the_stream_leaves_nothing<S: Stream, T: Stream>(
    subject: &StreamSubject<S, T>,
) {
    let (one, other) = established(subject);
    let sent = bytes(ARRIVE_UNREAD);
    for (round, len) in [1, 100, 1_000, 2_500, 4_000, 4_000, 4_000].into_iter().enumerate() {
        let mut written = 0;
        let mut random = Random::new(round as u64);
        while written < len {
            let part = len.min(written + 1 + random.below(2_000));
            let Some(taken) = write_some(&one, &sent[written..part], &mut random) else { break };
            written += taken;
        }
        flush(subject, &one);
        thread::sleep(ARRIVES);
        let mut left = written;
        wait(subject, "what was written", || {
            let mut buffer = vec![0; 1 + random.below(2 * ARRIVE_UNREAD)];
            let Some(got) = may_block(other.read(&mut buffer)).expect("it reads") else {
                return (left == 0).then_some(());
            };
            left -= got;
            let drains = says_drained(&other, got, buffer.len());
            assert!(!drains || left == 0, "{left} bytes are left behind a read of {got}");
            (left == 0).then_some(())
        });
    }
}

/// [`Stream::SHORT_WRITE_FILLS`]: behind a write that took less than it was given, the next one would block.
pub fn a_short_write_has_filled_the_stream<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    if !S::SHORT_WRITE_FILLS {
        return;
    }
    let (one, _other) = established(subject);
    let sent = bytes(300_000);
    for _ in 0..MUCH / sent.len() {
        match may_block(one.write_vectored(&[IoSlice::new(&sent)])).expect("it writes") {
            None => return,
            Some(taken) if taken < sent.len() => {
                let next = may_block(one.write_vectored(&[IoSlice::new(&sent)]));
                assert_eq!(next.expect("it writes"), None, "it has room behind a short write");
                return;
            }
            Some(_) => {}
        }
    }
    panic!("it takes {MUCH} bytes of which nobody reads one");
}

/// [`Stream::wants_write`] and [`Stream::flush`]: once `flush` is done, nothing is left to be written.
pub fn nothing_is_left_once_it_is_flushed<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    let written = fill(&one, &bytes(MUCH));
    assert!(written > 0, "it takes nothing");
    let mut got = Vec::new();
    let mut random = Random::new(5);
    wait(subject, "all that it took to arrive", || {
        if one.wants_write() {
            let flushed = may_block(one.flush()).expect("it writes");
            assert!(flushed.is_none() || !one.wants_write(), "flushed, and not empty");
        } else {
            assert!(may_block(one.flush()).is_ok(), "nothing to write, and no success");
        }
        while read_some(&other, &mut got, &mut random).is_some_and(|len| len > 0) {}
        (got.len() == written && !one.wants_write()).then_some(())
    });
}

/// [`Stream::shutdown_write`]: the peer reads the end behind the last byte, again and again, and goes on sending.
pub fn the_end_comes_behind_the_last_byte<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    let sent = bytes(100_000);
    let (mut written, mut random, mut got) = (0, Random::new(6), Vec::new());
    wait(subject, "all bytes to be written", || {
        if written < sent.len() {
            written += write_some(&one, &sent[written..], &mut random).unwrap_or(0);
        }
        read_some(&other, &mut got, &mut random);
        (written == sent.len()).then_some(())
    });
    finish(subject, &one);
    wait(subject, "the end", || {
        let len = read_some(&other, &mut got, &mut random);
        (len == Some(0)).then_some(())
    });
    assert!(got == sent, "{} bytes of {} before the end", got.len(), sent.len());
    assert_eq!(other.read(&mut [0; 8]).ok(), Some(0), "the end is still the end");
    // What still comes is read, until the peer ends, too; what it is nobody asks any more.
    let back = bytes(10_000);
    let (mut written, mut rest) = (0, Vec::new());
    assert_ne!(read_some(&one, &mut rest, &mut random), Some(0), "both ways have ended");
    wait(subject, "the other way to go on", || {
        written += write_and_flush(&other, &back[written..], &mut random).unwrap_or(0);
        let read = read_some(&one, &mut rest, &mut random);
        assert_ne!(read, Some(0), "both ways have ended");
        (written == back.len()).then_some(())
    });
    finish(subject, &other);
    wait(subject, "the other end", || {
        (read_some(&one, &mut rest, &mut random) == Some(0)).then_some(())
    });
}

/// A stream that is dropped ends: its peer reads the end or an error, and does not wait for ever.
pub fn a_stream_that_is_dropped_ends<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    drop(one);
    wait(subject, "the end", || match other.read(&mut [0; 8]) {
        Ok(0) => Some(()),
        Ok(len) => panic!("{len} bytes of nobody"),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(_) => Some(()),
    });
}

/// [`Stream::read`]: a peer that is gone without having told its end is an error, where
/// [`with_marked_end`](StreamSubject::with_marked_end) says that the two can be told apart.
pub fn an_end_that_was_lost_is_no_good_end<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    if !subject.marks_end {
        return;
    }
    let (one, other) = established(subject);
    let sent = bytes(1_000);
    let written = write_some(&one, &sent, &mut Random::new(7)).expect("an empty stream has room");
    flush(subject, &one);
    drop(one);
    let (mut got, mut buffer) = (0, [0; 1_000]);
    wait(subject, "an error", || match other.read(&mut buffer) {
        Ok(0) => panic!("the end of a stream that nobody ended, behind {got} bytes of {written}"),
        Ok(len) => {
            got += len;
            None
        }
        Err(error) => may_block::<()>(Err(error)).err().map(drop),
    });
}

/// [`Stream::write_vectored`]: whoever writes to a peer that is gone fails, also without having read that it is; a stream
/// that would block for ever is never written to again, and never ends.
pub fn a_write_to_a_peer_that_is_gone_fails<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    drop(other);
    let sent = bytes(40_000);
    wait(subject, "a write to fail", || {
        let written = match one.wants_write() {
            true => one.flush(),
            false => one.write_vectored(&[IoSlice::new(&sent)]).map(drop),
        };
        may_block(written).err().map(drop)
    });
}

/// The loop reads while other threads write: both directions at once, on two threads for each end.
pub fn both_directions_work_at_once<S: Stream, T: Stream>(subject: &StreamSubject<S, T>) {
    let (one, other) = established(subject);
    let sent = bytes(2 << 20);
    let write = |stream: &dyn Fn(&[u8], &mut Random) -> Option<usize>, seed: u64| {
        let (mut random, mut written) = (Random::new(seed), 0);
        wait(subject, "all bytes to be written", || {
            written += stream(&sent[written..], &mut random).unwrap_or(0);
            (written == sent.len()).then_some(())
        });
    };
    let read = |stream: &dyn Fn(&mut Vec<u8>, &mut Random) -> Option<usize>, seed: u64| {
        let (mut random, mut got) = (Random::new(seed), Vec::new());
        wait(subject, "all bytes to arrive", || {
            stream(&mut got, &mut random);
            (got.len() >= sent.len()).then_some(())
        });
        assert!(got == sent, "other bytes");
    };
    thread::scope(|scope| {
        scope.spawn(|| write(&|front, random| write_and_flush(&one, front, random), 8));
        scope.spawn(|| write(&|front, random| write_and_flush(&other, front, random), 9));
        scope.spawn(|| read(&|into, random| read_some(&one, into, random), 10));
        scope.spawn(|| read(&|into, random| read_some(&other, into, random), 11));
    });
}

/// Whoever writes has the write turn, and writes what the stream itself holds as well.
fn write_and_flush(stream: &impl Stream, front: &[u8], random: &mut Random) -> Option<usize> {
    let taken = if front.is_empty() { None } else { write_some(stream, front, random) };
    if stream.wants_write() {
        may_block(stream.flush()).expect("it writes");
    }
    taken
}
