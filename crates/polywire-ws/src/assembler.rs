//! Puts fragmented messages together (RFC 6455 section 5.4).

use std::cell::Cell;
use std::str;
use std::thread_local;

use crate::close::{End, invalid_text};
use crate::deflate::contexts::Contexts;
use crate::deflate::inflation::Inflation;
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
    /// Of a compressed message.
    inflation: Option<Inflation>,
}

/// Memory for messages that a thread keeps at most.
const MAX_SPARE_BYTES: usize = 128 << 10;

thread_local! {
    /// Memory of a message that was delivered. A thread that ends has none any more.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Assembler {
    /// Begins a message, a compressed one with what inflates it.
    pub(crate) fn new(text: bool, inflation: Option<Inflation>) -> Self {
        let checked = text.then_some(0);
        Self { buffer: Vec::new(), checked, fragments: 0, finished: false, inflation }
    }

    /// The program has seen the message: the thread may use its memory again.
    pub(crate) fn give_back(mut self) {
        if self.buffer.capacity() <= MAX_SPARE_BYTES {
            self.buffer.clear();
            let _ = SPARE.try_with(|spare| spare.set(self.buffer));
        }
    }

    /// Whether the message's last fragment has not come.
    pub(crate) fn is_open(&self) -> bool {
        !self.finished
    }

    /// Whether it is a text message.
    pub(crate) fn is_text(&self) -> bool {
        self.checked.is_some()
    }

    /// Whether it is a compressed message.
    pub(crate) fn is_compressed(&self) -> bool {
        self.inflation.is_some()
    }

    /// Bytes received of the message so far, compressed if it is.
    pub(crate) fn received(&self) -> usize {
        self.inflation.as_ref().map_or(self.buffer.len(), Inflation::taken)
    }

    /// Bytes kept of the message so far.
    pub(crate) fn kept(&self) -> usize {
        self.buffer.len() + self.inflation.as_ref().map_or(0, Inflation::kept)
    }

    /// Fragments of the message so far, empty ones included.
    pub(crate) fn fragments(&self) -> usize {
        self.fragments
    }

    /// Adds a fragment to the message. Where it is compressed, it is inflated by the contexts in `deflate`, up to
    /// the number of bytes beside them.
    pub(crate) fn push(
        &mut self,
        payload: &mut [u8],
        key: Option<[u8; 4]>,
        last: bool,
        deflate: Option<(&Contexts, usize)>,
    ) -> Result<(), End> {
        self.fragments += 1;
        match (&mut self.inflation, deflate) {
            (Some(inflation), Some((contexts, max))) => {
                if let Some(key) = key {
                    mask::apply(payload, key);
                }
                if self.buffer.capacity() == 0 {
                    self.buffer = SPARE.try_with(Cell::take).unwrap_or_default();
                }
                inflation.push(payload, last, contexts, (&mut self.buffer, max))?;
            }
            _ => self.append(payload, key),
        }
        if let Some(checked) = &mut self.checked {
            *checked += check_text(&self.buffer[*checked..], last)?;
        }
        Ok(())
    }

    fn append(&mut self, payload: &[u8], key: Option<[u8; 4]>) {
        let start = self.buffer.len();
        if self.buffer.capacity() - start < payload.len() {
            let step = start.clamp(MIN_GROWTH_BYTES, MAX_GROWTH_BYTES);
            self.buffer.reserve_exact(payload.len().max(step));
        }
        self.buffer.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut self.buffer[start..], key);
        }
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
        let mut assembler = Assembler::new(false, None);
        for fragment in [0, 1, 1, 600, 5, 70_000, 3, 2_000_000, 1, 1] {
            assembler.push(&mut vec![7; fragment], None, false, None).unwrap();
            let (capacity, len) = (assembler.buffer.capacity(), assembler.kept());
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
        let mut assembler = Assembler::new(true, None);
        for _ in 0..1000 {
            assembler.push(&mut [], None, false, None).unwrap();
        }
        assert_eq!(assembler.fragments(), 1000);
        assert!(assembler.buffer.capacity() <= MIN_GROWTH_BYTES);
    }
}
