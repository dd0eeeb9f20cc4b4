//! Puts fragmented messages together (RFC 6455 section 5.4).

use std::str;

use crate::close::{End, invalid_text};
use crate::mask;

/// The buffer grows by as much as it holds, within these bounds.
const MIN_GROWTH_BYTES: usize = 512;
const MAX_GROWTH_BYTES: usize = 1 << 20;

/// The fragments of one message, received so far.
///
/// Its memory is bounded by what has been received: a fragment is added when it is there in whole.
#[derive(Debug)]
pub(crate) struct Assembler {
    buffer: Vec<u8>,
    /// How far the text was found to be UTF-8; `None` for a binary message.
    checked: Option<usize>,
    fragments: usize,
    finished: bool,
}

impl Assembler {
    /// Begins a message.
    pub(crate) fn new(text: bool) -> Self {
        Self { buffer: Vec::new(), checked: text.then_some(0), fragments: 0, finished: false }
    }

    /// Whether the message's last fragment has not come.
    pub(crate) fn is_open(&self) -> bool {
        !self.finished
    }

    /// Whether it is a text message.
    pub(crate) fn is_text(&self) -> bool {
        self.checked.is_some()
    }

    /// Bytes of the message so far.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Fragments of the message so far, empty ones included.
    pub(crate) fn fragments(&self) -> usize {
        self.fragments
    }

    /// Adds a fragment to the message.
    pub(crate) fn push(
        &mut self,
        payload: &[u8],
        key: Option<[u8; 4]>,
        last: bool,
    ) -> Result<(), End> {
        self.fragments += 1;
        let start = self.buffer.len();
        if self.buffer.capacity() - start < payload.len() {
            let step = start.clamp(MIN_GROWTH_BYTES, MAX_GROWTH_BYTES);
            self.buffer.reserve_exact(payload.len().max(step));
        }
        self.buffer.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut self.buffer[start..], key);
        }
        if let Some(checked) = &mut self.checked {
            *checked += check_text(&self.buffer[*checked..], last)?;
        }
        Ok(())
    }

    /// Ends the message and hands it out.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.finished = true;
        &self.buffer
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
    fn memory_is_bounded_by_what_was_received() {
        let mut assembler = Assembler::new(false);
        for fragment in [0, 1, 1, 600, 5, 70_000, 3, 2_000_000, 1, 1] {
            assembler.push(&vec![7; fragment], None, false).unwrap();
            let (capacity, len) = (assembler.buffer.capacity(), assembler.len());
            assert!(
                capacity <= len + MIN_GROWTH_BYTES.max(len.min(MAX_GROWTH_BYTES)),
                "{capacity} for {len}"
            );
        }
        assert_eq!(assembler.finish().len(), 2_070_612);
        assert!(!assembler.is_open());
    }

    #[test]
    fn empty_fragments_are_counted_and_take_no_memory() {
        let mut assembler = Assembler::new(true);
        for _ in 0..1000 {
            assembler.push(b"", None, false).unwrap();
        }
        assert_eq!(assembler.fragments(), 1000);
        assert!(assembler.buffer.capacity() <= MIN_GROWTH_BYTES);
    }
}
