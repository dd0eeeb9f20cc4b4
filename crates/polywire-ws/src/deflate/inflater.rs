//! Inflaters, which threads keep and connections share.

use std::cell::Cell;
use std::fmt;
use std::thread_local;

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::deflate::MAX_WINDOW_BITS;

/// What a message left out (RFC 7692 section 7.2.2), and behind it a final empty block: only where that is
/// the end of the stream, the message was whole.
const TAIL: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// Bytes of output made in one step, depending on what is left of the input.
const MIN_STEP_BYTES: usize = 1 << 10;
const MAX_STEP_BYTES: usize = 64 << 10;

/// Bytes after which output that is only counted is overwritten.
const SCRATCH_BYTES: usize = 16 << 10;

/// Memory for output grows by as much as there is, within these bounds.
const MIN_GROWTH_BYTES: usize = 512;
const MAX_GROWTH_BYTES: usize = 1 << 20;

/// Inflaters that a thread keeps.
const MAX_SPARE: usize = 4;

thread_local! {
    /// The inflaters of this thread. A thread that ends has none any more.
    static SPARE: Cell<Vec<Inflater>> = const { Cell::new(Vec::new()) };
}

/// It is not DEFLATE.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Garbage;

/// An inflater in the middle of a message.
pub(super) struct Inflater {
    zlib: Inflate,
    /// Whether the last block was a final one, behind which a new stream begins (RFC 7692 section 7.2.3.4).
    ended: bool,
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Inflater {
    /// Memory that one takes, nearly all of it its window.
    pub(super) const BYTES: usize = 48 << 10;

    /// One for a message behind others of which the last bytes are `history`.
    pub(super) fn take(history: &[u8]) -> Self {
        let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
        let one = spare.pop();
        let _ = SPARE.try_with(|kept| kept.set(spare));
        let mut inflater = one.unwrap_or_else(|| Self {
            // The largest window takes what was made with any.
            zlib: Inflate::new(false, MAX_WINDOW_BITS),
            ended: false,
        });
        inflater.restart();
        if !history.is_empty() {
            // Fails only where there is a header.
            let _ = inflater.zlib.set_dictionary(history);
        }
        inflater
    }

    /// Gives it back to the thread.
    pub(super) fn put_back(self) {
        let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
        if spare.len() < MAX_SPARE {
            spare.push(self);
        }
        let _ = SPARE.try_with(|kept| kept.set(spare));
    }

    fn restart(&mut self) {
        self.zlib.reset(false);
        self.ended = false;
    }

    /// Appends to `output` what `input` makes, until it has `until` bytes or nothing is left.
    pub(super) fn fill(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
        until: usize,
    ) -> Result<(), Garbage> {
        while output.len() < until {
            let start = output.len();
            let step = input.len().saturating_mul(8).clamp(MIN_STEP_BYTES, MAX_STEP_BYTES);
            let room = step.min(until - start);
            if output.capacity() - start < room {
                let growth = start.clamp(MIN_GROWTH_BYTES, MAX_GROWTH_BYTES).min(until - start);
                output.reserve_exact(room.max(growth));
            }
            output.resize(start + room, 0);
            let written = self.step(input, &mut output[start..])?;
            output.truncate(start + written);
            if written < room {
                break;
            }
        }
        Ok(())
    }

    /// How many bytes `input` makes, or some number above `max`.
    pub(super) fn count(&mut self, mut input: &[u8], max: usize) -> Result<usize, Garbage> {
        let mut scratch = [0; SCRATCH_BYTES];
        let mut total = 0;
        while total <= max {
            let written = self.step(&mut input, &mut scratch)?;
            total += written;
            if written < scratch.len() {
                break;
            }
        }
        Ok(total)
    }

    /// The message is over: it must be whole.
    pub(super) fn finish(&mut self) -> Result<(), Garbage> {
        if self.ended {
            return Ok(()); // By a final block, of which nothing is left out.
        }
        let mut tail = &TAIL[..];
        // What the tail makes belongs to a block that was not whole.
        let written = self.step(&mut tail, &mut [0])?;
        if self.ended && tail.is_empty() && written == 0 { Ok(()) } else { Err(Garbage) }
    }

    /// Inflates until `output` is full or nothing is left of `input`. Returns the bytes written.
    fn step(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, Garbage> {
        let mut written = 0;
        while written < output.len() && !(self.ended && input.is_empty()) {
            if self.ended {
                self.restart();
            }
            let (taken_before, made_before) = (self.zlib.total_in(), self.zlib.total_out());
            let room = &mut output[written..];
            let status = self.zlib.decompress(input, room, InflateFlush::SyncFlush);
            let status = status.map_err(|_| Garbage)?;
            let taken = (self.zlib.total_in() - taken_before) as usize;
            let made = (self.zlib.total_out() - made_before) as usize;
            *input = &input[taken..];
            written += made;
            self.ended = status == Status::StreamEnd;
            if input.is_empty() && !self.ended {
                break;
            }
            if taken == 0 && made == 0 && !self.ended {
                return Err(Garbage); // Rather than for ever.
            }
        }
        Ok(written)
    }
}
