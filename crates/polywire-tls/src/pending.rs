//! Records on their way to the stream underneath.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};

use polywire_core::stream::Stream;

/// Memory for records that a thread keeps for the next one, at most.
const MAX_KEPT_BYTES: usize = 96 << 10;

thread_local! {
    /// Where records are put together: mostly the stream underneath takes them at once.
    static RECORDS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Records that the stream underneath did not take. Empty, it owns no memory.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    bytes: Vec<u8>,
    written: usize,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of memory that it owns.
    #[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Writes what is left. `WouldBlock` while there is still something.
    pub(crate) fn write_to<S: Stream>(&mut self, stream: &S) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let (written, result) = write_all(stream, &self.bytes[self.written..]);
        self.written += written;
        if result.is_ok() {
            keep(std::mem::take(self).bytes);
        }
        result
    }

    /// Writes the records that `seal` puts into memory, behind which nothing waits, and keeps what the stream does
    /// not take. Tells what `seal` returned.
    pub(crate) fn write_new<S: Stream, R>(
        &mut self,
        stream: &S,
        seal: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> (R, io::Result<()>) {
        // Taken and not borrowed, as the stream underneath may be of this kind, too.
        let mut records = RECORDS.take();
        records.clear();
        let sealed = seal(&mut records);
        let (written, result) = write_all(stream, &records);
        let left = records.len() - written;
        if left == 0 {
            keep(records);
        } else if left > records.capacity() / 4 {
            *self = Self { bytes: records, written }; // Much is not copied, and little holds no large memory.
        } else {
            *self = Self { bytes: records[written..].to_vec(), written: 0 };
            keep(records);
        }
        (sealed, result)
    }
}

/// Keeps the memory for the next records of this thread, unless it is very much.
fn keep(records: Vec<u8>) {
    if records.capacity() <= MAX_KEPT_BYTES {
        RECORDS.set(records);
    }
}

/// Writes until all is written or an error comes, and tells how much was.
fn write_all<S: Stream>(stream: &S, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        let rest = &bytes[written..];
        match stream.write_vectored(&[IoSlice::new(rest)]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(len) if S::SHORT_WRITE_FILLS && len < rest.len() => {
                return (written + len, Err(ErrorKind::WouldBlock.into()));
            }
            Ok(len) => written += len.min(rest.len()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}
