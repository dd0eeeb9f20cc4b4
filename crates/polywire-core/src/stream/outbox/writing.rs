//! Writing to a socket, as far as it takes.

use std::io::{self, IoSlice};

use crate::stream::Stream;
use crate::stream::outbox::chunks::Chunks;

/// Pieces given to the kernel in one call; it takes 1024 at most (IOV_MAX), and a few suffice.
const SLICES: usize = 64;

/// Writes two parts in one call and says how much of both was taken.
pub(super) fn write_parts<S: Stream>(socket: &S, parts: [&[u8]; 2]) -> io::Result<usize> {
    if parts[0].is_empty() && parts[1].is_empty() {
        return Ok(0);
    }
    let slices = parts.map(IoSlice::new);
    let used = if parts[1].is_empty() { 1 } else { 2 };
    retry(|| socket.write_vectored(&slices[..used]))
}

/// Writes from the front of `batch` and drops what was taken, until all is or an error comes.
pub(super) fn write_all<S: Stream>(socket: &S, batch: &mut Chunks) -> (usize, io::Result<()>) {
    let mut total = 0;
    while !batch.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let used = batch.len().min(SLICES);
        for (slice, chunk) in slices.iter_mut().zip(batch.iter()) {
            *slice = IoSlice::new(chunk.rest());
        }
        let written = match retry(|| socket.write_vectored(&slices[..used])) {
            Ok(written) => written,
            Err(error) => return (total, Err(error)),
        };
        total += written;
        batch.drop_front(written);
    }
    (total, Ok(()))
}

fn retry(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match write() {
            // Nothing taken of something: the stream takes no more, whatever it calls that.
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
