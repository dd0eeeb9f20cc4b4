//! Writing to a socket, as far as it takes.

use std::io::{self, IoSlice};

use crate::stream::frame::with_memory;
use crate::stream::outbox::chunks::Chunks;
use crate::stream::socket::overrun;
use crate::stream::{Stream, misuse};

/// Pieces given to the kernel in one call; it takes 1024 at most (IOV_MAX), and a few suffice.
const SLICES_PER_WRITE: usize = 64;

/// Frames up to this long are put together, so that a plain write does: the system takes longer to
/// gather two pieces than it takes to copy them.
const MAX_COPIED_BYTES: usize = 4096;

/// Most frames are no longer than this, and are put together on the stack.
const STACK_FRAME_BYTES: usize = 256;

/// Times in a row that a stream may have more to write as soon as it has written all. The peer would have to
/// answer as fast as that.
const MAX_FLUSHES: usize = 1000;

/// Writes a frame in one call and says how much of it was taken.
#[inline(always)]
pub(super) fn write_whole<S: Stream>(socket: &S, frame: &[u8]) -> io::Result<usize> {
    write_parts(socket, [frame, &[]])
}

/// Writes the two parts of a frame in one call and says how much of both was taken.
#[inline(always)]
pub(super) fn write_frame<S: Stream>(socket: &S, parts: [&[u8]; 2]) -> io::Result<usize> {
    match parts {
        [[], whole] | [whole, []] => write_parts(socket, [whole, &[]]),
        [prefix, message] if prefix.len() + message.len() <= STACK_FRAME_BYTES => {
            let mut frame = [0; STACK_FRAME_BYTES];
            let len = prefix.len() + message.len();
            frame[..prefix.len()].copy_from_slice(prefix);
            frame[prefix.len()..len].copy_from_slice(message);
            write_parts(socket, [&frame[..len], &[]])
        }
        [prefix, message] if prefix.len() + message.len() <= MAX_COPIED_BYTES => {
            write_copied(socket, [prefix, message])
        }
        _ => write_parts(socket, parts),
    }
}

#[inline(never)] // Not in the way of small ones.
fn write_copied<S: Stream>(socket: &S, [prefix, message]: [&[u8]; 2]) -> io::Result<usize> {
    with_memory(|frame| {
        frame.extend_from_slice(prefix);
        frame.extend_from_slice(message);
        write_parts(socket, [frame, &[]])
    })
}

/// Writes two parts in one call and says how much of both was taken.
#[inline(always)]
fn write_parts<S: Stream>(socket: &S, parts: [&[u8]; 2]) -> io::Result<usize> {
    if parts[0].is_empty() && parts[1].is_empty() {
        return Ok(0);
    }
    let slices = parts.map(IoSlice::new);
    let used = if parts[1].is_empty() { 1 } else { 2 };
    write_slices(socket, &slices[..used])
}

/// Writes from the front of `batch` and drops what was taken, until all is or an error comes.
pub(super) fn write_all<S: Stream>(socket: &S, batch: &mut Chunks) -> (usize, io::Result<()>) {
    let mut total = 0;
    while !batch.is_empty() {
        let (given, result) = match batch.sole() {
            Some(sole) => (sole.len(), write_slices(socket, &[IoSlice::new(sole)])),
            None => write_several(socket, batch),
        };
        let written = match result {
            Ok(written) if written > given => {
                return (total, Err(overrun(socket, "write_vectored").into()));
            }
            Ok(written) => written,
            Err(error) => return (total, Err(error)),
        };
        total += written;
        batch.drop_front(written);
        if S::SHORT_WRITE_FILLS && written < given {
            return (total, Err(io::ErrorKind::WouldBlock.into()));
        }
    }
    (total, if socket.wants_write() { flush(socket) } else { Ok(()) })
}

/// Has a stream write what it holds itself.
#[inline(never)] // Only layers hold something.
fn flush<S: Stream>(socket: &S) -> io::Result<()> {
    let mut flushes = 0;
    while flushes < MAX_FLUSHES {
        match socket.flush() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A read has given it more to say since.
            Ok(()) if socket.wants_write() => flushes += 1,
            result => return result,
        }
    }
    let rule = "`Stream::flush` returns Ok once `wants_write` is false, and `WouldBlock` before";
    Err(misuse::<S>(rule).into())
}

/// Gives the socket as many chunks as a call takes. Returns how many bytes that were.
#[inline(never)] // Mostly there is one, which needs no stack for many.
fn write_several<S: Stream>(socket: &S, batch: &Chunks) -> (usize, io::Result<usize>) {
    let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
    let used = batch.len().min(SLICES_PER_WRITE);
    for (slice, piece) in slices.iter_mut().zip(batch.iter()) {
        *slice = IoSlice::new(piece.rest());
    }
    let given = slices[..used].iter().map(|slice| slice.len()).sum();
    (given, write_slices(socket, &slices[..used]))
}

#[inline(always)]
fn write_slices<S: Stream>(socket: &S, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match socket.write_vectored(slices) {
            // Nothing taken of something: the stream takes no more, whatever it calls that.
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
