//! Puts fragmented messages together (RFC 6455 section 5.4).

use std::str;

use crate::close::{End, invalid_text};
use crate::mask;

/// The buffer grows by what it holds, but by at least and at most so many bytes at a time.
const LEAST_STEP: usize = 512;
const LARGEST_STEP: usize = 1 << 20;

/// The fragments of one message, received so far.
///
/// Its memory is bounded by what has been received: a fragment is added when it is there in whole.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    buffer: Vec<u8>,
    open: Option<Open>,
    delivered: bool,
}

/// A message whose last fragment has not come.
#[derive(Debug)]
struct Open {
    /// How far the text was found to be UTF-8; `None` for a binary message.
    checked: Option<usize>,
    fragments: usize,
}

impl Assembler {
    /// Begins a message.
    pub(crate) fn begin(&mut self, text: bool) {
        self.open = Some(Open { checked: text.then_some(0), fragments: 0 });
    }

    /// Whether a message is begun and not finished.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Bytes of the open message so far.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Fragments of the open message so far, empty ones included.
    pub(crate) fn fragments(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.fragments)
    }

    /// Adds a fragment to the open message.
    pub(crate) fn push(
        &mut self,
        payload: &[u8],
        key: Option<[u8; 4]>,
        last: bool,
    ) -> Result<(), End> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.fragments += 1;
        let start = self.buffer.len();
        if self.buffer.capacity() - start < payload.len() {
            let step = start.clamp(LEAST_STEP, LARGEST_STEP);
            self.buffer.reserve_exact(payload.len().max(step));
        }
        self.buffer.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut self.buffer[start..], key);
        }
        if let Some(checked) = &mut open.checked {
            *checked += check_text(&self.buffer[*checked..], last)?;
        }
        Ok(())
    }

    /// Ends the open message and hands it out; [`release`](Self::release) must follow.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.open = None;
        self.delivered = true;
        &self.buffer
    }

    /// Gives the memory of a message handed out back. Returns whether there was one.
    pub(crate) fn release(&mut self) -> bool {
        let delivered = std::mem::take(&mut self.delivered);
        if delivered {
            self.buffer = Vec::new();
        }
        delivered
    }
}

/// How many bytes of `text` are whole characters. A character may be cut by the end of a fragment,
/// but not by the end of the message.
fn check_text(text: &[u8], last: bool) -> Result<usize, End> {
    match str::from_utf8(text) {
        Ok(text) => Ok(text.len()),
        Err(error) if error.error_len().is_none() && !last => Ok(error.valid_up_to()),
        Err(_) => Err(invalid_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_what_was_received_and_given_back_afterwards() {
        let mut assembler = Assembler::default();
        assembler.begin(false);
        for fragment in [0, 1, 1, 600, 5, 70_000, 3, 2_000_000, 1, 1] {
            assembler.push(&vec![7; fragment], None, false).unwrap();
            let (capacity, len) = (assembler.buffer.capacity(), assembler.len());
            assert!(
                capacity <= len + LEAST_STEP.max(len.min(LARGEST_STEP)),
                "{capacity} for {len}"
            );
        }
        assert_eq!(assembler.finish().len(), 2_070_612);
        assert!(assembler.release());
        assert_eq!(assembler.buffer.capacity(), 0);
        assert!(!assembler.release());
    }

    #[test]
    fn empty_fragments_are_counted_and_take_no_memory() {
        let mut assembler = Assembler::default();
        assembler.begin(true);
        for _ in 0..1000 {
            assembler.push(b"", None, false).unwrap();
        }
        assert_eq!(assembler.fragments(), 1000);
        assert!(assembler.buffer.capacity() <= LEAST_STEP);
    }
}
