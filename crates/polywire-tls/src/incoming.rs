//! Records on their way from the stream underneath.

use std::cell::Cell;
use std::io;

use polywire_core::stream::Stream;

/// Bytes read at once, at most: four whole records.
const READ_BYTES: usize = 64 << 10;
/// Bytes read at once, at least: no record is read in many pieces because the caller has little room.
const MIN_READ_BYTES: usize = 4 << 10;

thread_local! {
    /// Where a thread reads to.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What was read and not opened, for want of room. Mostly nothing, and then it owns no memory.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    taken: usize,
    /// The session has something to tell without more input.
    pub(crate) session_holds: bool,
    /// TLS is over: what still comes is thrown away.
    pub(crate) is_over: bool,
}

/// What a read found.
pub(crate) enum Found<R> {
    /// Bytes: what was made of them, and whether the stream underneath is drained.
    Some(R, bool),
    /// The end.
    End,
}

impl Incoming {
    /// Whether there is anything to open without reading.
    pub(crate) fn waits(&self) -> bool {
        self.session_holds || !self.bytes.is_empty()
    }

    /// Bytes of memory that it owns.
    #[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// TLS has ended: nothing of what waits is opened any more.
    pub(crate) fn end() -> Self {
        Self { is_over: true, ..Self::default() }
    }

    /// Opens what waits, by `open`, which takes from the front.
    pub(crate) fn open<R>(&mut self, open: impl FnOnce(&mut &[u8]) -> R) -> R {
        let mut input = &self.bytes[self.taken..];
        let before = input.len();
        let opened = open(&mut input);
        self.taken += before - input.len();
        if self.taken == self.bytes.len() {
            self.bytes = Vec::new();
            self.taken = 0;
        }
        opened
    }

    /// Reads from `stream`, opens that by `open`, which takes from the front, and keeps the rest. Only where nothing
    /// waits.
    pub(crate) fn read<S: Stream, R>(
        &mut self,
        stream: &S,
        room: usize,
        open: impl FnOnce(&mut &[u8]) -> R,
    ) -> io::Result<Found<R>> {
        // Taken and not borrowed, as the stream underneath may be of this kind, too.
        let mut scratch = SCRATCH.take();
        if scratch.is_empty() {
            scratch = vec![0; READ_BYTES];
        }
        let room = room.clamp(MIN_READ_BYTES, READ_BYTES);
        let found = match stream.read(&mut scratch[..room]) {
            Ok(0) => Ok(Found::End),
            Ok(len) => {
                let mut input = &scratch[..len.min(room)];
                let opened = open(&mut input);
                self.bytes.extend_from_slice(input);
                let drained = match S::SHORT_READ_DRAINS {
                    true => len < room,
                    false => stream.drained_by(len, room),
                };
                Ok(Found::Some(opened, drained))
            }
            Err(error) => Err(error),
        };
        SCRATCH.set(scratch);
        found
    }
}
